"""The page Train live: short trainings in the real child process."""

import subprocess
import threading
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import checkpoints, jobs
from app.pages.train import runs
from app.pages.train.process import TrainingError, train_in_child
from tests.app.opening import finding, go_to, open_page, sentences, url_of, with_results

EPOCHS = 1


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path]) -> None:
    """Have a training end after one report."""
    monkeypatch.setenv(runs.EPOCHS_VARIABLE, str(EPOCHS))


def press(at: AppTest, label: str) -> AppTest:
    [button] = [button for button in at.button if button.label == label]
    return button.click().run()


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button if button.label != "Present"]


def test_the_first_screen_shows_a_clip_of_each_class_and_trains_nothing(short):
    at = open_page("train", learner="c2d", motions="four")
    assert not at.exception
    assert not at.error
    assert len(at.get("image")) == 4
    assert labels(at) == ["Train"]
    assert {name: url_of(at)[name] for name in ("learner", "motions")} == {"learner": ["c2d"], "motions": ["four"]}
    assert "is not here" in sentences(open_page("train", learner="resnet"))[0]


def test_a_server_can_allow_no_training(short, monkeypatch):
    monkeypatch.setenv(runs.EPOCHS_VARIABLE, "0")
    at = open_page("train")
    assert not labels(at)
    assert "trains no networks" in sentences(at)[0]


def test_a_training_is_stopped_continued_with_another_rate_and_saved_for_all_pages(short):
    at = press(open_page("train", motions="up-down", layer="layer2.1"), "Train")
    assert labels(at) == ["Stop"]
    at = with_results(press(at, "Stop"))
    at = at.selectbox(key="rate").set_value("0.001").run()
    at = with_results(press(at, "Go on with GTE"))
    assert "GTE, 256 clips, " in finding(at)
    at = press(at, "Save as a checkpoint")
    [(name, header)] = at.session_state[checkpoints._KEY].opened.items()
    assert (name, header.classes, header.step) == ("yours/gte-up-down", ("moves up", "moves down"), 8)
    assert [entry["lr"] for entry in header.metrics] == [0.001]
    assert header.environment["command"].startswith("python -m gte.train live --out gte-up-down --model gte --classes ")
    for page in ("kernels", "evidence"):
        at = go_to(at, page, ckpt=name)
        assert not at.exception
        assert not at.error
        assert url_of(at)["ckpt"] == [name]


def test_a_second_training_stands_beside_the_first_and_others_are_told_who_trains(short):
    at = with_results(press(open_page("train", learner="c2d"), "Train"))
    assert "C2D, 256 clips, " in finding(at)
    assert "; 0 % of answers turn in reverse." in finding(at)
    over = threading.Event()
    jobs.queue().start((runs._JOB, "folder", 1), lambda report: over.wait(), "another", lane="slow")
    try:
        at = at.selectbox(key="learner").set_value("gte").run()
        [caption] = [caption.value for caption in at.caption if "Another training" in caption.value]
        assert caption.endswith("seconds more. Yours would start after it.")
        at = press(at, "Train")
        [progress] = at.get("progress")
        assert progress.proto.text.startswith("Another training runs on this server")
    finally:
        over.set()
    at = with_results(at)
    assert finding(at).count(", 256 clips, ") == 2
    assert any("C2D handles each frame alone" in caption.value for caption in at.caption)


def test_a_training_that_is_killed_or_refused_says_why(tmp_path, monkeypatch):
    children: list[subprocess.Popen[str]] = []

    class Recorded(subprocess.Popen[str]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            children.append(self)

    monkeypatch.setattr("app.pages.train.process.subprocess.Popen", Recorded)
    metrics = tmp_path / "metrics.jsonl"
    with pytest.raises(TrainingError, match=r"ended early \(signal 9.*press Go on to continue it"):
        train_in_child(["live"], tmp_path, metrics, 1, lambda part, text: children[-1].kill())
    with pytest.raises(TrainingError, match=r"^The networks are c2d, "):
        train_in_child(["live", "--model", "none"], tmp_path, metrics, 1, lambda part, text: None)

    def cancel(part: float, text: str) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        train_in_child(["live"], tmp_path, metrics, 1, cancel)
    assert children[-1].returncode == -15
