"""Experiments on files: from a checkpoint and a clip to the answers before and after a change."""

import plotly.graph_objects as go

from analysis.attribution.methods import find_evidence
from analysis.attribution.stored_clips import WIDTH, Explained, StoredClip
from analysis.interventions.accuracy import Network
from analysis.interventions.effects import Effect
from analysis.interventions.figures import CLIP_AS_FILMED, NETWORK_AS_TRAINED, frames_before_and_after
from analysis.interventions.kernel_edits import (
    SETTINGS,
    ChangedNetwork,
    answers,
    changes,
    mirror_law,
    mixes_frames,
    stored_starts,
)
from analysis.interventions.time_edits import TimeChoice, change_time, frame_numbers, in_words
from gte.checkpoint import load_model
from gte.checkpoint_header import read_header
from gte.data.loading import to_clip
from gte.models import temporal_layers


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


def explain_in_time(path: str, clip: StoredClip, choice: TimeChoice, layer: str, target: int) -> list[Explained]:
    """Compute Grad-CAM of a checkpoint for a class in a clip before and after a change of time."""
    model, header = load_model(path)
    stored, given = clip.read(header.num_frames, header.size)
    shown = {CLIP_AS_FILMED: stored[given], in_words(choice): change_time(stored, given, choice)}
    return [
        Explained(
            label=label,
            frames=frames,
            evidence=find_evidence("gradcam", model, to_clip(frames)[None], target, layer),
        )
        for label, frames in shown.items()
    ]


def explain_changed(
    path: str,
    clip: StoredClip,
    layer: str,
    target: int,
    setting: str,
    blend: float = 1.0,
    layers: list[str] | None = None,
) -> list[Explained]:
    """Compute Grad-CAM of a checkpoint for a class in a clip before and after a change of kernels."""
    model, header = load_model(path)
    stored, given = clip.read(header.num_frames, header.size)
    changed = changes(model, layers or list(temporal_layers(model)), setting, blend, stored_starts(path))
    networks = (NETWORK_AS_TRAINED, model), (SETTINGS[setting].in_words(blend), ChangedNetwork(model, changed))
    return [
        Explained(
            label=label,
            frames=stored[given],
            evidence=find_evidence("gradcam", network, to_clip(stored[given])[None], target, layer),
        )
        for label, network in networks
    ]


def frames_in_time(path: str, clip: StoredClip, choice: TimeChoice, width: float = WIDTH) -> go.Figure:
    """Draw the frames that a checkpoint is given of a clip before and after a change of time."""
    header = read_header(path)
    stored, given = clip.read(header.num_frames, header.size)
    changed = frame_numbers(given, len(stored), choice)
    return frames_before_and_after((stored[given], given), (stored[changed], changed), in_words(choice), width)
