"""Table of the networks, and how to build one. A new network is one entry here and a design or a file of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from gte.models.c3d_original import OriginalC3DConfig
from gte.models.config import ClipShape, ModelConfig
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
from gte.models.fusion import fuse
from gte.models.memory import match_gradient_strides, on_meta_device, to_channels_last
from gte.models.outputs import block_outputs, recording
from gte.models.resnet import ResNetConfig
from gte.models.slowfast import SlowFastConfig
from gte.models.temporal import temporal_layers
from gte.models.torchvision_video import R2Plus1DConfig, S3DConfig

__all__ = [
    "ALL",
    "COMPARED",
    "MODELS",
    "ClipShape",
    "ModelConfig",
    "Options",
    "applicable",
    "block_outputs",
    "build",
    "configure",
    "fuse",
    "match_gradient_strides",
    "on_meta_device",
    "parse_model_names",
    "recording",
    "temporal_layers",
    "to_channels_last",
]


GTE = "Liu, Ren, Liu and Ding, Grouped Temporal Enhancement Module for Human Action Recognition"
GST = "Luo and Yuille, Grouped Spatial-Temporal Aggregation for Efficient Action Recognition, ICCV 2019"
AFTER_GTE = "This project, after Liu, Ren, Liu and Ding"
SLOWFAST = "Feichtenhofer et al., SlowFast Networks for Video Recognition, ICCV 2019"

MODELS: dict[str, ModelConfig] = {
    "c2d": ResNetConfig(
        label="C2D",
        paper="2D baseline. As TSN: Wang et al., Temporal Segment Networks, ECCV 2016",
        kind="compared",
        note="Each frame is processed alone; the order of frames cannot change the logits. TSN uses this network.",
        temporal=FrameByFrame(),
    ),
    "tsm": ResNetConfig(
        label="TSM",
        paper="Lin et al., TSM: Temporal Shift Module for Efficient Video Understanding, ICCV 2019",
        kind="compared",
        note="A hard shift of channels at the start of each block, without parameters and MACs. At depth 101 it "
        "is in every second block, as published. The often quoted 24.3 M parameters are for 400 classes.",
        temporal=TemporalShift(),
    ),
    "c3d": ResNetConfig(
        label="C3D",
        paper="Tran et al., Learning Spatiotemporal Features with 3D Convolutional Networks, ICCV 2015",
        kind="compared",
        note="The same ResNet with 3x3x3 kernels, as in Table 1 of Liu et al. The C3D of their Table 4 is quoted "
        "from Luo and Yuille, whose code builds it on a ResNet too.",
        temporal=SpatioTemporal(),
    ),
    "gst": ResNetConfig(
        label="GST",
        paper=GST,
        kind="compared",
        note="Half of the channels have a spatial kernel, half a spatial and temporal one. Liu et al. print 29.5 G "
        "for it, 1.7 % more than the 29.00 G of its convolutions and linear layers; BatchNorm and pooling add 0.18 G.",
        temporal=GroupedSpatioTemporal(),
    ),
    "gte": ResNetConfig(
        label="GTE",
        paper=GTE,
        kind="compared",
        note="Half of the channels have a spatial kernel, half a learnable temporal shift and then a spatial kernel.",
        temporal=GroupedTemporalEnhancement(),
    ),
    "gte_fixed_shift": ResNetConfig(
        label="GTE, fixed shift",
        paper=AFTER_GTE,
        kind="ablation",
        note="The shift is not trained. It is counted as the convolution that it is here; a hard shift has no MACs.",
        temporal=WithFixedShift(),
    ),
    "gte_no_conv2d": ResNetConfig(
        label="GTE, no 2D conv",
        paper=GTE,
        kind="ablation",
        note="The temporal path is the learnable shift alone, without a spatial kernel.",
        temporal=WithoutConv2d(),
    ),
    "gte_shared": ResNetConfig(
        label="GTE, shared shift",
        paper=AFTER_GTE,
        kind="ablation",
        note="One reading of section 2.2, W_f and W_b in R^3: one kernel of three taps per direction, six numbers a "
        "layer. Section 2.3 counts LTS as a dense convolution.",
        temporal=WithSharedShift(),
    ),
    "gte_depthwise": ResNetConfig(
        label="GTE, depthwise shift",
        paper=AFTER_GTE,
        kind="ablation",
        note="One kernel of three taps per output, which reads one input channel.",
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
        note="3x1x1 at the entrance of every bottleneck; no temporal stride, like all ResNets of this table.",
        temporal=InflatedPointwise(),
    ),
    "p3d": ResNetConfig(
        label="P3D",
        paper="Qiu et al., Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks, ICCV 2017",
        note="1x3x3, BatchNorm, ReLU, 3x1x1 in every bottleneck (P3D-A), which is also how S3D separates a kernel.",
        temporal=Separable(),
    ),
    "r2plus1d": R2Plus1DConfig(
        label="R(2+1)D-18",
        paper="Tran et al., A Closer Look at Spatiotemporal Convolutions for Action Recognition, CVPR 2018",
        note="torchvision's network of 18 layers: 1x3x3, BatchNorm, ReLU, 3x1x1 with as many numbers as a 3x3x3. Its "
        "last three stages halve time as well as space.",
    ),
    "s3d": S3DConfig(
        label="S3D",
        paper="Xie et al., Rethinking Spatiotemporal Feature Learning, ECCV 2018",
        note="torchvision's Inception network. It costs 71.91 G MACs at its native clip, 8 % more than the 66.8 G that "
        "Liu et al. print. Their Table 2 names BN-Inception as its backbone; torchvision's blocks have the widths of "
        "Inception v1. That this is the difference is not shown. The separated 7x7x7 at the entrance takes 19.06 G.",
    ),
    "slowfast_4x16": SlowFastConfig(
        label="SlowFast 4x16",
        paper=SLOWFAST,
        note="A wide pathway sees every 8th frame, a narrow one every frame: of 32 frames, read from 64 of the video, "
        "4 and 32. mmaction2 prints 36.3 G at 400 classes, BatchNorm included; without it they are 36.10 G.",
        slow_stride=8,
        lateral_taps=5,
    ),
    "slowfast_8x8": SlowFastConfig(
        label="SlowFast 8x8",
        paper=SLOWFAST,
        note="A wide pathway sees every 4th frame, a narrow one every frame: of 32 frames, read from 64 of the video, "
        "8 and 32. mmaction2 prints 66.1 G at 400 classes, BatchNorm included; without it they are 65.71 G, "
        "as PyTorchVideo prints.",
        slow_stride=4,
        lateral_taps=7,
    ),
    "c3d_original": OriginalC3DConfig(
        label="C3D, original",
        paper="Tran et al., Learning Spatiotemporal Features with 3D Convolutional Networks, ICCV 2015",
        note="Eight 3x3x3 convolutions and three linear layers, without BatchNorm. The often quoted 78.4 M are for "
        "101 classes; with the 487 classes of its first training it has 79.99 M.",
    ),
}


COMPARED = tuple(name for name, config in MODELS.items() if config.kind == "compared")
"""The five networks that the paper's tables compare on a ResNet; the default."""


ALL = "all"
"""Instead of names: every network of the table."""


def parse_model_names(models: Sequence[str]) -> tuple[str, ...]:
    """Return the networks that a command line names; ALL is every one. Raises ValueError for an unknown one or none."""
    unknown = [name for name in models if name not in (*MODELS, ALL)]
    if unknown or not models:
        raise ValueError(f"--models takes {', '.join(MODELS)}, or {ALL}; got {', '.join(unknown) or 'none'}.")
    return tuple(MODELS) if ALL in models else tuple(dict.fromkeys(models))


def configure(name: str, **options: Any) -> ModelConfig:
    """Return the table's entry with other options. Raises ValueError for an unknown name or option or a wrong value."""
    if name not in MODELS:
        raise ValueError(f"The networks are {', '.join(MODELS)}; got {name}.")
    return MODELS[name].with_options(**options)


Options = Mapping[str, int | float]
"""Options of a network with their values."""


def applicable(name: str, options: Options) -> dict[str, int | float]:
    """Keep those of `options` that the network has: a frame-by-frame network has no temporal share.

    Raises ValueError for an unknown network.
    """
    available = configure(name).options()
    return {option: value for option, value in options.items() if option in available}


def build(name: str, **options: Any) -> nn.Module:
    """Return a new network with random weights, in training mode: `build("gte", depth=26, temporal_share=1 / 2)`.

    Raises ValueError for an unknown name or option and for values that leave a path without channels.
    """
    return configure(name, **options).build()
