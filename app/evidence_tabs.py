"""What the evidence page holds below its first screen: tabs that draw when they are opened.

A tab is one entry of TABS.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from analysis import figures, palette
from analysis.attribution import spacetime
from app import evidence_belief, evidence_methods, scaffold, state, widgets
from app.evidence_findings import Finding

COUNTS = ("no", "one", "two", "three", "four", "five")
MOST_CLASSES = len(COUNTS) - 1
"""Classes whose bars are drawn."""
REDUCTION = state.Key("slice", "reading of the slices")

READING = """
**Grad-CAM** takes the feature maps of one block, weighs each channel by how much it pushes the chosen class (the mean
of its gradient over time and space), adds them up and keeps what is positive. What is bright spoke *for* the class;
with a class to compare with, for it *rather than* for that one.

It says what the network used, not what it should have used, and it is as coarse as the block's grid: the cards below
give its size. The bars show which share of the evidence lies in each frame. Above each frame stands its place among
those that the network saw, and behind the # its number in the clip, counted from 1.
"""

SLICES = """
Each cell is one of the block's own, with the rows (left) or the columns (right) of the picture put together. A thing
that moves draws a slanted line; evidence that stands still draws a straight one.
"""


@dataclass(frozen=True)
class Comparison:
    """What a tab draws."""

    findings: Sequence[Finding]
    shared_scale: bool


def draw(comparison: Comparison) -> None:
    """The tabs; only the open one is computed and drawn."""
    widgets.draw_tabs(TABS, comparison)


def _answers(comparison: Comparison) -> None:
    for place, one in zip(st.columns(len(comparison.findings)), comparison.findings, strict=True):
        with place:
            scores = one.scores[:MOST_CLASSES]
            many = f"{COUNTS[len(scores)]} likeliest classes" if len(scores) > 1 else "one class"
            st.markdown(f"The {many} of **{scaffold.plain(one.name)}**")
            bars = figures.class_bars(scores, selected=one.evidence.target)
            st.plotly_chart(bars, key=f"top {one.name}", config=palette.PLOTLY_CONFIG)


def _space_time(comparison: Comparison) -> None:
    reductions = list(spacetime.REDUCTIONS)
    reduction = state.checked(
        REDUCTION,
        lambda: st.segmented_control(
            "Of the other direction",
            reductions,
            default=reductions[0],
            required=True,
            key=REDUCTION.name,
            bind="query-params",
        ),
    )
    names = [one.name for one in comparison.findings]
    found = [one.evidence for one in comparison.findings]
    told = " ".join(spacetime.moves_finding(name, one) for name, one in zip(names, found, strict=True))
    st.markdown(scaffold.plain(told))
    figure = spacetime.space_time(names, found, reduction, shared=comparison.shared_scale)
    st.plotly_chart(figure, key="space-time", config=palette.PLOTLY_CONFIG, alt=told)
    st.caption(SLICES)


def _cards(comparison: Comparison) -> None:
    st.markdown(READING)
    st.dataframe([one.evidence.card(one.name, one.header.classes) for one in comparison.findings], hide_index=True)


TABS: Mapping[str, Callable[[Comparison], None]] = {
    "Answers": _answers,
    "Space-time": _space_time,
    "Methods": lambda comparison: evidence_methods.render(comparison.findings),
    "Should you believe it?": lambda comparison: evidence_belief.render(comparison.findings),
    "What exactly is shown": _cards,
}
