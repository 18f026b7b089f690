"""Clips lost without layers, for several pages: stored results, and a background job where none is stored."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from analysis import own_clips
from analysis.interventions import kernel_edits
from analysis.interventions.accuracy import Network
from analysis.interventions.kernel_edits import Starts
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import (
    NUM_CLIPS,
    Loss,
    layer_ablation,
    losses_by_layer,
    store_ablation,
    stored_ablation,
)
from analysis.progress import Report
from app import cache, checkpoints, jobs
from app.hashing import HASH_FUNCS
from gte.checkpoint_header import CheckpointHeader
from gte.files import stamp


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def starts(header: CheckpointHeader) -> Starts:
    """Return the untrained kernels of layers that do not hold them, as far as the file has them; never written to."""
    return kernel_edits.stored_starts(header.path)


def network(name: str, header: CheckpointHeader) -> Network:
    """A shared network for background jobs."""
    model, lock = cache.model_and_lock(header)
    return Network(name=name, model=model, lock=lock, starts=starts(header))


def labelled_clips(header: CheckpointHeader, num_clips: int = NUM_CLIPS) -> LabelledClips:
    """The first labelled clips of the data set of a network, or all if there are fewer."""
    return LabelledClips(
        dataset=own_clips.dataset_of(header),
        num_clips=own_clips.num_clips(header, num_clips),
        num_frames=header.num_frames,
        size=header.size,
    )


def stored_table(header: CheckpointHeader, clips: LabelledClips | None = None) -> pd.DataFrame | None:
    """Return `layer_ablation` of every layer if it is stored; the clips, by default the usual ones, can be missing."""
    return stored_ablation(header.path, clips or labelled_clips(header))


def offer_table(name: str, header: CheckpointHeader, clips: LabelledClips, label: str) -> pd.DataFrame | None:
    """Return `layer_ablation` of every layer if it is stored; else draw the job that computes it."""
    table = stored_ablation(header.path, clips)
    if table is not None:
        return table
    subject, is_kept = network(name, header), not checkpoints.is_uploaded(header)

    def work(report: Report) -> pd.DataFrame:
        computed = layer_ablation(subject, None, clips, report)
        if is_kept:
            store_ablation(header.path, computed, clips)
        return computed

    note = f"Each layer is replaced in turn, on {clips.in_words}."
    return jobs.offer(("ablation of all", stamp(header.path), clips), label, work, lane="slow", note=note)


def can_be_tested(header: CheckpointHeader) -> bool:
    """Return True for a network with temporal kernels whose labelled clips are here."""
    return bool(cache.temporal_layers(header)) and own_clips.has_labels(header)


def losses(header: CheckpointHeader) -> Mapping[str, Mapping[str, Loss]] | None:
    """Return the clips lost by layer and by setting of its kernels, if they are stored; None if they are not."""
    table = stored_table(header)
    return None if table is None else losses_by_layer(table)


def offer_losses(name: str, header: CheckpointHeader) -> Mapping[str, Mapping[str, Loss]] | None:
    """Return `losses` if they are stored; else draw the job that computes them, if the network can be tested."""
    if not can_be_tested(header):
        return losses(header)
    table = offer_table(name, header, labelled_clips(header), "Measure the importance of every layer")
    return None if table is None else losses_by_layer(table)
