"""Experiments on files: from a checkpoint and a clip to the answers before and after a change."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from analysis.interventions.accuracy import Network
from analysis.interventions.effects import Effect
from analysis.interventions.kernel_edits import answers, changes, mirror_law, mixes_frames, stored_starts
from analysis.interventions.time_edits import TimeChoice, change_time
from gte.checkpoint import load_model
from gte.data import open_dataset
from gte.data.loading import to_clip
from gte.data.sampling import segment_indices
from gte.data.video.sources import Stretch, open_footage
from gte.models import temporal_layers


@dataclass(frozen=True, kw_only=True)
class StoredClip:
    """A clip of a file or of a data set, and the frames that are read from it."""

    name: str
    """A video file, or a data set."""
    stretch: Stretch
    frames_per_input: int | None = None
    """Frames read for each input frame, so that a change of time has some to choose from; None for all."""
    index: int | None = None
    """Which test clip of the data set; None for a file."""
    label: int | None = None
    """Its true class, if it is known."""

    def read(self, num_frames: int, size: int) -> tuple[UInt8[np.ndarray, "s h w 3"], Int[np.ndarray, " t"]]:
        """Read the frames, and return with them which ones a network with so many input frames is given."""
        count = self.stretch.num_frames if self.frames_per_input is None else self.frames_per_input * num_frames
        numbers = self.stretch.sample(count)
        if self.index is None:
            stored = open_footage(Path(self.name)).read(numbers, size=size)
        else:
            stored = open_dataset(self.name, "test", size).frames(self.index, numbers)
        return stored, segment_indices(len(stored), num_frames)


def load_network(name: str, path: str) -> Network:
    """Load a network for `time_accuracy`, `settings_accuracy` and `layer_ablation`."""
    return Network(name=name, model=load_model(path)[0], starts=stored_starts(path))


def time_effect(name: str, path: str, clip: StoredClip, choice: TimeChoice) -> Effect:
    """The answers of a checkpoint to a clip before and after a change of time."""
    model, header = load_model(path)
    stored, given = clip.read(header.num_frames, header.size)
    shown = stored[given], change_time(stored, given, choice)
    before, after = (answers(model, to_clip(frames)[None], {})[0] for frames in shown)
    return Effect(
        network=name,
        classes=header.classes,
        twins=header.twins,
        before=before,
        after=after,
        shown=clip.label,
        mixes_frames=mixes_frames(model),
    )


def kernel_effect(
    name: str, path: str, clip: StoredClip, setting: str, blend: float = 1.0, layers: list[str] | None = None
) -> Effect:
    """The answers of a checkpoint to a clip before and after a change of kernels, by default in every layer."""
    model, header = load_model(path)
    stored, given = clip.read(header.num_frames, header.size)
    changed = changes(model, layers or list(temporal_layers(model)), setting, blend, stored_starts(path))
    before, after = (answers(model, to_clip(stored[given])[None], weights)[0] for weights in ({}, changed))
    return Effect(
        network=name,
        classes=header.classes,
        twins=header.twins,
        before=before,
        after=after,
        shown=clip.label,
        mixes_frames=mixes_frames(model),
    )


def mirror_effects(path: str, clip: StoredClip) -> list[Effect]:
    """The answers of a checkpoint to a clip, before and after reversing the clip, and its kernels as well."""
    model, header = load_model(path)
    stored, given = clip.read(header.num_frames, header.size)
    return mirror_law(model, to_clip(stored[given])[None]).effects(header.classes, header.twins, clip.label)
