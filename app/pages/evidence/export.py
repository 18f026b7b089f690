"""The export menu of the evidence page: evidence as files, made when a button is pressed."""

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from analysis.attribution.export import FINDING, FRAMES, WRITERS, Picture, write, write_all
from app.clips import Source
from app.pages.evidence.finding import Finding
from gte.data.video.sources import Stretch

OPACITY = 0.8
MEDIA_TYPES = {".webm": "video/webm", ".gif": "image/gif", ".png": "image/png", ".npz": "application/octet-stream"}
LABELS = {
    ".webm": "Video, WebM",
    ".gif": "Animation for slides, GIF",
    ".png": "Film strip, PNG",
    ".npz": "Numbers, NumPy .npz",
}


def menu(findings: Sequence[Finding], source: Source, stretch: Stretch, maximum: float | None) -> None:
    """The inside of the menu. `maximum` is the raw value at the end of the scale of all, None for one scale each."""
    names = [one.name for one in findings]
    name = st.selectbox("Network", names) if len(names) > 1 else names[0]
    caption = st.checkbox("The card under the frames", value=True)
    one = next(one for one in findings if one.name == name)
    for suffix in sorted(WRITERS, key=list(LABELS).index):
        _button(
            LABELS[suffix],
            lambda suffix=suffix: content(one, source, stretch, maximum, caption, suffix),
            f"evidence-{file_name(one)}{suffix}",
            MEDIA_TYPES[suffix],
        )
    _button(
        "All of it, for every network, ZIP",
        lambda: everything(findings, source, stretch, maximum, caption),
        "evidence.zip",
        "application/zip",
    )
    st.caption("Each file holds the card as well: network, class, layer, method, convention, largest value, frames.")


def _button(label: str, made: Callable[[], bytes], file: str, media_type: str) -> None:
    st.download_button(label, made, file, media_type, key=f"export {label}", on_click="ignore", width="stretch")


def file_name(one: Finding) -> str:
    """The network's name as a file can have it, "runs-mine-gte" for runs/mine/gte."""
    return re.sub(r"[^\w.-]+", "-", one.name)


def content(one: Finding, source: Source, stretch: Stretch, maximum: float | None, caption: bool, suffix: str) -> bytes:
    """The bytes of one network's evidence in one form."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"evidence{suffix}"
        write(path, picture_of(one, source, stretch, maximum, caption))
        return path.read_bytes()


def everything(
    findings: Sequence[Finding], source: Source, stretch: Stretch, maximum: float | None, caption: bool
) -> bytes:
    """The bytes of a zip file with every network's evidence in every form."""
    pictures = {file_name(one): picture_of(one, source, stretch, maximum, caption) for one in findings}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "evidence.zip"
        write_all(path, pictures)
        return path.read_bytes()


def picture_of(one: Finding, source: Source, stretch: Stretch, maximum: float | None, caption: bool) -> Picture:
    """What is written of one network, with its card."""
    seconds = source.seconds
    card = one.evidence.card(one.name, one.header.classes) | {
        FINDING: one.evidence.finding(),
        "clip": source.name,
        FRAMES: (1 + one.clip.indices).tolist(),
        "frames of the source": len(seconds),
    }
    return Picture(
        frames=one.clip.frames,
        indices=one.clip.indices.copy(),
        fps=stretch.play_rate(len(one.clip.frames), seconds),
        evidence=one.evidence,
        card=card,
        opacity=OPACITY,
        caption=caption,
        maximum=maximum,
    )
