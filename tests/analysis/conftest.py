"""A tiny checkpoint whose kernels have moved, and a short video, both made here."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from analysis.complexity import Complexity, count_each
from gte.data.video.files import write_webm
from gte.models import ClipShape
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
    write_webm(path, frames, fps=6)
    return path


TINY = {"depth": 26, "base_width": 16, "num_classes": 5}
SMALL = ClipShape(4, 32, 32)
"""Options and a clip at which a count takes a second."""


@cache
def tiny_count(name: str) -> Complexity:
    """A network's count at these, made once for all tests; one that takes no clip so small is counted at its own."""
    [item] = count_each([name], TINY, SMALL)
    assert isinstance(item, Complexity)
    return item
