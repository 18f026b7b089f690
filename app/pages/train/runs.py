"""Runs of a visit: what each trains, where, and what it has reported."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import streamlit as st

from analysis.formatting import block_names
from analysis.live_training import LiveTraining
from app import jobs
from app.jobs import Job
from app.pages.train.process import MAX_SECONDS, train_in_child
from gte.checkpoint_header import SUFFIX, CheckpointHeader, read_header
from gte.models import MODELS, configure, on_meta_device, temporal_layers
from gte.train_config import PRESETS, TrainConfig
from gte.training.run import RESUME_FILE

PRESET = "live"
NETWORKS = ("gte", "c2d", "tsm", "gst")

MOTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "left-right": ("moves left", "moves right"),
        "up-down": ("moves up", "moves down"),
        "four": ("moves left", "moves right", "moves up", "moves down"),
    }
)
"""The choices of classes, by their names in links."""

EPOCHS_VARIABLE = "GTE_LIVE_EPOCHS"
"""Environment variable with the epochs of a training, for a server that is slower than most; 0 allows none."""

MAX_RUNS = 2
"""Runs that a visit keeps: the last ones, whose curves stand side by side."""

_KEY = "train: runs of this visit"
_JOB = "live training"


class LiveRun:
    """A training of this visit, with its temporary folder, which goes when the visit is over or the run is left."""

    def __init__(self, network: str, motions: str, lr: float, seed: int) -> None:
        self.network, self.motions, self.lr, self.seed = network, motions, lr, seed
        self.epochs = num_epochs()
        self.starts = 0
        """Times that it was started or continued."""
        self.saved_as = ""
        """Name of the checkpoint of this visit as which it was saved last; empty before."""
        self.folder = Path(tempfile.mkdtemp(prefix="gte-live-"))
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    @property
    def name(self) -> str:
        """Name of its checkpoint."""
        return f"{self.network}-{self.motions}"

    @property
    def job_key(self) -> Hashable:
        """Key of the job that trains it."""
        return (_JOB, str(self.folder), self.starts)

    @property
    def job(self) -> Job | None:
        return jobs.find(self.job_key)

    @property
    def is_active(self) -> bool:
        """True while it waits for its turn, trains, or saves after it was stopped."""
        return (job := self.job) is not None and not job.over.is_set()

    @property
    def is_stopping(self) -> bool:
        """True while it saves after it was stopped."""
        return (job := self.job) is not None and job.cancelled.is_set() and not job.over.is_set()

    @property
    def checkpoint(self) -> Path:
        return self.folder / self.name / f"{self.name}{SUFFIX}"

    @property
    def header(self) -> CheckpointHeader | None:
        """The header at the last report; None before the first."""
        return read_header(self.checkpoint) if self.checkpoint.exists() else None

    @property
    def is_complete(self) -> bool:
        return (header := self.header) is not None and len(header.metrics) >= self.epochs

    def start(self) -> None:
        """Start or continue the training: in a job, after those that were started before."""
        self.starts += 1
        # The job may be kept for long, and must not keep the folder: it gets what it needs and not the run.
        arguments, folder, epochs = self._arguments(), self.folder, self.epochs
        metrics = self.checkpoint.parent / "metrics.jsonl"
        jobs.start(self.job_key, lambda report: train_in_child(arguments, folder, metrics, epochs, report), lane="slow")

    def go_on(self, lr: float) -> None:
        """Continue the training with this learning rate: to its end, or from there for as many epochs again."""
        self.lr = lr
        if self.is_complete:
            self.epochs += num_epochs()
        self.start()

    def stop(self) -> None:
        """Have the training save and stop, unless it has ended."""
        jobs.leave(self.job_key)

    def training(self, label: str) -> LiveTraining | None:
        """Return what it has reported; None before the first report."""
        header = self.header
        return LiveTraining.of(label, header) if header else None

    def _arguments(self) -> list[str]:
        is_continued = (self.checkpoint.parent / RESUME_FILE).exists()
        return [
            PRESET,
            *("--out", self.name),
            *("--model", self.network),
            *("--classes", *MOTIONS[self.motions]),
            *("--lr", f"{self.lr:g}"),
            *("--epochs", str(self.epochs)),
            *("--seed", str(self.seed)),
            *(["--resume"] if is_continued else []),
        ]


def preset() -> TrainConfig:
    """Return what every training here has in common."""
    return PRESETS[PRESET][1]


@cache
def layers_of(network: str) -> Mapping[str, str]:
    """Return the layers of a network with a kernel over several frames, with their short names; empty for C2D."""
    with on_meta_device():
        return block_names(temporal_layers(configure(network, **preset().options).build()))


def num_epochs() -> int:
    """Return the epochs of a training: the preset's, unless the server's owner says otherwise."""
    text = os.environ.get(EPOCHS_VARIABLE, "")
    return int(text) if text.isdecimal() else preset().epochs


def runs() -> list[LiveRun]:
    """Return the runs of this visit, the latest last."""
    return st.session_state.setdefault(_KEY, [])


def add(network: str, motions: str, lr: float) -> None:
    """Start a training; of three runs the first is left. The seed is another one where the same was trained before."""
    seed = 1 + max((run.seed for run in runs() if (run.network, run.motions) == (network, motions)), default=-1)
    run = LiveRun(network, motions, lr, seed)
    st.session_state[_KEY] = [*runs(), run][-MAX_RUNS:]
    run.start()


def labels() -> list[str]:
    """Return a name for each run: its network, with its classes or its seed if both have the same."""
    shown = runs()
    names = [MODELS[run.network].label for run in shown]
    if len(set(names)) < len(names):
        several = len({run.motions for run in shown}) > 1
        names = [
            f"{name}, {run.motions if several else f'seed {run.seed}'}" for name, run in zip(names, shown, strict=True)
        ]
    return names


def seconds_ahead() -> float | None:
    """Return how long at most trainings of others go on, before this visit's turn; None if there is none."""
    of_visit = {run.job_key for run in runs()}
    left = []
    for key, job in list(jobs.queue().jobs.items()):
        if job.over.is_set() or not _is_training(key):
            continue
        if key in of_visit:
            break
        left.append(MAX_SECONDS - job.seconds)
    return max(sum(left), 0.0) if left else None


def _is_training(key: Hashable) -> bool:
    return isinstance(key, tuple) and key[:1] == (_JOB,)
