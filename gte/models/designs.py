"""Designs: which operators a bottleneck has, as data. Each may be a row of the table of networks."""

from dataclasses import dataclass
from fractions import Fraction

from gte.models.operator import TemporalOperator
from gte.models.shift import (
    DepthwiseTemporalShift,
    FixedTemporalShift,
    LearnableTemporalShift,
    SharedTemporalShift,
)
from gte.models.temporal import (
    FrameConv,
    ShiftAlone,
    ShiftedFrameConv,
    ShiftThenConv,
    SideBySideConv,
    SpatialThenTemporal,
    SpatioTemporalConv,
    SplitConv,
    TemporalConv,
)

WAY_OUT = "Choose another t or another width."
MAX_DENOMINATOR = 64
"""Largest denominator of a t that is written as a fraction."""


def _as_fraction(share: float) -> str:
    """Return a share as people write it: "1/16" rather than 0.0625."""
    fraction = Fraction(share).limit_denominator(MAX_DENOMINATOR)
    return str(fraction) if abs(fraction - share) < 1e-9 else f"{share:g}"


@dataclass(frozen=True, kw_only=True)
class FrameByFrame:
    """c2d: each frame alone. Base of the other designs, which replace a convolution of the bottleneck."""

    def build_conv1(self, in_channels: int, width: int, shifts: bool = True) -> TemporalOperator:
        """Build the first, pointwise convolution of a bottleneck, C_in -> C; a hard shift is used only if `shifts`."""
        return FrameConv(in_channels, width, kernel_size=1)

    def build_conv2(self, width: int, stride: int) -> TemporalOperator:
        """Build the 3x3 convolution of a bottleneck, C -> C, which has the stride."""
        return FrameConv(width, width, kernel_size=3, stride=stride)


@dataclass(frozen=True, kw_only=True)
class TemporalShift(FrameByFrame):
    """tsm: the input channels of a bottleneck's branch are shifted in time first.

    As published, a network whose third stage has 23 blocks or more shifts only every second block of each stage.
    """

    shift_division: int = 8
    """One channel in this many reads the next frame, and as many read the previous one."""

    def __post_init__(self) -> None:
        if self.shift_division < 2:
            raise ValueError(
                f"shift_division must be at least 2, so that both directions fit; got {self.shift_division}."
            )

    def build_conv1(self, in_channels: int, width: int, shifts: bool = True) -> TemporalOperator:
        if not shifts:
            return super().build_conv1(in_channels, width)
        if in_channels % self.shift_division:
            raise ValueError(
                f"shift_division must divide the {in_channels} channels of every block; got {self.shift_division}."
            )
        return ShiftedFrameConv(in_channels, width, in_channels // self.shift_division)


@dataclass(frozen=True, kw_only=True)
class SpatioTemporal(FrameByFrame):
    """c3d: 3x3x3 in place of the 3x3."""

    def build_conv2(self, width: int, stride: int) -> TemporalOperator:
        return SpatioTemporalConv(width, width, stride)


@dataclass(frozen=True, kw_only=True)
class GroupedSpatioTemporal(FrameByFrame):
    """gst: half of the input to 1x3x3, half to 3x3x3 for a share t of the outputs."""

    temporal_share: float = 1 / 4
    """t, the share of the output channels that the temporal path makes."""

    def __post_init__(self) -> None:
        if not 0 < self.temporal_share < 1:
            raise ValueError(
                "temporal_share must lie between 0 and 1, so that both paths have channels; "
                f"got {self.temporal_share:g}."
            )

    def split_width(self, width: int) -> tuple[int, int, int]:
        """Return the channels into each path, out of the spatial and of the temporal one. Raises ValueError for 0."""
        temporal = round(self.temporal_share * width)
        if abs(temporal - self.temporal_share * width) > 1e-6 or not 0 < temporal < width:
            raise ValueError(
                "The temporal share t must leave both paths of every block a whole number of channels, at least one; "
                f"got {_as_fraction(self.temporal_share)} of {width} channels. {WAY_OUT}"
            )
        if width % 2:
            raise ValueError(f"The width of a block must be even to be split in halves; got {width}.")
        return width // 2, width - temporal, temporal

    def build_conv2(self, width: int, stride: int) -> TemporalOperator:
        half, spatial, temporal = self.split_width(width)
        return SplitConv(
            FrameConv(half, spatial, kernel_size=3, stride=stride), SpatioTemporalConv(half, temporal, stride)
        )


@dataclass(frozen=True, kw_only=True)
class GroupedSpatioTemporalLarge(GroupedSpatioTemporal):
    """gst_large: both paths read all channels."""

    def build_conv2(self, width: int, stride: int) -> TemporalOperator:
        _, spatial, temporal = self.split_width(width)
        return SideBySideConv(
            FrameConv(width, spatial, kernel_size=3, stride=stride), SpatioTemporalConv(width, temporal, stride)
        )


@dataclass(frozen=True, kw_only=True)
class GroupedTemporalEnhancement(GroupedSpatioTemporal):
    """gte: half of the input to 1x3x3, half to LTS and then 1x3x3 for a share t of the outputs."""

    identity_share: float = 0.0
    """Share of the outputs of LTS without a shift before training; the others shift, half in each direction."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.identity_share < 1:
            raise ValueError(f"identity_share must be at least 0 and less than 1; got {self.identity_share:g}.")

    def build_conv2(self, width: int, stride: int) -> TemporalOperator:
        half, spatial, temporal = self.split_width(width)
        shifted = temporal - round(self.identity_share * temporal)
        if shifted % 2 or not shifted or abs(shifted - (1 - self.identity_share) * temporal) > 1e-6:
            share = f"(1 - {self.identity_share:g}) x " if self.identity_share else ""
            raise ValueError(
                "The temporal share t must give every block an even number of temporal channels, so that both "
                f"directions exist; got {share}{_as_fraction(self.temporal_share)} of {width} channels, which is "
                f"{(1 - self.identity_share) * temporal:g}. {WAY_OUT}"
            )
        return SplitConv(
            FrameConv(half, spatial, kernel_size=3, stride=stride), self.build_temporal(half, temporal, stride)
        )

    def build_shift(self, in_channels: int, out_channels: int) -> LearnableTemporalShift:
        """Build the layer of LTS."""
        return LearnableTemporalShift(in_channels, out_channels, self.identity_share)

    def build_temporal(self, in_channels: int, out_channels: int, stride: int) -> TemporalOperator:
        """Build the temporal path."""
        return ShiftThenConv(
            self.build_shift(in_channels, out_channels),
            FrameConv(out_channels, out_channels, kernel_size=3, stride=stride),
        )


@dataclass(frozen=True, kw_only=True)
class WithFixedShift(GroupedTemporalEnhancement):
    """gte_fixed_shift: LTS frozen at its initialisation."""

    def build_shift(self, in_channels: int, out_channels: int) -> LearnableTemporalShift:
        return FixedTemporalShift(in_channels, out_channels, self.identity_share)


@dataclass(frozen=True, kw_only=True)
class WithSharedShift(GroupedTemporalEnhancement):
    """gte_shared: one 3-tap kernel per direction, shared by its channels."""

    def build_shift(self, in_channels: int, out_channels: int) -> LearnableTemporalShift:
        return SharedTemporalShift(in_channels, out_channels, self.identity_share)


@dataclass(frozen=True, kw_only=True)
class WithDepthwiseShift(GroupedTemporalEnhancement):
    """gte_depthwise: one 3-tap kernel per output, which reads one input."""

    def build_shift(self, in_channels: int, out_channels: int) -> LearnableTemporalShift:
        return DepthwiseTemporalShift(in_channels, out_channels, self.identity_share)


@dataclass(frozen=True, kw_only=True)
class WithoutConv2d(GroupedTemporalEnhancement):
    """gte_no_conv2d: the temporal path is LTS alone, which has the stride."""

    def build_temporal(self, in_channels: int, out_channels: int, stride: int) -> TemporalOperator:
        return ShiftAlone(self.build_shift(in_channels, out_channels), stride)


@dataclass(frozen=True, kw_only=True)
class InflatedPointwise(FrameByFrame):
    """i3d: 3x1x1 in place of the 1x1 at the entrance of every bottleneck."""

    def build_conv1(self, in_channels: int, width: int, shifts: bool = True) -> TemporalOperator:
        return TemporalConv(in_channels, width)


@dataclass(frozen=True, kw_only=True)
class Separable(FrameByFrame):
    """p3d: 1x3x3, BatchNorm, ReLU, 3x1x1 in place of the 3x3."""

    def build_conv2(self, width: int, stride: int) -> TemporalOperator:
        return SpatialThenTemporal(width, width, stride)
