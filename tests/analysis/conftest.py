"""A tiny checkpoint whose kernels have moved, and a short video, both made here."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gte import checkpoint
from gte.checkpoint import CheckpointHeader
from gte.data.video import write_webm
from gte.models import build, configure
from gte.models.temporal import shift_layers
from gte.snapshots import KernelSnapshots

CLASSES = ("moves left", "moves right", "turns")
TINY = {"depth": 26, "base_width": 16, "num_classes": len(CLASSES)}


def save_tiny(path: Path, name: str) -> Path:
    """Write a checkpoint of an untrained network; at step 3 its first learnable shift stays in the present."""
    model = build(name, **TINY)
    snapshots = KernelSnapshots.start(model)
    with torch.no_grad():
        for layer in list(shift_layers(model).values())[:1]:
            layer.weight[:, 0, 1] += 10
    header = CheckpointHeader(
        path=path,
        model=name,
        options=configure(name, **TINY).options(),
        num_params=sum(parameter.numel() for parameter in model.parameters()),
        layers=tuple(shift_layers(model)),
        dataset="motionpairs",
        classes=CLASSES,
        twins=(1, 0, -1),
        num_frames=4,
        size=32,
        step=3,
        training={},
        environment={},
        metrics=(),
    )
    checkpoint.save(path, header, model, snapshots)
    return path


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
