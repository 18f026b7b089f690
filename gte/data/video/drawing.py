"""Frames of a video in RGB, as they are shown: with square pixels, turned and mirrored as the file states."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import UInt8

from gte.data.opencv import cv2
from gte.errors import VideoError

Draw = Callable[[VideoFrame], UInt8[np.ndarray, "_ _ 3"]]


def drawing_of(stream: VideoStream, size: int | None) -> Draw:
    """Return a function that converts a frame to RGB, as it is shown; with `size` to its middle square."""
    reformatter, stretch = VideoReformatter(), _pixel_aspect(stream)

    def draw(frame: VideoFrame) -> UInt8[np.ndarray, "_ _ 3"]:
        try:
            image = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        except FFmpegError as error:
            name = Path(stream.container.name).name
            raise VideoError(
                f"The colours of {name} ({frame.format.name}, colour space {frame.colorspace}) cannot be converted to "
                "RGB here; convert it to H.264 with usual colours."
            ) from error
        if size is None:
            if stretch != 1:
                image = cv2.resize(image, (round(stretch * frame.width), frame.height), interpolation=cv2.INTER_LINEAR)
        else:
            image = middle_square(image, size, stretch)
        is_turned, columns, rows = _orientation(frame)
        turned = image.transpose(1, 0, 2) if is_turned else image
        return np.ascontiguousarray(turned[::rows, ::columns])

    return draw


def middle_square(
    image: UInt8[np.ndarray, "h w 3"], size: int, stretch: float = 1.0
) -> UInt8[np.ndarray, "size size 3"]:
    """Return the middle square of an image whose pixels are `stretch` times as wide as high, resized to `size`."""
    return square(image, size, stretch)


def square(
    image: UInt8[np.ndarray, "h w 3"], size: int, stretch: float = 1.0, place: float = 0.5
) -> UInt8[np.ndarray, "size size 3"]:
    """Return the largest square at a place of the long side, from 0 to 1, resized to `size`."""
    # Cropping first: a very long and narrow image would become huge when its short side grows.
    height, width = image.shape[:2]
    side = min(height, stretch * width)
    rows, columns = round(side), max(1, round(side / stretch))
    top, left = int((height - rows) * place), int((width - columns) * place)
    shrink = cv2.INTER_AREA if size < side else cv2.INTER_CUBIC
    return cv2.resize(image[top : top + rows, left : left + columns], (size, size), interpolation=shrink)


def shown_size(stream: VideoStream, frame: VideoFrame) -> tuple[int, int]:
    width, height = round(_pixel_aspect(stream) * frame.width), frame.height
    return (height, width) if _orientation(frame)[0] else (width, height)


def _orientation(frame: VideoFrame) -> tuple[bool, int, int]:
    """Return whether rows and columns are exchanged as it is shown, and the steps, 1 or -1, through both after that.

    By the display matrix, as FFmpeg describes it: x' = m[0] x + m[3] y, y' = m[1] x + m[4] y.
    """
    stated = frame.side_data.get("DISPLAYMATRIX")
    if stated is None:
        return False, 1, 1
    matrix = np.frombuffer(stated, np.int32)
    is_turned = abs(int(matrix[1])) > abs(int(matrix[0]))
    across, down = (matrix[3], matrix[1]) if is_turned else (matrix[0], matrix[4])
    return is_turned, -1 if across < 0 else 1, -1 if down < 0 else 1


def _pixel_aspect(stream: VideoStream) -> float:
    """Return the width of a pixel as a multiple of its height; 1 where nothing, or nothing credible, is stated."""
    stated = float(stream.sample_aspect_ratio or 1)
    return stated if 1 / 8 < stated < 8 else 1.0
