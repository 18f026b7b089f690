"""Sources of clips: video files and folders of images, one frame each, and the part of them that is used."""

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

IMAGE_TYPES = (".jpg", ".jpeg", ".png")
IMAGES_FPS = 25.0
"""Assumed frame rate of image files, which state none."""
MAX_IMAGES = 20_000
MAX_UNPACKED_BYTES = 1_000_000_000
"""Of all images of a zip file together."""


@dataclass(frozen=True)
class Stretch:
    """The part of a source that a clip is taken from."""

    first: int
    """Its first frame, counted from 0."""
    last: int
    """Its last frame, included."""

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError(
                f"A stretch goes from a frame to the same or a later one; got {self.first} to {self.last}."
            )

    @property
    def num_frames(self) -> int:
        return self.last - self.first + 1

    def sample(self, num_segments: int) -> Int[np.ndarray, " t"]:
        """Return the centre frame of each of `num_segments` equal parts, as numbers in the source."""
        return self.first + segment_indices(self.num_frames, num_segments)

    def play_rate(self, num_shown: int, seconds: Float[np.ndarray, " n"]) -> float:
        """Return the rate at which `num_shown` frames last as long as it does; `seconds` are all frames' times."""
        frame = float(seconds[-1] / (len(seconds) - 1)) if len(seconds) > 1 else 1 / IMAGES_FPS
        return num_shown / (float(seconds[self.last] - seconds[self.first]) + frame)

    def describe(self, seconds: Float[np.ndarray, " n"]) -> str:
        """Return the range of frames, counted from 1, and of times as a sentence."""
        start, end, whole = seconds[self.first], seconds[self.last], seconds[-1]
        if len(seconds) == 1:
            return "One frame."
        if self.num_frames == 1:
            return f"Frame {self.first + 1} of {len(seconds)}: at {start:.2f} of {whole:.2f} seconds."
        frames = f"Frames {self.first + 1}–{self.last + 1} of {len(seconds)}"
        return f"{frames}: from {start:.2f} to {end:.2f} of {whole:.2f} seconds."

    def describe_repeats(self, network: str, num_frames: int) -> str:
        """Return a sentence on repeated frames, if a network takes more than there are; empty otherwise."""
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
    """A sequence of frames, of which any can be read."""

    @property
    def info(self) -> VideoInfo: ...

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        """Time of each frame."""
        ...

    def read(self, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
        """Return these frames in RGB, in this order; with `size` their middle square. Raises VideoError."""
        ...

    def glimpses(self, which: FrameNumbers, size: int) -> list[UInt8[np.ndarray, "size size 3"] | None]:
        """Return middle squares of frames for an overview, None for damaged ones. Raises VideoError."""
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
class ImageFootage:
    """A folder of images, in the natural order of their names."""

    files: Sequence[Path]
    info: VideoInfo

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        return np.arange(len(self.files)) / self.info.fps

    def read(self, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
        frames = [in_rgb(_read_image(self.files[int(number)]), size) for number in which]
        if len({frame.shape for frame in frames}) > 1:
            raise VideoError("The images are not all of one size; resize them first.")
        return np.stack(frames)

    def glimpses(self, which: FrameNumbers, size: int) -> list[UInt8[np.ndarray, "size size 3"] | None]:
        return list(self.read(which, size=size))


def open_footage(path: str | Path) -> Footage:
    """Open a video file, or a folder of images.

    Raises VideoError, with one sentence, if it is neither.
    """
    path = Path(path)
    if not path.is_dir():
        return VideoFootage(path, index_video(path))
    files = images_in(path)
    if not files:
        raise VideoError(f"{path.name} holds no images; frames are files that end in {', '.join(IMAGE_TYPES)}.")
    height, width = _read_image(files[0]).shape[:2]
    return ImageFootage(files, VideoInfo(len(files), IMAGES_FPS, width, height))


def is_image(name: str) -> bool:
    """Return True for the name of an image file that is not hidden."""
    return Path(name).suffix.lower() in IMAGE_TYPES and not Path(name).name.startswith(".")


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder in natural order, links excluded."""
    files = [file for file in folder.iterdir() if is_image(file.name) and file.is_file() and not file.is_symlink()]
    return sorted(files, key=lambda file: natural_key(file.name))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key for natural order: frame9 before frame10."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def unpack_images(archive: Path, folder: Path) -> None:
    """Write the images of a zip file into an empty folder, under new names, in natural order.

    Raises VideoError if it is no zip file, or holds no images or too many.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            inside = [item for item in packed.infolist() if is_image(item.filename) and "__MACOSX" not in item.filename]
            inside.sort(key=lambda item: natural_key(item.filename))
            total = sum(item.file_size for item in inside)
            if not inside:
                raise VideoError(
                    f"{archive.name} holds no images; frames are files that end in {', '.join(IMAGE_TYPES)}."
                )
            if len(inside) > MAX_IMAGES or total > MAX_UNPACKED_BYTES:
                raise VideoError(
                    f"{archive.name} holds {len(inside)} images of {total // 1_000_000} MB; at most "
                    f"{MAX_IMAGES} of {MAX_UNPACKED_BYTES // 1_000_000} MB are taken. Give fewer or smaller ones."
                )
            # Names and sizes in the archive are not trusted: none of its paths is used, no more is read than it states.
            for number, item in enumerate(inside):
                suffix = Path(item.filename).suffix.lower()
                with packed.open(item) as source:
                    (folder / f"{number:06d}{suffix}").write_bytes(source.read(item.file_size))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise VideoError(
            f"{archive.name} cannot be unpacked ({error}); pack the images into a new zip file."
        ) from error


def _read_image(file: Path) -> UInt8[np.ndarray, "h w 3"]:
    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise VideoError(f"{file.name} cannot be read ({error.strerror}); check its permissions.") from error
    image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if image is None:
        raise VideoError(f"{file.name} is no image that can be read here; give JPEG or PNG files.")
    return image
