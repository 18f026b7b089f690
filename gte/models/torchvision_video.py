"""Rows of torchvision's video networks, apart from their code, because torchvision takes a second to import."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from gte.models.config import ClipShape, ModelConfig


@dataclass(frozen=True, kw_only=True)
class R2Plus1DConfig(ModelConfig):
    """A row of the table of networks: torchvision's R(2+1)D-18."""

    native: ClipShape = ClipShape(16, 112, 112)
    smallest: ClipShape = ClipShape(1, 16, 16)
    """Leaves one cell after the last stage; torchvision's own network takes a single pixel, which it pads."""

    def build(self) -> nn.Module:
        """Return a new network with torchvision's random weights."""
        from gte.models.torchvision_networks import R2Plus1D

        return R2Plus1D(self.smallest, self.num_classes)


@dataclass(frozen=True, kw_only=True)
class S3DConfig(ModelConfig):
    """A row of the table of networks: torchvision's S3D."""

    OPTIONS: ClassVar[tuple[str, ...]] = ("num_classes", "dropout")

    native: ClipShape = ClipShape(64, 224, 224)
    smallest: ClipShape = ClipShape(13, 209, 209)
    """The least that leaves the 2 x 7 x 7 cells that its last pool reads."""
    dropout: float = 0.2
    """Probability that a feature before the classifier is dropped in training."""

    def build(self) -> nn.Module:
        """Return a new network with torchvision's random weights."""
        from gte.models.torchvision_networks import S3D

        return S3D(self.smallest, self.num_classes, self.dropout)
