"""Grad-CAM on the output of a block, by captum."""

from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch
from captum.attr import LayerActivation, LayerGradCam, LayerGradientXActivation
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.evidence import Evidence, NotNumbersError
from gte.models import ClipShape, block_outputs, configure, without_memory

Convention = Literal["clip", "frame"]

CONVENTIONS: dict[Convention, str] = {
    "clip": "one weight per channel and clip: gradients averaged over time and space",
    "frame": "one weight per channel and frame: gradients averaged over space alone",
}
"""What the gradients are averaged over to weigh a channel; "clip" is the literal generalisation to time."""


def grad_cam(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    target: int,
    layer: str,
    *,
    weights: Convention = "clip",
    contrast: int | None = None,
) -> Evidence:
    """Evidence for class `target` in a block's output: its channels, weighed by their mean gradients, ReLU applied.

    With `contrast` it is evidence for `target` rather than for that class: the gradients of the difference of the two
    logits.
    Leaves neither a hook nor a gradient behind and flips no `requires_grad`, after an error either; a model that
    others use as well needs its lock. Raises ValueError for a class or layer that does not exist and for a model in
    training mode, and NotNumbersError where the evidence is none. Selvaraju et al. 2017, equations 1 and 2.
    """
    if model.training:
        raise ValueError(
            "Evidence is read from a network in evaluation mode; this one is in training mode. Call eval()."
        )
    outputs = block_outputs(model)
    if layer not in outputs:
        raise ValueError(f"Evidence is read from the output of a block, {', '.join(outputs)}; got {layer}.")
    found = class_activation_map(model, outputs[layer], clip, target, weights, contrast)
    if not found.isfinite().all():
        raise NotNumbersError(f"The evidence in {layer} is not a number, so there is nothing to show.")
    return Evidence(
        map=found,
        target=target,
        layer=layer,
        method="Grad-CAM",
        convention=CONVENTIONS[weights],
        num_frames=clip.shape[2],
        contrast=contrast,
    )


def class_activation_map(
    model: nn.Module,
    module: nn.Module,
    clip: Float[Tensor, "1 c t h w"],
    target: int,
    weights: Convention,
    contrast: int | None = None,
) -> Float[Tensor, "t2 h2 w2"]:
    """The Grad-CAM of a module with output (1, C, T', H', W'), before any normalisation.

    Raises ValueError for a class that does not exist.
    """

    def logits(pixels: Tensor) -> Tensor:
        out = model(pixels)
        for one in (target, target if contrast is None else contrast):
            if not 0 <= one < out.shape[1]:
                raise ValueError(f"The classes are numbered 0 to {out.shape[1] - 1}; got {one}.")
        return out if contrast is None else out - out[:, [contrast]]

    if weights == "clip":
        # captum averages the gradients over every dimension behind the channels: time and space.
        return _one(LayerGradCam(logits, module).attribute(clip, target, relu_attributions=True))[0, 0]
    gradient = _one(LayerGradientXActivation(logits, module, multiply_by_inputs=False).attribute(clip, target))
    activation = _one(LayerActivation(logits, module).attribute(clip))
    weight = gradient.mean(dim=(3, 4), keepdim=True)  # (1, c, t2, 1, 1)
    return (weight * activation).sum(dim=1).relu()[0]


def _one(attribution: object) -> Tensor:
    """What captum returns for a layer with one output, off the graph; for several it returns tuples."""
    assert isinstance(attribution, Tensor)
    return attribution.detach()


def map_shapes(name: str, options: Mapping[str, int | float], clip: ClipShape) -> dict[str, tuple[int, int, int]]:
    """T', H', W' of every block's output, in the order of depth, for a network of the table and a clip.

    Computed on a throw-away network without memory, so that no shared one is touched. Raises ValueError for unknown
    names and options, and for a clip that is too small.
    """
    with without_memory():
        model = configure(name, **options).build().eval()
    with torch.device("meta"), torch.no_grad():
        shapes: dict[str, tuple[int, int, int]] = {}
        for block, module in block_outputs(model).items():
            module.register_forward_hook(partial(_note_shape, shapes, block))
        model(torch.zeros(1, 3, clip.frames, clip.height, clip.width))
    return shapes


def _note_shape(
    shapes: dict[str, tuple[int, int, int]], block: str, module: nn.Module, inputs: object, output: Tensor
) -> None:
    _, _, time, height, width = output.shape
    shapes[block] = (time, height, width)
