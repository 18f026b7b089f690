"""Table of the attribution methods. A new method is one file here and one entry in METHODS."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.evidence import Evidence, NotNumbersError
from analysis.attribution.gradcam import grad_cam
from analysis.attribution.integrated_gradients import PASSES, STEPS, check_sum, integrated_gradients
from analysis.attribution.layercam import layer_cam
from analysis.attribution.occlusion import negative_frames, refuse_equal_frames, temporal_occlusion
from analysis.attribution.placement import grid_of
from analysis.attribution.randomcam import SEED, random_cam
from gte.models import ClipShape
from gte.models.cell_grids import even_grid


class Attribute(Protocol):
    """Compute a map from a model, one clip, a class and a block; negative values count against the class.

    The model is left unchanged, after an error too.
    """

    def __call__(
        self,
        model: nn.Module,
        clip: Float[Tensor, "1 3 t h w"],
        target: int,
        layer: str,
        *,
        contrast: int | None = None,
    ) -> Float[Tensor, "t2 h2 w2"]: ...


Describe = Callable[[nn.Module, Float[Tensor, "1 3 t h w"], int, int | None, Float[Tensor, "t2 h2 w2"]], str]
"""(model, clip, class, class to contrast with, map of the method) to sentences."""


def nothing(*_: object) -> str:
    """Add no words to a map."""
    return ""


@dataclass(frozen=True, kw_only=True)
class Method:
    """An entry of the table of attribution methods."""

    label: str
    paper: str
    """Authors, title and venue."""
    note: str
    """What a reader should know before trusting it."""
    convention: str
    """How it is applied, in words; {rows} and {columns} are those of the map."""
    attribute: Attribute
    describe: Describe = nothing
    """Further results in sentences: negative evidence, residuals."""
    refuse: Callable[[Float[Tensor, "1 3 t h w"]], str] = nothing
    """Why the method cannot say anything about a clip, in a sentence; empty if it can."""
    speed: Literal["quick", "slow"] = "quick"
    """"quick" takes one or two forward passes; "slow" takes many, and needs progress and a way to cancel."""
    passes: Callable[[int], int] = lambda num_frames: 1
    """Number of forward passes for a clip with so many frames."""
    works_on: str = ""
    """"the pixels" or "the frames" for methods that use no block, so that the choice of a layer does not matter."""
    says_where: bool = True
    """False if it gives one value per frame, without positions."""


METHODS: dict[str, Method] = {
    "gradcam": Method(
        label="Grad-CAM",
        paper="Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks, ICCV 2017",
        note="The feature maps of a block, weighted by their effect on the class; as coarse as the block's grid.",
        convention="one weight per channel and clip: gradients averaged over time and space",
        attribute=grad_cam,
    ),
    "gradcam_frame": Method(
        label="Grad-CAM, per frame",
        paper="Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks, ICCV 2017",
        note="The same with separate weights for each frame: a channel may count early in the clip and not late.",
        convention="one weight per channel and frame: gradients averaged over space only",
        attribute=partial(grad_cam, per_frame=True),
    ),
    "layercam": Method(
        label="LayerCAM",
        paper="Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, IEEE TIP 2021",
        note="Every position has its own weight, which keeps the detail of early blocks, and their noise.",
        convention="one weight per channel, frame and position: the gradient there, where it is positive",
        attribute=layer_cam,
    ),
    "integrated_gradients": Method(
        label="Integrated Gradients",
        paper="Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017",
        note="Works on pixels, not on a layer. Black pixels cannot have evidence, because the path starts at black.",
        convention=f"{STEPS} steps from a black clip, summed over {{rows}} x {{columns}} cells per frame",
        attribute=integrated_gradients,
        describe=check_sum,
        speed="slow",
        passes=lambda num_frames: PASSES,
        works_on="the pixels",
    ),
    "occlusion": Method(
        label="Temporal occlusion",
        paper="Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014; here in time",
        note="Hides each frame and measures the drop of the score, without gradients. It says when, not where.",
        convention="each frame in turn replaced by the average of all; its evidence is the drop of the score",
        attribute=temporal_occlusion,
        describe=lambda model, clip, target, contrast, drops: negative_frames(drops),
        refuse=refuse_equal_frames,
        speed="slow",
        passes=lambda num_frames: num_frames + 1,
        works_on="the frames",
        says_where=False,
    ),
    "randomcam": Method(
        label="RandomCAM",
        paper="a baseline without a paper, as in Gildenblat's pytorch-grad-cam",
        note="Ignores the class: the feature maps of a block with random weights. A map that looks no better than this "
        "shows what the block reacts to, not what counts for the class.",
        convention=f"one weight per channel and clip, drawn uniformly from −1 to 1 with seed {SEED}",
        attribute=random_cam,
    ),
}


BASELINE: Final = "randomcam"
"""The method that ignores the class, a negative control of the sanity checks."""

WEIGHTINGS = ("gradcam", "gradcam_frame")
"""The two ways in which Grad-CAM weights channels."""


def compare_weightings(per_clip: Evidence, per_frame: Evidence) -> str:
    """One sentence if both weightings of Grad-CAM give the same map apart from rounding; empty otherwise."""
    if per_clip.is_empty or not torch.allclose(per_clip.map, per_frame.map, atol=1e-5 * per_clip.maximum):
        return ""
    return (
        f"In {per_clip.layer} both weightings of Grad-CAM give one map: the gradient of the class is the same in every "
        "frame, as it is where only an average over frames follows."
    )


def find_evidence(
    method: str,
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    target: int,
    layer: str = "",
    *,
    contrast: int | None = None,
) -> Evidence:
    """Compute the evidence for class `target`, or for it rather than `contrast`, by a method of METHODS.

    Methods that use no block ignore `layer`. Leaves no hook, gradient or flag behind, after an error too; a model that
    others use as well needs its lock. Raises ValueError for a class or layer that does not exist and for a model in
    training mode, and NotNumbersError if the evidence is not finite.
    """
    entry = METHODS[method]
    signed = entry.attribute(model, clip, target, layer, contrast=contrast)
    clip_shape = ClipShape(*clip.shape[2:])
    grid = even_grid(signed.shape, clip.shape[2:]) if entry.works_on else grid_of(model, layer, clip_shape)
    layer = entry.works_on or layer
    if not signed.isfinite().all():
        raise NotNumbersError(f"The evidence in {layer} is not a number, so there is nothing to show.")
    _, rows, columns = signed.shape
    refusal = entry.refuse(clip)
    return Evidence(
        map=signed.relu(),
        target=target,
        contrast=contrast,
        layer=layer,
        method=method,
        label=entry.label,
        convention=entry.convention.format(rows=rows, columns=columns),
        grid=grid,
        refusal=refusal,
        note="" if refusal else entry.describe(model, clip, target, contrast, signed),
    )
