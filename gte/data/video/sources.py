"""What a clip is cut from: a video file or a folder of pictures, one frame each, with the stretch that is looked at."""

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8

from gte.data.opencv import cv2
from gte.data.sampling import FrameNumbers, segment_indices
from gte.data.video.capture import in_rgb
from gte.data.video.files import VideoIndex, VideoInfo, glimpses, index_video, read_frames
from gte.errors import VideoError

PICTURE_TYPES = (".jpg", ".jpeg", ".png")
PICTURES_FPS = 25.0
"""Pictures do not say how fast they were taken; this is what is assumed."""
MOST_PICTURES = 20_000
MOST_UNPACKED_BYTES = 1_000_000_000
"""Of all pictures of a zip file together."""


@dataclass(frozen=True)
class Stretch:
    """The part of a source that a clip is taken from."""

    first: int
    """Its first frame, counted from 0."""
    last: int
    """Its last frame, which belongs to it."""

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError(
                f"A stretch goes from a frame to the same or a later one; got {self.first} to {self.last}."
            )

    @property
    def num_frames(self) -> int:
        return self.last - self.first + 1

    def sample(self, num_segments: int) -> Int[np.ndarray, " t"]:
        """The centre frame of each of equally many parts, as numbers of the source."""
        return self.first + segment_indices(self.num_frames, num_segments)

    def play_rate(self, num_shown: int, seconds: Float[np.ndarray, " n"]) -> float:
        """Frames a second at which so many of it play as long as it lasts; `seconds` is when each frame is shown."""
        frame = float(seconds[-1] / (len(seconds) - 1)) if len(seconds) > 1 else 1 / PICTURES_FPS
        return num_shown / (float(seconds[self.last] - seconds[self.first]) + frame)

    def in_words(self, seconds: Float[np.ndarray, " n"]) -> str:
        """Which frames it holds, counted from 1, and from when to when."""
        start, end, whole = seconds[self.first], seconds[self.last], seconds[-1]
        if len(seconds) == 1:
            return "One frame."
        if self.num_frames == 1:
            return f"Frame {self.first + 1} of {len(seconds)}: at {start:.2f} of {whole:.2f} seconds."
        frames = f"Frames {self.first + 1}–{self.last + 1} of {len(seconds)}"
        return f"{frames}: from {start:.2f} to {end:.2f} of {whole:.2f} seconds."

    def repeats_in_words(self, network: str, num_frames: int) -> str:
        """What a network that takes so many frames is shown of fewer, in one sentence; empty where there are enough."""
        if self.num_frames >= num_frames:
            return ""
        if self.num_frames > 1:
            return f"Of {self.num_frames} frames {network}, which takes {num_frames}, is shown some more than once."
        return (
            f"This is one frame, which is shown to {network} {num_frames} times: nothing moves in it, so no change of "
            "time can change an answer, and where its copies differ in evidence, that comes from the two ends of the "
            "clip, beyond which a network sees nothing."
        )


class Footage(Protocol):
    """Frames in an order, of which any can be read."""

    @property
    def info(self) -> VideoInfo: ...

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        """When each frame is shown."""
        ...

    def read(self, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames in RGB, in the order asked for; with `size` their middle square. Raises VideoError."""
        ...

    def glimpses(self, which: FrameNumbers, size: int) -> list[UInt8[np.ndarray, "size size 3"] | None]:
        """Middle squares of frames to get an idea of the whole, None for what is damaged. Raises VideoError."""
        ...


@dataclass(frozen=True)
class VideoFootage:
    """A video file."""

    path: Path
    index: VideoIndex

    @property
    def info(self) -> VideoInfo:
        return self.index.info

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        return self.index.seconds

    def read(self, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
        return read_frames(self.path, which, size=size, index=self.index)

    def glimpses(self, which: FrameNumbers, size: int) -> list[UInt8[np.ndarray, "size size 3"] | None]:
        return glimpses(self.path, which, size=size, index=self.index)


@dataclass(frozen=True)
class PictureFootage:
    """A folder of pictures, numbered in the order in which a person would count their names."""

    files: Sequence[Path]
    info: VideoInfo

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        return np.arange(len(self.files)) / self.info.fps

    def read(self, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
        frames = [in_rgb(_read_picture(self.files[int(number)]), size) for number in which]
        if len({frame.shape for frame in frames}) > 1:
            raise VideoError("The pictures are not all of one size; make them so first.")
        return np.stack(frames)

    def glimpses(self, which: FrameNumbers, size: int) -> list[UInt8[np.ndarray, "size size 3"] | None]:
        return list(self.read(which, size=size))


def open_footage(path: str | Path) -> Footage:
    """Open a video file, or a folder of pictures.

    Raises VideoError, with one sentence for a person, if it is neither.
    """
    path = Path(path)
    if not path.is_dir():
        return VideoFootage(path, index_video(path))
    files = pictures_in(path)
    if not files:
        raise VideoError(f"{path.name} holds no pictures; frames are files that end in {', '.join(PICTURE_TYPES)}.")
    height, width = _read_picture(files[0]).shape[:2]
    return PictureFootage(files, VideoInfo(len(files), PICTURES_FPS, width, height))


def is_picture(name: str) -> bool:
    """True for the name of a picture that is not hidden."""
    return Path(name).suffix.lower() in PICTURE_TYPES and not Path(name).name.startswith(".")


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder in their natural order, those that lie in it and not those that links lead to."""
    files = [file for file in folder.iterdir() if is_picture(file.name) and file.is_file() and not file.is_symlink()]
    return sorted(files, key=lambda file: natural_key(file.name))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts names as a person counts: frame9 before frame10."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def unpack_pictures(archive: Path, folder: Path) -> None:
    """Write the pictures of a zip file into an empty folder, under names of our own, in their natural order.

    Raises VideoError if it is no zip file, holds no pictures, or too many.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            inside = [
                item for item in packed.infolist() if is_picture(item.filename) and "__MACOSX" not in item.filename
            ]
            inside.sort(key=lambda item: natural_key(item.filename))
            total = sum(item.file_size for item in inside)
            if not inside:
                raise VideoError(
                    f"{archive.name} holds no pictures; frames are files that end in {', '.join(PICTURE_TYPES)}."
                )
            if len(inside) > MOST_PICTURES or total > MOST_UNPACKED_BYTES:
                raise VideoError(
                    f"{archive.name} holds {len(inside)} pictures of {total // 1_000_000} MB; at most "
                    f"{MOST_PICTURES} of {MOST_UNPACKED_BYTES // 1_000_000} MB are taken. Give fewer or smaller ones."
                )
            # The archive's own names and sizes are claims: no path of it is used, no more is read than it says.
            for number, item in enumerate(inside):
                suffix = Path(item.filename).suffix.lower()
                with packed.open(item) as source:
                    (folder / f"{number:06d}{suffix}").write_bytes(source.read(item.file_size))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise VideoError(
            f"{archive.name} cannot be unpacked ({error}); pack the pictures anew as a zip file."
        ) from error


def _read_picture(file: Path) -> UInt8[np.ndarray, "h w 3"]:
    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise VideoError(f"{file.name} cannot be read ({error.strerror}); check its permissions.") from error
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if picture is None:
        raise VideoError(f"{file.name} is no picture that can be read here; give JPEG or PNG files.")
    return picture
