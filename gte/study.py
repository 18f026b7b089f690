"""Study: the networks of the comparison, trained alike on MotionPairs, hard: `python -m gte.study`.

The table of runs is worked through one after the other; a run that is there is not repeated, one that was cut is
continued. Several workers, on one machine or many, share a folder: each takes the next run that no other one has.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from lightning_fabric import Fabric
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from gte.checkpoint import load_model
from gte.checkpoint_header import METADATA, MODEL, SUFFIX, read_header
from gte.cli import INTERRUPTED, run_command, say
from gte.data import open_dataset
from gte.errors import GteError
from gte.evaluate import Scores, evaluate
from gte.files import atomic_write, claim
from gte.kernel_history import HISTORY, STEPS
from gte.models import MODELS, configure, to_channels_last
from gte.models.shift import shift_layers
from gte.train import train
from gte.train_config import PRESETS, TrainConfig
from gte.training.run import RESUME_FILE, RunInUse
from gte.training.stopping import Stopped

FORMAT = 1
"""Version of results.json."""
RESULT, RESULTS = "result.json", "results.json"
MAX_LOST = 0.001
"""Share of the test clips that half precision may lose; otherwise a network ships as it was trained."""
SHIPPED_SNAPSHOTS = 17
"""Of the kernels during training, the first and the last among them."""
TIMED_STEPS = 3


@dataclass(frozen=True, kw_only=True)
class Row:
    """A network of the comparison, with the seeds that it is trained with."""

    name: str
    network: str
    """Name in the table of networks."""
    label: str = ""
    """Its name on pages; that of the network when empty."""
    options: Mapping[str, float] = field(default_factory=dict)
    """Options other than the preset's and the network's own."""
    seeds: tuple[int, ...] = (0,)
    num_frames: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or MODELS[self.network].label)


ROWS: tuple[Row, ...] = (
    *(Row(name=name, network=name, seeds=(0, 1, 2)) for name in ("c2d", "tsm", "c3d", "gst", "gte")),
    Row(name="gte-t-1-2", network="gte", label="GTE, t = 1/2", options={"temporal_share": 1 / 2}),
    Row(name="gte-t-1-8", network="gte", label="GTE, t = 1/8", options={"temporal_share": 1 / 8}),
    Row(name="gte_fixed_shift", network="gte_fixed_shift"),
    Row(name="gte_no_conv2d", network="gte_no_conv2d"),
    Row(name="gte_shared", network="gte_shared"),
    Row(name="gte_depthwise", network="gte_depthwise"),
    Row(name="gte-half-unshifted", network="gte", label="GTE, half unshifted", options={"identity_share": 1 / 2}),
    Row(name="i3d", network="i3d"),
    Row(name="p3d", network="p3d"),
    Row(name="slowfast_8x8", network="slowfast_8x8", num_frames=16),
)
"""The five networks, GTE's share t, the strategies of Fig. 3a, and others. SlowFast reads four frames of sixteen in one
of its two paths."""

SHIPPED_SEEDS: Mapping[str, tuple[int, ...]] = {"gte": (0, 1, 2)}
"""Seeds whose checkpoints ship, where it is not the first alone."""


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
        """Return what it gave; None if it is not finished. Raises GteError if it was trained with other settings."""
        try:
            result = json.loads((self.folder / RESULT).read_text())
        except FileNotFoundError:
            return None
        if differences := self.config.differences(result["training"]):
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
    taken = [run.name for run in left if not _take(run)]
    if taken:
        say(f"Other workers have {', '.join(taken)}. Start this again when they are done, for the results.")
    if study.ship is not None and not taken:
        ship(study, study.ship)


def _take(run: StudyRun) -> bool:
    """Do a run, unless another worker is doing it; return whether it is finished."""
    with claim(run.folder.with_suffix(".lock")) as is_ours:
        if not is_ours:
            return run.result() is not None
        if run.result() is None:
            say(f"{run.name}:")
            try:
                train(_resumable(run))
            except RunInUse:
                return False
            _finish(run)
    return True


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
    _round(model)
    rounded = answer()
    if trained.top1 - rounded.top1 < MAX_LOST:
        scores = rounded
    else:
        precision = "single"
    result = {
        "name": run.name,
        "row": run.row.name,
        "label": run.row.label,
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


def _is_rounded(key: str, tensor: Tensor, shifts: Sequence[str]) -> bool:
    """Return True for weights that ship in half precision: not those of BatchNorm, biases and learnable shifts."""
    return tensor.is_floating_point() and tensor.dim() > 1 and not key.startswith(tuple(shifts))


def _round(model: nn.Module) -> None:
    """Round the weights of a network to what they are in the file that ships."""
    shifts = shift_layers(model)
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if _is_rounded(key, tensor, list(shifts)):
                tensor.copy_(tensor.half())


def ship(study: StudyConfig, folder: Path) -> None:
    """Write results.json and README.md, of all finished runs, and the checkpoints that ship.

    Raises GteError if no run is finished.
    """
    runs = plan(replace(study, only=(), devices=1))
    results = [(run, result) for run in runs if (result := run.result()) is not None]
    if not results:
        raise GteError(f"{study.out} holds no finished run; run the study first.")
    for run, result in results:
        if _ships(result):
            _write_checkpoint(run, folder / run.checkpoint.name, result["weights"] == "half")
    header = read_header(results[0][0].checkpoint)
    test = open_dataset(header.dataset, "test", header.size)
    facts = {
        "format": FORMAT,
        "data": test.name,
        "size": header.size,
        "classes": list(test.classes),
        "twins": list(test.twins),
        "labels": [test.label(index) for index in range(len(test))],
    }
    # A line for each run, so that a change of one is seen as such.
    lines = ",\n".join(json.dumps(result) for _, result in results)
    with atomic_write(folder / RESULTS) as temporary:
        temporary.write_text(f'{json.dumps(facts)[:-1]}, "runs": [\n{lines}\n]}}\n')
    with atomic_write(folder / "README.md") as temporary:
        temporary.write_text(_readme(runs, [result for _, result in results]))
    say(f"Wrote {RESULTS} with {len(results)} of {len(runs)} runs, and the checkpoints that ship, to {folder}.")


def _readme(runs: Sequence[StudyRun], results: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of the finished runs as Markdown."""
    lines = [
        "# Checkpoints of the study",
        "",
        f"Written by `python -m gte.study --ship`; {len(results)} of its {len(runs)} runs are finished.",
        f"`{RESULTS}` holds the answers to every test clip and the metrics of every epoch.",
        "The file of a run is here if its name is in bold. Convolutions and classifier are in half precision",
        "where the column *weights* says so; *as trained* is the accuracy before that.",
        "Seconds are those of the training, beside other work on the machine.",
        "",
        "| run | command | revision | seconds | weights | test accuracy | as trained |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        name = f"**{result['name']}**" if _ships(result) else result["name"]
        lines.append(
            f"| {name} | `python -m gte.study --only {result['name']}` | `{result['revision'][:7]}` | "
            f"{result['seconds']:.0f} | {result['weights']} | {result['top1']:.2%} | {result['top1_as_trained']:.2%} |"
        )
    return "\n".join(lines) + "\n"


def _ships(result: Mapping[str, Any]) -> bool:
    """Return True for a run whose checkpoint ships: the first of a network, and all of some."""
    return result["seed"] in SHIPPED_SEEDS.get(result["row"], (0,))


def _write_checkpoint(run: StudyRun, target: Path, half: bool) -> None:
    """Copy a checkpoint, with fewer snapshots and, if that is wanted, its weights in half precision.

    Its command is the one that makes this run alone, in the folder of whoever calls it.
    """
    with safe_open(run.checkpoint, "pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    facts = json.loads(metadata[METADATA])
    facts["environment"]["command"] = f"python -m gte.study --only {run.name}"
    for key, tensor in tensors.items():
        if half and key.startswith(MODEL) and _is_rounded(key.removeprefix(MODEL), tensor, facts["layers"]):
            tensors[key] = tensor.half()
        elif key.startswith(HISTORY) or key == STEPS:
            kept = torch.linspace(0, len(tensor) - 1, min(SHIPPED_SNAPSHOTS, len(tensor))).round().long()
            tensors[key] = tensor[kept]
    with atomic_write(target) as temporary:
        save_file(tensors, temporary, {**metadata, METADATA: json.dumps(facts)})


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
    return (
        f"The {len(left)} that are left take about {seconds / 3600:.1f} hours of training here, one after the other, "
        "by a few steps of each just now."
    )


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


def main(config: Annotated[StudyConfig, tyro.conf.arg(name=""), tyro.conf.OmitArgPrefixes] = DEFAULTS) -> None:
    """Train and test the networks of the study, or those that are left of them."""
    try:
        run_study(config)
    except Stopped as stopped:
        say(str(stopped))
        say("The same command continues the study.")
        sys.exit(stopped.status)
    except KeyboardInterrupt:
        say("Stopped. The same command continues the study.")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    run_command(main, prog="python -m gte.study")
