"""Table of the data sets, and how to open one. A new data set is one entry here and one file in this folder."""

from dataclasses import dataclass
from importlib import import_module
from typing import Literal, Protocol

import numpy as np
from jaxtyping import UInt8

from gte.data.sampling import FrameNumbers

Split = Literal["train", "val", "test"]


class ClipDataset(Protocol):
    """A split of a data set; training, evaluation and the app use nothing else of it."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def twins(self) -> tuple[int, ...]:
        """For each class the class of a reversed clip, or -1."""
        ...

    @property
    def flip(self) -> tuple[int, ...]:
        """For each class the class of a clip mirrored left to right."""
        ...

    @property
    def num_frames_stored(self) -> int:
        """Frames of every clip, from which those for a network are chosen."""
        ...

    @property
    def fps(self) -> float: ...

    def __len__(self) -> int: ...

    def label(self, index: int) -> int:
        """Return the class of a clip, without decoding or rendering it."""
        ...

    def scene_number(self, index: int) -> int:
        """Return the number of what a clip shows; a clip and its reversal show the same scene."""
        ...

    def frames(self, index: int, which: FrameNumbers) -> UInt8[np.ndarray, "t h w 3"]:
        """Return these frames in RGB; no other frame is decoded or rendered."""
        ...


@dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """A row of the table of data sets."""

    label: str
    note: str
    num_frames: int
    """Frames of each clip as stored."""
    size: int
    """Usual height and width in training, in pixels."""
    source: str
    """Module and class, as module:class. Imported when opened, so that this table is cheap to read."""

    def open(self, split: Split, size: int | None = None, *, seed: int = 0) -> ClipDataset:
        """Open a split with frames of `size` x `size` pixels; only rendered data sets depend on the seed."""
        module, name = self.source.split(":")
        return getattr(import_module(module), name)(split, size or self.size, seed=seed)


DATASETS: dict[str, DatasetConfig] = {
    "motionpairs": DatasetConfig(
        label="MotionPairs",
        note="Fourteen rendered motions, each the exact time reversal of another.",
        num_frames=24,
        size=112,
        source="gte.data.motionpairs.dataset:MotionPairs",
    ),
}


def open_dataset(name: str, split: Split, size: int | None = None, *, seed: int = 0) -> ClipDataset:
    """Open a split of the data set with that name. Raises ValueError for an unknown name or split."""
    if name not in DATASETS:
        raise ValueError(f"The data sets are {', '.join(DATASETS)}; got {name!r}.")
    return DATASETS[name].open(split, size, seed=seed)
