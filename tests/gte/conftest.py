"""What the tests of the package share beyond those of a single file."""

from pathlib import Path

import pytest

from gte.errors import WeightsError
from gte.train_config import TrainConfig
from gte.weights import safe_load


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
    return TrainConfig(
        out=tmp_path / "run",
        model_options=("depth=26", "base_width=16", "dropout=0.2"),
        num_frames=2,
        size=32,
        clips_per_epoch=8,
        epochs=2,
        batch_size=4,
        lr=0.01,
        num_workers=0,
    )


@pytest.fixture
def short_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clips to validate on, so that an epoch takes a moment."""
    monkeypatch.setattr("gte.data.motionpairs.dataset.SPLITS", {"train": 64, "val": 2, "test": 28})
