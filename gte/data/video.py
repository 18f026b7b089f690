"""Video files in and out, by OpenCV's FFmpeg: what a file holds is what can be decoded, whatever its container says.

A container's frame count is often a guess and seeking lands beside the frame that was asked for, so files are decoded
from the start. One picture is held at a time, so memory does not grow with the length.
"""

import math
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from gte.data.opencv import cv2
from gte.data.sampling import FrameNumbers, segment_indices
from gte.errors import VideoError

_ASSUMED_FPS = 25.0
_HIGHEST_FPS = 480.0
_MATROSKA = b"\x42\x82\x88matroska"
# The element "document type", shortened, and an empty element that fills the gap: nothing behind it moves.
_WEBM = b"\x42\x82\x84webm\xec\x82\x00\x00"


@dataclass(frozen=True)
class VideoInfo:
    """What a video file really holds."""

    num_frames: int
    """Frames that can be decoded, counted by decoding them."""
    fps: float
    """Frames per second: as the container states, else from the time stamps, else 25."""
    width: int
    """In pixels, as shown: after any rotation that the file asks for."""
    height: int


def probe(path: str | Path) -> VideoInfo:
    """Decode a video once, keeping nothing, to learn what it holds.

    Raises VideoError, with one sentence for a person, if the file is missing, is no video or holds no picture.
    """
    return _decode(path, (), size=None).info


def read_frames(path: str | Path, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the frames with the given numbers (from 0, any order, repeats allowed), in RGB.

    With `size` the short side is resized to it and the middle square kept. Raises VideoError as `probe` does, and if
    the video ends before a frame that was asked for; ValueError if none is asked for or a number is negative.
    """
    if len(which) == 0 or min(which) < 0:
        raise ValueError(f"Ask for at least one frame, counted from 0; got {list(which)}.")
    last = int(max(which))
    decoded = _decode(path, {int(number) for number in which}, size=size, stop_after=last)
    if last not in decoded.frames:
        raise VideoError(
            f"{_name(path)} has {decoded.info.num_frames} frames, so there is no frame {last} (they count from 0); "
            "ask for an earlier one."
        )
    return _stack(path, [decoded.frames[int(number)] for number in which])


def read_clip(
    path: str | Path, num_segments: int, size: int
) -> tuple[UInt8[np.ndarray, "t size size 3"], Int[np.ndarray, " t"], VideoInfo]:
    """Return the centre frame of each of `num_segments` equal parts in RGB, their numbers, and what the video holds.

    A file whose container states its length, or up to two frames too many, is decoded once, any other twice. Raises
    VideoError as `probe` does.
    """
    guesses = _declared_count(path) - np.arange(3)
    likely = {int(i) for n in guesses if n >= 1 for i in segment_indices(int(n), num_segments)}
    decoded = _decode(path, likely, size=size)
    indices = segment_indices(decoded.info.num_frames, num_segments)
    frames = decoded.frames
    missing = {int(index) for index in indices} - frames.keys()
    if missing:
        frames = frames | _decode(path, missing, size=size, stop_after=max(missing)).frames
    return _stack(path, [frames[int(index)] for index in indices]), indices, decoded.info


def write_webm(path: str | Path, frames: UInt8[np.ndarray, "t h w 3"], fps: float) -> None:
    """Write RGB frames as VP8 in WebM, which every browser plays; a killed write leaves no file of that name.

    VP8 wants even sides: an odd one is lengthened by repeating its last pixels. Raises ValueError for an empty clip or
    an fps that is not positive, OSError where nothing can be written, VideoError if this OpenCV cannot encode VP8.
    """
    path = Path(path)
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or frames.size == 0:
        raise ValueError(f"A video needs uint8 frames (t, h, w, 3); got {frames.dtype} {frames.shape}.")
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"Frames per second must be positive; got {fps}.")
    height, width = frames.shape[1] + frames.shape[1] % 2, frames.shape[2] + frames.shape[2] % 2
    # OpenCV complains on standard error about any codec tag for a file named .webm. WebM is a subset of Matroska with
    # another document type, so Matroska is written and its type changed.
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.mkv")
    try:
        beside.touch()
        writer = cv2.VideoWriter(
            str(beside.resolve()), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP80"), fps, (width, height)
        )
        try:
            if not writer.isOpened():
                raise VideoError(
                    f"{_name(path)} cannot be written: this OpenCV has no VP8 encoder; install opencv-python from PyPI."
                )
            for frame in frames:
                picture = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2BGR)
                bottom, right = height - frame.shape[0], width - frame.shape[1]
                writer.write(cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_REPLICATE))
        finally:
            writer.release()
        _declare_webm(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _declare_webm(path: Path) -> None:
    with path.open("r+b") as file:
        head = file.read(64)
        place = head.find(_MATROSKA)
        if place < 0:
            raise VideoError(f"{path.name} was not written as Matroska; there may be no space left on the disk.")
        file.seek(place)
        file.write(_WEBM)


@dataclass(frozen=True)
class _Decoded:
    frames: dict[int, UInt8[np.ndarray, "h w 3"]]
    info: VideoInfo
    """Up to the frame at which decoding stopped."""


def _decode(path: str | Path, wanted: Collection[int], *, size: int | None, stop_after: int | None = None) -> _Decoded:
    """Decode from the start, to the end or just past `stop_after`, and keep the wanted frames in RGB."""
    frames: dict[int, UInt8[np.ndarray, "h w 3"]] = {}
    count = width = height = 0
    first_ms = last_ms = 0.0
    with _open(path) as capture:
        while (stop_after is None or count <= stop_after) and capture.grab():
            last_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
            if count == 0 or count in wanted:
                done, picture = capture.retrieve()
                if not done:
                    raise VideoError(f"Frame {count} of {_name(path)} is damaged; try another copy of the file.")
                if count == 0:
                    first_ms = last_ms
                    height, width = picture.shape[:2]
                if count in wanted:
                    frames[count] = _in_rgb(picture, size)
            count += 1
        if count == 0:
            raise VideoError(
                f"{_name(path)} opens as a video but no frame of it can be decoded; it may be cut short, "
                "try another copy."
            )
        fps = _plausible_fps(capture.get(cv2.CAP_PROP_FPS), count, (last_ms - first_ms) / 1000)
    return _Decoded(frames, VideoInfo(count, fps, width, height))


@contextmanager
def _open(path: str | Path) -> Iterator[cv2.VideoCapture]:
    file = Path(path)
    if file.is_dir():
        raise VideoError(f"{_name(path)} is a folder; give the video file itself.")
    if not file.exists():
        raise VideoError(f"{file} does not exist; check the name.")
    try:
        with file.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise VideoError(f"{_name(path)} cannot be read ({error.strerror}); check its permissions.") from error
    if empty:
        raise VideoError(f"{_name(path)} is empty; the upload or copy may have failed, try again.")
    # The full path, because FFmpeg takes what stands before a colon for a protocol.
    capture = cv2.VideoCapture(str(file.resolve()), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise VideoError(
                f"{_name(path)} is no video that can be read here: it may be cut short, sound without pictures, or "
                "another kind of file; give an MP4, WebM, MKV or AVI."
            )
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        yield capture
    finally:
        capture.release()


def _declared_count(path: str | Path) -> int:
    """Return the container's frame count, 0 where it has none to offer."""
    with _open(path) as capture:
        declared = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(declared) if 0 < declared < 2**31 else 0


def _plausible_fps(declared: float, num_frames: int, seconds: float) -> float:
    """Return the container's rate, unless it is the clock of the time stamps (some recorders state 1000 a second)."""
    if 0 < declared <= _HIGHEST_FPS:
        return declared
    measured = (num_frames - 1) / seconds if seconds > 0 else 0.0
    return measured if 0 < measured <= _HIGHEST_FPS else _ASSUMED_FPS


def _in_rgb(picture: UInt8[np.ndarray, "h w 3"], size: int | None) -> UInt8[np.ndarray, "h2 w2 3"]:
    if size is not None:
        # Cropping first: a very long and narrow picture would become huge when its short side grows.
        height, width = picture.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = picture[top : top + side, left : left + side]
        shrink = cv2.INTER_AREA if size < side else cv2.INTER_CUBIC
        picture = cv2.resize(square, (size, size), interpolation=shrink)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _stack(path: str | Path, frames: Sequence[UInt8[np.ndarray, "h w 3"]]) -> UInt8[np.ndarray, "t h w 3"]:
    if len({frame.shape for frame in frames}) > 1:
        raise VideoError(f"The pictures of {_name(path)} change size on the way; convert it to a single size first.")
    return np.stack(frames)


def _name(path: str | Path) -> str:
    return Path(path).name or str(path)
