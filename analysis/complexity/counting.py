"""Count of a network's cost: fvcore traces it, torch's formulas check it, the modules give their parameters."""

import math
import threading
import warnings
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from analysis.complexity.layers import Layer, kind_of, layers_of, watched
from gte.errors import sentence
from gte.models import (
    MODELS,
    ClipShape,
    ModelConfig,
    Options,
    applicable,
    configure,
    on_meta_device,
    temporal_layers,
    to_channels_last,
)
from gte.models.memory import WithoutNormalising
from gte.models.slowfast import SlowFastConfig

with warnings.catch_warnings():
    # fvcore's imports announce that torch will rename and retire modules; nobody here can change that.
    warnings.simplefilter("ignore", FutureWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    from fvcore.nn import FlopCountAnalysis
    from fvcore.nn.jit_handles import conv_flop_count, get_shape

_CONV_LINEAR = ("conv", "linear", "addmm")
"""fvcore's names for convolutions and linear layers."""

TENSORS_AT_ONCE = 4
"""Largest tensors in memory at once during a trace: two of a shortcut, their sum, and one to spare."""
BYTES_PER_NUMBER = 4

MEMINFO = Path("/proc/meminfo")

_LOCK = threading.Lock()
"""fvcore is not thread-safe: one count at a time."""


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """Cost of one network for one clip, or for all views of one video."""

    name: str
    label: str
    options: Options
    """Every option of the network, with its value."""
    clip: ClipShape
    """The clip that was counted."""
    at_native: bool = False
    """True if the network cannot take the chosen clip, and its native one was counted instead."""
    params: int
    """Learnable numbers."""
    macs: int
    """Multiply-accumulates of everything that fvcore counts, BatchNorm and pooling included."""
    macs_conv_linear: int
    """Multiply-accumulates of convolutions and linear layers alone, which give the paper's 25.3 G."""
    macs_temporal: int
    """The part of `macs_conv_linear` in temporal kernels; 0 for a hard shift, which only moves memory."""
    macs_torch: int
    """Half of the flops that torch's formulas give, for comparison with `macs_conv_linear`."""
    uncounted: Mapping[str, int]
    """Operators that fvcore met and did not count, with how often."""
    layers: tuple[Layer, ...]
    """The layers, in the order of the modules; their MACs add up to `macs`, their parameters to `params`."""
    note: str = ""
    """A sentence where this clip shows the network far less than its publication's does; else empty."""
    views: int = 1
    """Clips times crops of one video whose outputs are averaged; they multiply the MACs."""
    with_head: bool = True
    """False if the classifier was left out of parameters and MACs."""

    @property
    def agrees(self) -> bool:
        """True if fvcore and torch count the same for convolutions and linear layers."""
        return self.macs_conv_linear == self.macs_torch


@dataclass(frozen=True, kw_only=True)
class Uncountable:
    """A network that cannot be counted with these options and this clip, and why."""

    name: str
    label: str
    options: Options
    clip: ClipShape
    reason: str


Counter = Callable[[str, Options, ClipShape], Complexity]
"""`count`, or a function that returns the same from a cache."""


def count(name: str, options: Options, clip: ClipShape) -> Complexity:
    """Count one network for one clip (batch size 1), in about the time of a forward pass.

    Raises ValueError, stating the rule, for an unknown network or option and for a clip that the network cannot take.
    """
    config = checked(name, options, clip)
    with _LOCK, torch.no_grad():
        try:
            return _count(name, config, clip)
        except RuntimeError as error:
            first_line = str(error).strip().partition("\n")[0]
            raise ValueError(f"{config.label} cannot be counted at {clip}: {first_line}") from error


def checked(name: str, options: Options, clip: ClipShape) -> ModelConfig:
    """Configure the network. Raises ValueError if these options, or the clip, are impossible for any network."""
    if min(clip.frames, clip.height, clip.width) < 1:
        raise ValueError(f"A clip must have at least one frame of at least one pixel; got {clip}.")
    for option, value in options.items():
        if not math.isfinite(value):
            raise ValueError(f"{option} must be a finite number; got {value}.")
    return configure(name, **options)


def _count(name: str, config: ModelConfig, clip: ClipShape) -> Complexity:
    with on_meta_device():
        model = config.build().eval()
        picture = torch.empty(1, 3, clip.frames, clip.height, clip.width)
    # The cheap counter goes first: it refuses a clip that is too small before any memory is spent.
    with _TorchFlops() as torch_flops, WithoutNormalising(), watched(model) as shapes:
        model(picture)
    refuse_too_large(config.label, clip, torch_flops.convolved)
    # fvcore needs real tensors. Zeros, because to draw random weights would cost nearly a forward pass; in the memory
    # format that they run in, because each convolution would otherwise copy its weights.
    model.to_empty(device="cpu")
    for tensor in chain(model.parameters(), model.buffers()):
        tensor.zero_()
    to_channels_last(model)
    analysis = FlopCountAnalysis(model, torch.zeros(picture.shape))
    # The uncounted operators are returned, so fvcore need not log them.
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    analysis.set_op_handle(f"prim::PythonOp.{_Convolved.__name__}", _count_convolved)
    with _WithoutConvolving(torch_flops.convolved):
        per_module = analysis.by_module_and_operator()
    temporal = temporal_layers(model)
    return Complexity(
        name=name,
        label=config.label,
        options=config.options(),
        clip=clip,
        params=sum(parameter.numel() for parameter in model.parameters()),
        macs=int(analysis.total()),
        macs_conv_linear=_conv_linear(per_module[""]),
        macs_temporal=sum(_conv_linear(per_module[path]) for path in temporal),
        macs_torch=torch_flops.total // 2,
        uncounted={_plain_kind(kind): times for kind, times in analysis.unsupported_ops().items()},
        layers=layers_of(model, shapes, {path: int(macs) for path, macs in analysis.by_module().items()}, temporal),
        note=_note(config, clip),
    )


@dataclass(frozen=True, kw_only=True)
class QuickCount:
    """Counts from torch's formulas alone, without arithmetic; equal to those of `count` wherever the two agree."""

    params: int
    macs_conv_linear: int
    head_params: int
    """The classifier's part of `params`."""
    head_macs: int
    """The classifier's part of `macs_conv_linear`."""

    def per_video(self, *, views: int = 1, with_head: bool = True) -> "QuickCount":
        """Return the cost for `views` views of a video, with or without the classifier, as `per_video` does.

        Raises ValueError unless `views` is at least 1.
        """
        _check_views(views)
        params, macs = (self.head_params, self.head_macs) if not with_head else (0, 0)
        return QuickCount(
            params=self.params - params,
            macs_conv_linear=views * (self.macs_conv_linear - macs),
            head_params=self.head_params - params,
            head_macs=views * (self.head_macs - macs),
        )


def count_by_torch(name: str, options: Options, clip: ClipShape) -> QuickCount:
    """Count parameters and MACs of convolutions and linear layers on tensors without memory, in a tenth of a second.

    Raises ValueError as `count` does.
    """
    return _by_torch(checked(name, options, clip), clip)


@lru_cache(maxsize=1024)
def _by_torch(config: ModelConfig, clip: ClipShape) -> QuickCount:
    with on_meta_device():
        model = config.build().eval()
        picture = torch.empty(1, 3, clip.frames, clip.height, clip.width)
    heads = [module for path, module in model.named_modules() if _is_head(path, module)]
    with torch.no_grad(), _TorchFlops() as torch_flops, WithoutNormalising(), torch_flops.alone(heads):
        model(picture)
    return QuickCount(
        params=sum(parameter.numel() for parameter in model.parameters()),
        macs_conv_linear=torch_flops.total // 2,
        head_params=sum(parameter.numel() for head in heads for parameter in head.parameters()),
        head_macs=torch_flops.of_these // 2,
    )


def _is_head(path: str, module: nn.Module) -> bool:
    return kind_of(path, module, ()) == "head" and not list(module.children())


def _note(config: ModelConfig, clip: ClipShape) -> str:
    """Explain a low cost: a pathway that takes every eighth frame hardly sees a short clip."""
    if not isinstance(config, SlowFastConfig) or clip.frames >= config.native.frames:
        return ""
    slow, fast = config.frames_seen(clip.frames)
    return (
        f"{config.label} costs so little because its slow pathway sees {slow} and its fast one {fast} of {clip.frames} "
        f"frames; its published figures are for {config.native}."
    )


def _plain_kind(kind: str) -> str:
    """Remove the prefixes that torch gives to its operators and to those written in Python."""
    return kind.removeprefix("aten::").removeprefix("prim::PythonOp.")


def _conv_linear(operators: Mapping[str, Any]) -> int:
    return sum(int(operators.get(kind, 0)) for kind in _CONV_LINEAR)


class _TorchFlops(TorchDispatchMode):
    """Add up torch's formulas for the operators that this thread runs.

    torch's FlopCounterMode hooks every module of the process while it is open, those that other threads use included.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.of_these = 0
        """The part of `total` in the modules of `alone`."""
        self.convolved: list[torch.Size] = []
        """The output size of each convolution, in order."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        if func.overloadpacket is torch.ops.aten.convolution:
            self.convolved.append(out.shape)
        return out

    @contextmanager
    def alone(self, modules: Iterable[nn.Module]) -> Iterator[None]:
        """Add up the cost of these modules as well, none of which contains another."""

        def begin(module: nn.Module, inputs: Any) -> None:
            self.of_these -= self.total

        def end(module: nn.Module, inputs: Any, output: Any) -> None:
            self.of_these += self.total

        with ExitStack() as hooks:
            for module in modules:
                hooks.callback(module.register_forward_pre_hook(begin).remove)
                hooks.callback(module.register_forward_hook(end).remove)
            yield


class _Convolved(torch.autograd.Function):
    """An output of a convolution as far as fvcore looks at it: its size, and its inputs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, size: torch.Size) -> Tensor:
        layout = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
        return torch.empty(size, memory_format=layout)


def _count_convolved(inputs: list[Any], outputs: list[Any]) -> Counts[str]:
    """Apply fvcore's formula for a convolution."""
    x, weight, out = (get_shape(value) or [] for value in (*inputs[:2], outputs[0]))
    return Counts({"conv": conv_flop_count(x, weight, out)})


class _WithoutConvolving(TorchFunctionMode):
    """Replace the outputs of convolutions by empty tensors of the same size: fvcore reads the sizes alone.

    The sizes are those of an earlier run. With the arithmetic a trace would take more than a forward pass.
    """

    CONVOLUTIONS = (torch.conv2d, torch.conv3d)

    def __init__(self, sizes: Iterable[torch.Size]) -> None:
        super().__init__()
        self._following = iter(sizes)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in self.CONVOLUTIONS:
            return _Convolved.apply(args[0], args[1], next(self._following))
        return func(*args, **(kwargs or {}))


def count_each(
    names: Iterable[str], options: Options, clip: ClipShape, counter: Counter = count
) -> Iterator[Complexity | Uncountable]:
    """Count the networks one after the other, each with those of the options that it has.

    A network that cannot take so small a clip is counted at its native one; `at_native` says so. One that cannot be
    counted gives the reason. `counter` may return stored counts (`stored`). Raises ValueError for
    an unknown network.
    """
    for name in names:
        available = applicable(name, options)
        try:
            config = checked(name, available, clip)
            if clip.covers(config.smallest):
                yield counter(name, available, clip)
            else:
                yield replace(counter(name, available, config.native), at_native=True)
        except ValueError as error:
            yield Uncountable(name=name, label=MODELS[name].label, options=available, clip=clip, reason=sentence(error))


def conv_linear_macs(names: Iterable[str], options: Options, clip: ClipShape) -> dict[str, int]:
    """Count the MACs of convolutions and linear layers of each network that can be counted, by name."""
    counts = count_each(names, options, clip)
    return {item.name: item.macs_conv_linear for item in counts if isinstance(item, Complexity)}


def per_video(item: Complexity, *, views: int = 1, with_head: bool = True) -> Complexity:
    """Return the cost for `views` views of a video, with or without the classifier.

    Raises ValueError unless `views` is at least 1.
    """
    _check_views(views)
    kept = tuple(layer for layer in item.layers if with_head or layer.kind != "head")
    dropped = sum(layer.macs for layer in item.layers if layer.kind == "head") if not with_head else 0
    return replace(
        item,
        params=sum(layer.params for layer in kept),
        macs=views * (item.macs - dropped),
        macs_conv_linear=views * (item.macs_conv_linear - dropped),
        macs_temporal=views * item.macs_temporal,
        macs_torch=views * (item.macs_torch - dropped),
        layers=tuple(replace(layer, macs=views * layer.macs) for layer in kept),
        views=views * item.views,
        with_head=with_head and item.with_head,
    )


def _check_views(views: int) -> None:
    if views < 1:
        raise ValueError(f"The number of views must be at least 1; got {views}.")


def refuse_too_large(label: str, clip: object, sizes: Sequence[torch.Size]) -> None:
    """Raise ValueError if tensors as large as the largest of these would not fit into the memory that is free."""
    largest = max((size.numel() for size in sizes), default=0)
    needed, free = TENSORS_AT_ONCE * BYTES_PER_NUMBER * largest, free_bytes()
    if free is not None and needed > free:
        raise ValueError(
            f"Counting {label} at {clip} takes about {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are "
            "free. Choose fewer frames or a smaller crop."
        )


def free_bytes() -> int | None:
    """Return the memory that programs can still have, where the system reports it (Linux); else None."""
    if not MEMINFO.exists():
        return None
    entries = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines() if ":" in line)
    kilobytes = entries.get("MemAvailable", "").split()
    return 1024 * int(kilobytes[0]) if kilobytes else None
