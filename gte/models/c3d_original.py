"""C3D as published: eight 3x3x3 convolutions, five pools and three linear layers, without BatchNorm.

Tran, Bourdev, Fergus, Torresani and Paluri, "Learning Spatiotemporal Features with 3D Convolutional Networks",
ICCV 2015, figure 3. The pools round up, as Caffe's do, so 112 pixels become 4 cells.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gte.models.config import ClipShape, ModelConfig, Normalize, check_clip
from gte.models.outputs import BlockOutput

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
    """Clips in [0, 1] to logits. A clip larger than the native one is averaged to 1 x 4 x 4 cells before `fc6`."""

    def __init__(self, config: "OriginalC3DConfig") -> None:
        super().__init__()
        width = config.base_width
        self.smallest = config.smallest
        self.normalize = Normalize()
        self.conv1a = Conv(3, width)
        self.pool1 = nn.MaxPool3d((1, 2, 2), ceil_mode=True)
        self.conv2a = Conv(width, 2 * width)
        self.pool2 = nn.MaxPool3d(2, ceil_mode=True)
        self.conv3a = Conv(2 * width, 4 * width)
        self.conv3b = Conv(4 * width, 4 * width)
        self.pool3 = nn.MaxPool3d(2, ceil_mode=True)
        self.conv4a = Conv(4 * width, 8 * width)
        self.conv4b = Conv(8 * width, 8 * width)
        self.pool4 = nn.MaxPool3d(2, ceil_mode=True)
        self.conv5a = Conv(8 * width, 8 * width)
        self.conv5b = Conv(8 * width, 8 * width)
        self.pool5 = nn.MaxPool3d(2, ceil_mode=True)
        self.avgpool = nn.AdaptiveAvgPool3d((1, CELLS, CELLS))
        self.dropout = nn.Dropout(config.dropout)
        self.fc6 = nn.Linear(CELLS * CELLS * 8 * width, FEATURES * width)
        self.fc7 = nn.Linear(FEATURES * width, FEATURES * width)
        self.fc8 = nn.Linear(FEATURES * width, config.num_classes)
        self._initialise(width)

    def _initialise(self, width: int) -> None:
        """Initialise as in the published training; a narrower network starts with larger weights."""
        scale = (PUBLISHED_WIDTH / width) ** 0.5
        hidden = (self.fc6, self.fc7)
        for module in self.modules():
            if isinstance(module, nn.Conv3d | nn.Linear):
                assert module.bias is not None
                nn.init.normal_(module.weight, std=scale * (0.005 if module in hidden else 0.01))
                nn.init.constant_(module.bias, 0.0 if module is self.fc8 else 1.0)

    def forward(self, clip: Float[Tensor, "..."]) -> Float[Tensor, "n classes"]:
        check_clip(clip, self.smallest)  # (n, 3, t, h, w)
        x = self.pool1(self.conv1a(self.normalize(clip)))
        x = self.pool2(self.conv2a(x))
        x = self.pool3(self.conv3b(self.conv3a(x)))
        x = self.pool4(self.conv4b(self.conv4a(x)))
        x = self.pool5(self.conv5b(self.conv5a(x)))
        x = self.avgpool(x).flatten(1)  # (n, channels·4·4)
        x = self.dropout(functional.relu(self.fc6(x)))
        x = self.dropout(functional.relu(self.fc7(x)))
        return self.fc8(x)


@dataclass(frozen=True, kw_only=True)
class OriginalC3DConfig(ModelConfig):
    """A row of the table of networks: C3D as published."""

    OPTIONS: ClassVar[tuple[str, ...]] = ("base_width", "num_classes", "dropout")

    native: ClipShape = ClipShape(16, 112, 112)
    smallest: ClipShape = ClipShape(1, 97, 97)
    """Leaves 4 x 4 cells after the last pool; with fewer than 16 frames the temporal pools cover fewer."""
    base_width: int = PUBLISHED_WIDTH
    """Channels of the first convolution; all others, and the hidden features, scale with it."""
    dropout: float = 0.5
    """Probability that a hidden feature of the linear layers is dropped in training."""

    def build(self) -> OriginalC3D:
        """Return a new network with random weights."""
        return OriginalC3D(self)
