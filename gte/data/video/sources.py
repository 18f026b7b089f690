"""Sources of clips: video files and folders of images, one frame each, and the part of them that is used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8

from gte.data.sampling import FrameNumbers, segment_frames, segment_indices
from gte.data.video.archives import ARCHIVE_TYPES, is_archive
from gte.data.video.images import IMAGES_FPS, begins_as_image, open_images
from gte.data.video.reading import Choice, VideoInfo, open_video
from gte.data.video.sequences import ANIMATION_TYPES, IMAGE_TYPES, find_sequences
from gte.errors import VideoError

CLIP_TYPES = (
    *(".mp4", ".webm", ".mkv", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".ogv"),
    *(".ts", ".mts", ".m2ts", ".3gp", ".wmv", ".flv", ".vob"),
    *(*ANIMATION_TYPES, ".webp"),
    *ARCHIVE_TYPES,
)
"""Of files that are a clip, or hold some: videos, animations, archives of images."""


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

    def sample(
        self, num_segments: int, seconds: Float[np.ndarray, " n"] | None = None, end: float | None = None
    ) -> Int[np.ndarray, " t"]:
        """Return the frame at the centre of each of `num_segments` equal parts of its time, as numbers in the source.

        `seconds` are the times of all frames of the source, None for a constant rate; `end` is when the last one ends.
        """
        if seconds is None:
            return self.first + segment_indices(self.num_frames, num_segments)
        return self.first + segment_frames(
            seconds[self.first : self.last + 1], num_segments, self._end_in(seconds, end)
        )

    def play_rate(self, num_shown: int, seconds: Float[np.ndarray, " n"], end: float | None = None) -> float:
        """Return the rate at which `num_shown` frames last as long as it does; the times are those of `sample`."""
        own_end = self._end_in(seconds, end)
        if own_end is None:
            frame = float(seconds[-1] / (len(seconds) - 1)) if len(seconds) > 1 else 1 / IMAGES_FPS
            own_end = float(seconds[self.last]) + frame
        return num_shown / (own_end - float(seconds[self.first]))

    def _end_in(self, seconds: Float[np.ndarray, " n"], end: float | None) -> float | None:
        return float(seconds[self.last + 1]) if self.last + 1 < len(seconds) else end

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

    @property
    def end(self) -> float | None:
        """Time at which the last frame ends, if it is known."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on this source that its user should know."""
        ...

    def read(self, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
        """Return these frames in RGB, in this order; with `size` their middle square. Raises VideoError."""
        ...

    def glimpses(self, which: FrameNumbers, size: int) -> list[UInt8[np.ndarray, "size size 3"] | None]:
        """Return middle squares of frames for an overview, None for damaged ones. Raises VideoError."""
        ...


@dataclass(frozen=True)
class Sample:
    """The frames that a network sees of a source."""

    frames: UInt8[np.ndarray, "t size size 3"]
    """In RGB."""
    numbers: Int[np.ndarray, " t"]
    """Their numbers in the source, counted from 0."""
    footage: Footage
    stretch: Stretch

    @property
    def seconds(self) -> Float[np.ndarray, " t"]:
        """Their times in the source."""
        return self.footage.seconds[self.numbers]

    @property
    def play_rate(self) -> float:
        """Frames per second at which they last as long as the stretch."""
        return self.stretch.play_rate(len(self.numbers), self.footage.seconds, self.footage.end)

    def notes(self, network: str) -> list[str]:
        """Return sentences that the user of this network should know."""
        repeats = self.stretch.describe_repeats(network, len(self.numbers))
        return [*self.footage.notes, *([repeats] if repeats else [])]


def sample_clip(
    path: str | Path, num_frames: int, size: int, *, stretch: tuple[int, int] | None = None, sequence: str | None = None
) -> Sample:
    """Open a source, and read the frames at the centres of equal parts of its time, or of a stretch of it.

    `stretch` has its first and last frame, counted from 1. A short video is decoded once. Raises VideoError as
    `open_footage` does; ValueError for a stretch that the source does not have.
    """

    def choose(seconds: Float[np.ndarray, " n"]) -> Int[np.ndarray, " t"]:
        return _part(seconds, stretch).sample(num_frames, seconds)

    return sample_footage(open_footage(path, sequence, choose=choose, size=size), num_frames, size, stretch)


def sample_footage(footage: Footage, num_frames: int, size: int, stretch: tuple[int, int] | None = None) -> Sample:
    """Read frames of an open source as `sample_clip` does."""
    part = _part(footage.seconds, stretch)
    numbers = part.sample(num_frames, footage.seconds, footage.end)
    return Sample(footage.read(numbers, size=size), numbers, footage, part)


def _part(seconds: Float[np.ndarray, " n"], stretch: tuple[int, int] | None) -> Stretch:
    first, last = stretch or (1, len(seconds))
    if not 1 <= first <= last <= len(seconds):
        raise ValueError(
            f"--stretch takes two frames from 1 to {len(seconds)}, the earlier one first; got {first} {last}."
        )
    return Stretch(first - 1, last - 1)


def open_footage(
    path: str | Path, sequence: str | None = None, *, choose: Choice | None = None, size: int | None = None
) -> Footage:
    """Open a video file, an image, an animated image, or a sequence of images in a folder or archive.

    The frames that `choose` takes by the times of all are soon read with `size`: where a video is decoded in any case
    they are kept. Raises SequenceError if there are several sequences and none or an unknown one is chosen;
    VideoError, with one sentence, for anything that cannot be read.
    """
    path = Path(path)
    if path.is_dir() or is_archive(path.name):
        sequences = find_sequences(path)
        chosen = sequences.choose(sequence)
        return open_images(path, sequences.files[chosen], sequences.notes(chosen))
    if sequence is not None:
        raise VideoError(f"{path.name} is one clip; a sequence is chosen in a folder or an archive of images.")
    if begins_as_image(path):
        return open_images(path)
    try:
        return open_video(path, choose, size)
    except VideoError:
        if path.name.lower().endswith((*IMAGE_TYPES, *ANIMATION_TYPES)):
            open_images(path)
        raise
