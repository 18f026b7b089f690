"""Temporal shift, hard and learnable.

Everything works on folded frames `(N·T, C, H, W)` and takes `num_frames`, so that all 2D work is plain Conv2d.
`fold` and `unfold` are the operators (.)^ and (.)v of equations 1-3 in Liu et al., "Grouped Temporal Enhancement
Module for Human Action Recognition". In channels-last memory both are views.
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from gte.models.operator import TemporalKernel

TAPS = 3
"""Taps of a temporal kernel: the previous frame, this frame, the next frame."""


def fold(clip: Float[Tensor, "n c t h w"]) -> Float[Tensor, "n*t c h w"]:
    """Put the frames of all clips into the batch dimension."""
    return clip.transpose(1, 2).flatten(0, 1)


def unfold(frames: Float[Tensor, "nt c h w"], num_frames: int) -> Float[Tensor, "n c {num_frames} h w"]:
    """Undo `fold`. Raises RuntimeError if the batch is no multiple of `num_frames`."""
    return frames.unflatten(0, (-1, num_frames)).transpose(1, 2)


def temporal_shift(clip: Float[Tensor, "n c t h w"], num_shifted: int) -> Float[Tensor, "n c t h w"]:
    """Replace the first `num_shifted` channels by the next frame's and the next as many by the previous frame's.

    Frames from outside the clip are zero. Raises ValueError if 2 * num_shifted > c.
    Lin et al., "TSM: Temporal Shift Module for Efficient Video Understanding", section 3.
    """
    if 2 * num_shifted > clip.shape[1]:
        raise ValueError(f"A shift moves at most half of the channels each way; got {num_shifted} of {clip.shape[1]}.")
    return HardShift.apply(clip, num_shifted, False)


class HardShift(torch.autograd.Function):
    """The temporal shift and its gradient, which is the opposite shift; autograd's own needs four more copies."""

    @staticmethod
    def forward(clip: Tensor, num_shifted: int, reverse: bool) -> Tensor:
        # A complete copy of which a part is overwritten is faster than three copies concatenated.
        shifted = clip.clone()
        first, second = slice(num_shifted), slice(num_shifted, 2 * num_shifted)
        ahead, back = (second, first) if reverse else (first, second)
        shifted[:, ahead, :-1] = clip[:, ahead, 1:]
        shifted[:, ahead, -1:] = 0
        shifted[:, back, 1:] = clip[:, back, :-1]
        shifted[:, back, :1] = 0
        return shifted

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int, bool], output: Tensor) -> None:
        _, ctx.num_shifted, ctx.reverse = inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return HardShift.apply(gradient, ctx.num_shifted, not ctx.reverse), None, None


def shift_directions(out_channels: int, identity_share: float = 0.0) -> Int[Tensor, " o"]:
    """Return the tap that each output of a temporal shift reads: 2 (next frame), 0 (previous frame) or 1 (its own).

    The first outputs carry W_f = (0, 0, 1) and read the next frame, as many after them W_b = (1, 0, 0) and read the
    previous one, as cross-correlation, which is how PyTorch convolves: the order of TSM's code. The last, a share of
    `identity_share`, are not shifted. Raises ValueError if the outputs that shift are not an even, positive number.
    """
    unshifted = round(identity_share * out_channels)
    shifted = out_channels - unshifted
    if shifted < 2 or shifted % 2 or abs(unshifted - identity_share * out_channels) > 1e-6:
        raise ValueError(
            "A temporal shift needs an even number of outputs that shift, half for each direction; got "
            f"{out_channels}{f', of which a share of {identity_share:g} stays' if identity_share else ''}."
        )
    output = torch.arange(out_channels)
    ahead, back, stay = TAPS - 1, 0, TAPS // 2
    return torch.where(output < shifted // 2, ahead, torch.where(output < shifted, back, stay))


def temporal_shift_weight(
    out_channels: int, in_channels: int, identity_share: float = 0.0
) -> Float[Tensor, "{out_channels} {in_channels} 3 1"]:
    """Return the LTS weight that is a temporal shift: output o reads input o mod i, as `shift_directions` says.

    Raises ValueError if the outputs that shift are not an even, positive number.
    """
    # Computed on the CPU: on the meta device this arithmetic would import torch's compiler, which takes two seconds.
    with torch.device("cpu"):
        weight = torch.zeros(out_channels, in_channels, TAPS, 1)
        output = torch.arange(out_channels)
        weight[output, output % in_channels, shift_directions(out_channels, identity_share)] = 1
    return weight.to(torch.get_default_device())


def convolve_in_time(
    x: Float[Tensor, "nt i h w"],
    weight: Float[Tensor, "o i2 3 1"],
    num_frames: int,
    groups: int = 1,
    bias: Float[Tensor, " o"] | None = None,
) -> Float[Tensor, "nt o h w"]:
    """Convolve with a (3, 1, 1) kernel, zero padded in time: out[t] = a1·in[t-1] + a2·in[t] + a3·in[t+1] (+ bias)."""
    clip = unfold(x, num_frames)
    height, width = clip.shape[-2:]
    pixels = clip.flatten(3)  # (n, i, t, h·w): a view in channels-last memory
    mixed = functional.conv2d(pixels, weight, bias, padding=(TAPS // 2, 0), groups=groups)
    return fold(mixed.unflatten(3, (height, width)))


class LearnableTemporalShift(TemporalKernel):
    """LTS: a dense (3, 1, 1) convolution without bias that starts as a temporal shift.

    With taps (a1, a2, a3) along dimension 2 of `weight`: out[t] = a1·in[t-1] + a2·in[t] + a3·in[t+1], zero padded.
    Before training it equals the hard shift bit for bit. Liu et al., equations 1-3 and section 2.3.
    """

    def __init__(self, in_channels: int, out_channels: int, identity_share: float = 0.0) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.identity_share = identity_share
        self.weight = nn.Parameter(self.initial_weight(in_channels))

    def initial_weight(self, in_channels: int) -> Float[Tensor, "o i 3 1"]:
        """Return the weight before training. Raises ValueError unless an even, positive number of outputs shifts."""
        return temporal_shift_weight(self.out_channels, in_channels, self.identity_share)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h w"]:
        return convolve_in_time(x, self.weight, num_frames)

    def initial_kernel(self) -> Float[Tensor, "o i 3 1"]:
        return self.initial_weight(self.weight.shape[1]).to(self.weight)

    def inflate(self, weight: Float[Tensor, "o i k k"]) -> dict[str, Tensor]:
        return {}

    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        return False

    @property
    def noun(self) -> str:
        return "LTS"

    def extra_repr(self) -> str:
        return f"{self.out_channels} outputs, weight {tuple(self.weight.shape)}"


class FixedTemporalShift(LearnableTemporalShift):
    """LTS frozen at its initialisation: the weight is a buffer, saved with the network and never trained."""

    def __init__(self, in_channels: int, out_channels: int, identity_share: float = 0.0) -> None:
        super().__init__(in_channels, out_channels, identity_share)
        weight = self.weight.detach()
        del self.weight
        self.register_buffer("weight", weight)

    @property
    def noun(self) -> str:
        return "LTS, fixed"


class DepthwiseTemporalShift(LearnableTemporalShift):
    """LTS with one 3-tap kernel per output: output o reads input o mod i and no other. The weight is (o, 1, 3, 1)."""

    def initial_weight(self, in_channels: int) -> Float[Tensor, "o 1 3 1"]:
        return temporal_shift_weight(self.out_channels, 1, self.identity_share)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h w"]:
        inputs = torch.arange(self.out_channels, device=x.device) % x.shape[1]
        return convolve_in_time(x[:, inputs], self.kernels(), num_frames, groups=self.out_channels)

    def kernels(self) -> Float[Tensor, "o 1 3 1"]:
        """Return the kernel of every output."""
        return self.weight

    @property
    def noun(self) -> str:
        return "LTS, depthwise"


class SharedTemporalShift(DepthwiseTemporalShift):
    """LTS with one 3-tap kernel per direction, W_f and W_b in R^3: six numbers a layer.

    One reading of Liu et al., section 2.2; their section 2.3 counts LTS as dense. The weight is (2, 1, 3, 1). Outputs
    of the identity share, if there is one, pass unchanged.
    """

    def initial_weight(self, in_channels: int) -> Float[Tensor, "2 1 3 1"]:
        return temporal_shift_weight(2, 1)

    def kernels(self) -> Float[Tensor, "o 1 3 1"]:
        num_unshifted = round(self.identity_share * self.out_channels)
        shifted = self.weight.repeat_interleave((self.out_channels - num_unshifted) // 2, dim=0)
        unshifted = torch.zeros(num_unshifted, 1, TAPS, 1).to(self.weight)
        unshifted[:, :, TAPS // 2] = 1
        return torch.cat([shifted, unshifted])

    @property
    def noun(self) -> str:
        return "LTS, shared"


def shift_layers(model: nn.Module) -> Mapping[str, LearnableTemporalShift]:
    """Return the LTS layers of a network, of every form, by their path in its state_dict, in the order of depth."""
    return {name: module for name, module in model.named_modules() if isinstance(module, LearnableTemporalShift)}
