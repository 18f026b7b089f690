"""The page What if: changes of time and of kernels, and ablation of layers."""

from collections.abc import Callable, Mapping

import streamlit as st

from app import paper, url_keys, url_state, widgets
from app.navigation import KERNEL_EDITS, LAYER_ABLATION, PAGES, TIME_EDITS
from app.pages.what_if import kernel_edits, layer_ablation, time_edits
from app.pages.what_if.selection import Subject

CONTROL_WIDTHS = (140, 140, 122)
"""Pixels for checkpoint, clip and upload; experiments without a clip leave the last two empty."""


def render() -> None:
    """Draw the page below its header."""
    checkpoints = widgets.checkpoints_or_stop()
    controls = st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall")
    with controls:
        checkpoint_place, clip_place, upload_place = (st.container(width=width) for width in CONTROL_WIDTHS)
    with checkpoint_place:
        header = widgets.pick_checkpoint(checkpoints)
    subject = Subject(
        name=next(name for name, other in checkpoints.items() if other is header),
        header=header,
        checkpoints=checkpoints,
        controls=controls,
        clip_place=clip_place,
        upload_place=upload_place,
        stretch_place=st.container(),
    )
    if url_state.link_names(url_keys.LAYER) and not url_state.link_names(url_keys.EXPERIMENT):
        url_state.choose(url_keys.EXPERIMENT, LAYER_ABLATION)
    widgets.draw_tabs(TABS, subject, url_keys.EXPERIMENT, only_tabs=True)
    with controls, st.popover("Export"):
        paper.offer(PAGES["whatif"].title, subject.name)


TABS: Mapping[str, Callable[[Subject], None]] = {
    TIME_EDITS: time_edits.draw,
    KERNEL_EDITS: kernel_edits.draw,
    LAYER_ABLATION: layer_ablation.draw,
}
"""The experiments; only the open one is computed and drawn."""
