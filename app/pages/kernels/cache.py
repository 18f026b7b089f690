"""The caches of what the app knows of kernels over time: tables, cards, reach, matchings, reports.

As in `app.cache`, a file is cached under its path, time and size, and caches are bounded.
"""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import streamlit as st
import torch
from jaxtyping import Float
from torch import Tensor

from analysis import kernels
from analysis.formatting import block_name
from analysis.kernels import Matching, Reading, cards, layer_cards, network_cards, report
from analysis.kernels.cards import View
from analysis.kernels.network_cards import FirstClips, Measured
from analysis.plotting.card import Card
from app import cache
from app.cache import Options, Stamp
from gte import checkpoint
from gte.checkpoint import CheckpointHeader
from gte.data.transforms import to_clip
from gte.kernel_history import KernelHistory


@st.cache_resource(max_entries=16, show_spinner="Reading the kernels")
def _reduced(file: Stamp, reading: Reading) -> list[KernelHistory]:
    return [kernels.reduced(history, reading) for history in checkpoint.load_histories(file[0])]


@st.cache_data(max_entries=32, show_spinner="Reading the kernels")
def _summary(file: Stamp, reading: Reading) -> pd.DataFrame:
    return kernels.summarise(checkpoint.load_histories(file[0]), reading)


def kernel_summary(header: CheckpointHeader, reading: Reading = "summed") -> pd.DataFrame:
    """`analysis.kernels.summarise` of a checkpoint."""
    return _summary(cache.stamp(header.path), reading)


@st.cache_resource(max_entries=8, show_spinner=False)
def _history(file: Stamp, layer: str) -> KernelHistory:
    return checkpoint.load_history(file[0], layer)


def history(header: CheckpointHeader, layer: str) -> KernelHistory:
    """One layer's kernels at every snapshot; shared, so nobody writes to it."""
    return _history(cache.stamp(header.path), layer)


@st.cache_data(max_entries=256, show_spinner=False)
def _temporal_layers(model: str, options: Options, _header: CheckpointHeader) -> tuple[str, ...]:
    return checkpoint.temporal_layers_of(_header)


def temporal_layers(header: CheckpointHeader) -> tuple[str, ...]:
    """The layers of a checkpoint with a kernel over several frames, in order of depth."""
    return _temporal_layers(header.model, tuple(header.options.items()), header)


def layer_taps(header: CheckpointHeader, layer: str, reading: Reading = "summed") -> KernelHistory:
    """The effective taps of a layer's outputs at each snapshot, as `analysis.kernels.reduced` has them."""
    return next(taps for taps in _reduced(cache.stamp(header.path), reading) if taps.layer == layer)


@st.cache_resource(max_entries=64, show_spinner=False)
def _cards(file: Stamp, view: View, tab: str, _header: CheckpointHeader) -> list[Card]:
    summary = _summary(file, view.reading)
    match tab:
        case "moved":
            found = [cards.moved(summary, view)]
        case "outputs":
            # What is summed already reads the same either way.
            seconds = cards.seconds_per_frame(_header)
            taps = cards.centres(_reduced(file, view.reading), view, seconds)
            found = [cards.became(summary, view), taps]
        case "layer":
            found = layer_cards.layer_in_full(_history(file, view.layer), view)
        case "spectrum":
            found = layer_cards.spectrum(_history(file, view.layer), view)
        case "training":
            found = [cards.over_training(summary, _header, view)]
        case _:
            raise ValueError(f"There are no cards for {tab}.")
    return [card for card in found if card is not None]


def kernel_card_list(header: CheckpointHeader, view: View, tab: str) -> list[Card]:
    """Cards of the kernels page: "moved", "outputs", "layer", "spectrum", "training"; shared, so nobody writes to them.

    What does not depend on a part of the view is not made anew for it.
    """
    if tab not in ("layer", "spectrum"):
        view = replace(view, output=0, order="index", layer="" if tab == "outputs" else view.layer)
    return _cards(cache.stamp(header.path), view, tab, header)


REACH_CLIPS = 4
"""Clips on which the reach of a network is measured; of a large one, one."""
LARGE_SIDE = 112
"""Pixels from which on a network's reach is measured on one clip, and behind the last block of each stage alone."""


@st.cache_data(max_entries=32, show_spinner="Measuring how far the network sees")
def _measured_reach(file: Stamp, blocks: tuple[str, ...], _header: CheckpointHeader) -> Measured:
    large = _header.size >= LARGE_SIDE
    clips, probes = _first_clips(_header, 1 if large else REACH_CLIPS), 1 if large else kernels.PROBES
    with cache.model_of(_header) as model:
        table = kernels.measured_reach(model, _pixels(_header, clips), blocks, probes=probes)
    return Measured(table=table, blocks=blocks, probes=probes, clips=clips)


def _first_clips(header: CheckpointHeader, count: int) -> FirstClips:
    return FirstClips(dataset=cache.clip_source(header).dataset, count=count)


def _pixels(header: CheckpointHeader, clips: FirstClips) -> Float[Tensor, "n 3 t h w"]:
    """Clips as the network of a checkpoint takes them."""
    shown = [cache.dataset_clip(clips.dataset, index, header.num_frames, header.size) for index in range(clips.count)]
    return torch.stack([to_clip(clip.frames) for clip in shown])


@st.cache_resource(max_entries=32, show_spinner=False)
def _reach_card(file: Stamp, view: View, _header: CheckpointHeader) -> Card:
    every = tuple(cache.map_shapes(_header))
    block = block_name(view.layer)
    if _header.size >= LARGE_SIDE:
        last = {name.split(".")[0]: name for name in every}
        every = tuple(name for name in every if name in last.values() or name == block)
    measured = _measured_reach(file, every, _header)
    return network_cards.reach(checkpoint.load_histories(file[0]), measured, _header, view)


def reach_card(header: CheckpointHeader, view: View) -> Card:
    """How far a network sees in time."""
    return _reach_card(cache.stamp(header.path), view, header)


@st.cache_data(max_entries=32, show_spinner="Matching the outputs")
def _matching(files: tuple[Stamp, Stamp], layer: str, _headers: tuple[CheckpointHeader, CheckpointHeader]) -> Matching:
    first, second = _headers
    outputs = [_history(file, layer).weights.shape[1] for file in files]
    if kernels.same_start(first, second):
        return kernels.by_index(outputs[0])
    clips = _pixels(first, _first_clips(first, REACH_CLIPS))
    answers = []
    for header in _headers:
        with cache.model_of(header) as model:
            answers.append(kernels.answers_of(model, layer, clips))
    return kernels.by_answers(*answers)


def matched_card(first: CheckpointHeader, second: CheckpointHeader, paths: Mapping[str, str], view: View) -> Card:
    """Which output of a layer of one checkpoint is which of the other. Raises ValueError where nobody can tell.

    `paths` has the file of each, as code names it, by the checkpoint's name.
    """
    files = cache.stamp(first.path), cache.stamp(second.path)
    if (first.num_frames, first.size) != (second.num_frames, second.size):
        raise ValueError(f"{' and '.join(paths)} take clips of other sizes, so their answers cannot be compared.")
    matching = _matching(files, view.layer, (first, second))
    one, other = (_history(file, view.layer) for file in files)
    return network_cards.matched(one, other, matching, paths, view, _first_clips(first, REACH_CLIPS))


@st.cache_data(max_entries=4, show_spinner="Writing the report")
def _report(file: Stamp, view: View, _header: CheckpointHeader) -> str:
    histories = checkpoint.load_histories(file[0])
    return report.as_html(histories, kernels.summarise(histories, view.reading), _header, view)


def kernel_report(header: CheckpointHeader, view: View) -> str:
    """Everything about a checkpoint's kernels as one HTML page."""
    return _report(cache.stamp(header.path), view, header)
