"""The networks: one table, one way to build them. A new network is one entry here and one file beside this one."""

from typing import Any

import torch
from torch import nn

from gte.models.clip import ClipShape
from gte.models.config import ModelConfig
from gte.models.designs import (
    FrameByFrame,
    GroupedSpatioTemporal,
    GroupedSpatioTemporalLarge,
    GroupedTemporalEnhancement,
    InflatedPointwise,
    Separable,
    SpatioTemporal,
    TemporalShift,
    WithDepthwiseShift,
    WithFixedShift,
    WithoutConv2d,
    WithSharedShift,
)
from gte.models.outputs import block_outputs
from gte.models.resnet import ResNetConfig
from gte.models.temporal import temporal_layers

__all__ = [
    "MODELS",
    "ClipShape",
    "ModelConfig",
    "block_outputs",
    "build",
    "configure",
    "temporal_layers",
    "to_channels_last",
]


GTE = "Liu, Ren, Liu and Ding, Grouped Temporal Enhancement Module for Human Action Recognition"
GST = "Luo and Yuille, Grouped Spatial-Temporal Aggregation for Efficient Action Recognition, ICCV 2019"

MODELS: dict[str, ModelConfig] = {
    "c2d": ResNetConfig(
        label="C2D",
        paper="Wang et al., Temporal Segment Networks, ECCV 2016",
        kind="compared",
        note="Every frame by itself; the order of frames cannot change its answer. TSN is this network, trained so.",
        temporal=FrameByFrame(),
    ),
    "tsm": ResNetConfig(
        label="TSM",
        paper="Lin et al., TSM: Temporal Shift Module for Efficient Video Understanding, ICCV 2019",
        kind="compared",
        note="A hard shift of channels in front of each block: time for no parameter and no MAC. At depth 101 it "
        "stands in every second block, as published.",
        temporal=TemporalShift(),
    ),
    "c3d": ResNetConfig(
        label="C3D",
        paper="Tran et al., Learning Spatiotemporal Features with 3D Convolutional Networks, ICCV 2015",
        kind="compared",
        note="The same ResNet with 3x3x3 kernels, as in the paper's Table 1.",
        temporal=SpatioTemporal(),
    ),
    "gst": ResNetConfig(
        label="GST",
        paper=GST,
        kind="compared",
        note="Half of the channels see space, half space and time.",
        temporal=GroupedSpatioTemporal(),
    ),
    "gte": ResNetConfig(
        label="GTE",
        paper=GTE,
        kind="compared",
        note="Half of the channels see space, half a learnable temporal shift and then space.",
        temporal=GroupedTemporalEnhancement(),
    ),
    "gte_fixed_shift": ResNetConfig(
        label="GTE, fixed shift",
        paper=GTE,
        kind="ablation",
        note="The shift never learns. It is counted as the convolution that it is here; a hard shift needs no MAC.",
        temporal=WithFixedShift(),
    ),
    "gte_no_conv2d": ResNetConfig(
        label="GTE, no 2D conv",
        paper=GTE,
        kind="ablation",
        note="The learnable shift alone on the temporal path, which then sees no space.",
        temporal=WithoutConv2d(),
    ),
    "gte_shared": ResNetConfig(
        label="GTE, shared shift",
        paper=GTE,
        kind="ablation",
        note="One kernel of three taps per direction: six numbers a layer, W_f and W_b in R^3 to the letter.",
        temporal=WithSharedShift(),
    ),
    "gte_depthwise": ResNetConfig(
        label="GTE, depthwise shift",
        paper=GTE,
        kind="ablation",
        note="One kernel of three taps per output, which reads one input.",
        temporal=WithDepthwiseShift(),
    ),
    "gst_large": ResNetConfig(
        label="GST-Large",
        paper=GST,
        kind="ablation",
        note="Both paths of GST read all channels.",
        temporal=GroupedSpatioTemporalLarge(),
    ),
    "i3d": ResNetConfig(
        label="I3D",
        paper="Carreira and Zisserman, Quo Vadis, Action Recognition? CVPR 2017; as a ResNet: Wang et al., Non-local "
        "Neural Networks, CVPR 2018",
        note="3x1x1 at the entrance of every bottleneck; no temporal stride, as everywhere in this table of ResNets.",
        temporal=InflatedPointwise(),
    ),
    "p3d": ResNetConfig(
        label="P3D",
        paper="Qiu et al., Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks, ICCV 2017",
        note="1x3x3, BatchNorm, ReLU, 3x1x1 in every bottleneck (P3D-A), which is also how S3D separates a kernel.",
        temporal=Separable(),
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
