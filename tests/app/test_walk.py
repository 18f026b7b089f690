"""A random visitor meets no error, and would say how it got there."""

import logging
import subprocess
import sys

import pytest

from app.pages import library
from app.pages.architectures import timing
from app.pages.train import page as train
from tests.app.walk import SKIPPED, Log, Step, Walker
from tests.browser.harness import ROOT


def test_a_failure_is_named_with_the_steps_that_lead_there_and_no_others(two_networks, monkeypatch):
    def fail() -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(library, "render", fail)
    log = Log()
    monkeypatch.setattr(logging.getLogger("app"), "handlers", [log])
    walker, guilty = Walker({}, log), Step("open", "library?")
    steps = [Step("open", "kernels?"), Step("tabs", "view", "Reach"), guilty]
    problems = walker.problems_after(steps)
    assert problems[0].startswith("ZeroDivisionError: planted at test_walk.py")
    assert walker.shorten(steps, problems) == [guilty]


def test_a_measurement_of_time_and_a_training_are_left_alone():
    assert {timing.MEASURE, train.TRAIN} <= set(SKIPPED)


@pytest.mark.slow
def test_a_random_walk_meets_no_error():
    command = [sys.executable, "-m", "tests.app.walk", "--steps", "300", "--seed", "0"]
    walk = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert walk.returncode == 0, walk.stdout[-6000:]
