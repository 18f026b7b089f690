"""Table of the data sets, and how to open one. A new data set is one entry here and one file in this folder."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8

from gte.data.listing import DataOptions
from gte.data.reference import DataReference
from gte.data.roots import find_root
from gte.data.sampling import FrameChoice, FrameNumbers
from gte.files import Stamp, stamp

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


class ClipDataset(Protocol):
    """A split of a data set; training, evaluation and the app use nothing else of it."""

    @property
    def name(self) -> str:
        """What `open_dataset` opens it by."""
        ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def twins(self) -> tuple[int, ...]:
        """For each class the class of a reversed clip, or -1 where none is declared."""
        ...

    @property
    def flip(self) -> tuple[int, ...] | None:
        """For each class the class of a clip mirrored left to right; None where mirroring is not declared allowed."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that its user should know, such as what was left out."""
        ...

    def __len__(self) -> int: ...

    def label(self, index: int) -> int:
        """Return the class of a clip, without decoding or rendering it."""
        ...

    def clip_id(self, index: int) -> str:
        """Return the name of a clip in the data set; no other clip of the split has it."""
        ...

    def path(self, index: int) -> Path | None:
        """Return the file or folder of a clip, which can be missing; None if it is rendered."""
        ...

    def group(self, index: int) -> str:
        """Return what a clip shares with others, such as its subject; empty where unknown."""
        ...

    def scene_number(self, index: int) -> int:
        """Return the number of what a clip shows; a clip and its reversal, where both are there, show the same."""
        ...

    @property
    def present(self) -> Sequence[int]:
        """The clips that are rendered, or whose file or folder is there."""
        ...

    def examples(self) -> Sequence[int]:
        """Return the clips to offer on pages: one of each class, in the order of the classes, if it is here."""
        ...

    def seconds(self, index: int) -> Float[np.ndarray, " n"]:
        """Return the time of each frame of a clip. Raises VideoError if it cannot be read."""
        ...

    def end(self, index: int) -> float | None:
        """Return the time at which the last frame ends, if it is known."""
        ...

    def frames(self, index: int, which: FrameNumbers, *, whole: bool = False) -> UInt8[np.ndarray, "t h w 3"]:
        """Return these frames in RGB: their middle squares in the data set's size, or the `whole` frames as filmed.

        No other frame is rendered. Raises VideoError if one cannot be read.
        """
        ...

    def sample(
        self, index: int, choose: FrameChoice, *, whole: bool = False
    ) -> tuple[Int[np.ndarray, " t"], UInt8[np.ndarray, "t h w 3"]]:
        """Return the numbers of the frames that `choose` takes, and these frames, by reading the clip once."""
        ...


@dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """A row of the table of data sets."""

    label: str
    """Its name on pages; empty if it has that of its root."""
    note: str
    source: str
    """Module and name, as module:name, imported when a split is opened so that this table is cheap to read.

    Of data that is read: a function of (root, split, options) that returns a Listing. Of data that is rendered: a
    class, called with (split, size, seed=, classes=).
    """
    is_read: bool = True
    """False for a data set that is rendered, and needs no root."""
    size: int = 224
    """Usual height and width in training, in pixels."""
    labelled: Split = "test"
    """The split that pages and experiments show: the last one whose labels are published."""


DATASETS: dict[str, DatasetConfig] = {
    "motionpairs": DatasetConfig(
        label="MotionPairs",
        note="Fourteen rendered motions, each the exact time reversal of another.",
        size=112,
        source="gte.data.motionpairs.dataset:MotionPairs",
        is_read=False,
    ),
    "motionpairs-hard": DatasetConfig(
        label="MotionPairs, hard",
        note="The same motions with slower, paler objects, more camera motion, and others that move against them.",
        size=112,
        source="gte.data.motionpairs.dataset:HardMotionPairs",
        is_read=False,
    ),
    "folder": DatasetConfig(
        label="",
        note="Videos in a folder for each class, with or without folders train, val and test above these.",
        source="gte.data.folder:read",
    ),
    "list": DatasetConfig(
        label="",
        note="Clips of a list: path num_frames label in each line, or a CSV file with the columns path and label.",
        source="gte.data.list_file:read",
        labelled="val",
    ),
    "something-v1": DatasetConfig(
        label="Something-Something V1",
        note="174 actions with everyday objects, as folders of images; many differ by direction alone.",
        source="gte.data.something:read_v1",
        labelled="val",
    ),
    "something-v2": DatasetConfig(
        label="Something-Something V2",
        note="174 actions with everyday objects, as WebM videos; many differ by direction alone.",
        source="gte.data.something:read_v2",
        labelled="val",
    ),
    "jester": DatasetConfig(
        label="Jester",
        note="27 hand gestures in front of a camera, as folders of images; twenty are each other's reversals.",
        source="gte.data.jester:read",
        labelled="val",
    ),
    "diving48": DatasetConfig(
        label="Diving48",
        note="48 competition dives, told apart by take-off, somersaults, twists and position.",
        source="gte.data.diving48:read",
    ),
    "ucf101": DatasetConfig(
        label="UCF101",
        note="101 actions in videos from YouTube; three published splits, of which --fold chooses one.",
        source="gte.data.ucf101:read",
    ),
    "hmdb51": DatasetConfig(
        label="HMDB51",
        note="51 actions in films and videos from the web; three published splits, of which --fold chooses one.",
        source="gte.data.hmdb51:read",
    ),
    "kinetics": DatasetConfig(
        label="Kinetics",
        note="Actions of ten seconds in videos from YouTube, of which some are missing everywhere.",
        source="gte.data.kinetics:read",
        labelled="val",
    ),
}


def open_dataset(
    reference: str, split: Split, size: int | None = None, *, root: Path | None = None, seed: int = 0
) -> ClipDataset:
    """Open a split of a data set, with frames of `size` x `size` pixels.

    `reference` is the text of a DataReference; rendered data have no folder, and of the options the classes alone.
    Without `root` the data are looked for by the name of their folder (`gte.data.roots`). Only rendered data depend on
    the seed. Raises DatasetError if the data are not here or cannot be used; ValueError for an unknown name, split or
    class.
    """
    data = DataReference.parse(reference)
    config = DATASETS.get(data.dataset)
    if config is None:
        raise ValueError(f"The data sets are {', '.join(DATASETS)}; got {data.dataset!r}.")
    if not config.is_read:
        return resolve_name(config.source)(split, size or config.size, seed=seed, classes=data.options.classes)
    root = find_root(data.root) if root is None else root
    return _open_files(data, root, _folder_stamps(root), split, size or config.size)


def open_labelled(reference: str, size: int | None = None) -> ClipDataset:
    """Open the split of a data set that pages and experiments show. Raises as `open_dataset` does."""
    return open_dataset(reference, labelled_split(reference), size)


def labelled_split(reference: str) -> Split:
    """Return the split of a data set that pages and experiments show: the last one whose labels are published."""
    config = DATASETS.get(DataReference.parse(reference).dataset)
    return config.labelled if config else "test"


def labelled_split_in_words(reference: str) -> str:
    """Return `labelled_split` in one word, for "12 validation clips"."""
    return {"train": "training", "val": "validation", "test": "test"}[labelled_split(reference)]


def is_rendered(reference: str) -> bool:
    """Return True for a data set that every machine has, because its clips are rendered."""
    config = DATASETS.get(DataReference.parse(reference).dataset)
    return config is not None and not config.is_read


def label_of(reference: str) -> str:
    """Return the name of a data set on pages, with its classes if they are chosen; empty for an empty reference."""
    data = DataReference.parse(reference)
    config = DATASETS.get(data.dataset)
    name = (config.label if config else "") or data.root or data.dataset
    return f"{name} ({', '.join(data.options.classes)})" if data.options.classes else name


@lru_cache(maxsize=16)
def _open_files(data: DataReference, root: Path, stamps: tuple[Stamp, ...], split: Split, size: int) -> ClipDataset:
    from gte.data.file_clips import FileClips

    listing = resolve_name(DATASETS[data.dataset].source)(root, split, data.options)
    return FileClips(str(data), listing, data.options, size)


def _folder_stamps(root: Path) -> tuple[Stamp, ...]:
    """Return what changes when a file is added to or removed from a root or the folders of its splits and classes."""
    below = [Path(entry.path) for entry in os.scandir(root) if entry.is_dir()]
    classes = [Path(entry.path) for split in SPLITS for entry in _entries(root / split) if entry.is_dir()]
    return tuple(map(stamp, (root, *below, *classes)))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    if folder.is_dir():
        yield from os.scandir(folder)


__all__ = [
    "DATASETS",
    "ClipDataset",
    "DataOptions",
    "DataReference",
    "DatasetConfig",
    "Split",
    "is_rendered",
    "label_of",
    "labelled_split",
    "labelled_split_in_words",
    "open_dataset",
    "open_labelled",
]
