"""Clips with their classes, on which the answers of networks are judged."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from analysis.interventions.kernel_edits import BATCH
from analysis.interventions.time_edits import TimeChoice, frame_numbers
from gte.data import label_of, labelled_split_in_words, open_labelled
from gte.data.sampling import segment_frames

MAX_KEPT_BYTES = 256_000_000
"""Size of the frames of all clips up to which they are kept; larger ones are read again for each pass."""

Batch = UInt8[np.ndarray, "_ t h w 3"]


class Truth(Protocol):
    """What is known of labelled clips, without their frames."""

    @property
    def num_clips(self) -> int: ...

    def labels(self) -> Int[Tensor, " n"]:
        """The class of every clip."""
        ...

    def twins(self) -> Int[Tensor, " n"]:
        """The reversed class of every clip, or -1."""
        ...

    def scenes(self) -> Int[np.ndarray, " n"]:
        """The scene of every clip; a clip and its reversal show the same one."""
        ...


@dataclass(frozen=True, kw_only=True)
class LabelledClips:
    """The first clips of a data set's labelled split, in the form that a network takes."""

    dataset: str
    num_clips: int
    num_frames: int
    """Input frames of the network."""
    size: int
    """Side in pixels."""

    @property
    def in_words(self) -> str:
        """Their number and split: "56 test clips"."""
        clips = "clip" if self.num_clips == 1 else "clips"
        return f"{self.num_clips} {labelled_split_in_words(self.dataset)} {clips}"

    @property
    def num_classes(self) -> int:
        """Number of classes of the data set."""
        return len(open_labelled(self.dataset, self.size).classes)

    @property
    def are_all(self) -> bool:
        """True if the data set has no other labelled clips."""
        return self.num_clips == len(open_labelled(self.dataset, self.size).present)

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of the clips in the data set, without those whose files are missing."""
        return open_labelled(self.dataset, self.size).present[: self.num_clips]

    def labels(self) -> Int[Tensor, " n"]:
        """The class of every clip."""
        return torch.tensor(_labels_and_scenes(self)[0])

    def scenes(self) -> Int[np.ndarray, " n"]:
        """The scene of every clip; a clip and its reversal show the same one."""
        return np.array(_labels_and_scenes(self)[1])

    def twins(self) -> Int[Tensor, " n"]:
        """The reversed class of every clip, or -1."""
        return torch.tensor(open_labelled(self.dataset, self.size).twins)[self.labels()]

    def batches(self, choice: TimeChoice | None = None) -> Iterator[Batch]:
        """The frames of the clips in RGB, with a change of time if there is one."""
        data = open_labelled(self.dataset, self.size)

        def shown(seconds: Float[np.ndarray, " n"], end: float | None) -> Int[np.ndarray, " t"]:
            which = segment_frames(seconds, self.num_frames, end)
            return which if choice is None else frame_numbers(which, len(seconds), choice)

        for first in range(0, self.num_clips, BATCH):
            yield np.stack([data.sample(index, shown)[1] for index in self.numbers[first : first + BATCH]])

    def describe(self) -> str:
        """Return, in words, the number of clips, in all and per class, the share of one, and what is missing."""
        counts = torch.bincount(self.labels(), minlength=self.num_classes)
        least, most = int(counts.min()), int(counts.max())
        each = "equally many" if least == most else f"{least} to {most}"
        data = open_labelled(self.dataset, self.size)
        missing = len(data) - len(data.present)
        note = f" Left out of all {len(data)}, because their file is not here: {missing}." if missing else ""
        return (
            f"{self.in_words} of {label_of(self.dataset)}, {each} per class: one clip is "
            f"{100 / self.num_clips:.{3 if self.num_clips == 1 else 2}g} %.{note}"
        )

    def as_filmed(self) -> Iterable[Batch]:
        """The frames of the clips, for any number of passes."""
        num_bytes = self.num_clips * self.num_frames * self.size**2 * 3
        return tuple(self.batches()) if num_bytes <= MAX_KEPT_BYTES else _ReadEachTime(self)


@lru_cache(maxsize=16)
def _labels_and_scenes(clips: LabelledClips) -> tuple[list[int], list[int]]:
    """The class and the scene of every clip."""
    data = open_labelled(clips.dataset, clips.size)
    return [data.label(index) for index in clips.numbers], [data.scene_number(index) for index in clips.numbers]


@dataclass(frozen=True)
class _ReadEachTime:
    """Clips that are read again in each pass."""

    clips: LabelledClips

    def __iter__(self) -> Iterator[Batch]:
        return self.clips.batches()
