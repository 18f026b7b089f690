"""Charts of the study: accuracy against cost, by pair of classes, by class, and over the training."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import pandas as pd
import plotly.graph_objects as go

from analysis.complexity.accuracy_figure import lowest_above_gap
from analysis.formatting import large_count
from analysis.plotting import style
from analysis.plotting.label_placement import places

ACCENTED: Final = "gte"
"""The network in the accent colour; its variants are hollow in it."""

Cost = Literal["macs_conv_linear", "params"]
COST_TITLES: Final[Mapping[Cost, str]] = {"macs_conv_linear": "MACs of one clip", "params": "parameters"}

MARKER_SIZE: Final = 9
"""In pixels; small enough that points of nearly the same cost can be clicked apart."""
Row = Mapping[Any, Any]


def accuracy_against_cost(rows: pd.DataFrame, runs: pd.DataFrame, cost: Cost = "macs_conv_linear") -> go.Figure:
    """Draw top-1 of each network of `tables.rows_table` against what it costs.

    A point is the mean over the seeds of `tables.runs_table`, small dots are the seeds, the line joins lowest and
    highest. GTE is solid in the accent colour, its variants are hollow. What is far below the others is named at the
    lower edge with its accuracy. Each point carries the name of its row as customdata.
    """
    table: Sequence[Row] = rows.to_dict("records")
    lowest = lowest_above_gap([100 * row["top1"] for row in table])
    inside = [row for row in table if 100 * row["top1"] >= lowest]
    below = [row for row in table if 100 * row["top1"] < lowest]
    seen = runs[runs["row"].isin([row["row"] for row in inside if row["seeds"] > 1])]
    axes = _Axes(table, inside, cost)
    figure = go.Figure()
    # GTE last: of points that cover each other, the last one is seen and clicked.
    for kind, title in {"variant": "a variant of GTE", "other": "another network", "gte": "GTE"}.items():
        group = [row for row in inside if kind_of(row) == kind]
        if group:
            figure.add_trace(_points(group, title, kind, cost))
    figure.add_trace(
        go.Scatter(
            name="one training",
            legendrank=3,
            x=seen[cost],
            y=100 * seen["top1"],
            mode="markers",
            marker={"size": 4, "color": style.NEUTRAL},
            customdata=[[name] for name in seen["row"]],
            hovertemplate="one training: %{y:.1f} %<extra></extra>",
        )
    )
    if below:
        figure.add_trace(_below(below, axes.low, cost))
    style.style(figure)
    figure.update_xaxes(title_text=COST_TITLES[cost], tickformat="~s", range=[axes.left, axes.right])
    figure.update_yaxes(title_text="top-1, %, on the test clips", range=[axes.low, axes.high])
    _write_names(figure, inside, below, axes, cost)
    return figure


def kind_of(row: Row) -> Literal["gte", "variant", "other"]:
    """Return whether a row is GTE as in the paper, a variant of it, or another network."""
    if row["row"] == ACCENTED:
        return "gte"
    return "variant" if row["network"].startswith(ACCENTED) else "other"


class _Axes:
    """Ranges of the axes: cost, and percent."""

    def __init__(self, rows: Sequence[Row], inside: Sequence[Row], cost: Cost) -> None:
        costs = [row[cost] for row in rows]
        span = max(max(costs) - min(costs), 0.1 * max(costs))
        # On the left there is room for a name.
        self.left, self.right = min(costs) - 0.5 * span, max(costs) + 0.15 * span
        lows, highs = [100 * row["top1_low"] for row in inside], [100 * row["top1_high"] for row in inside]
        margin = 0.1 * (max(highs) - min(lows)) + 0.5
        self.low, self.high = min(lows) - margin, max(highs) + margin

    def spot(self, cost: float, accuracy: float) -> tuple[float, float]:
        """Return a position as parts of the plot's sides."""
        return (cost - self.left) / (self.right - self.left), (accuracy - self.low) / (self.high - self.low)


def _points(rows: Sequence[Row], title: str, kind: str, cost: Cost) -> go.Scatter:
    means = [100 * row["top1"] for row in rows]
    return go.Scatter(
        name=title,
        legendrank=1 if kind == "gte" else 2,
        x=[row[cost] for row in rows],
        y=means,
        mode="markers",
        cliponaxis=False,
        marker={"size": MARKER_SIZE, **_look([kind] * len(rows))},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [100 * row["top1_high"] - mean for row, mean in zip(rows, means, strict=True)],
            "arrayminus": [mean - 100 * row["top1_low"] for row, mean in zip(rows, means, strict=True)],
            "color": _colour(kind),
            "thickness": 1.5,
            "width": 0,
        },
        customdata=[_hover(row) for row in rows],
        hovertemplate=(
            "<b>%{customdata[1]}</b>: %{y:.1f} %%{customdata[2]}<br>"
            "%{customdata[3]} MACs, %{customdata[4]} parameters<extra></extra>"
        ),
    )


def _colour(kind: str) -> str:
    return style.NEUTRAL if kind == "other" else style.ACCENT


def _look(kinds: Sequence[str]) -> dict[str, Any]:
    """Return the looks of points: GTE and its variants in the accent colour, variants hollow."""
    return {
        "opacity": 1,
        "color": [style.TRANSPARENT if kind == "variant" else _colour(kind) for kind in kinds],
        "line": {"width": 2, "color": [_colour(kind) for kind in kinds]},
    }


def _hover(row: Row) -> list[str]:
    many = f", the mean of {row['seeds']} trainings" if row["seeds"] > 1 else ", one training"
    return [row["row"], row["label"], many, large_count(row["macs_conv_linear"]), large_count(row["params"])]


def _below(rows: Sequence[Row], edge: float, cost: Cost) -> go.Scatter:
    return go.Scatter(
        x=[row[cost] for row in rows],
        y=[edge] * len(rows),
        mode="markers",
        cliponaxis=False,
        showlegend=False,
        marker={"symbol": "triangle-down", "size": MARKER_SIZE + 2, **_look([kind_of(row) for row in rows])},
        customdata=[[*_hover(row), f"{100 * row['top1']:.1f}"] for row in rows],
        hovertemplate="<b>%{customdata[1]}</b>: %{customdata[5]} %%{customdata[2]}<extra></extra>",
    )


def _write_names(figure: go.Figure, inside: Sequence[Row], below: Sequence[Row], axes: _Axes, cost: Cost) -> None:
    """Write names next to their points, GTE's first, away from points and other names."""
    first = sorted(inside, key=lambda row: row["row"] != ACCENTED)
    marks = [(row[cost], 100 * row["top1"], row["label"]) for row in first]
    marks += [(row[cost], axes.low, f"{row['label']}: {100 * row['top1']:.1f} %") for row in below]
    spots = [axes.spot(x, y) for x, y, _ in marks]
    chosen = places(spots, [name for *_, name in marks], [MARKER_SIZE / 2 + 1] * len(marks))
    for (x, y, name), place in zip(marks, chosen, strict=True):
        figure.add_annotation(
            x=x, y=y, text=name, showarrow=False, xanchor=place.side, xshift=place.right, yshift=place.up
        )
