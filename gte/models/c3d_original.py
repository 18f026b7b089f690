"""C3D as published: eight 3x3x3 convolutions, five pools and three linear layers, without BatchNorm.

Tran, Bourdev, Fergus, Torresani and Paluri, "Learning Spatiotemporal Features with 3D Convolutional Networks",
ICCV 2015, figure 3. The pools round up, as Caffe's do; that is how 112 pixels become 4 cells.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gte.models.clip import ClipShape, Normalize, check_clip
from gte.models.config import ModelConfig
from gte.models.outputs import BlockOutput

GROUPS = {"1": (1,), "2": (2,), "3": (4, 4), "4": (8, 8), "5": (8, 8)}
"""Channels of the convolutions in front of each pool, in multiples of the base width."""

FEATURES = 64
"""Features of the two hidden linear layers, in multiples of the base width."""

CELLS = 4
"""Rows and columns that the first linear layer reads."""

PUBLISHED_WIDTH = 64


class Conv(nn.Conv3d):
    """A 3x3x3 convolution with bias, and a ReLU; `output` is where hooks attach."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1)
        self.output = BlockOutput()

    def forward(self, clip: Float[Tensor, "n i t h w"]) -> Float[Tensor, "n o t h w"]:
        return self.output(functional.relu(super().forward(clip)))


class OriginalC3D(nn.Module):
    """Clips in [0, 1] to logits. What is larger than the native clip is averaged to 1 x 4 x 4 cells before `fc6`."""

    def __init__(self, config: "OriginalC3DConfig") -> None:
        super().__init__()
        width = config.base_width
        self.smallest = config.smallest
        self.normalize = Normalize()
        channels = 3
        for group, multiples in GROUPS.items():
            for letter, multiple in zip("ab", multiples, strict=False):
                setattr(self, f"conv{group}{letter}", Conv(channels, multiple * width))
                channels = multiple * width
            kernel = (1, 2, 2) if group == "1" else (2, 2, 2)
            setattr(self, f"pool{group}", nn.MaxPool3d(kernel, ceil_mode=True))
        self.avgpool = nn.AdaptiveAvgPool3d((1, CELLS, CELLS))
        self.dropout = nn.Dropout(config.dropout)
        self.fc6 = nn.Linear(CELLS * CELLS * channels, FEATURES * width)
        self.fc7 = nn.Linear(FEATURES * width, FEATURES * width)
        self.fc8 = nn.Linear(FEATURES * width, config.num_classes)
        self._initialise(width)

    def _initialise(self, width: int) -> None:
        """The Gaussians and biases of the published training; a narrower network starts with larger weights."""
        scale = (PUBLISHED_WIDTH / width) ** 0.5
        hidden = (self.fc6, self.fc7)
        for module in self.modules():
            if isinstance(module, nn.Conv3d | nn.Linear):
                assert module.bias is not None
                nn.init.normal_(module.weight, std=scale * (0.005 if module in hidden else 0.01))
                nn.init.constant_(module.bias, 0.0 if module is self.fc8 else 1.0)

    def forward(self, clip: Float[Tensor, "..."]) -> Float[Tensor, "n classes"]:
        check_clip(clip, self.smallest)  # (n, 3, t, h, w)
        x = self.normalize(clip)
        for module in self.children():
            if isinstance(module, Conv | nn.MaxPool3d):
                x = module(x)
        x = self.avgpool(x).flatten(1)  # (n, channels·4·4)
        for hidden in (self.fc6, self.fc7):
            x = self.dropout(functional.relu(hidden(x)))
        return self.fc8(x)


@dataclass(frozen=True, kw_only=True)
class OriginalC3DConfig(ModelConfig):
    """A row of the table of networks: C3D as published."""

    OPTIONS: ClassVar[tuple[str, ...]] = ("base_width", "num_classes", "dropout")

    native: ClipShape = ClipShape(16, 112, 112)
    smallest: ClipShape = ClipShape(1, 97, 97)
    """What leaves 4 x 4 cells behind the last pool; of fewer than 16 frames the pools in time take what there is."""
    base_width: int = PUBLISHED_WIDTH
    """Channels of the first convolution; all others, and the hidden features, scale with it."""
    dropout: float = 0.5
    """Probability that a hidden feature of the linear layers is dropped in training."""

    def build(self) -> OriginalC3D:
        """A new network with random weights."""
        return OriginalC3D(self)
