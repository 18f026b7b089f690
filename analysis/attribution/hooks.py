"""Hooks for attribution: the score of a class, the output of a block and its gradient, progress of passes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.progress import Report
from gte.models import block_outputs


def score_of(logits: Float[Tensor, "n classes"], target: int, contrast: int | None) -> Float[Tensor, " n"]:
    """The logit of class `target`, or its difference to that of class `contrast`.

    Raises ValueError for a class that does not exist or is contrasted with itself.
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
    """Raise ValueError for a model in training mode, whose output is random and changes its statistics."""
    if model.training:
        raise ValueError(
            "Evidence is computed for a network in evaluation mode; this one is in training mode. Call eval()."
        )


def block_of(model: nn.Module, layer: str) -> nn.Module:
    """The module with the output of a block. Raises ValueError for other names and for a model in training mode."""
    check_evaluating(model)
    outputs = block_outputs(model)
    if layer not in outputs:
        raise ValueError(f"Evidence is computed on the output of a block, {', '.join(outputs)}; got {layer}.")
    return outputs[layer]


def read_output_and_gradient(
    model: nn.Module, layer: str, clip: Float[Tensor, "1 c t h w"], target: int, contrast: int | None
) -> tuple[Float[Tensor, "1 k t2 h2 w2"], Float[Tensor, "1 k t2 h2 w2"]]:
    """The output of a block and the gradient of the score with respect to it, in one pass in each direction.

    The graph starts at the block: nothing before it is recorded, and no gradient of a weight is computed. Leaves no
    hook, gradient or flag behind, after an error too. Raises ValueError as `score_of` and `block_of` do.
    """
    outputs: list[Tensor] = []

    def begin_graph(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        torch.set_grad_enabled(True)  # until no_grad ends
        outputs.append(output.detach().requires_grad_())
        return outputs[0]

    with torch.no_grad(), block_of(model, layer).register_forward_hook(begin_graph):
        score = score_of(model(clip), target, contrast)[0]
    (gradient,) = torch.autograd.grad(score, outputs[0])
    return outputs[0].detach(), gradient


@contextmanager
def reporting(model: nn.Module, report: Report, expected: int) -> Iterator[None]:
    """Report before each of the expected forward passes of a model that nobody else uses."""
    done = 0

    def report_pass(*_: object) -> None:
        nonlocal done
        report(min(done / expected, 1.0), f"pass {done + 1} of {expected}")
        done += 1

    with model.register_forward_pre_hook(report_pass):
        yield
