"""The set of clips on which sanity checks are run, with the class of the evidence of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from analysis.own_clips import has_labels
from gte.checkpoint_header import CheckpointHeader
from gte.data import open_labelled
from gte.data.loading import centre_frames, first_clips
from gte.data.motionpairs.dataset import MotionPairs

REVERSED: Final = "reversed class"
NUM_CLIPS: Final = 14
"""Clips of a set: the first of the labelled split, each of another scene, and in MotionPairs one of each class."""


@dataclass(frozen=True, kw_only=True)
class CheckClips:
    """Clips in the form that a network takes, each of another scene."""

    pixels: Float[Tensor, "n 3 t h w"]
    targets: tuple[int, ...]
    """The class of the evidence: the true class, or the predicted one for a network with other classes."""
    rivals: tuple[int, ...]
    """The reversed class of each target; the most probable other class where there is none."""
    rival: str = REVERSED
    """The rivals in words."""

    def __len__(self) -> int:
        return len(self.targets)


def check_clips(model: nn.Module, header: CheckpointHeader, dataset: str, num_clips: int) -> CheckClips:
    """The first labelled clips of a data set, sampled as in evaluation; the model is left unchanged."""
    data = open_labelled(dataset, header.size)
    numbers = data.present[:num_clips]
    pixels = first_clips(data, len(numbers), header.num_frames)
    with torch.no_grad():
        logits = torch.cat([model(clip[None]) for clip in pixels])
    labelled = header.dataset == dataset and has_labels(header)
    targets = [data.label(index) for index in numbers] if labelled else logits.argmax(dim=1).tolist()
    rankings = logits.argsort(dim=1, descending=True).tolist()
    rivals = [rival_of(ranking, target, header.twins) for ranking, target in zip(rankings, targets, strict=True)]
    words = rival_in_words(targets, header.twins)
    return CheckClips(pixels=pixels, targets=tuple(targets), rivals=tuple(rivals), rival=words)


def masks(header: CheckpointHeader, num_clips: int) -> Bool[Tensor, "n t h w"]:
    """The visible pixels of the moving object in the first test clips of MotionPairs."""
    data = open_labelled(MotionPairs.entry, header.size)
    assert isinstance(data, MotionPairs)
    numbers = [centre_frames(data, index, header.num_frames)[0] for index in range(num_clips)]
    return torch.from_numpy(np.stack([data.masks(index, which) for index, which in enumerate(numbers)]))


def rival_of(ranking: Sequence[int], target: int, twins: tuple[int, ...]) -> int:
    """The reversed class of a class, or the most probable other one of a ranking; the class itself if it is the only
    one."""
    if _has_twin(target, twins):
        return twins[target]
    return next((index for index in ranking if index != target), target)


def rival_in_words(targets: Sequence[int], twins: tuple[int, ...]) -> str:
    """The rivals of these classes in words, by how many of them have a reversed class."""
    with_twin = sum(_has_twin(target, twins) for target in targets)
    if with_twin == len(targets):
        return REVERSED
    return f"reversed or next class ({with_twin} of {len(targets)} reversed)" if with_twin else "next class"


def _has_twin(target: int, twins: tuple[int, ...]) -> bool:
    return target < len(twins) and twins[target] not in (-1, target)
