"""The networks: one table, one way to build them. A new network is one entry here and one file beside this one."""

from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from gte.models.clip import ClipShape
from gte.models.resnet import ResNetConfig
from gte.models.temporal import (
    FrameByFrame,
    GroupedSpatioTemporal,
    GroupedTemporalEnhancement,
    SpatioTemporal,
    TemporalShift,
)

__all__ = ["MODELS", "ClipShape", "ModelConfig", "build", "configure", "to_channels_last"]


@runtime_checkable
class ModelConfig(Protocol):
    """What a row of the table can do; the command lines, the widgets and the contract tests rely on nothing else."""

    @property
    def label(self) -> str:
        """The name to show."""
        ...

    @property
    def paper(self) -> str:
        """Who proposed it, where."""
        ...

    @property
    def note(self) -> str:
        """What a reader of the table should know."""
        ...

    @property
    def native(self) -> ClipShape:
        """The clip of the publication."""
        ...

    @property
    def smallest(self) -> ClipShape:
        """Fewest frames and smallest height and width taken."""
        ...

    def options(self) -> dict[str, int | float]:
        """Everything that can be chosen, with the values chosen."""
        ...

    def with_options(self, **options: Any) -> "ModelConfig":
        """A copy with other values. Raises ValueError for an unknown option or an impossible value."""
        ...

    def build(self) -> nn.Module:
        """A new network with random weights: clips (N, 3, T, H, W) in [0, 1] to logits (N, num_classes)."""
        ...


MODELS: dict[str, ModelConfig] = {
    "c2d": ResNetConfig(
        label="C2D",
        paper="Wang et al., Temporal Segment Networks, ECCV 2016",
        note="Every frame by itself; the order of frames cannot change its answer.",
        temporal=FrameByFrame(),
    ),
    "tsm": ResNetConfig(
        label="TSM",
        paper="Lin et al., TSM: Temporal Shift Module for Efficient Video Understanding, ICCV 2019",
        note="A hard shift of channels in front of each block: time for no parameter and no MAC.",
        temporal=TemporalShift(),
    ),
    "c3d": ResNetConfig(
        label="C3D",
        paper="Tran et al., Learning Spatiotemporal Features with 3D Convolutional Networks, ICCV 2015",
        note="The same ResNet with 3x3x3 kernels, as in the paper's Table 1.",
        temporal=SpatioTemporal(),
    ),
    "gst": ResNetConfig(
        label="GST",
        paper="Luo and Yuille, Grouped Spatial-Temporal Aggregation for Efficient Action Recognition, ICCV 2019",
        note="Half of the channels see space, half space and time.",
        temporal=GroupedSpatioTemporal(),
    ),
    "gte": ResNetConfig(
        label="GTE",
        paper="Liu, Ren, Liu and Ding, Grouped Temporal Enhancement Module for Human Action Recognition",
        note="Half of the channels see space, half a learnable temporal shift and then space.",
        temporal=GroupedTemporalEnhancement(),
    ),
}


def configure(name: str, **options: Any) -> ModelConfig:
    """The table's entry with other options. Raises ValueError for an unknown name, option or an impossible value."""
    if name not in MODELS:
        raise ValueError(f"The networks are {', '.join(MODELS)}; got {name}.")
    return MODELS[name].with_options(**options)


def build(name: str, **options: Any) -> nn.Module:
    """A new network with random weights, in training mode: `build("gte", depth=26, temporal_share=1 / 2)`.

    Raises ValueError for an unknown name or option and for values that leave a path without channels.
    """
    return configure(name, **options).build()


def to_channels_last(model: nn.Module) -> nn.Module:
    """Put the weights of a network into channels-last memory, in place; `Module.to` refuses to mix 4-D and 5-D ones."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in model.parameters():
        if parameter.dim() in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.dim()])
    return model
