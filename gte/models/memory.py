"""Memory formats of networks, and networks on the meta device, which take no memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


def to_channels_last(model: nn.Module) -> nn.Module:
    """Put the weights of a network into channels-last memory, in place; `Module.to` refuses to mix 4-D and 5-D ones."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in model.parameters():
        if parameter.dim() in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.dim()])
    return model


def match_gradient_strides(model: nn.Module) -> None:
    """Let gradients arrive with the strides of their weights, for all backward passes from here on.

    The stride of a dimension of size 1 addresses nothing, but where it differs DistributedDataParallel warns and
    copies. To change the weights' instead would let convolutions choose other algorithms, which round differently.
    """
    for parameter in model.parameters():
        if 1 in parameter.shape[1:]:
            parameter.register_hook(partial(_with_strides, strides=parameter.stride()))


def _with_strides(gradient: Tensor, strides: tuple[int, ...]) -> Tensor:
    dimensions = zip(gradient.shape, gradient.stride(), strides, strict=True)
    same = all(size == 1 or own == wanted for size, own, wanted in dimensions)
    return gradient.as_strided(gradient.shape, strides) if same else gradient


@contextmanager
def on_meta_device() -> Iterator[None]:
    """Build modules on the meta device, without initialising them.

    Drawing random numbers there would import torch's whole compiler, which takes seconds, and fill nothing.
    """
    with torch.device("meta"), _WithoutInitialisation():
        yield


class _WithoutInitialisation(TorchFunctionMode):
    FILLING = ("normal_", "uniform_", "trunc_normal_", "fill_", "zero_")

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        # What is written in C has no module.
        if getattr(func, "__module__", "") == nn.init.__name__ or func.__name__ in self.FILLING:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


class WithoutNormalising(TorchFunctionMode):
    """Leaves out batch normalisation, which changes no size: on the meta device it takes half of a forward pass."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return args[0] if func is nn.functional.batch_norm else func(*args, **(kwargs or {}))
