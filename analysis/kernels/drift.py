"""Drift and directions of the temporal kernels of a network, for each layer and snapshot.

A learnable shift is a dense convolution over three frames. At its initialisation half of the outputs read the next
frame ("look ahead") and half the previous one ("look back"). Here the kernel of each output channel is reduced to a few
taps and classified, for every snapshot of the training. Other networks have kernels over three frames or more, and in
space too, over which they are summed. Where the weights before training are unknown, every comparison with them is NaN.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, get_args

import numpy as np
from jaxtyping import Float32, Float64, Shaped

from analysis.formatting import (
    DIRECTION_VERBS,
    DIRECTION_WORDS,
    DIRECTIONS,
    Direction,
    block_names,
    percent,
    three_digits,
)
from analysis.kernels.taps import (
    KINDS,
    UNDEFINED,
    centre_of_mass,
    direction,
    effective_taps,
    kind,
    own_inputs,
    own_taps,
)
from gte.kernel_history import KernelHistory

NO_KERNELS = "has no temporal kernels to show: a hard shift (TSM) and layers that mix no frames (C2D) learn none."
"""The sentence about such a network, after its name."""

Reading = Literal["summed", "own"]
"""The taps of an output channel: the sum over its input channels, or those of the one that it reads before training."""
READINGS: Final[tuple[Reading, ...]] = get_args(Reading)


def read_taps(history: KernelHistory, reading: Reading = "summed") -> Float32[np.ndarray, "s o k"]:
    """Return the taps of every output channel at each snapshot.

    Sums over the input channels if an output channel reads none or several before training.
    """
    inputs = own_inputs(history.initial) if reading == "own" else None
    return effective_taps(history.weights) if inputs is None else own_taps(history.weights, inputs)


def reduced(history: KernelHistory, reading: Reading = "summed") -> KernelHistory:
    """Return the history of the taps alone, as of a layer with one input channel: small, and read in the same way."""
    return replace(history, weights=read_taps(history, reading)[:, :, None, :, None])


Row = Mapping[str, Any]
"""A layer at a snapshot, as `measure_drift` gives it."""


def measure_drift(histories: Sequence[KernelHistory], reading: Reading = "summed") -> list[Row]:
    """Measure every layer at every snapshot: one row each, in the order given.

    Entries: layer (module path), block (its short name), step, outputs; back, stay, ahead (shares of the outputs) and
    back0, stay0, ahead0 (at the initialisation); left_back, left_stay, left_ahead (shares of all outputs that began in
    that class and are in another one now); turned (their sum); silent, undefined (numbers of outputs); centre_of_mass
    and centre_of_mass0 (means, in frames); for each of KINDS kind_... and kind0_... (shares of the outputs by the finer
    sorting); drift |W - W0| / |W0| and cosine of W and W0 (both NaN where they are not defined), and of |W - W0|^2 the
    shares drift_tap, drift_softening and drift_mixing, as `drift_parts` has them. Where the initialisation is unknown,
    all entries that compare with it are NaN. No two layers share a short name. Drift does not depend on the reading.
    """
    names = block_names([history.layer for history in histories])
    rows = []
    for history in histories:
        columns = _measure(history, reading) | {"block": [names[history.layer]] * len(history.steps)}
        rows += [{name: columns[name][snapshot] for name in COLUMNS} for snapshot in range(len(history.steps))]
    return rows


DRIFT_PARTS: Final = ("drift_tap", "drift_softening", "drift_mixing")

_STARTS = (*(f"{name}0" for name in DIRECTIONS), *(f"left_{name}" for name in DIRECTIONS), "turned")
_KINDS = tuple(f"kind_{name}" for name in KINDS)
_STARTING_KINDS = tuple(f"kind0_{name}" for name in KINDS)
_COMPARISONS = (*_STARTS, "centre_of_mass0", *_STARTING_KINDS, "drift", "cosine", *DRIFT_PARTS)
"""The columns that compare with the initialisation."""

COLUMNS: Final = (
    *("layer", "block", "step", "outputs"),
    *DIRECTIONS,
    *_STARTS,
    *("silent", "undefined", "centre_of_mass", "centre_of_mass0"),
    *_KINDS,
    *_STARTING_KINDS,
    *("drift", "cosine"),
    *DRIFT_PARTS,
)


def _measure(history: KernelHistory, reading: Reading) -> dict[str, list]:
    """The columns of `summarise` for one layer, one value per snapshot."""
    steps = history.steps.tolist()
    taps = read_taps(history, reading)
    now, kinds = direction(taps), kind(taps)  # (snapshots, outputs)
    repeat = len(steps)
    columns: dict[str, list] = {
        "layer": [history.layer] * repeat,
        "step": steps,
        "outputs": [now.shape[1]] * repeat,
        "silent": (taps == 0).all(axis=-1).sum(axis=-1).tolist(),
        "undefined": (now == UNDEFINED).sum(axis=1).tolist(),
        "centre_of_mass": centre_of_mass(taps).mean(axis=-1).tolist(),
    }
    columns |= {name: (now == name).mean(axis=1).tolist() for name in DIRECTIONS}
    columns |= {f"kind_{name}": (kinds == name).mean(axis=1).tolist() for name in KINDS}
    start = history.initial
    if start is None:
        columns |= {name: [math.nan] * repeat for name in _COMPARISONS}
    else:
        columns |= _changes(taps, now) | _movement(history.weights, start)
    return columns


def _changes(taps: Float32[np.ndarray, "s o k"], now: Shaped[np.ndarray, "s o"]) -> dict[str, list]:
    """Those columns that compare the directions of each snapshot with those of the first, the initialisation."""
    repeat = len(taps)
    initial = now[0]
    left = {name: ((initial == name) & (now != name)).mean(axis=1) for name in DIRECTIONS}
    columns: dict[str, list] = {f"{name}0": [float((initial == name).mean())] * repeat for name in DIRECTIONS}
    columns |= {f"left_{name}": left[name].tolist() for name in DIRECTIONS}
    columns |= {f"kind0_{name}": [float((kind(taps[0]) == name).mean())] * repeat for name in KINDS}
    centre = float(centre_of_mass(taps[0]).mean())
    return columns | {"turned": (now != initial).mean(axis=1).tolist(), "centre_of_mass0": [centre] * repeat}


def _movement(weights: Float32[np.ndarray, "s o i k 1"], initial: Float32[np.ndarray, "o i k 1"]) -> dict[str, list]:
    """Relative distance |W - W0| / |W0|, its parts, and cosine to the initialisation, per snapshot."""
    flat, origin = (array.astype(np.float64) for array in (weights.reshape(len(weights), -1), initial.reshape(-1)))
    square, square_origin = np.square(flat).sum(axis=1), np.square(origin).sum()
    parts = drift_parts(weights, initial)
    distance = parts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        drift = np.sqrt(distance / square_origin)
        # Rounding puts the cosine of a vector with itself a hair above one.
        cosine = np.clip(flat @ origin / np.sqrt(square * square_origin), -1, 1)
        shares = np.where(distance == 0, 0, parts.T / distance)
    columns = {"drift": drift.tolist(), "cosine": cosine.tolist()}
    return columns | {name: share.tolist() for name, share in zip(DRIFT_PARTS, shares, strict=True)}


def drift_parts(
    weights: Float32[np.ndarray, "s o i k 1"], initial: Float32[np.ndarray, "o i k 1"]
) -> Float64[np.ndarray, "s 3"]:
    """|W - W0|^2 of each snapshot in three parts, which add up to it.

    Along the taps that the initialisation has; onto the other taps of the inputs that it reads (the hard shift
    softens); onto inputs that it does not read (channels mix).
    """
    change = np.square(weights - initial, dtype=np.float64)
    has_tap = initial != 0
    reads = np.broadcast_to(has_tap.any(axis=2, keepdims=True), has_tap.shape)
    masks = (has_tap, reads & ~has_tap, ~reads)
    return np.stack([(change * mask).sum(axis=(1, 2, 3, 4)) for mask in masks], axis=1)


def rows_at(rows: Sequence[Row], snapshot: int = -1) -> list[Row]:
    """Return one row per layer, of a snapshot, or of the last where a layer has fewer.

    Negative numbers count from the last. Raises IndexError for a snapshot that no layer has.
    """
    layers: dict[str, list[Row]] = {}
    for row in rows:
        layers.setdefault(row["layer"], []).append(row)
    num_snapshots = max(map(len, layers.values()), default=0)
    if layers and not -num_snapshots <= snapshot < num_snapshots:
        raise IndexError(f"The layers have {num_snapshots} snapshots; got {snapshot}.")
    return [part[min(range(num_snapshots)[snapshot], len(part) - 1)] for part in layers.values()]


def is_start_known(row: Row) -> bool:
    """Return False if the weights of this row's layer before training are unknown."""
    return not math.isnan(row["back0"])


def most_moved_layer(rows: Sequence[Row]) -> str:
    """Return the layer with the largest drift at its last snapshot; the first layer if every drift is NaN.

    If no initialisation is known it is the layer that `describe_drift` names. Raises ValueError if there is none.
    """
    last = rows_at(rows)
    if not last:
        raise ValueError("This checkpoint has no temporal kernels, so none has drifted.")
    if not any(map(is_start_known, last)):
        return _looks_away_most(last)[0]["layer"]
    return max(last, key=lambda row: -1.0 if math.isnan(row["drift"]) else row["drift"])["layer"]


def describe_drift(rows: Sequence[Row], snapshot: int = -1) -> str:
    """One to three sentences on a snapshot of each layer: the layer that drifted most, and how its directions changed.

    Where the weights before training are unknown they say so, and what the layers do now. A snapshot before the last is
    named by its step. Raises IndexError for a snapshot that no layer has.
    """
    if not rows:
        return f"This network {NO_KERNELS}"
    chosen = rows_at(rows, snapshot)
    step = max(row["step"] for row in chosen)
    if step == max(row["step"] for row in rows):
        return _finding(chosen)
    return f"At step {step:,}: {_finding(chosen)}"


def _finding(last: Sequence[Row]) -> str:
    broken, whole = _split(last, lambda row: row["undefined"] or (math.isnan(row["drift"]) and is_start_known(row)))
    if not whole:
        return "No drift can be computed: the weights of every layer contain NaN or infinity."
    known, unknown = _split(whole, is_start_known)
    if known:
        finding = _most_moved(known)
        if unknown:
            finding += f" The weights of {_blocks(unknown)} before training are unknown."
    else:
        finding = f"The weights before training are unknown, and so is the drift. {_as_it_is(unknown)}"
    if broken:
        return f"{finding} The weights of {_blocks(broken)} contain NaN or infinity."
    return finding


def _split(rows: Sequence[Row], test: Callable[[Row], bool]) -> tuple[list[Row], list[Row]]:
    """The rows that pass a test and those that do not."""
    return [row for row in rows if test(row)], [row for row in rows if not test(row)]


def _blocks(rows: Sequence[Row]) -> str:
    return ", ".join(row["block"] for row in rows)


SIDES: tuple[Direction, ...] = ("back", "ahead")


def _looks_away_most(last: Sequence[Row]) -> tuple[Row, Direction]:
    """The row and the direction, back or ahead, in which most of the layer's outputs look."""
    side: Direction = max(SIDES, key=lambda side: max(row[side] for row in last))
    return max(last, key=lambda row: row[side]), side


def _as_it_is(last: Sequence[Row]) -> str:
    row, side = _looks_away_most(last)
    if row[side] == 0:
        return "Every output channel looks at the current frame."
    verb = DIRECTION_WORDS[side]
    if len(last) == 1:
        return f"{percent(row[side])} of the output channels of {row['block']} {DIRECTION_VERBS[side]}."
    return f"{row['block']} {verb} most: {percent(row[side])} of its output channels."


def _most_moved(last: Sequence[Row]) -> str:
    row = max(last, key=lambda row: row["drift"])
    block, only = row["block"], len(last) == 1
    if row["drift"] == 0:
        return f"{block} has not drifted." if only else "No layer has drifted."
    drift = three_digits(row["drift"])
    subject = f"{block} has a drift of {drift}" if only else f"{block} drifted most (drift {drift})"
    left = {name: float(row[f"left_{name}"]) for name in DIRECTIONS}
    name = max(DIRECTIONS, key=lambda direction: left[direction])
    if left[name] > 0:
        return f"{subject}: {percent(left[name])} of its output channels no longer {DIRECTION_VERBS[name]}."
    return f"{subject}, but no output channel changed direction."
