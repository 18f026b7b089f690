"""The smallest checkpoints that have everything, made in a moment."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from gte import checkpoint
from gte.checkpoint import CheckpointHeader
from gte.models import build, configure
from gte.models.shift import shift_layers
from gte.snapshots import KernelSnapshots

CLASSES = ("moves left", "moves right", "turns")
OPTIONS = {"depth": 26, "base_width": 16, "num_classes": len(CLASSES)}


def tiny_model(name: str, num_classes: int = len(CLASSES)) -> nn.Module:
    """A network of the table with random weights, the same at each call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(name, **OPTIONS | {"num_classes": num_classes})


def tiny_header(path: Path, name: str, network: nn.Module, **facts: Any) -> CheckpointHeader:
    """A header for a network that has not trained."""
    return CheckpointHeader(
        **{
            "path": path,
            "model": name,
            "options": configure(name, **OPTIONS | {"num_classes": len(facts.get("classes", CLASSES))}).options(),
            "num_params": sum(parameter.numel() for parameter in network.parameters()),
            "layers": tuple(shift_layers(network)),
            "dataset": "motionpairs",
            "classes": CLASSES,
            "twins": (1, 0, -1),
            "num_frames": 4,
            "size": 32,
            "step": 0,
            "training": {},
            "environment": {},
            "metrics": (),
        }
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
