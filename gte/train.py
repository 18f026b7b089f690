"""Training loop: `python -m gte.train PRESET`. Writes a checkpoint, a resume file and the metrics at each epoch."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from lightning_fabric import Fabric
from torch.nn import functional
from tqdm import tqdm

from gte.checkpoint import network_facts, save
from gte.checkpoint_header import SUFFIX, CheckpointHeader
from gte.cli import INTERRUPTED, run_command, say
from gte.data.loading import Batch, EpochBatches, TrainingClips, batches_of, load, to_clips
from gte.data.roots import remember_root
from gte.environment import environment_facts
from gte.errors import GteError
from gte.evaluate import evaluate
from gte.files import atomic_write
from gte.kernel_history import snapshot_steps
from gte.kernel_snapshots import KernelSnapshots, initial_kernels
from gte.models import configure, to_channels_last
from gte.train_config import PRESETS, TrainConfig
from gte.weights.inflation import initialise


class Run:
    """A training: the network, its optimiser, their progress, and the folder of the files."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.checkpoint = config.out / f"{config.out.name}{SUFFIX}"
        self.resume_file = config.out / "resume.pt"
        self.metrics_file = config.out / "metrics.jsonl"
        self.training_set = config.open_dataset("train")
        self.validation_set = config.open_dataset("val")
        torch.manual_seed(config.seed)
        self.model_config = configure(config.model, **config.options, num_classes=len(self.training_set.classes))
        network = self.model_config.build()
        self.start = ""
        if config.pretrained and not config.resume:
            self.start = initialise(network, self.model_config, config.pretrained)
        self.model = to_channels_last(network)
        self.optimizer = config.build_optimizer(self.model)
        self.epochs_done = 0
        self.step = 0
        self.metrics: list[dict[str, float]] = []
        self.snapshots = KernelSnapshots.start(self.model)
        self.kernel_init = initial_kernels(self.model)

    def save(self) -> None:
        """Write the resume file, then the results, each atomically: an interruption between them loses nothing."""
        with atomic_write(self.resume_file) as temporary:
            torch.save(
                {
                    "config": json.dumps(self.config.facts()),
                    "metrics": json.dumps(self.metrics),
                    "step": self.step,
                    "model": self.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "snapshots": self.snapshots.tensors(self.snapshots.steps[-1], self.model),
                    "kernel_init": self.kernel_init,
                    "start": self.start,
                    "data": json.dumps({"classes": self.training_set.classes, "twins": self.training_set.twins}),
                },
                temporary,
            )
        self.save_results()

    def save_results(self) -> None:
        """Write the checkpoint and the metrics."""
        save(self.checkpoint, self.header(), self.model, self.snapshots, self.kernel_init)
        with atomic_write(self.metrics_file) as temporary:
            temporary.write_text("".join(json.dumps(entry) + "\n" for entry in self.metrics))

    def restore(self) -> None:
        """Continue the run from its resume file. Raises GteError if there is none, or one of another run."""
        if not self.resume_file.exists():
            raise GteError(f"There is nothing to resume in {self.config.out}; start the run without --resume.")
        try:
            state = torch.load(self.resume_file, weights_only=True)
            facts = json.loads(state["config"])
        except Exception as error:
            raise GteError(f"{self.resume_file} is damaged; start the run again in another folder.") from error
        if differences := self.config.differences(facts):
            raise GteError(
                f"The run in {self.config.out} has other settings ({', '.join(differences)}); "
                "resume it with its own, or start another with --out."
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.metrics = json.loads(state["metrics"])
        self.step = state["step"]
        self.epochs_done = len(self.metrics)
        self.snapshots = KernelSnapshots.from_tensors(state["snapshots"])
        # Unknown for a run that was interrupted before this was recorded.
        self.kernel_init = state.get("kernel_init", {})
        self.start = state.get("start", "")

    def header(self) -> CheckpointHeader:
        """Return the checkpoint's header at this point of the run."""
        dataset, config = self.training_set, self.config
        return CheckpointHeader(
            **network_facts(config.model, self.model_config, self.model),
            path=self.checkpoint,
            dataset=dataset.name,
            classes=dataset.classes,
            twins=dataset.twins,
            num_frames=config.num_frames,
            size=config.size,
            step=self.step,
            training=config.facts(),
            environment=environment_facts() | ({"start": self.start} if self.start else {}),
            metrics=tuple(self.metrics),
        )


def train(config: TrainConfig) -> Path:
    """Train as configured and return the checkpoint's path.

    Raises GteError if the folder already holds a run and `resume` is not set.
    """
    try:
        fabric = Fabric(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.num_nodes,
            precision=config.precision,
        )
    except RuntimeError as error:
        raise GteError(f"{config.accelerator} cannot be used on this machine: {error}") from error
    fabric.launch()
    run = Run(config)
    if config.data_root is not None:
        remember_root(config.data_root)
    if config.resume:
        run.restore()
        run.save_results()
    elif run.resume_file.exists():
        raise GteError(f"{config.out} already holds a run; continue it with --resume, or choose another --out.")
    check_writable(config.out)
    model, optimizer = fabric.setup(run.model, run.optimizer)

    batches = EpochBatches(
        len(run.training_set),
        clips_per_epoch=config.clips_per_epoch or len(run.training_set),
        batch_size=config.batch_size,
        num_epochs=config.epochs,
        first_epoch=run.epochs_done,
        seed=config.seed,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
    )
    steps_per_epoch = batches.batches_per_epoch
    if steps_per_epoch < 1:
        raise ValueError(
            f"An epoch must hold a batch of {config.batch_size} clips for each of {fabric.world_size} processes; "
            f"got {batches.clips_per_epoch} clips."
        )
    planned = set(snapshot_steps(steps_per_epoch * config.epochs))
    clips = TrainingClips(run.training_set, config.num_frames, config.seed, config.augment, config.size)
    loader = batches_of(load(clips, batches=batches, num_workers=config.num_workers))
    clips_per_step = config.batch_size * fabric.world_size
    with tqdm(
        total=config.epochs * steps_per_epoch * clips_per_step,
        initial=run.step * clips_per_step,
        unit="clip",
        smoothing=0.05,
        disable=not fabric.is_global_zero,
    ) as bar:
        for epoch in range(run.epochs_done, config.epochs):
            # The random numbers of dropout depend on the epoch alone, not on whether the run was resumed.
            torch.manual_seed(hash((config.seed, epoch, fabric.global_rank)))
            started = time.perf_counter()
            tally = Tally()
            model.train()
            for number in range(steps_per_epoch):
                rate = config.learning_rate(epoch + number / steps_per_epoch)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                batch = tally.wait_for(loader)
                labels = batch.labels.to(fabric.device)
                logits = model(to_clips(batch.frames.to(fabric.device)))
                loss = functional.cross_entropy(logits, labels, label_smoothing=config.label_smoothing)
                optimizer.zero_grad()
                fabric.backward(loss)
                optimizer.step()
                run.step += 1
                if run.step in planned:
                    run.snapshots.record(run.step, run.model)
                tally.add(loss.item(), (logits.argmax(1) == labels).sum().item(), len(labels))
                bar.update(clips_per_step)
                bar.set_postfix(epoch=f"{epoch + 1}/{config.epochs}", loss=tally.loss, top1=f"{tally.top1:.1%}")
            training_seconds = time.perf_counter() - started
            scores = evaluate(
                run.model, run.validation_set, num_frames=config.num_frames, num_workers=config.num_workers
            )
            train_loss, train_top1 = (
                torch.as_tensor(fabric.all_reduce(torch.tensor(mean), reduce_op="mean")).item()
                for mean in (tally.loss, tally.top1)
            )
            entry = {
                "epoch": epoch + 1,
                "step": run.step,
                "lr": optimizer.param_groups[0]["lr"],
                "train_loss": train_loss,
                "train_top1": train_top1,
                "val_loss": scores.loss,
                "val_top1": scores.top1,
                "seconds": time.perf_counter() - started,
                "clips_per_second": steps_per_epoch * clips_per_step / training_seconds,
                "data_wait_share": tally.waited_seconds / training_seconds,
            }
            run.metrics.append(entry)
            run.epochs_done = epoch + 1
            if fabric.is_global_zero:
                run.save()
                bar.write(
                    f"epoch {epoch + 1}: loss {entry['train_loss']:.3f}, top-1 {entry['train_top1']:.1%} in training, "
                    f"{scores.top1:.1%} in validation; {entry['clips_per_second']:.1f} clips/s, "
                    f"{entry['data_wait_share']:.1%} of the time waiting for data",
                    file=sys.stderr,
                )
            fabric.barrier()
    return run.checkpoint


def check_writable(folder: Path) -> None:
    """Raise OSError now, and not after the first epoch, if a folder cannot be written to; leave no file there."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    finally:
        for path in missing:
            if path.exists() and not any(path.iterdir()):
                path.rmdir()


class Tally:
    """Running means over an epoch, and the time that the network waited for clips."""

    def __init__(self) -> None:
        self._loss = 0.0
        self._correct = 0.0
        self._clips = 0
        self.waited_seconds = 0.0

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
        self._clips += clips

    @property
    def loss(self) -> float:
        """Mean loss per clip, in nats."""
        return self._loss / max(self._clips, 1)

    @property
    def top1(self) -> float:
        """Share of clips whose most probable class was right."""
        return self._correct / max(self._clips, 1)


def describe_interruption(config: TrainConfig) -> str:
    """Return a sentence on how to continue a run that was stopped."""
    resume_file = config.out / "resume.pt"
    if not resume_file.exists():
        return "Stopped before the first epoch was complete: nothing was saved yet."
    done = len(json.loads(torch.load(resume_file, weights_only=True)["metrics"]))
    return (
        f"Stopped. {config.out} holds the run up to epoch {done} of {config.epochs}; "
        "continue it with the same command and --resume."
    )


Preset: Any = tyro.extras.subcommand_type_from_defaults(
    {name: config for name, (_, config) in PRESETS.items()},
    {name: description for name, (description, _) in PRESETS.items()},
)


def main(config: Annotated[Preset, tyro.conf.arg(name=""), tyro.conf.OmitArgPrefixes]) -> None:
    """Train a network and write checkpoints that the app opens."""
    try:
        checkpoint = train(config)
    except KeyboardInterrupt:
        say(describe_interruption(config))
        sys.exit(INTERRUPTED)
    say(f"Wrote {checkpoint}. Evaluate it with: python -m gte.evaluate {checkpoint}")


if __name__ == "__main__":
    run_command(main, prog="python -m gte.train")
