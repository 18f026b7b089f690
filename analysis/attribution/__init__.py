"""Where in a clip a network finds evidence for a class. A new method is one file here and one line in METHODS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from analysis.attribution.evidence import Evidence, NotNumbersError
from analysis.attribution.gradcam import CONVENTIONS, Convention, grad_cam

__all__ = ["CONVENTIONS", "METHODS", "Convention", "Evidence", "Method", "NotNumbersError", "grad_cam"]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A row of the table of attribution methods."""

    label: str
    """The name to show."""
    paper: str
    """Who proposed it, where."""
    note: str
    """What a reader should know before believing it."""
    attribute: Callable[..., Evidence]
    """(model, clip, target, layer, **choices) to Evidence; leaves the model unchanged."""
    speed: Literal["quick", "slow"] = "quick"
    """"quick" takes a pass or two; "slow" many, and wants progress and a way to cancel."""


METHODS: dict[str, Method] = {
    "gradcam": Method(
        label="Grad-CAM",
        paper="Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks, ICCV 2017",
        note="A block's feature maps, weighted by how much each pushes the class; as coarse as the block's grid.",
        attribute=grad_cam,
    ),
}
