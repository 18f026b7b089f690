"""A clip of a data set as a source of frames, such as a video file is one."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from gte.data import ClipDataset
from gte.data.sampling import FrameNumbers
from gte.data.video.images import IMAGES_FPS
from gte.data.video.reading import VideoInfo


@dataclass(frozen=True)
class ClipFootage:
    """The frames of a clip, in the size of its data set."""

    dataset: ClipDataset
    index: int
    notes: tuple[str, ...] = ()

    @property
    def info(self) -> VideoInfo:
        """Facts about the clip; it reads a frame for its size."""
        seconds = self.seconds
        height, width = self.dataset.frames(self.index, [0]).shape[1:3]
        fps = (len(seconds) - 1) / float(seconds[-1]) if len(seconds) > 1 else IMAGES_FPS
        return VideoInfo(num_frames=len(seconds), fps=fps, width=width, height=height)

    @property
    def seconds(self) -> Float[np.ndarray, " n"]:
        return self.dataset.seconds(self.index)

    @property
    def end(self) -> float | None:
        return self.dataset.end(self.index)

    def read(self, which: FrameNumbers, *, size: int | None = None) -> UInt8[np.ndarray, "t h w 3"]:
        """Return these frames: in the size of the data set, which `size` must be, or without it as filmed."""
        return self.dataset.frames(self.index, which, whole=size is None)

    def glimpses(self, which: FrameNumbers, size: int) -> list[UInt8[np.ndarray, "size size 3"] | None]:
        return list(self.read(which, size=size))
