"""Caches of the page Shift kernels: cards, measured reach, matched channels, reports; bounded, as in `app.cache`."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st
import torch
from jaxtyping import Float
from torch import Tensor

from analysis import own_clips, report
from analysis.formatting import block_name
from analysis.kernels import cards, layer_cards, measured_reach, network_cards
from analysis.kernels.cards import View
from analysis.kernels.chance import Chance, Range, chances_of, total
from analysis.kernels.first_clips import FirstClips
from analysis.kernels.first_screen import first_screen
from analysis.kernels.headline import Headline, Readings, describe_kernels
from analysis.kernels.matching import Matching, by_index, by_responses, responses_of, same_start, untrained_correlation
from analysis.kernels.measured_reach import Measured
from analysis.kernels.moments import measure_moments, settings_of, store_moments
from analysis.kernels.reach import PROBES
from analysis.kernels.readings import READINGS, WEIGHT_READINGS, Moments, Reading
from analysis.kernels.summary import rows_of, summarise
from analysis.plotting.card import Card
from analysis.plotting.figure_pack import PaperFigure, from_card
from analysis.progress import Report
from app import cache, checkpoints, jobs, layout
from app.clips import dataset_clip
from app.components.kernel_barcode import Form
from app.hashing import HASH_FUNCS
from gte import checkpoint
from gte.checkpoint_header import CheckpointHeader
from gte.data import labelled_split_in_words, open_labelled
from gte.data.loading import to_clip
from gte.files import stamp


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def kernel_chances(header: CheckpointHeader, reading: Reading, snapshot: int) -> dict[str, Chance]:
    """Return what random changes of the size of each layer's at a snapshot would do."""
    moments = cache.moments(header) if reading == "inputs" else None
    return chances_of(checkpoint.load_histories(header.path), snapshot, reading, moments)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def kernel_headline(header: CheckpointHeader, reading: Reading, snapshot: int) -> Headline:
    """Return the headline on a snapshot by a reading, with what the other readings say."""

    def chance(name: Reading) -> Range | None:
        chances = kernel_chances(header, name, snapshot)
        return total(list(chances.values())).num_changed if chances else None

    names = WEIGHT_READINGS if cache.moments(header) is None else READINGS
    readings: Readings = {name: rows_of(cache.kernel_summary(header, name)) for name in names}
    return describe_kernels(readings, reading, snapshot, chance)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def _cards(header: CheckpointHeader, view: View, tab: str) -> list[Card]:
    summary = cache.kernel_summary(header, view.reading)
    match tab:
        case "drift":
            shown = [cards.drift(summary, view)]
        case "outputs":
            chances = kernel_chances(header, view.reading, view.snapshot)
            seconds = cards.seconds_per_frame(header)
            taps = cards.centres(checkpoint.load_histories(header.path), view, chances, seconds)
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
    headline = str(kernel_headline(header, view.reading, view.snapshot))
    return [from_card(card) for card in first_screen(summary, cache.history(header, view.layer), view, headline)]


def opening(path: str) -> tuple[int, Form]:
    """Return the snapshot and the form that the kernels of a checkpoint open with."""
    return st.session_state[f"kernels: the first snapshot and form of {path}"]


def set_opening(path: str, snapshot: int, form: Form) -> None:
    """Have the kernels of a checkpoint open with a snapshot and a form."""
    st.session_state[f"kernels: the first snapshot and form of {path}"] = snapshot, form


def move_to_snapshot(path: str, snapshot: int) -> None:
    """Move the scrubber of the kernels of a checkpoint."""
    set_opening(path, snapshot, opening(path)[1])


def offer_moments(header: CheckpointHeader) -> Moments | None:
    """Return the covariances of the inputs of a checkpoint's layers; None while the job that measures them is drawn."""
    known = cache.moments(header)
    if known is not None:
        return known
    if reason := own_clips.why_no_clips(header):
        st.info(layout.plain(NEEDS_CLIPS.format(what="The inputs of the kernels are", reason=reason)))
        return None
    copy_model, is_kept = cache.model_copier(header), not checkpoints.is_uploaded(header)

    def work(report: Report) -> Moments:
        measured = measure_moments(copy_model(), header, report)
        if is_kept:
            measured = store_moments(header.path, header, measured)
        cache.keep_moments(header, measured)
        return measured

    split = labelled_split_in_words(own_clips.dataset_of(header))
    note = f"The network reads {own_clips.num_clips(header, settings_of(header)['clips'])} {split} clips."
    key = ("input moments", stamp(header.path))
    return jobs.offer(key, "Measure the inputs", work, lane="slow", note=note, at_once=True)


NEEDS_CLIPS = "{what} measured on clips. {reason}"
REACH_CLIPS = 4
"""Clips on which the outputs of two networks are matched."""


@st.cache_data(max_entries=32, show_spinner="Measuring the temporal reach", hash_funcs=HASH_FUNCS)
def _measured_now(header: CheckpointHeader, clips: FirstClips, blocks: tuple[str, ...]) -> Measured:
    with cache.model_of(header) as model:
        return measured_reach.measure(model, header, clips, blocks)


def _measured_reach(header: CheckpointHeader, blocks: tuple[str, ...]) -> Measured | None:
    """Return the reach: stored, at once of small clips, or None while the job or what it lacks is drawn."""
    clips = measured_reach.reach_clips(header)
    stored = measured_reach.stored(header.path, header, clips, blocks)
    if stored is not None:
        return stored
    if reason := own_clips.why_no_clips(header):
        st.info(layout.plain(NEEDS_CLIPS.format(what=f"The reach of {header.name} is", reason=reason)))
        return None
    if header.size < cache.LARGE_SIDE:
        return _measured_now(header, clips, blocks)
    copy_model, is_kept = cache.model_copier(header), not checkpoints.is_uploaded(header)

    def work(report: Report) -> Measured:
        measured = measured_reach.measure(copy_model(), header, clips, blocks, report=report)
        if is_kept:
            measured_reach.store(header.path, header, measured)
        return measured

    note = f"{PROBES} random directions for {clips.words} and each block of {header.name}."
    key = ("reach", stamp(header.path), blocks)
    return jobs.offer(key, "Measure the reach", work, lane="slow", note=note, at_once=True)


def _first_clips(header: CheckpointHeader, count: int) -> FirstClips:
    return FirstClips(dataset=own_clips.dataset_of(header), count=own_clips.num_clips(header, count))


def _pixels(header: CheckpointHeader, clips: FirstClips) -> Float[Tensor, "n 3 t h w"]:
    """Return clips as the network of a checkpoint takes them."""
    numbers = open_labelled(clips.dataset).present[: clips.count]
    shown = [dataset_clip(clips.dataset, index, header.num_frames, header.size) for index in numbers]
    return torch.stack([to_clip(clip.frames) for clip in shown])


def reach_card(header: CheckpointHeader, view: View, name: str, others: Mapping[str, CheckpointHeader]) -> Card | None:
    """Return the card of the temporal reach of a network; None while its measurement is drawn as a job.

    Of `others`, by their names, those are in it that are measured.
    """
    block = block_name(view.layer)

    def measured(of: CheckpointHeader) -> Measured | None:
        return _measured_reach(of, measured_reach.chosen_blocks(of, tuple(cache.map_shapes(of)), block))

    own = measured(header)
    overlaid = {other: (checkpoints.path_in_code(of), measured(of)) for other, of in others.items()}
    if own is None:
        return None
    known = {other: (path, result) for other, (path, result) in overlaid.items() if result is not None}
    return network_cards.reach(checkpoint.load_histories(header.path), own, header, view, name, known)


@st.cache_data(max_entries=32, show_spinner="Matching the output channels", hash_funcs=HASH_FUNCS)
def _matching(first: CheckpointHeader, second: CheckpointHeader, layer: str) -> Matching:
    if same_start(first, second):
        return by_index(cache.history(first, layer).weights.shape[1])
    clips = _pixels(first, _first_clips(first, REACH_CLIPS))
    responses = []
    for header in (first, second):
        with cache.model_of(header) as model:
            responses.append(responses_of(model, layer, clips))
    untrained = untrained_correlation(first, second, layer, clips)
    return replace(by_responses(*responses), untrained=untrained)


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
    return report.as_html(histories, summarise(histories, view.reading, view.moments), header, view)
