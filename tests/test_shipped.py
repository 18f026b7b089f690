"""The checkpoints that ship keep what their README promises."""

import json

import pandas as pd
import pytest
import torch

from analysis.interventions.accuracy import Step, settings_accuracy
from analysis.interventions.experiments import load_network
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import ALL_LAYERS, layer_ablation, stored_ablation
from analysis.study.results import load
from analysis.study.tables import markdown, rows_table, runs_table
from gte.checkpoint import load_history, load_model
from gte.checkpoint_header import read_header
from gte.data import DataReference
from gte.data.loading import to_clip
from gte.data.motionpairs.dataset import HardMotionPairs, MotionPairs
from gte.data.motionpairs.scenes import NUM_FRAMES
from gte.data.sampling import segment_indices
from gte.evaluate import evaluate
from tests.browser.harness import ROOT

NAMES = ("gte-tiny", "c2d-tiny")
RECORDED = ("gte-fir16", "c2d-fir16")
"""Trained on recordings, which do not ship."""
MAX_BYTES = 4_000_000
NUM_CLIPS = 140
"""Of the test split: seventy scenes, each forwards and backwards."""


@pytest.mark.parametrize("name", [*NAMES, *RECORDED])
def test_a_shipped_checkpoint_is_small_and_says_how_it_was_made(name):
    path = ROOT / "checkpoints" / f"{name}.safetensors"
    _, header = load_model(path)
    assert path.stat().st_size < MAX_BYTES
    assert header.environment["modified"] is False
    preset = "tiny" if name in NAMES else "small"
    assert header.environment["command"].startswith(f"python -m gte.train {preset} ")
    assert len(header.metrics) == header.training["epochs"]


@pytest.mark.parametrize("name", RECORDED)
def test_a_network_of_recordings_knows_its_data_by_name_and_which_class_is_the_reversal_of_another(name):
    header = read_header(ROOT / "checkpoints" / f"{name}.safetensors")
    data = DataReference.parse(header.dataset)
    assert (data.dataset, data.root) == ("folder", "nagoya-fir16")
    pair = [header.classes[label] for label, twin in enumerate(header.twins) if twin >= 0]
    assert pair == ["sitdown", "standup"]


def test_the_table_of_networks_of_recordings_is_that_of_the_runs():
    runs = pd.read_csv(ROOT / "checkpoints" / "fir16.csv")
    assert len(runs) == 12
    table = (ROOT / "checkpoints" / "README.md").read_text(encoding="utf-8")
    for model, rows in runs.groupby("model"):
        shares = 100 * rows[["top1", "top1_with_reversed_class", "reversed_clips_given_reversed_class"]]
        cells = [f"{column.mean():.1f} ({column.min():.1f} to {column.max():.1f})" for _, column in shares.items()]
        assert f"| {model} | {' | '.join(cells)} |" in table


STUDY = ROOT / "checkpoints" / "study"
STUDY_NAMES = sorted(path.stem for path in STUDY.glob("*.safetensors"))


def test_the_study_ships_every_network_that_it_names_and_few_bytes():
    results = json.loads((STUDY / "results.json").read_text())
    assert {run["name"] for run in results["runs"] if run["seed"] == 0 or run["row"] == "gte"} == set(STUDY_NAMES)
    assert sum(path.stat().st_size for path in STUDY.iterdir()) < 40_000_000


def test_the_table_of_the_study_in_the_readme_is_that_of_the_runs():
    study = load(STUDY)
    assert study is not None
    assert not study.progress
    assert markdown(rows_table(runs_table(study))) in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", STUDY_NAMES)
def test_a_network_of_the_study_answers_as_its_results_say(name):
    path = STUDY / f"{name}.safetensors"
    model, header = load_model(path)
    assert path.stat().st_size < MAX_BYTES
    assert header.environment["modified"] is False
    if header.layers:
        assert len(load_history(path, header.layers[0]).steps) >= 16
    results = json.loads((STUDY / "results.json").read_text())
    (run,) = (run for run in results["runs"] if run["name"] == name)
    assert run["top1_as_trained"] - run["top1"] < 0.001
    # Each class three times, and each scene forwards and backwards.
    which = [*range(42), *range(700, 742)]
    shortened = HardMotionPairs("test", header.size, num_clips=len(which))
    scores = evaluate(model, shortened, num_frames=header.num_frames, num_workers=0)
    answers = scores.logits.argmax(1).tolist()
    # Another processor sums in another order, which may turn an answer between two classes that are equally probable.
    assert sum(answer != run["answers"][clip] for answer, clip in zip(answers, which, strict=True)) <= 1


@pytest.mark.slow
def test_order_tells_gte_what_it_cannot_tell_c2d():
    top1 = {}
    for name in NAMES:
        model, header = load_model(ROOT / "checkpoints" / f"{name}.safetensors")
        clips = MotionPairs("test", header.size, num_clips=NUM_CLIPS)
        top1[name] = evaluate(model, clips, num_frames=header.num_frames, num_workers=0).top1
    assert top1["gte-tiny"] >= 0.9
    assert top1["c2d-tiny"] <= 0.5


def test_the_shipped_c2d_answers_a_clip_and_its_reversal_alike():
    model, header = load_model(ROOT / "checkpoints" / "c2d-tiny.safetensors")
    clips = MotionPairs("test", header.size, num_clips=NUM_CLIPS)
    which = segment_indices(NUM_FRAMES, header.num_frames)
    for index in range(3):
        with torch.no_grad():
            forwards, backwards = (
                model(to_clip(clips.frames(number, which))[None]) for number in (index, index + NUM_CLIPS // 2)
            )
        assert (forwards - backwards).abs().max() <= 1e-5 * forwards.abs().max()


def test_the_stored_result_of_the_layers_belongs_to_the_shipped_gte():
    path = ROOT / "checkpoints" / "gte-tiny.safetensors"
    _, header = load_model(path)
    clips = LabelledClips(dataset="motionpairs", num_clips=280, num_frames=header.num_frames, size=header.size)
    table = stored_ablation(path, clips)
    assert table is not None, "Run python -m analysis.interventions checkpoints/gte-tiny.safetensors --store"
    assert set(table["layer"]) == {*header.layers, ALL_LAYERS}
    assert set(table["num_scenes"]) == {280}
    assert table["right"].iloc[0] >= 270


@pytest.mark.slow
def test_the_stored_result_of_the_layers_is_what_the_command_computes():
    path = ROOT / "checkpoints" / "gte-tiny.safetensors"
    network = load_network("gte-tiny", str(path))
    clips = LabelledClips(dataset="motionpairs", num_clips=16, num_frames=8, size=112)
    stored = stored_ablation(path, clips)
    assert stored is not None
    pd.testing.assert_frame_equal(stored, layer_ablation(network, None, clips))


@pytest.mark.slow
def test_mixing_carries_what_the_shipped_gte_learned_and_own_taps_do_not():
    network = load_network("gte-tiny", str(ROOT / "checkpoints" / "gte-tiny.safetensors"))
    clips = LabelledClips(dataset="motionpairs", num_clips=112, num_frames=8, size=112)
    table = settings_accuracy(network, None, [Step("own_reset"), Step("unmixed")], clips)
    # Counted with other code as well.
    assert table["right"].tolist() == [111, 111, 69]
