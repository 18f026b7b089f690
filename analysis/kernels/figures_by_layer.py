"""Figures with a row for each layer: parts of the drift, kinds of output channels, centres of mass, reach."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.formatting import DIRECTIONS, KIND_VERBS, KIND_WORDS, percent, three_digits
from analysis.kernels.drift import DRIFT_PARTS
from analysis.kernels.summary import at_snapshot
from analysis.kernels.taps import KINDS, Kind
from analysis.plotting import style
from analysis.plotting.rows import customdata, height_for, lay_out_rows, mark_row, row_bars, where
from analysis.plotting.style import DIRECTION_COLOURS, KIND_GLYPHS, KIND_MARKERS

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
    "now": {"color": DIRECTION_COLOURS["now"], "line": {"width": 0}},
    "ahead": {"color": DIRECTION_COLOURS["ahead"], "line": {"width": 0}},
    "averages": style.patterned("."),
    "subtracts": style.patterned("x"),
    "mixed": style.patterned("/"),
}


def kinds_by_layer(summary: pd.DataFrame, snapshot: int = -1, selected: str | None = None) -> go.Figure:
    """Draw the six kinds of output channels in each layer at a snapshot (thick) and before training (thin)."""
    rows = at_snapshot(summary, snapshot)
    figure = go.Figure()
    for name in KINDS:
        for column, height, offset, when in (
            (name, 0.46, -0.4, "now"),
            (f"{name}0", 0.22, 0.12, "start"),
        ):
            shares = rows[column].fillna(0)
            figure.add_trace(
                row_bars(
                    rows["block"],
                    shares,
                    name=f"{_glyph(name)}{KIND_WORDS[name]}",
                    base=_base(rows, name, "0" if when == "start" else ""),
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
    return f"{KIND_GLYPHS[name]} "


def _base(rows: pd.DataFrame, name: Kind, suffix: str) -> np.ndarray:
    """Return where the bar of a kind begins: after those before it."""
    before = KINDS[: KINDS.index(name)]
    return np.sum([rows[f"{other}{suffix}"].fillna(0) for other in before], axis=0) + np.zeros(len(rows))


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
    for name in KINDS:
        mask = (drawn["kind"] == name).to_numpy(dtype=bool)
        points = where(drawn, mask)
        figure.add_trace(
            go.Scatter(
                name=f"{_glyph(name)}{KIND_WORDS[name]}",
                x=points["centre_of_mass"],
                y=(place + jitter)[mask],
                mode="markers",
                marker={**KIND_MARKERS[name], "size": 6, "opacity": 0.8},
                customdata=[
                    [row["layer"], row["block"], row["output"], three_digits(row["centre_of_mass"]), KIND_WORDS[name]]
                    for row in points.to_dict("records")
                ],
                hovertemplate=(
                    "<b>%{customdata[1]}</b>, output channel %{customdata[2]}: %{customdata[3]} frames, "
                    "%{customdata[4]}<extra></extra>"
                ),
                selected={"marker": {"opacity": 0.8}},
                unselected={"marker": {"opacity": 0.8}},
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


def reach_by_depth(
    spreads: pd.DataFrame,
    profiles: pd.DataFrame,
    path: PathKind = "LTS path only",
    even: float | None = None,
    name: str = "",
    others: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]] = MappingProxyType({}),
) -> go.Figure:
    """Draw the reach of a network in time: over depth, and frame by frame after one block.

    `spreads` has rows (line, block, spread in frames, and of "measured" its low and high over the clips), `profiles`
    (line, offset in frames, share); the lines are "start" and "learned", along the path, and "measured"; any may be
    missing. `even` is the reach of the same share in every frame, drawn as a dotted line. Of `others`, both tables of
    further checkpoints by their names, the measured reach is drawn dashed; `name` is then that of the first.
    """
    words = {
        "start": f"{path}, before training",
        "learned": f"{path}, at the snapshot",
        "measured": f"measured on clips, {name}" if others else "measured on clips",
    }
    entries = [(line, words[line], spreads, profiles, form) for line, form in _REACH_LINES.items()]
    for other, (reaches, shares) in others.items():
        shared = where(reaches, reaches["block"].isin(spreads["block"]).to_numpy(dtype=bool))
        entries.append(("measured", f"measured on clips, {other}", shared, shares, dict(style.OVERLAID)))
    figure = make_subplots(cols=2, horizontal_spacing=0.15, column_widths=[0.6, 0.4])
    for line, label, reaches, shares, form in entries:
        for column, table, x, y in ((1, reaches, "block", "spread"), (2, shares, "offset", "share")):
            part = table[table["line"] == line]
            if part.empty:
                continue
            figure.add_trace(
                go.Scatter(
                    name=label,
                    x=part[x],
                    y=part[y],
                    mode="lines+markers",
                    line=form,
                    marker={"size": 6},
                    error_y=_whiskers(part) if column == 1 and line == "measured" else None,
                    legendgroup=label,
                    showlegend=column == 1,
                    hovertemplate=(
                        f"<b>%{{x}}</b>, {label}: %{{y:.2f}} frames<extra></extra>"
                        if column == 1
                        else f"%{{x:+d}} frames, {label}: %{{y:.1%}}<extra></extra>"
                    ),
                ),
                row=1,
                col=column,
            )
    order = list(dict.fromkeys(spreads.loc[spreads["line"] != "measured", "block"])) or spreads["block"].tolist()
    if even is not None:
        line = {"color": style.NEUTRAL, "dash": "dot", "width": 1}
        text = "the same share in every frame"
        figure.add_scatter(name=text, x=order, y=[even] * len(order), mode="lines", line=line, row=1, col=1)
    style.style(figure)
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=order, showgrid=False, row=1, col=1)
    figure.update_xaxes(title_text="input frames from the centre one", zeroline=False, showgrid=False, row=1, col=2)
    figure.update_yaxes(title_text="reach, frames (RMS)", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="share of the energy", rangemode="tozero", row=1, col=2)
    largest = max([0.1, *profiles["share"]])
    figure.update_yaxes(
        style.percent_ticks(*np.arange(0, largest + 0.05, 0.1 if largest <= 0.6 else 0.25)), row=1, col=2
    )
    return figure


def _whiskers(rows: Any) -> dict[str, Any]:
    """Return plotly's error bars from the smallest to the largest reach of a clip."""
    spread, low, high = (np.array(rows[name]) for name in ("spread", "low", "high"))
    up, down = high - spread, spread - low
    return {"type": "data", "array": up, "arrayminus": down, "symmetric": False, "thickness": 1.5}


def shares_side_by_side(summaries: Sequence[pd.DataFrame], names: Sequence[str], snapshot: int = -1) -> go.Figure:
    """Draw what the outputs of each layer of several checkpoints do, a column each, as the first screen does.

    Back, now and ahead are centred on now; what combines frames is apart, on the right. Outlines: before training.
    """
    # The deepest network first: its layers keep their order, and those of the others come between them.
    deepest = sorted(summaries, key=lambda summary: -summary["block"].nunique())
    blocks = list(dict.fromkeys(block for summary in deepest for block in summary["block"]))
    figure = make_subplots(cols=len(summaries), shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=list(names))
    last = [at_snapshot(summary, snapshot) for summary in summaries]
    reach = max((_side(rows, suffix) for rows in last for suffix in ("", "0")), default=0.0) or 0.5
    for column, rows in enumerate(last, start=1):
        for name in (*DIRECTIONS, "combined"):
            bars = row_bars(
                rows["block"],
                rows[name],
                name="combines frames" if name == "combined" else f"{_glyph(name)}{KIND_WORDS[name]}",
                base=_place(rows, name, reach),
                marker=style.HATCHED if name == "combined" else _KIND_MARKERS[name],
                legend_group=name,
                in_legend=column == 1,
                customdata=customdata(rows, rows[name].map(percent)),
                hover=f"<b>%{{y}}</b>: %{{customdata[1]}} {KIND_VERBS[name][1]}",
            )
            figure.add_trace(bars, row=1, col=column)
            known = where(rows, (rows[f"{name}0"] > 0).to_numpy(dtype=bool))
            outline = row_bars(
                known["block"],
                known[f"{name}0"],
                base=_place(known, name, reach, "0"),
                marker={"color": style.TRANSPARENT, "line": {"width": 1.5, "color": style.NEUTRAL}},
                hover="",
            )
            figure.add_trace(outline, row=1, col=column)
    lay_out_rows(figure, blocks).update_layout(barmode="overlay", margin_t=76, legend_y=1.07)
    apart = max((rows[["combined", "combined0"]].max().max() for rows in last if len(rows)), default=0.0)
    figure.update_xaxes(
        range=[-1.06 * reach, 1.12 * reach + max(apart, 0.1) * 1.06],
        tickvals=[-0.5, 0.0, 0.5, 1.12 * reach],
        ticktext=["50 %", "0 %", "50 %", ""],
        tickangle=0,
        zeroline=False,
    )
    return figure


def _side(rows: pd.DataFrame, suffix: str) -> float:
    """Return how far the bars of the layers reach from the middle of "now", to either side."""
    sides = rows[[f"back{suffix}", f"ahead{suffix}"]].max(axis=1) + rows[f"now{suffix}"] / 2
    return max(sides.dropna().tolist(), default=0.0)


def _place(rows: pd.DataFrame, name: str, reach: float, suffix: str = "") -> pd.Series:
    """Return where the bar of a direction begins if the middle of "now" is at zero; what combines is right of all."""
    half = rows[f"now{suffix}"] / 2
    return {
        "back": -half - rows[f"back{suffix}"],
        "now": -half,
        "ahead": half,
        "combined": half * 0 + 1.12 * reach,
    }[name]
