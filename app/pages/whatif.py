"""What if: does order matter, do the kernels? Time changed, kernels changed, and each layer's worth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.mutable_tab_container import TabContainer

from app import resources, scaffold, state, whatif_kernels, whatif_need, whatif_time, widgets
from app.whatif_resources import Source
from gte.checkpoint import CheckpointHeader

EXPERIMENT = state.Key("experiment", "experiment")
"""Not `view`: the kernels page binds that to its tabs, and Streamlit strikes it from a link that comes from there."""
TIME = "Change time"
NETWORK = "Change the network"
NEED = "Is it needed?"
PREFERRED_CLIP = "approaches"
"""Its twin looks the same to whoever does not know the order, and the motion is seen in small pictures."""
CONTROL_WIDTHS = (170, 200, 195)
"""Of checkpoint, clip and upload, in pixels; each experiment puts its own controls behind them."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What the experiments are about."""

    name: str
    """As the app calls the checkpoint."""
    header: CheckpointHeader
    found: Mapping[str, CheckpointHeader]
    source: Source
    controls: DeltaGenerator
    """The row in which an experiment puts its controls."""


def render() -> None:
    """Draw the page below its header."""
    found = widgets.checkpoints_or_stop()
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        checkpoint_place, clip_place, upload_place = (st.container(width=width) for width in CONTROL_WIDTHS)
    with checkpoint_place:
        header = widgets.pick_checkpoint(found)
    name = next(name for name, other in found.items() if other is header)
    clips = resources.clip_source(header)
    with upload_place:
        video = widgets.upload_video()
    with clip_place:
        preferred = PREFERRED_CLIP if PREFERRED_CLIP in clips.classes else clips.classes[0]
        title = widgets.pick_clip(list(clips.classes), video, default=preferred)
    own = title == widgets.YOUR_VIDEO and video is not None
    subject = Subject(
        name=name,
        header=header,
        found=found,
        source=Source(
            dataset=clips.dataset,
            index=0 if own else clips.classes.index(title),
            video=video if own else None,
            labelled=clips.trained_on and not own,
        ),
        controls=controls,
    )
    for tab, draw in _tabs().items():
        if tab.open:
            with tab, scaffold.errors_as_sentences():
                draw(subject)


TABS: Mapping[str, Callable[[Subject], None]] = {
    TIME: lambda subject: whatif_time.draw(subject),
    NETWORK: lambda subject: whatif_kernels.draw(subject),
    NEED: lambda subject: whatif_need.draw(subject),
}
"""The experiments; only the open one is computed and drawn."""


def _tabs() -> dict[TabContainer, Callable[[Subject], None]]:
    tabs: dict[TabContainer, Callable[[Subject], None]] = {}
    layer = st.query_params.get(state.LAYER.name)
    chosen_before = EXPERIMENT.name in st.session_state or EXPERIMENT.name in st.query_params
    # A link that names a layer and no experiment asks about that layer; what the reader brought along asks nothing.
    if not chosen_before and layer not in (None, state.chosen_of(state.LAYER)):
        st.session_state[EXPERIMENT.name] = NEED

    def open_tab() -> str:
        drawn = st.tabs(list(TABS), key=EXPERIMENT.name, on_change="rerun", bind="query-params")
        tabs.update(zip(drawn, TABS.values(), strict=True))
        return next(name for name, tab in zip(TABS, drawn, strict=True) if tab.open)

    state.checked(EXPERIMENT, open_tab)
    return tabs
