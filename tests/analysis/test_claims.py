"""No sentence claims what the data do not show: every writer over checkpoints made so that the opposite is true."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.attribution.evidence import Evidence
from analysis.attribution.methods import compare_weightings
from analysis.attribution.spacetime import moves_finding
from analysis.interventions.accuracy import setting_finding
from analysis.interventions.layer_ablation import ALL_LAYERS, layer_finding, layers_finding
from analysis.kernels import cards, layer_cards
from analysis.kernels.cards import View
from analysis.kernels.chance import chances_of
from analysis.kernels.drift import drift_parts
from analysis.kernels.headline import headline_of
from analysis.kernels.readings import WEIGHT_READINGS, read_kernels
from analysis.kernels.summary import summarise
from analysis.kernels.taps import COMBINED, kind
from gte.kernel_history import KernelHistory
from gte.models.cell_grids import even_grid
from gte.models.shift import temporal_shift_weight
from tests.analysis.toy_answers import toy_table

OUTPUTS, INPUTS = 16, 8
LAYERS = ("layer1.0", "layer1.1", "layer2.0", "layer2.1")
Histories = list[KernelHistory]


def histories_of(change: Callable[[np.ndarray, int], np.ndarray], outputs: int = OUTPUTS) -> Histories:
    """Layers that start as hard shifts, each with the weights that `change` makes of those and of its number."""
    histories = []
    for number, layer in enumerate(LAYERS):
        start = temporal_shift_weight(OUTPUTS, INPUTS).numpy()[:outputs]
        weights = np.stack([start, change(start.copy(), number)]).astype(np.float32)
        histories.append(KernelHistory(layer=f"{layer}.shift", steps=np.array([0, 100]), weights=weights))
    return histories


def random_change(start: np.ndarray, number: int, size: float = 4.0) -> np.ndarray:
    change = np.random.default_rng(number).standard_normal(start.shape)
    return start + change * (size / np.linalg.norm(change))


def subtracting(start: np.ndarray, _number: int) -> np.ndarray:
    # Each output reads its own input as the next frame minus the previous one.
    return start - start[:, :, ::-1]


def all_equal(start: np.ndarray, _number: int) -> np.ndarray:
    start[:, :, 1] += 0.5
    return start


CHECKPOINTS: Mapping[str, Histories] = {
    "no drift": histories_of(lambda start, _: start),
    "random drift": histories_of(random_change),
    "all subtracting": histories_of(subtracting),
    "one output": histories_of(random_change, outputs=1),
    "all equal": histories_of(all_equal),
}
"""By name: checkpoints in which there is nothing to find, or the opposite of what one expects."""


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


def _headline(subject: Subject, view: View) -> str:
    return headline_of(subject.histories, view.reading)


WRITERS: Mapping[str, Callable[[Subject, View], str]] = {
    "kernels: headline": _headline,
    "kernels: drift": _drift,
    "kernels: kinds": _kinds,
    "kernels: centres": _centres,
    "kernels: one layer": _layer,
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
    # "more than a random change has there in 1 of 4 layers" counts layers, of which one in twenty is outside by chance.
    assert "more than by a random change" not in text
    for above, layers in re.findall(r"more than a random change has there in (\d+) of (\d+)", text):
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
    assert not re.search(r"largest (drift|mean of all layers)|drifted most|most frequent|furthest", text), text


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
            assert (f" {combined} combine" in text) == (combined > 0), checkpoint


def test_a_share_of_the_drift_is_compared_with_the_share_of_the_weights():
    histories = CHECKPOINTS["random drift"]
    text = _drift(Subject(histories), Subject(histories).view("energy"))
    _, counts = drift_parts(histories[0].weights[-1:], histories[0].weights[0])
    assert f"which are {100 * counts[2] / counts.sum():.3g} % of its weights" in text


def map_of(steps: Mapping[int, float], num_frames: int = 8) -> Evidence:
    """Evidence of 2 x 4 cells, equal but for the steps named, which have so many times as much."""
    cells = torch.ones(num_frames, 2, 4)
    for step, times in steps.items():
        cells[step] *= times
    return Evidence(
        map=cells,
        target=0,
        layer="layer1.0",
        method="gradcam",
        label="Grad-CAM",
        convention="",
        grid=even_grid(cells.shape, (num_frames, 16, 16)),
    )


MAPS = {
    "even": map_of({}),
    "nearly even": map_of({0: 1.1, 5: 0.9}),
    "empty": map_of(dict.fromkeys(range(8), 0.0)),
    "one frame": map_of({}, num_frames=1),
    "one peak": map_of({6: 5.0}),
}
"""By name: maps of evidence in which there is nothing to find, and one with a peak."""

MAP_WRITERS: Mapping[str, Callable[[Evidence], str]] = {
    "evidence: when": Evidence.finding,
    "evidence: where": lambda evidence: moves_finding("net", evidence),
    "evidence: weightings": lambda evidence: compare_weightings(evidence, map_of({0: 3.0}, evidence.num_frames)),
}
"""Every writer of sentences on one map."""


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("writer", MAP_WRITERS)
def test_a_map_is_said_to_prefer_a_frame_or_a_place_only_where_it_does(writer, name):
    text = MAP_WRITERS[writer](MAPS[name])
    assert "nan" not in text.lower()
    named = re.findall(r"in frames? (\d)", text)
    assert named == (["7"] if (writer, name) == ("evidence: when", "one peak") else [])
    assert ("Grad-CAM finds no evidence" in text) == (name == "empty" and writer != "evidence: weightings")
    # Cells that all have the same do not move, and two different maps are not one.
    for start, end in re.findall(r"from (\d+) % to (\d+) %", text):
        assert start == end
    assert "both weightings" not in text


def test_the_multiple_of_an_even_share_is_that_of_the_frames_named():
    assert MAPS["one peak"].finding() == "41.7 % of its evidence is in frame 7, its peak: 3.3 times an even share."


ANSWERS: Mapping[str, dict[str, int]] = {
    "nothing changes": {"initial": 0, "present": 0, "zero": 0},
    "five of 56 clips are lost": {"initial": 5, "present": 5, "zero": 5},
    "five of 56 clips are gained": {"initial": -5, "present": -5, "zero": -5},
    "thirty are lost": {"initial": 30, "present": 30, "zero": 30},
}
"""By name: clips that are lost, in every layer alone and in all together, by setting of the kernels."""

SIGNIFICANT = ("thirty are lost",)


def answers_of(case: str) -> pd.DataFrame:
    right = 40 if "gained" in case else 56
    layers = (*LAYERS, ALL_LAYERS)
    lost = {(layer, setting): count for layer in layers for setting, count in ANSWERS[case].items()}
    return toy_table(lost, right=right)


def _one_setting(table: pd.DataFrame) -> str:
    # The last row of all layers together: zeroed kernels.
    return setting_finding(table[table["layer"] == ALL_LAYERS].assign(blend=1.0))


ANSWER_WRITERS: Mapping[str, Callable[[pd.DataFrame], str]] = {
    "what if: one layer": lambda table: layer_finding(table, LAYERS[0], LAYERS[0]),
    "what if: every layer": lambda table: layers_finding(table, {layer: layer for layer in LAYERS}),
    "what if: one setting": _one_setting,
}
"""Every writer of sentences on lost clips: each is run over ANSWERS."""


@pytest.mark.parametrize("writer", ANSWER_WRITERS)
@pytest.mark.parametrize("case", ANSWERS)
def test_clips_that_could_be_lost_by_chance_are_not_said_to_matter(writer, case):
    text = ANSWER_WRITERS[writer](answers_of(case))
    assert "not needed" not in text
    claims = re.search(r"\bmatters\b|\bYes in\b|\bbetter\b|clips lost|test clips \(p = [^,)]*\)\.$", text)
    assert bool(claims) == (case in SIGNIFICANT), text
