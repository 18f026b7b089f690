"""The cards of the shift-kernel explorer: which layers moved, what they became, one layer in full, and when.

Each function takes what `gte.checkpoint` and `analysis.kernels` give and returns a Card, or a list of those that the
data allow: a layer whose initialisation is unknown has no drift, and a file without a training has no course.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.formatting import block_name, percent, three_digits
from analysis.kernels.drift import DRIFT_PARTS, Reading
from analysis.kernels.figures_by_layer import MOST_CENTRES, centres_by_layer, drift_by_depth, kinds_by_layer
from analysis.kernels.figures_over_training import drift_over_training
from analysis.kernels.outputs import Order, centres_table
from analysis.kernels.summary import at_snapshot, knows_course, knows_start, summarise
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
    "summed": "summed over its inputs",
    "own": "for the one input that it began with",
}

KIND_RULES = """With the mass m = Σ |aₖ| of an output's taps, the first rule that holds decides:

1. **differencing**: |Σ aₖ| < m / 3. The taps cancel: what does not change in time gives next to nothing.
2. **looks back, stays, looks ahead**: one |aₖ| > m / 2, of a past frame, the present or a coming one.
3. **smoothing**: |Σ aₖ| ≥ 2 m / 3. Several frames are averaged.
4. **mixed**: all else.

The first screen sorts by the centre of mass alone, Σ k·|aₖ| / m: below −1/3 looks back, above 1/3 looks ahead."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What of a checkpoint is looked at."""

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
    """Seconds between two frames that the network sees; None where clips differ in length, or strides skip frames."""
    if header.dataset not in DATASETS or not isinstance(configure(header.model), ResNetConfig):
        return None
    clips = open_dataset(header.dataset, "test")
    return clips.num_frames_stored / header.num_frames / clips.fps


def moved(summary: pd.DataFrame, view: View) -> Card | None:
    """Which layers moved, and where to. None if no initialisation is known."""
    rows = at_snapshot(summary, view.snapshot).dropna(subset=["back0", "drift"])
    if rows.empty:
        return None
    return Card(
        key="moved",
        title="Which layers moved?",
        sentence=_moved_sentence(rows),
        call=Call(drift_by_depth, view.summary(summary), view.snapshot, view.layer),
        definition=(
            "**Drift** of a layer is |W − W₀| / |W₀| (Frobenius norms), W₀ its initialisation: the length of its bar. "
            "The bar is cut in proportion to the squares of three parts, which add up to |W − W₀|²: *along the initial "
            "tap*, the entries that are not zero in W₀; *onto other frames*, the other taps of the channels that W₀ "
            "reads, the hard shift softening; *onto other channels*, all that W₀ does not read, channels mixing. "
            "**Cosine** is ⟨W, W₀⟩ / (|W| |W₀|): 1 if the layer only grew or shrank."
        ),
        clickable=True,
    )


def _moved_sentence(table: pd.DataFrame) -> str:
    rows: list[dict[Any, Any]] = table.to_dict("records")
    largest = max(rows, key=lambda row: row["drift"])
    if largest["drift"] == 0:
        return "No layer has moved from its initialisation."
    parts = dict(zip(DRIFT_PARTS, ("along its initial taps", "onto other frames", "onto other channels"), strict=True))
    name = max(DRIFT_PARTS, key=lambda part: float(largest[part]))
    sentence = (
        f"{largest['block']} moved most, by {percent(largest['drift'])} of its initial weight; "
        f"{percent(largest[name])} of that squared went {parts[name]}."
    )
    alike = sum(max(DRIFT_PARTS, key=lambda part, row=row: row[part]) == name for row in rows)
    return f"{sentence} That is the largest part in {alike} of {len(rows)} layers." if len(rows) > 1 else sentence


def became(summary: pd.DataFrame, view: View) -> Card:
    """What the outputs of each layer became, in six kinds."""
    rows = at_snapshot(summary, view.snapshot)
    return Card(
        key="became",
        title="What did they become, in six kinds?",
        sentence=_became_sentence(rows),
        call=Call(kinds_by_layer, view.summary(summary), view.snapshot),
        definition=f"An output's taps a₁ … aₖ are read {TAPS_READ[view.reading]}. {KIND_RULES}\n\nThick bars: at the "
        "chosen snapshot; thin ones: at the initialisation, where it is known.",
        clickable=True,
    )


def _became_sentence(rows: pd.DataFrame) -> str:
    outputs = rows["outputs"].to_numpy(dtype=float)
    shares = {name: float((rows[f"kind_{name}"] * outputs).sum() / outputs.sum()) for name in KINDS}
    sides = shares["back"] + shares["ahead"]
    others = {name: share for name, share in shares.items() if name not in ("back", "ahead") and share > 0}
    sentence = f"Of all {int(outputs.sum()):,} outputs {percent(sides)} read mainly one other frame"
    if others:
        largest = sorted(others, key=lambda name: -others[name])[:2]
        sentence += "; " + ", ".join(f"{percent(others[name])} {_kind_verb(name)}" for name in largest)
    known = rows.dropna(subset=["back0"])
    if len(known):
        weight = known["outputs"].to_numpy(dtype=float)
        start = float(((known["kind0_back"] + known["kind0_ahead"]) * weight).sum() / weight.sum())
        sentence += f". At the start {percent(start)} read one other frame" if start != sides else ", as at the start"
    return f"{sentence}."


def _kind_verb(name: str) -> str:
    verbs = {"stay": "stay", "smoothing": "smooth", "differencing": "difference", "mixed": "are mixed"}
    return verbs[name]


def centres(histories: Sequence[KernelHistory], view: View, seconds_per_frame: float | None = None) -> Card:
    """Where in time every output looks."""
    centres = Named("centres", Call(centres_table, view.histories(histories), view.snapshot, view.reading))
    table: pd.DataFrame = centres.value
    step = max(1, -(-len(table) // MOST_CENTRES))
    drawn = f" Every {step}th output is drawn." if step > 1 else ""
    return Card(
        key="centres",
        title="Where in time do they look?",
        sentence=_centres_sentence(table, seconds_per_frame),
        call=Call(centres_by_layer, centres, seconds_per_frame=seconds_per_frame),
        definition=(
            f"The **centre of mass** of an output is Σ k·|aₖ| / Σ |aₖ| with k = −1, 0, 1 (more of longer kernels), its "
            f"taps read {TAPS_READ[view.reading]}: −1 reads the previous frame alone, 1 the next one alone. Frames are "
            "those of the layer's input; seconds are given where all clips of the training have one length. The height "
            f"of a point within its row means nothing.{drawn}"
        ),
        table=table,
        clickable=True,
    )


def _centres_sentence(table: pd.DataFrame, seconds_per_frame: float | None) -> str:
    centre = table["centre_of_mass"].to_numpy(dtype=float)
    distance = np.abs(centre - table["centre_of_mass0"].to_numpy(dtype=float))
    if np.isnan(distance).all():
        away = float((np.abs(centre) > THRESHOLD).mean())
        return f"The centre of mass of {percent(away)} of all outputs is more than a third of a frame from the present."
    blocks = table["block"].to_numpy()
    means = {
        str(block): float(distance[blocks == block].mean())
        for block in dict.fromkeys(blocks)
        if np.isfinite(distance[blocks == block]).all()
    }
    block = max(means, key=lambda name: means[name], default="")
    if not means or means[block] == 0:
        return "Every output looks exactly where it began." if means else "No layer has centres that are all numbers."
    seconds = f" ({three_digits(means[block] * seconds_per_frame)} s)" if seconds_per_frame else ""
    return (
        f"The outputs of {block} went farthest from where they began to look: {three_digits(means[block])} "
        f"frames{seconds} on average."
    )


def over_training(summary: pd.DataFrame, header: CheckpointHeader, view: View) -> Card | None:
    """When it happened. None if the file knows no course."""
    if not knows_course(summary):
        return None
    return Card(
        key="training",
        title="When did it happen?",
        sentence=_training_sentence(summary, header, view.layer),
        call=Call(drift_over_training, view.summary(summary), view.layer, Part(view.header(header), "metrics")),
        definition=(
            "Drift |W − W₀| / |W₀| of every layer at the snapshots that the training left, denser early. Beneath, on "
            "the same axis, the top-1 accuracy on the validation split after each epoch."
        ),
        clickable=True,
    )


def _training_sentence(summary: pd.DataFrame, header: CheckpointHeader, layer: str) -> str:
    rows = summary.loc[summary["layer"] == layer]
    block = block_name(layer)
    if not knows_start(rows).all():
        return f"How {block} began is unknown, so nobody can tell when it moved."
    if broken := rows.loc[rows["drift"].isna(), "step"].tolist():
        return f"At step {broken[0]:,} the weights of {block} are not all numbers, so its curve ends before."
    if not (final := float(rows["drift"].iloc[-1])):
        return f"{block} has not moved."
    if len(rows) < 3:
        return f"Of {block} both ends are known alone: it moved by {percent(final)} of its initial weight."
    steps, drift = rows["step"].to_numpy(dtype=float), rows["drift"].to_numpy(dtype=float)
    half = int(steps[int(np.argmax(drift >= final / 2))])
    sentence = f"Half of {block}'s final drift was there by step {half:,} of {int(steps[-1]):,}"
    reached = [entry["val_top1"] for entry in header.metrics if entry["step"] <= half]
    after = header.metrics[-1]["val_top1"] if header.metrics else None
    if after is None:
        return f"{sentence}."
    if not reached:
        return f"{sentence}, before the first epoch ended; the validation accuracy ended at {percent(after)}."
    return f"{sentence}, at {percent(reached[-1])} validation accuracy; it ended at {percent(after)}."
