"""What every method asks of a network: the score that it explains, and a block's output with its gradient."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.progress import Report
from gte.models import block_outputs, recording


def score_of(logits: Float[Tensor, "n classes"], target: int, contrast: int | None) -> Float[Tensor, " n"]:
    """The logit of class `target`, or how far it is above that of class `contrast`.

    Raises ValueError for a class that does not exist and for one contrasted with itself.
    """
    for index in (target,) if contrast is None else (target, contrast):
        if not 0 <= index < logits.shape[1]:
            raise ValueError(f"The classes are numbered 0 to {logits.shape[1] - 1}; got {index}.")
    if contrast is None:
        return logits[:, target]
    if contrast == target:
        raise ValueError(f"A class is contrasted with another one; got {target} for both.")
    return logits[:, target] - logits[:, contrast]


def check_evaluating(model: nn.Module) -> None:
    """Raise ValueError for a model in training mode, whose answers depend on chance and change its statistics."""
    if model.training:
        raise ValueError(
            "Evidence is read from a network in evaluation mode; this one is in training mode. Call eval()."
        )


def block_of(model: nn.Module, layer: str) -> nn.Module:
    """Where the output of a block can be read. Raises ValueError for what is none, and for a model in training mode."""
    check_evaluating(model)
    outputs = block_outputs(model)
    if layer not in outputs:
        raise ValueError(f"Evidence is read from the output of a block, {', '.join(outputs)}; got {layer}.")
    return outputs[layer]


def read_output(model: nn.Module, module: nn.Module, clip: Float[Tensor, "1 c t h w"]) -> Float[Tensor, "1 k t2 h2 w2"]:
    """What a module gives for a clip."""
    with torch.no_grad(), recording({"": module}) as outputs:
        model(clip)
    return outputs[""]


def read_output_and_gradient(
    model: nn.Module, module: nn.Module, clip: Float[Tensor, "1 c t h w"], target: int, contrast: int | None
) -> tuple[Float[Tensor, "1 k t2 h2 w2"], Float[Tensor, "1 k t2 h2 w2"]]:
    """What a module gives for a clip, and the gradient of the score with respect to it: one pass each way.

    The graph begins at the module: nothing below it is recorded, and no gradient of a weight is computed. Leaves no
    hook, no gradient and no flag behind, after an error either.
    """
    outputs: list[Tensor] = []

    def begin_graph(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        torch.set_grad_enabled(True)  # until no_grad ends
        outputs.append(output.detach().requires_grad_())
        return outputs[0]

    with torch.no_grad(), module.register_forward_hook(begin_graph):
        score = score_of(model(clip), target, contrast)[0]
    (gradient,) = torch.autograd.grad(score, outputs[0])
    return outputs[0].detach(), gradient


@contextmanager
def reporting(model: nn.Module, report: Report, expected: int) -> Iterator[None]:
    """Report before each forward pass of a model that nobody else uses, of so many that are expected."""
    done = 0

    def tell(*_: object) -> None:
        nonlocal done
        report(min(done / expected, 1.0), f"pass {done + 1} of {expected}")
        done += 1

    with model.register_forward_pre_hook(tell):
        yield
