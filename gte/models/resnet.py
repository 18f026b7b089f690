"""Bottleneck ResNet (torchvision's v1.5) whose blocks take a temporal design.

There is no temporal stride. The network and its stages take and return `(N, C, T, H, W)`; inside a stage the
frames are folded into the batch.
"""

from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gte.models.config import ModelConfig, Normalize, check_clip
from gte.models.designs import FrameByFrame
from gte.models.outputs import BlockOutput
from gte.models.shift import fold, unfold
from gte.models.temporal import FrameConv

EXPANSION = 4
"""A bottleneck's output has four times the channels of its middle."""

STAGE_DEPTHS = {26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Bottlenecks in each of the four stages, by the network's depth in layers."""

DEEP_THIRD_STAGE = 23
"""Blocks in the third stage from which on only every second block has a hard shift."""


def check_depth(depth: int) -> None:
    """Raise ValueError unless a ResNet of so many layers is known."""
    if depth not in STAGE_DEPTHS:
        raise ValueError(f"depth must be one of {', '.join(map(str, STAGE_DEPTHS))}; got {depth}.")


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1, each with BatchNorm, and a shortcut; `output` is where hooks attach."""

    NORMALIZED = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))
    """Layers and the BatchNorms directly after them."""

    def __init__(self, in_channels: int, width: int, stride: int, temporal: FrameByFrame, shifts: bool) -> None:
        super().__init__()
        out_channels = EXPANSION * width
        self.conv1 = temporal.build_conv1(in_channels, width, shifts)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = temporal.build_conv2(width, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = FrameConv(width, out_channels, kernel_size=1)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = (
            nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))
            if stride != 1 or in_channels != out_channels
            else None
        )
        self.output = BlockOutput()

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        out = self.relu(self.bn1(self.conv1(x, num_frames)))
        out = self.relu(self.bn2(self.conv2(out, num_frames)))
        out = self.bn3(self.conv3(out, num_frames))
        out += x if self.downsample is None else self.downsample(x)
        # The hook sees (n, o, t, h2, w2), so that captum averages over time and space for every architecture.
        return fold(self.output(unfold(self.relu(out), num_frames)))


class Stage(nn.Sequential):
    """Bottlenecks in sequence, the first of which changes width and resolution.

    Every `shift_every`-th of them, starting with the first, has a hard shift.
    """

    def __init__(
        self, in_channels: int, width: int, depth: int, stride: int, temporal: FrameByFrame, shift_every: int = 1
    ) -> None:
        widths_in = [in_channels] + [EXPANSION * width] * (depth - 1)
        strides = [stride] + [1] * (depth - 1)
        super().__init__(
            *(
                Bottleneck(into, width, step, temporal, shifts=block % shift_every == 0)
                for block, (into, step) in enumerate(zip(widths_in, strides, strict=True))
            )
        )

    def forward(self, clip: Float[Tensor, "n i t h w"]) -> Float[Tensor, "n o t h2 w2"]:
        num_frames = int(clip.shape[2])  # a tensor while fvcore traces
        frames = fold(clip)
        for block in self:
            frames = block(frames, num_frames)
        return unfold(frames, num_frames)


class VideoResNet(nn.Module):
    """Clips in [0, 1] to logits: per-frame logits, averaged over time (the consensus of TSN, Wang et al. 2016)."""

    NORMALIZED = (("conv1", "bn1"),)
    """Layers and the BatchNorms directly after them."""

    def __init__(self, config: "ResNetConfig") -> None:
        super().__init__()
        width = config.base_width
        self.smallest = config.smallest
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        depths = STAGE_DEPTHS[config.depth]
        # Lin et al. shift every second block of the deep networks.
        shift_every = 2 if depths[2] >= DEEP_THIRD_STAGE else 1
        stage = partial(Stage, temporal=config.temporal, shift_every=shift_every)
        self.layer1 = stage(width, width, depths[0], stride=1)
        self.layer2 = stage(EXPANSION * width, 2 * width, depths[1], stride=2)
        self.layer3 = stage(2 * EXPANSION * width, 4 * width, depths[2], stride=2)
        self.layer4 = stage(4 * EXPANSION * width, 8 * width, depths[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(config.dropout)
        self.fc = nn.Linear(8 * EXPANSION * width, config.num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, clip: Float[Tensor, "..."]) -> Float[Tensor, "n classes"]:
        check_clip(clip, self.smallest)  # (n, 3, t, h, w)
        num_frames = int(clip.shape[2])  # a tensor while fvcore traces
        frames = fold(self.normalize(clip)).contiguous(memory_format=torch.channels_last)
        # The ReLU after the pool and not before: the same numbers, a quarter of the pixels.
        clip = unfold(self.relu(self.maxpool(self.bn1(self.conv1(frames)))), num_frames)
        return self.classify(self.layer4(self.layer3(self.layer2(self.layer1(clip)))))

    def classify(self, clip: Float[Tensor, "n c t h w"]) -> Float[Tensor, "n classes"]:
        """Return the logits for the output of the last block."""
        num_frames = int(clip.shape[2])  # a tensor while fvcore traces
        features = self.avgpool(fold(clip)).flatten(1)  # (n·t, channels)
        logits = self.fc(self.dropout(features))
        return logits.unflatten(0, (-1, num_frames)).mean(1)

    def blocks(self) -> dict[str, Bottleneck]:
        """Return the bottlenecks by name ("layer3.1"), in the order in which they run."""
        stages = {"layer1": self.layer1, "layer2": self.layer2, "layer3": self.layer3, "layer4": self.layer4}
        return {
            f"{name}.{number}": block
            for name, stage in stages.items()
            for number, block in enumerate(stage)
            if isinstance(block, Bottleneck)
        }


@dataclass(frozen=True, kw_only=True)
class ResNetConfig(ModelConfig):
    """A row of the table of networks: a temporal design in a bottleneck ResNet."""

    OPTIONS: ClassVar[tuple[str, ...]] = ("depth", "base_width", "num_classes", "dropout")

    temporal: FrameByFrame = field(default_factory=FrameByFrame)
    depth: int = 50
    """Layers: 26, 50 or 101."""
    base_width: int = 64
    """Channels in the middle of the first stage's bottlenecks; each stage doubles them."""
    dropout: float = 0.3
    """Probability that a feature before the classifier is dropped in training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_depth(self.depth)

    def options(self) -> dict[str, int | float]:
        return super().options() | {part.name: getattr(self.temporal, part.name) for part in fields(self.temporal)}

    def _replace(self, options: dict[str, Any]) -> "ResNetConfig":
        direct = {name: value for name, value in options.items() if name in self.OPTIONS}
        temporal = {name: value for name, value in options.items() if name not in self.OPTIONS}
        return replace(self, **direct, temporal=replace(self.temporal, **temporal))

    def build(self) -> VideoResNet:
        """Return a new network with random weights. Raises ValueError for a width that the design cannot divide."""
        return VideoResNet(self)
