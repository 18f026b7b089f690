"""What if: does order matter, do the kernels? Time changed, kernels changed, and each layer's worth."""

from collections.abc import Callable, Mapping

import streamlit as st

from app import url_state, widgets
from app.navigation import KERNEL_EDITS, LAYER_ABLATION, TIME_EDITS
from app.pages.what_if import kernel_edits, layer_ablation, time_edits
from app.pages.what_if.selection import Subject

EXPERIMENT = url_state.Key("experiment", "experiment")
"""Not `view`: the kernels page binds that to its tabs, and Streamlit strikes it from a link that comes from there."""
CONTROL_WIDTHS = (150, 180, 125)
"""Of checkpoint, clip and upload, in pixels; an experiment that asks about a clip fills the last two, and each puts its
own controls behind them."""


def render() -> None:
    """Draw the page below its header."""
    found = widgets.checkpoints_or_stop()
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        checkpoint_place, clip_place, upload_place = (st.container(width=width) for width in CONTROL_WIDTHS)
    with checkpoint_place:
        header = widgets.pick_checkpoint(found)
    subject = Subject(
        name=next(name for name, other in found.items() if other is header),
        header=header,
        found=found,
        controls=controls,
        clip_place=clip_place,
        upload_place=upload_place,
        stretch_place=st.container(),
    )
    widgets.draw_tabs(TABS, subject, key=EXPERIMENT, wanted=LAYER_ABLATION if _link_names_a_layer() else None)


TABS: Mapping[str, Callable[[Subject], None]] = {
    TIME_EDITS: time_edits.draw,
    KERNEL_EDITS: kernel_edits.draw,
    LAYER_ABLATION: layer_ablation.draw,
}
"""The experiments; only the open one is computed and drawn."""


def _link_names_a_layer() -> bool:
    """True where a link asks about a layer; what the reader brings along asks nothing."""
    return st.query_params.get(url_state.LAYER.name) not in (None, url_state.chosen_of(url_state.LAYER))
