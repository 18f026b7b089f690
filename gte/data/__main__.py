"""Check of a data set before it is trained on: `python -m gte.data check NAME ROOT`.

Exits with status 0 if nothing is wrong, 1 if there are findings, and 2 if the data set cannot be read.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from torch.nn import functional

from gte.cli import print_json, run_command, say
from gte.data import DATASETS, DataOptions, DataReference
from gte.data.check import Report, check_dataset, too_slow
from gte.models import configure
from gte.train_config import PRESETS, TrainConfig

DEFAULT = DataOptions()
MAX_BATCH = 8
"""Clips of the measured step on a CPU, where a larger batch is hardly faster."""
MIN_SECONDS = 2.0
"""Time that steps are measured for."""
BAR_WIDTH = 30


def main(
    command: Literal["check"],
    dataset: str,
    root: Path,
    *,
    data: Annotated[DataOptions, tyro.conf.OmitArgPrefixes] = DEFAULT,
    preset: str = "small",
    num_workers: int | None = None,
    num_clips: int = 2000,
    json: bool = False,
) -> None:
    """Check the files, labels and splits of a data set, and whether it is read as fast as a training takes it.

    Args:
        command: check.
        dataset: Name in the table of data sets.
        root: Folder of the data.
        data: What tells the data set further, such as its fold.
        preset: The training that the data are for.
        num_workers: Processes that read clips; as in the preset when not given.
        num_clips: Clips of each split that are read, evenly spaced; 0 for all. The rest is checked of all clips.
        json: Print JSON.
    """
    if dataset not in DATASETS or not DATASETS[dataset].is_read:
        known = ", ".join(name for name, config in DATASETS.items() if config.is_read)
        raise ValueError(f"The data sets that are read from files are {known}; got {dataset!r}.")
    if preset not in PRESETS:
        raise ValueError(f"The presets are {', '.join(PRESETS)}; got {preset!r}.")
    if num_clips < 0:
        raise ValueError(f"--num-clips is at least 0, for all; got {num_clips}.")
    config = PRESETS[preset][1]
    workers = max(1, config.num_workers if num_workers is None else num_workers)
    report = check_dataset(
        DataReference(dataset, root.resolve().name, data),
        root,
        num_frames=config.num_frames,
        size=config.size,
        max_clips=num_clips or None,
        say=say,
    )
    needed, device = measure_step(config, len(next(iter(report.clips.values()))))
    report = replace(report, findings=(*report.findings, *too_slow(report, needed, workers, preset)))
    if json:
        print_json(asdict(report) | {"preset": preset, "needed_clips_per_second": needed, "device": device})
    else:
        print("\n".join(_lines(report, f"{preset} takes {needed:.1f} a second on {device}")))
    if report.findings:
        sys.exit(1)


def measure_step(config: TrainConfig, num_classes: int) -> tuple[float, str]:
    """Return the clips that training takes in a second from memory, and the device that this was measured on."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batch = config.batch_size if device == "cuda" else min(config.batch_size, MAX_BATCH)
    model = configure(config.model, **config.options, num_classes=num_classes).build().to(device).train()
    optimizer = config.build_optimizer(model)
    clips = torch.rand(batch, 3, config.num_frames, config.size, config.size, device=device)
    labels = torch.arange(batch, device=device) % num_classes

    def step() -> None:
        loss = functional.cross_entropy(model(clips), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device

    step()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < MIN_SECONDS:
        step()
        count += 1
    return count * batch / (time.perf_counter() - start), device


def _lines(report: Report, needs: str) -> list[str]:
    lines = [report.dataset]
    for split, counts in report.clips.items():
        ordered = sorted(counts, key=lambda name: counts[name])
        lines.append(
            f"{split}: {sum(counts.values()):,} clips of {len(counts)} classes, from {counts[ordered[0]]:,} "
            f"({ordered[0]}) to {counts[ordered[-1]]:,} ({ordered[-1]}); {report.num_read[split]:,} were read."
        )
    lines += report.notes
    if report.clips_per_second:
        lines += ["", "Frames of a clip", *_bars(report.frame_counts)]
        lines += ["", "Frames per second", *_bars(report.frame_rates)]
        lines += ["", f"One process reads {report.clips_per_second:.1f} clips a second; {needs}."]
    lines.append("" if report.findings else "\nNothing is wrong.")
    for finding in report.findings:
        lines += [f"{finding.check}: {finding.message}", *(f"    {example}" for example in finding.examples)]
    return lines


def _bars(histogram: Sequence[tuple[float, float, int]]) -> list[str]:
    most = max((count for _, _, count in histogram), default=1)
    return [
        f"{f'{low:.4g}' if low == high else f'{low:.4g} to {high:.4g}':>18} "
        f"{'█' * max(1, round(BAR_WIDTH * count / most)) if count else '':<{BAR_WIDTH}} {count:,}"
        for low, high, count in histogram
    ]


if __name__ == "__main__":
    run_command(main, prog="python -m gte.data")
