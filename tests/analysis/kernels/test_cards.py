"""Cards: sentences from the data, code that runs and gives the figure, and small figures."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from analysis import report
from analysis.kernels import cards as kernel_cards
from analysis.kernels import layer_cards, network_cards
from analysis.kernels.cards import View
from analysis.kernels.figures_by_layer import centres_by_layer
from analysis.kernels.figures_one_layer import MAX_CELLS, MAX_CURVES, corner_shares, weight_maps
from analysis.kernels.first_clips import FirstClips, first_clips
from analysis.kernels.matching import by_index, by_responses, responses_of
from analysis.kernels.measured_reach import Measured
from analysis.kernels.outputs import centres_table, outputs_table
from analysis.kernels.reach import measured_reach
from analysis.kernels.readings import WEIGHT_READINGS
from analysis.kernels.summary import summarise
from gte import checkpoint
from gte.checkpoint_header import read_header
from gte.kernel_history import KernelHistory
from tests.analysis.snippets import last_value
from tests.moved import save_moved
from tests.tiny import metrics, save_tiny

MAX_BYTES = 2_000_000
FIRST = "layer1.0.conv2.temporal.shift"


@pytest.fixture
def gte(tmp_path, monkeypatch) -> Path:
    """A checkpoint in the current folder, as a notebook would have it."""
    monkeypatch.chdir(tmp_path)
    return save_tiny(Path("gte.safetensors"), "gte", metrics=metrics(), training={"seed": 0})


def everything(path: Path, view: View):
    header, histories = read_header(path), checkpoint.load_histories(path)
    summary = summarise(histories, view.reading)
    return header, histories, summary


def shown(code: str) -> str | None:
    """The figure that a snippet ends with, as JSON."""
    figure = last_value(code)
    assert isinstance(figure, go.Figure)
    return figure.to_json()


@pytest.mark.parametrize("reading", WEIGHT_READINGS)
@pytest.mark.parametrize("snapshot", [0, 1])
def test_the_code_of_every_card_makes_its_figure(gte, reading, snapshot):
    view = View(path=str(gte), layer=FIRST, snapshot=snapshot, reading=reading, order="drift", output=2)
    header, histories, summary = everything(gte, view)
    cards = report.cards_of(histories, summary, header, view)
    assert [card.key for card in cards] == [
        *("drift", "kinds", "centres", "maps", "output", "triangle", "spectrum", "frequency", "training")
    ]
    for card in cards:
        assert shown(card.code) == card.figure.to_json()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_code_of_the_comparison_makes_its_figures(gte, seed):
    other = save_tiny(Path("other.safetensors"), "gte", training={"seed": seed})
    view = View(path=str(gte), layer=FIRST, reading="own")
    paths = {"mine": str(gte), "yours": str(other)}
    summaries = [everything(Path(path), view)[2] for path in paths.values()]
    card = network_cards.side_by_side(summaries, paths, view)
    assert shown(card.code) == card.figure.to_json()
    first, second = (checkpoint.load_history(path, FIRST) for path in paths.values())
    clips = FirstClips(dataset="motionpairs", count=2)
    if seed == 0:
        matching = by_index(first.weights.shape[1])
    else:
        networks = [checkpoint.load_model(path)[0] for path in paths.values()]
        pixels = first_clips(read_header(gte), clips.dataset, clips.count)
        matching = by_responses(*(responses_of(network, FIRST, pixels) for network in networks))
    card = network_cards.matched(first, second, matching, paths, view, clips)
    assert shown(card.code) == card.figure.to_json()
    assert ("matched by index" in card.sentence) == (seed == 0)


def measure(path: Path, blocks: tuple[str, ...]) -> Measured:
    clips = FirstClips(dataset="motionpairs", count=2)
    model, header = checkpoint.load_model(path)
    table = measured_reach(model, first_clips(header, clips.dataset, clips.count), blocks, probes=1)
    return Measured(table=table, blocks=blocks, probes=1, clips=clips)


@pytest.mark.parametrize("snapshot", [0, 1])
def test_the_code_of_the_reach_makes_its_figure(gte, snapshot):
    view = View(path=str(gte), layer=FIRST, snapshot=snapshot)
    header, histories, _ = everything(gte, view)
    card = network_cards.reach(histories, measure(gte, ("layer1.0", "layer2.0")), header, view)
    assert "LTS path only" in card.definition
    assert "on 2 clips of MotionPairs" in card.definition
    assert card.table is not None
    assert set(card.table["line"]) == {"measured", "learned", "start"}
    assert shown(card.code) == card.figure.to_json()


def test_the_reach_of_a_second_checkpoint_is_drawn_dashed(gte):
    other = save_tiny(Path("other.safetensors"), "gte", num_frames=4)
    view = View(path=str(gte), layer=FIRST)
    header, histories, _ = everything(gte, view)
    measured = measure(other, ("layer1.0", "layer2.0"))
    card = network_cards.reach(
        histories, measure(gte, ("layer1.0", "layer2.0")), header, view, "mine", {"yours": (str(other), measured)}
    )
    assert shown(card.code) == card.figure.to_json()
    traces: Any = card.figure.data
    [reach, shares] = [trace for trace in traces if trace["name"] == "measured on clips, yours"]
    spreads, profiles = network_cards.measured_tables(measured.table, "layer1.0")
    assert reach["line"]["dash"] == shares["line"]["dash"] == "dash"
    assert list(reach["x"]) == ["layer1.0", "layer2.0"]
    assert list(reach["y"]) == spreads["spread"].tolist()
    assert list(shares["y"]) == profiles["share"].tolist()
    assert [trace["line"]["dash"] for trace in traces if trace["name"] == "measured on clips, mine"] == [
        *("solid", "solid")
    ]


def test_the_code_of_a_spectrum_with_a_second_checkpoint_makes_its_figure(gte):
    other = save_tiny(Path("other.safetensors"), "gte")
    first, second = (checkpoint.load_history(path, FIRST) for path in (gte, other))
    cards = layer_cards.spectrum(first, View(path=str(gte), layer=FIRST), "mine", {"yours": (str(other), second)})
    assert len(cards) == 2
    for card in cards:
        assert shown(card.code) == card.figure.to_json()
        traces: Any = card.figure.data
        assert {"layer1.0 of yours"} < {trace["name"] for trace in traces}


def test_sentences_say_where_weights_are_not_numbers(gte):
    view = View(path=str(gte), layer=FIRST)
    header, histories, _ = everything(gte, view)
    measured = measure(gte, ("layer1.0", "layer2.0"))
    histories[0].weights[-1, 0, 0, 0] = math.nan
    reach = network_cards.reach(histories, measured, header, view)
    assert "The reach after layer1.0 cannot be computed" in reach.sentence
    training = kernel_cards.over_training(summarise(histories), header, view)
    assert training is not None
    assert training.sentence.startswith(f"At step {header.step} the weights of layer1.0 contain NaN or infinity")


def test_sentences_are_written_from_the_data(gte):
    view = View(path=str(gte), layer=FIRST)
    header, histories, summary = everything(gte, view)
    sentences = {card.key: card.sentence for card in report.cards_of(histories, summary, header, view)}
    # tests.tiny adds 10 to the present tap of input 0 of every output of the first layer, and moves no other.
    assert sentences["drift"].startswith("layer1.0 has the largest drift, ")
    outputs = histories[0].weights.shape[1]
    assert (
        f"{outputs} of {outputs} output channels of layer1.0 put over half of their weight on the current frame"
        in sentences["triangle"]
    )
    assert sentences["triangle"].endswith("before training none did.")
    assert "the largest change is 10, from input channel 0 at t to output channel 0" in sentences["maps"]
    assert sentences["output"].startswith(
        "Output channel 0 looked ahead before training and now reads the current frame"
    )
    assert sentences["frequency"].startswith(f"Of {outputs} output channels, ")
    assert sentences["frequency"].endswith(f"before training {outputs} were all-pass.")
    assert "Only the first and the last weights of layer1.0 are known" in sentences["training"]
    assert sentences["centres"].startswith("The centres of mass of layer1.0 moved by 0.909 frames")


def test_at_the_initialisation_every_sentence_says_that_nothing_moved(gte):
    view = View(path=str(gte), layer=FIRST, snapshot=0)
    header, histories, summary = everything(gte, view)
    sentences = {card.key: card.sentence for card in report.cards_of(histories, summary, header, view)}
    assert sentences["drift"] == "No layer has drifted."
    assert "those before training" in sentences["maps"]
    assert sentences["centres"] == "No centre of mass has moved."
    assert sentences["kinds"].endswith("as before training.")


def test_half_of_the_drift_is_dated_with_the_accuracy_of_then(gte):
    weights = np.zeros((4, 2, 1, 3, 1), dtype=np.float32)
    weights[:, :, 0, 2, 0] = 1
    weights[:, 0, 0, 1, 0] = np.array([0.0, 0.3, 0.6, 1.0], dtype=np.float32)
    history = KernelHistory(layer=FIRST, steps=np.array([0, 1, 2, 3]), weights=weights)
    header = read_header(gte)
    card = kernel_cards.over_training(summarise([history]), header, View(path="x", layer=FIRST))
    assert card is not None
    assert card.sentence == (
        "Half of the drift of layer1.0 was reached by step 2 of 3, with a validation accuracy of 50 %; the final one "
        "is 90 %."
    )


def test_seconds_are_told_where_all_clips_have_one_length(gte):
    header = read_header(gte)
    assert kernel_cards.seconds_per_frame(header) == 24 / header.num_frames / 12
    elsewhere = read_header(save_moved(Path("x.safetensors"), "c3d", known=False, dataset=""))
    assert kernel_cards.seconds_per_frame(elsewhere) is None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", ["c3d", "i3d", "slowfast_4x16"])
def test_foreign_kernels_have_the_cards_that_their_files_allow(tmp_path, name, known):
    path = save_moved(tmp_path / "one.safetensors", name, known=known)
    header, histories = read_header(path), checkpoint.load_histories(path)
    summary = summarise(histories)
    cards = report.cards_of(histories, summary, header, View(path=str(path), layer=histories[0].layer))
    keys = {card.key for card in cards}
    assert keys >= {"kinds", "centres", "maps", "output", "triangle", "spectrum", "frequency"}
    assert ("drift" in keys) == ("training" in keys) == known
    assert not any("nan" in card.sentence for card in cards)


def test_a_layer_with_values_that_are_not_numbers_has_no_cards(gte):
    history = checkpoint.load_history(gte, FIRST)
    history.weights[-1, 0, 0, 0] = math.nan
    assert layer_cards.layer_in_full(history, View(path="x", layer=FIRST)) == []
    assert layer_cards.spectrum(history, View(path="x", layer=FIRST)) == []
    assert layer_cards.layer_in_full(history, View(path="x", layer=FIRST, snapshot=0))
    summary = summarise([history])
    assert "No layer" not in kernel_cards.kinds(summary, View(path="x", layer=FIRST)).sentence
    assert kernel_cards.centres([history], View(path="x", layer=FIRST)).sentence


def test_one_layer_alone_is_spoken_of_as_one(gte):
    summary = summarise([checkpoint.load_history(gte, FIRST)])
    card = kernel_cards.drift(summary, View(path="x", layer=FIRST))
    assert card is not None
    assert "of 1 layers" not in card.sentence


@pytest.mark.slow
def test_figures_of_the_largest_layers_stay_under_two_megabytes():
    # The last layer of ResNet-50's dense LTS, and a 3x1x1 of I3D, each at 24 snapshots' last.
    for outputs, inputs in ((128, 256), (512, 2048)):
        weights = torch.randn(2, outputs, inputs, 3, 1).numpy()
        history = KernelHistory(layer="layer4.2", steps=np.array([0, 9]), weights=weights)
        view = View(path="x", layer="layer4.2")
        in_full, spectrum = layer_cards.layer_in_full(history, view), layer_cards.spectrum(history, view)
        for card in [*in_full, *spectrum]:
            assert len(str(card.figure.to_json())) < MAX_BYTES, card.key
        sentences = " ".join(card.sentence for card in in_full)
        # The sentence says what is left out.
        assert ("A cell stands for" in sentences) == (max(outputs, inputs) > MAX_CELLS)
        [curves] = [card for card in spectrum if card.key == "frequency"]
        assert ("One output channel in 2 is drawn." in curves.sentence) == (outputs > MAX_CURVES)
        table = centres_table([history] * 8)
        assert len(str(centres_by_layer(table).to_json())) < MAX_BYTES


def test_a_heat_map_names_the_outputs_in_the_order_asked_for(gte):
    history = checkpoint.load_history(gte, FIRST)
    order = np.arange(history.weights.shape[1])[::-1].copy()
    figure = weight_maps(history, -1, order)
    first = figure.data[0]
    assert list(first["y"]) == [str(output) for output in order]
    assert np.asarray(first["z"]).tolist() == history.weights[0][order.copy(), :, 0, 0].tolist()
    assert sum(1 for _ in figure.data) == 9
    assert (figure.layout["coloraxis"]["cmin"], figure.layout["coloraxis"]["cmax"]) == (-10, 10)


def test_the_triangle_s_corners_are_past_present_and_future():
    start = np.array([[[1.0, 0, 0]], [[0, 3, 1]]], dtype=np.float32)[..., None]
    table = outputs_table(KernelHistory(layer="a", steps=np.array([0]), weights=start[None]))
    assert corner_shares(table, 3).tolist() == [[1, 0, 0], [0, 0.75, 0.25]]
