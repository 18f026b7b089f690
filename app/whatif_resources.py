"""The caches of the page What if: clips with time changed, answers and evidence of networks with changed kernels."""

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from jaxtyping import Float, Int
from torch import Tensor

from analysis import attribution, interventions
from analysis.attribution import Evidence
from analysis.interventions import LabelledClips, Network, TimeChoice
from analysis.interventions.settings import MirrorLaw
from app import resources
from app.resources import Clip, Stamp, Video
from gte.checkpoint import CheckpointHeader
from gte.data import DATASETS
from gte.data.sampling import segment_indices
from gte.data.transforms import to_clip

STORED_A_FRAME = 3
"""Frames of a reader's video that are read for each that a network sees, so that it can be slowed down."""
CLIPS_A_CLASS = 4


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the page's clip comes from: a data set's test clip of a class, or the reader's own video."""

    dataset: str
    index: int
    video: Video | None
    labelled: bool
    """True if the clip's class is one of the network's."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """A clip as a network sees it, and where its frames come from."""

    clip: Clip
    places: Int[np.ndarray, " t"]
    """For each frame, the number of the stored frame that it shows."""


def played(source: Source, header: CheckpointHeader, choice: TimeChoice | None = None) -> Played:
    """The clip as a network sees it, with time changed if asked. Raises ValueError as `frame_numbers` does."""
    if source.video is not None:
        stored = resources.video_clip(source.video, STORED_A_FRAME * header.num_frames, header.size)
    else:
        num_stored = DATASETS[source.dataset].num_frames
        stored = resources.dataset_clip(source.dataset, source.index, num_stored, header.size)
    which = segment_indices(len(stored.frames), header.num_frames)
    places = which if choice is None else interventions.frame_numbers(which, len(stored.frames), choice)
    clip = replace(
        stored,
        digest=f"{stored.digest} {places.tolist()}",
        frames=stored.frames[places],
        indices=stored.indices[places],
        label=stored.label if source.labelled else None,
    )
    return Played(clip=clip, places=places)


@st.cache_data(max_entries=64, show_spinner=False)
def _mixes_frames(file: Stamp, _header: CheckpointHeader) -> bool:
    with resources.model_of(_header) as model:
        return interventions.mixes_frames(model)


def mixes_frames(header: CheckpointHeader) -> bool:
    """False for a network whose answer no order of frames changes."""
    return _mixes_frames(resources.stamp(header.path), header)


@st.cache_data(max_entries=64, show_spinner=False)
def _settings(file: Stamp, _header: CheckpointHeader) -> list[str]:
    with resources.model_of(_header) as model:
        return interventions.settings_for(model)


def settings_of(header: CheckpointHeader) -> list[str]:
    """What the kernels over time of a network can be set to; nothing if it has none."""
    return _settings(resources.stamp(header.path), header)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What layers of a network are set to."""

    layers: tuple[str, ...]
    setting: str
    blend: float


@st.cache_data(max_entries=256, show_spinner="Asking the network with other kernels")
def _changed_logits(
    file: Stamp, digest: str, change: Change, _header: CheckpointHeader, _clip: Clip
) -> Float[Tensor, " classes"]:
    with resources.model_of(_header) as model:
        changed = interventions.changes(model, change.layers, change.setting, change.blend)
        return interventions.answers(model, to_clip(_clip.frames)[None], changed)[0]


def changed_logits(header: CheckpointHeader, clip: Clip, change: Change) -> Float[Tensor, " classes"]:
    """A network's answer to a clip with some kernels set to something else."""
    return _changed_logits(resources.stamp(header.path), clip.digest, change, header, clip)


@st.cache_data(max_entries=128, show_spinner="Looking for evidence with other kernels")
def _changed_evidence(
    file: Stamp, digest: str, target: int, block: str, change: Change, _header: CheckpointHeader, _clip: Clip
) -> Evidence:
    with resources.model_of(_header) as model:
        changed = interventions.changes(model, change.layers, change.setting, change.blend)
        network = interventions.ChangedNetwork(model, changed)
        return attribution.METHODS["gradcam"].attribute(network, to_clip(_clip.frames)[None], target, block)


def changed_evidence(header: CheckpointHeader, clip: Clip, target: int, block: str, change: Change) -> Evidence:
    """Grad-CAM of a network with some kernels set to something else."""
    return _changed_evidence(resources.stamp(header.path), clip.digest, target, block, change, header, clip)


@st.cache_data(max_entries=128, show_spinner="Mirroring the network")
def _mirror_law(file: Stamp, digest: str, _header: CheckpointHeader, _clip: Clip) -> MirrorLaw:
    with resources.model_of(_header) as model:
        return interventions.mirror_law(model, to_clip(_clip.frames)[None])


def mirror_law(header: CheckpointHeader, clip: Clip) -> MirrorLaw:
    """What mirroring every kernel of a network does to the reversed clip."""
    return _mirror_law(resources.stamp(header.path), clip.digest, header, clip)


def network(name: str, header: CheckpointHeader) -> Network:
    """A shared network for work in the background."""
    model, lock = resources.model_and_lock(header)
    return Network(name=name, model=model, lock=lock)


def labelled_clips(header: CheckpointHeader) -> LabelledClips:
    """The clips on which a network is right or wrong: a few test clips of each class of its data set."""
    source = resources.clip_source(header)
    return LabelledClips(
        dataset=source.dataset,
        num_clips=CLIPS_A_CLASS * len(source.classes),
        num_frames=header.num_frames,
        size=header.size,
    )


def no_numbers(name: str, header: CheckpointHeader) -> str:
    """Why the answers of a network are no numbers, in a sentence."""
    tensors = resources.weights_not_numbers(header)
    reason = (
        f"its weights hold values that are none ({tensors[0]} first)" if tensors else "what it computes grows too large"
    )
    return f"{name} gives no answer that is a number, because {reason}; choose another network."
