"""Checkpoints of networks whose kernels over time have moved, with and without a known start."""

from pathlib import Path
from typing import Any

import torch

from gte import checkpoint
from gte.kernel_snapshots import KernelSnapshots, initial_kernels
from gte.models import temporal_layers
from gte.models.operator import TemporalKernel
from tests.tiny import tiny_header, tiny_model


def save_moved(path: Path, name: str, *, known: bool, **facts: Any) -> Path:
    """Write a checkpoint of a network of the table, the last tap of whose first temporal layer has grown by one."""
    model = tiny_model(name, len(facts["classes"])) if "classes" in facts else tiny_model(name)
    start = initial_kernels(model) if known else {}
    snapshots = KernelSnapshots.start(model)
    layer = next(iter(temporal_layers(model).values()))
    kernel = (layer.kernel if isinstance(layer, TemporalKernel) else layer.weight).detach().clone()
    kernel[:, :, -1] += 1
    with torch.no_grad():
        layer.weight.copy_(layer.weight_with(kernel) if isinstance(layer, TemporalKernel) else kernel)
    header = tiny_header(path, name, model, **{"step": 3 if known else 0, **facts})
    checkpoint.save(path, header, model, snapshots, start)
    return path
