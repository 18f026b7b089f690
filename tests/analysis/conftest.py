"""A tiny checkpoint whose kernels have moved, and a short video, both made here."""

from pathlib import Path

import numpy as np
import pytest

from gte.data.video.writing import write_video
from tests.tiny import save_tiny


@pytest.fixture
def tiny_checkpoint(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "tiny.safetensors", "gte")


@pytest.fixture
def tiny_c2d_checkpoint(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "frames.safetensors", "c2d")


@pytest.fixture
def short_video(tmp_path: Path) -> Path:
    """Twelve frames of 48 x 40 pixels at 6 frames per second: two seconds."""
    path = tmp_path / "short.webm"
    frames = np.random.default_rng(0).integers(0, 256, (12, 40, 48, 3), dtype=np.uint8)
    write_video(path, frames, fps=6)
    return path
