"""State_dicts in files of other projects: extracted, and compared with the keys of a network."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gte.errors import WeightsError, listed, some_of

State = Mapping[str, Tensor]
"""Tensors by their publisher's names."""

COUNTER = "num_batches_tracked"
"""BatchNorm's counter, which no network here reads; it may be missing."""
WRAPPERS = ("state_dict", "model")
"""Entries of a file that may hold the state_dict; the first that exists is used."""
INSIDE = "/"
"""Separator between the names of nested entries."""
PARALLEL = "module."
"""Prefix that nn.DataParallel puts before every key."""
BOOKKEEPING = (
    "amp",
    "arch",
    "args",
    "best_acc",
    "best_acc1",
    "best_prec1",
    "best_prec5",
    "config",
    "epoch",
    "iter",
    "iteration",
    "loss_scaler",
    "lr_scheduler",
    "message_hub",
    "meta",
    "optimizer",
    "param_schedulers",
    "scaler",
    "scheduler",
)
"""Publishers' entries next to the state_dict whose tensors are no weights."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Contents of a file."""

    state: dict[str, Tensor]
    """Its state_dict, without the prefix of nn.DataParallel."""
    strays: tuple[str, ...]
    """Keys in the state_dict of other things than tensors."""
    others: tuple[str, ...]
    """Names of the other entries of the file."""


def contents_of(tensors: State, facts: Collection[str]) -> Contents:
    """Return the state_dict of a file, which is the whole file or an entry of it, and the names of the other entries.

    `facts` are the names of other things than tensors. Raises WeightsError for tensors outside of the state_dict,
    unless they are known bookkeeping.
    """
    wrapper = next((name for name in WRAPPERS if any(key.startswith(name + INSIDE) for key in tensors)), "")
    front = wrapper + INSIDE if wrapper else ""
    others = [key for key in tensors if not key.startswith(front)]
    entries_outside = dict.fromkeys(_entry(key) for key in (*facts, *others) if not key.startswith(front))
    unread = [name for name in dict.fromkeys(map(_entry, others)) if name not in BOOKKEEPING]
    if unread:
        counts = {name: sum(_entry(key) == name for key in others) for name in unread}
        entries = [name if name in tensors else f"{name} ({counts[name]} tensors)" for name in unread]
        raise WeightsError(
            f"outside of its {wrapper} it holds other tensors, which would be ignored: {listed(entries)}; "
            f"save the {wrapper} alone."
        )
    inside = {key.removeprefix(front): tensor for key, tensor in tensors.items() if key.startswith(front)}
    strays = [key.removeprefix(front) for key in facts if key.startswith(front)]
    parallel = 2 * sum(key.startswith(PARALLEL) for key in inside) > len(inside)

    def bare(key: str) -> str:
        short = key.removeprefix(PARALLEL)
        # Of two keys that would become equal, the longer stays, and is reported as superfluous.
        return short if parallel and short not in inside else key

    return Contents(
        state={bare(key): tensor for key, tensor in inside.items()},
        strays=tuple(map(bare, strays)),
        others=tuple(entries_outside),
    )


def _entry(path: str) -> str:
    return path.partition(INSIDE)[0]


def check_fit(expected: State, given: State, strays: Collection[str] = ()) -> None:
    """Raise WeightsError unless both have the same keys and shapes, BatchNorm's counters aside, and finite numbers.

    `strays` are keys of other things than tensors. The error names every key that is missing, is superfluous, has
    another shape, or holds NaN, infinity or whole numbers where weights belong.
    """
    there = {_entry(key) for key in (*given, *strays)}
    wanted = [key for key in expected if key not in given and not key.endswith(COUNTER)]
    lacking = [key for key in wanted if key not in there]
    no_tensors = [key for key in wanted if key in there]
    surplus = [
        key if key in given else f"{key} (no tensor)"
        for key in (*given, *strays)
        if _entry(key) not in expected and not key.endswith(COUNTER)
    ]
    common = [key for key in expected if key in given]
    unlike = [
        f"{key} ({_shape(given[key])} and not {_shape(expected[key])})"
        for key in common
        if given[key].shape != expected[key].shape
    ]
    whole = [
        f"{key} ({str(given[key].dtype).removeprefix('torch.')})"
        for key in common
        if expected[key].is_floating_point() and not given[key].is_floating_point()
    ]
    # In the order of the network; a file may hold its keys in another.
    unbounded = not_finite({key: given[key] for key in common} | dict(given))
    faults = (
        (lacking, f"it lacks {listed(lacking)}"),
        (no_tensors, f"{'no tensor is' if len(no_tensors) == 1 else 'no tensors are'} {listed(no_tensors)}"),
        (surplus, f"left over {are(surplus)} {listed(surplus)}"),
        (unlike, f"of another shape {are(unlike)} {some_of(unlike)}"),
        (whole, f"of whole numbers {are(whole)} {listed(whole)}"),
        (unbounded, f"NaN or infinity is in {some_of(unbounded)}"),
    )
    if message := "; ".join(text for keys, text in faults if keys):
        raise WeightsError(f"{message}; give a file of this network as its publisher wrote it.")


def are(things: Collection[Any]) -> str:
    """Return "is" or "are", for this many things."""
    return "is" if len(things) == 1 else "are"


def not_finite(tensors: State) -> list[str]:
    """Return the names of the tensors with NaN or infinity."""
    return [key for key, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"
