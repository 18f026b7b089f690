"""The one assembler: a bottleneck ResNet (torchvision's v1.5) whose blocks take a temporal design.

There is no temporal stride anywhere. The network and its stages take and return `(N, C, T, H, W)`; inside a stage the
frames are folded into the batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gte.models.clip import ClipShape, Normalize, check_clip
from gte.models.temporal import FrameByFrame, FrameConv, fold, unfold

EXPANSION = 4
"""A bottleneck's output has four times the channels of its middle."""

STAGE_DEPTHS = {26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Bottlenecks in each of the four stages, by the network's depth in layers."""

NUM_CLASSES = 174
"""Classes of Something-Something, the data set that the paper counts parameters and FLOPs for."""


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1, each with BatchNorm, and a shortcut; `output` is where hooks attach."""

    def __init__(self, in_channels: int, width: int, stride: int, temporal: FrameByFrame) -> None:
        super().__init__()
        out_channels = EXPANSION * width
        self.conv1 = temporal.build_conv1(in_channels, width)
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
        self.output = nn.Identity()

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        out = self.relu(self.bn1(self.conv1(x, num_frames)))
        out = self.relu(self.bn2(self.conv2(out, num_frames)))
        out = self.bn3(self.conv3(out, num_frames))
        out += x if self.downsample is None else self.downsample(x)
        # The hook sees (n, o, t, h2, w2), so that captum averages over time and space for every architecture.
        return fold(self.output(unfold(self.relu(out), num_frames)))


class Stage(nn.Sequential):
    """Bottlenecks one after the other, the first of which changes width and resolution."""

    def __init__(self, in_channels: int, width: int, depth: int, stride: int, temporal: FrameByFrame) -> None:
        widths_in = [in_channels] + [EXPANSION * width] * (depth - 1)
        strides = [stride] + [1] * (depth - 1)
        super().__init__(
            *(Bottleneck(into, width, step, temporal) for into, step in zip(widths_in, strides, strict=True))
        )

    def forward(self, clip: Float[Tensor, "n i t h w"]) -> Float[Tensor, "n o t h2 w2"]:
        num_frames = int(clip.shape[2])  # a tensor while fvcore traces
        frames = fold(clip)
        for block in self:
            frames = block(frames, num_frames)
        return unfold(frames, num_frames)


class VideoResNet(nn.Module):
    """Clips in [0, 1] to logits: per-frame logits, averaged over time (the consensus of TSN, Wang et al. 2016)."""

    def __init__(self, config: "ResNetConfig") -> None:
        super().__init__()
        width = config.base_width
        self.smallest = config.smallest
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for number, depth in enumerate(STAGE_DEPTHS[config.depth], start=1):
            stage_width = width * 2 ** (number - 1)
            stride = 1 if number == 1 else 2
            setattr(self, f"layer{number}", Stage(channels, stage_width, depth, stride, config.temporal))
            channels = EXPANSION * stage_width
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(config.dropout)
        self.fc = nn.Linear(channels, config.num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(module for module in self.children() if isinstance(module, Stage))

    def forward(self, clip: Float[Tensor, "..."]) -> Float[Tensor, "n classes"]:
        check_clip(clip, self.smallest)  # (n, 3, t, h, w)
        num_frames = int(clip.shape[2])  # a tensor while fvcore traces
        frames = fold(self.normalize(clip)).contiguous(memory_format=torch.channels_last)
        clip = unfold(self.maxpool(self.relu(self.bn1(self.conv1(frames)))), num_frames)
        for stage in self.stages:
            clip = stage(clip)
        features = self.avgpool(fold(clip)).flatten(1)  # (n·t, channels)
        logits = self.fc(self.dropout(features))
        return logits.unflatten(0, (-1, num_frames)).mean(1)


def block_outputs(model: nn.Module) -> Mapping[str, nn.Identity]:
    """Where hooks attach: by block name ("layer3.1"), in order, the module whose output is (N, C, T', H', W')."""
    return {name: block.output for name, block in model.named_modules() if isinstance(block, Bottleneck)}


@dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """A row of the table of networks: a temporal design in a bottleneck ResNet."""

    label: str
    """The name to show."""
    paper: str
    """Who proposed it, where."""
    note: str = ""
    """What a reader of the table should know."""
    temporal: FrameByFrame = field(default_factory=FrameByFrame)
    depth: int = 50
    """Layers: 26, 50 or 101."""
    base_width: int = 64
    """Channels in the middle of the first stage's bottlenecks; each stage doubles them."""
    num_classes: int = NUM_CLASSES
    dropout: float = 0.3
    """Probability that a feature before the classifier is dropped in training."""
    native: ClipShape = ClipShape(8, 224, 224)
    """The clip of the publication."""
    smallest: ClipShape = ClipShape(1, 32, 32)
    """Fewest frames and smallest height and width taken."""

    def __post_init__(self) -> None:
        if self.depth not in STAGE_DEPTHS:
            raise ValueError(f"depth must be one of {', '.join(map(str, STAGE_DEPTHS))}; got {self.depth}.")
        for name in ("base_width", "num_classes"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1; got {value}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and less than 1; got {self.dropout:g}.")

    def options(self) -> dict[str, int | float]:
        """Everything that can be chosen, with the values chosen: plain numbers that a checkpoint can store."""
        chosen: dict[str, int | float] = {name: getattr(self, name) for name in _OPTIONS}
        return chosen | {part.name: getattr(self.temporal, part.name) for part in fields(self.temporal)}

    def with_options(self, **options: Any) -> "ResNetConfig":
        """A copy with other values. Raises ValueError for an option that this network does not have."""
        unknown = sorted(options.keys() - self.options().keys())
        if unknown:
            raise ValueError(f"{self.label} takes the options {', '.join(self.options())}; got {', '.join(unknown)}.")
        own = {name: value for name, value in options.items() if name in _OPTIONS}
        temporal = {name: value for name, value in options.items() if name not in _OPTIONS}
        return replace(self, **own, temporal=replace(self.temporal, **temporal))

    def build(self) -> VideoResNet:
        """A new network with random weights. Raises ValueError if a width cannot be divided as the design asks."""
        return VideoResNet(self)


_OPTIONS = ("depth", "base_width", "num_classes", "dropout")
