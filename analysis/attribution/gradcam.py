"""Grad-CAM on the output of a block.

captum's LayerGradCam gives the same for one weight per clip. But it records the graph of the whole network, and has no
weights per frame; both variants here take one pass in each direction, with a graph that starts at the block.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.hooks import read_output_and_gradient
from gte.models import ClipShape, block_outputs, configure, on_meta_device, recording
from gte.models.memory import WithoutNormalising


def grad_cam(
    model: nn.Module,
    clip: Float[Tensor, "1 c t h w"],
    target: int,
    layer: str,
    *,
    contrast: int | None = None,
    per_frame: bool = False,
) -> Float[Tensor, "t2 h2 w2"]:
    """Sum the channels of a block's output, weighted by their mean gradients, and apply ReLU.

    Gradients are averaged over time and space, the literal generalisation to clips, or over the space of each frame
    with `per_frame`. Selvaraju et al. 2017, equations 1 and 2.
    """
    activation, gradient = read_output_and_gradient(model, layer, clip, target, contrast)
    weight = gradient.mean(dim=(3, 4) if per_frame else (2, 3, 4), keepdim=True)  # (1, c, 1 or t2, 1, 1)
    return (weight * activation).sum(dim=1).relu()[0]


def map_shapes(name: str, options: Mapping[str, int | float], clip: ClipShape) -> dict[str, tuple[int, int, int]]:
    """T', H', W' of every block's output, in order of depth, for a network of the table and a clip.

    Computed on a temporary network on the meta device. Raises ValueError for unknown names and options, and for a clip
    that is too small.
    """
    with on_meta_device():
        model = configure(name, **options).build().eval()
    meta = torch.device("meta")
    with meta, torch.no_grad(), WithoutNormalising(), recording(block_outputs(model)) as outputs:
        model(torch.zeros(1, 3, clip.frames, clip.height, clip.width))
    return {block: (out.shape[2], out.shape[3], out.shape[4]) for block, out in outputs.items()}
