"""A training run: the network, its optimiser, their progress, and the files that hold them."""

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from torch import Tensor

from gte.checkpoint import network_facts, save
from gte.checkpoint_header import SUFFIX, CheckpointHeader
from gte.environment import environment_facts
from gte.errors import GteError, sentence, some_of
from gte.files import atomic_write, claim, remove_leftovers
from gte.kernel_snapshots import KernelSnapshots, initial_kernels
from gte.models import configure, to_channels_last
from gte.train_config import TrainConfig
from gte.weights.inflation import initialise

RESUME_FILE, LOCK_FILE = "resume.pt", ".lock"
UNREADABLE = (OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, EOFError, UnpicklingError)
"""What torch and json raise for a file that is damaged, cut or of another program."""


class RunInUse(GteError):
    """Another process trains in the folder of a run."""


class Run:
    """A training: the network, its optimiser, their progress, and the folder of the files."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.checkpoint = config.out / f"{config.out.name}{SUFFIX}"
        self.resume_file = config.out / RESUME_FILE
        self._claim = ExitStack()
        self.metrics_file = config.out / "metrics.jsonl"
        self.training_set = config.open_dataset("train")
        self.validation_set = config.open_dataset("val")
        torch.manual_seed(config.seed)
        self.model_config = configure(config.model, **config.options, num_classes=len(self.training_set.classes))
        network = self.model_config.build()
        self.start = ""
        if config.pretrained and not config.resume:
            self.start = initialise(network, self.model_config, config.pretrained, self.training_set.classes)
        self.extension = ""
        """Sentences on what a run that is continued does otherwise from here on: its learning rate, its length."""
        self.model = to_channels_last(network)
        self.optimizer = config.build_optimizer(self.model)
        self.step = 0
        self.metrics: list[dict[str, float]] = []
        self.snapshots = KernelSnapshots.start(self.model)
        self.kernel_init = initial_kernels(self.model)
        self.process_states: dict[str, Tensor] = {}
        """Of each process at `step`, along the first dimension: its random numbers, and the sums of its epoch."""
        self.scaler: dict[str, Any] = {}
        """State of the scaling of gradients in half precision."""

    @property
    def epochs_done(self) -> int:
        """Number of complete epochs."""
        return len(self.metrics)

    def save(self) -> None:
        """Write the resume file, atomically. Raises GteError, which names what is kept, if it cannot be written."""
        state = {
            "config": json.dumps(self.config.facts()),
            "metrics": json.dumps(self.metrics),
            "step": self.step,
            "num_clips": len(self.training_set.present),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "snapshots": self.snapshots.recorded(),
            "kernel_init": self.kernel_init,
            "start": self.start,
            "data": json.dumps({"classes": self.training_set.classes, "twins": self.training_set.twins}),
            "process_states": self.process_states,
            "scaler": self.scaler,
        }
        try:
            with atomic_write(self.resume_file) as temporary, temporary.open("wb") as file:
                _write(state, file)
        except OSError as error:
            raise self._cannot_save(error) from error

    def save_results(self) -> None:
        """Write the checkpoint and the metrics, each atomically. Raises GteError as `save` does."""
        try:
            save(self.checkpoint, self.header(), self.model, self.snapshots, self.kernel_init)
            with atomic_write(self.metrics_file) as temporary:
                temporary.write_text("".join(json.dumps(entry) + "\n" for entry in self.metrics))
        except (OSError, SafetensorError) as error:
            raise self._cannot_save(error) from error

    def claim(self) -> None:
        """Take the folder until `release`. Raises RunInUse if another process trains in it, GteError if it cannot."""
        try:
            is_ours = self._claim.enter_context(claim(self.config.out / LOCK_FILE))
        except OSError as error:
            raise self._cannot_save(error) from error
        if not is_ours:
            raise RunInUse(f"Another process trains in {self.config.out}; wait for it, or choose another --out.")

    def release(self) -> None:
        """Give the folder back, if it was taken."""
        self._claim.close()

    def remove_leftovers(self) -> None:
        """Delete the temporary files of a run that was killed."""
        for file in (self.resume_file, self.checkpoint, self.metrics_file):
            remove_leftovers(file)

    def _cannot_save(self, error: Exception) -> GteError:
        reason = f"{self.config.out} cannot be written to ({sentence(error)})"
        if (saved := saved_step(self.resume_file)) is None:
            return GteError(f"{reason}; choose another folder with --out.")
        return GteError(
            f"{reason}, so the run stops at step {self.step}. What was saved of it, up to step {saved}, is intact: "
            "mend that, and continue with the same command and --resume."
        )

    def check_unused(self) -> None:
        """Raise GteError if the folder holds a run that has made a step."""
        if saved_step(self.resume_file) != 0 and (self.resume_file.exists() or self.checkpoint.exists()):
            way = "continue it with --resume, or " if self.resume_file.exists() else ""
            raise GteError(f"{self.config.out} already holds a run; {way}choose another --out.")

    def restore(self) -> None:
        """Continue the run from its resume file. Raises GteError if there is none, or one of another run."""
        if not self.resume_file.exists():
            if self.checkpoint.exists():
                raise GteError(
                    f"{self.resume_file} is missing, without which the run cannot be continued; {self.checkpoint.name} "
                    "is intact: start another run from it with --pretrained and --out."
                )
            raise GteError(f"There is nothing to resume in {self.config.out}; start the run without --resume.")
        try:
            state = torch.load(self.resume_file, map_location="cpu", weights_only=True)
            facts = json.loads(state["config"])
        except PermissionError:
            raise
        except UNREADABLE as error:
            raise GteError(f"{self.resume_file} is damaged; start the run again in another folder.") from error
        is_longer = self.config.epochs > facts.get("epochs", self.config.epochs)
        may_change = {"lr", "epochs"} if is_longer else {"lr"}
        differences = [name for name in self.config.differences(facts) if name not in may_change]
        if differences:
            raise GteError(
                f"The run in {self.config.out} has other settings ({', '.join(differences)}); "
                "resume it with its own, or start another with --out."
            )
        classes = json.loads(state["data"])["classes"] if "data" in state else list(self.training_set.classes)
        if classes != list(self.training_set.classes):
            raise GteError(
                f"The run in {self.config.out} began with other classes ({some_of(classes)}) than the data now have; "
                "it cannot be continued: start another with --out."
            )
        present = len(self.training_set.present)
        if (clips := state.get("num_clips", present)) != present:
            raise GteError(
                f"The run in {self.config.out} began with {clips} training clips, and the data set now has "
                f"{present}: it cannot be continued exactly; start another with --out."
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.metrics = json.loads(state["metrics"])
        self.step = state["step"]
        self.snapshots = KernelSnapshots.from_tensors(state["snapshots"])
        # What follows is unknown for a run that was interrupted before it was recorded.
        self.kernel_init = state.get("kernel_init", {})
        self.start = state.get("start", "")
        self.process_states = state.get("process_states", {})
        self.scaler = state.get("scaler", {})
        changes = [self._change_of_lr(facts["lr"])] if self.config.lr != facts["lr"] else []
        if is_longer:
            changes.append(self._extension(facts["epochs"]))
        self.extension = " ".join(changes)
        self.start = f"{self.start} {self.extension}".strip()

    def _change_of_lr(self, lr: float) -> str:
        """Return a sentence on a learning rate that is another one from here on."""
        return f"From step {self.step + 1} on --lr is {self.config.lr:g}, and was {lr:g} before."

    def _extension(self, epochs: int) -> str:
        """Return a sentence on the learning rates of a run that was meant for fewer epochs."""
        config, before = self.config, replace(self.config, epochs=epochs)
        rates = [config.learning_rate(self.epochs_done), config.learning_rate(config.epochs)]
        now, last = (f"{rate:.3g}" for rate in rates)
        return (
            f"Prolonged after epoch {self.epochs_done} from {epochs} to {config.epochs} epochs: from there on the "
            f"learning rate is that of the {config.schedule} schedule of {config.epochs} epochs, {now} at first (of "
            f"{epochs} epochs it would be {before.learning_rate(self.epochs_done):.3g}) and {last} at the end."
        )

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


def saved_step(resume_file: Path) -> int | None:
    """Return the number of steps that a resume file holds; None if there is no such file, or it is damaged."""
    try:
        return torch.load(resume_file, map_location="cpu", mmap=True, weights_only=True)["step"]
    except UNREADABLE:
        return None


def _write(state: dict[str, Any], file: BinaryIO) -> None:
    """Write a resume file. Raises OSError if the disk is full, which torch reports as an error of its own."""
    try:
        torch.save(state, file)
    except RuntimeError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__context__
        raise cause or error from error
