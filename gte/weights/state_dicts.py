"""The state_dict of a file from elsewhere: found in the file, and held against the keys that a network has."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gte.errors import WeightsError

State = Mapping[str, Tensor]
"""Tensors by the names that their publisher gave them."""

COUNTER = "num_batches_tracked"
"""What BatchNorm counts and no network here reads; it may be missing."""
WRAPPERS = ("state_dict", "model")
"""Entries of a file that may hold the state_dict; the first that is there does."""
INSIDE = "/"
"""Between the name of an entry and that of what it holds."""
PARALLEL = "module."
"""What nn.DataParallel puts in front of every key."""
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
"""What publishers keep beside the state_dict, where a tensor is no weight."""
NAMED = 10
"""So many are named before the rest are counted."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a file holds."""

    state: dict[str, Tensor]
    """Its state_dict, without what nn.DataParallel puts before the keys."""
    strays: tuple[str, ...]
    """Keys in the state_dict that are of no tensors."""
    beside: tuple[str, ...]
    """Names of the entries that stand beside the one that holds the state_dict."""


def contents_of(tensors: State, facts: Collection[str]) -> Contents:
    """The state_dict of a file, bare or an entry of it, and what else is there; `facts` are the names of no tensors.

    Raises WeightsError for tensors beside the entry that holds the state_dict, unless they are known bookkeeping.
    """
    wrapper = next((name for name in WRAPPERS if any(key.startswith(name + INSIDE) for key in tensors)), "")
    front = wrapper + INSIDE if wrapper else ""
    others = [key for key in tensors if not key.startswith(front)]
    beside = dict.fromkeys(_entry(key) for key in (*facts, *others) if not key.startswith(front))
    unread = [name for name in dict.fromkeys(map(_entry, others)) if name not in BOOKKEEPING]
    if unread:
        counts = {name: sum(_entry(key) == name for key in others) for name in unread}
        told = [name if name in tensors else f"{name} ({counts[name]} tensors)" for name in unread]
        raise WeightsError(
            f"beside its {wrapper} it holds other tensors, which nobody would read: {listed(told)}; "
            f"save the {wrapper} alone."
        )
    inside = {key.removeprefix(front): tensor for key, tensor in tensors.items() if key.startswith(front)}
    strays = [key.removeprefix(front) for key in facts if key.startswith(front)]
    parallel = 2 * sum(key.startswith(PARALLEL) for key in inside) > len(inside)

    def bare(key: str) -> str:
        short = key.removeprefix(PARALLEL)
        # Of two keys that would become one, the longer stays, and is one too many.
        return short if parallel and short not in inside else key

    return Contents(
        state={bare(key): tensor for key, tensor in inside.items()},
        strays=tuple(map(bare, strays)),
        beside=tuple(beside),
    )


def _entry(path: str) -> str:
    return path.partition(INSIDE)[0]


def check_fit(expected: State, given: State, strays: Collection[str] = ()) -> None:
    """Raise WeightsError unless both have the same keys and shapes, but for BatchNorm's counters, and finite numbers.

    `strays` are keys that are there, but of no tensors. The error names every key that is missing or left over, and
    what has another shape, holds whole numbers where weights belong, or NaN or infinity.
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
    if told := "; ".join(text for keys, text in faults if keys):
        raise WeightsError(f"{told}; give a file of this network as its publisher wrote it.")


def are(things: Collection[Any]) -> str:
    """The verb that so many things take."""
    return "is" if len(things) == 1 else "are"


def not_finite(tensors: State) -> list[str]:
    """The tensors that hold NaN or infinity."""
    return [key for key, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]


def listed(keys: Iterable[Any]) -> str:
    """All of them, in what can be printed of each."""
    return ", ".join(printable(str(key)) for key in keys)


def some_of(keys: Collection[Any]) -> str:
    """The first ten, and how many more there are."""
    more = len(keys) - NAMED
    return listed(list(keys)[:NAMED]) + (f" and {more} more" if more > 0 else "")


def printable(text: str) -> str:
    """What is left of a text of anybody's without control characters and halves of characters."""
    return "".join(character for character in text if character.isprintable())


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"
