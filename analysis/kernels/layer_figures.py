"""Where the layers look and how far they drifted, at one snapshot and over the training."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.formatting import percent, three_digits
from analysis.kernels import at_snapshot
from analysis.plotting import style
from analysis.plotting.rows import customdata, every_name, height_for, mark_row, where
from analysis.plotting.style import DIRECTION_COLOURS, DIRECTION_GLYPHS, DIRECTION_VERBS, DIRECTION_WORDS

LABEL_PITCH = 17
"""Pixels that two direct labels, one above the other, need at least."""


def direction_shares(summary: pd.DataFrame, snapshot: int = -1, selected: str | None = None) -> go.Figure:
    """Where the outputs of each layer look at one snapshot, and how far the layer drifted from its initialisation.

    A row per layer of `kernels.summarise`, centred on "stays": the past to the left, the future to the right; the
    outlines show the initialisation. Where that is unknown there is neither outline nor drift. `snapshot` counts each
    layer's snapshots, from the last if negative; a layer with fewer is shown as it is at its last. `selected` is a
    layer. Every mark carries its layer as customdata. Raises IndexError for a snapshot that does not exist.
    """
    rows = at_snapshot(summary, snapshot)
    comparable = bool(rows["back0"].notna().any())
    columns: dict[str, Any] = {"cols": 2, "column_widths": [0.78, 0.22]} if comparable else {"cols": 1}
    figure = make_subplots(**columns, shared_yaxes=True, horizontal_spacing=0.09)
    for name in style.DIRECTIONS:
        figure.add_trace(_share_bars(rows, name), row=1, col=1)
    if comparable:
        for name in style.DIRECTIONS:
            figure.add_trace(_initial_outline(rows.dropna(subset=["back0"]), name), row=1, col=1)
        figure.add_trace(_drift_dots(rows), row=1, col=2)
    style.style(figure, categories="y")
    layers = rows["layer"].tolist()
    figure.update_layout(barmode="overlay", bargap=0.3, height=height_for(len(layers)))
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=8, **every_name(rows["block"].tolist()))
    ticks = [-1.0, -0.5, 0.0, 0.5, 1.0]
    figure.update_xaxes(
        title_text="share of the layer's outputs",
        range=_symmetric_range(summary),
        tickvals=ticks,
        ticktext=[percent(abs(tick)) for tick in ticks],
        zeroline=False,
        tickangle=0,
        row=1,
        col=1,
    )
    if comparable:
        largest = max(summary["drift"].dropna().tolist(), default=0.0)
        figure.update_xaxes(title_text="drift", range=[0, 2.2 * largest or 1], showgrid=False, nticks=3, row=1, col=2)
    return mark_row(figure, layers, selected)


def _symmetric_range(summary: pd.DataFrame) -> list[float]:
    """Room for the longest bar of any snapshot, so that figures of two snapshots can be compared."""
    sides = pd.concat(
        [summary[side + suffix] + summary[f"stay{suffix}"] / 2 for suffix in ("", "0") for side in ("back", "ahead")]
    )
    longest = max(sides.dropna().tolist(), default=0) or 1
    return [-1.06 * longest, 1.06 * longest]


def _share_bars(rows: pd.DataFrame, name: style.Direction) -> go.Bar:
    half = rows["stay"] / 2
    base = {"back": -half - rows["back"], "stay": -half, "ahead": half}[name]
    return go.Bar(
        name=f"{DIRECTION_GLYPHS[name]} {DIRECTION_WORDS[name]}",
        y=rows["block"],
        x=rows[name],
        base=base,
        orientation="h",
        marker={"color": DIRECTION_COLOURS[name], "line": {"width": 0}},
        customdata=customdata(rows, rows[name].map(percent), rows[f"{name}0"].map(_percent_if_known)),
        hovertemplate=(
            f"<b>%{{y}}</b>: %{{customdata[1]}} of the outputs {DIRECTION_VERBS[name]}<br>"
            "at the start %{customdata[2]}<extra></extra>"
        ),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def _percent_if_known(share: float) -> str:
    return "unknown" if math.isnan(share) else percent(share)


def _initial_outline(rows: pd.DataFrame, name: style.Direction) -> go.Bar:
    rows = where(rows, (rows[f"{name}0"] > 0).to_numpy(dtype=bool))
    half = rows["stay0"] / 2
    return go.Bar(
        name="at the start",
        y=rows["block"],
        x=rows[f"{name}0"],
        base={"back": -half - rows["back0"], "stay": -half, "ahead": half}[name],
        orientation="h",
        marker={"color": style.TRANSPARENT, "line": {"width": 1.5, "color": style.NEUTRAL}},
        customdata=customdata(rows),
        hoverinfo="skip",
        showlegend=name == style.DIRECTIONS[-1],
        legendgroup="start",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def _drift_dots(rows: pd.DataFrame) -> go.Scatter:
    rows = rows.dropna(subset=["back0"])
    return go.Scatter(
        name="drift",
        y=rows["block"],
        x=rows["drift"].fillna(0),
        mode="markers+text",
        text=[three_digits(drift) for drift in rows["drift"]],
        textposition="middle right",
        textfont={"size": style.FONT_SIZE - 1},
        marker={"color": style.NEUTRAL, "size": 8},
        cliponaxis=False,
        showlegend=False,
        customdata=customdata(rows, rows["cosine"].map(three_digits)),
        hovertemplate=(
            "<b>%{y}</b> moved by %{text} of the norm of its initial weight<br>"
            "cosine to it %{customdata[1]}<extra></extra>"
        ),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def drift_over_training(
    summary: pd.DataFrame, selected: str | None = None, metrics: Sequence[Mapping[str, float]] = ()
) -> go.Figure:
    """How far each layer is from its initialisation at every snapshot of the training, a line per layer of `summarise`.

    Beneath, on the same axis, the accuracy on the validation split after each epoch, where `metrics` (those of a
    checkpoint's header) has any.

    The labels stand at the ends of the lines, pushed apart; of more layers than fit, those that moved least have none.
    Where the file knows both ends alone, they are marked. Layers whose initialisation is unknown have no line.
    """
    figure = go.Figure()
    layers = list(summary.dropna(subset=["back0"]).groupby("layer", sort=False))
    # The selected line is drawn last, over the others.
    for layer, rows in sorted(layers, key=lambda entry: entry[0] == selected):
        chosen = layer == selected
        figure.add_trace(
            go.Scatter(
                name=rows["block"].iloc[0],
                x=rows["step"],
                y=rows["drift"],
                mode="lines" if len(rows) > 2 else "lines+markers",
                line={"color": style.ACCENT if chosen else style.NEUTRAL, "width": 3 if chosen else 1.5},
                customdata=customdata(rows, rows["drift"].map(three_digits)),
                hovertemplate=f"<b>{rows['block'].iloc[0]}</b> at step %{{x:,}}: %{{customdata[1]}}<extra></extra>",
                showlegend=False,
            )
        )
    style.style(figure)
    longest = max(map(len, summary["block"].unique()), default=0)
    figure.update_layout(margin_r=32 + round(0.58 * style.FONT_SIZE * longest), margin_t=24)
    last_step = max(summary["step"].tolist(), default=1)
    figure.update_xaxes(title_text="training step", showgrid=False, zeroline=False, range=[0, last_step])
    # Of a handful of steps every one has a tick, and no half step has.
    if last_step <= 8:
        figure.update_xaxes(dtick=1)
    top = 1.05 * max(summary["drift"].dropna().tolist(), default=0.0) or 1.0
    figure.update_yaxes(title_text="drift |W − W₀| / |W₀|", range=[-0.02 * top, top], zeroline=False)
    if metrics:
        _add_accuracy(figure, metrics)
    last = summary.groupby("layer", sort=False).tail(1).dropna(subset=["drift"]).to_dict("records")
    return _label_ends(figure, last, selected, pixels_per_unit=_PLOT_HEIGHT / (1.02 * top))


_PLOT_HEIGHT = style.CHART_HEIGHTS["large"] - 24 - style.MARGINS["b"]


_ACCURACY_HEIGHT = 120
_ACCURACY_GAP = 24


def _add_accuracy(figure: go.Figure, metrics: Sequence[Mapping[str, float]]) -> None:
    """A panel below the drift, which keeps its height; both share the axis of steps."""
    room = _PLOT_HEIGHT + _ACCURACY_GAP + _ACCURACY_HEIGHT
    figure.add_trace(
        go.Scatter(
            name="validation",
            x=[entry["step"] for entry in metrics],
            y=[entry["val_top1"] for entry in metrics],
            yaxis="y2",
            mode="lines+markers",
            marker={"size": 5},
            line={"color": style.NEUTRAL, "width": 2},
            hovertemplate="step %{x:,}, validation: %{y:.1%}<extra></extra>",
            showlegend=False,
        )
    )
    text = {"font": {"size": style.FONT_SIZE}}
    figure.update_layout(
        height=style.CHART_HEIGHTS["large"] + _ACCURACY_GAP + _ACCURACY_HEIGHT,
        yaxis={"domain": [1 - _PLOT_HEIGHT / room, 1]},
        yaxis2={
            "domain": [0, _ACCURACY_HEIGHT / room],
            "range": [0, 1.03],
            "tickformat": ".0%",
            "nticks": 4,
            "title": {"text": "top-1", **text},
            "tickfont": {"size": style.FONT_SIZE},
            "zeroline": False,
        },
        xaxis={"anchor": "y2"},
    )


def _label_ends(
    figure: go.Figure, ends: Sequence[Mapping[Any, Any]], selected: str | None, pixels_per_unit: float
) -> go.Figure:
    room = _PLOT_HEIGHT // LABEL_PITCH
    shown = sorted(ends, key=lambda row: (row["layer"] != selected, -row["drift"]))[:room]
    shown.sort(key=lambda row: row["drift"])
    heights = pushed_apart([row["drift"] * pixels_per_unit for row in shown], LABEL_PITCH, room * LABEL_PITCH)
    for row, height in zip(shown, heights, strict=True):
        chosen = row["layer"] == selected
        figure.add_annotation(
            text=f"<b>{row['block']}</b>" if chosen else row["block"],
            x=row["step"],
            y=row["drift"],
            ax=24,
            ay=row["drift"] * pixels_per_unit - height,
            xanchor="left",
            yanchor="middle",
            showarrow=True,
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=style.ACCENT if chosen else style.NEUTRAL,
            standoff=2,
        )
    return figure


def pushed_apart(heights: Sequence[float], pitch: float, room: float) -> list[float]:
    """Rising heights with at least `pitch` between them, moved as little upwards, then downwards, as `room` allows."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + pitch) if placed else height)
    ceiling = room
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - pitch
    return placed
