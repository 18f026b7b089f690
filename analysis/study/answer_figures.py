"""Charts of the answers: by pair of classes, by class, and when a clip is reversed; and of accuracy over training."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.plotting import style
from analysis.plotting.rows import lay_out_rows, row_bars
from analysis.study.figures import ACCENTED

SHARE_SCALE: Final[list[list[float | str]]] = [
    [0.0, style.faded(style.ACCENT, 0)],
    [1.0, style.faded(style.ACCENT, 0.6)],
]
"""For shares: from transparent to the accent, light enough for the number that is written on it."""
DASHES: Final = ("dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "cross")
"""With the dashes, more pairs than the study has networks."""

NAMES_HEIGHT: Final = 90
"""Pixels that the slanting names of columns need beyond the margin."""

Spent = Literal["clips_seen", "macs_spent"]
SPENT_TITLES: Final[Mapping[Spent, str]] = {
    "clips_seen": "clips seen in training",
    "macs_spent": "MACs spent in training: clips x MACs of one clip x 3",
}


def pair_shares(table: pd.DataFrame) -> go.Figure:
    """Draw the accuracy of each network on each pair of classes, of `answers.pairs_table`: darker is higher."""
    rows, pairs = list(dict.fromkeys(table["label"])), list(dict.fromkeys(table["pair"]))
    shares = table.pivot(index="label", columns="pair", values="top1").loc[rows, pairs].to_numpy()
    figure = _heat_map(shares, pairs, rows, [[f"{100 * share:.0f}" for share in line] for line in shares])
    figure.data[0].hovertemplate = "%{y}, %{x}: %{z:.1%}<extra></extra>"
    _lay_out(figure, rows)
    figure.update_xaxes(side="top", tickvals=pairs, tickangle=-30, showgrid=False)
    return figure


def confusion(table: pd.DataFrame) -> go.Figure:
    """Draw `answers.confusion_table`: of the clips of each class, a row, the share that is given each class."""
    classes = list(dict.fromkeys(table["class"]))
    shares = table.pivot(index="class", columns="answer", values="share").loc[classes, classes].to_numpy()
    texts = [[f"{100 * share:.0f}" if share >= 0.005 else "" for share in line] for line in shares]
    figure = _heat_map(shares, classes, classes, texts)
    figure.data[0].hovertemplate = "%{y}, answered %{x}: %{z:.1%}<extra></extra>"
    _lay_out(figure, classes)
    figure.update_xaxes(side="top", tickangle=-45, tickvals=classes, showgrid=False)
    return figure


def _lay_out(figure: go.Figure, rows: Sequence[str]) -> None:
    """Lay out a heat map, whose slanting names of columns take height from its rows."""
    lay_out_rows(figure, rows)
    figure.update_layout(height=figure.layout.height + NAMES_HEIGHT)


def _heat_map(
    shares: np.ndarray, across: Sequence[str], down: Sequence[str], texts: Sequence[Sequence[str]]
) -> go.Figure:
    return go.Figure(
        go.Heatmap(
            z=shares,
            x=list(across),
            y=list(down),
            text=texts,
            texttemplate="%{text}",
            textfont={"size": style.FONT_SIZE},
            colorscale=SHARE_SCALE,
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=2,
            ygap=2,
        )
    )


REVERSALS: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "turned": ("the reversed class", {"color": style.ACCENT, "line": {"width": 0}}),
    "same": ("the same class", style.patterned("/")),
    "other": ("a third class", style.patterned(".")),
}


def reversals(table: pd.DataFrame) -> go.Figure:
    """Draw what happens to the answer when a clip is reversed, of `answers.reversal_table`: three parts of each bar."""
    names = table["label"].tolist()
    figure = go.Figure(
        [
            row_bars(
                names,
                table[column].tolist(),
                marker=marker,
                hover=f"%{{y}}: {words} for %{{x:.1%}} of the clips",
                name=words,
            )
            for column, (words, marker) in REVERSALS.items()
        ]
    )
    lay_out_rows(figure, names)
    figure.update_layout(barmode="stack")
    figure.update_xaxes(range=[0, 1.03], **style.percent_ticks(0, 0.25, 0.5, 0.75, 1))
    return figure


def learning_curves(table: pd.DataFrame, spent: Spent = "clips_seen") -> go.Figure:
    """Draw accuracy on the validation clips over what the training has spent, of `answers.curves_table`.

    A line is the mean over the seeds of a network; GTE has the accent colour.
    """
    figure = go.Figure()
    labels = dict(zip(table["label"], table["row"], strict=True))
    looks = zip(cycle(DASHES), cycle(SYMBOLS), strict=False)
    for label, row in labels.items():
        curve = table[table["row"] == row].pivot_table(index="epoch", values=["val_top1", spent])
        accent = row == ACCENTED
        dash, symbol = ("solid", "circle") if accent else next(looks)
        figure.add_trace(
            go.Scatter(
                name=label,
                x=curve[spent].tolist(),
                y=curve["val_top1"].tolist(),
                mode="lines+markers",
                line={"color": style.ACCENT if accent else style.NEUTRAL, "dash": dash, "width": 3 if accent else 2},
                marker={"size": 7, "symbol": symbol},
                hovertemplate=f"{label}, %{{x:.3~s}}: %{{y:.1%}}<extra></extra>",
            )
        )
    style.style(figure)
    figure.update_xaxes(title_text=SPENT_TITLES[spent], tickformat="~s", rangemode="tozero", showgrid=False)
    figure.update_yaxes(title_text="top-1, validation clips", range=[0, 1.02], **style.percent_ticks(0, 0.5, 1))
    return figure
