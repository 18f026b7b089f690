"""The chart of reported accuracy against counted cost."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from analysis.formatting import COST_UNITS, large_count
from analysis.plotting import style
from analysis.plotting.label_placement import places

SYMBOLS: Final[Sequence[str]] = ("circle", "square", "diamond", "triangle-up", "cross")

ACCENTED: Final = "gte"
"""The network in the accent colour."""

MAX_DIAMETER: Final = 30
"""Pixels across, of the network with most parameters."""

MAX_GAP: Final = 10
"""Percentage points: accuracies below a larger gap are named at the lower edge; they would squeeze the others."""

LINE_STEP: Final = 0.02
"""Between the points at which a line to a printed cost keeps names away, as a part of the axis."""

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class _Axes:
    """Ranges of the axes: the decimal logarithm of the cost, and percent."""

    across: tuple[float, float]
    upwards: tuple[float, float]

    def spot(self, cost: float, accuracy: float) -> tuple[float, float]:
        """Give the position of a point as parts of the plot's sides."""
        (left, right), (low, high) = self.across, self.upwards
        return (math.log10(cost) - left) / (right - left), (accuracy - low) / (high - low)


def accuracy_bubbles(table: pd.DataFrame, *, flops_per_mac: int = 1) -> go.Figure:
    """Draw `accuracy.accuracy_against_cost`: reported top-1 against what is counted here, all views, on a log axis.

    A bubble's area is the network's parameters, its shape who reports it; GTE has the accent colour, and a hollow one
    repeats another publisher's figure. Its name gives frames and views. A line leads to a printed cost that differs
    from the counted one. Left out are rows without a count, and rows that repeat one that is drawn.
    """
    counted: list[dict[Any, Any]] = table.dropna(subset=["macs_counted"]).to_dict("records")
    rows = sorted((row for row in counted if not row["repeats"]), key=lambda row: row["network"] == ACCENTED)
    unit = COST_UNITS[flops_per_mac]
    inside, below = _split_at_gap(rows)
    axes = _axes(rows, inside, flops_per_mac)
    largest = max((row["params_counted"] for row in rows), default=1)
    figure = go.Figure()
    publishers = list(dict.fromkeys(row["who"] for row in rows))
    for accented in (False, True):
        for number, who in enumerate(publishers):
            group = [row for row in inside if row["who"] == who and (row["network"] == ACCENTED) == accented]
            if group:
                symbol = SYMBOLS[number % len(SYMBOLS)]
                figure.add_trace(_bubbles(group, symbol, largest, accented, flops_per_mac))
    if below:
        figure.add_trace(_below_axis(below, axes, flops_per_mac))
    printed = [row for row in counted if row["printed_differs"]]
    for number, row in enumerate(printed):
        figure.add_trace(_printed_cost(row, flops_per_mac, show_legend=number == 0))
    style.style(figure)
    figure.update_xaxes(
        title_text=f"{unit} of all views, counted here", type="log", tickformat="~s", dtick="D2", range=axes.across
    )
    figure.update_yaxes(title_text="top-1, %, reported", range=axes.upwards)
    figure.update_layout(legend={"itemsizing": "constant"})
    _write_names(figure, inside, below, printed, axes, largest, flops_per_mac)
    return figure


def _split_at_gap(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Split off the rows below the first large gap between accuracies; the order stays."""
    lowest = lowest_above_gap([row["top1"] for row in rows])
    return [row for row in rows if row["top1"] >= lowest], [row for row in rows if row["top1"] < lowest]


def lowest_above_gap(accuracies: Sequence[float]) -> float:
    """Return the lowest of the accuracies, in percent, that are above the first gap larger than MAX_GAP; 0 without."""
    ordered = sorted(accuracies, reverse=True)
    return next((high for high, low in pairwise(ordered) if high - low > MAX_GAP), 0)


def _axes(rows: Sequence[Row], inside: Sequence[Row], flops_per_mac: int) -> _Axes:
    accuracies = [row["top1"] for row in inside]
    low, high = min(accuracies, default=0), max(accuracies, default=100)
    margin = 0.1 * (high - low) + 1
    costs = [math.log10(_cost(row, flops_per_mac)) for row in rows]
    # On the left there is room for a name.
    return _Axes((min(costs, default=9) - 0.3, max(costs, default=10) + 0.1), (low - margin, high + margin))


def _cost(row: Row, flops_per_mac: int) -> int:
    return int(row["macs_counted"]) * flops_per_mac


def _printed(row: Row, flops_per_mac: int) -> float:
    return 1e9 * row["macs_printed"] * row["views"] * flops_per_mac


def _bubbles(rows: Sequence[Row], symbol: str, largest: int, accented: bool, flops_per_mac: int) -> go.Scatter:
    who, colour = rows[0]["who"], style.ACCENT if accented else style.NEUTRAL
    return go.Scatter(
        name=f"GTE, {who}" if accented else who,
        x=[_cost(row, flops_per_mac) for row in rows],
        y=[row["top1"] for row in rows],
        mode="markers",
        cliponaxis=False,
        marker={
            "symbol": symbol,
            "opacity": 1,
            "size": [_diameter(row, largest) for row in rows],
            "color": [style.TRANSPARENT if row["quoted_from"] else style.faded(colour, 0.35) for row in rows],
            "line": {"width": 2, "color": colour},
        },
        customdata=[_hover(row, flops_per_mac) for row in rows],
        hovertemplate=(
            "<b>%{customdata[0]}</b>: top-1 %{y} %, reported by %{customdata[1]}<br>"
            "%{customdata[2]} frames, %{customdata[3]} clips x crops<br>"
            f"counted here: %{{customdata[4]}} {COST_UNITS[flops_per_mac]} in all views, "
            "%{customdata[5]} parameters<extra></extra>"
        ),
    )


def _hover(row: Row, flops_per_mac: int) -> list[str]:
    quoted = f" after {row['quoted_from']}" if row["quoted_from"] else ""
    return [
        row["label"],
        f"{row['who']}{quoted}",
        str(row["frames"]),
        f"{row['clips']} x {row['crops']}",
        large_count(_cost(row, flops_per_mac)),
        large_count(int(row["params_counted"])),
    ]


def _below_axis(rows: Sequence[Row], axes: _Axes, flops_per_mac: int) -> go.Scatter:
    """Mark, at the lower edge, accuracies below the axis."""
    return go.Scatter(
        x=[_cost(row, flops_per_mac) for row in rows],
        y=[axes.upwards[0]] * len(rows),
        mode="markers",
        cliponaxis=False,
        showlegend=False,
        marker={"symbol": "triangle-down", "size": 10, "color": style.NEUTRAL},
        customdata=[[*_hover(row, flops_per_mac), row["top1"]] for row in rows],
        hovertemplate="<b>%{customdata[0]}</b>: top-1 %{customdata[6]} %, reported by %{customdata[1]}<extra></extra>",
    )


def _printed_cost(row: Row, flops_per_mac: int, *, show_legend: bool) -> go.Scatter:
    printed = f"{row['macs_printed']:g} G"
    return go.Scatter(
        name="cost as printed",
        legendgroup="printed",
        showlegend=show_legend,
        x=[_cost(row, flops_per_mac), _printed(row, flops_per_mac)],
        y=[row["top1"]] * 2,
        mode="lines+markers",
        line={"width": 1, "color": style.NEUTRAL},
        marker={"symbol": "line-ns-open", "size": [0, 12], "color": style.NEUTRAL, "line": {"width": 2}},
        hovertemplate=f"<b>{row['label']}</b>: {printed} MACs for one view, printed by {row['who']}<extra></extra>",
    )


def _write_names(
    figure: go.Figure,
    inside: Sequence[Row],
    below: Sequence[Row],
    printed: Sequence[Row],
    axes: _Axes,
    largest: int,
    flops_per_mac: int,
) -> None:
    """Write names next to their points, those of the accented network first, away from points, lines and names."""
    first = sorted(inside, key=lambda row: row["network"] != ACCENTED)
    marks = [(_cost(row, flops_per_mac), row["top1"], _name(row), _diameter(row, largest) / 2) for row in first]
    marks += [
        (_cost(row, flops_per_mac), axes.upwards[0], f"{_name(row)}: {row['top1']:g} %, below", 5.0) for row in below
    ]
    marks += [(_printed(row, flops_per_mac), row["top1"], f"printed {row['macs_printed']:g} G", 5.0) for row in printed]
    spots = [axes.spot(x, y) for x, y, _, _ in marks]
    lines = [spot for row in printed for spot in _along(row, axes, flops_per_mac)]
    nameless = len(lines)
    chosen = places(
        [*spots, *lines], [name for *_, name, _ in marks] + [""] * nameless, [m[3] for m in marks] + [1.0] * nameless
    )
    for (x, y, name, _), place in zip(marks, chosen, strict=False):
        figure.add_annotation(
            x=math.log10(x),
            y=y,
            text=name,
            showarrow=False,
            xanchor=place.side,
            xshift=place.right,
            yshift=place.up,
        )


def _along(row: Row, axes: _Axes, flops_per_mac: int) -> list[tuple[float, float]]:
    """Give spots along the line from a counted to a printed cost."""
    ends = (_cost(row, flops_per_mac), _printed(row, flops_per_mac))
    (left, height), (right, _) = sorted(axes.spot(cost, row["top1"]) for cost in ends)
    steps = int((right - left) / LINE_STEP)
    return [(left + step * LINE_STEP, height) for step in range(1, steps)]


def _name(row: Row) -> str:
    return f"{row['label']}, {row['frames']}f, {row['clips']}x{row['crops']}"


def _diameter(row: Row, largest: int) -> float:
    """Give the pixels across of a bubble."""
    return MAX_DIAMETER * (row["params_counted"] / largest) ** 0.5
