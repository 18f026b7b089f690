"""The temporal operators: what stands in a bottleneck where a 2D network has its 1x1 and its 3x3 convolution.

Every operator works on folded frames `(N·T, C, H, W)` and is told `num_frames`, so that all 2D work is plain Conv2d.
`fold` and `unfold` are the operators (.)^ and (.)v of equations 1-3 in Liu et al., "Grouped Temporal Enhancement
Module for Human Action Recognition". In channels-last memory both are views.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

TAPS = 3
"""Taps of a temporal kernel: the previous frame, this frame, the next frame."""


def fold(clip: Float[Tensor, "n c t h w"]) -> Float[Tensor, "n*t c h w"]:
    """Line the frames of all clips up in the batch dimension."""
    return clip.transpose(1, 2).flatten(0, 1)


def unfold(frames: Float[Tensor, "nt c h w"], num_frames: int) -> Float[Tensor, "n c {num_frames} h w"]:
    """Undo `fold`. Raises RuntimeError if the batch is no multiple of `num_frames`."""
    return frames.unflatten(0, (-1, num_frames)).transpose(1, 2)


def temporal_shift(clip: Float[Tensor, "n c t h w"], num_shifted: int) -> Float[Tensor, "n c t h w"]:
    """Replace the first `num_shifted` channels by the next frame's and the next as many by the previous frame's.

    Frames from outside the clip are zero. Raises ValueError if 2 * num_shifted > c.
    Lin et al., "TSM: Temporal Shift Module for Efficient Video Understanding", section 3.
    """
    ahead, back = num_shifted, 2 * num_shifted
    if back > clip.shape[1]:
        raise ValueError(f"A shift moves at most half of the channels each way; got {num_shifted} of {clip.shape[1]}.")
    # One preallocated buffer: half the price of concatenating the three parts.
    shifted = torch.empty_like(clip)
    shifted[:, :ahead, :-1] = clip[:, :ahead, 1:]
    shifted[:, :ahead, -1:] = 0
    shifted[:, ahead:back, 1:] = clip[:, ahead:back, :-1]
    shifted[:, ahead:back, :1] = 0
    shifted[:, back:] = clip[:, back:]
    return shifted


def temporal_shift_weight(out_channels: int, in_channels: int) -> Float[Tensor, "o i 3 1"]:
    """The LTS weight that is a temporal shift: output o reads input o mod i, one frame ahead or one back.

    The first half of the outputs carries W_f = (0, 0, 1) and reads the next frame, the second half W_b = (1, 0, 0) and
    reads the previous one: TSM's own order. Raises ValueError if `out_channels` is odd or zero.
    """
    if out_channels < 2 or out_channels % 2:
        raise ValueError(
            f"A temporal shift needs an even number of outputs, half for each direction; got {out_channels}."
        )
    weight = torch.zeros(out_channels, in_channels, TAPS, 1)
    output = torch.arange(out_channels)
    tap = torch.where(output < out_channels // 2, TAPS - 1, 0)
    weight[output, output % in_channels, tap] = 1
    return weight


class LearnableTemporalShift(nn.Module):
    """LTS: a dense (3, 1, 1) convolution without bias that starts as a temporal shift.

    With taps (a1, a2, a3) along dimension 2 of `weight`: out[t] = a1·in[t-1] + a2·in[t] + a3·in[t+1], zero padded.
    Before training it equals the hard shift bit for bit. Liu et al., equations 4-6.
    """

    weight: nn.Parameter

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(temporal_shift_weight(out_channels, in_channels))

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h w"]:
        clip = unfold(x, num_frames)
        height, width = clip.shape[-2:]
        pixels = clip.flatten(3)  # (n, i, t, h·w): a view in channels-last memory
        shifted = functional.conv2d(pixels, self.weight, padding=(TAPS // 2, 0))
        return fold(shifted.unflatten(3, (height, width)))

    def extra_repr(self) -> str:
        outputs, inputs = self.weight.shape[:2]
        return f"{inputs}, {outputs}, kernel_size=({TAPS}, 1, 1)"


class FrameConv(nn.Conv2d):
    """A 2D convolution on every frame by itself, kernel 1 x k x k, without bias; k is odd."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return super().forward(x)


class ShiftedFrameConv(FrameConv):
    """A pointwise convolution behind a temporal shift of C/shift_division channels each way (TSM's `blockres`)."""

    def __init__(self, in_channels: int, out_channels: int, num_shifted: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=1)
        self.num_shifted = num_shifted

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h w"]:
        return super().forward(fold(temporal_shift(unfold(x, num_frames), self.num_shifted)), num_frames)


class SpatioTemporalConv(nn.Conv2d):
    """A 3x3x3 convolution, zero padded in time, without bias, as one 2D convolution and a shifted sum.

    The weight is `(3·O, I, 3, 3)`: the taps for the previous, this and the next frame, one below the other. The 2D
    convolution gives all three answers of a frame, of which each goes to the frame that asked for it. On a CPU this
    takes two thirds of the time of Conv3d.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, TAPS * out_channels, TAPS, stride, 1, bias=False)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        answers = super().forward(x).unflatten(0, (-1, num_frames))
        previous, current, following = answers.chunk(TAPS, dim=2)  # each (n, t, o, h2, w2)
        # Frame t+1 reads frame t through its "previous" tap, frame t-1 through its "next" tap.
        summed = current.clone()
        summed[:, 1:] += previous[:, :-1]
        summed[:, :-1] += following[:, 1:]
        return summed.flatten(0, 1)

    @property
    def kernel(self) -> Float[Tensor, "o i 3 3 3"]:
        """The weight in Conv3d's order, (outputs, inputs, taps, rows, columns)."""
        return torch.stack(self.weight.chunk(TAPS), dim=2)


class SplitConv(nn.Module):
    """Halves of the input for a spatial and a temporal path, their outputs concatenated, spatial first."""

    def __init__(self, spatial: FrameConv, temporal: nn.Module) -> None:
        super().__init__()
        self.spatial = spatial
        self.temporal = temporal

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        still, moving = x.chunk(2, dim=1)
        return torch.cat([self.spatial(still, num_frames), self.temporal(moving, num_frames)], dim=1)


class ShiftThenConv(nn.Module):
    """LTS and behind it, with nothing between, the 1x3x3 convolution that carries the stride."""

    def __init__(self, shift: LearnableTemporalShift, conv: FrameConv) -> None:
        super().__init__()
        self.shift = shift
        self.conv = conv

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return self.conv(self.shift(x, num_frames), num_frames)


@dataclass(frozen=True, kw_only=True)
class FrameByFrame:
    """c2d: every frame by itself. The base of the other designs, which replace one convolution of the bottleneck."""

    def build_conv1(self, in_channels: int, width: int) -> nn.Module:
        """The pointwise convolution at the entrance of a bottleneck, C_in -> C."""
        return FrameConv(in_channels, width, kernel_size=1)

    def build_conv2(self, width: int, stride: int) -> nn.Module:
        """The 3x3 convolution in the middle of a bottleneck, C -> C, which carries the stride."""
        return FrameConv(width, width, kernel_size=3, stride=stride)


@dataclass(frozen=True, kw_only=True)
class TemporalShift(FrameByFrame):
    """tsm: the channels that enter a bottleneck's branch are shifted in time first."""

    shift_division: int = 8
    """One in so many channels looks ahead, as many look back."""

    def __post_init__(self) -> None:
        if self.shift_division < 2:
            raise ValueError(
                f"shift_division must be at least 2, so that both directions fit; got {self.shift_division}."
            )

    def build_conv1(self, in_channels: int, width: int) -> nn.Module:
        if in_channels % self.shift_division:
            raise ValueError(
                f"shift_division must divide the {in_channels} channels of every block; got {self.shift_division}."
            )
        return ShiftedFrameConv(in_channels, width, in_channels // self.shift_division)


@dataclass(frozen=True, kw_only=True)
class SpatioTemporal(FrameByFrame):
    """c3d: 3x3x3 in place of the 3x3."""

    def build_conv2(self, width: int, stride: int) -> nn.Module:
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
        """Channels into each path, out of the spatial one and out of the temporal one; ValueError if one has none."""
        temporal = round(self.temporal_share * width)
        if abs(temporal - self.temporal_share * width) > 1e-6 or not 0 < temporal < width:
            raise ValueError(
                "temporal_share times the block's width must be a whole number of channels, at least one and not all; "
                f"got {self.temporal_share:g} x {width}."
            )
        if width % 2:
            raise ValueError(f"The width of a block must be even to be split in halves; got {width}.")
        return width // 2, width - temporal, temporal

    def build_conv2(self, width: int, stride: int) -> nn.Module:
        half, spatial, temporal = self.split_width(width)
        return SplitConv(
            FrameConv(half, spatial, kernel_size=3, stride=stride), SpatioTemporalConv(half, temporal, stride)
        )


@dataclass(frozen=True, kw_only=True)
class GroupedTemporalEnhancement(GroupedSpatioTemporal):
    """gte: half of the input to 1x3x3, half to LTS and then 1x3x3 for a share t of the outputs."""

    def build_conv2(self, width: int, stride: int) -> nn.Module:
        half, spatial, temporal = self.split_width(width)
        if temporal % 2:
            raise ValueError(
                "temporal_share times the block's width must be even, so that both directions exist; "
                f"got {self.temporal_share:g} x {width} = {temporal}."
            )
        return SplitConv(
            FrameConv(half, spatial, kernel_size=3, stride=stride),
            ShiftThenConv(
                LearnableTemporalShift(half, temporal),
                FrameConv(temporal, temporal, kernel_size=3, stride=stride),
            ),
        )


TEMPORAL_COST = (LearnableTemporalShift, SpatioTemporalConv)
"""The modules whose arithmetic is spent on time; a hard shift costs none."""


def shift_layers(model: nn.Module) -> Mapping[str, LearnableTemporalShift]:
    """The LTS layers of a network by their path in its state_dict, in the order of depth."""
    return {name: module for name, module in model.named_modules() if isinstance(module, LearnableTemporalShift)}
