"""What a network costs: parameters, and multiply-accumulates (MACs) of one forward pass over one clip.

fvcore counts (it calls a multiply-accumulate a flop); torch's own formulas check it. Nothing here touches a network
that anyone else uses: each count builds its own, filled with zeros, and drops it.
"""

import math
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

import pandas as pd
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from analysis.wording import large_count
from gte import cli
from gte.models import COMPARED, MODELS, ClipShape, ModelConfig, configure, temporal_layers, without_memory
from gte.models.slowfast import SlowFastConfig

with warnings.catch_warnings():
    # fvcore's imports announce that torch will rename and retire modules; nobody here can change that.
    warnings.simplefilter("ignore", FutureWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    from fvcore.nn import FlopCountAnalysis

_CONV_LINEAR = ("conv", "linear", "addmm")
"""fvcore's names for convolutions and linear layers."""

_LOCK = threading.Lock()
"""fvcore is not thread-safe: one count at a time."""

Options = Mapping[str, int | float]


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """What one network costs for one clip."""

    name: str
    label: str
    options: Options
    """Every option of the network, with its value."""
    clip: ClipShape
    """The clip that was counted."""
    at_native: bool = False
    """True if another clip was asked for, which the network cannot take, and its native one was counted instead."""
    params: int
    """Learnable numbers."""
    macs: int
    """Multiply-accumulates of all that fvcore counts, BatchNorm and pooling included."""
    macs_conv_linear: int
    """Multiply-accumulates of convolutions and linear layers alone, as papers count."""
    macs_temporal: int
    """The part of `macs_conv_linear` spent on mixing frames; 0 for a hard shift, which only moves memory."""
    macs_torch: int
    """Half of the flops that torch's own formulas give, for comparison with `macs_conv_linear`."""
    uncounted: Mapping[str, int]
    """Operators that fvcore met and did not count, with how often."""
    by_module: Mapping[str, int]
    """`macs` of every module, by its path; a module's count includes its parts."""
    note: str = ""
    """A sentence where this clip shows the network far less than its publication's does; else empty."""

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


def count(name: str, options: Options, clip: ClipShape) -> Complexity:
    """Count one network for one clip (batch size 1); about 1.2 forward passes.

    Raises ValueError, stating the rule, for an unknown network or option and for a clip that the network cannot take.
    """
    config = _checked(name, options, clip)
    with _LOCK, torch.no_grad():
        try:
            return _count(name, config, clip)
        except RuntimeError as error:
            first_line = str(error).strip().partition("\n")[0]
            raise ValueError(f"{config.label} cannot be counted at {clip}: {first_line}") from error


def _checked(name: str, options: Options, clip: ClipShape) -> ModelConfig:
    """The network with these options. Raises ValueError if they, or the clip, are impossible for any network."""
    if min(clip.frames, clip.height, clip.width) < 1:
        raise ValueError(f"A clip has at least one frame of at least one pixel; got {clip}.")
    for option, value in options.items():
        if not math.isfinite(value):
            raise ValueError(f"{option} must be a finite number; got {value}.")
    return configure(name, **options)


def _count(name: str, config: ModelConfig, clip: ClipShape) -> Complexity:
    with without_memory():
        model = config.build().eval()
        picture = torch.empty(1, 3, clip.frames, clip.height, clip.width)
    # The cheap counter goes first: it refuses a clip that is too small before any memory is spent.
    with _TorchFlops() as torch_flops:
        model(picture)
    # fvcore needs real tensors. Zeros, because to draw random weights would cost nearly a forward pass.
    model.to_empty(device="cpu")
    for tensor in chain(model.parameters(), model.buffers()):
        tensor.zero_()
    analysis = FlopCountAnalysis(model, torch.zeros(picture.shape))
    # What is uncounted is returned, so fvcore need not log it as well.
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    per_module = analysis.by_module_and_operator()
    return Complexity(
        name=name,
        label=config.label,
        options=config.options(),
        clip=clip,
        params=sum(parameter.numel() for parameter in model.parameters()),
        macs=int(analysis.total()),
        macs_conv_linear=_conv_linear(per_module[""]),
        macs_temporal=sum(_conv_linear(per_module[path]) for path in temporal_layers(model)),
        macs_torch=torch_flops.total // 2,
        uncounted={_plain_kind(kind): times for kind, times in analysis.unsupported_ops().items()},
        by_module={path: int(macs) for path, macs in analysis.by_module().items()},
        note=_note(config, clip),
    )


def _note(config: ModelConfig, clip: ClipShape) -> str:
    """A pathway that takes every so many-th frame is cheap on a short clip because it hardly sees it."""
    if not isinstance(config, SlowFastConfig) or clip.frames >= config.native.frames:
        return ""
    slow, fast = config.frames_seen(clip.frames)
    return (
        f"{config.label} is so cheap because its slow pathway sees {slow} and its fast one {fast} of {clip.frames} "
        f"frames; its published figures hold at {config.native}."
    )


def _plain_kind(kind: str) -> str:
    """An operator's name without what torch puts before its own and before those written in Python."""
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

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


def applicable(name: str, options: Options) -> dict[str, int | float]:
    """Those of `options` that the network has: a frame-by-frame network has no temporal share.

    Raises ValueError for an unknown network.
    """
    own = configure(name).options()
    return {option: value for option, value in options.items() if option in own}


def count_each(names: Iterable[str], options: Options, clip: ClipShape) -> Iterator[Complexity | Uncountable]:
    """Count the networks one after the other, each with those of the options that it has.

    A network that cannot take a clip so small is counted at its native one, which `at_native` tells. One that cannot
    be counted gives the reason. Raises ValueError for an unknown network.
    """
    for name in names:
        own = applicable(name, options)
        try:
            config = _checked(name, own, clip)
            if clip.holds(config.smallest):
                yield count(name, own, clip)
            else:
                yield replace(count(name, own, config.native), at_native=True)
        except ValueError as error:
            yield Uncountable(name=name, label=MODELS[name].label, options=own, clip=clip, reason=cli.sentence(error))


_NUMBERS = ("params", "macs_conv_linear", "macs", "macs_temporal", "macs_torch")
_COLUMNS = (
    "name",
    "label",
    "frames",
    "height",
    "width",
    "at_native",
    *_NUMBERS,
    "agrees",
    "uncounted",
    "reason",
    "note",
)


def table(counts: Iterable[Complexity | Uncountable]) -> pd.DataFrame:
    """One row per network: names, clip, parameters, MACs, uncounted operators in words, or why there is no count.

    `at_native` is true where the clip is not the one that was asked for but the network's native one; `note` says where
    the clip shows the network far less than its publication's does.
    """
    rows = []
    for item in counts:
        row = as_plain(item)
        row |= row.pop("clip")
        row["uncounted"] = ", ".join(f"{kind} x {times}" for kind, times in (row["uncounted"] or {}).items())
        rows.append(row)
    frame = pd.DataFrame(rows, columns=pd.Index(_COLUMNS))
    return frame.astype(dict.fromkeys(_NUMBERS, "Int64") | {"agrees": "boolean", "at_native": "boolean"})


def as_plain(item: Complexity | Uncountable) -> dict[str, Any]:
    """The row as plain numbers, texts and dictionaries; numbers are None where there is no count."""
    row: dict[str, Any] = {"name": item.name, "label": item.label}
    if isinstance(item, Complexity):
        row |= {column: getattr(item, column) for column in _NUMBERS}
        row |= {"agrees": item.agrees, "at_native": item.at_native, "uncounted": dict(item.uncounted), "reason": None}
        row |= {"note": item.note}
    else:
        row |= dict.fromkeys((*_NUMBERS, "agrees", "at_native", "uncounted")) | {"reason": item.reason, "note": ""}
    return row | {"clip": asdict(item.clip), "options": dict(item.options)}


ALL = "all"
"""In place of names, every network of the table."""


def main(
    *,
    models: tuple[str, ...] = COMPARED,
    depth: int = 50,
    frames: int = 8,
    size: int = 224,
    num_classes: int = 174,
    temporal_share: float = 1 / 4,
    base_width: int = 64,
    json: bool = False,
    csv: bool = False,
) -> None:
    """Count parameters and multiply-accumulates (MACs) of the networks for one clip.

    A network that cannot take so small a clip is counted at its native one, and says so.

    Args:
        models: The networks to count, by name, or all; when not given, those of the paper's Table 1.
        depth: Layers of the ResNets: 26, 50 or 101.
        frames: Frames of the clip.
        size: Height and width of the clip, in pixels.
        num_classes: Classes of the last layer.
        temporal_share: Share of the output channels that the temporal path makes, where a network has one.
        base_width: Channels in the middle of the first stage's bottlenecks.
        json: Print a list of objects.
        csv: Print comma-separated values.
    """
    if json and csv:
        raise ValueError("Choose one form of output; got both --json and --csv.")
    unknown = [name for name in models if name not in (*MODELS, ALL)]
    if unknown or not models:
        raise ValueError(f"--models takes {', '.join(MODELS)}, or all; got {', '.join(unknown) or 'none'}.")
    if not math.isfinite(temporal_share):
        raise ValueError(f"--temporal-share must be a finite number, such as 0.25; got {temporal_share}.")
    names = tuple(MODELS) if ALL in models else models
    options = {"depth": depth, "base_width": base_width, "num_classes": num_classes, "temporal_share": temporal_share}
    label_width = max(len(MODELS[name].label) for name in names) + 3
    counts = []
    for item in count_each(names, options, ClipShape(frames, size, size)):
        counts.append(item)
        if isinstance(item, Complexity) and not (json or csv):
            print(f"{item.label:<{label_width}}{_line(item)}", flush=True)
    refused = [item for item in counts if isinstance(item, Uncountable)]
    if len(refused) == len(counts):
        raise ValueError(refused[0].reason)
    if json:
        cli.print_json([as_plain(item) for item in counts])
    elif csv:
        print(table(counts).to_csv(index=False), end="")
    else:
        print("".join(f"{item.label:<{label_width}}{item.reason}\n" for item in refused), end="")


def _line(item: Complexity) -> str:
    check = "torch agrees" if item.agrees else f"torch counts {large_count(item.macs_torch)}"
    return (
        f"{large_count(item.params):>10} parameters {large_count(item.macs_conv_linear):>10} MACs in "
        f"convolutions and linear layers (temporal {large_count(item.macs_temporal)}), "
        f"{large_count(item.macs)} in all; {check}"
        + (f"; counted at its native clip {item.clip}" if item.at_native else "")
        + (f". {item.note}" if item.note else "")
    )


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.complexity")
