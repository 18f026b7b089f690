"""How a run went, and which classes a network thinks likely."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.attribution.evidence import ClassScore
from analysis.formatting import percent
from analysis.plotting import style


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
                    line={"color": style.ACCENT if chosen else style.NEUTRAL, "dash": "solid" if chosen else "dot"},
                    marker={"size": 5},
                    hovertemplate=f"epoch %{{x}}, {words}: %{{y:{form}}}<extra></extra>",
                    legendgroup=split,
                    showlegend=column == 1,
                ),
                row=1,
                col=column,
            )
    style.style(figure, size="medium")
    figure.update_xaxes(title_text="epoch", showgrid=False, zeroline=False, dtick=_whole_step(len(epochs)))
    figure.update_yaxes(title_text="top-1", range=[0, 1.03], tickformat=".0%", row=1, col=1)
    figure.update_yaxes(title_text="loss, nats", rangemode="tozero", row=1, col=2)
    return figure


def _whole_step(num_epochs: int) -> int:
    """Epochs between two ticks: whole ones, at most ten ticks."""
    return max(1, -(-num_epochs // 10))


NUMBER_ROOM = 64
"""Pixels beside the longest possible bar for its number."""
LEAST_WRITTEN = 1e-4
"""No reader asks how much smaller a probability is."""


def class_bars(scores: Sequence[ClassScore], selected: int | None = None) -> go.Figure:
    """The most probable classes, best on top; `selected` is the index of the class in question.

    Every bar carries the index of its class as customdata.
    """
    figure = go.Figure(
        go.Bar(
            y=[score.name for score in scores],
            x=[score.probability for score in scores],
            orientation="h",
            marker={"color": [style.ACCENT if score.index == selected else style.NEUTRAL for score in scores]},
            text=[_written(score.probability) for score in scores],
            textposition="outside",
            cliponaxis=False,
            customdata=[[score.index] for score in scores],
            hovertemplate="<b>%{y}</b>: %{text}<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )
    style.style(figure, size="medium", categories="y")
    figure.update_layout(margin_t=8, margin_r=NUMBER_ROOM, showlegend=False)
    figure.update_xaxes(title_text="probability", range=[0, 1], tickvals=[0, 0.5, 1], tickformat=".0%", zeroline=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=8)
    return figure


def _written(probability: float) -> str:
    return f"under {percent(LEAST_WRITTEN)}" if 0 < probability < LEAST_WRITTEN else percent(probability)
