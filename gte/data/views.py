"""Views of a clip in evaluation: several choices of frames and several crops, whose logits are averaged."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, UInt8

from gte.data import ClipDataset
from gte.data.sampling import segment_frames, segment_indices
from gte.data.video.drawing import square

DENSE_WINDOW = 64
"""Frames of a dense view, as TSM and GST print it."""


@dataclass(frozen=True, kw_only=True)
class Views:
    """The views of each clip."""

    sampling: Literal["segments", "dense"] = "segments"
    """One frame from each equal part of the clip's time (TSN), or frames at equal steps of a window of 64 (dense)."""
    clips: int = 1
    """Choices of frames: at equal steps within each part, or windows at equal steps through the clip."""
    crops: Literal[1, 3] = 1
    """Squares of each frame: the middle one, or three along its long side."""

    def __post_init__(self) -> None:
        if self.clips < 1:
            raise ValueError(f"Evaluation needs at least one view of each clip; got {self.clips} clips.")

    def __len__(self) -> int:
        return self.clips * self.crops

    def read(
        self, dataset: ClipDataset, index: int, view: int, num_frames: int, size: int
    ) -> UInt8[np.ndarray, "t size size 3"]:
        """Return a view of a clip, of 0 to len(self) - 1. Raises VideoError if the clip cannot be read."""
        clip, crop = divmod(view, self.crops)

        def choose(seconds: Float[np.ndarray, " n"], end: float | None) -> Int[np.ndarray, " t"]:
            if self.sampling == "dense" and len(seconds) > DENSE_WINDOW:
                return dense_frames(len(seconds), num_frames, clip, self.clips)
            return segment_frames(seconds, num_frames, end, None if self.clips == 1 else (clip + 0.5) / self.clips)

        if self.crops == 1:
            return dataset.sample(index, choose)[1]
        frames = dataset.sample(index, choose, whole=True)[1]
        return np.stack([square(frame, size, place=crop / (self.crops - 1)) for frame in frames])

    def describe(self) -> str:
        """Return the views in words."""
        how = "segments" if self.sampling == "segments" else f"a window of {DENSE_WINDOW} frames"
        return f"{self.clips} x {self.crops} views of {how}"


def dense_frames(num_stored: int, num_frames: int, clip: int, num_clips: int) -> Int[np.ndarray, " t"]:
    """Return the centre frames of equal parts of one of several windows, at equal steps through the clip."""
    room = num_stored - DENSE_WINDOW
    start = room // 2 if num_clips == 1 else round(clip * room / (num_clips - 1))
    return start + segment_indices(DENSE_WINDOW, num_frames)
