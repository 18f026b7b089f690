"""Sanity checks of one stored clip, from the file of a checkpoint, as snippets of code run them."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from jaxtyping import UInt8

from analysis.attribution.methods import find_evidence
from analysis.attribution.sanity_checks.clips import CheckClips, rival_in_words
from analysis.attribution.sanity_checks.deletion_insertion import DeletionInsertion, delete_and_insert
from analysis.attribution.sanity_checks.frame_order import ReorderedClip, change_frame_order
from analysis.attribution.stored_clips import Explained, StoredClip
from gte.checkpoint import load_model
from gte.data.loading import to_clip


def delete_from_clip(
    path: str, clip: StoredClip, method: str, layer: str, target: int, rival: int
) -> DeletionInsertion:
    """Delete and insert pixels of one clip; `rival` is the class whose map is compared."""
    model, header = load_model(path)
    pixels = to_clip(clip.frames(header.num_frames, header.size))[None]
    clips = CheckClips(pixels=pixels, targets=(target,), rivals=(rival,), rival=rival_in_words((target,), header.twins))
    return delete_and_insert(model, clips, partial(find_evidence, method, layer=layer), layer)


def reorder_clip(path: str, clip: StoredClip, method: str, layer: str, target: int) -> Sequence[Explained]:
    """Return one clip in order, shuffled and frozen, with the evidence of each."""
    model, header = load_model(path)
    frames = clip.frames(header.num_frames, header.size)
    explain = partial(find_evidence, method, layer=layer)
    return rows_of(change_frame_order(model, to_clip(frames)[None], target, explain), frames)


def rows_of(result: ReorderedClip, frames: UInt8[np.ndarray, "t h w 3"]) -> Sequence[Explained]:
    """Return the rows of a strip for a clip in order, shuffled and frozen; `frames` are those in order."""
    versions = (result.original, result.shuffled, result.frozen)
    return [
        Explained(label=version.name, frames=frames[list(version.frames)], evidence=version.evidence)
        for version in versions
    ]
