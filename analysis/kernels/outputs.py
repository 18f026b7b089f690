"""Tables of output channels, their order, and weights in fewer cells."""

import math
from collections.abc import Sequence
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
from jaxtyping import Float, Float32, Int

from analysis.formatting import block_names
from analysis.kernels.readings import Moments, Reading, read_kernels
from analysis.kernels.taps import centre_of_mass, kind, own_inputs, shown_taps, tap_sizes
from gte.kernel_history import KernelHistory

Order = Literal["index", "drift", "shift", "norm"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
"""Orders of the outputs of a layer: by index, by drift or norm (largest first), from back to ahead."""


def tap_names(num_taps: int) -> tuple[str, ...]:
    """Return the names of the frames that the taps of a kernel weight: "t-1", "t", "t+1" for three."""
    offsets = range(-(num_taps // 2), num_taps // 2 + 1)
    return tuple("t" if offset == 0 else f"t{offset:+d}" for offset in offsets)


def outputs_table(
    history: KernelHistory, snapshot: int = -1, reading: Reading = "energy", moments: Moments | None = None
) -> pd.DataFrame:
    """Return one row per output of a layer, at one snapshot.

    Columns: output; own_input (the one that it reads before training; missing if it has none); kind; the taps, by the
    names of their frames, as `shown_taps` has them; centre_of_mass, in frames; drift |w - w0| / |w0| and norm |w| over
    all inputs; and, if the weights before training are known, kind0, the taps with a 0 after their name,
    centre_of_mass0.
    """
    kernels = read_kernels(history, reading, moments)
    weight, start = history.weights[snapshot], history.initial
    inputs = own_inputs(start)
    num_outputs = len(weight)
    columns: dict[str, object] = {
        "output": range(num_outputs),
        "own_input": pd.array([pd.NA] * num_outputs if inputs is None else inputs.tolist(), dtype="Int64"),
        **_described(kernels[snapshot], ""),
        "norm": _norms(weight).tolist(),
        "drift": [math.nan] * num_outputs,
    }
    if start is not None:
        columns |= _described(kernels[0], "0")
        with np.errstate(divide="ignore", invalid="ignore"):
            columns["drift"] = (_norms(weight - start) / _norms(start)).tolist()
    return pd.DataFrame(columns)


def _described(kernels: Float32[np.ndarray, "o r k"], suffix: str) -> dict[str, object]:
    names = tap_names(kernels.shape[-1])
    return {
        f"kind{suffix}": kind(kernels),
        **{f"{name}{suffix}": column.tolist() for name, column in zip(names, shown_taps(kernels).T, strict=True)},
        f"centre_of_mass{suffix}": centre_of_mass(tap_sizes(kernels)).tolist(),
    }


def _norms(weight: Float32[np.ndarray, "o i k 1"]) -> Float[np.ndarray, " o"]:
    return np.sqrt(np.square(weight, dtype=np.float64).sum(axis=(1, 2, 3)))


def order_of(outputs: pd.DataFrame, order: Order) -> Int[np.ndarray, " o"]:
    """Return the indices of the outputs of `outputs_table` in that order; ties keep theirs, NaN comes last."""
    keys = {
        "index": outputs["output"],
        "drift": -outputs["drift"],
        "shift": outputs["centre_of_mass"],
        "norm": -outputs["norm"],
    }
    return np.argsort(keys[order].to_numpy(dtype=float), kind="stable")


def coarsened(matrix: Float[np.ndarray, "o i"], max_cells: int) -> tuple[Float[np.ndarray, "p j"], int, int]:
    """Return a matrix with at most `max_cells` rows and columns, and how many of them one cell stands for.

    A cell holds the value farthest from zero among those that it stands for, sign included, so that nothing large is
    averaged away.
    """
    tall, wide = (max(1, math.ceil(side / max_cells)) for side in matrix.shape)
    if tall == wide == 1:
        return matrix, 1, 1
    rows, columns = (math.ceil(side / step) for side, step in zip(matrix.shape, (tall, wide), strict=True))
    padded = np.zeros((rows * tall, columns * wide), matrix.dtype)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    # (rows, columns, tall * wide)
    cells = padded.reshape(rows, tall, columns, wide).swapaxes(1, 2).reshape(rows, columns, tall * wide)
    farthest = np.abs(cells).argmax(axis=2)[..., None]
    return np.take_along_axis(cells, farthest, axis=2)[..., 0], tall, wide


def centres_table(
    histories: Sequence[KernelHistory],
    snapshot: int = -1,
    reading: Reading = "energy",
    moments: Moments | None = None,
) -> pd.DataFrame:
    """Return one row per output of every layer at a snapshot (the last, where a layer has fewer).

    Columns: layer, block (its short name), output, kind, centre_of_mass and centre_of_mass0, in frames; the last is
     NaN where the initialisation is unknown.
    """
    names = block_names([history.layer for history in histories])
    tables = []
    for history in histories:
        kernels = read_kernels(history, reading, moments)
        now = kernels[min(snapshot, len(kernels) - 1)]
        start = centre_of_mass(tap_sizes(kernels[0])) if history.starts_known else np.full(len(now), math.nan)
        tables.append(
            pd.DataFrame(
                {
                    "layer": history.layer,
                    "block": names[history.layer],
                    "output": range(len(now)),
                    "kind": kind(now),
                    "centre_of_mass": centre_of_mass(tap_sizes(now)).tolist(),
                    "centre_of_mass0": start,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def snapshot_at(steps: Sequence[int], step: int) -> int:
    """Return the index of the last snapshot taken at `step` or before it; of the last one if `step` is negative."""
    if step < 0:
        return len(steps) - 1
    return max((place for place, taken in enumerate(steps) if taken <= step), default=0)
