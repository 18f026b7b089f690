"""The figures: tables in, plotly figures out. They work in the app and in a notebook, on light and on dark pages."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis import palette
from analysis.attribution.evidence import ClassScore
from analysis.palette import DIRECTION_COLOURS, DIRECTION_GLYPHS, DIRECTION_VERBS, DIRECTION_WORDS
from analysis.wording import large_count, percent, three_digits

TRANSPARENT = "rgba(0, 0, 0, 0)"

LABEL_PITCH = 17
"""Pixels that two direct labels, one above the other, need at least."""


ROW_PITCH = 20
"""Pixels that a row needs for its name to be read."""


def direction_shares(summary: pd.DataFrame, snapshot: int = -1, selected: str | None = None) -> go.Figure:
    """Where the outputs of each layer look at one snapshot, and how far the layer drifted from its initialisation.

    A row per layer of `kernels.summarise`, centred on "stays": the past to the left, the future to the right; the
    outlines show the initialisation. Where that is unknown there is neither outline nor drift. `snapshot` counts each
    layer's snapshots, from the last if negative; a layer with fewer is shown as it is at its last. `selected` is a
    layer. Every mark carries its layer as customdata. Raises IndexError for a snapshot that does not exist.
    """
    rows = _at_snapshot(summary, snapshot)
    comparable = bool(rows["back0"].notna().any())
    columns: dict[str, Any] = {"cols": 2, "column_widths": [0.78, 0.22]} if comparable else {"cols": 1}
    figure = make_subplots(**columns, shared_yaxes=True, horizontal_spacing=0.09)
    for name in palette.DIRECTIONS:
        figure.add_trace(_share_bars(rows, name), row=1, col=1)
    if comparable:
        for name in ("back", "ahead"):
            figure.add_trace(_initial_outline(rows.dropna(subset=["back0"]), name), row=1, col=1)
        figure.add_trace(_drift_dots(rows), row=1, col=2)
    palette.style(figure, categories="y")
    layers = rows["layer"].tolist()
    figure.update_layout(barmode="overlay", bargap=0.3, height=_height_for(len(layers)))
    figure.update_yaxes(
        autorange="reversed", showgrid=False, ticklabelstandoff=8, **_every_name(rows["block"].tolist())
    )
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
    return _mark_row(figure, layers, selected)


def _at_snapshot(summary: pd.DataFrame, snapshot: int) -> pd.DataFrame:
    parts = [part for _, part in summary.groupby("layer", sort=False)]
    longest = max(map(len, parts), default=0)
    if parts and not -longest <= snapshot < longest:
        raise IndexError(f"The layers have {longest} snapshots; got {snapshot}.")
    place = range(longest)[snapshot] if parts else 0
    return pd.concat([summary.iloc[:0], *(part.iloc[[min(place, len(part) - 1)]] for part in parts)])


def _height_for(num_rows: int) -> int:
    """A chart's height, and more of it where its rows would be too close to read."""
    return max(palette.CHART_HEIGHTS["large"], ROW_PITCH * num_rows + palette.MARGINS["t"] + 50)


def _every_name(names: Sequence[str]) -> dict[str, Any]:
    """Ticks of an axis of categories that leave none out."""
    return {"tickmode": "array", "tickvals": list(names)}


def _symmetric_range(summary: pd.DataFrame) -> list[float]:
    """Room for the longest bar of any snapshot, so that figures of two snapshots can be compared."""
    sides = pd.concat(
        [summary[side + suffix] + summary[f"stay{suffix}"] / 2 for suffix in ("", "0") for side in ("back", "ahead")]
    )
    longest = max(sides.dropna().tolist(), default=0) or 1
    return [-1.06 * longest, 1.06 * longest]


def _share_bars(rows: pd.DataFrame, name: palette.Direction) -> go.Bar:
    half = rows["stay"] / 2
    base = {"back": -half - rows["back"], "stay": -half, "ahead": half}[name]
    return go.Bar(
        name=f"{DIRECTION_GLYPHS[name]} {DIRECTION_WORDS[name]}",
        y=rows["block"],
        x=rows[name],
        base=base,
        orientation="h",
        marker={"color": DIRECTION_COLOURS[name], "line": {"width": 0}},
        customdata=_customdata(rows, rows[name].map(percent), rows[f"{name}0"].map(_percent_if_known)),
        hovertemplate=(
            f"<b>%{{y}}</b>: %{{customdata[1]}} of the outputs {DIRECTION_VERBS[name]}<br>"
            "at the start %{customdata[2]}<extra></extra>"
        ),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def _percent_if_known(share: float) -> str:
    return "unknown" if math.isnan(share) else percent(share)


def _initial_outline(rows: pd.DataFrame, name: palette.Direction) -> go.Bar:
    half = rows["stay0"] / 2
    return go.Bar(
        name="at the start",
        y=rows["block"],
        x=rows[f"{name}0"],
        base=half if name == "ahead" else -half - rows["back0"],
        orientation="h",
        marker={"color": TRANSPARENT, "line": {"width": 1.5, "color": palette.NEUTRAL}},
        customdata=_customdata(rows),
        hoverinfo="skip",
        showlegend=name == "ahead",
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
        textfont={"size": palette.FONT_SIZE - 1},
        marker={"color": palette.NEUTRAL, "size": 8},
        cliponaxis=False,
        showlegend=False,
        customdata=_customdata(rows, rows["cosine"].map(three_digits)),
        hovertemplate=(
            "<b>%{y}</b> moved by %{text} of the norm of its initial weight<br>"
            "cosine to it %{customdata[1]}<extra></extra>"
        ),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def _customdata(rows: pd.DataFrame, *columns: Any) -> list[list[str]]:
    """Per mark: the layer's full path, then the texts of its hover label."""
    return [list(entry) for entry in zip(rows["layer"], *columns, strict=True)]


def _mark_row(figure: go.Figure, keys: Sequence[str], selected: str | None) -> go.Figure:
    """Lay a band behind the selected row, across all panels."""
    if selected in keys:
        row = keys.index(selected)
        figure.add_shape(
            type="rect",
            xref="paper",
            x0=0,
            x1=1,
            yref="y",
            y0=row - 0.5,
            y1=row + 0.5,
            fillcolor=palette.ROW_BAND,
            line_width=0,
            layer="below",
        )
    return figure


def drift_over_training(summary: pd.DataFrame, selected: str | None = None) -> go.Figure:
    """How far each layer is from its initialisation at every snapshot of the training, a line per layer of `summarise`.

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
                line={"color": palette.ACCENT if chosen else palette.NEUTRAL, "width": 3 if chosen else 1.5},
                customdata=_customdata(rows, rows["drift"].map(three_digits)),
                hovertemplate=f"<b>{rows['block'].iloc[0]}</b> at step %{{x:,}}: %{{customdata[1]}}<extra></extra>",
                showlegend=False,
            )
        )
    palette.style(figure)
    figure.update_layout(margin_r=96, margin_t=24)
    figure.update_xaxes(
        title_text="training step", showgrid=False, zeroline=False, range=[0, max(summary["step"].tolist(), default=1)]
    )
    top = 1.05 * max(summary["drift"].dropna().tolist(), default=0.0) or 1.0
    figure.update_yaxes(title_text="drift |W − W₀| / |W₀|", range=[-0.02 * top, top], zeroline=False)
    last = summary.groupby("layer", sort=False).tail(1).dropna(subset=["drift"]).to_dict("records")
    return _label_ends(figure, last, selected, pixels_per_unit=_PLOT_HEIGHT / (1.02 * top))


_PLOT_HEIGHT = palette.CHART_HEIGHTS["large"] - 24 - palette.MARGINS["b"]


def _label_ends(
    figure: go.Figure, ends: Sequence[Mapping[Any, Any]], selected: str | None, pixels_per_unit: float
) -> go.Figure:
    room = _PLOT_HEIGHT // LABEL_PITCH
    shown = sorted(ends, key=lambda row: (row["layer"] != selected, -row["drift"]))[:room]
    shown.sort(key=lambda row: row["drift"])
    heights = _pushed_apart([row["drift"] * pixels_per_unit for row in shown], LABEL_PITCH, room * LABEL_PITCH)
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
            arrowcolor=palette.ACCENT if chosen else palette.NEUTRAL,
            standoff=2,
        )
    return figure


def _pushed_apart(heights: Sequence[float], pitch: float, room: float) -> list[float]:
    """Rising heights with at least `pitch` between them, moved as little upwards, then downwards, as `room` allows."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + pitch) if placed else height)
    ceiling = room
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - pitch
    return placed


NATIVE_MARK = "*"
"""Stands behind the name of a network that was counted at its native clip, because it cannot take the chosen one."""


def is_native(row: Mapping[Any, Any]) -> bool:
    """True for a row of `complexity.table` whose clip is not the one that was asked for."""
    return not pd.isna(row["at_native"]) and bool(row["at_native"])


def cost_bars(
    table: pd.DataFrame, reference: str = "c2d", selected: str | None = None, *, flops_per_mac: int = 1
) -> go.Figure:
    """What each network of `complexity.table` costs, cheapest first: solid what is spent on time, hatched all else.

    The dotted line and the factors compare with the network `reference`. `flops_per_mac` = 2 shows FLOPs instead of
    MACs. A network that was counted at its native clip is marked and stands below the others, with its number and that
    clip in place of a bar; one without a count keeps its row. Every bar carries its network's name as customdata.
    """
    table = table.sort_values("macs_conv_linear", kind="stable", na_position="last")
    rows: list[dict[Any, Any]] = [
        row | {"label": f"{row['label']} {NATIVE_MARK}" if is_native(row) else row["label"]}
        for row in sorted(table.to_dict("records"), key=is_native)
    ]
    counted = [row for row in rows if not pd.isna(row["macs_conv_linear"]) and not is_native(row)]
    unit = {1: "MACs", 2: "FLOPs"}[flops_per_mac]
    costs = {row["name"]: float(row["macs_conv_linear"]) * flops_per_mac for row in counted}
    temporal = {row["name"]: float(row["macs_temporal"]) * flops_per_mac for row in counted}
    rest = {name: cost - temporal[name] for name, cost in costs.items()}
    figure = go.Figure()
    figure.add_trace(_cost_part(counted, rest, "all other parts", unit, _HATCHED))
    figure.add_trace(_cost_part(counted, temporal, "mixing frames", unit, _SOLID))
    palette.style(figure, categories="y")
    longest = max(costs.values(), default=1.0)
    figure.update_xaxes(
        title_text=f"{unit} per clip",
        range=[0, 1.03 * longest],
        domain=[0, 0.64],
        tickformat="~s",
        zeroline=True,
    )
    labels = [row["label"] for row in rows]
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        ticklabelstandoff=8,
        categoryorder="array",
        categoryarray=labels,
        **_every_name(labels),
    )
    figure.update_layout(barmode="stack", bargap=0.35, legend_traceorder="normal", height=_height_for(len(rows)))
    compared = costs.get(reference)
    for row in rows:
        if is_native(row):
            clip = f"at {row['frames']} x {row['height']} x {row['width']}"
            _write_in_row(figure, row["label"], 0.01, clip, "left")
            cost = float(row["macs_conv_linear"]) * flops_per_mac
            _write_in_row(figure, row["label"], 0.82, large_count(cost), "right")
            continue
        cost = costs.get(row["name"])
        if cost is None:
            _write_in_row(figure, row["label"], 0.01, "no count; the table says why", "left")
            continue
        # The numbers stand in columns beside the bars, where no line crosses them.
        _write_in_row(figure, row["label"], 0.82, large_count(cost), "right")
        if compared:
            _write_in_row(figure, row["label"], 0.99, f"{three_digits(cost / compared)}x", "right")
    if compared:
        figure.add_vline(x=compared, line={"dash": "dot", "width": 1.5, "color": palette.NEUTRAL}, layer="below")
    return _mark_row(figure, [row["name"] for row in rows], selected)


def _write_in_row(figure: go.Figure, label: str, x: float, text: str, side: Literal["left", "right"]) -> None:
    figure.add_annotation(text=text, xref="paper", x=x, y=label, xanchor=side, showarrow=False)


_SOLID = {"color": palette.TEMPORAL_COST, "line": {"width": 0}}
_HATCHED = {
    "color": TRANSPARENT,
    "pattern": {"shape": "/", "fgcolor": palette.NEUTRAL, "bgcolor": TRANSPARENT, "size": 7, "solidity": 0.35},
    "line": {"width": 1, "color": palette.NEUTRAL},
}


def _cost_part(
    counted: Sequence[Mapping[Any, Any]], part: Mapping[str, float], name: str, unit: str, marker: dict[str, Any]
) -> go.Bar:
    return go.Bar(
        name=name,
        y=[row["label"] for row in counted],
        x=[part[row["name"]] for row in counted],
        orientation="h",
        marker=marker,
        customdata=[
            [row["name"], large_count(part[row["name"]]), large_count(row["params"]), large_count(row["macs"])]
            for row in counted
        ],
        hovertemplate=(
            f"<b>%{{y}}</b>, {name}: %{{customdata[1]}} {unit}<br>"
            "%{customdata[2]} parameters; %{customdata[3]} MACs with BatchNorm and pooling<extra></extra>"
        ),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def training_curves(metrics: Sequence[Mapping[str, float]]) -> go.Figure:
    """Top-1 accuracy and loss after each epoch of a run, in training (dotted) and on the validation split (solid)."""
    figure = make_subplots(cols=2, horizontal_spacing=0.14)
    epochs = [entry["epoch"] for entry in metrics]
    for column, (measure, form) in enumerate({"top1": ".1%", "loss": ".3f"}.items(), start=1):
        for split, words in {"train": "training", "val": "validation"}.items():
            chosen = split == "val"
            figure.add_trace(
                go.Scatter(
                    name=words,
                    x=epochs,
                    y=[entry[f"{split}_{measure}"] for entry in metrics],
                    mode="lines+markers",
                    line={"color": palette.ACCENT if chosen else palette.NEUTRAL, "dash": "solid" if chosen else "dot"},
                    marker={"size": 5},
                    hovertemplate=f"epoch %{{x}}, {words}: %{{y:{form}}}<extra></extra>",
                    legendgroup=split,
                    showlegend=column == 1,
                ),
                row=1,
                col=column,
            )
    palette.style(figure, size="medium")
    figure.update_xaxes(title_text="epoch", showgrid=False, zeroline=False, dtick=_whole_step(len(epochs)))
    figure.update_yaxes(title_text="top-1", range=[0, 1.03], tickformat=".0%", row=1, col=1)
    figure.update_yaxes(title_text="loss, nats", rangemode="tozero", row=1, col=2)
    return figure


def _whole_step(num_epochs: int) -> int:
    """Epochs between two ticks: whole ones, at most ten ticks."""
    return max(1, -(-num_epochs // 10))


def class_bars(scores: Sequence[ClassScore], selected: int | None = None) -> go.Figure:
    """The most probable classes, best on top; `selected` is the index of the class in question.

    Every bar carries the index of its class as customdata.
    """
    figure = go.Figure(
        go.Bar(
            y=[score.name for score in scores],
            x=[score.probability for score in scores],
            orientation="h",
            marker={"color": [palette.ACCENT if score.index == selected else palette.NEUTRAL for score in scores]},
            text=[percent(score.probability) for score in scores],
            textposition="outside",
            cliponaxis=False,
            customdata=[[score.index] for score in scores],
            hovertemplate="<b>%{y}</b>: %{text}<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )
    palette.style(figure, size="medium", categories="y")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(
        title_text="probability", range=[0, 1.18], tickvals=[0, 0.5, 1], tickformat=".0%", zeroline=True
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=8)
    return figure
