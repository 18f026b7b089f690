"""Caches of the page What if: clips with changed time, logits and evidence of networks with changed kernels."""

from dataclasses import dataclass

import streamlit as st
from jaxtyping import Float
from torch import Tensor

from analysis.attribution.evidence import Evidence
from analysis.attribution.methods import find_evidence
from analysis.attribution.stored_clips import StoredClip
from analysis.interventions import kernel_edits
from analysis.interventions.accuracy import Step
from analysis.interventions.cards import Evaluated
from analysis.interventions.kernel_edits import ChangedNetwork, MirrorLaw
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.time_edits import TimeChoice, frame_numbers
from app import cache, checkpoints
from app.ablation import starts
from app.clips import Clip, Source
from app.hashing import HASH_FUNCS
from app.stored_clips import stored_clip
from gte.checkpoint_header import CheckpointHeader
from gte.data.loading import to_clip
from gte.data.sampling import segment_indices
from gte.data.video.sources import Stretch

FRAMES_PER_INPUT = 3
"""Frames of a video that are read for each input frame, so that it can be slowed down."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The clip of the page and the part of it that is used."""

    source: Source
    stretch: Stretch

    def stored(self) -> StoredClip:
        """The clip as snippets of code read it."""
        frames_per_input = None if self.source.is_rendered else FRAMES_PER_INPUT
        return stored_clip(self.source, self.stretch, frames_per_input=frames_per_input)


def played(shown: Shown, header: CheckpointHeader, choice: TimeChoice | None = None) -> Clip:
    """The frames given to a network, after the change of time if any. Raises ValueError as `frame_numbers` does."""
    num_stored = shown.stretch.num_frames if shown.source.is_rendered else FRAMES_PER_INPUT * header.num_frames
    stored = shown.source.clip(shown.stretch, num_stored, header.size, backwards=False)
    which = segment_indices(len(stored.frames), header.num_frames)
    places = which if choice is None else frame_numbers(which, len(stored.frames), choice)
    return stored.select(places)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def mixes_frames(header: CheckpointHeader) -> bool:
    """Return False for a network whose output does not depend on the order of the frames."""
    with cache.model_of(header) as model:
        return kernel_edits.mixes_frames(model)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def settings_of(header: CheckpointHeader, layers: tuple[str, ...]) -> list[str]:
    """Return the settings that the kernels of all of these temporal layers have in common."""
    with cache.model_of(header) as model:
        return kernel_edits.settings_for(model, layers, starts(header))


@dataclass(frozen=True, kw_only=True)
class Change:
    """A setting for the kernels of some layers."""

    layers: tuple[str, ...]
    step: Step


@st.cache_data(max_entries=256, show_spinner="Running the network with changed kernels", hash_funcs=HASH_FUNCS)
def changed_logits(header: CheckpointHeader, clip: Clip, change: Change) -> Float[Tensor, " classes"]:
    """Return a network's logits for a clip, with some kernels changed."""
    with cache.model_of(header) as model:
        changed = kernel_edits.changes(model, change.layers, *change.step, starts(header))
        return kernel_edits.answers(model, to_clip(clip.frames)[None], changed)[0]


@st.cache_data(max_entries=128, show_spinner="Computing evidence with changed kernels", hash_funcs=HASH_FUNCS)
def changed_evidence(header: CheckpointHeader, clip: Clip, target: int, block: str, change: Change) -> Evidence:
    """Return Grad-CAM of a network with some kernels changed."""
    with cache.model_of(header) as model:
        changed = kernel_edits.changes(model, change.layers, *change.step, starts(header))
        network = ChangedNetwork(model, changed)
        return find_evidence("gradcam", network, to_clip(clip.frames)[None], target, block)


@st.cache_data(max_entries=128, show_spinner="Reversing every kernel", hash_funcs=HASH_FUNCS)
def mirror_law(header: CheckpointHeader, clip: Clip) -> MirrorLaw:
    """Return the logits of the network with every kernel reversed for the reversed clip, and the original ones."""
    with cache.model_of(header) as model:
        return kernel_edits.mirror_law(model, to_clip(clip.frames)[None])


def evaluated(name: str, header: CheckpointHeader, clips: LabelledClips) -> Evaluated:
    """A network and its labelled clips, as snippets of code make them."""
    return Evaluated(name=name, path=checkpoints.path_in_code(header), clips=clips)


def explain_not_numbers(name: str, header: CheckpointHeader) -> str:
    """Why the output of a network is not a number, in a sentence."""
    tensors = cache.weights_not_numbers(header)
    reason = f"some of its weights are not ({tensors[0]} first)" if tensors else "its values grow too large"
    return f"The output of {name} is not a number, because {reason}; choose another network."
