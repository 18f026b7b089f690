"""Running means of an epoch, which a resumed run continues."""

import time
from collections.abc import Iterator

import torch
from jaxtyping import Float64
from torch import Tensor

from gte.data.loading import Batch


class Tally:
    """Sums over the clips of an epoch, and the time that it took so far."""

    def __init__(self, sums: Float64[Tensor, " 6"] | None = None) -> None:
        """Start an epoch, or continue one from what `sums` returned."""
        numbers = [0.0] * 6 if sums is None else sums.tolist()
        self._loss, self._correct, clips, self.waited_seconds, seconds, replaced = numbers
        self.clips, self.replaced = int(clips), int(replaced)
        self._started = time.perf_counter() - seconds

    def wait_for(self, loader: Iterator[Batch]) -> Batch:
        """Return the next batch, and add the time until it arrives to the waiting time."""
        started = time.perf_counter()
        batch = next(loader)
        self.waited_seconds += time.perf_counter() - started
        return batch

    def add(self, loss: float, correct: float, clips: int) -> None:
        """Add a batch: its mean loss, its number of correct clips and its number of clips."""
        self._loss += loss * clips
        self._correct += correct
        self.clips += clips

    def sums(self) -> Float64[Tensor, " 6"]:
        """Return loss in nats, correct clips, clips, seconds of waiting, seconds and replaced clips, each summed."""
        numbers = [self._loss, self._correct, self.clips, self.waited_seconds, self.seconds, self.replaced]
        return torch.tensor(numbers, dtype=torch.float64)

    @property
    def seconds(self) -> float:
        """Time since the epoch began, less that between an interruption and its resumption."""
        return time.perf_counter() - self._started

    @property
    def loss(self) -> float:
        """Mean loss per clip, in nats."""
        return self._loss / max(self.clips, 1)

    @property
    def top1(self) -> float:
        """Share of clips whose most probable class was right."""
        return self._correct / max(self.clips, 1)
