"""Rows of the table of networks: options, the clips that a network takes, and how it normalises them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)


@dataclass(frozen=True)
class ClipShape:
    """The size of a clip: frames, and height and width in pixels."""

    frames: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.frames} x {self.height} x {self.width}"

    def covers(self, other: "ClipShape") -> bool:
        """Return True if this clip is at least as large as the other in every direction."""
        return self.frames >= other.frames and self.height >= other.height and self.width >= other.width


def check_clip(clip: Tensor, smallest: ClipShape) -> None:
    """Raise ValueError, stating the rule, unless the clip is (N, 3, T, H, W) and at least as large as `smallest`."""
    if clip.dim() != 5 or clip.shape[1] != 3:
        raise ValueError(f"A clip is (N, 3, T, H, W) in [0, 1]; got {tuple(clip.shape)}.")
    shape = ClipShape(*map(int, clip.shape[2:]))  # tensors while fvcore traces
    if not shape.covers(smallest):
        raise ValueError(
            f"This network takes clips of at least {smallest}; got {shape}. Give more frames or a larger size."
        )


class Normalize(nn.Module):
    """Subtract the mean and divide by the deviation of each colour, inside the network, so that no caller has to."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1, 1))

    def forward(self, clip: Float[Tensor, "n 3 t h w"]) -> Float[Tensor, "n 3 t h w"]:
        return (clip - self.mean) / self.std


NUM_CLASSES = 174
"""Classes of Something-Something V1, the data set for which the paper gives parameters and FLOPs."""

Kind = Literal["compared", "ablation", "relative"]
"""compared: in the paper's tables; ablation: another form of GTE or GST; relative: another network for video."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig(ABC):
    """A row of the table: everything that command lines, widgets and contract tests know of a network.

    A subclass for a family of networks adds fields, names in OPTIONS those that may be chosen, and defines `build`.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("num_classes",)
    """Fields that may be chosen; plain numbers, so that a checkpoint can store them."""

    label: str
    """The name to show."""
    paper: str
    """Authors, title and venue."""
    kind: Kind = "relative"
    """Its role in the table."""
    note: str = ""
    """Remarks for a reader of the table."""
    native: ClipShape = ClipShape(8, 224, 224)
    """Clip size of the publication."""
    smallest: ClipShape = ClipShape(1, 32, 32)
    """Smallest clip that the network takes."""
    num_classes: int = NUM_CLASSES

    def __post_init__(self) -> None:
        for name in ("base_width", "num_classes"):
            value = getattr(self, name, 1)
            if value != int(value) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1; got {value}.")
        dropout = getattr(self, "dropout", 0.0)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and less than 1; got {dropout:g}.")

    def options(self) -> dict[str, int | float]:
        """Return the options with their values."""
        return {name: getattr(self, name) for name in self.OPTIONS}

    def with_options(self, **options: Any) -> "ModelConfig":
        """Return a copy with other values. Raises ValueError for an unknown option or an impossible value."""
        unknown = sorted(options.keys() - self.options().keys())
        if unknown:
            raise ValueError(f"{self.label} takes the options {', '.join(self.options())}; got {', '.join(unknown)}.")
        return self._replace(options)

    def check_takes(self, clip: ClipShape) -> None:
        """Raise ValueError, stating the rule, for a clip that is too small for the network."""
        if not clip.covers(self.smallest):
            raise ValueError(
                f"{self.label} takes clips of at least {self.smallest}; got {clip}. Give more frames or a larger size."
            )

    def _replace(self, options: dict[str, Any]) -> "ModelConfig":
        return replace(self, **options)

    @abstractmethod
    def build(self) -> nn.Module:
        """Return a new network with random weights: clips (N, 3, T, H, W) in [0, 1] to logits (N, num_classes).

        Raises ValueError for options that give a path no channels.
        """
