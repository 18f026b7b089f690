"""What the tests of the package share beyond those of a single file."""

from pathlib import Path

import pytest

from gte.errors import WeightsError
from gte.train_config import TrainConfig
from gte.weights import safe_load
from tests.tiny import tiny_training


@pytest.fixture
def opened_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the function that reads files from elsewhere run in this process instead of one that imports torch first.

    For tests of what becomes of the tensors; those in test_foreign.py are about the process.
    """

    def extract_here(path: Path, target: Path, timeout_seconds: float) -> None:
        try:
            safe_load.extract(path, target)
        except WeightsError as error:
            message = safe_load.outcome(safe_load.REFUSED, str(error).encode(errors="replace"))
            raise WeightsError(f"{path.name} {message}") from error

    monkeypatch.setattr(safe_load, "_convert_in_child", extract_here)


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    """A training of four steps in two epochs."""
    return tiny_training(tmp_path / "run")


@pytest.fixture
def short_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clips to validate on, so that an epoch takes a moment."""
    monkeypatch.setattr("gte.data.motionpairs.dataset.SPLITS", {"train": 64, "val": 2, "test": 28})
