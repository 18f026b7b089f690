"""The controls that several pages share; each keeps its choice in the address."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeVar

import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from app import checkpoints, clips, layout, url_state
from gte.checkpoint_header import CheckpointHeader
from gte.data.video.sources import Stretch

NO_CHECKPOINT = "There is no checkpoint here yet. `make train-demo` trains one in about half an hour."

LARGEST_VIDEO_MEGABYTES = 200
"""A minute of ordinary video is far below it."""
_CUT = "widgets: the clip whose stretch stands in the address"
_STRETCHES = "widgets: what the reader cut out of each clip"


def checkpoints_or_stop() -> dict[str, CheckpointHeader]:
    """Every checkpoint by name; where there is none, say how to get one and end the page."""
    found, _ = checkpoints.list_checkpoints()
    if not found:
        st.info(NO_CHECKPOINT)
        st.stop()
    return found


Width = int | Literal["stretch"]


def pick(
    key: url_state.Key,
    label: str,
    options: Sequence[str],
    default: str,
    width: Width = "stretch",
    also: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A selectbox that keeps its choice in the address and opens on `default`, or on what a link asks for.

    `also` has further names by which a link may ask for an option.
    """
    start = url_state.start(key, options, default=default, also=also)
    return st.selectbox(label, options, index=start, key=key.name, bind="query-params", width=width)


def pick_in_words(
    key: url_state.Key,
    label: str,
    options: Sequence[str],
    default: str,
    words: Mapping[str, str],
    also: Mapping[str, str] = MappingProxyType({}),
    help: str | None = None,
) -> str:
    """A selectbox as `pick`, whose options read as `words` say; the address keeps the options themselves."""
    if key in url_state.SUBJECT:
        url_state.start(key, options, default, also)
    else:
        asked = url_state.first_time(key, options, default, words.get(default, default))
        if asked is not None:
            st.session_state[key.name] = asked
    if st.session_state.get(key.name, default) not in options:
        st.session_state[key.name] = default
    st.session_state.setdefault(key.name, default)
    chosen = st.selectbox(label, options, key=key.name, format_func=lambda option: words.get(option, option), help=help)
    url_state.write(key, None if chosen == default else chosen)
    return chosen


def pick_segment(key: url_state.Key, label: str, options: Sequence[str]) -> str:
    """One of a few options, all of them in sight; opens on the first, or on what a link asks for."""
    return url_state.checked(
        key,
        lambda: st.segmented_control(
            label, options, default=options[0], required=True, key=key.name, bind="query-params"
        ),
    )


def pick_number(
    key: url_state.Key, label: str, least: int, most: int, default: int, *, step: int = 1, width: Width = "stretch"
) -> int:
    """A box for a whole number from `least` to `most`; opens on `default`, or on what a link asks for."""
    return url_state.checked(
        key,
        lambda: int(
            st.number_input(label, least, most, default, step=step, key=key.name, bind="query-params", width=width)
        ),
    )


def pick_checkpoint(found: Mapping[str, CheckpointHeader], width: Width = "stretch") -> CheckpointHeader:
    """A selectbox of checkpoints; opens on the first."""
    return found[pick(url_state.CKPT, "Checkpoint", list(found), default=next(iter(found)), width=width)]


def pick_layer(names: Mapping[str, str], default: str, width: Width = "stretch") -> str:
    """A selectbox of layers by their short names, of which `names` has one for each; opens on the layer `default`.

    A link may name the layer in full, as the state_dict does.
    """
    layers = {name: layer for layer, name in names.items()}
    return layers[pick(url_state.LAYER, "Layer", list(layers), default=names[default], width=width, also=names)]


def drop_clip() -> None:
    """A popover in which the reader drops a video, a zip of pictures, or pictures; it becomes the chosen clip.

    `clips.dropped` gives it, on every page of the visit.
    """
    with st.popover("Upload", icon=":material/upload:", width="stretch"):
        st.file_uploader(
            "A video, a zip file of frames, or the frames themselves",
            type=list(clips.DROPPED_TYPES),
            accept_multiple_files=True,
            key="upload",
            on_change=_take,
            max_upload_size=LARGEST_VIDEO_MEGABYTES,
        )
        st.caption("It stays on this server, for this visit only: a link to this page does not carry it.")
        if refusal := clips.refusal():
            st.error(layout.plain(refusal))


def _take() -> None:
    if clips.take(st.session_state["upload"] or ()):
        st.session_state[url_state.CLIP.name] = clips.YOURS


def pick_clip(source: clips.ClipSource, default: str) -> clips.Source:
    """One of the clips by name: what the reader dropped, rendered ones, those that the server's owner allows."""
    options = clips.choices(source, clips.dropped())
    yours = options.get(clips.YOURS)
    words = {clips.YOURS: f"Yours: {yours.name}"} if yours else {}
    return options[pick_in_words(url_state.CLIP, "Clip", list(options), default=default, words=words)]


def is_cut(source: clips.Source) -> bool:
    """True if a link asks for a part of the clip, or the reader has cut one out of it on any page."""
    _forget_the_cut_of_another(source)
    kept: dict[str, tuple[int, int]] = st.session_state.get(_STRETCHES, {})
    whole = (1, len(source.seconds))
    return url_state.STRETCH.name in st.query_params or kept.get(str(source.identity), whole) != whole


def pick_stretch(source: clips.Source) -> Stretch:
    """A slider with two handles over the frames of the clip; what was cut out of it is cut on every page."""
    _forget_the_cut_of_another(source)
    num_frames = len(source.seconds)
    cut = str(source.identity)
    kept: dict[str, tuple[int, int]] = st.session_state.setdefault(_STRETCHES, {})
    asked = url_state.span(url_state.STRETCH, num_frames, "the whole clip is shown instead")
    first, last = asked or kept.get(cut, (1, num_frames))
    if num_frames > 1:
        first, last = st.slider(
            "Stretch, frames of the clip",
            1,
            num_frames,
            value=(first, last),
            key=f"stretch {cut}",
            label_visibility="collapsed",
        )
    kept[cut] = (first, last)
    url_state.write(url_state.STRETCH, None if (first, last) == (1, num_frames) else f"{first}-{last}")
    return Stretch(first - 1, last - 1)


def _forget_the_cut_of_another(source: clips.Source) -> None:
    """What was cut out of another clip says nothing of this one."""
    cut = str(source.identity)
    if st.session_state.setdefault(_CUT, cut) != cut:
        st.session_state[_CUT] = cut
        url_state.write(url_state.STRETCH, None)


Subject = TypeVar("Subject")


def draw_tabs(
    tabs: Mapping[str, Callable[[Subject], None]],
    subject: Subject,
    key: url_state.Key = url_state.VIEW,
    wanted: str | None = None,
) -> None:
    """Tabs by their names, of which a link opens one; only the open one is computed and drawn.

    A reader who comes back to the page finds the tab open that was left open, unless another is `wanted` now.
    """
    places: dict[str, TabContainer] = {}
    url_state.return_to_tab(key, list(tabs), wanted)

    def open_tab() -> str:
        drawn = st.tabs(list(tabs), key=key.name, on_change="rerun", bind="query-params")
        places.update(zip(tabs, drawn, strict=True))
        return next(name for name, place in places.items() if place.open)

    url_state.keep_tab(url_state.checked(key, open_tab))
    for name, place in places.items():
        if place.open:
            with place, layout.errors_as_sentences():
                tabs[name](subject)
