"""The set of clips on which sanity checks are run, with the class of the evidence of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from gte.checkpoint_header import CheckpointHeader
from gte.data import is_here, open_labelled
from gte.data.loading import centre_frames, first_clips
from gte.data.motionpairs.dataset import MotionPairs

NUM_CLIPS: Final = 14
"""Clips of a set: the first of the test split, each of another scene, and in MotionPairs one of each class."""


@dataclass(frozen=True, kw_only=True)
class CheckClips:
    """Clips in the form that a network takes, each of another scene."""

    pixels: Float[Tensor, "n 3 t h w"]
    targets: tuple[int, ...]
    """The class of the evidence: the true class, or the predicted one for a network with other classes."""
    rivals: tuple[int, ...]
    """The reversed class of each target; the most probable other class where there is none."""

    def __len__(self) -> int:
        return len(self.targets)


def has_labels(header: CheckpointHeader) -> bool:
    """Whether the test clips of the network's data set are here and have its classes."""
    return is_here(header.dataset, header.classes)


def check_clips(model: nn.Module, header: CheckpointHeader, dataset: str, num_clips: int) -> CheckClips:
    """The first test clips of a data set, sampled as in evaluation; the model is left unchanged."""
    data = open_labelled(dataset, header.size)
    numbers = range(min(num_clips, len(data)))
    pixels = first_clips(data, len(numbers), header.num_frames)
    with torch.no_grad():
        logits = torch.cat([model(clip[None]) for clip in pixels])
    labelled = header.dataset == dataset and has_labels(header)
    targets = [data.label(index) for index in numbers] if labelled else logits.argmax(dim=1).tolist()
    rankings = logits.argsort(dim=1, descending=True).tolist()
    rivals = [rival_of(ranking, target, header.twins) for ranking, target in zip(rankings, targets, strict=True)]
    return CheckClips(pixels=pixels, targets=tuple(targets), rivals=tuple(rivals))


def masks(header: CheckpointHeader, num_clips: int) -> Bool[Tensor, "n t h w"]:
    """The visible pixels of the moving object in the first test clips of MotionPairs."""
    data = open_labelled(MotionPairs.name, header.size)
    assert isinstance(data, MotionPairs)
    numbers = [centre_frames(data, index, header.num_frames)[0] for index in range(num_clips)]
    return torch.from_numpy(np.stack([data.masks(index, which) for index, which in enumerate(numbers)]))


def default_dataset(header: CheckpointHeader) -> str:
    """The data set of the network if it is here with the same classes, or else MotionPairs."""
    return header.dataset if has_labels(header) else MotionPairs.name


def rival_of(ranking: Sequence[int], target: int, twins: tuple[int, ...]) -> int:
    """The reversed class of a class, or the most probable other one of a ranking; the class itself if it is the only
    one."""
    twin = twins[target] if target < len(twins) else -1
    if twin not in (-1, target):
        return twin
    return next((index for index in ranking if index != target), target)
