"""The chart of what the kernels did: drift and reach against depth, and what the outputs do."""

from collections.abc import Mapping
from typing import Any, Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.formatting import KIND_WORDS
from analysis.kernels.taps import KINDS, Kind
from analysis.plotting import style
from analysis.study.kernels import Learned, Story

MARKERS: Final[Mapping[Kind, dict[str, Any]]] = {
    "back": {"color": style.BACK},
    "now": {"color": style.NOW},
    "ahead": {"color": style.AHEAD},
    "averages": style.patterned("x"),
    "subtracts": style.patterned("-"),
    "mixed": style.patterned("/"),
}


def kernel_story(story: Story) -> go.Figure:
    """Draw drift and reach of each layer, one line for each seed, and the shares of kinds of outputs as bars.

    Networks trained on other data are dashed. The dotted line is the reach before training.
    """
    figure = make_subplots(
        rows=2,
        cols=2,
        specs=[[{}, {}], [{"colspan": 2}, None]],
        row_heights=[0.52, 0.48],
        vertical_spacing=0.2,
        horizontal_spacing=0.12,
    )
    first = story.seeds[0]
    figure.add_trace(_line(first, first.reach_before, "before training", "dot"), row=1, col=2)
    for number, network in enumerate((*story.seeds, *story.others)):
        is_other = number >= len(story.seeds)
        name = network.name if is_other else "each seed"
        for column, values in enumerate((network.drift, network.reach), start=1):
            trace = _line(network, values, name, "dash" if is_other else "solid", accent=not is_other)
            trace.showlegend = column == 1 and (is_other or number == 0)
            figure.add_trace(trace, row=1, col=column)
    networks = [*story.seeds, *story.others]
    for kind in KINDS:
        figure.add_trace(
            go.Bar(
                name=KIND_WORDS[kind],
                y=[network.name for network in networks],
                x=[network.counts[kind] / network.outputs for network in networks],
                orientation="h",
                marker=MARKERS[kind],
                hovertemplate=f"%{{y}}, {KIND_WORDS[kind]}: %{{x:.1%}}<extra></extra>",
                legendgroup=kind,
            ),
            row=2,
            col=1,
        )
    style.style(figure)
    figure.update_layout(barmode="stack", bargap=0.3)
    figure.update_xaxes(type="category", showgrid=False, row=1)
    figure.update_yaxes(title_text="drift", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="reach, frames", rangemode="tozero", row=1, col=2)
    figure.update_xaxes(title_text="outputs", range=[0, 1.04], **style.percent_ticks(0, 0.5, 1), row=2, col=1)
    figure.update_yaxes(type="category", autorange="reversed", row=2, col=1)
    return figure


def _line(network: Learned, values: Any, name: str, dash: str, *, accent: bool = False) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=[block.removeprefix("layer") for block in network.blocks],
        y=values.tolist(),
        mode="lines" if dash == "dot" else "lines+markers",
        line={"color": style.ACCENT if accent else style.NEUTRAL, "dash": dash, "width": 2},
        marker={"size": 5},
        legendgroup=name,
        hovertemplate=f"{network.name}, layer %{{x}}: %{{y:.2f}}<extra></extra>",
    )
