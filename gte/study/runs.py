"""Runs of the study: what each is trained with, where it is kept, and which are there."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gte.checkpoint_header import SUFFIX
from gte.errors import GteError
from gte.models import MODELS
from gte.study import ROWS, Row
from gte.train_config import PRESETS, TrainConfig

RESULT = "result.json"
"""File, in the folder of a run, with what its test gave."""


@dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """Which runs, where, and on what."""

    out: Path = Path("runs/study")
    """Folder of the runs; workers that share it share the work."""
    only: tuple[str, ...] = ()
    """Names of runs, as gte-seed0, or of all runs of a network, as gte; all when not given."""
    plan: bool = False
    """Print the runs and how long they will take, and stop."""
    ship: Path | None = None
    """Folder for results.json and the checkpoints that ship, written from the finished runs at the end."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "bf16-mixed"
    """Another precision is another study: give another folder, too."""
    accelerator: str = "cpu"
    """cpu, cuda or whatever else Lightning Fabric knows."""
    devices: int = 1
    """Processes of one run, which share its batches; more than one only with --only and a single run."""
    num_workers: int = 1
    """Processes that render clips, per training process."""


DEFAULTS = StudyConfig()


@dataclass(frozen=True)
class StudyRun:
    """One training of the study."""

    row: Row
    seed: int
    study: StudyConfig

    @property
    def name(self) -> str:
        return f"{self.row.name}-seed{self.seed}"

    @property
    def label(self) -> str:
        """Name of its row on pages."""
        return self.row.label or MODELS[self.row.network].label

    @property
    def folder(self) -> Path:
        return self.study.out / self.name

    @property
    def checkpoint(self) -> Path:
        return self.folder / f"{self.name}{SUFFIX}"

    @property
    def config(self) -> TrainConfig:
        """How it is trained: the preset `study`, with this network and seed."""
        _, preset = PRESETS["study"]
        if preset.batch_size % self.study.devices:
            raise ValueError(f"--devices must divide a batch of {preset.batch_size}; got {self.study.devices}.")
        return replace(
            preset,
            out=self.folder,
            model=self.row.network,
            model_options=(*preset.model_options, *(f"{name}={value:g}" for name, value in self.row.options.items())),
            num_frames=self.row.num_frames,
            seed=self.seed,
            batch_size=preset.batch_size // self.study.devices,
            precision=self.study.precision,
            accelerator=self.study.accelerator,
            devices=self.study.devices,
            num_workers=self.study.num_workers,
        )

    def result(self) -> dict[str, Any] | None:
        """Return what it gave; None if it is not finished.

        Raises GteError if it was trained with other settings, or if its file is damaged.
        """
        file = self.folder / RESULT
        try:
            result = json.loads(file.read_text())
            differences = self.config.differences(result["training"])
        except FileNotFoundError:
            return None
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise GteError(f"{file} is damaged; delete it, and the run is tested again.") from error
        if differences:
            raise GteError(
                f"{self.folder} holds a run with other settings ({', '.join(differences)}); choose another --out."
            )
        return result


def plan(study: StudyConfig) -> list[StudyRun]:
    """Return the runs in their order: every network once, then again with the next seed.

    Raises ValueError for a name in `only` that none has.
    """
    seeds = range(1 + max(max(row.seeds) for row in ROWS))
    runs = [StudyRun(row, seed, study) for seed in seeds for row in ROWS if seed in row.seeds]
    known = {name for run in runs for name in (run.name, run.row.name)}
    if unknown := [name for name in study.only if name not in known]:
        raise ValueError(
            f"--only takes {', '.join(row.name for row in ROWS)}, or one of their runs as gte-seed0; got "
            f"{', '.join(unknown)}."
        )
    chosen = [run for run in runs if not study.only or {run.name, run.row.name} & set(study.only)]
    if study.devices > 1 and len(chosen) > 1:
        raise ValueError("Several devices train one run together: name it with --only, as --only gte-seed0.")
    return chosen
