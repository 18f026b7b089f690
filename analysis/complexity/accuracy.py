"""Accuracies that papers and repositories report, each with who prints it, next to what its network costs here.

They are in `reported_accuracy.csv`, one line each. What is reported and what is counted never share a column.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.complexity.counting import count_by_torch
from analysis.complexity.published import CLOSE
from analysis.formatting import COST_UNITS, large_count
from gte.models import MODELS, ClipShape, applicable, configure

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
    "top5",
    "split",
    "macs_printed",
    "who",
    "quoted_from",
    "source",
)
"""`top1` and `top5` are percent, `macs_printed` thousand millions for one view; `quoted_from` is whose figure it is,
where `who` repeats another publisher's."""

TEXTS = ("split", "who", "quoted_from", "source")

ACCURACY_NOTE = (
    "Accuracies as printed, costs as counted here. The figures of Liu et al. are those of their Tables 2 to 4; a "
    "hollow point repeats a figure of others. Their own training of TSM reaches 60.3 % on Something-Something V2 with "
    "16 frames and one view; mmaction2 prints 61.06 % for one view, TSM's authors 63.1 % for six. They give 33 GFLOPs "
    "for TSM at 16 frames, which is its cost at 8; TSM's authors print 65 G. For S3D no accuracy on "
    "Something-Something V2 was found. Which labels of Diving48 they used they do not say; with the second release "
    "the numbers are of another size (TSM, 16 frames: 81.62 %, mmaction2). The paper does not state the crop of 224 "
    "pixels; its 25.3 G need it."
)


def reported_accuracy() -> pd.DataFrame:
    """Read every reported accuracy, and say which repeat a figure that its own publisher has a row for (`repeats`).

    Raises ValueError for a line of the file that names no network of the table, no publisher or no source, or that has
    an impossible number.
    """
    table = pd.read_csv(ACCURACY_FILE, dtype={"depth": "Int64", "size": "Int64"})
    if tuple(table.columns) != ACCURACY_COLUMNS:
        raise ValueError(f"{ACCURACY_FILE.name} has the columns {', '.join(ACCURACY_COLUMNS)}.")
    table = table.fillna(dict.fromkeys(TEXTS, ""))
    rows = table.to_dict("records")
    for line, row in enumerate(rows, start=2):
        if not _is_valid(row):
            raise ValueError(
                f"A line of {ACCURACY_FILE.name} names a network of the table, a publisher who is not the one quoted, "
                "and a source, has an accuracy between 0 and 100, no lower one for five answers, and at least one "
                f"view; got line {line}: {row}."
            )
    originals = {_figure(row) for row in rows if not row["quoted_from"]}
    return table.assign(
        label=[_label(row) for row in rows],
        repeats=[bool(row["quoted_from"]) and _figure(row) in originals for row in rows],
    )


def _is_valid(row: Mapping[Any, Any]) -> bool:
    ordered = 0 < row["top1"] < 100 and (pd.isna(row["top5"]) or row["top1"] < row["top5"] <= 100)
    named = row["network"] in MODELS and row["who"] and row["source"] and row["who"] != row["quoted_from"]
    return bool(ordered and named and min(row["clips"], row["crops"]) >= 1)


def _figure(row: Mapping[Any, Any]) -> tuple[str, ...]:
    """What two rows of one figure share."""
    return tuple(str(row[name]) for name in ("network", "depth", "dataset", "frames", "top1"))


def _label(row: Mapping[Any, Any]) -> str:
    has_depth = "depth" in configure(row["network"]).options() and not pd.isna(row["depth"])
    depth = f"-{row['depth']}" if has_depth and row["depth"] != 50 else ""
    return f"{MODELS[row['network']].label}{depth}"


def accuracy_against_cost(dataset: str) -> pd.DataFrame:
    """Give the reported accuracies on one data set, each with what its network costs as counted here.

    Adds `views` (clips times crops), `params_counted`, `macs_counted` (of all views), and `printed_differs`: true where
    the printed cost is more than 3 % from the counted one. A row without the size of its crop has no count. Raises
    ValueError for a data set without a figure.
    """
    table = reported_accuracy()
    if dataset not in (known := datasets()):
        raise ValueError(f"Accuracies are reported on {', '.join(known)}; got {dataset}.")
    table = table.loc[table["dataset"] == dataset].reset_index(drop=True)
    table["views"] = table["clips"] * table["crops"]
    params, macs, differs = [], [], []
    for row in table.to_dict("records"):
        if pd.isna(row["size"]):
            params.append(pd.NA)
            macs.append(pd.NA)
            differs.append(False)
            continue
        depth = {} if pd.isna(row["depth"]) else {"depth": row["depth"]}
        options = applicable(row["network"], depth | {"num_classes": row["classes"]})
        counted = count_by_torch(row["network"], options, ClipShape(row["frames"], row["size"], row["size"]))
        params.append(counted.params)
        macs.append(counted.macs_conv_linear * row["views"])
        # A missing figure is no number, of which every comparison is false. Printed costs are those of 224 pixels.
        at_printed = count_by_torch(row["network"], options, ClipShape(row["frames"], 224, 224)).macs_conv_linear
        differs.append(abs(at_printed / (1e9 * row["macs_printed"]) - 1) > CLOSE)
    table["params_counted"] = pd.array(params, dtype="Int64")
    table["macs_counted"] = pd.array(macs, dtype="Int64")
    table["printed_differs"] = differs
    return table


def datasets() -> list[str]:
    """Name the data sets with a reported accuracy."""
    return list(dict.fromkeys(reported_accuracy()["dataset"]))


def accuracy_finding(table: pd.DataFrame, flops_per_mac: int = 1) -> str:
    """Name the most accurate network with one view per video, what it costs, and the most accurate of all."""
    rows = table.dropna(subset=["macs_counted"]).to_dict("records")
    unit = COST_UNITS[flops_per_mac]
    best = max(rows, key=lambda row: row["top1"])
    highest = max((row["top1"] for row in rows if row["views"] == 1), default=None)
    singles = [row for row in rows if row["views"] == 1 and row["top1"] == highest]

    def cost(row: Mapping[Any, Any]) -> str:
        return large_count(int(row["macs_counted"]) * flops_per_mac)

    many = f"{best['label']} reaches {best['top1']:g} % with {best['views']} views, {cost(best)} {unit} ({best['who']})"
    if not singles:
        return f"{many}."
    networks = [f"{row['label']} at {row['frames']} frames, {cost(row)} {unit} ({row['who']})" for row in singles]
    first = f"With one view per video the highest reported accuracy is {highest:g} %: {' and '.join(networks)}"
    return f"{first}." if best["views"] == 1 else f"{first}; {many}."
