"""The smallest checkpoints that have everything, made in a moment."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from gte import checkpoint
from gte.checkpoint_header import CheckpointHeader
from gte.kernel_snapshots import KernelSnapshots
from gte.models import MODELS, ClipShape, build, configure
from gte.models.shift import shift_layers
from gte.train_config import TrainConfig

CLASSES = ("moves left", "moves right", "turns")
LARGE = ("r2plus1d", "s3d")
"""Networks whose width is given: to build one, or a step on its smallest clip, takes a second or more."""

NETWORKS = [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in MODELS]
"""The whole table, for parametrised tests."""


def tiny_options(name: str, num_classes: int = len(CLASSES)) -> dict[str, int | float]:
    """Options that make a network of the table small and its training mode repeatable; only those that it has."""
    wanted = {"depth": 26, "base_width": 16, "num_classes": num_classes, "dropout": 0.0}
    return {option: wanted[option] for option in configure(name).options() if option in wanted}


def tiny_training(out: Path, **changes: Any) -> TrainConfig:
    """A training of four steps in two epochs on clips of 2 x 32 x 32, but for what is changed of it."""
    small: dict[str, Any] = {
        "model_options": ("depth=26", "base_width=16", "dropout=0.2"),
        "num_frames": 2,
        "size": 32,
        "clips_per_epoch": 8,
        "epochs": 2,
        "batch_size": 4,
        "num_workers": 0,
    }
    return TrainConfig(out=out, **(small | changes))


def tiny_clip(name: str) -> ClipShape:
    """A small clip that the network takes: no square, and long enough for each pathway to see two frames or more."""
    config = MODELS[name]
    frames = max(4, getattr(config, "slow_stride", 0) + 1)
    least = config.smallest
    return ClipShape(max(frames, least.frames), max(32, least.height), max(40, least.width + 8))


def tiny_model(name: str, num_classes: int = len(CLASSES)) -> nn.Module:
    """A network of the table with random weights, the same at each call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(name, **tiny_options(name, num_classes))


def tiny_header(path: Path, name: str, network: nn.Module, **facts: Any) -> CheckpointHeader:
    """A header for a network that has not trained."""
    options = tiny_options(name, len(facts.get("classes", CLASSES)))
    return CheckpointHeader(
        **{
            "path": path,
            "dataset": "motionpairs",
            "classes": CLASSES,
            "twins": (1, 0, -1),
            "num_frames": tiny_clip(name).frames,
            "size": tiny_clip(name).height,
        }
        | checkpoint.network_facts(name, configure(name, **options), network)
        | facts
    )


def save_tiny(path: Path, name: str, **facts: Any) -> Path:
    """Write a checkpoint of an untrained network; at step 3 its first learnable shift stays in the present."""
    model = tiny_model(name, len(facts.get("classes", CLASSES)))
    snapshots = KernelSnapshots.start(model)
    with torch.no_grad():
        for layer in list(shift_layers(model).values())[:1]:
            layer.weight[:, 0, 1] += 10
    checkpoint.save(path, tiny_header(path, name, model, **{"step": 3, **facts}), model, snapshots)
    return path


def metrics() -> tuple[dict[str, float], ...]:
    """Return what a training of two epochs writes down."""
    entry = {
        "epoch": 0,
        "step": 1,
        "train_loss": 1.0,
        "train_top1": 0.4,
        "val_loss": 1.0,
        "val_top1": 0.5,
        "seconds": 1,
    }
    return (entry, entry | {"epoch": 1, "step": 3, "val_top1": 0.9})


def spoil(path: Path, tensor: str) -> None:
    """Have a tensor of a checkpoint's network hold no numbers, as after a training that diverged."""
    with safe_open(path, framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors[f"model/{tensor}"].fill_(math.nan)
    save_file(tensors, path, metadata)
