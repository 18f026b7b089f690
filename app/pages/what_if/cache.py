"""The caches of the page What if: clips with time changed, answers and evidence of networks with changed kernels."""

from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st
from jaxtyping import Float
from torch import Tensor

from analysis import attribution, interventions
from analysis.attribution import Evidence
from analysis.interventions import LabelledClips, Network, Step, TimeChoice
from analysis.interventions.cards import Examined, Footage
from analysis.interventions.kernel_edits import MirrorLaw, Starts
from app import cache, cards
from app.cache import Clip, Stamp
from app.clips import Filmed, Rendered, Source
from gte.checkpoint import CheckpointHeader
from gte.data import open_dataset
from gte.data.sampling import segment_indices
from gte.data.transforms import to_clip
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
    return replace(
        stored,
        digest=f"{stored.digest} {places.tolist()}",
        frames=stored.frames[places],
        indices=stored.indices[places],
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _mixes_frames(file: Stamp, _header: CheckpointHeader) -> bool:
    with cache.model_of(_header) as model:
        return interventions.mixes_frames(model)


def mixes_frames(header: CheckpointHeader) -> bool:
    """False for a network whose answer no order of frames changes."""
    return _mixes_frames(cache.stamp(header.path), header)


@st.cache_resource(max_entries=16, show_spinner=False)
def _starts(file: Stamp) -> dict[str, Tensor]:
    return interventions.stored_starts(file[0])


def starts(header: CheckpointHeader) -> Starts:
    """What the layers of a network began with that do not know it themselves, as far as its file does."""
    return _starts(cache.stamp(header.path))


@st.cache_data(max_entries=64, show_spinner=False)
def _settings(file: Stamp, layers: tuple[str, ...], _header: CheckpointHeader) -> list[str]:
    with cache.model_of(_header) as model:
        return interventions.settings_for(model, layers, starts(_header))


def settings_of(header: CheckpointHeader, layers: tuple[str, ...]) -> list[str]:
    """What the kernels of each of these temporal layers can be set to; nothing if there is none."""
    return _settings(cache.stamp(header.path), layers, header)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What layers of a network are set to."""

    layers: tuple[str, ...]
    step: Step


@st.cache_data(max_entries=256, show_spinner="Asking the network with other kernels")
def _changed_logits(
    file: Stamp, digest: str, change: Change, _header: CheckpointHeader, _clip: Clip
) -> Float[Tensor, " classes"]:
    with cache.model_of(_header) as model:
        changed = interventions.changes(model, change.layers, *change.step, starts(_header))
        return interventions.answers(model, to_clip(_clip.frames)[None], changed)[0]


def changed_logits(header: CheckpointHeader, clip: Clip, change: Change) -> Float[Tensor, " classes"]:
    """A network's answer to a clip with some kernels set to something else."""
    return _changed_logits(cache.stamp(header.path), clip.digest, change, header, clip)


@st.cache_data(max_entries=128, show_spinner="Looking for evidence with other kernels")
def _changed_evidence(
    file: Stamp, digest: str, target: int, block: str, change: Change, _header: CheckpointHeader, _clip: Clip
) -> Evidence:
    with cache.model_of(_header) as model:
        changed = interventions.changes(model, change.layers, *change.step, starts(_header))
        network = interventions.ChangedNetwork(model, changed)
        return attribution.METHODS["gradcam"].attribute(network, to_clip(_clip.frames)[None], target, block)


def changed_evidence(header: CheckpointHeader, clip: Clip, target: int, block: str, change: Change) -> Evidence:
    """Grad-CAM of a network with some kernels set to something else."""
    return _changed_evidence(cache.stamp(header.path), clip.digest, target, block, change, header, clip)


@st.cache_data(max_entries=128, show_spinner="Mirroring the network")
def _mirror_law(file: Stamp, digest: str, _header: CheckpointHeader, _clip: Clip) -> MirrorLaw:
    with cache.model_of(_header) as model:
        return interventions.mirror_law(model, to_clip(_clip.frames)[None])


def mirror_law(header: CheckpointHeader, clip: Clip) -> MirrorLaw:
    """What mirroring every kernel of a network does to the reversed clip."""
    return _mirror_law(cache.stamp(header.path), clip.digest, header, clip)


def network(name: str, header: CheckpointHeader) -> Network:
    """A shared network for work in the background."""
    model, lock = cache.model_and_lock(header)
    return Network(name=name, model=model, lock=lock, starts=starts(header))


def labelled_clips(header: CheckpointHeader, clips_a_class: int) -> LabelledClips:
    """The clips on which a network is right or wrong: the first test clips of each class of its data set."""
    source = cache.clip_source(header)
    return LabelledClips(
        dataset=source.dataset,
        num_clips=clips_a_class * len(source.classes),
        num_frames=header.num_frames,
        size=header.size,
    )


def examined(name: str, header: CheckpointHeader, clips: LabelledClips) -> Examined:
    """A network and its labelled clips, as snippets of code make them."""
    return Examined(name=name, path=cards.path_in_code(header), clips=clips)


def no_numbers(name: str, header: CheckpointHeader) -> str:
    """Why the answers of a network are no numbers, in a sentence."""
    tensors = cache.weights_not_numbers(header)
    reason = (
        f"its weights hold values that are none ({tensors[0]} first)" if tensors else "what it computes grows too large"
    )
    return f"{name} gives no answer that is a number, because {reason}; choose another network."
