"""Uploads of clips and checkpoints, which stay for the visit."""

from collections.abc import Callable, Iterable
from typing import Literal

import streamlit as st

from analysis.formatting import join_words
from app import checkpoints, clips, layout, url_keys, url_state
from gte.checkpoint_header import SUFFIX
from gte.errors import GteError, sentence
from gte.weights.published import LAYOUTS

MAX_VIDEO_MEGABYTES = 200
"""A minute of ordinary video is far below it."""

CLIP_NOTE = "The clip stays on this server for this visit only: a link to this page does not contain it."
CHECKPOINT_NOTE = (
    "The checkpoint stays on this server for this visit only, and no other visitor can see it: a link to this page "
    "does not contain it, and reloading the page closes it."
)
SIZE_NOTE = "A {suffix} file of this project, at most {megabytes} MB; up to {most} can be open at once."
FOREIGN_NOTE = "Weights of other projects are converted: {layouts}. File types: {types}."
NO_FOREIGN_NOTE = (
    "This server does not accept files of other projects; `python -m gte.convert` converts them on your own machine."
)

_UPLOAD_RESULT = "uploads: result of the last upload of a checkpoint"
_NUM_UPLOADS = "uploads: number of uploads of checkpoints"


def upload_clip() -> None:
    """Draw a popover for a video, an archive of images, or images; the upload becomes the chosen clip."""
    with st.popover("Upload", icon=":material/upload:", width="stretch"):
        st.file_uploader(
            "A video, an archive of images, or the images themselves",
            type=list(clips.UPLOAD_TYPES),
            accept_multiple_files=True,
            key="upload",
            on_change=_take_clip,
            max_upload_size=MAX_VIDEO_MEGABYTES,
        )
        st.caption(CLIP_NOTE)
        if error := clips.upload_error():
            st.error(layout.plain(error))


def _take_clip() -> None:
    if clips.take(st.session_state["upload"] or ()):
        url_state.choose(url_keys.CLIP, clips.YOURS)


def upload_checkpoint(width: Literal["stretch", "content"] = "content") -> None:
    """Draw a popover for a checkpoint file; once it is read, it becomes the chosen checkpoint."""
    # With the next number the popover is new: the one that would cover the result is closed.
    number = st.session_state.setdefault(_NUM_UPLOADS, 0)
    with st.popover("Open a checkpoint", width=width, key=f"open a checkpoint {number}"):
        draw_checkpoint_uploader()


def draw_checkpoint_uploader(then: Callable[[], object] = st.rerun) -> None:
    """Draw what opens a checkpoint file; call `then` once it is the chosen checkpoint, and rerun if it is not read."""
    # With the next number the uploader is new: the file is gone.
    number = st.session_state.setdefault(_NUM_UPLOADS, 0)
    # Any type: Streamlit marks a file that it refuses itself with a small sign and says no more.
    uploaded = st.file_uploader(
        "A checkpoint file",
        key=f"checkpoint {number}",
        max_upload_size=checkpoints.MAX_MEGABYTES,
        label_visibility="collapsed",
    )
    st.caption(SIZE_NOTE.format(suffix=SUFFIX, megabytes=checkpoints.MAX_MEGABYTES, most=checkpoints.MAX_OPEN))
    if checkpoints.foreign_allowed():
        types = join_words(checkpoints.file_types())
        layouts = layout.plain("; ".join(by_publisher(published.label for published in LAYOUTS)))
        st.caption(FOREIGN_NOTE.format(types=types, layouts=layouts))
    else:
        st.caption(NO_FOREIGN_NOTE)
    st.caption(CHECKPOINT_NOTE)
    if uploaded is None:
        return
    st.session_state[_NUM_UPLOADS] = number + 1
    try:
        with st.spinner(f"Opening {layout.plain(uploaded.name)}"):
            name = checkpoints.take(uploaded)
    except (GteError, ValueError, OSError) as error:
        st.session_state[_UPLOAD_RESULT] = (False, sentence(error))
        st.rerun()
    set_upload_result(f"{uploaded.name} is open as {name}, and chosen here. {CHECKPOINT_NOTE}")
    url_state.choose(url_keys.CKPT, name)
    then()


def set_upload_result(text: str) -> None:
    """Have `show_upload_result` show this text in the next run."""
    st.session_state[_UPLOAD_RESULT] = (True, text)


def show_upload_result() -> None:
    """Show the result of the last upload here, once: it is gone after the next change on the page."""
    if _UPLOAD_RESULT in st.session_state:
        success, text = st.session_state.pop(_UPLOAD_RESULT)
        (st.success if success else st.error)(layout.plain(text))


def by_publisher(labels: Iterable[str]) -> list[str]:
    """Group labels such as "torchvision: S3D" by their publisher: "ResNet and S3D from torchvision"."""
    networks: dict[str, list[str]] = {}
    for label in labels:
        publisher, _, network = label.partition(": ")
        networks.setdefault(publisher, []).append(network)
    return [f"{join_words(labels)} from {publisher}" for publisher, labels in networks.items()]
