"""The controls that several pages share; each keeps its choice in the address."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeVar

import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from app import resources, scaffold, state
from gte.checkpoint import CheckpointHeader

NO_CHECKPOINT = "There is no checkpoint here yet. `make train-demo` trains one in about half an hour."

VIDEO_TYPES = ("mp4", "webm", "mkv", "avi", "mov", "m4v", "mpg", "mpeg", "ogv", "gif")
LARGEST_VIDEO_MEGABYTES = 200
"""A minute of ordinary video is far below it."""
YOUR_VIDEO = "Your video"


def checkpoints_or_stop() -> dict[str, CheckpointHeader]:
    """Every checkpoint by name; where there is none, say how to get one and end the page."""
    found, _ = resources.checkpoints()
    if not found:
        st.info(NO_CHECKPOINT)
        st.stop()
    return found


Width = int | Literal["stretch"]


def pick(
    key: state.Key,
    label: str,
    options: Sequence[str],
    default: str,
    width: Width = "stretch",
    also: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A selectbox that keeps its choice in the address and opens on `default`, or on what a link asks for.

    `also` has further names by which a link may ask for an option.
    """
    start = state.start(key, options, default=default, also=also)
    return st.selectbox(label, options, index=start, key=key.name, bind="query-params", width=width)


def pick_in_words(
    key: state.Key,
    label: str,
    options: Sequence[str],
    default: str,
    words: Mapping[str, str],
    also: Mapping[str, str] = MappingProxyType({}),
    help: str | None = None,
) -> str:
    """A selectbox as `pick`, whose options read as `words` say; the address keeps the options themselves."""
    if key in state.SUBJECT:
        state.start(key, options, default, also)
    else:
        asked = state.first_time(key, options)
        if asked is not None:
            st.session_state[key.name] = asked
    if st.session_state.get(key.name, default) not in options:
        st.session_state[key.name] = default
    st.session_state.setdefault(key.name, default)
    chosen = st.selectbox(label, options, key=key.name, format_func=lambda option: words.get(option, option), help=help)
    state.write(key, None if chosen == default else chosen)
    return chosen


def pick_checkpoint(found: Mapping[str, CheckpointHeader], width: Width = "stretch") -> CheckpointHeader:
    """A selectbox of checkpoints; opens on the first."""
    return found[pick(state.CKPT, "Checkpoint", list(found), default=next(iter(found)), width=width)]


def pick_layer(names: Mapping[str, str], default: str, width: Width = "stretch") -> str:
    """A selectbox of layers by their short names, of which `names` has one for each; opens on the layer `default`.

    A link may name the layer in full, as the state_dict does.
    """
    layers = {name: layer for layer, name in names.items()}
    return layers[pick(state.LAYER, "Layer", list(layers), default=names[default], width=width, also=names)]


def upload_video() -> resources.Video | None:
    """An uploader for one video, which becomes the chosen clip once it is there."""
    with st.popover("Upload a video", icon=":material/upload:", width="stretch"):
        uploaded = st.file_uploader(
            "A video file",
            type=list(VIDEO_TYPES),
            key="upload",
            on_change=_choose_upload,
            label_visibility="collapsed",
            max_upload_size=LARGEST_VIDEO_MEGABYTES,
        )
        st.caption("It stays on this server's memory, for this visit only: a link to this page does not carry it.")
    return None if uploaded is None else resources.Video(uploaded.file_id, uploaded.name, uploaded.getvalue())


def _choose_upload() -> None:
    if st.session_state["upload"] is not None:
        st.session_state[state.CLIP.name] = YOUR_VIDEO


def pick_clip(names: list[str], video: resources.Video | None, default: str) -> str:
    """A selectbox of clips by name, the reader's own video among them if there is one."""
    return pick(state.CLIP, "Clip", names if video is None else [YOUR_VIDEO, *names], default=default)


Subject = TypeVar("Subject")


def draw_tabs(tabs: Mapping[str, Callable[[Subject], None]], subject: Subject) -> None:
    """Tabs by their names, of which a link opens one; only the open one is computed and drawn."""
    places: dict[str, TabContainer] = {}

    def open_tab() -> str:
        drawn = st.tabs(list(tabs), key=state.VIEW.name, on_change="rerun", bind="query-params")
        places.update(zip(tabs, drawn, strict=True))
        return next(name for name, place in places.items() if place.open)

    state.checked(state.VIEW, open_tab)
    for name, place in places.items():
        if place.open:
            with place, scaffold.errors_as_sentences():
                tabs[name](subject)
