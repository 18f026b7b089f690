"""Batches of a data set.

Every random choice is a function of (seed, epoch, index), so that a resumed run equals an uninterrupted one, whatever
the number of workers.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from gte.data import ClipDataset
from gte.data.augmentation import Augmentation, multi_scale_crop
from gte.data.opencv import cv2
from gte.data.sampling import segment_frames
from gte.data.views import Views
from gte.errors import DatasetError, VideoError

ORDER_STREAM = 0
CLIP_STREAM = 1
MAX_REPLACED = 20
"""Clips drawn for one place that cannot be read, after which training stops."""
ONE_VIEW = Views()
NO_FRAMES = np.empty((0, 1, 1, 3), np.uint8)


def to_clip(frames: UInt8[np.ndarray, "t h w 3"]) -> Float[Tensor, "3 t h w"]:
    """Convert RGB frames to a float clip in [0, 1]. The network normalises inside."""
    return to_clips(torch.from_numpy(np.ascontiguousarray(frames))[None])[0]


def to_clips(frames: UInt8[Tensor, "n t h w 3"]) -> Float[Tensor, "n 3 t h w"]:
    """Convert a batch of RGB frames to float clips in [0, 1]."""
    return frames.permute(0, 4, 1, 2, 3).float().div_(255)


def first_clips(dataset: ClipDataset, count: int, num_frames: int) -> Float[Tensor, "n 3 t h w"]:
    """Return the first clips of a data set that are here, as a network of so many input frames takes them."""
    return torch.stack([to_clip(centre_frames(dataset, index, num_frames)[1]) for index in dataset.present[:count]])


def centre_frames(
    dataset: ClipDataset, index: int, num_frames: int
) -> tuple[Int[np.ndarray, " t"], UInt8[np.ndarray, "t h w 3"]]:
    """Return the frames at the centres of equal parts of a clip's time, which evaluation shows, and their numbers."""
    return dataset.sample(index, lambda seconds, end: segment_frames(seconds, num_frames, end))


@dataclass(frozen=True)
class Batch:
    """Decoded clips and their classes."""

    frames: UInt8[Tensor, "n t h w 3"]
    labels: Int[Tensor, " n"]
    indices: Int[Tensor, " n"]
    """Their numbers in the data set."""
    problems: tuple[str, ...] = ()
    """Why other clips could not be read, a sentence for each."""
    error: str = ""
    """Why the work cannot go on: what a worker raises would reach a reader as a traceback."""


class Sample(NamedTuple):
    """A clip, or why there is none."""

    frames: UInt8[np.ndarray, "t h w 3"]
    """None of them for a clip that could not be read."""
    label: int
    index: int
    problems: Sequence[str] = ()
    error: str = ""
    """Why the work cannot go on."""


class TrainingClips(Dataset[Sample]):
    """Clips for training, of those that are here: one random frame per segment, changed as `augment` says.

    Another clip takes the place of one that cannot be read.
    """

    def __init__(
        self, dataset: ClipDataset, num_segments: int, seed: int, augment: Augmentation = "flip", size: int = 0
    ) -> None:
        self.dataset = dataset
        self.num_segments = num_segments
        self.seed = seed
        self.augment: Augmentation = augment
        self.size = size
        self.present = dataset.present
        if not self.present:
            raise DatasetError(f"None of the {len(dataset)} clips of {dataset.name} is there; check the folder.")

    def __len__(self) -> int:
        return len(self.present)

    def __getitem__(self, where: tuple[int, int]) -> Sample:
        epoch, number = where
        index = self.present[number]
        rng = np.random.default_rng((self.seed, CLIP_STREAM, epoch, index))
        problems: list[str] = []
        while True:
            try:
                return Sample(*self._read(index, rng), index, problems)
            except VideoError as error:
                problems.append(f"{self.dataset.clip_id(index)}: {error}")
                if len(problems) == MAX_REPLACED:
                    text = f"{MAX_REPLACED} clips of {self.dataset.name}, drawn one after another, cannot be read. The "
                    return Sample(NO_FRAMES, 0, index, error=f"{text}last is {problems[-1]}")
                index = self.present[int(rng.integers(len(self)))]

    def _read(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        is_cropped = self.augment == "multi-scale"
        # Drawn here, because a data set may ask several times which frames are to be read.
        part = rng.random(self.num_segments)
        _, frames = self.dataset.sample(
            index, lambda seconds, end: segment_frames(seconds, self.num_segments, end, part), whole=is_cropped
        )
        label, flip = self.dataset.label(index), self.dataset.flip
        if self.augment != "none" and flip is not None and rng.random() < 0.5:
            frames, label = np.ascontiguousarray(frames[:, :, ::-1]), flip[label]
        return (multi_scale_crop(frames, self.size, rng) if is_cropped else frames), label


class EvaluationClips(Dataset[Sample]):
    """Clips for evaluation, each as often as there are views: item i is view i % views of clip i // views.

    With `reverse` the frames are in reverse order. A clip that cannot be read raises VideoError, or is left out.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        num_segments: int,
        views: Views = ONE_VIEW,
        *,
        size: int = 0,
        reverse: bool = False,
        allow_missing: bool = False,
    ) -> None:
        self.dataset = dataset
        self.num_segments = num_segments
        self.views = views
        self.size = size
        self.reverse = reverse
        self.allow_missing = allow_missing

    def __len__(self) -> int:
        return len(self.dataset) * len(self.views)

    def __getitem__(self, item: int) -> Sample:
        index, view = divmod(item, len(self.views))
        label = self.dataset.label(index)
        try:
            frames = self.views.read(self.dataset, index, view, self.num_segments, self.size)
        except VideoError as error:
            problem = f"{self.dataset.clip_id(index)}: {error}"
            if not self.allow_missing:
                problem = f"{problem} To evaluate without such clips, give --allow-missing."
                return Sample(NO_FRAMES, label, index, error=problem)
            return Sample(NO_FRAMES, label, index, (problem,))
        return Sample(np.ascontiguousarray(frames[::-1]) if self.reverse else frames, label, index)


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """The (epoch, index) pairs of each batch of a whole training, from its step `first_step` on.

    Epochs take `clips_per_epoch` clips in turn from an endless sequence of seeded permutations of the data set, so
    that every clip is used equally often. A step takes `accumulate` batches in each of `world_size` processes, and
    each batch every (accumulate * world_size)-th clip of the step's: two processes take the two halves that one
    process accumulates.
    """

    def __init__(
        self,
        num_clips: int,
        *,
        clips_per_epoch: int,
        batch_size: int,
        num_epochs: int,
        accumulate: int = 1,
        first_step: int = 0,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.num_clips = num_clips
        self.clips_per_epoch = clips_per_epoch
        self.num_epochs = num_epochs
        self.accumulate = accumulate
        self.first_step = first_step
        self.seed = seed
        self.rank = rank
        self.batches_per_step = accumulate * world_size
        self.clips_per_step = batch_size * self.batches_per_step

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps, of batches of the same size, which BatchNorm and the learning rate depend on."""
        return self.clips_per_epoch // self.clips_per_step

    def __len__(self) -> int:
        return (self.num_epochs * self.steps_per_epoch - self.first_step) * self.accumulate

    def order(self, position: int) -> int:
        """Return the clip at a position of the endless sequence."""
        turn, place = divmod(position, self.num_clips)
        if getattr(self, "_turn", None) != turn:
            self._turn = turn
            self._permutation = np.random.default_rng((self.seed, ORDER_STREAM, turn)).permutation(self.num_clips)
        return int(self._permutation[place])

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in range(self.first_step, self.num_epochs * self.steps_per_epoch):
            epoch, number = divmod(step, self.steps_per_epoch)
            start = epoch * self.clips_per_epoch + number * self.clips_per_step
            for part in range(self.accumulate):
                first = self.rank * self.accumulate + part
                yield [
                    (epoch, self.order(start + offset))
                    for offset in range(first, self.clips_per_step, self.batches_per_step)
                ]


def load(
    clips: Dataset[Any],
    *,
    num_workers: int,
    batches: Sampler[Any] | None = None,
    batch_size: int = 32,
) -> DataLoader[Batch]:
    """Return a loader over a sampler of batches, or over all clips in order, `batch_size` at a time."""
    sampling: dict[str, Any] = {"batch_sampler": batches} if batches is not None else {"batch_size": batch_size}
    return DataLoader(
        clips,
        **sampling,
        num_workers=num_workers,
        collate_fn=_collate,
        worker_init_fn=_start_worker,
        prefetch_factor=4 if num_workers else None,
        # A forked worker inherits OpenCV's pool without its threads, and would wait for them for ever.
        multiprocessing_context="spawn" if num_workers else None,
    )


def batches_of(loader: DataLoader[Batch]) -> Iterator[Batch]:
    """Start loader workers that ignore SIGINT: Ctrl-C reaches every process, and the caller handles it.

    The iterator raises VideoError for a clip that is needed and cannot be read.
    """
    if threading.current_thread() is not threading.main_thread():
        return map(_checked, loader)
    # A process ignores from its start the signals that its parent ignores.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return map(_checked, loader)
    finally:
        signal.signal(signal.SIGINT, handler)


def _checked(batch: Batch) -> Batch:
    if batch.error:
        raise VideoError(batch.error)
    return batch


def _collate(samples: Sequence[Sample]) -> Batch:
    read = [sample for sample in samples if len(sample.frames)]
    problems = tuple(dict.fromkeys(problem for sample in samples for problem in sample.problems))
    frames = [torch.from_numpy(sample.frames) for sample in read]
    return Batch(
        torch.stack(frames) if frames else torch.empty((0, 1, 1, 1, 3), dtype=torch.uint8),
        torch.tensor([sample.label for sample in read], dtype=torch.int64),
        torch.tensor([sample.index for sample in read], dtype=torch.int64),
        problems,
        next((sample.error for sample in samples if sample.error), ""),
    )


def _start_worker(_: int) -> None:
    cv2.setNumThreads(1)
