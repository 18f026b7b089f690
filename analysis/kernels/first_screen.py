"""First screen of the page Shift kernels as figures: bars of all layers, and the kernels of one as rows."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, Int

from analysis.formatting import DIRECTION_WORDS, DIRECTIONS, block_name
from analysis.kernels import layer_cards
from analysis.kernels.cards import View
from analysis.kernels.figures_by_layer import shares_side_by_side
from analysis.kernels.outputs import order_of, outputs_table, tap_names
from analysis.kernels.readings import READING_DEFINITIONS, read_kernels
from analysis.kernels.taps import shown_taps
from analysis.plotting import style
from analysis.plotting.call import Call, Named
from analysis.plotting.card import Card
from gte.kernel_history import KernelHistory

MIN_ROW, MAX_ROW = 2, 12
"""Pixels of the row of an output channel, as far as the height of a large figure allows."""
MAX_NUMBERS = 12
"""Output channels whose index is written."""
CELL = 0.96
"""Width of a cell, of 1."""
STRIPES = 6
"""Stripes across the cell of a negative tap: lines and no pattern, of which a PDF would keep pixels."""


def first_screen(summary: pd.DataFrame, history: KernelHistory, view: View, headline: str = "") -> list[Card]:
    """Return the cards of what the page draws above its tabs; without the kernels where they hold NaN or infinity.

    `headline` is that of the page.
    """
    block = block_name(history.layer)
    bars = Card(
        key="directions",
        title="What do each layer's output channels do?",
        sentence=headline,
        call=Call(shares_side_by_side, [view.summary(summary)], [""], view.snapshot),
        definition="Shares of the output channels of each layer by what they do; outlines: before training.",
    )
    if not np.isfinite(history.weights[view.snapshot]).all():
        return [bars]
    kernels = view.history(history)
    outputs = Named("outputs", Call(outputs_table, kernels, view.snapshot, *view.how()))
    rows = Card(
        key="kernels",
        title=f"The kernels of {block}",
        sentence=f"The {history.weights.shape[1]} output channels of {block}: the weight of each frame.",
        call=Call(
            kernel_rows,
            Call(shown_taps, Call(read_kernels, kernels, *view.how())),
            view.snapshot,
            Call(order_of, outputs, view.order),
            history.starts_known,
        ),
        definition=(
            f"A row for each output channel, each tap {READING_DEFINITIONS[view.reading]}. Darker: larger weight, on "
            "one scale for the layer. Hatched: negative. Outline: the taps before training, where they are known."
        ),
        table=outputs.value,
    )
    return [bars, rows, *layer_cards.triangle(history, view)]


def kernel_rows(
    taps: Float[np.ndarray, "s o k"], snapshot: int, order: Int[np.ndarray, " o"], starts_known: bool = True
) -> go.Figure:
    """Draw the taps of each output channel at a snapshot, a row each in the given order, a column for each frame."""
    num_outputs, num_taps = taps.shape[1:]
    now, start = taps[snapshot][order], taps[0][order]
    largest = float(np.abs(now).max()) or 1.0
    figure = go.Figure()
    for column in range(num_taps):
        side = DIRECTIONS[1 + int(np.sign(column - num_taps // 2))]
        values = now[:, column]
        figure.add_bar(
            name=DIRECTION_WORDS[side],
            x=[CELL] * num_outputs,
            base=[column + (1 - CELL) / 2] * num_outputs,
            y=list(range(num_outputs)),
            orientation="h",
            width=CELL,
            showlegend=False,
            marker={
                "color": [style.faded(style.DIRECTION_COLOURS[side], abs(float(value)) / largest) for value in values],
                "line": {"width": 0},
            },
            customdata=[[int(output), float(value)] for output, value in zip(order, values, strict=True)],
            hovertemplate="output channel %{customdata[0]}: %{customdata[1]:.3f}<extra></extra>",
        )
        for first, last in _runs(np.abs(start[:, column]) > 1e-6 * largest) if starts_known else ():
            figure.add_shape(
                type="rect",
                x0=column,
                x1=column + 1,
                y0=first - 0.5,
                y1=last + 0.5,
                line={"width": 1, "color": "#000000"},
            )
    figure.add_scatter(
        **_stripes(now), mode="lines", line={"width": 1, "color": "#FFFFFF"}, hoverinfo="skip", showlegend=False
    )
    style.style(figure)
    row = min(max((style.CHART_HEIGHTS["large"] - 80) / num_outputs, MIN_ROW), MAX_ROW)
    written = range(0, num_outputs, -(-num_outputs // MAX_NUMBERS))
    figure.update_xaxes(
        range=[0, num_taps],
        tickvals=[column + 0.5 for column in range(num_taps)],
        ticktext=list(tap_names(num_taps)),
        side="top",
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(
        range=[num_outputs - 0.5, -0.5],
        tickvals=list(written),
        ticktext=[str(order[place]) for place in written],
        title_text="output channel",
        showgrid=False,
        zeroline=False,
    )
    return figure.update_layout(height=80 + row * num_outputs, margin_t=40, bargap=0, barmode="overlay")


def _stripes(taps: Float[np.ndarray, "o k"]) -> dict[str, list[float | None]]:
    """Return the ends of slanted lines across the cells of negative taps, each followed by a gap."""
    across, down = [], []
    for row, column in np.argwhere(taps < 0).tolist():
        for stripe in range(STRIPES):
            left = column + (1 - CELL) / 2 + stripe * CELL / STRIPES
            across += [left, left + CELL / STRIPES, None]
            down += [row + CELL / 2, row - CELL / 2, None]
    return {"x": across, "y": down}


def _runs(marked: Sequence[bool] | np.ndarray) -> list[tuple[int, int]]:
    """Return the first and the last place of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(marked, dtype=int), [0]])))
    return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]
