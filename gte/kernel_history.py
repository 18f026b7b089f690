"""Histories of temporal kernels through training, read from checkpoints without PyTorch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int
from safetensors import SafetensorError

from gte.checkpoint_header import MODEL, CheckpointHeader, open_checkpoint
from gte.errors import CheckpointError

MAX_SNAPSHOTS = 24

INITIAL = "lts_init/"
HISTORY = "lts_history/"
STEPS = "lts_history_steps"


def snapshot_steps(num_steps: int, count: int = MAX_SNAPSHOTS) -> tuple[int, ...]:
    """At most `count` steps from 0 to `num_steps`, both included, denser early, where kernels move most."""
    even = np.linspace(0, 1, count)
    return tuple(int(step) for step in np.unique(np.rint(num_steps * even**2)))


@dataclass(frozen=True)
class KernelHistory:
    """A temporal layer's kernel through training."""

    layer: str
    """Path of the layer in the state_dict."""
    steps: Int[np.ndarray, " s"]
    """Optimiser steps taken at each snapshot, as far as the file counts them."""
    weights: Float32[np.ndarray, "s o i k 1"]
    """The kernel at each snapshot, summed over space where it has any; the last is what the checkpoint holds."""
    starts_known: bool = True
    """False if the kernel before training is unknown; there is one snapshot then, of the stored kernel."""
    spans_space: bool = False
    """True if the layer's own kernel has rows and columns too, over which these weights are sums."""

    @property
    def initial(self) -> Float32[np.ndarray, "o i k 1"] | None:
        """The kernel before training, the first snapshot; None where it is unknown."""
        return self.weights[0] if self.starts_known else None


def read_lts_histories(header: CheckpointHeader) -> list[KernelHistory] | None:
    """Read the history of every LTS layer, in order of depth, without building the network.

    Returns None where outputs share stored kernels: how many outputs there are, only the network knows. Raises
    CheckpointError if a history is missing or damaged.
    """
    with open_checkpoint(header.path) as file:
        histories = [read_lts_history(file, header, layer) for layer in header.layers]
    is_shared = any(history.weights.shape[1:3] == (2, 1) for history in histories)
    return None if is_shared else histories


def read_lts_history(file: Any, header: CheckpointHeader, layer: str) -> KernelHistory:
    """Read the kernels of one LTS layer, as stored, from a file opened for NumPy."""
    name = header.path.name
    try:
        initial = file.get_tensor(INITIAL + layer).astype(np.float32)
        drift = file.get_tensor(HISTORY + layer).astype(np.float32)
        steps = file.get_tensor(STEPS)
        final = file.get_tensor(f"{MODEL}{layer}.weight").astype(np.float32)
    except SafetensorError as error:
        raise CheckpointError(f"{name} holds no history of {layer}; train it again to record one.") from error
    if drift.shape[1:] != initial.shape or final.shape != initial.shape or len(steps) != len(drift) or not len(steps):
        raise CheckpointError(f"{name} holds a history of {layer} whose shapes disagree; train it again.")
    if len(steps) == 1:
        return history_of_ends(header, layer, initial, final)
    weights = initial + drift
    # The stored differences are rounded; of both ends the exact values are known.
    weights[-1] = final
    weights[0] = initial
    return KernelHistory(layer=layer, steps=steps, weights=weights)


def history_of_ends(
    header: CheckpointHeader,
    layer: str,
    initial: Float32[np.ndarray, "o i k 1"],
    final: Float32[np.ndarray, "o i k 1"],
) -> KernelHistory:
    """Return the history of a layer of which only the first and the last weights are known."""
    if header.step == 0 and np.array_equal(initial, final):
        return KernelHistory(layer=layer, steps=np.array([0]), weights=final[None])
    return KernelHistory(layer=layer, steps=np.array([0, header.step]), weights=np.stack([initial, final]))
