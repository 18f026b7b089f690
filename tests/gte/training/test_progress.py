"""A training reports itself in lines, as JSON and to TensorBoard."""

import json
import sys
from dataclasses import replace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gte.errors import GteError
from gte.train import train
from gte.training import progress

pytestmark = pytest.mark.usefixtures("short_validation")


def test_without_a_terminal_there_is_a_line_for_each_epoch_and_each_minute(config, capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0)
    train(config)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "A step takes 4 clips; learning rate 0.01.",
        "epoch 1 of 2, step 1 of 2",
        "epoch 1 of 2, step 2 of 2",
        "epoch 1",
        "epoch 2 of 2, step 1 of 2",
        "epoch 2 of 2, step 2 of 2",
        "epoch 2",
    ]


def test_on_a_terminal_there_is_a_bar_for_the_run_and_one_for_the_epoch(config, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    train(config)
    printed = capsys.readouterr().err
    assert "run: 100%" in printed
    assert "16/16" in printed
    assert "epoch 2/2: 100%" in printed
    assert "8/8" in printed


def test_tensorboard_shows_the_metrics_by_step(config):
    train(replace(config, tensorboard=True))
    events = EventAccumulator(str(config.out / "tensorboard")).Reload()
    metrics = [json.loads(line) for line in (config.out / "metrics.jsonl").read_text().splitlines()]
    for name in progress.LOGGED:
        scalars = events.Scalars(name)
        assert [scalar.step for scalar in scalars] == [2, 4]
        assert [scalar.value for scalar in scalars] == pytest.approx([entry[name] for entry in metrics])


def test_tensorboard_that_is_missing_is_named_before_anything_is_done(config, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(GteError, match="--tensorboard needs the package tensorboard; install it with: pip install"):
        train(replace(config, tensorboard=True))
    assert not config.out.exists()
