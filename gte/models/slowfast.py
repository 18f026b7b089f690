"""SlowFast: few frames through a wide ResNet, all frames through a narrow one with connections to the wide one.

Feichtenhofer, Fan, Malik and He, "SlowFast Networks for Video Recognition", ICCV 2019, table 1. The stages are those of
`gte.models.resnet`; there is no temporal stride inside a pathway.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gte.models.config import ClipShape, ModelConfig, Normalize, check_clip
from gte.models.designs import FrameByFrame, InflatedPointwise
from gte.models.resnet import EXPANSION, STAGE_DEPTHS, Stage, check_depth

SLOW_DESIGNS = (FrameByFrame(), FrameByFrame(), InflatedPointwise(), InflatedPointwise())
"""The slow pathway mixes its few frames, which lie far apart, only where the receptive field is wide."""

FAST_DESIGNS = (InflatedPointwise(),) * 4

SLOW_STEM_FRAMES, FAST_STEM_FRAMES = 1, 5
"""Frames that the 7x7 at the entrance of each pathway spans."""

CHANNEL_RATIO = 8
"""Channels of the slow pathway for each channel of the fast one (1 / beta)."""

LATERAL_EXPANSION = 2
"""Output channels of a lateral connection for each channel of the fast pathway."""


def pathway_channels(width: int) -> tuple[int, ...]:
    """Return the channels after the stem of a pathway and after each of its four stages."""
    return (width, *(EXPANSION * width * 2**stage for stage in range(4)))


class Pathway(nn.Module):
    """A ResNet without a classifier, whose stages also read `extra_channels`."""

    NORMALIZED = (("conv1", "bn1"),)
    """Layers and the BatchNorms directly after them."""

    def __init__(
        self,
        width: int,
        depth: int,
        stem_frames: int,
        designs: tuple[FrameByFrame, ...],
        extra_channels: tuple[int, ...] = (0, 0, 0, 0),
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, width, (stem_frames, 7, 7), (1, 2, 2), (stem_frames // 2, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        channels = pathway_channels(width)
        into = [stage + extra for stage, extra in zip(channels, extra_channels, strict=False)]
        depths = STAGE_DEPTHS[depth]
        self.layer1 = Stage(into[0], width, depths[0], 1, designs[0])
        self.layer2 = Stage(into[1], 2 * width, depths[1], 2, designs[1])
        self.layer3 = Stage(into[2], 4 * width, depths[2], 2, designs[2])
        self.layer4 = Stage(into[3], 8 * width, depths[3], 2, designs[3])

    @property
    def stages(self) -> tuple[Stage, ...]:
        return self.layer1, self.layer2, self.layer3, self.layer4

    def stem(self, clip: Float[Tensor, "n 3 t h w"]) -> Float[Tensor, "n c t h4 w4"]:
        return self.maxpool(self.relu(self.bn1(self.conv1(clip))))


class SlowFast(nn.Module):
    """Clips in [0, 1] to logits. The fast pathway runs first, because it does not depend on the slow one.

    Lateral connections lead from the fast pathway's stem and first three stages into the slow pathway's stages.
    """

    def __init__(self, config: "SlowFastConfig") -> None:
        super().__init__()
        self.smallest = config.smallest
        self.slow_stride = config.slow_stride
        self.normalize = Normalize()
        fast_width = config.base_width // CHANNEL_RATIO
        sources = pathway_channels(fast_width)[:-1]
        fused = tuple(LATERAL_EXPANSION * channels for channels in sources)
        self.fast = Pathway(fast_width, config.depth, FAST_STEM_FRAMES, FAST_DESIGNS)
        taps = config.lateral_taps
        self.laterals = nn.ModuleList(
            nn.Conv3d(source, target, (taps, 1, 1), (config.slow_stride, 1, 1), (taps // 2, 0, 0), bias=False)
            for source, target in zip(sources, fused, strict=True)
        )
        self.slow = Pathway(config.base_width, config.depth, SLOW_STEM_FRAMES, SLOW_DESIGNS, fused)
        self.dropout = nn.Dropout(config.dropout)
        features = pathway_channels(config.base_width)[-1] + pathway_channels(fast_width)[-1]
        self.fc = nn.Linear(features, config.num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, clip: Float[Tensor, "..."]) -> Float[Tensor, "n classes"]:
        check_clip(clip, self.smallest)  # (n, 3, t, h, w)
        clip = self.normalize(clip).contiguous(memory_format=torch.channels_last_3d)
        fast = self.fast.stem(clip)
        laterals = []
        for lateral, stage in zip(self.laterals, self.fast.stages, strict=True):
            laterals.append(lateral(fast))  # (n, 2c, ceil(t / slow_stride), h, w)
            fast = stage(fast)
        slow = self.slow.stem(clip[:, :, :: self.slow_stride])
        for extra, stage in zip(laterals, self.slow.stages, strict=True):
            slow = stage(torch.cat([slow, extra], dim=1))
        features = torch.cat([slow.mean((2, 3, 4)), fast.mean((2, 3, 4))], dim=1)
        return self.fc(self.dropout(features))


@dataclass(frozen=True, kw_only=True)
class SlowFastConfig(ModelConfig):
    """A row of the table of networks: SlowFast with a ResNet in both pathways."""

    OPTIONS: ClassVar[tuple[str, ...]] = ("depth", "base_width", "num_classes", "dropout")

    slow_stride: int
    """Step between the frames of the slow pathway (alpha); the fast one reads all."""
    lateral_taps: int
    """Frames that a lateral connection spans; odd."""
    native: ClipShape = ClipShape(32, 256, 256)
    depth: int = 50
    """Layers of each pathway: 26, 50 or 101."""
    base_width: int = 64
    """Channels in the middle of the slow pathway's first bottlenecks; the fast pathway has an eighth."""
    dropout: float = 0.5
    """Probability that a feature before the classifier is dropped in training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_depth(self.depth)
        if self.base_width % CHANNEL_RATIO:
            raise ValueError(
                f"base_width must be a multiple of {CHANNEL_RATIO}, because the fast pathway has one channel for "
                f"{CHANNEL_RATIO} of the slow one; got {self.base_width}."
            )

    def frames_seen(self, frames: int) -> tuple[int, int]:
        """Return the numbers of a clip's frames that the slow and the fast pathway read."""
        return -(-frames // self.slow_stride), frames

    def build(self) -> SlowFast:
        """Return a new network with random weights."""
        return SlowFast(self)
