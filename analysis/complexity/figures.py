"""Where the cost of a network sits, what an operator costs by formula and as built, and what t and accuracy cost."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.complexity.layers import KINDS, Kind
from analysis.formatting import COST_UNITS, large_count, percent
from analysis.plotting import style
from analysis.plotting.label_placement import places
from analysis.plotting.rows import every_name, height_for, mark_row

SOLID: Final[dict[str, Any]] = {"color": style.TEMPORAL_COST, "line": {"width": 0}}

MARKERS: Final[Mapping[Kind, dict[str, Any]]] = {
    "temporal": SOLID,
    "spatial": style.patterned("/"),
    "pointwise": style.patterned("."),
    "norm": style.patterned("x"),
    "head": style.patterned("-"),
}
"""The temporal part is solid, the others are told apart by their patterns."""

OPAQUE: Final[dict[str, Any]] = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}


def part_bars(parts: pd.DataFrame, selected: str | None = None, *, flops_per_mac: int = 1) -> go.Figure:
    """`complexity.parts`: a row for each part, in the order of the network, stacked by kind of operator.

    Beside each row stand its cost and its share. Every bar carries its part as customdata.
    """
    rows = parts.to_dict("records")
    names: list[str] = list(dict.fromkeys(row["part"] for row in rows))
    unit = COST_UNITS[flops_per_mac]
    figure = go.Figure()
    for kind, title in KINDS.items():
        mine = [row for row in rows if row["kind"] == kind and row["macs"]]
        if not mine:
            continue
        figure.add_trace(
            go.Bar(
                name=title,
                y=[row["part"] for row in mine],
                x=[row["macs"] * flops_per_mac for row in mine],
                orientation="h",
                marker=MARKERS[kind],
                customdata=[
                    [
                        row["part"],
                        large_count(row["macs"] * flops_per_mac),
                        percent(row["share"]),
                        large_count(row["params"]),
                    ]
                    for row in mine
                ],
                hovertemplate=(
                    f"<b>%{{y}}</b>, {title}: %{{customdata[1]}} {unit}, %{{customdata[2]}} of the network<br>"
                    "%{customdata[3]} parameters<extra></extra>"
                ),
                **OPAQUE,
            )
        )
    style.style(figure, categories="y")
    totals = {name: sum(row["macs"] for row in rows if row["part"] == name) for name in names}
    shares = {name: sum(row["share"] for row in rows if row["part"] == name) for name in names}
    figure.update_xaxes(
        title_text=unit,
        range=[0, 1.03 * flops_per_mac * max(totals.values(), default=1) or 1],
        domain=[0, 0.72],
        tickformat="~s",
        zeroline=True,
    )
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        ticklabelstandoff=8,
        categoryorder="array",
        categoryarray=names,
        **every_name(names),
    )
    figure.update_layout(barmode="stack", bargap=0.35, height=height_for(len(names)))
    for name in names:
        for x, text in ((0.87, large_count(totals[name] * flops_per_mac)), (0.99, percent(shares[name]))):
            figure.add_annotation(text=text, xref="paper", x=x, y=name, xanchor="right", showarrow=False)
    return mark_row(figure, names, selected)


def formula_bars(table: pd.DataFrame) -> go.Figure:
    """`complexity.formula_table`: a bar for what was built, solid what spans frames; a diamond for the formula."""
    rows = table.to_dict("records")
    labels = [row["label"] for row in rows]
    figure = go.Figure()
    for name, values, marker in (
        ("built, within frames", [row["built"] - row["built_temporal"] for row in rows], style.HATCHED),
        ("built, kernels over frames", [row["built_temporal"] for row in rows], SOLID),
    ):
        figure.add_trace(
            go.Bar(
                name=name,
                y=labels,
                x=values,
                orientation="h",
                marker=marker,
                hovertemplate=f"<b>%{{y}}</b>, {name}: %{{x:,}} parameters<extra></extra>",
                **OPAQUE,
            )
        )
    figure.add_trace(
        go.Scatter(
            name="by formula",
            y=labels,
            x=[row["value"] for row in rows],
            mode="markers",
            marker={
                "symbol": "diamond-open",
                "size": 13,
                "color": style.NEUTRAL,
                "line": {"width": 2.5, "color": style.NEUTRAL},
            },
            customdata=[[row["formula"]] for row in rows],
            hovertemplate="<b>%{y}</b>: %{customdata[0]} = %{x:,}<extra></extra>",
        )
    )
    style.style(figure, categories="y")
    figure.update_xaxes(title_text="parameters", tickformat="~s", rangemode="tozero")
    figure.update_yaxes(
        autorange="reversed", showgrid=False, categoryorder="array", categoryarray=labels, **every_name(labels)
    )
    figure.update_layout(barmode="stack", bargap=0.35, height=height_for(len(rows)))
    return figure


CURVES: Final[Mapping[str, dict[str, Any]]] = {
    "gte": {"color": style.ACCENT, "width": 3},
    "gst": {"color": style.NEUTRAL, "width": 2, "dash": "dash"},
}


def share_curves(
    table: pd.DataFrame, chosen: float | None = None, reported: Sequence[float] = (), *, flops_per_mac: int = 1
) -> go.Figure:
    """`complexity.sweep`: parameters on the left, MACs on the right, against t.

    Dotted lines are `reported` parameters of GTE; `chosen` is the t of the page.
    """
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.16)
    views = max(table["views"], default=1)
    unit = COST_UNITS[flops_per_mac]
    titles = ("parameters", f"{unit} per clip" if views == 1 else f"{unit} of all {views} views")
    for name in dict.fromkeys(table["name"]):
        rows = [row for row in table.to_dict("records") if row["name"] == name]
        for panel, column in enumerate(("params", "macs"), start=1):
            factor = flops_per_mac if column == "macs" else 1
            figure.add_trace(
                go.Scatter(
                    name=rows[0]["label"],
                    legendgroup=name,
                    showlegend=panel == 1,
                    x=[row["share"] for row in rows],
                    y=[row[column] * factor for row in rows],
                    mode="lines+markers",
                    line=CURVES.get(name, {"color": style.NEUTRAL}),
                    marker={"size": 5},
                    customdata=[[row["t"], large_count(row[column] * factor)] for row in rows],
                    hovertemplate=f"<b>{rows[0]['label']}</b>, t = %{{customdata[0]}}: %{{customdata[1]}}"
                    "<extra></extra>",
                ),
                row=1,
                col=panel,
            )
    style.style(figure)
    for panel, title in enumerate(titles, start=1):
        figure.update_xaxes(title_text="t, the temporal share", range=[0, 1], row=1, col=panel)
        figure.update_yaxes(title_text=title, tickformat="~s", row=1, col=panel)
        if chosen is not None:
            figure.add_shape(
                type="line",
                x0=chosen,
                x1=chosen,
                y0=0,
                y1=1,
                yref="y domain",
                line={"width": 8, "color": style.ROW_BAND},
                layer="below",
                row=1,
                col=panel,
            )
    for number, value in enumerate(reported):
        figure.add_trace(
            go.Scatter(
                name="GTE, reported",
                legendgroup="reported",
                showlegend=number == 0,
                x=[0, 1],
                y=[value, value],
                mode="lines",
                line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL},
                hoverinfo="skip",
            ),
            row=1,
            col=1,
        )
        # Beside the panel, where no curve crosses it.
        figure.add_annotation(
            text=f"{value / 1e6:.1f} M",
            x=1,
            xref="x domain",
            y=value,
            xanchor="left",
            showarrow=False,
            row=1,
            col=1,
        )
    return figure


SYMBOLS: Final[Sequence[str]] = ("circle", "square", "diamond", "triangle-up", "cross")

LARGEST_BUBBLE = 30
"""Pixels across, of the network with most parameters."""


def accuracy_bubbles(table: pd.DataFrame, *, flops_per_mac: int = 1) -> go.Figure:
    """`complexity.accuracy_against_cost`: reported top-1 against what is counted here, all views, on a log axis.

    A bubble's area is the network's parameters, its shape tells who reported it; beside it stand the network, its
    frames and its views. Rows without a count are left out.
    """
    rows: list[dict[Any, Any]] = [row for row in table.to_dict("records") if not pd.isna(row["macs_counted"])]
    unit = COST_UNITS[flops_per_mac]
    most = max((row["params_counted"] for row in rows), default=1)
    figure = go.Figure()
    for number, who in enumerate(dict.fromkeys(row["who"] for row in rows)):
        mine = [row for row in rows if row["who"] == who]
        figure.add_trace(
            go.Scatter(
                name=who,
                x=[row["macs_counted"] * flops_per_mac for row in mine],
                y=[row["top1"] for row in mine],
                mode="markers",
                cliponaxis=False,
                marker={
                    "symbol": SYMBOLS[number % len(SYMBOLS)],
                    "size": [_bubble(row, most) for row in mine],
                    "color": style.faded(style.NEUTRAL, 0.35),
                    "line": {"width": 2, "color": style.NEUTRAL},
                },
                customdata=[
                    [
                        row["label"],
                        row["frames"],
                        f"{row['clips']} x {row['crops']}",
                        large_count(row["macs_counted"] * flops_per_mac),
                        large_count(row["params_counted"]),
                    ]
                    for row in mine
                ],
                hovertemplate=(
                    f"<b>%{{customdata[0]}}</b>: top-1 %{{y}} %, reported by {who}<br>"
                    "%{customdata[1]} frames, %{customdata[2]} clips x crops<br>"
                    f"counted here: %{{customdata[3]}} {unit} in all views, "
                    "%{customdata[4]} parameters<extra></extra>"
                ),
            )
        )
    style.style(figure)
    accuracies = [row["top1"] for row in rows]
    least, greatest = min(accuracies, default=0), max(accuracies, default=100)
    margin = 0.1 * (greatest - least) + 1
    upwards = (least - margin, greatest + margin)
    costs = [math.log10(row["macs_counted"] * flops_per_mac) for row in rows]
    # On the left there is room for a name.
    across = (min(costs, default=9) - 0.3, max(costs, default=10) + 0.1)
    figure.update_xaxes(
        title_text=f"{unit} of all views, counted here", type="log", tickformat="~s", dtick="D2", range=across
    )
    figure.update_yaxes(title_text="top-1, %, reported", range=upwards)
    figure.update_layout(legend={"itemsizing": "constant"})
    names = [f"{row['label']}, {row['frames']}f, {row['clips']}x{row['crops']}" for row in rows]
    spots = [
        ((cost - across[0]) / (across[1] - across[0]), (row["top1"] - upwards[0]) / (upwards[1] - upwards[0]))
        for cost, row in zip(costs, rows, strict=True)
    ]
    radii = [_bubble(row, most) / 2 for row in rows]
    for row, cost, name, place in zip(rows, costs, names, places(spots, names, radii), strict=True):
        figure.add_annotation(
            x=cost,
            y=row["top1"],
            text=name,
            showarrow=False,
            xanchor=place.side,
            xshift=place.right,
            yshift=place.up,
        )
    return figure


def _bubble(row: Mapping[Any, Any], most: int) -> float:
    """Pixels across."""
    return LARGEST_BUBBLE * (row["params_counted"] / most) ** 0.5
