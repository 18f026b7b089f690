"""The command lines: JSON on standard output alone, messages on standard error, status 2 for bad input."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from gte import cli, evaluate, predict
from gte.checkpoint import load_model
from gte.data import open_dataset
from gte.data.loading import to_clip
from gte.data.sampling import segment_indices
from gte.data.video.writing import write_video
from gte.errors import GteError, sentence
from tests.tiny import save_tiny

MOTION_CLASSES = open_dataset("motionpairs", "test", 32).classes
MOTION_TWINS = open_dataset("motionpairs", "test", 32).twins


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process: (main, its arguments) to status and what it printed."""

    def run(main, *arguments: object) -> Done:
        monkeypatch.setattr("sys.argv", ["command", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.run_command(main, prog="python -m gte.command")
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
        else:
            status = 0
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture
def motions(tmp_path: Path) -> Path:
    return save_tiny(
        tmp_path / "motions.safetensors",
        "c2d",
        classes=MOTION_CLASSES,
        twins=MOTION_TWINS,
    )


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.webm"
    write_video(path, np.random.default_rng(0).integers(0, 256, (10, 40, 40, 3), dtype=np.uint8), fps=5.0)
    return path


def test_evaluation_prints_json_with_top1(run, motions):
    done = run(evaluate.main, motions, "--json", "--num-clips", 28, "--num-workers", 0)
    assert done.status == 0
    result = json.loads(done.out)
    assert result["num_clips"] == 28
    assert 0 <= result["top1"] <= result["top5"] <= 1
    assert set(result["top1_by_class"]) == set(MOTION_CLASSES)


def test_evaluation_counts_what_the_network_answers(motions):
    model, header = load_model(motions)
    dataset = open_dataset("motionpairs", "test", header.size)
    scores = evaluate.evaluate(model, dataset, num_frames=header.num_frames, num_clips=20, num_workers=0)
    which = segment_indices(24, header.num_frames)
    right = 0
    for index in range(20):
        with torch.no_grad():
            answer = model(to_clip(dataset.frames(index, which))[None]).argmax().item()
        right += answer == dataset.label(index)
    assert scores.top1 == right / 20
    assert scores.top(len(MOTION_CLASSES)) == 1
    assert scores.confusion().sum() == 20


def test_evaluation_keeps_the_network_s_mode(motions):
    model, header = load_model(motions)
    dataset = open_dataset("motionpairs", "test", header.size)
    for training in (True, False):
        model.train(training)
        evaluate.evaluate(model, dataset, num_frames=header.num_frames, num_clips=2, num_workers=0)
        assert model.training is training


def test_a_prediction_names_the_most_probable_classes_and_the_frames_seen(run, motions, video):
    done = run(predict.main, motions, video, "--json", "--top", 3)
    assert done.status == 0
    result = json.loads(done.out)
    probabilities = [answer["probability"] for answer in result["top"]]
    assert len(probabilities) == 3
    assert probabilities == sorted(probabilities, reverse=True)
    assert result["frames"] == segment_indices(10, 4).tolist()
    assert result["times"] == [round(number / 5, 3) for number in result["frames"]]
    assert result["notes"] == []


def test_a_prediction_of_a_network_with_few_classes_has_all_of_them(run, video, tmp_path):
    two = save_tiny(tmp_path / "two.safetensors", "c2d", classes=("yes", "no"), twins=(-1, -1))
    assert sorted(line.split()[0] for line in run(predict.main, two, video).out.splitlines()) == ["no", "yes"]


def test_a_prediction_says_what_a_user_should_know_of_the_clip(run, motions, tmp_path):
    path = tmp_path / "one.webm"
    write_video(path, np.zeros((1, 40, 40, 3), np.uint8), fps=5.0)
    done = run(predict.main, motions, path)
    assert done.err.startswith("This is one frame, which is shown to motions 4 times")
    assert json.loads(run(predict.main, motions, path, "--json").out)["notes"] == done.err.strip().splitlines()


def test_a_prediction_without_json_is_a_table(run, motions, video):
    lines = run(predict.main, motions, video).out.splitlines()
    assert len(lines) == 5
    assert all(line.endswith("%") for line in lines)


def test_bad_input_gives_one_sentence_and_status_2(run, motions, video, tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    for main, arguments, words in [
        (evaluate.main, [tmp_path / "nothing.safetensors"], "There is no file"),
        (evaluate.main, [text], "is no checkpoint"),
        (evaluate.main, [motions, "--num-clips", 0], "num_clips must lie between 1 and"),
        (predict.main, [motions, text], "text.mp4 is no video"),
        (predict.main, [motions, tmp_path / "gone.mp4"], "does not exist"),
        (predict.main, [motions, video, "--top", 0], "top must be at least 1; got 0"),
        (predict.main, [motions, video, "--stretch", 2, 11], "--stretch takes two frames from 1 to 10"),
    ]:
        done = run(main, *arguments)
        assert done.status == 2
        assert done.out == ""
        assert words in done.err
        assert len(done.err.strip().splitlines()) == 1


def test_a_mistyped_command_line_gives_one_sentence_and_status_2(run, motions):
    for arguments, words in [
        ([motions, "--jsn"], "gte.command: Unrecognized options: --jsn. --help lists the options."),
        ([motions, "--num-clips", "many"], "--num-clips"),
        ([], "The checkpoint to evaluate is missing"),
    ]:
        done = run(evaluate.main, *arguments)
        assert (done.status, done.out) == (2, "")
        assert words in done.err
        assert len(done.err.splitlines()) == 1


def test_a_checkpoint_from_elsewhere_is_not_evaluated(run, tmp_path):
    done = run(evaluate.main, save_tiny(tmp_path / "foreign.safetensors", "c2d", dataset=""))
    assert done.status == 2
    assert "foreign.safetensors was trained elsewhere" in done.err


def test_a_checkpoint_of_other_classes_is_not_evaluated(run, tmp_path):
    other = save_tiny(tmp_path / "other.safetensors", "c2d")
    done = run(evaluate.main, other)
    assert done.status == 2
    assert "cannot be evaluated on motionpairs, because it does not know moves up" in done.err


def test_json_has_null_where_a_number_is_none(capsys):
    cli.print_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": (2,)})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "c": [2]}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GteError("Two\n lines."), "Two lines."),
        (FileNotFoundError(2, "No such file or directory", "clip.mp4"), "No such file or directory: clip.mp4"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ValueError("width must be even; got 3."), "width must be even; got 3."),
    ],
)
def test_errors_become_one_line(error, words):
    assert sentence(error) == words


def test_a_defect_keeps_its_traceback(run):
    def main() -> None:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        run(main)


def test_ctrl_c_ends_with_status_130(run):
    def main() -> None:
        raise KeyboardInterrupt

    done = run(main)
    assert (done.status, done.err) == (130, "Stopped.\n")
