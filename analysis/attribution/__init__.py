"""Where in a clip a network finds evidence for a class. A new method is one file here and one line in METHODS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.evidence import Evidence, NotNumbersError
from analysis.attribution.gradcam import CONVENTIONS, LABELS, Convention, grad_cam, grad_cam_per_frame
from analysis.attribution.integrated_gradients import PASSES, integrated_gradients
from analysis.attribution.layercam import layer_cam
from analysis.attribution.occlusion import temporal_occlusion
from analysis.attribution.randomcam import random_cam

__all__ = [
    "CONVENTIONS",
    "METHODS",
    "Attribute",
    "Convention",
    "Evidence",
    "Method",
    "NotNumbersError",
    "grad_cam",
    "method_of",
]


class Attribute(Protocol):
    """A method: model, one clip, class and block to evidence; it leaves the model unchanged, after an error either."""

    def __call__(
        self,
        model: nn.Module,
        clip: Float[Tensor, "1 3 t h w"],
        target: int,
        layer: str,
        *,
        contrast: int | None = None,
    ) -> Evidence: ...


@dataclass(frozen=True, kw_only=True)
class Method:
    """A row of the table of attribution methods."""

    label: str
    """The name to show; what it finds carries it as `Evidence.method`."""
    paper: str
    """Who proposed it, where."""
    note: str
    """What a reader should know before believing it."""
    attribute: Attribute
    speed: Literal["quick", "slow"] = "quick"
    """"quick" takes a pass or two; "slow" many, and wants progress and a way to cancel."""
    passes: Callable[[int], int] = lambda num_frames: 1
    """How many forward passes it takes of a clip with so many frames."""
    reads_block: bool = True
    """True if it reads the output of a block, so that the choice of one matters."""
    says_where: bool = True
    """False if it tells frames apart and no places within them."""


METHODS: dict[str, Method] = {
    "gradcam": Method(
        label=LABELS["clip"],
        paper="Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks, ICCV 2017",
        note="A block's feature maps, weighted by how much each pushes the class; as coarse as the block's grid.",
        attribute=grad_cam,
    ),
    "gradcam_frame": Method(
        label=LABELS["frame"],
        paper="Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks, ICCV 2017",
        note="The same, but each frame weighs the feature maps anew: a channel may count early and not late.",
        attribute=grad_cam_per_frame,
    ),
    "layercam": Method(
        label="LayerCAM",
        paper="Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, IEEE TIP 2021",
        note="Every place weighs for itself, which keeps the detail of early blocks, and their noise.",
        attribute=layer_cam,
    ),
    "integrated_gradients": Method(
        label="Integrated Gradients",
        paper="Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017",
        note="Reads the pixels and no block. What is black can have no evidence, because the path begins at black.",
        attribute=integrated_gradients,
        speed="slow",
        passes=lambda num_frames: PASSES,
        reads_block=False,
    ),
    "occlusion": Method(
        label="Temporal occlusion",
        paper="Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014; here in time",
        note="Asks the network itself, without gradients: what is lost without this frame? It says when, not where.",
        attribute=temporal_occlusion,
        speed="slow",
        passes=lambda num_frames: num_frames + 1,
        reads_block=False,
        says_where=False,
    ),
    "randomcam": Method(
        label="RandomCAM",
        paper="a baseline without a paper, as in Gildenblat's pytorch-grad-cam",
        note="Knows nothing of the class: the block's feature maps, weighed by chance. What looks no better than this "
        "tells what the block reacts to, and not what speaks for the class.",
        attribute=random_cam,
        passes=lambda num_frames: 2,
    ),
}


def method_of(evidence: Evidence) -> Method:
    """The row of the table that evidence comes from."""
    return next(method for method in METHODS.values() if method.label == evidence.method)
