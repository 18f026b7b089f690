"""Toy kernel histories, worked out by hand."""

import numpy as np

from gte.kernel_history import KernelHistory

AHEAD, BACK, NOW, NONE = [0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0]
"""The taps of hard shifts and of nothing."""

FIRST = "layer1.0.conv2.temporal.shift"
SECOND = "layer2.0.conv2.temporal.shift"
"""Layers of a tiny GTE."""


def kernel_history(*snapshots: object, layer: str = FIRST, known: bool = True) -> KernelHistory:
    """A layer's history with 100 steps between snapshots.

    Each snapshot is a list of outputs, and an output a list of taps for each input, or the taps of its one input.
    """
    weights = np.stack([np.asarray(snapshot, dtype=np.float32) for snapshot in snapshots])
    if weights.ndim == 3:
        weights = weights[:, :, None]
    steps = np.arange(len(snapshots)) * 100
    return KernelHistory(layer=layer, steps=steps, weights=weights[..., None], starts_known=known)
