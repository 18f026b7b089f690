"""The temporal operators: what stands in a bottleneck where a 2D network has its 1x1 and its 3x3 convolution.

Every operator works on folded frames `(N·T, C, H, W)` and is told `num_frames`, as those of `gte.models.shift` do.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gte.models.shift import TAPS, LearnableTemporalShift, convolve_in_time, fold, temporal_shift, unfold


class TemporalConv(nn.Conv2d):
    """A dense (3, 1, 1) convolution without bias that starts like any other, at random."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, (TAPS, 1), padding=(TAPS // 2, 0), bias=False)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h w"]:
        return convolve_in_time(x, self.weight, num_frames, bias=self.bias)


class FrameConv(nn.Conv2d):
    """A 2D convolution on every frame by itself, kernel 1 x k x k, without bias; k is odd."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return super().forward(x)


class HardTemporalShift(nn.Module):
    """The temporal shift of TSM: `num_shifted` channels take the next frame's values and as many the previous one's."""

    def __init__(self, num_shifted: int) -> None:
        super().__init__()
        self.num_shifted = num_shifted

    def forward(self, x: Float[Tensor, "nt c h w"], num_frames: int) -> Float[Tensor, "nt c h w"]:
        return fold(temporal_shift(unfold(x, num_frames), self.num_shifted))

    def extra_repr(self) -> str:
        return f"{self.num_shifted} channels each way"


class ShiftedFrameConv(FrameConv):
    """A pointwise convolution behind a temporal shift of C/shift_division channels each way (TSM's `blockres`)."""

    def __init__(self, in_channels: int, out_channels: int, num_shifted: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=1)
        self.shift = HardTemporalShift(num_shifted)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h w"]:
        return super().forward(self.shift(x, num_frames), num_frames)


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


class SideBySideConv(nn.Module):
    """A spatial and a temporal path that both read the whole input, their outputs concatenated, spatial first."""

    def __init__(self, spatial: FrameConv, temporal: nn.Module) -> None:
        super().__init__()
        self.spatial = spatial
        self.temporal = temporal

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return torch.cat([self.spatial(x, num_frames), self.temporal(x, num_frames)], dim=1)


class SplitConv(SideBySideConv):
    """Halves of the input for a spatial and a temporal path, their outputs concatenated, spatial first."""

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        still, moving = x.chunk(2, dim=1)
        return torch.cat(self.paths(still, moving, num_frames), dim=1)

    def paths(
        self, still: Float[Tensor, "nt j h w"], moving: Float[Tensor, "nt j h w"], num_frames: int
    ) -> tuple[Float[Tensor, "nt o h2 w2"], Float[Tensor, "nt p h2 w2"]]:
        """What the spatial path makes of one half and the temporal path of the other."""
        return self.spatial(still, num_frames), self.temporal(moving, num_frames)


class ShiftThenConv(nn.Module):
    """LTS and behind it, with nothing between, the 1x3x3 convolution that carries the stride."""

    def __init__(self, shift: LearnableTemporalShift, conv: FrameConv) -> None:
        super().__init__()
        self.shift = shift
        self.conv = conv

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return self.conv(self.shift(x, num_frames), num_frames)


class ShiftAlone(nn.Module):
    """LTS that carries the stride itself, with no 2D convolution behind it: it reads every `stride`-th pixel."""

    def __init__(self, shift: LearnableTemporalShift, stride: int) -> None:
        super().__init__()
        self.shift = shift
        self.stride = stride

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return self.shift(x[:, :, :: self.stride, :: self.stride], num_frames)


class SpatialThenTemporal(nn.Module):
    """1x3x3, BatchNorm, ReLU, 3x1x1: a 3x3x3 convolution taken apart (P3D-A, and the separable convolution of S3D)."""

    NORMALIZED = (("spatial", "bn"),)
    """Layers and the BatchNorms right behind them."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.spatial = FrameConv(in_channels, out_channels, kernel_size=3, stride=stride)
        self.bn = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.temporal = TemporalConv(out_channels, out_channels)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return self.temporal(self.relu(self.bn(self.spatial(x, num_frames))), num_frames)


TEMPORAL = (LearnableTemporalShift, TemporalConv, SpatioTemporalConv)
"""The operators of this project whose kernel spans more than one frame; Conv3d may as well."""


def temporal_layers(model: nn.Module) -> Mapping[str, nn.Module]:
    """Every layer whose kernel spans more than one frame, by its path in the state_dict, in the order of depth.

    A hard shift has no kernel. The arithmetic of these layers is what a network spends on time.
    """
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, TEMPORAL) or (isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1)
    }


def kernel_size(layer: nn.Module) -> tuple[int, int, int] | None:
    """Frames, rows and columns that a convolution or a pool reads for one output; None for what has no kernel.

    A layer of frames, `Conv2d` say, reads one frame, unless it is one of TEMPORAL.
    """
    match layer:
        case LearnableTemporalShift() | TemporalConv():
            return TAPS, 1, 1
        case SpatioTemporalConv():
            rows, columns = _repeated(layer.kernel_size, 2)
            return TAPS, rows, columns
        case nn.Conv2d() | nn.MaxPool2d() | nn.AvgPool2d():
            rows, columns = _repeated(layer.kernel_size, 2)
            return 1, rows, columns
        case nn.Conv3d() | nn.MaxPool3d() | nn.AvgPool3d():
            frames, rows, columns = _repeated(layer.kernel_size, 3)
            return frames, rows, columns
    return None


def _repeated(size: int | tuple[int, ...], times: int) -> tuple[int, ...]:
    return (size,) * times if isinstance(size, int) else size


def mixes_frames(layer: nn.Module) -> bool:
    """True for a layer that reads other frames than the one it answers for: by a kernel over time or a hard shift."""
    kernel = kernel_size(layer)
    return isinstance(layer, HardTemporalShift) or (kernel is not None and kernel[0] > 1)


def time_kernel(layer: nn.Module) -> Float[Tensor, "o i k 1"]:
    """The kernel of a temporal layer summed over space: its answer to what does not vary in space.

    k is odd, its middle tap is the frame itself. Raises ValueError for a layer without a temporal kernel.
    """
    match layer:
        case LearnableTemporalShift() | TemporalConv():
            return layer.weight.detach()
        # In one memory format, so that equal weights have equal sums to the last bit.
        case SpatioTemporalConv():
            return layer.kernel.detach().contiguous().sum((3, 4))[..., None]
        case nn.Conv3d():
            return layer.weight.detach().contiguous().sum((3, 4))[..., None]
    raise ValueError(f"A layer with a kernel over frames was expected; got {type(layer).__name__}.")
