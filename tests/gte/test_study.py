"""The study: its table of runs, and that a small one runs, is continued, is shared and ships what it measured."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gte.checkpoint import load_model
from gte.checkpoint_header import read_header
from gte.data.motionpairs import dataset
from gte.errors import GteError
from gte.evaluate import evaluate
from gte.files import claim
from gte.study import ROWS, Row, runs, shipping, worker
from gte.study.runs import StudyConfig, plan
from gte.study.worker import run_study
from gte.train import train
from gte.train_config import PRESETS
from tests.tiny import tiny_training

SMALL_ROWS = (
    Row(name="c2d", network="c2d"),
    Row(name="gte-t-1-2", network="gte", label="GTE, t = 1/2", options={"temporal_share": 0.5}),
)
NUM_CLIPS = 28


@pytest.fixture
def small(tmp_path, monkeypatch) -> StudyConfig:
    """A study of two networks that takes a second."""
    monkeypatch.setattr(runs, "ROWS", SMALL_ROWS)
    monkeypatch.setitem(PRESETS, "study", ("", tiny_training(tmp_path, dataset="motionpairs-hard")))
    for split in ("val", "test"):
        monkeypatch.setitem(dataset.SPLITS, split, NUM_CLIPS)
    return StudyConfig(out=tmp_path / "runs", ship=tmp_path / "shipped", num_workers=0, precision="32-true")


def test_the_table_has_the_comparison_with_three_seeds_and_each_other_network_once():
    planned = plan(StudyConfig())
    assert len(planned) == 25
    assert [run.seed for run in planned] == [0] * len(ROWS) + [1] * 5 + [2] * 5
    assert {run.row.name for run in planned if run.seed == 2} == {"c2d", "tsm", "c3d", "gst", "gte"}
    # The same data, schedule and clips for all.
    configs = [run.config for run in planned]
    assert (
        len({(config.lr, config.epochs, config.clips_per_epoch, config.dataset, config.size) for config in configs})
        == 1
    )
    assert {(config.model, *config.options.values()) for config in configs} >= {("gte", 26, 16, 0, 0.125)}
    assert [run.label for run in planned[5:7]] == ["GTE, t = 1/2", "GTE, t = 1/8"]


def test_runs_are_chosen_by_their_names_and_several_devices_train_one():
    assert [run.name for run in plan(StudyConfig(only=("gte", "i3d-seed0")))] == [
        "gte-seed0",
        "i3d-seed0",
        "gte-seed1",
        "gte-seed2",
    ]
    with pytest.raises(ValueError, match="got gtx"):
        plan(StudyConfig(only=("gtx",)))
    with pytest.raises(ValueError, match="name it with --only"):
        plan(StudyConfig(devices=8))
    (run,) = plan(StudyConfig(devices=8, only=("gte-seed0",)))
    assert (run.config.batch_size, run.config.clips_per_step) == (4, 32)


def test_a_small_study_trains_tests_and_ships_each_network_and_does_nothing_the_second_time(small, monkeypatch, capsys):
    run_study(small)
    results = json.loads((small.ship / "results.json").read_text())
    assert [run["name"] for run in results["runs"]] == ["c2d-seed0", "gte-t-1-2-seed0"]
    assert (results["data"], results["size"], len(results["labels"])) == ("motionpairs-hard", 32, NUM_CLIPS)
    for run in results["runs"]:
        # What ships answers as the result says.
        model, header = load_model(small.ship / f"{run['name']}.safetensors")
        scores = evaluate(model, dataset.HardMotionPairs("test", 32), num_frames=header.num_frames, num_workers=0)
        assert scores.logits.argmax(1).tolist() == run["answers"]
        right = sum(answer == label for answer, label in zip(run["answers"], results["labels"], strict=True))
        assert run["top1"] == scores.top1 == right / NUM_CLIPS
        assert (run["clips_seen"], len(run["metrics"])) == (16, 2)
    assert "| **c2d-seed0** | `python -m gte.study --only c2d-seed0` | " in (small.ship / "README.md").read_text()
    gte = results["runs"][1]
    assert (gte["label"], gte["network"], gte["options"]["temporal_share"]) == ("GTE, t = 1/2", "gte", 0.5)

    def fail(config):
        raise AssertionError(config.out)

    monkeypatch.setattr(worker, "train", fail)
    capsys.readouterr()
    run_study(small)
    assert "2 runs, of which 2 are finished." in capsys.readouterr().err


def test_what_ships_has_half_the_size_and_unrounded_learnable_shifts(small):
    run_study(small)
    shipped, _ = load_model(small.ship / "gte-t-1-2-seed0.safetensors")
    trained, header = load_model(small.out / "gte-t-1-2-seed0" / "gte-t-1-2-seed0.safetensors")
    equal = {key: torch.equal(shipped.state_dict()[key], tensor) for key, tensor in trained.state_dict().items()}
    assert all(same for key, same in equal.items() if key.startswith(header.layers) or tensor_is_flat(trained, key))
    assert not equal["layer1.0.conv1.weight"]
    assert torch.equal(shipped.state_dict()["fc.weight"], trained.state_dict()["fc.weight"].half().float())


def tensor_is_flat(model: torch.nn.Module, key: str) -> bool:
    return model.state_dict()[key].dim() < 2


def test_a_run_that_was_cut_before_its_test_is_not_trained_again(small, monkeypatch):
    (run, _) = plan(small)
    trained = train(run.config)
    before = read_header(trained).metrics
    run_study(replace(small, only=("c2d",), ship=None))
    assert read_header(trained).metrics == before
    result = run.result()
    assert result is not None
    assert len(result["answers"]) == NUM_CLIPS


def test_a_run_with_other_settings_is_not_mixed_in(small):
    run_study(replace(small, only=("c2d",), ship=None))
    with pytest.raises(
        GteError, match=r"c2d-seed0 holds a run with other settings \(precision\); choose another --out"
    ):
        run_study(replace(small, precision="bf16-mixed"))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"training": 1}'])
def test_a_damaged_result_is_named(small, content):
    (run, _) = plan(small)
    run.folder.mkdir(parents=True)
    (run.folder / "result.json").write_text(content)
    with pytest.raises(GteError, match=r"c2d-seed0/result.json is damaged; delete it"):
        run_study(small)


def test_a_run_that_another_worker_has_is_left_to_it(small, capsys):
    (first, second) = plan(small)
    with claim(first.folder.with_suffix(".lock")):
        run_study(small)
    assert first.result() is None
    assert second.result() is not None
    assert "Other workers have c2d-seed0." in capsys.readouterr().err
    assert not small.ship.exists()


def test_the_forecast_names_what_is_left(small, capsys):
    run_study(replace(small, plan=True))
    assert "The 2 that are left take, one by one, about 1 min of training steps here" in capsys.readouterr().err
    run_study(replace(small, plan=True, only=("c2d",)))
    assert "The one that is left takes about 1 min of training steps here" in capsys.readouterr().err


def test_nothing_ships_before_a_run_is_finished(small):
    with pytest.raises(GteError, match="holds no finished run"):
        shipping.ship(small, small.ship)


WORKER = """
import sys
from pathlib import Path
from gte.data.motionpairs import dataset
from gte.study import runs, worker
from gte.train_config import PRESETS
from tests.gte.test_study import NUM_CLIPS, SMALL_ROWS
from tests.tiny import tiny_training
out = Path(sys.argv[1])
runs.ROWS = SMALL_ROWS
PRESETS["study"] = ("", tiny_training(out, dataset="motionpairs-hard"))
dataset.SPLITS |= {"val": NUM_CLIPS, "test": NUM_CLIPS}
worker.run_study(runs.StudyConfig(out=out, num_workers=0, precision="32-true"))
"""


@pytest.mark.slow
def test_two_workers_that_share_a_folder_train_each_network_once(tmp_path):
    command = [sys.executable, "-c", WORKER, str(tmp_path / "runs")]
    root = Path(__file__).parents[2]
    workers = [subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    for run in ("c2d-seed0", "gte-t-1-2-seed0"):
        assert "".join(printed).count(f"{run}: ") == 1
        assert (tmp_path / "runs" / run / "result.json").exists()
