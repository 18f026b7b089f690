"""Grad-CAM on the output of a block.

captum's LayerGradCam gives the same for one weight per clip. It records the graph of the whole network, though, and has
no weights per frame; both conventions here come out of one pass each way that begins its graph at the block.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.evidence import Evidence, finite
from analysis.attribution.hooks import block_of, read_output_and_gradient
from gte.models import ClipShape, block_outputs, configure, on_meta_device, recording

Convention = Literal["clip", "frame"]

CONVENTIONS: dict[Convention, str] = {
    "clip": "one weight per channel and clip: gradients averaged over time and space",
    "frame": "one weight per channel and frame: gradients averaged over space alone",
}
"""What the gradients are averaged over to weigh a channel; "clip" is the literal generalisation to time."""

LABELS: dict[Convention, str] = {"clip": "Grad-CAM", "frame": "Grad-CAM, per frame"}


def grad_cam(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    target: int,
    layer: str,
    *,
    contrast: int | None = None,
    weights: Convention = "clip",
) -> Evidence:
    """Evidence for class `target` in a block's output: its channels, weighed by their mean gradients, ReLU applied.

    With `contrast` it is evidence for the one class rather than the other. Leaves neither a hook nor a gradient behind
    and flips no `requires_grad`, after an error either; a model that others use as well needs its lock. Raises
    ValueError for a class or layer that does not exist and for a model in training mode, and NotNumbersError where the
    evidence is none. Selvaraju et al. 2017, equations 1 and 2.
    """
    found = class_activation_map(model, block_of(model, layer), clip, target, weights, contrast)
    return Evidence(
        map=finite(found, layer),
        target=target,
        contrast=contrast,
        layer=layer,
        method=LABELS[weights],
        convention=CONVENTIONS[weights],
        num_frames=clip.shape[2],
    )


def grad_cam_per_frame(
    model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int, layer: str, *, contrast: int | None = None
) -> Evidence:
    """`grad_cam` that weighs the channels of each frame by the gradients of that frame alone."""
    return grad_cam(model, clip, target, layer, contrast=contrast, weights="frame")


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
    activation, gradient = read_output_and_gradient(model, module, clip, target, contrast)
    weight = gradient.mean(dim=(2, 3, 4) if weights == "clip" else (3, 4), keepdim=True)  # (1, c, 1 or t2, 1, 1)
    return (weight * activation).sum(dim=1).relu()[0]


def map_shapes(name: str, options: Mapping[str, int | float], clip: ClipShape) -> dict[str, tuple[int, int, int]]:
    """T', H', W' of every block's output, in the order of depth, for a network of the table and a clip.

    Computed on a throw-away network without memory, so that no shared one is touched. Raises ValueError for unknown
    names and options, and for a clip that is too small.
    """
    with on_meta_device():
        model = configure(name, **options).build().eval()
    with torch.device("meta"), torch.no_grad(), recording(block_outputs(model)) as outputs:
        model(torch.zeros(1, 3, clip.frames, clip.height, clip.width))
    return {block: (out.shape[2], out.shape[3], out.shape[4]) for block, out in outputs.items()}
