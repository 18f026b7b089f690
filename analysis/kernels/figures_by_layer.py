"""Figures with a row for each layer: parts of the drift, types of output channels, centres of mass, reach."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.formatting import (
    DIRECTION_VERBS,
    DIRECTION_WORDS,
    DIRECTIONS,
    KIND_WORDS,
    Direction,
    percent,
    three_digits,
)
from analysis.kernels.drift import DRIFT_PARTS
from analysis.kernels.summary import at_snapshot
from analysis.kernels.taps import KINDS, Kind
from analysis.plotting import style
from analysis.plotting.rows import customdata, height_for, lay_out_rows, mark_row, row_bars, where
from analysis.plotting.style import DIRECTION_COLOURS, DIRECTION_GLYPHS

PART_WORDS = dict(
    zip(
        DRIFT_PARTS,
        ("original weight", "other frames (softening)", "other channels (mixing)"),
        strict=True,
    )
)
_PART_MARKERS: dict[str, dict[str, Any]] = dict(
    zip(
        DRIFT_PARTS,
        (
            {"color": style.NEUTRAL, "line": {"width": 0}},
            {"color": style.ACCENT, "line": {"width": 0}},
            style.HATCHED,
        ),
        strict=True,
    )
)


def drift_by_depth(summary: pd.DataFrame, snapshot: int = -1, selected: str | None = None) -> go.Figure:
    """Draw the drift of each layer of `summarise`, in three parts, and its cosine to the initialisation.

    The bar is as long as the drift |W - W0| / |W0|, divided in proportion to the squares of its parts. Layers whose
    initialisation is unknown are left out. Every mark carries its layer as customdata.
    """
    rows = at_snapshot(summary, snapshot).dropna(subset=["back0"])
    figure = make_subplots(cols=2, column_widths=[0.7, 0.3], shared_yaxes=True, horizontal_spacing=0.06)
    for part in DRIFT_PARTS:
        figure.add_trace(
            row_bars(
                rows["block"],
                (rows["drift"] * rows[part]).fillna(0),
                name=PART_WORDS[part],
                marker=_PART_MARKERS[part],
                customdata=customdata(rows, rows[part].map(percent), rows["drift"].map(three_digits)),
                hover=(
                    f"<b>%{{y}}</b>: %{{customdata[1]}} of the squared drift: {PART_WORDS[part]}<br>"
                    "drift %{customdata[2]}"
                ),
            ),
            row=1,
            col=1,
        )
    figure.add_trace(
        go.Scatter(
            name="cosine",
            y=rows["block"],
            x=rows["cosine"],
            mode="markers",
            marker={"color": style.NEUTRAL, "size": 8},
            showlegend=False,
            customdata=customdata(rows, rows["cosine"].map(three_digits)),
            hovertemplate="<b>%{y}</b>: cosine to W₀ %{customdata[1]}<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        ),
        row=1,
        col=2,
    )
    lay_out_rows(figure, rows["block"].tolist()).update_layout(barmode="stack")
    longest = max(summary["drift"].dropna().tolist(), default=0.0) or 1.0
    lowest = min(summary["cosine"].dropna().tolist(), default=0.0)
    figure.update_xaxes(title_text="drift |W − W₀| / |W₀|", range=[0, 1.05 * longest], zeroline=False, row=1, col=1)
    figure.update_xaxes(
        title_text="cosine to W₀", range=[min(0.0, lowest) - 0.04, 1.06], zeroline=False, nticks=4, row=1, col=2
    )
    return mark_row(figure, rows["layer"].tolist(), selected)


_KIND_MARKERS: dict[str, dict[str, Any]] = {
    "back": {"color": DIRECTION_COLOURS["back"], "line": {"width": 0}},
    "stay": {"color": DIRECTION_COLOURS["stay"], "line": {"width": 0}},
    "ahead": {"color": DIRECTION_COLOURS["ahead"], "line": {"width": 0}},
    "averages": style.patterned("."),
    "subtracts": style.patterned("x"),
    "mixed": style.patterned("/"),
}


def kinds_by_layer(summary: pd.DataFrame, snapshot: int = -1, selected: str | None = None) -> go.Figure:
    """Draw the six types of output channels in each layer at a snapshot (thick) and before training (thin)."""
    rows = at_snapshot(summary, snapshot)
    figure = go.Figure()
    for name in KINDS:
        for column, height, offset, when in (
            (f"kind_{name}", 0.46, -0.4, "now"),
            (f"kind0_{name}", 0.22, 0.12, "start"),
        ):
            shares = rows[column].fillna(0)
            figure.add_trace(
                row_bars(
                    rows["block"],
                    shares,
                    name=f"{_glyph(name)}{KIND_WORDS[name]}",
                    base=_base(rows, "kind0_" if when == "start" else "kind_", name),
                    marker=_KIND_MARKERS[name],
                    legend_group=name,
                    in_legend=when == "now",
                    customdata=customdata(rows, shares.map(percent)),
                    hover=(
                        f"<b>%{{y}}</b>, {'before training' if when == 'start' else 'at this snapshot'}: "
                        f"%{{customdata[1]}} {KIND_WORDS[name]}"
                    ),
                ).update(width=height, offset=offset)
            )
    lay_out_rows(figure, rows["block"].tolist()).update_layout(barmode="overlay")
    figure.update_xaxes(
        title_text="share of the layer's output channels",
        # Wider than the data: otherwise the last label has no room and is left out.
        range=[0, 1.03],
        **style.percent_ticks(0, 0.25, 0.5, 0.75, 1),
        zeroline=False,
    )
    return mark_row(figure, rows["layer"].tolist(), selected)


def _glyph(name: Kind) -> str:
    return f"{DIRECTION_GLYPHS[name]} " if name in ("back", "stay", "ahead") else ""


def _base(rows: pd.DataFrame, prefix: str, name: Kind) -> np.ndarray:
    """Return where the bar of a type begins: after those before it."""
    before = KINDS[: KINDS.index(name)]
    return np.sum([rows[f"{prefix}{other}"].fillna(0) for other in before], axis=0) + np.zeros(len(rows))


MAX_CENTRES = 3000
"""Points that a figure of centres draws; of more output channels, an even selection."""


def centres_by_layer(
    centres: pd.DataFrame, selected: str | None = None, *, seconds_per_frame: float | None = None
) -> go.Figure:
    """Draw a point for each output channel of each layer at its centre of mass in time.

    `centres` is of `outputs.centres_table`. The grey ticks are the initialisation. With `seconds_per_frame` the axis
    says both.
    """
    blocks = list(dict.fromkeys(centres["block"]))
    step = max(1, -(-len(centres) // MAX_CENTRES))
    drawn = centres.iloc[::step]
    place = drawn["block"].map({block: row for row, block in enumerate(blocks)}).to_numpy(dtype=float)
    # A fixed scatter, so that points with the same centre do not overlap and every redraw is the same.
    jitter = (drawn["output"].to_numpy(dtype=float) * 0.618034 % 1 - 0.5) * 0.62
    figure = go.Figure()
    if drawn["centre_of_mass0"].notna().any():
        figure.add_trace(
            go.Scatter(
                name="before training",
                x=drawn["centre_of_mass0"],
                y=place,
                mode="markers",
                marker={
                    "symbol": "line-ns-open",
                    "color": style.NEUTRAL,
                    "size": 16,
                    "line": {"width": 1.5, "color": style.NEUTRAL},
                },
                hoverinfo="skip",
            )
        )
    for name in DIRECTIONS:
        mask = (drawn["direction"] == name).to_numpy(dtype=bool)
        points = where(drawn, mask)
        figure.add_trace(
            go.Scatter(
                name=f"{DIRECTION_GLYPHS[name]} {DIRECTION_WORDS[name]}",
                x=points["centre_of_mass"],
                y=(place + jitter)[mask],
                mode="markers",
                marker={"color": DIRECTION_COLOURS[name], "size": 5, "opacity": 0.7},
                customdata=[
                    [row["layer"], row["block"], row["output"], three_digits(row["centre_of_mass"])]
                    for row in points.to_dict("records")
                ],
                hovertemplate=(
                    "<b>%{customdata[1]}</b>, output channel %{customdata[2]}: %{customdata[3]} frames<extra></extra>"
                ),
                selected={"marker": {"opacity": 0.7}},
                unselected={"marker": {"opacity": 0.7}},
            )
        )
    style.style(figure)
    figure.update_layout(height=height_for(len(blocks)))
    figure.update_yaxes(
        range=[len(blocks) - 0.5, -0.5],
        tickvals=list(range(len(blocks))),
        ticktext=blocks,
        showgrid=False,
        zeroline=False,
    )
    reach = max(1.0, float(np.nanmax(np.abs(centres[["centre_of_mass", "centre_of_mass0"]].to_numpy(dtype=float)))))
    ticks = np.linspace(-reach, reach, 5)
    figure.update_xaxes(
        title_text="centre of mass, frames" + (" (seconds)" if seconds_per_frame else ""),
        range=[-1.08 * reach, 1.08 * reach],
        tickvals=ticks,
        ticktext=[_when(tick, seconds_per_frame) for tick in ticks],
        zeroline=False,
    )
    layers = list(dict.fromkeys(centres["layer"]))
    return mark_row(figure, layers, selected)


def _when(frames: float, seconds_per_frame: float | None) -> str:
    text = three_digits(frames)
    return f"{text} ({three_digits(frames * seconds_per_frame)} s)" if seconds_per_frame else text


PathKind = Literal["LTS path only", "temporal kernels only"]

_REACH_LINES: dict[str, dict[str, Any]] = {
    "start": {"color": style.NEUTRAL, "dash": "dot", "width": 2},
    "learned": {"color": style.NEUTRAL, "dash": "solid", "width": 2},
    "measured": {"color": style.ACCENT, "dash": "solid", "width": 3},
}


def reach_by_depth(spreads: pd.DataFrame, profiles: pd.DataFrame, path: PathKind = "LTS path only") -> go.Figure:
    """Draw the reach of a network in time: over depth, and frame by frame after one block.

    `spreads` has rows (line, block, spread in frames), `profiles` (line, offset in frames, share); the lines are
    "start" and "learned", along the path, and "measured"; any may be missing.
    """
    words = {
        "start": f"{path}, before training",
        "learned": f"{path}, at the snapshot",
        "measured": "measured on clips",
    }
    figure = make_subplots(cols=2, horizontal_spacing=0.15, column_widths=[0.6, 0.4])
    for line, form in _REACH_LINES.items():
        for column, table, x, y in ((1, spreads, "block", "spread"), (2, profiles, "offset", "share")):
            part = table[table["line"] == line]
            if part.empty:
                continue
            figure.add_trace(
                go.Scatter(
                    name=words[line],
                    x=part[x],
                    y=part[y],
                    mode="lines+markers",
                    line=form,
                    marker={"size": 6},
                    legendgroup=line,
                    showlegend=column == 1,
                    hovertemplate=(
                        f"<b>%{{x}}</b>, {words[line]}: %{{y:.2f}} frames<extra></extra>"
                        if column == 1
                        else f"%{{x:+d}} frames, {words[line]}: %{{y:.1%}}<extra></extra>"
                    ),
                ),
                row=1,
                col=column,
            )
    style.style(figure)
    order = list(dict.fromkeys(spreads.loc[spreads["line"] != "measured", "block"])) or spreads["block"].tolist()
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=order, showgrid=False, row=1, col=1)
    figure.update_xaxes(title_text="input frames from the centre one", zeroline=False, showgrid=False, row=1, col=2)
    figure.update_yaxes(title_text="reach, frames (RMS)", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="share of the energy", rangemode="tozero", tickformat=".0%", row=1, col=2)
    return figure


def shares_side_by_side(summaries: Sequence[pd.DataFrame], names: Sequence[str]) -> go.Figure:
    """Draw the directions in each layer of several checkpoints, a column each; outlines: before training."""
    # The deepest network first: its layers keep their order, and those of the others come between them.
    deepest = sorted(summaries, key=lambda summary: -summary["block"].nunique())
    blocks = list(dict.fromkeys(block for summary in deepest for block in summary["block"]))
    figure = make_subplots(cols=len(summaries), shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=list(names))
    longest = 0.0
    for column, summary in enumerate(summaries, start=1):
        rows = at_snapshot(summary, -1)
        for name in DIRECTIONS:
            bars = row_bars(
                rows["block"],
                rows[name],
                name=f"{DIRECTION_GLYPHS[name]} {DIRECTION_WORDS[name]}",
                base=_from_the_centre(rows, name),
                marker={"color": DIRECTION_COLOURS[name], "line": {"width": 0}},
                legend_group=name,
                in_legend=column == 1,
                customdata=customdata(rows, rows[name].map(percent)),
                hover=f"<b>%{{y}}</b>: %{{customdata[1]}} {DIRECTION_VERBS[name]}",
            )
            figure.add_trace(bars, row=1, col=column)
        for name in DIRECTIONS:
            known = where(rows, (rows[f"{name}0"] > 0).to_numpy(dtype=bool))
            outline = row_bars(
                known["block"],
                known[f"{name}0"],
                base=_from_the_centre(known, name, "0"),
                marker={"color": style.TRANSPARENT, "line": {"width": 1.5, "color": style.NEUTRAL}},
                hover="",
            )
            figure.add_trace(outline, row=1, col=column)
        sides = [rows[side] + rows["stay"] / 2 for side in ("back", "ahead")]
        longest = max(longest, *(max(side.tolist(), default=0.0) for side in sides))
    lay_out_rows(figure, blocks).update_layout(barmode="overlay", margin_t=76, legend_y=1.07)
    ticks = [-0.5, 0.0, 0.5]
    figure.update_xaxes(
        range=[-1.06 * longest, 1.06 * longest],
        tickvals=ticks,
        ticktext=[percent(abs(tick)) for tick in ticks],
        zeroline=False,
    )
    return figure


def _from_the_centre(rows: pd.DataFrame, name: Direction, suffix: str = "") -> pd.Series:
    """Return where the bar of a direction begins if the middle of "now" is at zero."""
    half = rows[f"stay{suffix}"] / 2
    return {"back": -half - rows[f"back{suffix}"], "stay": -half, "ahead": half}[name]
