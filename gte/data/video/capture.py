"""Opening of a video, with a clear error for each way to fail, and its frames in RGB."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from gte.data.opencv import cv2
from gte.errors import VideoError

MAX_DAMAGED = 64
"""Successive frames that fail to decode before a video counts as ended."""


@contextmanager
def open_capture(path: str | Path, *, packets: bool = False) -> Iterator[cv2.VideoCapture]:
    """Open a video for the block. With `packets` it is not decoded: a grab only reads the next time stamp.

    Raises VideoError, with one sentence, if the file is missing or is no video.
    """
    file = Path(path)
    if file.is_dir():
        raise VideoError(f"{name_of(path)} is a folder; give the video file itself.")
    if not file.exists():
        raise VideoError(f"{file} does not exist; check the name.")
    try:
        with file.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise VideoError(f"{name_of(path)} cannot be read ({error.strerror}); check its permissions.") from error
    if empty:
        raise VideoError(f"{name_of(path)} is empty; the upload or copy may have failed, try again.")
    # The full path, because FFmpeg reads text before a colon as a protocol.
    choices = [cv2.CAP_PROP_FORMAT, -1] if packets else []
    capture = cv2.VideoCapture(str(file.resolve()), cv2.CAP_FFMPEG, choices)
    try:
        if not capture.isOpened():
            raise VideoError(
                f"{name_of(path)} is no video that can be read here: it may be cut short, sound without images, or "
                "another kind of file; give an MP4, WebM, MKV or AVI."
            )
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        yield capture
    finally:
        capture.release()


def grab(capture: cv2.VideoCapture) -> bool:
    """Advance to the next frame that decodes, past damaged ones; return False at the end."""
    return any(capture.grab() for _ in range(MAX_DAMAGED))


def in_rgb(image: UInt8[np.ndarray, "h w 3"], size: int | None) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Convert OpenCV's image to RGB; with `size` its middle square, resized to it."""
    if size is not None:
        # Cropping first: a very long and narrow image would become huge when its short side grows.
        height, width = image.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = image[top : top + side, left : left + side]
        shrink = cv2.INTER_AREA if size < side else cv2.INTER_CUBIC
        image = cv2.resize(square, (size, size), interpolation=shrink)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def name_of(path: str | Path) -> str:
    """Return the name of the file for a sentence."""
    return Path(path).name or str(path)
