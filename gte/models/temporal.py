"""Temporal operators: layers of a bottleneck in place of the 1x1 and the 3x3 convolution of a 2D network."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gte.models.operator import KernelShape, TemporalKernel, TemporalOperator, scale_outputs, sum_over_space
from gte.models.shift import TAPS, LearnableTemporalShift, convolve_in_time, fold, temporal_shift, unfold


class TemporalConv(nn.Conv2d, TemporalKernel):
    """A dense (3, 1, 1) convolution without bias with a random initialisation."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, (TAPS, 1), padding=(TAPS // 2, 0), bias=False)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h w"]:
        return convolve_in_time(x, self.weight, num_frames, bias=self.bias)

    def inflate(self, weight: Float[Tensor, "o i 1 1"]) -> dict[str, Tensor]:
        return {"weight": (weight / TAPS).expand(-1, -1, TAPS, -1)}

    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        scale_outputs(self, scale, shift)
        return True


class FrameConv(nn.Conv2d, TemporalOperator):
    """A 2D convolution on each frame alone, kernel 1 x k x k, without bias; k is odd."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False)

    @property
    def kernel_shape(self) -> KernelShape:
        rows, columns = _repeated(self.kernel_size, 2)
        return 1, rows, columns

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return super().forward(x)

    def inflate(self, weight: Float[Tensor, "o i k k"]) -> dict[str, Tensor]:
        return {"weight": weight}

    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        scale_outputs(self, scale, shift)
        return True


class HardTemporalShift(TemporalOperator):
    """The temporal shift of TSM: `num_shifted` channels take the next frame's values and as many the previous one's."""

    def __init__(self, num_shifted: int) -> None:
        super().__init__()
        self.num_shifted = num_shifted

    def forward(self, x: Float[Tensor, "nt c h w"], num_frames: int) -> Float[Tensor, "nt c h w"]:
        return fold(temporal_shift(unfold(x, num_frames), self.num_shifted))

    @property
    def mixes_frames(self) -> bool:
        return True

    @property
    def noun(self) -> str:
        return f"Temporal shift, {self.num_shifted} each way"

    def inflate(self, weight: Float[Tensor, "o i k k"]) -> dict[str, Tensor]:
        return {}

    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        return False

    def extra_repr(self) -> str:
        return f"{self.num_shifted} channels each way"


class ShiftedFrameConv(FrameConv):
    """A pointwise convolution after a temporal shift of C/shift_division channels each way (TSM's `blockres`)."""

    def __init__(self, in_channels: int, out_channels: int, num_shifted: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=1)
        self.shift = HardTemporalShift(num_shifted)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h w"]:
        return super().forward(self.shift(x, num_frames), num_frames)


class SpatioTemporalConv(nn.Conv2d, TemporalKernel):
    """A 3x3x3 convolution, zero padded in time, without bias, as one 2D convolution and a shifted sum.

    The weight is `(3·O, I, 3, 3)`: stacked, the taps for the previous, this and the next frame. The 2D
    convolution computes the three terms of a frame, each of which is added to the frame that reads it. On a CPU this
    takes two thirds of the time of Conv3d.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, TAPS * out_channels, TAPS, stride, 1, bias=False)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        terms = super().forward(x).unflatten(0, (-1, num_frames))
        previous, current, following = terms.chunk(TAPS, dim=2)  # each (n, t, o, h2, w2)
        # Frame t+1 reads frame t through its "previous" tap, frame t-1 through its "next" tap.
        summed = current.clone()
        summed[:, 1:] += previous[:, :-1]
        summed[:, :-1] += following[:, 1:]
        return summed.flatten(0, 1)

    @property
    def kernel(self) -> Float[Tensor, "o i 3 3 3"]:
        """The weight in Conv3d's order, (outputs, inputs, taps, rows, columns)."""
        return torch.stack(self.weight.chunk(TAPS), dim=2)

    def weight_with(self, kernel: Float[Tensor, "o i 3 3 3"]) -> Tensor:
        return super().weight_with(torch.cat(kernel.unbind(2)))

    def inflate(self, weight: Float[Tensor, "o i 3 3"]) -> dict[str, Tensor]:
        return {"weight": torch.cat([weight / TAPS] * TAPS)}

    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        # Three terms are added up; only that of the frame itself, which is never missing, includes the shift.
        none = torch.zeros_like(shift)
        scale_outputs(self, scale.repeat(TAPS), torch.cat([none, shift, none]))
        return True


class SideBySideConv(TemporalOperator):
    """A spatial and a temporal path that both read the whole input, their outputs concatenated, spatial first."""

    def __init__(self, spatial: FrameConv, temporal: TemporalOperator) -> None:
        super().__init__()
        self.spatial = spatial
        self.temporal = temporal

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return torch.cat([self.spatial(x, num_frames), self.temporal(x, num_frames)], dim=1)

    def inflate(self, weight: Float[Tensor, "o i k k"]) -> dict[str, Tensor]:
        return self._inflate_paths(weight, weight)

    def _inflate_paths(
        self, spatial: Float[Tensor, "o i k k"], temporal: Float[Tensor, "o i k k"]
    ) -> dict[str, Tensor]:
        """Give the first outputs to the spatial path and the others to the temporal one."""
        outputs = self.spatial.out_channels
        return with_prefix("spatial", self.spatial.inflate(spatial[:outputs])) | with_prefix(
            "temporal", self.temporal.inflate(temporal[outputs:])
        )

    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        outputs = self.spatial.out_channels
        # The temporal path first: it may refuse.
        return self.temporal.absorb(scale[outputs:], shift[outputs:]) and self.spatial.absorb(
            scale[:outputs], shift[:outputs]
        )


class SplitConv(SideBySideConv):
    """Halves of the input for a spatial and a temporal path, their outputs concatenated, spatial first."""

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        still, moving = x.chunk(2, dim=1)
        return torch.cat(self.paths(still, moving, num_frames), dim=1)

    def paths(
        self, still: Float[Tensor, "nt j h w"], moving: Float[Tensor, "nt j h w"], num_frames: int
    ) -> tuple[Float[Tensor, "nt o h2 w2"], Float[Tensor, "nt p h2 w2"]]:
        """Return the outputs of the spatial path for one half and of the temporal path for the other."""
        return self.spatial(still, num_frames), self.temporal(moving, num_frames)

    def inflate(self, weight: Float[Tensor, "o i k k"]) -> dict[str, Tensor]:
        half = weight.shape[1] // 2
        return self._inflate_paths(weight[:, :half], weight[:, half:])


class ShiftThenConv(TemporalOperator):
    """LTS and directly after it the 1x3x3 convolution, which has the stride."""

    def __init__(self, shift: LearnableTemporalShift, conv: FrameConv) -> None:
        super().__init__()
        self.shift = shift
        self.conv = conv

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return self.conv(self.shift(x, num_frames), num_frames)

    def inflate(self, weight: Float[Tensor, "o i 3 3"]) -> dict[str, Tensor]:
        # Each input of the convolution takes the input channel that LTS passes on before training.
        inputs = torch.arange(self.conv.in_channels) % weight.shape[1]
        return with_prefix("conv", self.conv.inflate(weight[:, inputs]))

    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        return self.conv.absorb(scale, shift)


class ShiftAlone(TemporalOperator):
    """LTS without a 2D convolution after it: it reads every `stride`-th pixel."""

    def __init__(self, shift: LearnableTemporalShift, stride: int) -> None:
        super().__init__()
        self.shift = shift
        self.stride = stride

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return self.shift(x[:, :, :: self.stride, :: self.stride], num_frames)

    def inflate(self, weight: Float[Tensor, "o i k k"]) -> dict[str, Tensor]:
        return {}

    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        return self.shift.absorb(scale, shift)


class SpatialThenTemporal(TemporalOperator):
    """1x3x3, BatchNorm, ReLU, 3x1x1: a factorised 3x3x3 convolution (P3D-A, and the separable convolution of S3D)."""

    NORMALIZED = (("spatial", "bn"),)
    INNER_NORM = "bn"

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.spatial = FrameConv(in_channels, out_channels, kernel_size=3, stride=stride)
        self.bn = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.temporal = TemporalConv(out_channels, out_channels)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        return self.temporal(self.relu(self.bn(self.spatial(x, num_frames))), num_frames)

    def inflate(self, weight: Float[Tensor, "o i 3 3"]) -> dict[str, Tensor]:
        mean = torch.eye(self.temporal.out_channels)[:, :, None, None]  # divided by the taps: the mean of three frames
        return with_prefix("spatial", self.spatial.inflate(weight)) | with_prefix(
            "temporal", self.temporal.inflate(mean)
        )

    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        return self.temporal.absorb(scale, shift)


def with_prefix(part: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the state of a part as its whole does."""
    return {f"{part}.{key}": tensor for key, tensor in state.items()}


def temporal_layers(model: nn.Module) -> Mapping[str, TemporalKernel | nn.Conv3d]:
    """Return every layer whose kernel spans more than one frame, by its path in the state_dict, in order of depth.

    A hard shift has no kernel. The arithmetic of these layers is what a network spends on time.
    """
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, TemporalKernel) or (isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1)
    }


def kernel_shape(layer: nn.Module) -> KernelShape | None:
    """Return the frames, rows and columns that a layer reads for one output; None for what has no kernel.

    A layer of torch's for frames, `Conv2d` say, reads one frame.
    """
    match layer:
        case TemporalOperator():
            return layer.kernel_shape
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
    """Return True for a layer that reads other frames than the one of its output, not counting its parts."""
    if isinstance(layer, TemporalOperator):
        return layer.mixes_frames
    kernel = kernel_shape(layer)
    return kernel is not None and kernel[0] > 1


def time_kernel(layer: nn.Module) -> Float[Tensor, "o i k 1"]:
    """Return the kernel of a temporal layer summed over space: its answer to what does not vary in space.

    k is odd, its middle tap is the frame itself. Raises ValueError for a layer without a temporal kernel.
    """
    match layer:
        case TemporalKernel():
            return layer.time_kernel()
        case nn.Conv3d():
            return sum_over_space(layer.weight)
    raise ValueError(f"A layer with a kernel over frames was expected; got {type(layer).__name__}.")
