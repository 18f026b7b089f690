"""Timing several things against each other, and the most memory that a training step needs."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

Jobs = Mapping[str, Callable[[], object]]

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def measure(
    jobs: Jobs,
    rounds: int,
    *,
    report: Callable[[int, str], None] = lambda round_number, name: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Float[np.ndarray, " rounds"]]:
    """Seconds of each job in each round, after one round that does not count.

    Every round begins with another job, so that none always follows the same neighbour's heat. `report` is told the
    number of the round, 0 for the one that does not count, and the job that comes next.
    """
    names = list(jobs)
    seconds = {name: np.empty(rounds) for name in names}
    for name, job in jobs.items():
        report(0, name)
        job()
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            report(turn + 1, name)
            began = clock()
            jobs[name]()
            seconds[name][turn] = clock() - began
    return seconds


def forward(network: nn.Module, pixels: Tensor) -> Callable[[], object]:
    """A forward pass without gradients, to be run again and again."""

    def run() -> object:
        with torch.inference_mode():
            return network(pixels)

    return run


def training_step(network: nn.Module, pixels: Tensor) -> Callable[[], object]:
    """Forward and backward of a network in training mode, to be run again and again."""

    def run() -> None:
        network.zero_grad()
        logits = network(pixels)
        functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long)).backward()

    return run


def measures_memory() -> bool:
    """True where the system tells how much memory a process took at most, which is Linux alone."""
    return _CLEAR.exists()


def memory_of_step(network: Callable[[], nn.Module], pixels: Callable[[], Tensor], threads: int) -> int:
    """Bytes that one training step needs at most, weights and gradients included, if this process has done nothing yet.

    It sets the threads of this process.
    """
    torch.set_num_threads(threads)
    # What starts and imports things is over before anything counts.
    training_step(nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), torch.rand(1, 3, 9, 9))()
    before = resident("VmRSS")
    _CLEAR.write_text("5")  # forget the peak so far
    training_step(network().train(), pixels())()
    return resident("VmHWM") - before


def resident(field: str) -> int:
    """Bytes of this process in memory, now (VmRSS) or at most (VmHWM)."""
    status = _STATUS.read_text()
    return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith(field))
