"""The export menu of the evidence page: one network's evidence as a file, made when its button is pressed."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from analysis.attribution.export import FRAMES, WRITERS, Picture, write
from app.clips import Source
from app.evidence_findings import Finding
from gte.data.footage import Stretch

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
        st.download_button(
            LABELS[suffix],
            lambda suffix=suffix: content(one, source, stretch, maximum, caption, suffix),
            f"evidence-{one.header.name}{suffix}",
            MEDIA_TYPES[suffix],
            key=f"export {suffix}",
            on_click="ignore",
            width="stretch",
        )
    st.caption("Each file holds the card as well: network, class, layer, method, convention, largest value, frames.")


def content(one: Finding, source: Source, stretch: Stretch, maximum: float | None, caption: bool, suffix: str) -> bytes:
    """The file's bytes."""
    seconds = source.seconds
    card = one.evidence.card(one.name, one.header.classes) | {
        "finding": one.evidence.finding(),
        "clip": source.name,
        FRAMES: (1 + one.clip.indices).tolist(),
        "frames of the source": len(seconds),
    }
    picture = Picture(
        frames=one.clip.frames,
        indices=one.clip.indices.copy(),
        fps=stretch.play_rate(len(one.clip.frames), seconds),
        evidence=one.evidence,
        card=card,
        opacity=OPACITY,
        caption=caption,
        maximum=maximum,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"evidence{suffix}"
        write(path, picture)
        return path.read_bytes()
