"""Figure of the drift of every layer over the training."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from analysis.formatting import three_digits
from analysis.plotting import style

LABEL_PITCH = 17
"""Minimum distance in pixels between two direct labels, one above the other."""


def drift_over_training(
    summary: pd.DataFrame,
    selected: str | None = None,
    metrics: Sequence[Mapping[str, float]] = (),
    others: Mapping[str, pd.DataFrame] = MappingProxyType({}),
) -> go.Figure:
    """Draw the drift of each layer at every snapshot of the training, a line per layer of `summarise`.

    Below, on the same axis, the validation accuracy after each epoch, if `metrics` (of a checkpoint's header) has any.

    The labels are at the ends of the lines, moved apart; if not all fit, the layers with the smallest drift have none.
    If the file has only two snapshots, both are marked. Layers whose initialisation is unknown have no line. Of
    `others`, the tables of further checkpoints by their names, the selected layer is drawn dashed. The first entry of a
    point's customdata is its step.
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
                customdata=_steps(rows),
                hovertemplate=f"<b>{rows['block'].iloc[0]}</b> at step %{{x:,}}: %{{customdata[1]}}<extra></extra>",
                showlegend=False,
            )
        )
    for name, table in others.items():
        entries = [row for row in table.to_dict("records") if row["layer"] == selected and row["back0"] == row["back0"]]
        if entries:
            figure.add_trace(
                go.Scatter(
                    name=f"{entries[0]['block']} of {name}",
                    x=[row["step"] for row in entries],
                    y=[row["drift"] for row in entries],
                    mode="lines",
                    line=dict(style.OVERLAID),
                    customdata=[[row["step"]] for row in entries],
                    hovertemplate=f"<b>{name}</b> at step %{{x:,}}: %{{y:.3g}}<extra></extra>",
                    showlegend=True,
                )
            )
    style.style(figure)
    longest = max(map(len, summary["block"].unique()), default=0)
    figure.update_layout(
        margin_r=32 + round(0.58 * style.FONT_SIZE * longest), margin_t=24 if not others else style.MARGINS["t"]
    )
    shown = [summary, *others.values()]
    last_step = max((step for table in shown for step in table["step"].tolist()), default=1)
    figure.update_xaxes(title_text="training step", showgrid=False, zeroline=False, range=[0, last_step])
    # Few steps have a tick each, so that there are no half steps.
    if last_step <= 8:
        figure.update_xaxes(dtick=1)
    top = 1.05 * max((drift for table in shown for drift in table["drift"].dropna().tolist()), default=0.0) or 1.0
    figure.update_yaxes(title_text="drift |W − W₀| / |W₀|", range=[-0.02 * top, top], zeroline=False)
    if metrics:
        _add_accuracy(figure, metrics)
    last = summary.groupby("layer", sort=False).tail(1).dropna(subset=["drift"]).to_dict("records")
    return _label_ends(figure, last, selected, pixels_per_unit=_PLOT_HEIGHT / (1.02 * top))


def _steps(rows: pd.DataFrame) -> list[list[object]]:
    """Per point: its step, then the text of its hover label."""
    return [list(entry) for entry in zip(rows["step"].tolist(), rows["drift"].map(three_digits), strict=True)]


_PLOT_HEIGHT = style.CHART_HEIGHTS["large"] - 24 - style.MARGINS["b"]


_ACCURACY_HEIGHT = 120
_ACCURACY_GAP = 24


def _add_accuracy(figure: go.Figure, metrics: Sequence[Mapping[str, float]]) -> None:
    """Add a panel below the drift, which keeps its height; both share the axis of steps."""
    room = _PLOT_HEIGHT + _ACCURACY_GAP + _ACCURACY_HEIGHT
    figure.add_trace(
        go.Scatter(
            name="validation",
            x=[entry["step"] for entry in metrics],
            y=[entry["val_top1"] for entry in metrics],
            yaxis="y2",
            customdata=[[entry["step"]] for entry in metrics],
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
            **style.percent_ticks(0, 0.5, 1),
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
    heights = move_apart([row["drift"] * pixels_per_unit for row in shown], LABEL_PITCH, room * LABEL_PITCH)
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


def move_apart(heights: Sequence[float], pitch: float, room: float) -> list[float]:
    """Return rising heights at least `pitch` apart, moved up as little as possible, then down to fit into `room`."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + pitch) if placed else height)
    ceiling = room
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - pitch
    return placed
