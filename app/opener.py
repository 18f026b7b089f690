"""A reader's own checkpoint, opened for one visit on whichever page it is dropped."""

from typing import Literal

import streamlit as st

from app import scaffold, state, uploads
from gte.checkpoint import SUFFIX
from gte.cli import sentence
from gte.errors import GteError
from gte.models.published import LAYOUTS

LINK_NOTE = (
    "It stays on this server for this visit only, and no other visitor sees it: a link to this page does not carry it, "
    "and to reload the page ends the visit."
)
FOREIGN_NOTE = (
    "A {suffix} file of this project, or weights in one of these layouts, which are converted: {layouts}. At most "
    "{largest} MB."
)
OWN_NOTE = (
    "A {suffix} file of this project, of at most {largest} MB. This server takes no files from elsewhere; "
    "`python -m gte.convert` converts them on a machine of yours."
)

_TOLD = "opener: what was told of the last upload"
_NUMBER = "opener: uploads so far"


def open_one_of_yours(width: Literal["stretch", "content"] = "content") -> None:
    """An uploader for a checkpoint, which becomes the chosen one once it has been read."""
    number = st.session_state.setdefault(_NUMBER, 0)
    with st.popover("Open yours", width=width):
        # A file that has been dealt with leaves with its uploader: the next number is an empty one.
        uploaded = st.file_uploader(
            "A checkpoint file",
            type=uploads.file_types(),
            key=f"checkpoint {number}",
            max_upload_size=uploads.LARGEST_MEGABYTES,
            label_visibility="collapsed",
        )
        note = FOREIGN_NOTE if uploads.foreign_allowed() else OWN_NOTE
        layouts = ", ".join(layout.label for layout in LAYOUTS)
        st.caption(note.format(suffix=SUFFIX, largest=uploads.LARGEST_MEGABYTES, layouts=scaffold.plain(layouts)))
        st.caption(LINK_NOTE)
    if uploaded is None:
        return
    st.session_state[_NUMBER] = number + 1
    try:
        with st.spinner(f"Opening {scaffold.plain(uploaded.name)}"):
            name = uploads.take(uploaded)
    except (GteError, ValueError, OSError) as error:
        st.session_state[_TOLD] = (False, sentence(error))
    else:
        st.session_state[_TOLD] = (True, f"{uploaded.name} is open as {name}, and chosen here. {LINK_NOTE}")
        st.session_state[state.CKPT.name] = name
    st.rerun()


def tell_of_last_upload() -> None:
    """Say what became of the last file; call it where the sentence is to stand."""
    if _TOLD in st.session_state:
        opened, text = st.session_state[_TOLD]
        (st.success if opened else st.error)(scaffold.plain(text))


def tell(text: str) -> None:
    """Say something in the place of what was told of the last upload."""
    st.session_state[_TOLD] = (True, text)
