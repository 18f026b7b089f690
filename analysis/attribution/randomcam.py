"""RandomCAM: a block's feature maps weighed by chance, which is what a method that knows the class must beat."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.evidence import Evidence, finite
from analysis.attribution.hooks import block_of, read_output, score_of

SEED = 0


def random_cam(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    target: int,
    layer: str,
    *,
    contrast: int | None = None,
    seed: int = SEED,
) -> Evidence:
    """A block's channels weighed by numbers from -1 to 1 that are drawn evenly, added up, ReLU applied.

    Class and contrast change nothing, and are checked all the same. Leaves the model as it was and raises as
    `grad_cam` does.
    """
    module = block_of(model, layer)
    with torch.no_grad():
        score_of(model(clip), target, contrast)
    activation = read_output(model, module, clip)
    return Evidence(
        map=finite(weighed_at_random(activation, seed), layer),
        target=target,
        contrast=contrast,
        layer=layer,
        method="RandomCAM",
        convention=f"one weight per channel and clip, drawn evenly from −1 to 1 with seed {seed}",
        num_frames=clip.shape[2],
    )


def weighed_at_random(activation: Float[Tensor, "1 k t h w"], seed: int) -> Float[Tensor, "t h w"]:
    """The RandomCAM of a block's output."""
    chance = torch.Generator().manual_seed(seed)
    weight = 2 * torch.rand(activation.shape[1], generator=chance) - 1  # (k)
    return torch.einsum("k,kthw->thw", weight.to(activation), activation[0]).relu()
