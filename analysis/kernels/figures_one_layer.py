"""Figures of one layer: its weights, its output channels, their spectrum, and their partners in another network."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Int
from plotly.subplots import make_subplots

from analysis.formatting import DIRECTIONS, KIND_WORDS, block_name, three_digits
from analysis.kernels.matching import Matching
from analysis.kernels.outputs import coarsened, tap_names
from analysis.kernels.spectrum import (
    band,
    frequency_response,
    joint_response,
    output_singular_values,
    temporal_singular_values,
)
from analysis.kernels.taps import KINDS
from analysis.plotting import style
from analysis.plotting.rows import where
from analysis.plotting.style import DIRECTION_COLOURS, KIND_GLYPHS, KIND_MARKERS
from gte.kernel_history import KernelHistory

MAX_CELLS: Final = 128
"""Rows and columns of a heat map; in a larger one a cell stands for several and shows the one farthest from zero."""

MAX_CURVES: Final = 256
"""Responses that are drawn; of more output channels, an even selection."""


def corner_shares(outputs: pd.DataFrame, num_taps: int, suffix: str = "") -> np.ndarray:
    """Return the shares (o, 3) of |past|, |current| and |future| taps in `outputs_table`; zeros give NaN."""
    names = tap_names(num_taps)
    size = outputs[[f"{name}{suffix}" for name in names]].abs().to_numpy(dtype=float)
    present = num_taps // 2
    parts = np.stack([size[:, :present].sum(1), size[:, present], size[:, present + 1 :].sum(1)], axis=1)
    with np.errstate(invalid="ignore"):
        return parts / parts.sum(axis=1, keepdims=True)


def tap_triangle(outputs: pd.DataFrame, num_taps: int, selected: int | None = None) -> go.Figure:
    """Place each output of `outputs_table` between past, present and future by the sizes of its taps.

    Thin lines lead from the initialisation, where known. Points carry the index of their output as customdata.
    """
    figure = go.Figure()
    now = corner_shares(outputs, num_taps)
    if "kind0" in outputs:
        start = corner_shares(outputs, num_taps, "0")
        gap = np.full_like(now, np.nan)
        # Start, end and a gap for each output, in one trace.
        lines = np.stack([start, now, gap], axis=1).reshape(-1, 3)
        figure.add_trace(
            go.Scatterternary(
                name="from before training",
                **_corners(lines),
                mode="lines",
                line={"color": style.faded(style.NEUTRAL, 0.45), "width": 1},
                hoverinfo="skip",
            )
        )
    for name in KINDS:
        mask = (outputs["kind"] == name).to_numpy(dtype=bool)
        rows = where(outputs, mask)
        figure.add_trace(
            go.Scatterternary(
                name=f"{KIND_GLYPHS[name]} {KIND_WORDS[name]}",
                **_corners(now[mask]),
                mode="markers",
                marker={
                    **KIND_MARKERS[name],
                    "size": [13 if output == selected else 7 for output in rows["output"]],
                    "opacity": 0.8,
                },
                customdata=[[output, KIND_WORDS[name]] for output in rows["output"]],
                hovertemplate=(
                    "output channel %{customdata[0]}, %{customdata[1]}<br>"
                    "past %{a:.0%}, present %{b:.0%}, future %{c:.0%}<extra></extra>"
                ),
            )
        )
    style.style(figure)
    axis = {"showticklabels": False, "ticks": "", "showgrid": True, "gridcolor": style.ROW_BAND}
    axis |= {"linewidth": 1.5, "linecolor": style.NEUTRAL}
    title = {"font": {"size": style.FONT_SIZE}}
    figure.update_layout(
        ternary={
            "sum": 1,
            "bgcolor": style.TRANSPARENT,
            # The past on the left, the future on the right, the present on top.
            "baxis": {**axis, "title": {"text": "◀ past", **title}},
            "aaxis": {**axis, "title": {"text": "● present", **title}},
            "caxis": {**axis, "title": {"text": "▶ future", **title}},
        },
        margin={"l": 40, "r": 40, "t": 96},
        legend_y=1.2,
    )
    return figure


def _corners(shares: np.ndarray) -> dict[str, np.ndarray]:
    return {"b": shares[:, 0], "a": shares[:, 1], "c": shares[:, 2]}


def weight_maps(history: KernelHistory, snapshot: int, order: Int[np.ndarray, " o"]) -> go.Figure:
    """Draw W₀, W at a snapshot and the difference: a heat map of outputs x inputs for each tap, on one scale.

    The outputs are in the given order. If the initialisation is unknown, there is only W.
    """
    weight = history.weights[snapshot]
    start = history.initial
    matrices = {"W": weight} if start is None else {"W₀": start, "W": weight, "W − W₀": weight - start}
    names = tap_names(weight.shape[2])
    # The weights of W₀ are as large as any: the scale ends at the largest change and lets them saturate.
    sizes = [np.nan_to_num(np.abs(matrix), nan=0, posinf=0, neginf=0) for matrix in reversed(matrices.values())]
    ends = [float(size.max()) for size in sizes]
    largest = next(filter(None, ends), 1.0)
    cells = np.zeros((1, 1))
    figure = make_subplots(
        rows=len(matrices),
        cols=len(names),
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.04,
        column_titles=[_frame_title(name, len(names)) for name in names],
        row_titles=[title.replace(" ", "\N{NO-BREAK SPACE}") for title in matrices],
    )
    for row, (title, matrix) in enumerate(matrices.items(), start=1):
        for tap, name in enumerate(names):
            cells, tall, wide = coarsened(matrix[order, :, tap, 0], MAX_CELLS)
            figure.add_trace(
                go.Heatmap(
                    z=cells.astype(np.float32),
                    y=[_numbers(order[place : place + tall]) for place in range(0, len(order), tall)],
                    x=[_span(place, min(place + wide, matrix.shape[1])) for place in range(0, matrix.shape[1], wide)],
                    coloraxis="coloraxis",
                    hovertemplate=(
                        f"{title}, {name}: output channel %{{y}}, input channel %{{x}}<br>"
                        "<b>%{z:.3f}</b><extra></extra>"
                    ),
                ),
                row=row,
                col=tap + 1,
            )
    style.style(figure, categories="xy")
    tallest = 190 if len(matrices) == 3 else 380
    figure.update_layout(
        height=tallest * len(matrices) + 90,
        margin={"t": 40, "r": 8},
        coloraxis={
            "colorscale": style.WEIGHT_SCALE,
            "cmin": -largest,
            "cmax": largest,
            "cmid": 0,
            "colorbar": {"thickness": 12, "len": 0.5, "tickfont": {"size": style.FONT_SIZE}, "x": 1.05},
        },
    )
    # Without this the titles of columns and rows touch the frames.
    figure.update_annotations({"yshift": 6}, selector={"yanchor": "bottom"})
    figure.update_annotations({"xshift": 8}, selector={"textangle": 90})
    # Exactly the cells, the first output on top, in one update, because each costs milliseconds.
    height, width = cells.shape
    frame = {"showgrid": False, "ticks": "", "showline": True, "mirror": True, "linecolor": style.NEUTRAL}
    axes: dict[str, dict[str, Any]] = {}
    for panel in range(len(matrices) * len(names)):
        row, column = divmod(panel, len(names))
        below = {"title": {"text": "input channel"}} if row == len(matrices) - 1 else {}
        left = {"title": {"text": "output channel"}} if column == 0 else {}
        number = panel + 1 if panel else ""
        axes[f"xaxis{number}"] = {**frame, "showticklabels": False, "range": [-0.5, width - 0.5], **below}
        axes[f"yaxis{number}"] = {**frame, "nticks": 6, "range": [height - 0.5, -0.5], **left}
    figure.update_layout(axes)
    return figure


def _frame_title(name: str, num_taps: int) -> str:
    return {"t-1": "◀ t−1", "t": "● t", "t+1": "▶ t+1"}.get(name, name) if num_taps == 3 else name


def _span(first: int, end: int) -> str:
    return str(first) if end == first + 1 else f"{first} to {end - 1}"


def _numbers(outputs: Int[np.ndarray, " _"]) -> str:
    if len(outputs) <= 3:
        return ", ".join(map(str, outputs))
    return f"{outputs[0]}, {outputs[1]} and {len(outputs) - 2} more"


def output_stem(rows: Mapping[str, pd.DataFrame], output: int, num_taps: int) -> go.Figure:
    """Draw the taps of one output, a panel for each table of `outputs_table` (by its title).

    Filled: at the snapshot; hollow: before training, where known.
    """
    names = tap_names(num_taps)
    labels = [name.replace("-", "−") for name in names]
    figure = make_subplots(cols=len(rows), shared_yaxes=True, subplot_titles=list(rows), horizontal_spacing=0.06)
    for column, table in enumerate(rows.values(), start=1):
        row = table.iloc[output]
        for place, name in enumerate(names):
            side = DIRECTIONS[1 + int(np.sign(place - num_taps // 2))]
            value = float(row[name])
            figure.add_trace(
                go.Scatter(
                    x=[labels[place]] * 2,
                    y=[0, value],
                    mode="lines+markers",
                    line={"color": DIRECTION_COLOURS[side], "width": 4},
                    marker={"size": [0, 13], "color": DIRECTION_COLOURS[side]},
                    hovertemplate=f"{labels[place]}: {three_digits(value)}<extra></extra>",
                    showlegend=False,
                ),
                row=1,
                col=column,
            )
        if f"{names[0]}0" in table:
            figure.add_trace(
                go.Scatter(
                    name="before training",
                    x=labels,
                    y=[float(row[f"{name}0"]) for name in names],
                    mode="markers",
                    marker={"symbol": "circle-open", "size": 17, "color": style.NEUTRAL, "line": {"width": 2}},
                    showlegend=column == 1,
                    hovertemplate="%{x} before training: %{y:.3g}<extra></extra>",
                ),
                row=1,
                col=column,
            )
    style.style(figure, size="medium", categories="x")
    # The legend above the titles of the panels.
    figure.update_layout(height=280, margin_t=84, legend_y=1.18)
    figure.update_xaxes(showgrid=False, range=[-0.6, num_taps - 0.4])
    figure.update_yaxes(zeroline=True, zerolinecolor=style.NEUTRAL)
    figure.update_yaxes(title_text="weight", col=1)
    return figure


def singular_values(
    history: KernelHistory, snapshot: int, name: str = "", others: Mapping[str, KernelHistory] = MappingProxyType({})
) -> go.Figure:
    """Draw the singular values of a layer: of its temporal filters (left) and of its outputs (right).

    Of `others`, the layer in further checkpoints by their names, the last snapshot is drawn dashed; `name` is then that
    of the checkpoint that is drawn solid.
    """
    block = block_name(history.layer)
    whose = f"{block} of {name}, " if others else ""
    figure = make_subplots(
        cols=2,
        column_widths=[0.3, 0.7],
        horizontal_spacing=0.1,
        subplot_titles=["(C_out·C_in) × taps: filters", "C_out × (taps·C_in): output channels"],
    )
    entries: list[tuple[str, np.ndarray, dict[str, Any]]] = [
        (f"{whose}at this snapshot", history.weights[snapshot], {"color": style.ACCENT, "width": 3})
    ]
    if history.initial is not None:
        form = {"color": style.NEUTRAL, "width": 2, "dash": "dot"}
        entries.insert(0, (f"{whose}before training", history.initial, form))
    entries += [(f"{block} of {other}", kernels.weights[-1], dict(style.OVERLAID)) for other, kernels in others.items()]
    for label, weight, line in entries:
        for column, values in ((1, temporal_singular_values(weight)), (2, output_singular_values(weight))):
            figure.add_trace(
                go.Scatter(
                    name=label,
                    x=list(range(1, len(values) + 1)),
                    y=values.tolist(),
                    mode="lines+markers" if len(values) < 12 else "lines",
                    line=line,
                    legendgroup=label,
                    showlegend=column == 1,
                    hovertemplate=f"value %{{x}}, {label}: %{{y:.3g}}<extra></extra>",
                ),
                row=1,
                col=column,
            )
    style.style(figure, size="medium")
    figure.update_layout(height=300, margin_t=84, legend_y=1.16)
    figure.update_xaxes(showgrid=False, zeroline=False, dtick=1, row=1, col=1)
    figure.update_xaxes(showgrid=False, zeroline=False, row=1, col=2)
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(title_text="singular value", col=1)
    return figure


def frequency_curves(
    history: KernelHistory,
    snapshot: int,
    selected: int | None = None,
    name: str = "",
    others: Mapping[str, KernelHistory] = MappingProxyType({}),
) -> go.Figure:
    """Draw each output's response to temporal frequencies as a share of its maximum, and highlight the chosen one.

    Where there are `others`, as in `singular_values`, the response of all outputs together is drawn of each checkpoint.
    """
    frequencies, response = frequency_response(history.weights[snapshot])
    shares = response / np.maximum(response.max(axis=1, keepdims=True), 1e-12)
    bands = band(response)
    step = math.ceil(len(shares) / MAX_CURVES)
    figure = go.Figure()
    forms = {"low-pass": "solid", "all-pass": "dot", "high-pass": "dash", "uneven": "dashdot"}
    for passed, dash in forms.items():
        drawn = [output for output in range(0, len(shares), step) if bands[output] == passed]
        if not drawn:
            continue
        gap = np.full((len(drawn), 1), np.nan)
        figure.add_trace(
            go.Scatter(
                name=f"{passed}: {int((bands == passed).sum())}",
                x=np.tile(np.append(frequencies, np.nan), len(drawn)).astype(np.float32),
                y=np.concatenate([shares[drawn], gap], axis=1).ravel().astype(np.float32),
                mode="lines",
                line={"color": style.faded(style.NEUTRAL, 0.6), "width": 1, "dash": dash},
                hoverinfo="skip",
            )
        )
    if selected is not None:
        figure.add_trace(
            go.Scatter(
                name=f"output channel {selected}, {bands[selected]}",
                x=frequencies.tolist(),
                y=shares[selected].tolist(),
                mode="lines",
                line={"color": style.ACCENT, "width": 4},
                hovertemplate="%{x:.2f} cycles per frame: %{y:.0%}<extra></extra>",
            )
        )
    solid = dict(style.OVERLAID) | {"dash": "solid"}
    joint = [(name, response, solid)] if others else []
    joint += [(other, frequency_response(of.weights[-1])[1], dict(style.OVERLAID)) for other, of in others.items()]
    for whose, answers, line in joint:
        figure.add_trace(
            go.Scatter(
                name=f"{block_name(history.layer)} of {whose}",
                x=frequencies.tolist(),
                y=joint_response(answers).tolist(),
                mode="lines",
                line=line,
                hovertemplate=f"<b>{whose}</b> at %{{x:.2f}} cycles per frame: %{{y:.0%}}<extra></extra>",
            )
        )
    style.style(figure)
    figure.update_xaxes(title_text="frequency, cycles per frame (0.5 is half the frame rate)", zeroline=False)
    # Wider than the data: otherwise the last label has no room and is left out.
    figure.update_xaxes(range=[0, 0.515])
    figure.update_yaxes(
        title_text="response, share of its maximum", range=[0, 1.05], **style.percent_ticks(0, 0.25, 0.5, 0.75, 1)
    )
    return figure


def matched_centres(first: pd.DataFrame, second: pd.DataFrame, matching: Matching, names: tuple[str, str]) -> go.Figure:
    """Draw the centre of mass of each output of a checkpoint against that of its partner in the other one."""
    partners = second.iloc[matching.partner]
    strength = matching.correlation if matching.correlation is not None else np.ones(len(first))
    figure = go.Figure(
        go.Scatter(
            x=first["centre_of_mass"],
            y=partners["centre_of_mass"].to_numpy(),
            mode="markers",
            marker={"color": style.NEUTRAL, "size": 9, "opacity": 0.25 + 0.7 * strength},
            customdata=[
                [output, partner, "by index" if matching.correlation is None else f"|correlation| {value:.2f}"]
                for output, partner, value in zip(first["output"], partners["output"], strength, strict=True)
            ],
            hovertemplate=(
                f"{names[0]}: channel %{{customdata[0]}} at %{{x:.2f}}<br>{names[1]}: channel %{{customdata[1]}} at "
                "%{y:.2f}<br>%{customdata[2]}<extra></extra>"
            ),
            showlegend=False,
        )
    )
    style.style(figure)
    reach = 1.08 * max(1.0, float(np.nanmax(np.abs([*first["centre_of_mass"], *second["centre_of_mass"]]))))
    figure.add_shape(
        type="line",
        x0=-reach,
        y0=-reach,
        x1=reach,
        y1=reach,
        layer="below",
        line={"color": style.NEUTRAL, "dash": "dot"},
    )
    figure.update_xaxes(title_text=f"centre of mass in {names[0]}, frames", range=[-reach, reach], zeroline=False)
    figure.update_yaxes(title_text=f"in {names[1]}, frames", range=[-reach, reach], zeroline=False)
    figure.update_layout(margin_t=16)
    return figure
