"""Training loop: `python -m gte.train PRESET`. Writes a checkpoint, a resume file and the metrics at each epoch."""

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import torch
import tyro
from jaxtyping import Float64, Shaped
from lightning_fabric import Fabric
from lightning_fabric.utilities.rank_zero import rank_zero_only
from torch import Tensor, nn
from torch.nn import functional

from gte.cli import INTERRUPTED, run_command, say
from gte.data.loading import Batch, EpochBatches, TrainingClips, batches_of, load, to_clips
from gte.data.roots import remember_root
from gte.errors import GteError
from gte.evaluate import Scores, count_turned, evaluate
from gte.kernel_history import snapshot_steps
from gte.models import match_gradient_strides
from gte.train_config import PRESETS, TrainConfig
from gte.training.checks import check_batch, check_classes, check_compiler, divergence, remarks
from gte.training.progress import Progress, check_tensorboard
from gte.training.run import RESUME_FILE, Run, saved_step
from gte.training.stopping import NAMES, Stopped, StopSignals, end_with_parent, quiet_if_another_fails
from gte.training.tally import Tally


def train(config: TrainConfig) -> Path:
    """Train as configured and return the checkpoint's path.

    Raises GteError if the folder already holds a run and `resume` is not set, if it cannot be written to, or if the
    loss is not finite; Stopped, after saving, on Ctrl-C and SIGTERM.
    """
    if config.tensorboard:
        check_tensorboard()
    if config.compile:
        check_compiler(config)
    fabric = _fabric(config)
    run = Run(config)
    if config.data_root is not None:
        remember_root(config.data_root)
    if config.resume:
        run.restore()
    else:
        run.check_unused()
    check_classes(run.training_set, reversal=config.val_reversal)
    check_batch(config, run.model_config)
    for remark in [run.extension or run.start, *remarks(config, run.training_set, run.validation_set)]:
        if remark:
            rank_zero_only(say)(remark)
    # Further processes are started here, once all that can be refused has been.
    fabric.launch()
    if fabric.local_rank > 0:
        end_with_parent()
    stop = StopSignals()
    try:
        with stop.handled(), quiet_if_another_fails() if fabric.world_size > 1 else nullcontext():
            Training(fabric, run, stop).finish()
    finally:
        run.release()
    return run.checkpoint


def _fabric(config: TrainConfig) -> Fabric:
    try:
        return Fabric(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.num_nodes,
            precision=config.precision,
        )
    except RuntimeError as error:
        raise GteError(f"{config.accelerator} cannot be used on this machine: {error}") from error


class Training:
    """The loop over epochs and steps, in each process; what it decides, all processes decide together."""

    def __init__(self, fabric: Fabric, run: Run, stop: StopSignals) -> None:
        self.fabric = fabric
        self.run = run
        self.stop = stop
        config = self.config = run.config
        self.batches = EpochBatches(
            len(run.training_set.present),
            clips_per_epoch=config.clips_per_epoch or len(run.training_set.present),
            batch_size=config.batch_size,
            accumulate=config.accumulate,
            num_epochs=config.epochs,
            first_step=run.step,
            seed=config.seed,
            rank=fabric.global_rank,
            world_size=fabric.world_size,
        )
        self.steps_per_epoch, self.clips_per_step = self.batches.steps_per_epoch, self.batches.clips_per_step
        if self.steps_per_epoch < 1:
            raise ValueError(
                f"An epoch must hold the {self.clips_per_step} clips of a step; got {self.batches.clips_per_epoch} "
                "clips. Give a smaller --batch-size, or more clips."
            )
        self.snapshot_steps = set(snapshot_steps(self.steps_per_epoch * config.epochs))
        self.progress = Progress(
            epochs=config.epochs,
            steps_per_epoch=self.steps_per_epoch,
            clips_per_step=self.clips_per_step,
            step=run.step,
            is_shown=fabric.is_global_zero,
            log=config.out / "tensorboard" if config.tensorboard else None,
        )
        model = torch.compile(run.model) if config.compile else run.model
        assert isinstance(model, nn.Module)
        self.model, self.optimizer = fabric.setup(model, run.optimizer)
        if fabric.world_size > 1:
            match_gradient_strides(run.model)
        # The model is on its device now; this takes the optimiser's state there too.
        run.optimizer.load_state_dict(run.optimizer.state_dict())
        fabric.strategy.precision.load_state_dict(run.scaler)
        self.tally = Tally()
        self.loss: float | None = None
        """The last step's loss in this process."""
        self.problems: set[str] = set()
        """Those that were printed."""
        self.saved_at = time.monotonic()

    def finish(self) -> None:
        """Train the epochs that are left. Raises Stopped and GteError as `train` says."""
        run, config = self.run, self.config
        self._write(run.claim)
        self._write(run.remove_leftovers)
        if not config.resume:
            self._save()
        elif run.metrics:
            self._write(run.save_results)
        clips = TrainingClips(run.training_set, config.num_frames, config.seed, config.augment, config.size)
        loader = batches_of(load(clips, batches=self.batches, num_workers=config.num_workers))
        self.stop.tolerate_dead_workers()
        with self.progress.shown():
            for epoch in range(run.epochs_done, config.epochs):
                self._begin(epoch)
                self.progress.begin(epoch)
                for number in range(run.step - epoch * self.steps_per_epoch, self.steps_per_epoch):
                    self._step(loader, config.learning_rate(epoch + number / self.steps_per_epoch))
                    self.progress.advance(self.tally.loss, self.tally.top1)
                    self._save_if_due()
                self.progress.finish_epoch(self._finish_epoch())

    def _begin(self, epoch: int) -> None:
        """Set random numbers and sums as they are at the run's step of an epoch."""
        rank = self.fabric.global_rank
        # The random numbers of dropout depend on the epoch alone, not on whether the run was resumed before it.
        torch.manual_seed(hash((self.config.seed, epoch, rank)))
        self.tally = Tally()
        if self.run.step > epoch * self.steps_per_epoch:
            states = self.run.process_states
            self.tally = Tally(states["sums"][rank])
            # Copies, because torch reads the state of random numbers from the start of a tensor's memory.
            torch.set_rng_state(states["random"][rank].clone())
            if self.fabric.device.type != "cpu":
                torch.get_device_module(self.fabric.device).set_rng_state(
                    states["device_random"][rank].clone(), self.fabric.device
                )
        self.model.train()

    def _step(self, loader: Iterator[Batch], rate: float) -> None:
        """Take one step of the optimiser. Raises GteError if the loss is not finite, in any process."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        parts = self.config.accumulate
        batches = self.stop.survive(lambda: [self.tally.wait_for(loader) for _ in range(parts)])
        if batches is None:
            self._save_and_stop()
        self.tally.replaced += sum(len(batch.problems) for batch in batches)
        self._report(problem for batch in batches for problem in batch.problems)
        self.optimizer.zero_grad()
        results = []
        for part, batch in enumerate(batches, 1):
            with self.fabric.no_backward_sync(self.model, enabled=part < parts):
                labels = batch.labels.to(self.fabric.device)
                logits = self.model(to_clips(batch.frames.to(self.fabric.device)))
                loss = functional.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
                self.fabric.backward(loss / parts)
            results.append((loss.detach(), (logits.argmax(1) == labels).sum(), len(labels)))
        if self.config.clip_gradients:
            # Half precision skips the steps whose gradients overflow.
            self.fabric.clip_gradients(
                self.model, self.optimizer, max_norm=self.config.clip_gradients, error_if_nonfinite=False
            )
        self.optimizer.step()
        self.run.step += 1
        if self.run.step in self.snapshot_steps:
            self.run.snapshots.record(self.run.step, self.run.model)
        for loss, correct, clips in results:
            self.tally.add(loss.item(), correct.item(), clips)
        mean = sum(loss.item() for loss, _, _ in results) / parts
        (diverged,) = self._largest(not math.isfinite(mean))
        if diverged:
            self._fail(GteError(divergence(self.config, self.run.step, self.run.epochs_done + 1, self.loss, rate)))
        self.loss = mean

    def _report(self, problems: Iterable[str]) -> None:
        """Print why clips of the first process could not be read, each once."""
        for problem in problems:
            if problem not in self.problems:
                self.problems.add(problem)
                self.progress.say(problem)

    def _save_if_due(self) -> None:
        """Save if `save_minutes` have passed; save and stop if a signal has arrived in any process."""
        minutes = self.config.save_minutes
        due = minutes > 0 and time.monotonic() - self.saved_at >= 60 * minutes
        number, due = self._largest(self.stop.number or 0, due and self.fabric.is_global_zero)
        if number:
            self.stop.number = int(number)
            self._save_and_stop()
        if due:
            self._save()

    def _finish_epoch(self) -> dict[str, float]:
        """Evaluate, save, and return the epoch's metrics."""
        run, config = self.run, self.config
        training_seconds = self.tally.seconds
        scores = self._validate()
        if scores is None:
            self._save_and_stop()
        if not math.isfinite(scores["val_loss"]):
            rate = self.optimizer.param_groups[0]["lr"]
            self._fail(GteError(divergence(config, run.step, run.epochs_done + 1, self.loss, rate, "validation loss")))
        total = Tally(self._sum(self.tally.sums()))
        entry = {
            "epoch": run.epochs_done + 1,
            "step": run.step,
            "lr": self.optimizer.param_groups[0]["lr"],
            "train_loss": total.loss,
            "train_top1": total.top1,
            **scores,
            "seconds": self.tally.seconds,
            "clips_per_second": self.steps_per_epoch * self.clips_per_step / training_seconds,
            "replaced": total.replaced,
            "data_wait_share": self.tally.waited_seconds / training_seconds,
        }
        run.metrics.append(entry)
        self._save()
        self._write(run.save_results)
        return entry

    def _validate(self) -> dict[str, float] | None:
        """Return the metrics of the validation set, a share of it in each process; None if a signal arrives."""
        run, fabric, config = self.run, self.fabric, self.config
        count = min(len(run.validation_set), config.val_clips or len(run.validation_set))
        if fabric.world_size > 1:
            # The running statistics of BatchNorm are those of the first process, as they are saved.
            for buffer in run.model.buffers():
                torch.distributed.broadcast(buffer, 0)
        run_network = partial(
            evaluate,
            run.model,
            run.validation_set,
            num_frames=config.num_frames,
            num_clips=count,
            num_workers=config.num_workers,
            allow_missing=True,
            share=(fabric.global_rank, fabric.world_size),
        )

        def work() -> tuple[Scores, Tensor]:
            scores = run_network()
            clips = len(scores.labels)
            totals = [(clips * scores.loss, clips), (clips * scores.top1, clips)]
            if config.val_reversal:
                totals.append(count_turned(scores, run_network(reverse=True), run.validation_set.twins))
            return scores, torch.tensor(totals, dtype=torch.float64)

        names = ("val_loss", "val_top1", *(["val_turned"] if config.val_reversal else []))
        # Of each metric the sum over clips, and their number.
        sums, lost = torch.zeros(len(names), 2, dtype=torch.float64), 0
        # Several processes finish, because each waits for the others.
        attend = self.stop.interrupt if fabric.world_size == 1 else self.stop.survive
        if fabric.global_rank < count:
            results = attend(work)
            if results is None:
                lost = self.stop.number or 0
            else:
                scores, sums = results
                self._report(scores.problems)
        (lost,) = self._largest(lost)
        if lost:
            self.stop.number = int(lost)
            return None
        totals, clips = self._sum(sums).T
        return dict(zip(names, (totals / clips).tolist(), strict=True))

    def _save(self) -> None:
        """Write the resume file, with the state of every process."""
        random = {"random": torch.get_rng_state()}
        if self.fabric.device.type != "cpu":
            device = torch.get_device_module(self.fabric.device)
            random["device_random"] = device.get_rng_state(self.fabric.device)
        self.run.process_states = {
            name: self._gather(state) for name, state in (random | {"sums": self.tally.sums()}).items()
        }
        self.run.scaler = self.fabric.strategy.precision.state_dict()
        self._write(self.run.save)
        self.saved_at = time.monotonic()

    def _save_and_stop(self) -> NoReturn:
        run, number = self.run, self.stop.number
        assert number is not None
        self._save()
        if not self.fabric.is_global_zero:
            sys.exit(0)
        raise Stopped(
            f"Stopped by {NAMES[number]}. {run.resume_file} holds the run up to step {run.step}, in epoch "
            f"{run.epochs_done + 1} of {self.config.epochs}; continue it with the same command and --resume.",
            number,
        )

    def _write(self, write: Callable[[], None]) -> None:
        """Write files in the first process; end all of them, with the error in the first, if it fails."""
        failure: GteError | None = None
        if self.fabric.is_global_zero:
            try:
                write()
            except GteError as error:
                failure = error
        if failure := self.fabric.broadcast(failure):
            self._fail(failure)

    def _fail(self, failure: GteError) -> NoReturn:
        """End every process, all of which must call this; the first one reports it, and gives the status."""
        if self.fabric.is_global_zero:
            raise failure
        sys.exit(0)

    def _largest(self, *numbers: float) -> list[float]:
        """Return the largest of each of these numbers over the processes."""
        if self.fabric.world_size == 1:
            return list(numbers)
        tensor = torch.tensor(numbers, dtype=torch.float64, device=self.fabric.device)
        return torch.as_tensor(self.fabric.all_reduce(tensor, reduce_op="max")).tolist()

    def _gather(self, state: Shaped[Tensor, " n"]) -> Shaped[Tensor, "processes n"]:
        """Return a tensor of every process, on the CPU."""
        if self.fabric.world_size == 1:
            return state[None]
        states = [torch.empty_like(state, device=self.fabric.device) for _ in range(self.fabric.world_size)]
        torch.distributed.all_gather(states, state.to(self.fabric.device))
        return torch.stack(states).cpu()

    def _sum(self, numbers: Float64[Tensor, "*n"]) -> Float64[Tensor, "*n"]:
        """Return the sum of each of these numbers over the processes."""
        if self.fabric.world_size == 1:
            return numbers
        return torch.as_tensor(self.fabric.all_reduce(numbers.to(self.fabric.device), reduce_op="sum")).cpu()


def describe_interruption(config: TrainConfig) -> str:
    """Return a sentence on how to continue a run that a second Ctrl-C has stopped before it could be saved."""
    step = saved_step(config.out / RESUME_FILE)
    if not step:
        return "Stopped before anything was saved."
    return f"Stopped. {config.out} holds the run up to step {step}; continue it with the same command and --resume."


Preset: Any = tyro.extras.subcommand_type_from_defaults(
    {name: config for name, (_, config) in PRESETS.items()},
    {name: description for name, (description, _) in PRESETS.items()},
)


def main(config: Annotated[Preset, tyro.conf.arg(name=""), tyro.conf.OmitArgPrefixes]) -> None:
    """Train a network and write checkpoints that the app opens."""
    try:
        checkpoint = train(config)
    except Stopped as stopped:
        say(str(stopped))
        sys.exit(stopped.status)
    except KeyboardInterrupt:
        say(describe_interruption(config))
        sys.exit(INTERRUPTED)
    rank_zero_only(say)(f"Wrote {checkpoint}. Evaluate it with: python -m gte.evaluate {checkpoint}")


if __name__ == "__main__":
    run_command(main, prog="python -m gte.train")
