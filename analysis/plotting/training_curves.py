"""Curves of a training run."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

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
    figure.update_yaxes(title_text="top-1", range=[0, 1.03], **style.percent_ticks(0, 0.5, 1), row=1, col=1)
    figure.update_yaxes(title_text="loss", rangemode="tozero", row=1, col=2)
    return figure


def _whole_step(num_epochs: int) -> int:
    """Epochs between two ticks: whole ones, at most ten ticks."""
    return max(1, -(-num_epochs // 10))
