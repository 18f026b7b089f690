"""Export menu of the page Evidence: files written when a button is pressed."""

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from analysis.attribution.export import FINDING, FRAMES, TIMES, WRITERS, Picture, write, write_all
from app.clips import Source
from app.pages.evidence import sanity_checks
from app.pages.evidence.finding import Finding
from gte.data.video.sources import Stretch

OPACITY = 0.8
MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".gif": "image/gif",
    ".png": "image/png",
    ".npz": "application/octet-stream",
}
LABELS = {
    ".mp4": "Video for slides (MP4)",
    ".webm": "Video for the web (WebM)",
    ".gif": "Animation for slides (GIF)",
    ".png": "Film strip (PNG)",
    ".npz": "Arrays (NumPy .npz)",
}


def menu(findings: Sequence[Finding], source: Source, stretch: Stretch, maximum: float | None) -> None:
    """Draw the menu. `maximum` is the end of the shared scale, None for separate scales."""
    names = [finding.name for finding in findings]
    name = st.selectbox("Network", names) if len(names) > 1 else names[0]
    caption = st.checkbox("Settings below the frames", value=True)
    finding = next(finding for finding in findings if finding.name == name)
    for suffix in sorted(WRITERS, key=list(LABELS).index):
        _button(
            LABELS[suffix],
            lambda suffix=suffix: content(finding, source, stretch, maximum, caption, suffix),
            f"evidence-{file_name(finding)}{suffix}",
            MEDIA_TYPES[suffix],
        )
    _button(
        "Everything (ZIP)",
        lambda: everything(findings, source, stretch, maximum, caption),
        "evidence.zip",
        "application/zip",
    )
    st.caption("Each file also contains its settings: network, class, layer, method, weighting, peak value, frames.")


def _button(label: str, content: Callable[[], bytes], file: str, media_type: str) -> None:
    st.download_button(label, content, file, media_type, key=f"export {label}", on_click="ignore", width="stretch")


def file_name(finding: Finding) -> str:
    """The network's name in the form of a file name, "runs-mine-gte" for runs/mine/gte."""
    return re.sub(r"[^\w.-]+", "-", finding.name)


def content(
    finding: Finding, source: Source, stretch: Stretch, maximum: float | None, caption: bool, suffix: str
) -> bytes:
    """The evidence of one network in one format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"evidence{suffix}"
        write(path, picture_of(finding, source, stretch, maximum, caption))
        return path.read_bytes()


def everything(
    findings: Sequence[Finding], source: Source, stretch: Stretch, maximum: float | None, caption: bool
) -> bytes:
    """A zip file with the evidence of every network in every format."""
    pictures = {file_name(finding): picture_of(finding, source, stretch, maximum, caption) for finding in findings}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "evidence.zip"
        write_all(path, pictures)
        return path.read_bytes()


def picture_of(finding: Finding, source: Source, stretch: Stretch, maximum: float | None, caption: bool) -> Picture:
    """The picture of one network, with its card."""
    seconds = source.seconds
    card = (
        finding.evidence.card(finding.name, finding.header.classes)
        | {
            FINDING: finding.evidence.finding(),
            "clip": source.name,
            FRAMES: (1 + finding.clip.indices).tolist(),
            TIMES: seconds[finding.clip.indices].round(3).tolist(),
            "frames of the source": len(seconds),
        }
        | sanity_checks.facts(finding)
    )
    return Picture(
        frames=finding.clip.frames,
        indices=finding.clip.indices.copy(),
        fps=stretch.play_rate(len(finding.clip.frames), seconds, source.end),
        evidence=finding.evidence,
        card=card,
        opacity=OPACITY,
        caption=caption,
        maximum=maximum,
    )
