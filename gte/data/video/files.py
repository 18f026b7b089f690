"""Reading and writing of video files with OpenCV's FFmpeg.

A container's frame count is often a guess and seeking can miss the requested frame, so files are decoded from the
start; in a long one frames are reached by seeking where that is proven to give the same frames
(`gte.data.video.seeking`). One frame is held at a time, so memory does not grow with the length.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from gte.data.opencv import cv2
from gte.data.sampling import FrameNumbers, segment_indices
from gte.data.video import seeking
from gte.data.video.capture import grab, in_rgb, name_of, open_capture
from gte.data.video.matroska import append_comment
from gte.errors import VideoError
from gte.files import atomic_write

_ASSUMED_FPS = 25.0
_HIGHEST_FPS = 480.0
_MATROSKA = b"\x42\x82\x88matroska"
# The element "document type", shortened, and an empty element that fills the gap, so that the rest keeps its place.
_WEBM = b"\x42\x82\x84webm\xec\x82\x00\x00"


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a video, from its decoded frames."""

    num_frames: int
    """Frames that can be decoded, counted by decoding them."""
    fps: float
    """Frames per second: as the container states, else from the time stamps, else 25."""
    width: int
    """In pixels, as shown: after the rotation that the file states."""
    height: int


@dataclass(frozen=True)
class VideoIndex:
    """The time stamps of a video's frames: a few bytes per frame."""

    info: VideoInfo
    milliseconds: Float[np.ndarray, " n"]
    """The time stamp of each frame, as the file states it."""
    seekable: bool
    """True if the frames are found by their time stamps, False if all before them are decoded."""

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        """Time of each frame after the first; from the rate alone where the time stamps do not increase."""
        passed = (self.milliseconds - self.milliseconds[0]) / 1000
        return passed if (np.diff(passed) > 0).all() else np.arange(len(passed)) / self.info.fps


def index_video(path: str | Path) -> VideoIndex:
    """List the frames of a video, once for all later reads.

    A short one is decoded, a long one is not. Raises VideoError, with one sentence, if the file is missing, is no
    video or holds no frame.
    """
    times = seeking.frame_times(path) if seeking.is_long(path) else None
    if times is None:
        _check_decoding_ends(path)
        decoded = _decode(path, (), size=None)
        return VideoIndex(decoded.info, decoded.milliseconds, seekable=False)
    first = _decode(path, (), size=None, stop_after=0).info
    seconds = float(times[-1] - times[0]) / 1000
    # The rate of one decoded frame may be an assumption; the time stamps of all are more exact.
    fps = _plausible_fps(_declared(path, cv2.CAP_PROP_FPS), len(times), seconds)
    return VideoIndex(VideoInfo(len(times), fps, first.width, first.height), times, seekable=True)


def read_frames(
    path: str | Path, which: FrameNumbers, *, size: int | None = None, index: VideoIndex | None = None
) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the frames with the given numbers (from 0, any order, repeats allowed), in RGB.

    With `size` the short side is resized to it and the middle square kept; with the video's `index` they are reached
    by seeking where possible. Raises VideoError as `index_video` does, and if the video ends before a requested frame;
    ValueError if there is no number or a negative one.
    """
    if len(which) == 0 or min(which) < 0:
        raise ValueError(f"Ask for at least one frame, counted from 0; got {list(which)}.")
    last, wanted = int(max(which)), {int(number) for number in which}
    if index is not None and index.seekable and last < index.info.num_frames:
        frames = seeking.read_by_seeking(path, index.milliseconds, wanted, size=size)
        if wanted <= frames.keys():
            return _stack(path, [frames[int(number)] for number in which])
        _check_time_to_decode(path, index, wanted - frames.keys())
    decoded = _decode(path, wanted, size=size, stop_after=last)
    if index is not None and index.seekable:
        _check_same_frames(path, index, decoded, wanted)
    if last not in decoded.frames:
        raise VideoError(
            f"{name_of(path)} has {decoded.info.num_frames} frames, so there is no frame {last} (they count from 0); "
            "ask for an earlier one."
        )
    return _stack(path, [decoded.frames[int(number)] for number in which])


def glimpses(
    path: str | Path, which: FrameNumbers, *, size: int, index: VideoIndex
) -> list[UInt8[np.ndarray, "size size 3"] | None]:
    """Return the frames with the given numbers as `read_frames` does, None for each that seeking cannot reach.

    Raises VideoError as `read_frames` does where seeking is impossible.
    """
    if not index.seekable:
        return list(read_frames(path, which, size=size))
    frames = seeking.read_by_seeking(path, index.milliseconds, {int(number) for number in which}, size=size)
    return [frames.get(int(number)) for number in which]


def read_clip(
    path: str | Path, num_segments: int, size: int
) -> tuple[UInt8[np.ndarray, "t size size 3"], Int[np.ndarray, " t"], VideoInfo]:
    """Return the centre frame of each of `num_segments` equal parts in RGB, their numbers, and the video's facts.

    Frames of a long video are reached by seeking. Another video is decoded once if its container states its length, or
    up to two frames too many, else twice. Raises VideoError as `index_video` does.
    """
    if seeking.is_long(path):
        index = index_video(path)
        indices = segment_indices(index.info.num_frames, num_segments)
        return read_frames(path, indices, size=size, index=index), indices, index.info
    guesses = _declared_count(path) - np.arange(3)
    likely = {int(i) for n in guesses if n >= 1 for i in segment_indices(int(n), num_segments)}
    decoded = _decode(path, likely, size=size)
    indices = segment_indices(decoded.info.num_frames, num_segments)
    frames = decoded.frames
    missing = {int(index) for index in indices} - frames.keys()
    if missing:
        frames = frames | _decode(path, missing, size=size, stop_after=max(missing)).frames
    return _stack(path, [frames[int(index)] for index in indices]), indices, decoded.info


def write_webm(path: str | Path, frames: UInt8[np.ndarray, "t h w 3"], fps: float, comment: str = "") -> None:
    """Write RGB frames as VP8 in WebM, which every browser plays; an interrupted write leaves no file of that name.

    `comment` is kept in the file as its tag COMMENT.

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
    with atomic_write(path, suffix=".mkv") as temporary:
        writer = cv2.VideoWriter(
            str(temporary.resolve()), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP80"), fps, (width, height)
        )
        try:
            if not writer.isOpened():
                raise VideoError(
                    f"{name_of(path)} cannot be written: this OpenCV has no VP8 encoder; "
                    "install opencv-python from PyPI."
                )
            for frame in frames:
                image = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2BGR)
                bottom, right = height - frame.shape[0], width - frame.shape[1]
                writer.write(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE))
        finally:
            writer.release()
        _declare_webm(temporary)
        if comment:
            append_comment(temporary, comment)


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
    milliseconds: Float[np.ndarray, " n"]


def _decode(path: str | Path, wanted: Collection[int], *, size: int | None, stop_after: int | None = None) -> _Decoded:
    """Decode from the start, to the end or just past `stop_after`, and keep the wanted frames in RGB."""
    frames: dict[int, UInt8[np.ndarray, "h w 3"]] = {}
    count = width = height = 0
    times: list[float] = []
    with open_capture(path) as capture:
        while (stop_after is None or count <= stop_after) and grab(capture):
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
            if count == 0 or count in wanted:
                done, image = capture.retrieve()
                if not done:
                    raise VideoError(f"Frame {count} of {name_of(path)} is damaged; try another copy of the file.")
                if count == 0:
                    height, width = image.shape[:2]
                if count in wanted:
                    frames[count] = in_rgb(image, size)
            count += 1
        if count == 0:
            raise VideoError(
                f"{name_of(path)} opens as a video but no frame of it can be decoded; it may be cut short, "
                "try another copy."
            )
        fps = _plausible_fps(capture.get(cv2.CAP_PROP_FPS), count, (times[-1] - times[0]) / 1000)
    return _Decoded(frames, VideoInfo(count, fps, width, height), np.array(times))


def _check_decoding_ends(path: str | Path) -> None:
    """Raise VideoError for a video that would take minutes to decode."""
    if seeking.stated_pixels(path) > seeking.MAX_DECODED_PIXELS:
        raise VideoError(
            f"{name_of(path)} is too long to be read from its start, and seeking cannot reach its frames, because it "
            "is damaged or without time stamps; convert it again, or cut out the part that you want to see."
        )


def _check_time_to_decode(path: str | Path, index: VideoIndex, missing: Collection[int]) -> None:
    """Raise VideoError if decoding all frames up to the missing ones would take minutes."""
    if (max(missing) + 1) * index.info.width * index.info.height > seeking.MAX_DECODED_PIXELS:
        raise _damaged(path, min(missing))


def _check_same_frames(path: str | Path, index: VideoIndex, decoded: "_Decoded", wanted: Collection[int]) -> None:
    """Raise VideoError if decoded frames differ from those of the index, because frames before them are missing."""
    for number in sorted(wanted):
        there = number < len(decoded.milliseconds)
        if not there or abs(decoded.milliseconds[number] - index.milliseconds[number]) > seeking.SAME_MILLISECONDS:
            raise _damaged(path, number)


def _damaged(path: str | Path, number: int) -> VideoError:
    return VideoError(
        f"{name_of(path)} is damaged at frame {number + 1} (counted from 1) and cannot be read there; choose a stretch "
        "before or after it."
    )


def _declared_count(path: str | Path) -> int:
    """Return the container's frame count, 0 if it has none."""
    declared = _declared(path, cv2.CAP_PROP_FRAME_COUNT)
    return int(declared) if 0 < declared < 2**31 else 0


def _declared(path: str | Path, prop: int) -> float:
    with open_capture(path) as capture:
        return capture.get(prop)


def _plausible_fps(declared: float, num_frames: int, seconds: float) -> float:
    """Return the container's rate, unless it is the clock of the time stamps (some recorders state 1000 a second)."""
    if 0 < declared <= _HIGHEST_FPS:
        return declared
    measured = (num_frames - 1) / seconds if seconds > 0 else 0.0
    return measured if 0 < measured <= _HIGHEST_FPS else _ASSUMED_FPS


def _stack(path: str | Path, frames: Sequence[UInt8[np.ndarray, "h w 3"]]) -> UInt8[np.ndarray, "t h w 3"]:
    if len({frame.shape for frame in frames}) > 1:
        raise VideoError(f"The frames of {name_of(path)} change size; convert it to a single size first.")
    return np.stack(frames)
