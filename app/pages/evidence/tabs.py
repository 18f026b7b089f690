"""Tabs of the page Evidence. A tab is one entry of TABS, drawn when it is opened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from analysis.attribution import spacetime
from analysis.attribution.figures import class_bars
from analysis.attribution.methods import METHODS, WEIGHTINGS
from app import cards, layout, url_keys, url_state, widgets
from app.pages.evidence import code, methods, sanity_checks
from app.pages.evidence.finding import Finding

COUNTS = ("no", "one", "two", "three", "four", "five")
MAX_CLASSES = len(COUNTS) - 1
"""Classes with bars."""
MIN_BARS_WIDTH = 340
"""Pixels that the bars of one network need, with the names of the classes."""

GRAD_CAM = (
    "It weights each channel of a block's feature maps by its effect on the chosen class (the mean of its gradient "
    "over time and space), adds them up and keeps positive values."
)

SLICES = """
**Left:** horizontal position over time. Time runs downwards; each row is one moment, with the rows of its map combined
into one. **Right:** vertical position over time. Time runs to the right; each column is one moment, with the columns of
its map combined into one. Motion gives a slanted line, a still object a straight one. Each cell is a cell of the block
where its centre is; nothing is smoothed."""

FAINT = " On a shared scale weak evidence is faint; Networks has separate scales."


@dataclass(frozen=True)
class Comparison:
    """The contents of a tab."""

    findings: Sequence[Finding]
    shared_scale: bool
    method: str
    """The chosen method; a slow one may still be running, with findings of another."""


def draw(comparison: Comparison) -> None:
    """The tabs; only the open one is computed and drawn."""
    widgets.draw_tabs(TABS, comparison)


def _answers(comparison: Comparison) -> None:
    with st.grid(len(comparison.findings), min_column_width=MIN_BARS_WIDTH):
        for finding in comparison.findings:
            _class_bars(finding)


def _class_bars(finding: Finding) -> None:
    with st.container():
        scores = finding.scores[:MAX_CLASSES]
        classes = f"{COUNTS[len(scores)]} most probable classes" if len(scores) > 1 else "one class"
        st.markdown(f"The {classes} of **{layout.plain(finding.name)}**")
        bars = class_bars(scores, selected=finding.evidence.target)
        cards.chart(
            bars,
            f"The {classes} of {finding.name}",
            f"Probabilities of {finding.name}.",
            key=f"top {finding.name}",
            code=code.class_bars(finding, MAX_CLASSES),
            on_click=lambda index: url_state.choose(url_keys.CLASS, finding.header.classes[int(index)]),
        )
        # The same as a click on a bar, for the keyboard.
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("Evidence for", width="content")
            for score in scores:
                st.button(
                    layout.plain(score.name),
                    key=f"class {finding.name} {score.index}",
                    on_click=url_state.choose,
                    args=(url_keys.CLASS, score.name),
                    disabled=score.index == finding.evidence.target,
                )


def _space_time(comparison: Comparison) -> None:
    reduction = widgets.pick_segment(url_keys.SLICE, "Combine cells by", list(spacetime.REDUCTIONS))
    text = " ".join(spacetime.moves_finding(finding.name, finding.evidence) for finding in comparison.findings)
    st.markdown(layout.plain(text))
    drawn = [finding for finding in comparison.findings if spacetime.has_places(finding.evidence)]
    if not drawn:
        return
    figure = spacetime.space_time(
        [finding.name for finding in drawn],
        [finding.evidence for finding in drawn],
        reduction,
        shared=comparison.shared_scale,
    )
    cards.chart(
        figure,
        "Evidence in space and time",
        text,
        key="space-time",
        definition=SLICES,
        code=code.space_time(drawn, reduction, shared=comparison.shared_scale),
    )
    st.markdown(SLICES + (FAINT if comparison.shared_scale and len(drawn) > 1 else ""))


def _cards(comparison: Comparison) -> None:
    method = comparison.findings[0].evidence.method
    entry = METHODS[method]
    st.markdown(f"**{entry.label}.** {GRAD_CAM if method == 'gradcam' else entry.note} Source: {entry.paper}.")
    if method in WEIGHTINGS:
        for words in filter(None, map(methods.weightings_in_words, comparison.findings)):
            st.markdown(layout.plain(words))
    cards = [finding.evidence.card(finding.name, finding.header.classes) for finding in comparison.findings]
    # One column per network, because entries of its card are longer than a line.
    st.table(pd.DataFrame(cards).set_index("network").fillna("").T.map(layout.plain))


TABS: Mapping[str, Callable[[Comparison], None]] = {
    "Answers": _answers,
    "Space-time": _space_time,
    "Methods": lambda comparison: methods.render(comparison.findings, comparison.method),
    "Can you trust it?": lambda comparison: sanity_checks.render(comparison.findings),
    "About this map": _cards,
}
