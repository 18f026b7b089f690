"""LayerCAM on the output of a block: one weight per position."""

from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.hooks import read_output_and_gradient


def layer_cam(
    model: nn.Module, clip: Float[Tensor, "1 c t h w"], target: int, layer: str, *, contrast: int | None = None
) -> Float[Tensor, "t2 h2 w2"]:
    """Multiply every cell of a block's output by its positive gradient. Jiang et al. 2021, equations 6 and 7."""
    activation, gradient = read_output_and_gradient(model, layer, clip, target, contrast)
    return (gradient.relu() * activation).sum(dim=1).relu()[0]
