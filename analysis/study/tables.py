"""Tables of the study: a row for each run, a row for each network over its seeds, and the real recordings."""

from typing import Any, Final

import pandas as pd

from analysis.complexity.counting import count_by_torch
from analysis.formatting import large_count
from analysis.study.results import Run, Study
from gte.models import ClipShape, applicable

RUN_COLUMNS: Final = (
    *("network", "row", "label", "seed", "data", "top1", "loss", "reversed_to_twin"),
    *("params", "macs_conv_linear", "frames", "clips_seen", "seconds", "checkpoint"),
)


def checkpoint_name(run: Run) -> str:
    """Return the name of a run's checkpoint below the folder of checkpoints."""
    return f"study/{run.name}"


def runs_table(study: Study) -> pd.DataFrame:
    """Return one row per finished run.

    Accuracy and reversal are shares of the test clips; parameters and MACs of convolutions and linear layers are
    counted on the network for one clip.
    """
    return pd.DataFrame([_run_row(run) for run in study.runs], columns=pd.Index(RUN_COLUMNS))


def _run_row(run: Run) -> dict[str, Any]:
    shape = ClipShape(run.num_frames, run.clips.size, run.clips.size)
    cost = count_by_torch(run.network, applicable(run.network, run.options), shape)
    return {
        "network": run.network,
        "row": run.row,
        "label": run.label,
        "seed": run.seed,
        "data": run.clips.data,
        "top1": run.top1,
        "loss": run.loss,
        "reversed_to_twin": run.reversed_to_twin,
        "params": cost.params,
        "macs_conv_linear": cost.macs_conv_linear,
        "frames": run.num_frames,
        "clips_seen": run.clips_seen,
        "seconds": run.seconds,
        "checkpoint": checkpoint_name(run),
    }


def rows_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network of `runs_table`, over its seeds.

    Columns: row, label, network, seeds (their number), top1, top1_low and top1_high (mean, lowest, highest),
    reversed_to_twin (mean), params, macs_conv_linear, frames, seconds (mean of a training).
    """
    rows = []
    for name, group in runs.groupby("row", sort=False):
        first = group.iloc[0]
        rows.append(
            {
                "row": name,
                "label": first["label"],
                "network": first["network"],
                "seeds": len(group),
                "top1": group["top1"].mean(),
                "top1_low": group["top1"].min(),
                "top1_high": group["top1"].max(),
                "reversed_to_twin": group["reversed_to_twin"].mean(),
                "params": int(first["params"]),
                "macs_conv_linear": int(first["macs_conv_linear"]),
                "frames": int(first["frames"]),
                "seconds": group["seconds"].mean(),
            }
        )
    return pd.DataFrame(rows)


def span(low: float, high: float) -> str:
    """Write the lowest and highest of several shares, in percent to a tenth: "87.1–89.3"; empty for a single one."""
    return "" if low == high else f"{100 * low:.1f}–{100 * high:.1f}"


def markdown(rows: pd.DataFrame) -> str:
    """Return the table of `rows_table` as the README shows it."""
    lines = [
        "| network | seeds | top-1, % | lowest–highest | reversal turns the answer, % | parameters | MACs |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['label']} | {row['seeds']} | {100 * row['top1']:.1f} | {span(row['top1_low'], row['top1_high'])} "
        f"| {100 * row['reversed_to_twin']:.1f} | {large_count(row['params'])} "
        f"| {large_count(row['macs_conv_linear'])} |"
        for row in rows.to_dict("records")
    ]
    return "\n".join(lines)
