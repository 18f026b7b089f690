"""Interface of the temporal operators: the methods that networks, weights and figures use.

An operator works on folded frames `(N·T, C, H, W)` and takes `num_frames`. A new one derives from `TemporalKernel` if
it has a weight that spans frames, else from `TemporalOperator`; pyright names the methods that it lacks.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

KernelShape = tuple[int, int, int]
"""Frames, rows and columns that one output reads."""


class TemporalOperator(nn.Module, ABC):
    """A layer of a bottleneck in place of a 2D convolution, or the part of one that mixes frames."""

    NORMALIZED: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Layers inside and the BatchNorms directly after them."""
    INNER_NORM: ClassVar[str] = ""
    """The BatchNorm inside that inflation fills from the one after the 2D convolution, which becomes the identity."""

    @abstractmethod
    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]: ...

    @abstractmethod
    def inflate(self, weight: Float[Tensor, "o i k k"]) -> dict[str, Tensor]:
        """Return the state, by key, that starts the operator from this weight of a 2D convolution.

        Parameters that are left out keep their values.
        """

    @abstractmethod
    def absorb(self, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
        """Scale and shift the outputs by changing the weights; return False, and change nothing, if that cannot be."""

    @property
    def kernel_shape(self) -> KernelShape | None:
        """What one output reads through the operator's own weight; None for an operator without one."""
        return None

    @property
    def mixes_frames(self) -> bool:
        """True if an output reads other frames than its own, not counting what parts of the operator do."""
        return self.kernel_shape is not None and self.kernel_shape[0] > 1

    @property
    def noun(self) -> str:
        """Name in block diagrams; empty for "conv" where there is a kernel and the name of the class elsewhere."""
        return ""


class TemporalKernel(TemporalOperator):
    """An operator with a weight (outputs, inputs, taps, 1 or more) that spans an odd number of frames."""

    weight: Tensor

    @property
    def kernel(self) -> Float[Tensor, "o i k *space"]:
        """The weight with taps in dimension 2; the middle tap reads the output's own frame."""
        return self.weight

    @property
    def kernel_shape(self) -> KernelShape:
        frames, rows, columns = (*self.kernel.shape[2:], 1)[:3]
        return frames, rows, columns

    def initial_kernel(self) -> Float[Tensor, "o i k *space"] | None:
        """Return the kernel before training; None where it was drawn at random."""
        return None

    def time_kernel(self) -> Float[Tensor, "o i k 1"]:
        """Return the kernel summed over space: the answer to what does not vary in space."""
        return sum_over_space(self.kernel)

    def weight_with(self, kernel: Float[Tensor, "o i k *space"]) -> Tensor:
        """Return a weight, in the shape and memory format of the operator's own, whose kernel is this one."""
        return torch.empty_like(self.weight.detach()).copy_(kernel)


def sum_over_space(kernel: Float[Tensor, "o i k *space"]) -> Float[Tensor, "o i k 1"]:
    """Sum a kernel over rows and columns, where it has any."""
    # In one memory format, so that equal weights have equal sums to the last bit.
    return kernel.detach() if kernel.dim() == 4 else kernel.detach().contiguous().sum((3, 4))[..., None]


def scale_outputs(conv: nn.Conv2d | nn.Conv3d, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> None:
    """Scale and shift the outputs of a convolution by changing its weight and its bias."""
    conv.weight = nn.Parameter(conv.weight * scale.view(-1, *[1] * (conv.weight.dim() - 1)))
    conv.bias = nn.Parameter(shift if conv.bias is None else shift + scale * conv.bias)
