"""Frames of long videos by seeking, each identified by its time stamp, so that a seek to another frame is noticed.

The packets of a file are listed without decoding them, which takes a few microseconds per frame: sorted, their time
stamps number the frames as they are shown. Where that list and the frames decoded at both ends disagree, the caller
decodes from the start instead, if that does not take too long. A frame in the middle that does not decode is replaced
by the frame before it, as players do.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from gte.data.opencv import cv2
from gte.data.video.capture import grab, in_rgb, open_capture

MAX_PIXELS = 500_000_000
"""A video with more in all its frames is long: decoding it takes more than a second or two."""

MAX_DECODED_PIXELS = 30_000_000_000
"""Decoding more would take more than a minute or two, and is not started."""

NEAR = 48
"""Largest distance in frames that decoding bridges, and from which a frame may replace a damaged one."""

STEPS_BACK_MILLISECONDS = (100.0, 2_000.0, 30_000.0)
"""Distances before a frame at which a seek aims, the next one if the seek ends after the frame."""

SAME_MILLISECONDS = 0.25
"""Time stamps that differ by less are equal."""

LAST_FRAMES = 24
"""Frames at the end that are decoded to check the list of packets."""


def is_long(path: str | Path) -> bool:
    """Return True if seeking is worth while, by what the container states. Raises VideoError for what is no video."""
    return stated_pixels(path) > MAX_PIXELS


def stated_pixels(path: str | Path) -> float:
    """Return the pixels of all frames, by what the container states. Raises VideoError for what is no video."""
    measures = (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    with open_capture(path) as capture:
        stated = [capture.get(measure) for measure in measures]
    return float(np.prod(stated))


def frame_times(path: str | Path) -> Float[np.ndarray, " n"] | None:
    """Return the time of each frame, in milliseconds, without decoding all; None if the file does not allow it.

    It does not if two frames have one time stamp, or if the frames decoded at the ends differ from the packets.
    """
    with open_capture(path, packets=True) as capture:
        listed = []
        while capture.grab():
            listed.append(capture.get(cv2.CAP_PROP_POS_MSEC))
    times = np.sort(np.array(listed, dtype=np.float64))
    if len(times) < 2 or not np.isfinite(times).all() or np.diff(times).min() <= 2 * SAME_MILLISECONDS:
        return None
    with open_capture(path) as capture:
        if not grab(capture):
            return None
        # Packets before the first frame that is shown were cut off by an edit of the file.
        times = times[times >= capture.get(cv2.CAP_PROP_POS_MSEC) - SAME_MILLISECONDS]
        capture.set(cv2.CAP_PROP_POS_MSEC, times[max(0, len(times) - LAST_FRAMES)])
        ends = []
        while grab(capture):
            ends.append(capture.get(cv2.CAP_PROP_POS_MSEC))
    if not ends:
        return None
    expected = times[times >= ends[0] - SAME_MILLISECONDS]
    if len(expected) < len(ends) or np.abs(expected[: len(ends)] - ends).max() > SAME_MILLISECONDS:
        return None
    # Packets at the very end without a frame.
    return times[: len(times) - (len(expected) - len(ends))]


def read_by_seeking(
    path: str | Path, times: Float[np.ndarray, " n"], wanted: Collection[int], *, size: int | None
) -> dict[int, UInt8[np.ndarray, "_ _ 3"]]:
    """Return those of the wanted frames that are reached, in RGB, by their numbers in `times`."""
    frames: dict[int, np.ndarray] = {}
    with open_capture(path) as capture:
        at: int | None = None
        for number in sorted(wanted):
            reached, image = _reach(capture, times, number, at), None
            if reached is not None and reached != number:
                reached = _reach(capture, times, reached, None)
            if reached is not None:
                done, image = capture.retrieve()
                if done:
                    frames[number] = in_rgb(image, size)
            at = reached
    return frames


def _reach(capture: cv2.VideoCapture, times: Float[np.ndarray, " n"], number: int, at: int | None) -> int | None:
    """Grab the frame with this number, and return it; `at` is the number of the frame before, if one was grabbed.

    Where it does not decode, return the number of the last frame before it that does, which is not the one grabbed
    then; None if there is none nearby, or every seek ends after the frame.
    """
    target, last = times[number], at
    if at is None or number - at > NEAR:
        for back in STEPS_BACK_MILLISECONDS:
            capture.set(cv2.CAP_PROP_POS_MSEC, max(0.0, target - back))
            if grab(capture) and capture.get(cv2.CAP_PROP_POS_MSEC) <= target + SAME_MILLISECONDS:
                break
        else:
            return None
        last = _number_at(times, capture.get(cv2.CAP_PROP_POS_MSEC))
    while capture.get(cv2.CAP_PROP_POS_MSEC) < target - SAME_MILLISECONDS:
        if not grab(capture) or capture.get(cv2.CAP_PROP_POS_MSEC) > target + SAME_MILLISECONDS:
            break
        last = _number_at(times, capture.get(cv2.CAP_PROP_POS_MSEC))
    return last if last is not None and number - last <= NEAR else None


def _number_at(times: Float[np.ndarray, " n"], milliseconds: float) -> int | None:
    """Return the number of the frame with this time stamp; None if no frame has it."""
    number = int(np.searchsorted(times, milliseconds - SAME_MILLISECONDS))
    return number if number < len(times) and abs(times[number] - milliseconds) < SAME_MILLISECONDS else None
