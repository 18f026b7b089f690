"""Figure of the predicted classes."""

from collections.abc import Sequence

import plotly.graph_objects as go

from analysis.attribution.evidence import ClassScore
from analysis.formatting import percent
from analysis.plotting import style
from analysis.plotting.rows import clickable_rows, lay_out_rows, row_bars

NUMBER_ROOM = 64
"""Pixels to the right of the longest possible bar for its number."""
MIN_WRITTEN = 1e-4
"""Smaller probabilities are written as "under 0.01 %"."""


def class_bars(scores: Sequence[ClassScore], selected: int | None = None) -> go.Figure:
    """The most probable classes, best on top; `selected` is the index of the highlighted class.

    The customdata of a bar, and of its whole row, is the index of its class.
    """
    names = [score.name for score in scores]
    bars = row_bars(
        names,
        [score.probability for score in scores],
        marker={"color": [style.ACCENT if score.index == selected else style.NEUTRAL for score in scores]},
        hover="<b>%{y}</b>: %{text}",
        customdata=[[score.index] for score in scores],
        numbers=[_written(score.probability) for score in scores],
    )
    rows = clickable_rows(names, [score.index for score in scores], end=1)
    figure = lay_out_rows(go.Figure([bars, rows]), names, size="medium")
    figure.update_layout(margin_t=8, margin_r=NUMBER_ROOM, showlegend=False, barmode="overlay")
    figure.update_xaxes(title_text="probability", range=[0, 1], **style.percent_ticks(0, 0.5, 1), zeroline=True)
    return figure


def _written(probability: float) -> str:
    return f"under {percent(MIN_WRITTEN)}" if 0 < probability < MIN_WRITTEN else percent(probability)
