"""Trainings that are still running, or were just stopped: their curves, and a sentence on what they show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.formatting import percent
from analysis.plotting import style
from analysis.statistics import exceeds_chance
from gte.checkpoint_header import CheckpointHeader

PANELS: Mapping[str, str] = {
    "train_loss": "Loss, training clips",
    "val_top1": "Right answers, other clips",
    "val_turned": "Answers that turn in reverse",
}


@dataclass(frozen=True)
class LiveTraining:
    """A training as far as it has come."""

    label: str
    """The network's name, different from those of the others in a figure."""
    metrics: Sequence[Mapping[str, float]]
    """Of each report, as the checkpoint has them."""
    num_classes: int
    clips_per_step: int
    num_val_clips: int

    @classmethod
    def of(cls, label: str, header: CheckpointHeader) -> "LiveTraining":
        """Take them from the checkpoint of a run of the preset `live`."""
        training = header.training
        return cls(label, header.metrics, len(header.classes), training["batch_size"], training["val_clips"])

    @property
    def clips(self) -> list[int]:
        """Training clips that it had seen at each report."""
        return [int(entry["step"]) * self.clips_per_step for entry in self.metrics]


def live_curves(trainings: Sequence[LiveTraining]) -> go.Figure:
    """Draw loss, accuracy and answers that turn over the training clips seen; the last training has the accent."""
    figure = make_subplots(
        rows=len(PANELS), shared_xaxes=True, vertical_spacing=0.13, subplot_titles=list(PANELS.values())
    )
    for number, training in enumerate(trainings):
        colour = style.ACCENT if number == len(trainings) - 1 else style.NEUTRAL
        for row, measure in enumerate(PANELS, start=1):
            values = [entry[measure] for entry in training.metrics]
            form = ".3f" if row == 1 else ".1%"
            figure.add_trace(
                go.Scatter(
                    name=training.label,
                    x=training.clips,
                    y=values,
                    mode="lines+markers+text",
                    line={"color": colour},
                    marker={"size": 5},
                    # At the end of the line, as a label of its own.
                    text=[""] * (len(values) - 1) + [f" {training.label}"],
                    textposition=_place(trainings, number, measure),
                    textfont={"size": style.FONT_SIZE},
                    cliponaxis=False,
                    hovertemplate=f"{training.label}, %{{x:,}} clips: %{{y:{form}}}<extra></extra>",
                    showlegend=False,
                ),
                row=row,
                col=1,
            )
    style.style(figure)
    figure.update_annotations(x=0, xanchor="left", font={"size": style.FONT_SIZE})
    most = max((clips for training in trainings for clips in training.clips), default=1)
    # Room at the right for the labels.
    figure.update_xaxes(showgrid=False, zeroline=False, range=[0, 1.16 * most])
    figure.update_xaxes(title_text="training clips seen", row=len(PANELS))
    figure.update_yaxes(rangemode="tozero", nticks=3, row=1)
    for row in (2, 3):
        figure.update_yaxes(range=[-0.05, 1.05], **style.percent_ticks(0, 0.5, 1), row=row)
    for chance in {1 / training.num_classes for training in trainings}:
        line = {"color": style.NEUTRAL, "dash": "dot"}
        figure.add_shape(type="line", x0=0, x1=most, y0=chance, y1=chance, line=line, row=2, col=1)
    figure.update_layout(margin={"t": 28})
    return figure


def _place(trainings: Sequence[LiveTraining], number: int, measure: str) -> str:
    """Return where a label is, next to the end of its line: of two lines, above the upper or below the lower one."""
    if len(trainings) == 1:
        return "middle right"
    ends = [training.metrics[-1][measure] for training in trainings]
    return "top right" if number == ends.index(max(ends)) else "bottom right"


def live_finding(training: LiveTraining) -> str:
    """Say how many clips are right, against guessing, and how many answers turn, at the last report."""
    last = training.metrics[-1]
    seconds = sum(entry["seconds"] for entry in training.metrics)
    chance, count = 1 / training.num_classes, training.num_val_clips
    is_more = exceeds_chance(round(last["val_top1"] * count), count, chance)
    guessing = f" (guessing: {percent(chance)})" if is_more else ", as by guessing"
    return (
        f"{training.label}, {training.clips[-1]:,} clips, {seconds:.0f} s: {percent(last['val_top1'])} of {count} "
        f"other clips right{guessing}; {percent(last['val_turned'])} of answers turn in reverse."
    )
