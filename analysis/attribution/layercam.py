"""LayerCAM on the output of a block: every place weighs for itself."""

from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.evidence import Evidence, finite
from analysis.attribution.hooks import block_of, read_output_and_gradient

CONVENTION = "one weight per channel, frame and place: the gradient there, where it is positive"


def layer_cam(
    model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int, layer: str, *, contrast: int | None = None
) -> Evidence:
    """Evidence for class `target` in a block's output: every cell times its own gradient, where that is positive.

    Sharper than Grad-CAM in early blocks, because no mean is taken. Leaves the model as it was and raises as
    `grad_cam` does. Jiang et al. 2021, equations 6 and 7.
    """
    return Evidence(
        map=finite(layer_cam_of(model, block_of(model, layer), clip, target, contrast), layer),
        target=target,
        contrast=contrast,
        layer=layer,
        method="LayerCAM",
        convention=CONVENTION,
        num_frames=clip.shape[2],
    )


def layer_cam_of(
    model: nn.Module, module: nn.Module, clip: Float[Tensor, "1 c t h w"], target: int, contrast: int | None = None
) -> Float[Tensor, "t2 h2 w2"]:
    """The LayerCAM of a module with output (1, C, T', H', W'), before any normalisation."""
    activation, gradient = read_output_and_gradient(model, module, clip, target, contrast)
    return (gradient.relu() * activation).sum(dim=1).relu()[0]
