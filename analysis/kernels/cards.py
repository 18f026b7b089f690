"""Cards on all layers of a network: their drift, the types and directions of their output channels, and the training.

A card that the data do not allow is None: a layer whose weights before training are unknown has no drift, and a file
without a training has no curves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from analysis.formatting import KIND_VERBS, block_name, join_words, percent, three_digits
from analysis.kernels.chance import DRAWS, Chance, part_shares, total
from analysis.kernels.drift import DRIFT_PARTS, PART_RMS, PART_WEIGHTS, Row, is_start_known
from analysis.kernels.figures_by_layer import MAX_CENTRES, centres_by_layer, drift_by_depth, kinds_by_layer
from analysis.kernels.figures_over_training import drift_over_training
from analysis.kernels.headline import count_of, largest_drift_in_words, outputs_in_words
from analysis.kernels.moments import load_moments
from analysis.kernels.outputs import Order, centres_table
from analysis.kernels.readings import READING_DEFINITIONS, READING_WORDS, Moments, Reading
from analysis.kernels.summary import at_snapshot, has_history, has_start, rows_of, summarise
from analysis.kernels.taps import KINDS
from analysis.own_clips import why_no_clips
from analysis.plotting.call import Call, Named, Part
from analysis.plotting.card import Card
from gte.checkpoint import load_histories, load_history
from gte.checkpoint_header import CheckpointHeader, read_header
from gte.data import is_rendered, open_labelled
from gte.kernel_history import KernelHistory
from gte.models import configure
from gte.models.resnet import ResNetConfig

Chances = Mapping[str, Chance]
"""Random changes of layers, by the layers' paths."""

CHANCE_DEFINITION = (
    f"**By chance**: {DRAWS} changes of random direction (seeded), each as long as that of the layer, are added to its "
    "weights before training, and the results are read in the same way; the range holds 95 % of them."
)

KIND_RULES = """With aₖ the sizes of the taps of an output channel, m = Σ aₖ, and s its response to a still input (with
signs |Σ aₖ| where it has one kernel, else the root of Σᵢ (Σₖ wᵢₖ)²), the first rule that applies decides:

1. **subtracts**: s < m / 3. The taps cancel: what does not change over time gives almost nothing.
2. **looks back, now, looks ahead**: one aₖ > m / 2, of a past, the current or a future frame.
3. **averages**: s ≥ 2 m / 3. Several frames are averaged.
4. **mixed**: everything else.

The first screen counts 1, 3 and 4 together: they combine several frames."""


@dataclass(frozen=True, kw_only=True)
class View:
    """Selection of a layer, a snapshot and a way to read the taps of a checkpoint."""

    path: str
    """The checkpoint's file, as the snippets of code name it."""
    layer: str
    """Path of the chosen layer in the state_dict."""
    snapshot: int = -1
    reading: Reading = "energy"
    order: Order = "index"
    output: int = 0
    moments: Moments | None = field(default=None, repr=False)
    """Covariances of the inputs, which the reading by real inputs needs."""

    def how(self) -> tuple[Any, ...]:
        """How functions are told the reading: by its name, and by what it needs."""
        path = Named("path", self.path)
        moments = (Named("moments", Call(load_moments, path), self.moments),) if self.reading == "inputs" else ()
        return self.reading, *moments

    def histories(self, value: Sequence[KernelHistory] = ()) -> Named:
        """The kernels of all layers, `value`, as a snippet reads them."""
        return Named("histories", Call(load_histories, Named("path", self.path)), value)

    def history(self, value: KernelHistory) -> Named:
        """The kernels of the chosen layer, `value`, as a snippet reads them."""
        return Named("history", Call(load_history, Named("path", self.path), self.layer), value)

    def header(self, value: CheckpointHeader) -> Named:
        """The header of the checkpoint, `value`, as a snippet reads it."""
        return Named("header", Call(read_header, Named("path", self.path)), value)

    def summary(self, value: pd.DataFrame) -> Named:
        """The table of layers, `value`, as a snippet makes it."""
        return Named("summary", Call(summarise, self.histories(), *self.how()), value)


def seconds_per_frame(header: CheckpointHeader) -> float | None:
    """Return the seconds between two frames of the network; None if clips differ in length or strides skip frames."""
    is_resnet = isinstance(configure(header.model), ResNetConfig)
    if not (is_rendered(header.dataset) and is_resnet) or why_no_clips(header):
        return None
    end = open_labelled(header.dataset).end(0)
    return None if end is None else end / header.num_frames


def drift(summary: pd.DataFrame, view: View) -> Card | None:
    """The drift of each layer, in three parts. None if the weights before training are unknown."""
    rows = at_snapshot(summary, view.snapshot).dropna(subset=["back0", "drift"])
    if rows.empty:
        return None
    return Card(
        key="drift",
        title="Which layers drifted?",
        sentence=_drift_sentence(rows),
        call=Call(drift_by_depth, view.summary(summary), view.snapshot, view.layer),
        definition=(
            "**Drift** of a layer is |W − W₀| / |W₀| (Frobenius norms), with W₀ the weights before training: the "
            "length of its bar. The bar is divided in proportion to the squares of three parts, which add up to |W − "
            "W₀|²: *original weight*, the entries that are not zero in W₀; *other frames*, the other taps of the "
            "input channels that W₀ reads (the hard shift softens); *other channels*, what W₀ does not read (channels "
            "mix). **Cosine** is ⟨W, W₀⟩ / (|W| |W₀|): 1 if the layer only grew or shrank."
        ),
        clickable=True,
    )


PART_PLACES: Mapping[str, str] = dict(
    zip(DRIFT_PARTS, ("original weights", "weights to other frames", "weights to other channels"), strict=True)
)


def _drift_sentence(table: pd.DataFrame) -> str:
    """The largest drift; the largest part of it against its share of the weights; and the changes per weight."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    largest = max(rows, key=lambda row: row["drift"])
    if largest["drift"] == 0:
        return "No layer has drifted."
    part = max(DRIFT_PARTS, key=lambda part: float(largest[part]))
    weights = sum(largest[name] for name in PART_WEIGHTS)
    share = largest[PART_WEIGHTS[DRIFT_PARTS.index(part)]] / weights
    rms = [
        f"{three_digits(largest[root])} on {PART_PLACES[name]}"
        for name, root, count in zip(DRIFT_PARTS, PART_RMS, PART_WEIGHTS, strict=True)
        if largest[count]
    ]
    return (
        f"{largest_drift_in_words(rows)} {percent(largest[part])} of the squared change of {largest['block']} is in "
        f"{PART_PLACES[part]}, which are {percent(share)} of its weights: {_against_weights(rows, part)}. Per weight "
        f"its change is {join_words(rms)} (root mean square)."
    )


def _against_weights(rows: Sequence[Mapping[Any, Any]], part: str) -> str:
    """Say in how many layers a part of the change is above and below what a random change has there."""
    place = DRIFT_PARTS.index(part)
    above = below = drifted = 0
    for row in rows:
        if row["drift"] == 0:
            continue
        chance = part_shares([int(row[name]) for name in PART_WEIGHTS])[place]
        above, below, drifted = above + (row[part] > chance.high), below + (row[part] < chance.low), drifted + 1
    if drifted == 1:
        compared = "more than" if above else "less than" if below else "as much as"
        return f"{compared} a random change puts there"
    return f"in {above or 'none'} of {drifted} layers more than a random change puts there, in {below or 'none'} less"


def kinds(summary: pd.DataFrame, view: View, chances: Chances = MappingProxyType({})) -> Card:
    """The six kinds of output channels in each layer."""
    rows = at_snapshot(summary, view.snapshot)
    return Card(
        key="kinds",
        title="What does each output channel do?",
        sentence=_kinds_sentence(rows_of(rows), view.reading, chances),
        call=Call(kinds_by_layer, view.summary(summary), view.snapshot),
        definition=f"A tap of an output channel is here {READING_DEFINITIONS[view.reading]}. {KIND_RULES}\n\nThick "
        f"bars: at the chosen snapshot; thin bars: before training, where that is known. {CHANCE_DEFINITION}",
        clickable=True,
    )


def _kinds_sentence(rows: Sequence[Row], reading: Reading, chances: Chances) -> str:
    """The number of outputs of each kind, now, before training and after random changes."""
    by, outputs = READING_WORDS[reading], sum(row["outputs"] for row in rows)
    opening = f"{by[0].upper()}{by[1:]}, of {outputs:,} output channel{'' if outputs == 1 else 's'}"
    now = {name: count_of(rows, name) for name in KINDS}
    listed = join_words([outputs_in_words(number, name) for name, number in now.items() if number] or ["none is known"])
    known = [row for row in rows if is_start_known(row)]
    if len(known) < len(rows):
        return f"{opening} {listed}."
    before = {name: count_of(rows, f"{name}0") for name in KINDS}
    if not sum(row["changed"] for row in rows):
        return f"{opening} {listed}, each as before training."
    then = join_words([outputs_in_words(number, name, "before") for name, number in before.items() if number])
    sentence = f"{opening} {listed}; before training {then}."
    drawn = [chances[row["layer"]] for row in rows if row["layer"] in chances]
    if len(drawn) < len(rows):
        return sentence
    ranges = {name: total(drawn).count_of(name) for name in KINDS}
    chance = [f"{ranges[name].in_words()} {KIND_VERBS[name][1]}" for name in KINDS if now[name] or ranges[name].high]
    return f"{sentence} After a random change of the same size {join_words(chance)}."


AWAY = 1 / 3
"""Frames from now beyond which a centre of mass is counted where the one before training is unknown."""


def centres(
    histories: Sequence[KernelHistory],
    view: View,
    chances: Chances = MappingProxyType({}),
    seconds_per_frame: float | None = None,
) -> Card:
    """The centre of mass of every output channel."""
    centres = Named("centres", Call(centres_table, view.histories(histories), view.snapshot, *view.how()))
    table: pd.DataFrame = centres.value
    step = max(1, -(-len(table) // MAX_CENTRES))
    drawn = f" One output channel in {step} is drawn." if step > 1 else ""
    return Card(
        key="centres",
        title="Where in time is the weight of the output channels?",
        sentence=_centres_sentence(table, chances, seconds_per_frame),
        call=Call(centres_by_layer, centres, seconds_per_frame=seconds_per_frame),
        definition=(
            "The **centre of mass** of an output channel is Σ k·aₖ / Σ aₖ with k = −1, 0, 1 (more for longer kernels) "
            f"and aₖ the size of a tap, here {READING_DEFINITIONS[view.reading]}: −1 has all weight on the previous "
            "frame, 1 on the next one. It does not say what the output channel does: (−1, 0, 1) subtracts, and has its "
            "centre at 0, on a frame that it does not read. "
            "Frames are those of the layer's input; seconds are given if all clips of the training have the same "
            f"length. The height of a point within its row has no meaning.{drawn} {CHANCE_DEFINITION}"
        ),
        table=table,
        clickable=True,
    )


def _centres_sentence(table: pd.DataFrame, chances: Chances, seconds_per_frame: float | None) -> str:
    centre = table["centre_of_mass"].to_numpy(dtype=float)
    distance = np.abs(centre - table["centre_of_mass0"].to_numpy(dtype=float))
    if np.isnan(distance).all():
        away = int((np.abs(centre) > AWAY).sum())
        return (
            f"{away} of {len(centre):,} output channels have their centre of mass over a third of a frame from now; "
            "before training it is unknown."
        )
    layers = table["layer"].to_numpy()
    means = {
        str(layer): float(distance[layers == layer].mean())
        for layer in dict.fromkeys(layers)
        if np.isfinite(distance[layers == layer]).all()
    }
    if not means:
        return "Every layer has centres of mass that are not numbers."
    layer = max(means, key=lambda name: means[name])
    if means[layer] == 0:
        return "No centre of mass has moved."
    block = table.loc[layers == layer, "block"].iloc[0]
    seconds = f" ({three_digits(means[layer] * seconds_per_frame)} s)" if seconds_per_frame else ""
    sentence = f"The centres of mass of {block} moved by {three_digits(means[layer])} frames{seconds} on average"
    if sum(mean >= 0.999 * means[layer] for mean in means.values()) == 1 < len(means):
        sentence += ", the largest mean of all layers"
    if layer not in chances:
        return f"{sentence}."
    chance = chances[layer].centre_shift
    compared = "as by"
    if not chance.low <= means[layer] <= chance.high:
        compared = "more than by" if means[layer] > chance.high else "less than by"
    return f"{sentence}, {compared} a random change of the same size ({chance.in_words()})."


NOTEWORTHY_PEAK = 1.1
"""Multiple of the final drift from which on an earlier, larger one is stated."""


def over_training(
    summary: pd.DataFrame,
    header: CheckpointHeader,
    view: View,
    others: Mapping[str, tuple[str, pd.DataFrame]] = MappingProxyType({}),
) -> Card | None:
    """The drift over the training. None if the file has no snapshots of it.

    `others` has, by the names of further checkpoints, their files as code names them and their tables of layers.
    """
    if not has_history(summary):
        return None
    calls = {name: Call(summarise, Call(load_histories, path)) for name, (path, _) in others.items()}
    overlaid = Named("others", calls, {name: table for name, (_, table) in others.items()})
    return Card(
        key="training",
        title="When did the kernels change?",
        sentence=_training_sentence(summary, header, view.layer),
        call=Call(
            drift_over_training,
            view.summary(summary),
            view.layer,
            Part(view.header(header), "metrics"),
            *([overlaid] if others else []),
        ),
        definition=(
            "Drift |W − W₀| / |W₀| of every layer at the snapshots saved during training, which are denser at the "
            "beginning. Below, on the same axis, the top-1 validation accuracy after each epoch. A click on a point "
            "goes to its step. Dashed: the chosen layer of checkpoints to compare with."
        ),
        clickable=True,
    )


def _training_sentence(summary: pd.DataFrame, header: CheckpointHeader, layer: str) -> str:
    rows = summary.loc[summary["layer"] == layer]
    block = block_name(layer)
    if not has_start(rows).all():
        return f"The weights of {block} before training are unknown, so it is unknown when they changed."
    if broken := rows.loc[rows["drift"].isna(), "step"].tolist():
        return f"At step {broken[0]:,} the weights of {block} contain NaN or infinity, so its curve ends before that."
    final, peak = float(rows["drift"].iloc[-1]), float(rows["drift"].max())
    if not peak:
        return f"{block} has not drifted."
    peak_step = int(rows["step"].iloc[int(rows["drift"].to_numpy().argmax())])
    was = f"was {three_digits(peak)} at step {peak_step:,}"
    if not final:
        return f"{block} has its weights from before training again; its drift {was}."
    if len(rows) < 3:
        return f"Only the first and the last weights of {block} are known; its drift is {three_digits(final)}."
    steps, drift = rows["step"].to_numpy(dtype=float), rows["drift"].to_numpy(dtype=float)
    half = int(steps[int(np.argmax(drift >= final / 2))])
    sentence = f"Half of the drift of {block} was reached by step {half:,} of {int(steps[-1]):,}"
    if peak > NOTEWORTHY_PEAK * final:
        sentence = (
            f"The drift of {block} {was} and is {three_digits(final)} at the end. Half of that was reached by step "
            f"{half:,} of {int(steps[-1]):,}"
        )
    reached = [entry["val_top1"] for entry in header.metrics if entry["step"] <= half]
    after = header.metrics[-1]["val_top1"] if header.metrics else None
    if after is None:
        return f"{sentence}."
    if not reached:
        return f"{sentence}, before the first epoch ended; the final validation accuracy is {percent(after)}."
    return f"{sentence}, with a validation accuracy of {percent(reached[-1])}; the final one is {percent(after)}."
