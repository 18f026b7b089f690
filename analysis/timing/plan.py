"""Plan of a measurement, the timing itself, and its result, as plain data that can be passed between processes."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from analysis.child_process import how_it_ended
from analysis.progress import Report, no_report
from analysis.timing.stopwatch import forward, measure, measures_memory
from gte.models import MODELS, ClipShape, ModelConfig, applicable, configure, fuse, on_meta_device, to_channels_last

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_ROUNDS = 11

MACS_PER_SECOND = 35e9
"""Rate of one thread of an ordinary processor, to estimate how long a measurement takes."""
START_SECONDS = 4.0
"""To start a process that imports torch."""
STEP_PASSES = 3
"""A training step in forward passes."""
MEMORY_SHARE = 5
"""Time to measure a network's memory, in forward passes, start of the process included; for progress."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Networks, clips and settings of a measurement."""

    names: tuple[str, ...]
    """Names in the table of networks."""
    options: tuple[tuple[str, int | float], ...] = ()
    """Options in pairs; each network takes those that it has."""
    clip: ClipShape
    rounds: int = DEFAULT_ROUNDS
    """Runs of each network, after a warm-up."""
    batch: int = 1
    """Clips in one pass."""
    threads: int = 1
    """Processor cores used at once."""
    fused: bool = False
    """With BatchNorm folded into convolutions by `gte.models.fuse`; memory is that of the plain network."""
    memory: bool = True
    """Whether the memory of a training step is measured as well."""

    def __post_init__(self) -> None:
        for field in ("rounds", "batch", "threads"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be at least 1; got {getattr(self, field)}.")
        if min(self.clip.frames, self.clip.height, self.clip.width) < 1:
            raise ValueError(f"A clip must have at least one frame of at least one pixel; got {self.clip}.")
        if not self.names:
            raise ValueError("There is no network to time; give at least one.")
        for name in self.names:
            configure(name)

    def config_of(self, name: str) -> ModelConfig:
        """Configure a network. Raises ValueError for values that it cannot have."""
        return configure(name, **applicable(name, dict(self.options)))

    def clip_of(self, config: ModelConfig) -> ClipShape:
        """Return the clip that a network sees: its native one if it takes none as small as the chosen one."""
        return self.clip if self.clip.covers(config.smallest) else config.native


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Measured times and memory of one network."""

    name: str
    label: str
    clip: ClipShape
    at_native: bool
    seconds: tuple[float, ...]
    """Of each round, in order."""
    peak_bytes: int | None = None
    """The most memory of a training step; None where it was not or could not be measured."""
    note: str = ""
    """Why memory was not measured, if it was to be."""


@dataclass(frozen=True, kw_only=True)
class Untimed:
    """A network that could not be built with these options, and why."""

    name: str
    label: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Result of a plan."""

    plan: Plan
    timed: tuple[Timed, ...]
    untimed: tuple[Untimed, ...]
    machine: str
    torch_version: str
    date: str
    """End of the measurement, UTC."""


def run(plan: Plan, report: Report = no_report) -> Measurement:
    """Time the networks of a plan in turns in this process, and set its number of threads.

    Each training step is measured in a separate process. Raises ValueError if no network can be built.
    """
    torch.set_num_threads(plan.threads)
    memory = plan.memory and measures_memory()
    steps = len(plan.names) * (plan.rounds + 1 + (MEMORY_SHARE if memory else 0))
    done = 0

    def step(text: str, share: int = 1) -> None:
        nonlocal done
        report(min(done / steps, 1.0), text)
        done += share

    def in_round(number: int, name: str) -> None:
        step(f"{MODELS[name].label}, {f'round {number} of {plan.rounds}' if number else 'warming up'}")

    configs, untimed = _configs(plan)
    jobs = {}
    for name, config in configs.items():
        report(0.0, f"Building {config.label}")
        network = network_of(config).eval()
        jobs[name] = forward(fuse(network) if plan.fused else network, pixels_of(plan, config))
    seconds = measure(jobs, plan.rounds, report=in_round)
    timed = []
    for name, config in configs.items():
        peak, note = None, ""
        if memory:
            step(f"{config.label}, a training step's memory", MEMORY_SHARE)
            peak, note = _memory_in_a_separate_process(plan, name)
        elif plan.memory:
            note = "Memory is measured on Linux alone."
        clip = plan.clip_of(config)
        timed.append(
            Timed(
                name=name,
                label=config.label,
                clip=clip,
                at_native=clip != plan.clip,
                seconds=tuple(seconds[name].tolist()),
                peak_bytes=peak,
                note=note,
            )
        )
    return Measurement(
        plan=plan,
        timed=tuple(timed),
        untimed=untimed,
        machine=machine(),
        torch_version=torch.__version__,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _configs(plan: Plan) -> tuple[dict[str, ModelConfig], tuple[Untimed, ...]]:
    """Separate networks that can be built from the others. Raises ValueError if none can be built."""
    configs, untimed = {}, []
    for name in plan.names:
        try:
            configs[name] = plan.config_of(name)
            # Some widths are refused only here; the shapes alone cost nothing.
            with on_meta_device():
                configs[name].build()
        except ValueError as error:
            configs.pop(name, None)
            untimed.append(Untimed(name=name, label=MODELS[name].label, reason=str(error)))
    if not configs:
        raise ValueError(untimed[0].reason)
    return configs, tuple(untimed)


def network_of(config: ModelConfig) -> nn.Module:
    """Build a network with the same random weights at each call, in its fastest memory format."""
    torch.manual_seed(0)
    return to_channels_last(config.build())


def pixels_of(plan: Plan, config: ModelConfig) -> Tensor:
    """Return random clips for a network."""
    clip = plan.clip_of(config)
    return torch.rand(plan.batch, 3, clip.frames, clip.height, clip.width)


def _memory_in_a_separate_process(plan: Plan, name: str) -> tuple[int | None, str]:
    """Return bytes, or why there are none: the system ends a process that takes too much memory."""
    command = [sys.executable, "-m", "analysis.timing.worker", "memory", dumped(plan), name]
    ended = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        return None, f"The training step failed ({how_it_ended(ended.returncode)})."
    return int(ended.stdout), ""


def machine() -> str:
    """Name the processor and its cores, as far as the system reports them."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{named[0] if named else platform.processor() or platform.machine()}, {cores()} cores"


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seconds_expected(plan: Plan, macs: Mapping[str, int]) -> float:
    """Estimate the time of a plan from each network's MACs for one clip; machines differ by a factor of three."""
    one_pass = sum(macs.values()) * plan.batch / (MACS_PER_SECOND * plan.threads)
    seconds = START_SECONDS + one_pass * (plan.rounds + 1)
    if plan.memory and measures_memory():
        seconds += START_SECONDS * len(macs) + STEP_PASSES * one_pass
    return seconds


def rounded_time(seconds: float) -> str:
    """Round an estimate as people do: "10 seconds", "a minute", "4 minutes", "2 hours"."""
    if seconds < 50:
        return f"{max(10 * round(seconds / 10), 10)} seconds"
    if seconds < 90:
        return "a minute"
    return f"{round(seconds / 60)} minutes" if seconds < 90 * 60 else f"{round(seconds / 3600)} hours"


def as_plain(measurement: Measurement) -> dict[str, Any]:
    """Return the measurement as plain numbers, texts, lists and dictionaries."""
    return asdict(measurement)


def from_plain(plain: Mapping[str, Any]) -> Measurement:
    """Undo `as_plain`, after JSON has made lists of tuples."""
    return Measurement(
        **{
            **plain,
            "plan": plan_from_plain(plain["plan"]),
            "timed": tuple(
                Timed(**{**row, "clip": ClipShape(**row["clip"]), "seconds": tuple(row["seconds"])})
                for row in plain["timed"]
            ),
            "untimed": tuple(Untimed(**row) for row in plain["untimed"]),
        }
    )


def plan_from_plain(plain: Mapping[str, Any]) -> Plan:
    options = tuple((name, value) for name, value in plain["options"])
    return Plan(**{**plain, "names": tuple(plain["names"]), "options": options, "clip": ClipShape(**plain["clip"])})


def dumped(plan: Plan) -> str:
    """Write a plan as one argument of a command."""
    return json.dumps(asdict(plan))
