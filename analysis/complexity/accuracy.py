"""Accuracies that papers and repositories report, each with who reported it, beside what its network costs here.

They stand in `reported_accuracy.csv`; a further one is one line. What is reported and what is counted never share a
column.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.complexity.counting import applicable, count_by_torch
from gte.models import MODELS, ClipShape, configure

ACCURACY_FILE = Path(__file__).parent / "reported_accuracy.csv"

ACCURACY_COLUMNS = (
    "network",
    "depth",
    "dataset",
    "classes",
    "frames",
    "size",
    "clips",
    "crops",
    "top1",
    "who",
    "source",
)

MISSING_ACCURACY = (
    "These are the accuracies that the networks' own authors and repositories publish. The accuracies of Liu et al.'s "
    "Tables 2 to 4, those of GTE among them, were not at hand and so are left out rather than guessed: whoever has the "
    "paper adds one line for each to `analysis/complexity/reported_accuracy.csv`, and it is drawn here with the others."
)


def reported_accuracy() -> pd.DataFrame:
    """Every reported accuracy: network, data set, frames, size of a crop (missing where not told), views, who said so.

    Raises ValueError for a line of the file that names no network of the table or has an impossible number.
    """
    table = pd.read_csv(ACCURACY_FILE, dtype={"size": "Int64"})
    if tuple(table.columns) != ACCURACY_COLUMNS:
        raise ValueError(f"{ACCURACY_FILE.name} has the columns {', '.join(ACCURACY_COLUMNS)}.")
    for line, row in enumerate(table.to_dict("records"), start=2):
        if row["network"] not in MODELS or not 0 < row["top1"] < 100 or min(row["clips"], row["crops"]) < 1:
            raise ValueError(
                f"A line of {ACCURACY_FILE.name} names a network of the table, an accuracy between 0 and 100 and at "
                f"least one view; got line {line}: {row}."
            )
    table["label"] = [_label(row) for row in table.to_dict("records")]
    return table


def _label(row: Mapping[Any, Any]) -> str:
    depth = "" if row["depth"] == 50 or "depth" not in configure(row["network"]).options() else f"-{row['depth']}"
    return f"{MODELS[row['network']].label}{depth}"


def accuracy_against_cost(dataset: str) -> pd.DataFrame:
    """The reported accuracies on one data set, each with what its network costs as counted here.

    Adds `params_counted` and `macs_counted` (of all views); a row whose crop is not told has none. Raises ValueError
    for a data set without a figure.
    """
    table = reported_accuracy()
    known = list(dict.fromkeys(table["dataset"]))
    if dataset not in known:
        raise ValueError(f"Accuracies are reported on {', '.join(known)}; got {dataset}.")
    rows = [row for row in table.to_dict("records") if row["dataset"] == dataset]
    params, macs = [], []
    for row in rows:
        if pd.isna(row["size"]):
            params.append(pd.NA)
            macs.append(pd.NA)
            continue
        options = applicable(row["network"], {"depth": row["depth"], "num_classes": row["classes"]})
        counted = count_by_torch(row["network"], options, ClipShape(row["frames"], row["size"], row["size"]))
        params.append(counted.params)
        macs.append(counted.macs_conv_linear * row["clips"] * row["crops"])
    table = pd.DataFrame(rows).astype({"size": "Int64"})
    table["params_counted"] = pd.array(params, dtype="Int64")
    table["macs_counted"] = pd.array(macs, dtype="Int64")
    return table


def datasets() -> list[str]:
    """The data sets with a reported accuracy."""
    return list(dict.fromkeys(reported_accuracy()["dataset"]))
