"""The table of a network's temporal kernels: one row per layer and snapshot."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool

from analysis.kernels import drift
from analysis.kernels.drift import COLUMNS, Row
from analysis.kernels.readings import Moments, Reading
from gte.kernel_history import KernelHistory


def summarise(
    histories: Sequence[KernelHistory], reading: Reading = "energy", moments: Moments | None = None
) -> pd.DataFrame:
    """Return the rows of `analysis.kernels.drift.measure_drift` as a table."""
    return pd.DataFrame(drift.measure_drift(histories, reading, moments), columns=pd.Index(COLUMNS))


def rows_of(summary: pd.DataFrame) -> list[Row]:
    """Return the table's rows, as `summarise` took them."""
    return [{str(name): value for name, value in row.items()} for row in summary.to_dict("records")]


def at_the_end(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of `summarise` for the last snapshot of each layer, in order of depth."""
    return summary.groupby("layer", sort=False).tail(1)


def at_snapshot(summary: pd.DataFrame, snapshot: int) -> pd.DataFrame:
    """One row of `summarise` per layer, of a snapshot, or of the last where a layer has fewer.

    Negative numbers count from the last. Raises IndexError for a snapshot that no layer has.
    """
    parts = [part for _, part in summary.groupby("layer", sort=False)]
    longest = max(map(len, parts), default=0)
    if parts and not -longest <= snapshot < longest:
        raise IndexError(f"The layers have {longest} snapshots; got {snapshot}.")
    place = range(longest)[snapshot] if parts else 0
    return pd.concat([summary.iloc[:0], *(part.iloc[[min(place, len(part) - 1)]] for part in parts)])


def block_names_of(summary: pd.DataFrame) -> dict[str, str]:
    """The short name of every layer of `summarise`, in its order."""
    return dict(zip(summary["layer"].tolist(), summary["block"].tolist(), strict=True))


def has_history(summary: pd.DataFrame) -> bool:
    """True if the layers' way through training is known: where they began, and at which step they were elsewhere."""
    return bool((summary["step"].to_numpy(dtype=int)[has_start(summary)] > 0).any())


def has_start(rows: pd.DataFrame) -> Bool[np.ndarray, " r"]:
    """For each row of `summarise`, False if nobody knows how its layer began."""
    return rows["back0"].notna().to_numpy(dtype=bool)


def most_moved(summary: pd.DataFrame) -> str:
    """`analysis.kernels.drift.largest_drift_layer` of a table."""
    return drift.largest_drift_layer(rows_of(summary))
