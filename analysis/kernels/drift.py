"""Drift and kinds of the temporal kernels of a network, for each layer and snapshot.

A learnable shift is a dense convolution over three frames. Before training half of the outputs read the next frame
("look ahead") and half the previous one ("look back"). Here the kernels of each output channel are reduced by one of
the readings and classified, for every snapshot of the training. Other networks have kernels over three frames or more,
and in space too, over which they are summed. Where the weights before training are unknown, comparisons are NaN.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Float64, Int, Shaped

from analysis.formatting import block_names
from analysis.kernels.readings import Moments, Reading, read_kernels
from analysis.kernels.taps import COMBINED, KINDS, SILENT, UNDEFINED, centre_of_mass, kind, tap_sizes
from gte.kernel_history import KernelHistory

NO_KERNELS = "has no temporal kernels to show: a hard shift (TSM) and layers that mix no frames (C2D) learn none."
"""The sentence about such a network, after its name."""

Row = Mapping[str, Any]
"""A layer at a snapshot, as `measure_drift` gives it."""


def measure_drift(
    histories: Sequence[KernelHistory], reading: Reading = "energy", moments: Moments | None = None
) -> list[Row]:
    """Measure every layer at every snapshot: one row each, in the order given.

    Entries: layer (module path), block (its short name), step, outputs; for each of KINDS its share of the outputs,
    the share before training (now0, ...), and the numbers of outputs that stopped and began being of that kind
    (stopped_now, began_now, ...); combined and combined0 (the shares of COMBINED together); changed, silent, undefined
    (numbers of outputs: of another kind than before training, zeros, not numbers); centre_of_mass and centre_of_mass0
    (means, in frames) and centre_shift (mean distance); drift |W - W0| / |W0| and cosine of W and W0 (NaN where not
    defined); for each of DRIFT_PARTS its share of |W - W0|^2, its number of weights (weights_...) and the root mean
    square of its changes (rms_...), as `drift_parts` has them. Where the weights before training are unknown, all
    entries that compare with them are NaN. No two layers share a short name. Drift does not depend on the reading.
    """
    names = block_names([history.layer for history in histories])
    rows = []
    for history in histories:
        columns = _measure(history, reading, moments) | {"block": [names[history.layer]] * len(history.steps)}
        rows += [{name: columns[name][snapshot] for name in COLUMNS} for snapshot in range(len(history.steps))]
    return rows


DRIFT_PARTS: Final = ("drift_tap", "drift_softening", "drift_mixing")
"""The original weights; other frames of the inputs that were read before training; inputs that were not read."""
PART_WEIGHTS: Final = ("weights_tap", "weights_softening", "weights_mixing")
PART_RMS: Final = ("rms_tap", "rms_softening", "rms_mixing")

_KINDS_BEFORE = (*(f"{name}0" for name in KINDS), "combined0")
_CHANGES = (*(f"stopped_{name}" for name in KINDS), *(f"began_{name}" for name in KINDS), "changed")
_COMPARISONS = (
    *_KINDS_BEFORE,
    *_CHANGES,
    *("centre_of_mass0", "centre_shift", "drift", "cosine"),
    *DRIFT_PARTS,
    *PART_WEIGHTS,
    *PART_RMS,
)
"""The columns that compare with the weights before training."""

COLUMNS: Final = (
    *("layer", "block", "step", "outputs"),
    *KINDS,
    "combined",
    *_KINDS_BEFORE,
    *_CHANGES,
    *("silent", "undefined", "centre_of_mass", "centre_of_mass0", "centre_shift"),
    *("drift", "cosine"),
    *DRIFT_PARTS,
    *PART_WEIGHTS,
    *PART_RMS,
)


def _measure(history: KernelHistory, reading: Reading, moments: Moments | None) -> dict[str, list]:
    """The columns of `summarise` for one layer, one value per snapshot."""
    steps = history.steps.tolist()
    kernels = read_kernels(history, reading, moments)
    kinds, centres = kind(kernels), centre_of_mass(tap_sizes(kernels))  # (snapshots, outputs)
    repeat = len(steps)
    columns: dict[str, list] = {
        "layer": [history.layer] * repeat,
        "step": steps,
        "outputs": [kinds.shape[1]] * repeat,
        "silent": (kinds == SILENT).sum(axis=1).tolist(),
        "undefined": (kinds == UNDEFINED).sum(axis=1).tolist(),
        "centre_of_mass": centres.mean(axis=1).tolist(),
    }
    columns |= _shares(kinds)
    start = history.initial
    if start is None:
        return columns | {name: [math.nan] * repeat for name in _COMPARISONS}
    columns |= {f"{name}0": values[:1] * repeat for name, values in _shares(kinds).items()}
    columns |= _changes(kinds)
    columns |= {
        "centre_of_mass0": [float(centres[0].mean())] * repeat,
        "centre_shift": np.abs(centres - centres[0]).mean(axis=1).tolist(),
    }
    return columns | _movement(history.weights, start)


def _shares(kinds: Shaped[np.ndarray, "s o"]) -> dict[str, list[float]]:
    """The share of each kind, and of those that combine frames."""
    shares = {name: (kinds == name).mean(axis=1).tolist() for name in KINDS}
    return shares | {"combined": np.isin(kinds, COMBINED).mean(axis=1).tolist()}


def _changes(kinds: Shaped[np.ndarray, "s o"]) -> dict[str, list[int]]:
    """How many outputs are of another kind than at the first snapshot, before training: by kind, and in all."""
    changed = kinds != kinds[0]
    columns = {f"stopped_{name}": (changed & (kinds[0] == name)).sum(axis=1).tolist() for name in KINDS}
    columns |= {f"began_{name}": (changed & (kinds == name)).sum(axis=1).tolist() for name in KINDS}
    return columns | {"changed": changed.sum(axis=1).tolist()}


def _movement(weights: Float32[np.ndarray, "s o i k 1"], initial: Float32[np.ndarray, "o i k 1"]) -> dict[str, list]:
    """Relative distance |W - W0| / |W0|, its parts, and cosine to the initialisation, per snapshot."""
    flat, origin = (array.astype(np.float64) for array in (weights.reshape(len(weights), -1), initial.reshape(-1)))
    square, square_origin = np.square(flat).sum(axis=1), np.square(origin).sum()
    parts, counts = drift_parts(weights, initial)
    distance = parts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        drift = np.sqrt(distance / square_origin)
        # Rounding puts the cosine of a vector with itself a hair above one.
        cosine = np.clip(flat @ origin / np.sqrt(square * square_origin), -1, 1)
        shares = np.where(distance == 0, 0, parts.T / distance)
        rms = np.sqrt(parts / counts).T
    columns = {"drift": drift.tolist(), "cosine": cosine.tolist()}
    columns |= {name: share.tolist() for name, share in zip(DRIFT_PARTS, shares, strict=True)}
    columns |= {name: [int(count)] * len(flat) for name, count in zip(PART_WEIGHTS, counts, strict=True)}
    return columns | {name: values.tolist() for name, values in zip(PART_RMS, rms, strict=True)}


def drift_parts(
    weights: Float32[np.ndarray, "s o i k 1"], initial: Float32[np.ndarray, "o i k 1"]
) -> tuple[Float64[np.ndarray, "s 3"], Int[np.ndarray, " 3"]]:
    """Return |W - W0|^2 of each snapshot in three parts, which add up to it, and the number of weights in each.

    Along the taps that the initialisation has; onto the other taps of the inputs that it reads (the hard shift
    softens); onto inputs that it does not read (channels mix).
    """
    change = np.square(weights - initial, dtype=np.float64)
    has_tap = initial != 0
    reads = np.broadcast_to(has_tap.any(axis=2, keepdims=True), has_tap.shape)
    masks = (has_tap, reads & ~has_tap, ~reads)
    parts = np.stack([(change * mask).sum(axis=(1, 2, 3, 4)) for mask in masks], axis=1)
    return parts, np.array([mask.sum() for mask in masks])


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


def largest_drift_layer(rows: Sequence[Row]) -> str:
    """Return the layer with the largest drift at its last snapshot; the first layer if every drift is NaN.

    If no initialisation is known it is the layer where most outputs read other frames than the current one. Raises
    ValueError if there is none.
    """
    last = rows_at(rows)
    if not last:
        raise ValueError("This checkpoint has no temporal kernels, so none has drifted.")
    if not any(map(is_start_known, last)):
        return max(last, key=lambda row: row["back"] + row["ahead"] + row["combined"])["layer"]
    return max(last, key=lambda row: -1.0 if math.isnan(row["drift"]) else row["drift"])["layer"]
