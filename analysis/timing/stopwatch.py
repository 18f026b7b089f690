"""Stopwatch for jobs that take turns, and the peak memory of a training step."""

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


def measure(
    jobs: Jobs,
    rounds: int,
    *,
    report: Callable[[int, str], None] = lambda round_number, name: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Float[np.ndarray, " rounds"]]:
    """Measure the seconds of each job in each round, after one warm-up round.

    Every round begins with another job, so that none always follows the same one. `report` gets the number of the
    round, 0 for the warm-up, and the job that comes next.
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
    """Return a function that runs a forward pass without gradients."""

    def run() -> object:
        with torch.inference_mode():
            return network(pixels)

    return run


def training_step(network: nn.Module, pixels: Tensor) -> Callable[[], object]:
    """Return a function that runs forward and backward of a network in training mode."""

    def run() -> None:
        network.zero_grad()
        logits = network(pixels)
        functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long)).backward()

    return run


def measures_memory() -> bool:
    """Return whether the system reports the peak memory of a process, which only Linux does."""
    return _CLEAR.exists()


def memory_of_step(network: Callable[[], nn.Module], pixels: Callable[[], Tensor], threads: int) -> int:
    """Measure the peak bytes of one training step, weights and gradients included, in a process that is otherwise new.

    Sets the threads of this process.
    """
    torch.set_num_threads(threads)
    # A first step, so that start-up and imports do not count.
    training_step(nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), torch.rand(1, 3, 9, 9))()
    before = resident("VmRSS")
    _CLEAR.write_text("5")  # forget the peak so far
    training_step(network().train(), pixels())()
    return resident("VmHWM") - before


def resident(field: str, process: int | str = "self") -> int:
    """Return the bytes of a process in memory, now (VmRSS) or at its peak (VmHWM)."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith(field))
