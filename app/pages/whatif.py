"""What if: does order matter, do the kernels? Time changed, kernels changed, and each layer's worth."""

from collections.abc import Callable, Mapping

import streamlit as st

from app import clips, resources, state, whatif_kernels, whatif_need, whatif_time, widgets
from app.whatif_resources import Shown
from app.whatif_subject import Subject
from gte.data.footage import Stretch

EXPERIMENT = state.Key("experiment", "experiment")
"""Not `view`: the kernels page binds that to its tabs, and Streamlit strikes it from a link that comes from there."""
TIME = "Change time"
NETWORK = "Change the network"
NEED = "Is it needed?"
PREFERRED_CLIP = "approaches"
"""Its twin looks the same to whoever does not know the order, and the motion is seen in small pictures."""
CONTROL_WIDTHS = (150, 180, 125)
"""Of checkpoint, clip and upload, in pixels; each experiment puts its own controls behind them."""


def render() -> None:
    """Draw the page below its header."""
    found = widgets.checkpoints_or_stop()
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        checkpoint_place, clip_place, upload_place = (st.container(width=width) for width in CONTROL_WIDTHS)
    with checkpoint_place:
        header = widgets.pick_checkpoint(found)
    name = next(name for name, other in found.items() if other is header)
    clip_source = resources.clip_source(header)
    with upload_place:
        widgets.drop_clip()
    with clip_place:
        preferred = PREFERRED_CLIP if PREFERRED_CLIP in clip_source.classes else clip_source.classes[0]
        source = widgets.pick_clip(clip_source, default=preferred)
    subject = Subject(
        name=name,
        header=header,
        found=found,
        shown=Shown(source=source, stretch=_stretch(source)),
        controls=controls,
    )
    _ask_about_the_layer_of_a_link()
    widgets.draw_tabs(TABS, subject, key=EXPERIMENT)


TABS: Mapping[str, Callable[[Subject], None]] = {
    TIME: whatif_time.draw,
    NETWORK: whatif_kernels.draw,
    NEED: whatif_need.draw,
}
"""The experiments; only the open one is computed and drawn."""


def _stretch(source: clips.Source) -> Stretch:
    """The part of the clip that is looked at; a rendered clip is short, and is cut where a link asks for it alone."""
    if isinstance(source, clips.Filmed) or widgets.is_cut(source):
        return widgets.pick_stretch(source)
    return Stretch(0, len(source.seconds) - 1)


def _ask_about_the_layer_of_a_link() -> None:
    """Open on that layer's worth where a link names it and no experiment; what the reader brings along asks nothing."""
    layer = st.query_params.get(state.LAYER.name)
    chosen_before = EXPERIMENT.name in st.session_state or EXPERIMENT.name in st.query_params
    if not chosen_before and layer not in (None, state.chosen_of(state.LAYER)):
        st.session_state[EXPERIMENT.name] = NEED
