"""No sentence on kernels claims what the data do not show: every writer over toy checkpoints."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from analysis.kernels import cards, layer_cards, network_cards
from analysis.kernels.cards import View
from analysis.kernels.chance import chances_of
from analysis.kernels.drift import drift_parts
from analysis.kernels.first_clips import FirstClips
from analysis.kernels.headline import headline_of
from analysis.kernels.matching import by_index
from analysis.kernels.measured_reach import Measured
from analysis.kernels.readings import WEIGHT_READINGS, read_kernels
from analysis.kernels.summary import summarise
from analysis.kernels.taps import COMBINED, kind
from gte.checkpoint_header import CheckpointHeader
from tests.analysis.toy_checkpoints import CHECKPOINTS, LAYERS, Histories, histories_of, random_change


@dataclass(frozen=True)
class Subject:
    """A checkpoint as a writer gets it."""

    histories: Histories

    def view(self, reading: str) -> View:
        assert reading in WEIGHT_READINGS
        return View(path="made", layer=self.histories[0].layer, reading=reading)


def _drift(subject: Subject, view: View) -> str:
    card = cards.drift(summarise(subject.histories, view.reading), view)
    return card.sentence if card else ""


def _kinds(subject: Subject, view: View) -> str:
    chances = chances_of(subject.histories, -1, view.reading)
    return cards.kinds(summarise(subject.histories, view.reading), view, chances).sentence


def _centres(subject: Subject, view: View) -> str:
    return cards.centres(subject.histories, view, chances_of(subject.histories, -1, view.reading)).sentence


def _layer(subject: Subject, view: View) -> str:
    shown = [*layer_cards.layer_in_full(subject.histories[0], view), *layer_cards.spectrum(subject.histories[0], view)]
    return " ".join(card.sentence for card in [*shown, *layer_cards.triangle(subject.histories[0], view)])


HEADER = CheckpointHeader(
    model="gte",
    options={},
    num_params=1,
    layers=tuple(f"{layer}.shift" for layer in LAYERS),
    classes=("moves left", "moves right"),
    twins=(1, 0),
    num_frames=8,
    size=32,
)


def measured_as(shares: Mapping[int, float], num_clips: int = 2) -> Measured:
    """The same shares of the frames after every block, on every clip."""
    table = pd.DataFrame(
        {"block": block, "clip": clip, "offset": offset, "share": shares.get(offset, 0.0)}
        for block in LAYERS
        for clip in range(num_clips)
        for offset in range(-4, 4)
    )
    table["share"] /= table.groupby("block")["share"].transform("sum")
    return Measured(table=table, blocks=LAYERS, probes=1, clips=FirstClips(dataset="motionpairs", count=num_clips))


def _reach(subject: Subject, view: View) -> str:
    even = measured_as(dict.fromkeys(range(-4, 4), 1.0))
    return network_cards.reach(subject.histories, even, HEADER, view).sentence


def _matched(subject: Subject, view: View) -> str:
    first, pairs = subject.histories[0], by_index(subject.histories[0].weights.shape[1])
    clips = FirstClips(dataset="motionpairs", count=2)
    return network_cards.matched(first, first, pairs, {"a": "a", "b": "b"}, view, clips).sentence


def _training(subject: Subject, view: View) -> str:
    card = cards.over_training(summarise(subject.histories, view.reading), HEADER, view)
    return card.sentence if card else ""


def _headline(subject: Subject, view: View) -> str:
    return headline_of(subject.histories, view.reading)


WRITERS: Mapping[str, Callable[[Subject, View], str]] = {
    "kernels: headline": _headline,
    "kernels: drift": _drift,
    "kernels: kinds": _kinds,
    "kernels: centres": _centres,
    "kernels: one layer": _layer,
    "kernels: reach": _reach,
    "kernels: matched": _matched,
    "kernels: over training": _training,
}
"""Every writer of sentences on a checkpoint's kernels: each is run over CHECKPOINTS."""

every_writer = pytest.mark.parametrize("writer", WRITERS)
every_reading = pytest.mark.parametrize("reading", WEIGHT_READINGS)


def written(writer: str, checkpoint: str, reading: str) -> str:
    subject = Subject(CHECKPOINTS[checkpoint])
    text = WRITERS[writer](subject, subject.view(reading))
    assert "nan" not in text.lower().replace("nan or infinity", "")
    return text


@every_writer
@every_reading
def test_where_nothing_drifted_nothing_is_said_to_have_changed(writer, reading):
    text = written(writer, "no drift", reading)
    assert not re.search(r"\b[1-9]\d* (stopped|began|does|do) ", text), text
    assert not re.search(r"(drifted|moved) (most|by)|largest (drift|change|mean)|more than", text), text


@every_writer
@every_reading
def test_a_random_drift_is_not_said_to_exceed_chance(writer, reading):
    text = written(writer, "random drift", reading)
    # "in 1 of 4 layers more than a random change puts there" counts layers: one in twenty is outside by chance.
    assert "more than by a random change" not in text
    for above, layers in re.findall(r"in (\d+) of (\d+) layers more than a random change puts there", text):
        assert int(above) <= int(layers) / 4, text


@every_writer
@every_reading
def test_outputs_that_all_subtract_are_never_said_to_look_or_to_stay(writer, reading):
    text = written(writer, "all subtracting", reading)
    now = text.split("before training")[0].split("After a random change")[0]
    assert not re.search(r"\b[1-9]\d* (look|looks|read|reads|average|averages) ", now), text
    for history in CHECKPOINTS["all subtracting"]:
        assert set(kind(read_kernels(history, reading)[-1])) == {"subtracts"}


@every_writer
@every_reading
def test_where_all_layers_are_equal_none_is_named_as_the_largest(writer, reading):
    text = written(writer, "all equal", reading)
    assert not re.search(r"largest (drift|mean of all layers)|largest (count|difference)|furthest", text), text


@every_writer
@every_reading
def test_one_output_is_spoken_of_in_the_singular(writer, reading):
    text = written(writer, "one output", reading)
    assert not re.search(r"(?<!to )\b1 (output channels|look|read|combine|average|subtract|are) ?\b", text), text


def test_counts_in_the_headline_add_up_to_the_outputs_of_every_checkpoint():
    for checkpoint, histories in CHECKPOINTS.items():
        for reading in WEIGHT_READINGS:
            kinds = np.concatenate([kind(read_kernels(history, reading)[-1]) for history in histories])
            text = headline_of(histories, reading)
            combined = int(np.isin(kinds, COMBINED).sum())
            assert f"of {len(kinds)} output channels " in text
            assert bool(re.search(rf"\b{combined} (of \d+ output channels? )?combine", text)) == (combined > 0), (
                checkpoint
            )


def test_a_share_of_the_drift_is_compared_with_the_share_of_the_weights():
    histories = CHECKPOINTS["random drift"]
    text = _drift(Subject(histories), Subject(histories).view("energy"))
    _, counts = drift_parts(histories[0].weights[-1:], histories[0].weights[0])
    assert f"which are {100 * counts[2] / counts.sum():.3g} % of its weights" in text


def test_a_reach_has_a_range_over_clips_only_where_they_differ_and_no_change_where_there_is_none():
    view = Subject(CHECKPOINTS["no drift"]).view("energy")
    still = _reach(Subject(CHECKPOINTS["no drift"]), view)
    assert still.startswith("After layer1.0 the measured reach is 2.35 frames (RMS); the kernels alone")
    assert "would give 1, as before training. The same share" in still
    drifted = CHECKPOINTS["random drift"]
    # The measurement is of the final weights, whatever snapshot is chosen.
    first = network_cards.reach(drifted, measured_as({0: 1.0}), HEADER, replace(view, snapshot=0)).sentence
    assert "the measured reach with the final weights is 0 frames (RMS); the kernels of step 0 alone" in first


def course_of(*sizes: float) -> str:
    """The sentence on a layer that drifts by these multiples of one random change, a snapshot each."""
    [history, *_] = CHECKPOINTS["random drift"]
    change = history.weights[1] - history.weights[0]
    weights = np.stack([history.weights[0] + size * change for size in sizes])
    course = replace(history, steps=10 * np.arange(len(sizes)), weights=weights)
    return _training(Subject([course]), Subject([course]).view("energy"))


def test_a_drift_that_went_back_is_not_dated_as_if_it_had_grown():
    assert course_of(0, 0, 0) == "layer1.0 has not drifted."
    assert course_of(0, 1, 1.05) == "Half of the drift of layer1.0 was reached by step 10 of 20."
    assert "weights from before training again; its drift was 1 at step 10." in course_of(0, 1, 0)
    back = "The drift of layer1.0 was 1 at step 10 and is 0.2 at the end. Half of that was reached by step 10 of 20."
    assert course_of(0, 1, 0.2) == back
    assert course_of(0, 1).startswith("Only the first and the last weights of layer1.0 are known")


def test_a_layer_is_said_to_have_the_largest_difference_of_two_checkpoints_only_where_no_other_has_it():
    def sentence(second: Histories, layers: int = len(LAYERS)) -> str:
        summaries = [summarise(histories[:layers]) for histories in (CHECKPOINTS["no drift"], second)]
        view = Subject(second).view("energy")
        return network_cards.side_by_side(summaries, {"a": "a.safetensors", "b": "b.safetensors"}, view).sentence

    uneven = histories_of(lambda start, number: random_change(start, number, size=number + 1.0))
    assert sentence(uneven).startswith("layer2.1 has the largest difference: drift 1 in b against 0 in a.")
    for name in ("no drift", "random drift", "all equal"):
        assert "largest" not in sentence(CHECKPOINTS[name])
    assert "largest" not in sentence(uneven, layers=1)
