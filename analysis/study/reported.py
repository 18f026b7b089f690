"""Figure 3 and Tables 2 to 4 of the paper: what this study measured, and what the paper reports, never in one column.

Figure 3 is a picture. Of its values the text prints few; the others are said to be missing.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import pandas as pd

from analysis.complexity.accuracy import reported_accuracy
from analysis.complexity.counting import count_by_torch
from analysis.formatting import large_count
from analysis.study.tables import span
from gte.models import ClipShape

PAPER: Final = "Liu et al."
NOT_PRINTED: Final = "not printed in the text"
NOT_TRAINED: Final = "not trained yet"
RANGE: Final = "18.0 M to 19.3 M, rising as t falls"
"""Parameters over all t, in section 3.2; which t has which is not printed."""

PAPER_SETTING: Final[Mapping[str, int]] = {"depth": 50, "base_width": 64, "num_classes": 174}
PAPER_CLIP: Final = ClipShape(8, 224, 224)
DATASET: Final = "Something-Something V1"

STRATEGIES: Final[Mapping[str, str]] = {
    "c3d": "3x3x3 for all channels (3D CNN)",
    "gst": "3x3x3 in the temporal path (GST)",
    "gte_fixed_shift": "fixed shift, 2D convolution",
    "gte_no_conv2d": "LTS alone",
    "gte": "LTS, 2D convolution (GTE)",
    "gte_shared": "LTS with one kernel per direction, 2D convolution",
    "gte_depthwise": "depthwise LTS, 2D convolution",
    "gte-half-unshifted": "LTS, half of it unshifted before training, 2D convolution",
}
"""What mixes frames, by row of the study. The text names the first two, LTS alone and the whole; the rest are ours."""

SHARES: Final[Mapping[str, Fraction]] = {
    "gte-t-1-8": Fraction(1, 8),
    "gte": Fraction(1, 4),
    "gte-t-1-2": Fraction(1, 2),
}
"""The share t of each row of the study that varies it."""


def figure_3a(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the strategies for modelling time, of `tables.rows_table`: measured and reported top-1."""
    measured, reported = _by_row(rows), _reported()
    return pd.DataFrame(
        [
            {
                "strategy": words,
                "measured": _accuracy(measured.get(name)),
                "reported": reported.get(name, NOT_PRINTED),
            }
            for name, words in STRATEGIES.items()
        ]
    )


def figure_3b(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the share t changes: measured and reported top-1 and parameters.

    Parameters are counted twice: of the network that was trained, and at the paper's setting.
    """
    measured, reported = _by_row(rows), _reported()
    table = []
    for name, share in SHARES.items():
        options = {**PAPER_SETTING, "temporal_share": float(share)}
        row = measured.get(name)
        table.append(
            {
                "t": str(share),
                "measured": _accuracy(row),
                "reported": reported.get(name, NOT_PRINTED),
                "params_trained": NOT_TRAINED if row is None else large_count(row["params"]),
                "params_paper_setting": large_count(count_by_torch("gte", options, PAPER_CLIP).params),
                "params_reported": RANGE,
            }
        )
    return pd.DataFrame(table)


def tables_2_to_4() -> pd.DataFrame:
    """Return what the paper's tables report, a row for each line, and from whom a quoted one is."""
    table = reported_accuracy()
    rows = [row for row in table.to_dict("records") if row["who"] == PAPER]
    kept = ("dataset", "network", "label", "frames", "macs_printed", "top1", "top5", "quoted_from")
    return pd.DataFrame(
        [{"table": row["source"].removeprefix(f"{PAPER}, ")} | {name: row[name] for name in kept} for row in rows]
    )


def share_finding(rows: pd.DataFrame) -> str:
    """Say how parameters change with t here; empty where fewer than two shares are trained."""
    measured = _by_row(rows)
    known = [(share, measured[name]["params"]) for name, share in SHARES.items() if name in measured]
    if len(known) < 2:
        return ""
    counts = [params for _, params in known]
    course = "rise" if counts == sorted(counts) else "fall" if counts == sorted(counts, reverse=True) else "vary"
    listed = ", ".join(f"{large_count(params)} at t = {share}" for share, params in known)
    # The text has them rise while t falls.
    paper = {"rise": " The paper's text has them fall.", "fall": " So does the paper's text."}.get(course, "")
    return f"Parameters {course} with t: {listed}.{paper}"


def _by_row(rows: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    return {row["row"]: row for row in rows.to_dict("records")}


def _accuracy(row: Mapping[Any, Any] | None) -> str:
    """Write the mean of a row and its range."""
    if row is None:
        return NOT_TRAINED
    between = span(row["top1_low"], row["top1_high"])
    return f"{100 * row['top1']:.1f}" + (f" ({between})" if between else "")


def _reported() -> dict[str, str]:
    """Return the accuracies that Table 2 prints for the setting of Figure 3, by network."""
    return {
        row["network"]: f"{row['top1']:g} ({row['table']}{', quoted' if row['quoted_from'] else ''})"
        for row in tables_2_to_4().to_dict("records")
        if row["dataset"] == DATASET and row["frames"] == PAPER_CLIP.frames
    }
