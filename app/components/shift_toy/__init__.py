"""The shift toy: a small clip, one kernel over time, and what comes out, live in the browser."""

import numpy as np
from jaxtyping import Float32, UInt8
from streamlit.components.v2 import component

from analysis.plotting import style
from app.components._source import encode, payload, read

LONGEST_CLIP = 12
"""Frames; more than about eight rows hide a shift by one."""
MAX_SIDE = 128
"""Pixels; the clip is sent uncompressed and mixed again at every move of a slider."""
GRID = 8
"""The toy's channels are chosen among GRID x GRID parts of the frame."""
NUM_CHANNELS = 16

_toy = component(
    "shift_toy",
    html=read("shift_toy/shift_toy.html"),
    css=read("common.css", "shift_toy/shift_toy.css"),
    js=read("common.js", "tap_links.js", "shift_toy/shift_toy_draw.js", "shift_toy/shift_toy.js"),
)


def shift_toy(frames: UInt8[np.ndarray, "t h w 3"], *, line: int | None = None, key: str) -> None:
    """Draw the toy for a clip of 2 to 12 RGB frames of at most 128 pixels a side.

    Three sliders set out[t] = a1 in[t-1] + a2 in[t] + a3 in[t+1], zero outside the clip, and a fourth how often that is
    applied. `line` is the row of pixels that the space-time slice shows, by default the one that changes most. Until
    it is touched the toy moves by itself, unless the reader's system asks for reduced motion. Nothing is sent back.
    Raises ValueError for frames of another type or size.
    """
    _check(frames)
    if line is None:
        line = liveliest_line(frames)
    elif not 0 <= line < frames.shape[1]:
        raise ValueError(f"line must be a row of the {frames.shape[1]}-pixel frames; got {line}.")
    _toy(
        key=key,
        data=payload(
            {
                "pixels": encode(frames),
                "shape": frames.shape[:3],
                "line": line,
                "activity": encode(channel_activity(frames)),
                "colours": dict(style.DIRECTION_COLOURS),
            }
        ),
    )


def liveliest_line(frames: UInt8[np.ndarray, "t h w 3"]) -> int:
    """The row of pixels that varies most over time."""
    return int(frames.astype(np.float32).std(axis=0).mean(axis=(1, 2)).argmax())


def channel_activity(frames: UInt8[np.ndarray, "t h w 3"]) -> Float32[np.ndarray, "t c"]:
    """Sixteen channels in [0, 1] like a layer's: how far the liveliest parts of the frame depart from rest.

    Rest is the median brightness over time. The channels are ordered by when they are strongest, early to late, once
    in each half, so that a shift shows in both.
    """
    num_frames, height, width, _ = frames.shape
    grey = frames.astype(np.float32).mean(axis=-1)
    grey = grey[:, : height // GRID * GRID, : width // GRID * GRID]
    parts = grey.reshape(num_frames, GRID, height // GRID, GRID, width // GRID).mean(axis=(2, 4))
    departure = np.abs(parts - np.median(parts, axis=0)).reshape(num_frames, GRID * GRID)
    liveliest = np.argsort(departure.max(axis=0), kind="stable")[-NUM_CHANNELS:]
    strongest = departure[:, liveliest].max(axis=0)
    activity = departure[:, liveliest] / np.where(strongest > 0, strongest, 1)
    order = np.argsort(activity.argmax(axis=0), kind="stable")
    return np.ascontiguousarray(activity[:, np.concatenate([order[::2], order[1::2]])], dtype=np.float32)


def _check(frames: np.ndarray) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(f"The toy takes uint8 frames (t, h, w, 3); got {frames.dtype} {frames.shape}.")
    num_frames, height, width, _ = frames.shape
    if not 2 <= num_frames <= LONGEST_CLIP:
        raise ValueError(f"The toy shows 2 to {LONGEST_CLIP} frames; got {num_frames}. Sample fewer.")
    if not GRID <= min(height, width) <= max(height, width) <= MAX_SIDE:
        raise ValueError(f"The toy's frames have {GRID} to {MAX_SIDE} pixels a side; got {height} x {width}.")
