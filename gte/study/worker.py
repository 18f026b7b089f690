"""Worker of the study: takes the runs that no other one has, one after another, trains and tests them.

A run that is there is not repeated, one that was cut is continued.
"""

import json
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import torch
from lightning_fabric import Fabric
from torch.nn import functional

from gte.checkpoint import load_model
from gte.cli import say
from gte.data import open_dataset
from gte.evaluate import Scores, evaluate
from gte.files import atomic_write, claim
from gte.models import configure, to_channels_last
from gte.study.runs import RESULT, StudyConfig, StudyRun, plan
from gte.study.shipping import MAX_LOST, round_weights, ship
from gte.train import train
from gte.train_config import TrainConfig
from gte.training.run import RESUME_FILE, RunInUse

TIMED_STEPS = 3


def run_study(study: StudyConfig) -> None:
    """Do the runs that are left, and write the results. Raises GteError and Stopped as `gte.train.train` does."""
    runs = plan(study)
    if Fabric(accelerator=study.accelerator, devices=study.devices).global_rank != 0:
        # A further process of one run, which the first process starts and ends.
        train(_resumable(runs[0]))
        return
    left = [run for run in runs if run.result() is None]
    say(f"{len(runs)} runs, of which {len(runs) - len(left)} are finished.")
    if left:
        say(_forecast(left))
    if study.plan:
        for run in left:
            say(f"  {run.name}")
        return
    for run in left:
        _take(run)
    if taken := [run.name for run in left if run.result() is None]:
        say(f"Other workers have {', '.join(taken)}. Start this again when they are done, for the results.")
    elif study.ship is not None:
        ship(study, study.ship)


def _take(run: StudyRun) -> None:
    """Do a run, unless it is finished or another worker is doing it."""
    with claim(run.folder.with_suffix(".lock")) as is_ours, suppress(RunInUse):
        if is_ours and run.result() is None:
            say(f"{run.name}:")
            train(_resumable(run))
            _finish(run)


def _resumable(run: StudyRun) -> TrainConfig:
    return replace(run.config, resume=(run.folder / RESUME_FILE).exists())


def _finish(run: StudyRun) -> None:
    """Look at the test split, once: with the weights as they are, and as they will ship. Write the result."""
    model, header = load_model(run.checkpoint)
    dataset = open_dataset(header.dataset, "test", header.size)

    def answer() -> Scores:
        return evaluate(model, dataset, num_frames=header.num_frames, num_workers=run.study.num_workers, progress=True)

    scores = trained = answer()
    precision = "half"
    round_weights(model)
    rounded = answer()
    if trained.top1 - rounded.top1 < MAX_LOST:
        scores = rounded
    else:
        precision = "single"
    result = {
        "name": run.name,
        "row": run.row.name,
        "label": run.label,
        "network": run.row.network,
        "options": dict(header.options),
        "seed": run.seed,
        "num_frames": header.num_frames,
        "revision": header.environment.get("revision", ""),
        "date": header.environment.get("date", ""),
        "training": header.training,
        "seconds": sum(entry["seconds"] for entry in header.metrics),
        "clips_seen": header.step * run.config.clips_per_step,
        "metrics": list(header.metrics),
        "weights": precision,
        "top1_as_trained": trained.top1,
        "top1": scores.top1,
        "loss": scores.loss,
        "answers": scores.logits.argmax(1).tolist(),
    }
    with atomic_write(run.folder / RESULT) as temporary:
        temporary.write_text(json.dumps(result))
    say(f"{run.name}: {scores.top1:.1%} of {len(scores.labels)} test clips.")


def _forecast(left: Sequence[StudyRun]) -> str:
    """Return a sentence on how long the runs will take here, one after the other, from a few steps of each."""
    study = left[0].study
    fabric = Fabric(accelerator=study.accelerator, devices=1, precision=study.precision)
    rates = {
        name: _seconds_per_step(fabric, config) for name, config in {run.row.name: run.config for run in left}.items()
    }
    seconds = 0.0
    for run in left:
        config = run.config
        seconds += config.epochs * (config.clips_per_epoch or 0) / config.clips_per_step * rates[run.row.name]
    time_left = f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{math.ceil(seconds / 60)} min"
    which = "The one that is left takes" if len(left) == 1 else f"The {len(left)} that are left take, one by one,"
    steps = f"about {time_left} of training steps here, by a few just now"
    return f"{which} {steps}; rendering and testing clips add to it."


def _seconds_per_step(fabric: Fabric, config: TrainConfig) -> float:
    """Return the time of a training step of one process, without its clips."""
    model, optimizer = fabric.setup(
        network := to_channels_last(configure(config.model, **config.options).build()), config.build_optimizer(network)
    )
    clips = torch.zeros(config.batch_size, 3, config.num_frames, config.size, config.size, device=fabric.device)
    labels = torch.zeros(config.batch_size, dtype=torch.int64, device=fabric.device)

    def durations() -> Iterator[float]:
        for _ in range(TIMED_STEPS):
            started = time.perf_counter()
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(clips), labels)
            fabric.backward(loss)
            optimizer.step()
            loss.item()
            yield time.perf_counter() - started

    return statistics.median(durations())
