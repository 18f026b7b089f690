"""A reader's own checkpoint, opened for one visit on whichever page it is dropped."""

from collections.abc import Iterable
from typing import Literal

import streamlit as st

from analysis.formatting import in_a_row
from app import checkpoints, url_state
from app import layout as scaffold
from gte.checkpoint_header import SUFFIX
from gte.cli import sentence
from gte.errors import GteError
from gte.weights.published import LAYOUTS

LINK_NOTE = (
    "It stays on this server for this visit only, and no other visitor sees it: a link to this page does not carry it, "
    "and to reload the page ends the visit."
)
OWN_NOTE = "A {suffix} file of this project, of at most {largest} MB; {most} of yours can be open at a time."
FOREIGN_NOTE = "Weights from elsewhere are converted: {layouts}. Their files end in {types}."
NO_FOREIGN_NOTE = (
    "This server takes no files from elsewhere; `python -m gte.convert` converts them on a machine of yours."
)

_TOLD = "opener: what was told of the last upload"
_NUMBER = "opener: uploads so far"


def open_one_of_yours(width: Literal["stretch", "content"] = "content") -> None:
    """An uploader for a checkpoint, which becomes the chosen one once it has been read."""
    number = st.session_state.setdefault(_NUMBER, 0)
    # A file that has been dealt with leaves with its uploader, and the popover, which hides what is told of the file,
    # closes: the next number is a new one of each.
    with st.popover("Open yours", width=width, key=f"open yours {number}"):
        # Of any type: what Streamlit itself refuses, it marks with a small sign and leaves the page as it was.
        uploaded = st.file_uploader(
            "A checkpoint file",
            key=f"checkpoint {number}",
            max_upload_size=checkpoints.MAX_MEGABYTES,
            label_visibility="collapsed",
        )
        st.caption(OWN_NOTE.format(suffix=SUFFIX, largest=checkpoints.MAX_MEGABYTES, most=checkpoints.MAX_OPEN))
        if checkpoints.foreign_allowed():
            types = in_a_row(checkpoints.file_types())
            layouts = scaffold.plain("; ".join(by_publisher(layout.label for layout in LAYOUTS)))
            st.caption(FOREIGN_NOTE.format(types=types, layouts=layouts))
        else:
            st.caption(NO_FOREIGN_NOTE)
        st.caption(LINK_NOTE)
    if uploaded is None:
        return
    st.session_state[_NUMBER] = number + 1
    try:
        with st.spinner(f"Opening {scaffold.plain(uploaded.name)}"):
            name = checkpoints.take(uploaded)
    except (GteError, ValueError, OSError) as error:
        st.session_state[_TOLD] = (False, sentence(error))
    else:
        st.session_state[_TOLD] = (True, f"{uploaded.name} is open as {name}, and chosen here. {LINK_NOTE}")
        url_state.wish(url_state.CKPT, name)
    st.rerun()


def tell_of_last_upload() -> None:
    """Say what became of the last file, once: whatever the reader does next takes the sentence away.

    Call it where the sentence is to stand.
    """
    if _TOLD in st.session_state:
        opened, text = st.session_state.pop(_TOLD)
        (st.success if opened else st.error)(scaffold.plain(text))


def by_publisher(labels: Iterable[str]) -> list[str]:
    """What each publisher has, from labels such as "torchvision: S3D": "ResNet and S3D from torchvision"."""
    networks: dict[str, list[str]] = {}
    for label in labels:
        publisher, _, network = label.partition(": ")
        networks.setdefault(publisher, []).append(network)
    return [f"{in_a_row(own)} from {publisher}" for publisher, own in networks.items()]


def tell(text: str) -> None:
    """Say something in the place of what was told of the last upload."""
    st.session_state[_TOLD] = (True, text)
