"""RandomCAM: the feature maps of a block with random weights, a baseline for methods that use the class."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.hooks import block_of, score_of
from gte.models import recording

SEED = 0


def random_cam(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    target: int,
    layer: str,
    *,
    contrast: int | None = None,
    seed: int = SEED,
) -> Float[Tensor, "t2 h2 w2"]:
    """Sum the channels of a block's output with random weights, uniform from -1 to 1, and apply ReLU.

    Class and contrast do not matter, but are checked.
    """
    with torch.no_grad(), recording({layer: block_of(model, layer)}) as outputs:
        score_of(model(clip), target, contrast)
    return weigh_randomly(outputs[layer], seed)


def weigh_randomly(activation: Float[Tensor, "1 k t h w"], seed: int) -> Float[Tensor, "t h w"]:
    """The RandomCAM of a block's output."""
    generator = torch.Generator().manual_seed(seed)
    weight = 2 * torch.rand(activation.shape[1], generator=generator) - 1  # (k)
    return torch.einsum("k,kthw->thw", weight.to(activation), activation[0]).relu()
