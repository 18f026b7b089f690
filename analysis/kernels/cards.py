"""Cards on all layers of a network: their drift, the types and directions of their output channels, and the training.

A card that the data do not allow is None: a layer whose weights before training are unknown has no drift, and a file
without a training has no curves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.formatting import KIND_VERBS, block_name, percent, three_digits
from analysis.kernels.drift import DRIFT_PARTS, Reading
from analysis.kernels.figures_by_layer import MAX_CENTRES, centres_by_layer, drift_by_depth, kinds_by_layer
from analysis.kernels.figures_over_training import drift_over_training
from analysis.kernels.outputs import Order, centres_table
from analysis.kernels.summary import at_snapshot, has_history, has_start, summarise
from analysis.kernels.taps import KINDS, THRESHOLD
from analysis.plotting.call import Call, Named, Part
from analysis.plotting.card import Card
from gte.checkpoint import load_histories, load_history
from gte.checkpoint_header import CheckpointHeader, read_header
from gte.data import DATASETS, open_dataset
from gte.kernel_history import KernelHistory
from gte.models import configure
from gte.models.resnet import ResNetConfig

TAPS_READ: Mapping[Reading, str] = {
    "summed": "summed over its input channels",
    "own": "for its own channel, the one that it reads before training",
}

KIND_RULES = """With m = Σ |aₖ| over the taps of an output channel, the first rule that applies decides:

1. **subtracts**: |Σ aₖ| < m / 3. The taps cancel: what does not change over time gives almost nothing.
2. **looks back, now, looks ahead**: one |aₖ| > m / 2, of a past, the current or a future frame.
3. **averages**: |Σ aₖ| ≥ 2 m / 3. Several frames are averaged.
4. **mixed**: everything else.

The first screen sorts by the centre of mass alone, Σ k·|aₖ| / m: below −1/3 looks back, above 1/3 looks ahead."""


@dataclass(frozen=True, kw_only=True)
class View:
    """Selection of a layer, a snapshot and a way to read the taps of a checkpoint."""

    path: str
    """The checkpoint's file, as the snippets of code name it."""
    layer: str
    """Path of the chosen layer in the state_dict."""
    snapshot: int = -1
    reading: Reading = "summed"
    order: Order = "index"
    output: int = 0

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
        return Named("summary", Call(summarise, self.histories(), self.reading), value)


def seconds_per_frame(header: CheckpointHeader) -> float | None:
    """Return the seconds between two frames of the network; None if clips differ in length or strides skip frames."""
    if header.dataset not in DATASETS or not isinstance(configure(header.model), ResNetConfig):
        return None
    clips = open_dataset(header.dataset, "test")
    return clips.num_frames_stored / header.num_frames / clips.fps


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


def _drift_sentence(table: pd.DataFrame) -> str:
    rows: list[dict[Any, Any]] = table.to_dict("records")
    largest = max(rows, key=lambda row: row["drift"])
    if largest["drift"] == 0:
        return "No layer has drifted."
    parts = dict(
        zip(
            DRIFT_PARTS,
            ("in its original weights", "in weights to other frames", "in weights to other channels"),
            strict=True,
        )
    )
    name = max(DRIFT_PARTS, key=lambda part: float(largest[part]))
    sentence = (
        f"{largest['block']} drifted most (drift {three_digits(largest['drift'])}); "
        f"{percent(largest[name])} of the squared change is {parts[name]}."
    )
    count = sum(max(DRIFT_PARTS, key=lambda part, row=row: row[part]) == name for row in rows)
    return f"{sentence} That is the largest part in {count} of {len(rows)} layers." if len(rows) > 1 else sentence


def kinds(summary: pd.DataFrame, view: View) -> Card:
    """The six types of output channels in each layer."""
    rows = at_snapshot(summary, view.snapshot)
    return Card(
        key="kinds",
        title="What does each output channel do now?",
        sentence=_kinds_sentence(rows),
        call=Call(kinds_by_layer, view.summary(summary), view.snapshot),
        definition=f"The taps a₁ … aₖ of an output channel are {TAPS_READ[view.reading]}. {KIND_RULES}\n\nThick bars: "
        "at the chosen snapshot; thin bars: before training, where that is known.",
        clickable=True,
    )


def _kinds_sentence(rows: pd.DataFrame) -> str:
    outputs = rows["outputs"].to_numpy(dtype=float)
    shares = {name: float((rows[f"kind_{name}"] * outputs).sum() / outputs.sum()) for name in KINDS}
    sides = shares["back"] + shares["ahead"]
    others = {name: share for name, share in shares.items() if name not in ("back", "ahead") and share > 0}
    sentence = f"Of all {int(outputs.sum()):,} output channels {percent(sides)} read mainly one other frame"
    if others:
        largest = sorted(others, key=lambda name: -others[name])[:2]
        sentence += "; " + ", ".join(f"{percent(others[name])} {KIND_VERBS[name]}" for name in largest)
    known = rows.dropna(subset=["back0"])
    if len(known):
        weight = known["outputs"].to_numpy(dtype=float)
        start = float(((known["kind0_back"] + known["kind0_ahead"]) * weight).sum() / weight.sum())
        sentence += (
            f". Before training {percent(start)} read one other frame" if start != sides else ", as before training"
        )
    return f"{sentence}."


def centres(histories: Sequence[KernelHistory], view: View, seconds_per_frame: float | None = None) -> Card:
    """The centre of mass of every output channel."""
    centres = Named("centres", Call(centres_table, view.histories(histories), view.snapshot, view.reading))
    table: pd.DataFrame = centres.value
    step = max(1, -(-len(table) // MAX_CENTRES))
    drawn = f" One output channel in {step} is drawn." if step > 1 else ""
    return Card(
        key="centres",
        title="Where in time do the output channels look?",
        sentence=_centres_sentence(table, seconds_per_frame),
        call=Call(centres_by_layer, centres, seconds_per_frame=seconds_per_frame),
        definition=(
            "The **centre of mass** of an output channel is Σ k·|aₖ| / Σ |aₖ| with k = −1, 0, 1 (more for longer "
            f"kernels), its taps {TAPS_READ[view.reading]}: −1 reads the previous frame only, 1 the next one only. "
            "Frames are those of the layer's input; seconds are given if all clips of the training have the same "
            f"length. The height of a point within its row has no meaning.{drawn}"
        ),
        table=table,
        clickable=True,
    )


def _centres_sentence(table: pd.DataFrame, seconds_per_frame: float | None) -> str:
    centre = table["centre_of_mass"].to_numpy(dtype=float)
    distance = np.abs(centre - table["centre_of_mass0"].to_numpy(dtype=float))
    if np.isnan(distance).all():
        away = float((np.abs(centre) > THRESHOLD).mean())
        return f"{percent(away)} of all output channels have their centre of mass over a third of a frame from now."
    blocks = table["block"].to_numpy()
    means = {
        str(block): float(distance[blocks == block].mean())
        for block in dict.fromkeys(blocks)
        if np.isfinite(distance[blocks == block]).all()
    }
    block = max(means, key=lambda name: means[name], default="")
    if not means or means[block] == 0:
        return "No output channel has moved in time." if means else "Every layer has centres of mass that are NaN."
    seconds = f" ({three_digits(means[block] * seconds_per_frame)} s)" if seconds_per_frame else ""
    return (
        f"The output channels of {block} moved furthest in time: by {three_digits(means[block])} frames{seconds} on "
        "average."
    )


def over_training(summary: pd.DataFrame, header: CheckpointHeader, view: View) -> Card | None:
    """The drift over the training. None if the file has no snapshots of it."""
    if not has_history(summary):
        return None
    return Card(
        key="training",
        title="When did the kernels change?",
        sentence=_training_sentence(summary, header, view.layer),
        call=Call(drift_over_training, view.summary(summary), view.layer, Part(view.header(header), "metrics")),
        definition=(
            "Drift |W − W₀| / |W₀| of every layer at the snapshots saved during training, which are denser at the "
            "beginning. Below, on the same axis, the top-1 validation accuracy after each epoch."
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
    if not (final := float(rows["drift"].iloc[-1])):
        return f"{block} has not drifted."
    if len(rows) < 3:
        return f"Only the first and the last weights of {block} are known; its drift is {three_digits(final)}."
    steps, drift = rows["step"].to_numpy(dtype=float), rows["drift"].to_numpy(dtype=float)
    half = int(steps[int(np.argmax(drift >= final / 2))])
    sentence = f"Half of the drift of {block} was reached by step {half:,} of {int(steps[-1]):,}"
    reached = [entry["val_top1"] for entry in header.metrics if entry["step"] <= half]
    after = header.metrics[-1]["val_top1"] if header.metrics else None
    if after is None:
        return f"{sentence}."
    if not reached:
        return f"{sentence}, before the first epoch ended; the final validation accuracy is {percent(after)}."
    return f"{sentence}, with a validation accuracy of {percent(reached[-1])}; the final one is {percent(after)}."
