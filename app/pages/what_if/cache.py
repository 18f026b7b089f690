"""Caches of the page What if: clips with changed time, logits and evidence of networks with changed kernels."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from jaxtyping import Float
from torch import Tensor

from analysis import interventions
from analysis.attribution.evidence import Evidence
from analysis.attribution.methods import find_evidence
from analysis.interventions import LabelledClips, Network, Step, TimeChoice
from analysis.interventions.cards import Examined, Footage
from analysis.interventions.kernel_edits import MirrorLaw, Starts
from app import cache, checkpoints
from app.clips import Clip, Filmed, Rendered, Source, clip_source
from app.hashing import HASH_FUNCS
from gte.checkpoint_header import CheckpointHeader
from gte.data import open_dataset
from gte.data.loading import to_clip
from gte.data.sampling import segment_indices
from gte.data.video.sources import Stretch

STORED_A_FRAME = 3
"""Frames of a reader's video that are read for each that a network sees, so that it can be slowed down."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The clip of the page."""

    source: Source
    stretch: Stretch

    def footage(self) -> Footage:
        """What snippets of code read."""
        match self.source:
            case Rendered(dataset=dataset, index=index, knows_label=knows_label):
                label = open_dataset(dataset, "test").label(index) if knows_label else None
                return Footage(name=dataset, stretch=self.stretch, index=index, shown=label)
            case Filmed(name=name, is_numbered=is_numbered):
                # Pictures are read from a folder, a dropped zip file's as well.
                name = Path(name).stem if is_numbered else name
                return Footage(name=name, stretch=self.stretch, stored_a_frame=STORED_A_FRAME)


def played(shown: Shown, header: CheckpointHeader, choice: TimeChoice | None = None) -> Clip:
    """The clip as a network sees it, with time changed if asked. Raises ValueError as `frame_numbers` does."""
    rendered = isinstance(shown.source, Rendered)
    num_stored = shown.stretch.num_frames if rendered else STORED_A_FRAME * header.num_frames
    stored = shown.source.clip(shown.stretch, num_stored, header.size, backwards=False)
    which = segment_indices(len(stored.frames), header.num_frames)
    places = which if choice is None else interventions.frame_numbers(which, len(stored.frames), choice)
    return stored.select(places)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def mixes_frames(header: CheckpointHeader) -> bool:
    """Return False for a network whose output does not depend on the order of the frames."""
    with cache.model_of(header) as model:
        return interventions.mixes_frames(model)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def starts(header: CheckpointHeader) -> Starts:
    """Return the untrained kernels of layers that do not hold them, as far as the file has them; never written to."""
    return interventions.stored_starts(header.path)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def settings_of(header: CheckpointHeader, layers: tuple[str, ...]) -> list[str]:
    """Return the settings that the kernels of all of these temporal layers have in common."""
    with cache.model_of(header) as model:
        return interventions.settings_for(model, layers, starts(header))


@dataclass(frozen=True, kw_only=True)
class Change:
    """A setting for the kernels of some layers."""

    layers: tuple[str, ...]
    step: Step


@st.cache_data(max_entries=256, show_spinner="Running the network with changed kernels", hash_funcs=HASH_FUNCS)
def changed_logits(header: CheckpointHeader, clip: Clip, change: Change) -> Float[Tensor, " classes"]:
    """Return a network's logits for a clip, with some kernels changed."""
    with cache.model_of(header) as model:
        changed = interventions.changes(model, change.layers, *change.step, starts(header))
        return interventions.answers(model, to_clip(clip.frames)[None], changed)[0]


@st.cache_data(max_entries=128, show_spinner="Computing evidence with changed kernels", hash_funcs=HASH_FUNCS)
def changed_evidence(header: CheckpointHeader, clip: Clip, target: int, block: str, change: Change) -> Evidence:
    """Return Grad-CAM of a network with some kernels changed."""
    with cache.model_of(header) as model:
        changed = interventions.changes(model, change.layers, *change.step, starts(header))
        network = interventions.ChangedNetwork(model, changed)
        return find_evidence("gradcam", network, to_clip(clip.frames)[None], target, block)


@st.cache_data(max_entries=128, show_spinner="Reversing every kernel", hash_funcs=HASH_FUNCS)
def mirror_law(header: CheckpointHeader, clip: Clip) -> MirrorLaw:
    """Return the logits of the network with every kernel reversed for the reversed clip, and the original ones."""
    with cache.model_of(header) as model:
        return interventions.mirror_law(model, to_clip(clip.frames)[None])


def network(name: str, header: CheckpointHeader) -> Network:
    """A shared network for work in the background."""
    model, lock = cache.model_and_lock(header)
    return Network(name=name, model=model, lock=lock, starts=starts(header))


def labelled_clips(header: CheckpointHeader, clips_a_class: int) -> LabelledClips:
    """The clips on which a network is right or wrong: the first test clips of each class of its data set."""
    source = clip_source(header)
    return LabelledClips(
        dataset=source.dataset,
        num_clips=clips_a_class * len(source.classes),
        num_frames=header.num_frames,
        size=header.size,
    )


def examined(name: str, header: CheckpointHeader, clips: LabelledClips) -> Examined:
    """A network and its labelled clips, as snippets of code make them."""
    return Examined(name=name, path=checkpoints.path_in_code(header), clips=clips)


def no_numbers(name: str, header: CheckpointHeader) -> str:
    """Why the answers of a network are no numbers, in a sentence."""
    tensors = cache.weights_not_numbers(header)
    reason = (
        f"its weights hold values that are none ({tensors[0]} first)" if tensors else "what it computes grows too large"
    )
    return f"{name} gives no answer that is a number, because {reason}; choose another network."
