"""Evidence on the page What if: Grad-CAM for a class before and after a change, and the choice of the class."""

from collections.abc import Mapping

import streamlit as st

from analysis.attribution.evidence import Evidence
from app import layout, url_keys, url_state, widgets
from app.clips import Clip
from app.components.film_strip import StripRow, film_strip
from app.pages.what_if.selection import Subject
from gte.checkpoint_header import CheckpointHeader

SCALE_LABEL = "maximum of both"
CLICK = "Click a class to see the evidence for it."


def ask_for(name: str) -> None:
    """Choose the class of the evidence, as a click on a class does."""
    url_state.choose(url_keys.EXPLAINED, name)


def pick_class(subject: Subject, default: str) -> int | None:
    """Draw the choice of the class of the network's evidence; None for `default`, which is no class."""
    header = subject.header
    with subject.controls:
        chosen = widgets.pick(
            url_keys.EXPLAINED, "Evidence for", [default, *header.classes], default=default, width=142
        )
    return None if chosen == default else header.classes.index(chosen)


def draw(rows: Mapping[str, tuple[Clip, Evidence]], header: CheckpointHeader, code: str) -> None:
    """Draw the evidence before and after a change, by their labels, on one scale; `code` draws it as a figure."""
    maximum = max(evidence.maximum for _, evidence in rows.values())
    film_strip(
        [
            StripRow.of(
                label,
                clip.frames,
                evidence,
                f"Grad-CAM in {evidence.layer} for “{header.classes[evidence.target]}”. {evidence.finding()}",
                maximum,
            )
            for label, (clip, evidence) in rows.items()
        ],
        key="changed strip",
        title="Evidence before and after the change",
        scale_label=SCALE_LABEL,
        code=code,
    )


def explain_click() -> None:
    """Say that the classes of the figure above react to a click."""
    st.caption(layout.plain(CLICK))
