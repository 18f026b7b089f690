"""Snapshots of temporal kernels while a network trains."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gte.kernel_history import HISTORY, INITIAL, STEPS
from gte.models.shift import LearnableTemporalShift, shift_layers
from gte.models.temporal import temporal_layers, time_kernel


class KernelSnapshots:
    """Snapshots of every LTS layer, collected while a network trains.

    Differences to the initialisation are stored in half precision, because rounding the weight itself to half
    precision would hide a small drift.
    """

    def __init__(self, initial: Mapping[str, Tensor]) -> None:
        # On the CPU, wherever the network trains.
        self.initial = {layer: weight.detach().cpu().clone() for layer, weight in initial.items()}
        self.steps: list[int] = []
        self._drifts: dict[str, list[Tensor]] = {layer: [] for layer in initial}

    @classmethod
    def start(cls, model: nn.Module) -> "KernelSnapshots":
        """Return the history of a network that has not trained yet: one snapshot, of step 0."""
        snapshots = cls({layer: module.weight for layer, module in shift_layers(model).items()})
        snapshots.record(0, model)
        return snapshots

    def record(self, step: int, model: nn.Module) -> None:
        """Add the weights at `step`, unless that step is the last one recorded. Raises ValueError if it is earlier."""
        if self.steps and step <= self.steps[-1]:
            if step == self.steps[-1]:
                return
            raise ValueError(f"Snapshots are recorded in order of steps; got step {step} after {self.steps[-1]}.")
        self.steps.append(step)
        for layer, module in shift_layers(model).items():
            self._drifts[layer].append((module.weight.detach().cpu() - self.initial[layer]).half())

    def tensors(self, step: int, model: nn.Module) -> dict[str, Tensor]:
        """Return the tensors of a file: the recorded snapshots, and one of `step` if that is not among them."""
        whole = KernelSnapshots.from_tensors(self.recorded()) if self.initial else self
        whole.record(step, model)
        return whole.recorded()

    def recorded(self) -> dict[str, Tensor]:
        """Return the tensors of a file with the recorded snapshots alone; empty if no layer is an LTS."""
        if not self.initial:
            return {}
        stored: dict[str, Tensor] = {STEPS: torch.tensor(self.steps, dtype=torch.int64)}
        for layer, weight in self.initial.items():
            stored[INITIAL + layer] = weight.contiguous()
            stored[HISTORY + layer] = torch.stack(self._drifts[layer]).contiguous()
        return stored

    @classmethod
    def from_tensors(cls, stored: Mapping[str, Tensor]) -> "KernelSnapshots":
        """Continue a history from the tensors of a file."""
        snapshots = cls(_with_prefix(stored, INITIAL))
        if STEPS in stored:
            snapshots.steps = stored[STEPS].tolist()
            snapshots._drifts = {layer: list(drifts) for layer, drifts in _with_prefix(stored, HISTORY).items()}
        return snapshots


def initial_kernels(model: nn.Module) -> dict[str, Float[Tensor, "o i k 1"]]:
    """Return the `time_kernel` of every temporal layer other than LTS, before training: copies, on the CPU."""
    return {
        name: time_kernel(layer).float().cpu().clone()
        for name, layer in temporal_layers(model).items()
        if not isinstance(layer, LearnableTemporalShift)
    }


def _with_prefix(stored: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in stored.items() if key.startswith(prefix)}
