"""Toy checkpoints in which there is nothing to find, or the opposite of what one expects."""

from collections.abc import Callable, Mapping

import numpy as np

from gte.kernel_history import KernelHistory
from gte.models.shift import temporal_shift_weight

OUTPUTS, INPUTS = 16, 8
LAYERS = ("layer1.0", "layer1.1", "layer2.0", "layer2.1")
Histories = list[KernelHistory]


def histories_of(change: Callable[[np.ndarray, int], np.ndarray], outputs: int = OUTPUTS) -> Histories:
    """Layers that start as hard shifts, each with the weights that `change` makes of those and of its number."""
    histories = []
    for number, layer in enumerate(LAYERS):
        start = temporal_shift_weight(OUTPUTS, INPUTS).numpy()[:outputs]
        weights = np.stack([start, change(start.copy(), number)]).astype(np.float32)
        histories.append(KernelHistory(layer=f"{layer}.shift", steps=np.array([0, 100]), weights=weights))
    return histories


def random_change(start: np.ndarray, number: int, size: float = 4.0) -> np.ndarray:
    change = np.random.default_rng(number).standard_normal(start.shape)
    return start + change * (size / np.linalg.norm(change))


def subtracting(start: np.ndarray, _number: int) -> np.ndarray:
    # Each output reads its own input as the next frame minus the previous one.
    return start - start[:, :, ::-1]


def all_equal(start: np.ndarray, _number: int) -> np.ndarray:
    start[:, :, 1] += 0.5
    return start


CHECKPOINTS: Mapping[str, Histories] = {
    "no drift": histories_of(lambda start, _: start),
    "random drift": histories_of(random_change),
    "all subtracting": histories_of(subtracting),
    "one output": histories_of(random_change, outputs=1),
    "all equal": histories_of(all_equal),
}
"""By name: checkpoints in which there is nothing to find, or the opposite of what one expects."""
