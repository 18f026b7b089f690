"""Caches of the page Shift kernels: cards, measured reach, matched channels, reports; bounded, as in `app.cache`."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st
import torch
from jaxtyping import Float
from torch import Tensor

from analysis.attribution.evidence import preselect_layer
from analysis.attribution.sanity_checks.checks import Subject
from analysis.attribution.sanity_checks.checks import cards as check_cards
from analysis.formatting import block_name
from analysis.kernels import cards, layer_cards, network_cards, report
from analysis.kernels.cards import View
from analysis.kernels.chance import Chance, Range, chances_of, total
from analysis.kernels.first_screen import first_screen
from analysis.kernels.headline import Readings, describe_kernels
from analysis.kernels.matching import Matching, by_index, by_responses, responses_of, same_start
from analysis.kernels.network_cards import FirstClips, Measured
from analysis.kernels.reach import PROBES, measured_reach
from analysis.kernels.readings import WEIGHT_READINGS, Reading
from analysis.kernels.summary import rows_of, summarise
from analysis.plotting.card import Card
from analysis.plotting.figure_pack import PaperFigure, from_card
from app import cache
from app.clips import clip_source, dataset_clip
from app.hashing import HASH_FUNCS
from gte import checkpoint
from gte.checkpoint_header import CheckpointHeader
from gte.data.loading import to_clip


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def kernel_chances(header: CheckpointHeader, reading: Reading, snapshot: int) -> dict[str, Chance]:
    """Return what random changes of the size of each layer's at a snapshot would do."""
    return chances_of(checkpoint.load_histories(header.path), snapshot, reading)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def kernel_headline(header: CheckpointHeader, reading: Reading, snapshot: int) -> str:
    """Return the headline on a snapshot by a reading, with what the other readings say."""

    def chance(name: Reading) -> Range | None:
        chances = kernel_chances(header, name, snapshot)
        return total(list(chances.values())).num_changed if chances else None

    readings: Readings = {name: rows_of(cache.kernel_summary(header, name)) for name in WEIGHT_READINGS}
    return describe_kernels(readings, reading, snapshot, chance)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def _cards(header: CheckpointHeader, view: View, tab: str) -> list[Card]:
    summary = cache.kernel_summary(header, view.reading)
    match tab:
        case "drift":
            shown = [cards.drift(summary, view)]
        case "outputs":
            # Kernels that are already reduced give the same by energy.
            chances = kernel_chances(header, view.reading, view.snapshot)
            seconds = cards.seconds_per_frame(header)
            taps = cards.centres(cache.all_taps(header, view.reading), view, chances, seconds)
            shown = [cards.kinds(summary, view, chances), taps]
        case "layer":
            shown = layer_cards.layer_in_full(cache.history(header, view.layer), view)
        case "spectrum":
            shown = layer_cards.spectrum(cache.history(header, view.layer), view)
        case "training":
            shown = [cards.over_training(summary, header, view)]
        case _:
            raise ValueError(f"There are no cards for {tab}.")
    return [card for card in shown if card is not None]


def kernel_card_list(header: CheckpointHeader, view: View, tab: str) -> list[Card]:
    """Return the cards of a tab: "drift", "outputs", "layer", "spectrum" or "training"; shared, so do not change them.

    Cards that do not depend on a part of the view are not made again for it.
    """
    if tab not in ("layer", "spectrum"):
        view = replace(view, output=0, order="index", layer="" if tab == "outputs" else view.layer)
    return _cards(header, view, tab)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def first_screen_figures(header: CheckpointHeader, view: View) -> list[PaperFigure]:
    """Return the figures for a paper of what the page draws above its tabs; shared, so do not change them."""
    summary = cache.kernel_summary(header, view.reading)
    headline = kernel_headline(header, view.reading, view.snapshot)
    return [from_card(card) for card in first_screen(summary, cache.history(header, view.layer), view, headline)]


REACH_CLIPS = 4
"""Clips for measuring the reach of a network; a large one is measured on one, after the last block of each stage."""


@st.cache_data(max_entries=32, show_spinner="Measuring the temporal reach", hash_funcs=HASH_FUNCS)
def _measured_reach(header: CheckpointHeader, blocks: tuple[str, ...]) -> Measured:
    large = header.size >= cache.LARGE_SIDE
    clips, probes = _first_clips(header, 1 if large else REACH_CLIPS), 1 if large else PROBES
    with cache.model_of(header) as model:
        table = measured_reach(model, _pixels(header, clips), blocks, probes=probes)
    return Measured(table=table, blocks=blocks, probes=probes, clips=clips)


def _first_clips(header: CheckpointHeader, count: int) -> FirstClips:
    return FirstClips(dataset=clip_source(header).dataset, count=count)


def _pixels(header: CheckpointHeader, clips: FirstClips) -> Float[Tensor, "n 3 t h w"]:
    """Return clips as the network of a checkpoint takes them."""
    shown = [dataset_clip(clips.dataset, index, header.num_frames, header.size) for index in range(clips.count)]
    return torch.stack([to_clip(clip.frames) for clip in shown])


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def reach_card(header: CheckpointHeader, view: View) -> Card:
    """Return the card of the temporal reach of a network; shared between visits, so never written to."""
    blocks = tuple(cache.map_shapes(header))
    block = block_name(view.layer)
    if header.size >= cache.LARGE_SIDE:
        last = {name.split(".")[0]: name for name in blocks}
        blocks = tuple(name for name in blocks if name in last.values() or name == block)
    measured = _measured_reach(header, blocks)
    return network_cards.reach(checkpoint.load_histories(header.path), measured, header, view)


@st.cache_data(max_entries=32, show_spinner="Matching the output channels", hash_funcs=HASH_FUNCS)
def _matching(first: CheckpointHeader, second: CheckpointHeader, layer: str) -> Matching:
    if same_start(first, second):
        return by_index(cache.history(first, layer).weights.shape[1])
    clips = _pixels(first, _first_clips(first, REACH_CLIPS))
    responses = []
    for header in (first, second):
        with cache.model_of(header) as model:
            responses.append(responses_of(model, layer, clips))
    return by_responses(*responses)


def matched_card(first: CheckpointHeader, second: CheckpointHeader, paths: Mapping[str, str], view: View) -> Card:
    """Return the card that matches the output channels of a layer of two checkpoints.

    `paths` has the file of each, as code names it, by the checkpoint's name. Raises ValueError where the two networks
    cannot be compared.
    """
    if (first.num_frames, first.size) != (second.num_frames, second.size):
        raise ValueError(f"{' and '.join(paths)} take clips of different sizes, so their outputs cannot be compared.")
    first_history, second_history = (cache.history(header, view.layer) for header in (first, second))
    matching = _matching(first, second, view.layer)
    return network_cards.matched(first_history, second_history, matching, paths, view, _first_clips(first, REACH_CLIPS))


@st.cache_data(max_entries=4, show_spinner="Writing the report", hash_funcs=HASH_FUNCS)
def kernel_report(header: CheckpointHeader, view: View) -> str:
    """Return everything about a checkpoint's kernels as one HTML page, with the sanity checks of its evidence."""
    histories = checkpoint.load_histories(header.path)
    extra = []
    if shapes := cache.map_shapes(header):
        extra = check_cards(Subject(header=header, method="gradcam", layer=preselect_layer(shapes)), view.path)
    return report.as_html(histories, summarise(histories, view.reading), header, view, extra)
