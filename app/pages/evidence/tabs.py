"""What the evidence page holds below its first screen: tabs that draw when they are opened.

A tab is one entry of TABS.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from analysis import figures
from analysis.attribution import METHODS, method_of, spacetime
from analysis.plotting import style
from app import layout, url_keys, widgets
from app.pages.evidence import methods, sanity_checks
from app.pages.evidence.finding import Finding

COUNTS = ("no", "one", "two", "three", "four", "five")
MOST_CLASSES = len(COUNTS) - 1
"""Classes whose bars are drawn."""
NARROWEST_BARS = 340
"""Pixels that the bars of one network need, with the names of classes beside them."""

GRAD_CAM = (
    "It takes the feature maps of one block, weighs each channel by how much it pushes the chosen class (the mean of "
    "its gradient over time and space), adds them up and keeps what is positive."
)

READING = """
What is bright spoke *for* the class; with a class to compare with, for it *rather than* for that one. Evidence says
what the network used, not what it should have used, and it is as coarse as its grid, whose size the card gives. The
bars show which share of the evidence lies in each frame. Above each frame stands its place among those that the network
saw, and behind the # its number in the clip, counted from 1.
"""

SLICES = """
**Left:** time runs downwards. Each line is one moment, its picture squeezed from top to bottom into a single line from
left to right. **Right:** time runs to the right. Each column is one moment, its picture squeezed from left to right
into a single column. So what moves draws a slanted line, and what stands still a straight one. Each cell is one of the
block's own: nothing is smoothed."""

FAINT = " On one scale for all, weak evidence stays faint; under Options there is a scale for each."


@dataclass(frozen=True)
class Comparison:
    """What a tab draws."""

    findings: Sequence[Finding]
    shared_scale: bool
    method: str
    """What the page was asked to show; a slow method may still be at work, and the findings another's."""


def draw(comparison: Comparison) -> None:
    """The tabs; only the open one is computed and drawn."""
    widgets.draw_tabs(TABS, comparison)


def _answers(comparison: Comparison) -> None:
    with st.grid(len(comparison.findings), min_column_width=NARROWEST_BARS):
        for one in comparison.findings:
            _class_bars(one)


def _class_bars(one: Finding) -> None:
    with st.container():
        scores = one.scores[:MOST_CLASSES]
        many = f"{COUNTS[len(scores)]} likeliest classes" if len(scores) > 1 else "one class"
        st.markdown(f"The {many} of **{layout.plain(one.name)}**")
        bars = figures.class_bars(scores, selected=one.evidence.target)
        st.plotly_chart(bars, key=f"top {one.name}", config=style.PLOTLY_CONFIG)


def _space_time(comparison: Comparison) -> None:
    reduction = widgets.pick_segment(
        url_keys.SLICE, "Cells that are squeezed into one become their", list(spacetime.REDUCTIONS)
    )
    told = " ".join(spacetime.moves_finding(one.name, one.evidence) for one in comparison.findings)
    st.markdown(layout.plain(told))
    drawn = [one for one in comparison.findings if spacetime.has_places(one.evidence)]
    if not drawn:
        return
    figure = spacetime.space_time(
        [one.name for one in drawn], [one.evidence for one in drawn], reduction, shared=comparison.shared_scale
    )
    st.plotly_chart(figure, key="space-time", config=style.PLOTLY_CONFIG, alt=told)
    st.markdown(SLICES + (FAINT if comparison.shared_scale and len(drawn) > 1 else ""))


def _cards(comparison: Comparison) -> None:
    row = method_of(comparison.findings[0].evidence)
    st.markdown(f"**{row.label}.** {GRAD_CAM if row is METHODS['gradcam'] else row.note} Source: {row.paper}.")
    st.markdown(READING)
    cards = [one.evidence.card(one.name, one.header.classes) for one in comparison.findings]
    # A network a column, because what its card says is longer than a line.
    st.table(pd.DataFrame(cards).set_index("network").fillna("").T.map(layout.plain))


TABS: Mapping[str, Callable[[Comparison], None]] = {
    "Answers": _answers,
    "Space-time": _space_time,
    "Methods": lambda comparison: methods.render(comparison.findings, comparison.method),
    "Should you believe it?": lambda comparison: sanity_checks.render(comparison.findings),
    "What exactly is shown": _cards,
}
