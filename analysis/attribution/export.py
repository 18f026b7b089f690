"""Export of evidence: arrays, a film strip, a video or a GIF, each with its card inside."""

import json
import tempfile
import textwrap
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from analysis.attribution.evidence import PEAK, WEIGHTING, Evidence
from analysis.attribution.overlay import film_strip, overlay
from gte.data.opencv import cv2
from gte.data.video.writing import write_video
from gte.files import atomic_write

CARD = "card"
"""Name of the card in an .npz file and in an image."""

FRAMES = "frames, counted from 1"
"""Entry of the card for the numbers of the frames given to the network."""
TIMES = "times of these frames in seconds"

FINDING = "finding"
"""Entry of the card for the sentence on when the evidence occurs, or that there is none."""

TESTS = "tests"
"""Entry of the card for the states of the sanity checks of the method."""

CAPTION_FACTS = ("class", FINDING, "method", "layer", WEIGHTING, PEAK, "time", FRAMES, TESTS)
"""Entries of the card drawn below frames, after the network's name; the file contains the whole card."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_SCALE = 0.4
LINE_HEIGHT = 16
LETTER_WIDTH = 7.5
"""Average width of a letter in pixels at this scale, rounded up."""
ASCII = str.maketrans("–−“”’", '--""\'')
"""OpenCV draws ASCII only; these characters have a similar one there."""
MIN_CAPTION_WIDTH = 240
"""Width in pixels below which frames are enlarged, so that a caption can be read."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The frames given to the network and the evidence, ready to be written."""

    frames: UInt8[np.ndarray, "t h w 3"]
    indices: Int[np.ndarray, " t"]
    """Numbers of the frames in the source, from 0."""
    fps: float
    """Frames per second, chosen so that the export lasts as long as its source."""
    evidence: Evidence
    card: Mapping[str, Any]
    """The facts needed to judge it; valid JSON."""
    opacity: float
    caption: bool = False
    """True to draw the main entries of the card below the frames."""
    maximum: float | None = None
    """The value of the brightest colour; None for the maximum of this evidence."""

    def upsampled(self) -> Float[np.ndarray, "t h w"]:
        """The evidence on the grid of the frames, in [0, 1]."""
        return self.evidence.upsampled(*self.frames.shape[:3], maximum=self.maximum).numpy()

    def painted(self) -> UInt8[np.ndarray, "t h2 w2 3"]:
        """The frames with their evidence, each with the caption below if there is one."""
        frames = overlay(self.frames, self.upsampled(), self.opacity)
        if not self.caption:
            return frames
        enlarged = -(-MIN_CAPTION_WIDTH // frames.shape[2])
        frames = frames.repeat(enlarged, axis=1).repeat(enlarged, axis=2)
        below = _caption(self.card, frames.shape[2])
        return np.stack([np.concatenate([frame, below]) for frame in frames])


def write(path: Path, picture: Picture) -> None:
    """Write the format of WRITERS for this suffix; an existing file is replaced only by a complete one.

    Raises ValueError for other suffixes and OSError if the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise ValueError(f"Evidence is written as {', '.join(WRITERS)}; got {path.name}.")
    with atomic_write(path) as temporary:
        WRITERS[suffix](temporary, picture)


def write_all(path: Path, pictures: Mapping[str, Picture]) -> None:
    """Write a zip file with every format of every picture, by its name, and all cards as JSON.

    An existing file is replaced only by a complete one. Raises OSError if the file cannot be written.
    """
    with (
        atomic_write(path) as temporary,
        tempfile.TemporaryDirectory() as folder,
        # The contents are already compressed, except the cards.
        zipfile.ZipFile(temporary, "w") as packed,
    ):
        for name, picture in pictures.items():
            for suffix in WRITERS:
                file = Path(folder) / f"{name}{suffix}"
                write(file, picture)
                packed.write(file, file.name)
        cards = {name: dict(picture.card) for name, picture in pictures.items()}
        packed.writestr("cards.json", json.dumps(cards, ensure_ascii=False, indent=2))


def _write_arrays(path: Path, picture: Picture) -> None:
    np.savez_compressed(
        path,
        map=picture.evidence.map.numpy(),
        evidence=picture.upsampled(),
        frame_shares=picture.evidence.frame_shares().numpy(),
        frames=picture.frames,
        indices=picture.indices,
        card=np.array(_as_text(picture.card)),
    )


def _write_strip(path: Path, picture: Picture) -> None:
    plain = overlay(picture.frames, picture.upsampled(), picture.opacity)
    strip = film_strip(plain)
    if picture.caption:
        strip = np.concatenate([strip, _caption(picture.card, strip.shape[1])])
    about = PngInfo()
    about.add_itxt(CARD, _as_text(picture.card))
    Image.fromarray(strip).save(path, "PNG", pnginfo=about)


def _write_gif(path: Path, picture: Picture) -> None:
    frames = [Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE) for frame in picture.painted()]
    first, *others = frames
    first.save(
        path,
        "GIF",
        save_all=True,
        append_images=others,
        # GIF counts in hundredths of a second, and browsers slow down anything faster than two of them.
        duration=max(20, round(1000 / picture.fps)),
        loop=0,
        comment=json.dumps(dict(picture.card)).encode("ascii"),
    )


def _write_video(path: Path, picture: Picture) -> None:
    write_video(path, picture.painted(), picture.fps, comment=_as_text(picture.card))


WRITERS: dict[str, Callable[[Path, Picture], None]] = {
    ".npz": _write_arrays,
    ".png": _write_strip,
    ".mp4": _write_video,
    ".webm": _write_video,
    ".gif": _write_gif,
}
"""Output formats, by the suffix of the file."""


def _as_text(card: Mapping[str, Any]) -> str:
    return json.dumps(dict(card), ensure_ascii=False)


def caption_of(card: Mapping[str, Any]) -> str:
    """The network's name and the main entries of the card in one line, in ASCII."""
    facts = [f"{name}: {_in_words(card[name]).removesuffix('.')}" for name in CAPTION_FACTS if name in card]
    return "; ".join([str(card["network"]), *facts]).translate(ASCII).encode("ascii", "replace").decode("ascii")


def _caption(card: Mapping[str, Any], width: int) -> UInt8[np.ndarray, "h {width} 3"]:
    """The caption of a card, black on white."""
    lines = textwrap.wrap(caption_of(card), max(10, int(width / LETTER_WIDTH)))
    below = np.full((LINE_HEIGHT * len(lines) + 6, width, 3), 255, np.uint8)
    for number, line in enumerate(lines):
        place = (4, LINE_HEIGHT * (number + 1) - 3)
        cv2.putText(below, line, place, FONT, FONT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)
    return below


def _in_words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
