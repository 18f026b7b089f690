"""Controls that several pages share: pickers whose choice is in the URL, tabs, and tables of numbers."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeVar

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.column_types import ColumnConfig

from analysis import columns
from app import checkpoints, clips, layout, presenter, url_keys, url_state
from app.url_keys import Key
from gte.checkpoint_header import CheckpointHeader
from gte.data.video.sources import Stretch

SEQUENCE_WIDTH = 280

UPLOAD_INSTEAD = "Upload a clip to see how the network works on it."

Width = int | Literal["stretch"]
Subject = TypeVar("Subject")
NumberFormat = Callable[[float], str]


def checkpoints_or_stop() -> dict[str, CheckpointHeader]:
    """Return every checkpoint by name; where there is none, say how to get one and end the page."""
    headers, _ = checkpoints.list_checkpoints()
    if not headers:
        st.info(checkpoints.NO_CHECKPOINT)
        st.stop()
    return headers


def pick(
    key: Key[str],
    label: str,
    options: Sequence[str],
    default: str | None = None,
    *,
    width: Width = "stretch",
    words: Mapping[str, str] = MappingProxyType({}),
    aliases: Mapping[str, str] = MappingProxyType({}),
    label_visibility: Literal["visible", "collapsed"] = "visible",
    help: str | None = None,
    of: str = "",
) -> str:
    """Draw a selectbox that opens on the link's option, else on the default of the call, of the key, or the first.

    `words` has what the list shows for an option, `aliases` further names by which a link may ask for one; a choice
    `of` a clip holds for it alone.
    Raises ValueError if there are no options.
    """
    if not options:
        raise ValueError(f"There is no {key.noun} to choose from.")

    def shown(option: str) -> str:
        return words.get(option, option)

    default = default or key.default or options[0]
    option = url_state.show(key, default, url_state.one_of(options, aliases), shown, of=of)
    st.selectbox(
        label,
        options,
        format_func=shown,
        key=key.name,
        on_change=url_state.keep,
        args=(key, of),
        width=width,
        label_visibility=label_visibility,
        help=help,
    )
    return option


def pick_segment(key: Key[str], label: str, options: Sequence[str]) -> str:
    """Draw a few options next to each other; the first is the default."""
    option = url_state.show(key, options[0], url_state.one_of(options))
    st.segmented_control(label, options, required=True, key=key.name, on_change=url_state.keep, args=(key,))
    return option


def pick_several(key: Key[list[str]], label: str, options: Sequence[str], default: Sequence[str] = ()) -> list[str]:
    """Draw options of which any number can be chosen."""
    several = url_state.show(key, list(default), url_state.some_of(options))
    st.pills(label, options, selection_mode="multi", key=key.name, on_change=url_state.keep, args=(key,))
    return several


def pick_number(
    key: Key[int],
    label: str,
    least: int,
    most: int,
    default: int | None = None,
    *,
    step: int = 1,
    width: Width = "stretch",
) -> int:
    """Draw a box for a whole number from `least` to `most`."""
    default = least if default is None and key.default is None else default or key.default or 0
    number = url_state.show(key, default, url_state.between(least, most))
    st.number_input(label, least, most, step=step, key=key.name, on_change=url_state.keep, args=(key,), width=width)
    return number


def pick_switch(key: Key[bool], label: str, help: str | None = None) -> bool:
    """Draw a switch, which is off by default."""
    on = url_state.show(key, False, lambda value: value)
    st.toggle(label, key=key.name, on_change=url_state.keep, args=(key,), help=help)
    return on


def pick_checkpoint(headers: Mapping[str, CheckpointHeader], width: Width = "stretch") -> CheckpointHeader:
    """Draw a selectbox of checkpoints."""
    return headers[pick(url_keys.CKPT, "Checkpoint", list(headers), width=width)]


def pick_layer(names: Mapping[str, str], default: str, width: Width = "stretch") -> str:
    """Draw a selectbox of layers by their short names, of which `names` has one for each, and return the layer.

    A link may also name the layer as the state_dict does.
    """
    layers = {name: layer for layer, name in names.items()}
    return layers[pick(url_keys.LAYER, "Layer", list(layers), names[default], width=width, aliases=names)]


def draw_table(
    table: pd.DataFrame | Styler,
    on_row: Callable[[int], None],
    *,
    key: str,
    columns: Mapping[str, ColumnConfig] = MappingProxyType({}),
    height: Literal["auto", "content"] = "auto",
) -> None:
    """Draw a table; `on_row` is called with the place of a row that is clicked."""

    def clicked() -> None:
        if cells := st.session_state[key].selection.cells:
            on_row(cells[0][0])

    st.dataframe(
        table,
        hide_index=True,
        column_config=dict(columns),
        height=height,
        key=key,
        on_select=clicked,
        # A row can be selected by a box in a column of its own alone, which takes room and is small.
        selection_mode="single-cell",
    )


def draw_tabs(
    tabs: Mapping[str, Callable[[Subject], None]],
    subject: Subject,
    key: Key[str] = url_keys.VIEW,
    *,
    only_tabs: bool = False,
) -> None:
    """Draw tabs by their names; only the open one is computed. A page opens on the tab that was left open.

    `only_tabs` is for a page with nothing but controls above them; presenter mode has no part of its own for these.
    """
    names = list(tabs)
    part = presenter.part_of(key, names, only_tabs=only_tabs)
    if part == presenter.FIRST_SCREEN:
        return
    url_state.show(key, names[0], url_state.one_of(names))
    with st.container(key="tabs alone" if part == presenter.TABS else "tabs"):
        places = st.tabs(names, key=key.name, on_change=url_state.keep, args=(key,))
    for name, place in zip(names, places, strict=True):
        if place.open:
            with place, layout.errors_as_sentences():
                tabs[name](subject)


def pick_clip(source: clips.ClipSource, below: DeltaGenerator, preferred: Sequence[str] = ()) -> clips.Source | None:
    """Draw a selectbox of clips: the uploaded one, labelled clips, those in the folders of the server's owner.

    It opens on the first of `preferred` that is there, else on the first labelled clip. If the clip is one of several
    sequences of images, they are offered `below`, with what else is to know about it. If there is no clip, it says what
    to do there.
    """
    options = clips.choices(source, clips.uploaded())
    if source.missing:
        below.info(layout.plain(f"{source.missing} {UPLOAD_INSTEAD}"))
    if not options:
        return None
    uploaded = options.get(clips.YOURS)
    words = {clips.YOURS: f"Yours: {uploaded.name}"} if uploaded else {}
    default = next(name for name in (*preferred, *source.test_clips(), *options) if name in options)
    clip = options[pick(url_keys.CLIP, "Clip", list(options), default, words=words)]
    if not isinstance(clip, clips.VideoSource):
        return clip
    with below, st.container(horizontal=True, vertical_alignment="center"):
        sequences = clip.sequences
        if sequences is not None and len(sequences.files) > 1:
            words = {name: f"{name} · {len(files)} images" for name, files in sequences.files.items()}
            default = sequences.colour or next(iter(words))
            of = str(clip.identity)
            chosen = pick(
                url_keys.SEQUENCE,
                "Sequence",
                list(words),
                default,
                words=words,
                width=SEQUENCE_WIDTH,
                label_visibility="collapsed",
                of=of,
            )
            clip = clip.with_sequence(chosen)
        if notes := clip.notes:
            st.caption(layout.plain(" ".join(notes)))
    return clip


def is_cut(source: clips.Source) -> bool:
    """Return True if the link, or the reader on any page, chose a part of the clip."""
    return _stretch(source) != (1, len(source.seconds))


def pick_stretch(source: clips.Source) -> Stretch:
    """Draw a slider with two ends over the frames of the clip; every page uses the same part."""
    num_frames = len(source.seconds)
    clip = str(source.identity)
    name = f"stretch {clip}"
    first, last = _stretch(source)
    if num_frames > 1:
        if st.session_state.get(name) != (first, last):
            st.session_state[name] = first, last
        st.slider(
            "Stretch, frames of the clip",
            1,
            num_frames,
            key=name,
            on_change=lambda: url_state.choose(url_keys.STRETCH, _as_text(*st.session_state[name]), of=clip),
            label_visibility="collapsed",
        )
    return Stretch(first - 1, last - 1)


def pick_stretch_if_long(source: clips.Source) -> Stretch:
    """Draw that slider, unless the clip is rendered: such a clip is short, and only a link cuts it."""
    if not source.is_rendered or is_cut(source):
        return pick_stretch(source)
    return Stretch(0, len(source.seconds) - 1)


def _stretch(source: clips.Source) -> tuple[int, int]:
    """The chosen first and last frame, counted from 1."""
    num_frames = len(source.seconds)

    def accept(text: str) -> str | None:
        first, dash, last = text.partition("-")
        fits = dash and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= num_frames
        return text if fits else None

    whole = _as_text(1, num_frames)
    of, instead = str(source.identity), "the whole clip is shown instead"
    text = url_state.resolve(url_keys.STRETCH, whole, accept, of=of, instead=instead) or whole
    if text == whole:
        url_state.put(url_keys.STRETCH, None)
    first, last = text.split("-")
    return int(first), int(last)


def _as_text(first: int, last: int) -> str:
    return f"{first}-{last}"


def format_numbers(frame: pd.DataFrame, formats: Mapping[str, NumberFormat]) -> Styler:
    """Format columns as text and keep their numbers, so that a click on a heading sorts by number.

    Raises KeyError for a column that is not in the table.
    """
    styler = frame.astype(dict.fromkeys(formats, "Float64")).style
    for column, write in formats.items():
        styler.format(write, na_rep="", subset=[column])
    return styler


def download_csv(label: str, table: pd.DataFrame, file_name: str, *, key: str, in_popover: bool = False) -> None:
    """Draw a button that saves a table as CSV, and next to it what its columns mean.

    `in_popover` is for places within a popover, which cannot have another one.
    """
    with st.container(horizontal=not in_popover, vertical_alignment="center"):
        width: Width | Literal["content"] = "stretch" if in_popover else "content"
        st.download_button(
            label,
            lambda: columns.to_csv(table),
            file_name,
            "text/csv",
            key=f"csv {key}",
            on_click="ignore",
            width=width,
        )
        with st.expander("Columns of the CSV") if in_popover else st.popover("Columns"):
            st.html(columns.dictionary([table]).to_html(index=False, border=0, justify="left"))
