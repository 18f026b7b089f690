"""Progress of a training: bars on a terminal, plain lines elsewhere, and TensorBoard where that is wanted."""

import importlib.util
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from gte.errors import GteError

LINE_SECONDS = 60
"""Time between lines where there is no terminal."""

LOGGED = ("lr", "train_loss", "train_top1", "val_loss", "val_top1", "clips_per_second", "data_wait_share")
"""Entries of an epoch's metrics that TensorBoard draws."""


def check_tensorboard() -> None:
    """Raise GteError if TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise GteError("--tensorboard needs the package tensorboard; install it with: pip install tensorboard")


class Progress:
    """What a training shows while it runs; silent in all processes but the first."""

    def __init__(
        self, *, epochs: int, steps_per_epoch: int, clips_per_step: int, step: int, is_shown: bool, log: Path | None
    ) -> None:
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.clips_per_step = clips_per_step
        self.is_shown = is_shown
        self.has_bars = is_shown and sys.stderr.isatty()
        self.step = step
        """Steps that were taken."""
        self._log = log if is_shown else None
        self._lined_at = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show bars for the run and for the epoch, if this is a terminal, and write for TensorBoard."""
        with (
            tqdm(
                total=self.epochs * self.steps_per_epoch * self.clips_per_step,
                initial=self.step * self.clips_per_step,
                desc="run",
                unit="clip",
                smoothing=0.05,
                disable=not self.has_bars,
            ) as self._run,
            tqdm(desc="epoch", unit="clip", leave=False, disable=not self.has_bars) as self._epoch,
        ):
            self._writer = None
            if self._log is not None:
                from torch.utils.tensorboard import SummaryWriter

                self._writer = SummaryWriter(str(self._log), purge_step=self.step + 1)
            try:
                yield
            finally:
                if self._writer is not None:
                    self._writer.close()

    def begin(self, epoch: int) -> None:
        """Begin or continue an epoch, counted from 0."""
        self._epoch.reset(self.steps_per_epoch * self.clips_per_step)
        self._epoch.update((self.step - epoch * self.steps_per_epoch) * self.clips_per_step)
        self._epoch.set_description(f"epoch {epoch + 1}/{self.epochs}")

    def advance(self, loss: float, top1: float) -> None:
        """Count a step; `loss` and `top1` are the means of the epoch so far."""
        self.step += 1
        self._run.update(self.clips_per_step)
        self._epoch.update(self.clips_per_step)
        self._epoch.set_postfix(loss=f"{loss:.3f}", top1=f"{top1:.1%}")
        if not self.has_bars and time.monotonic() - self._lined_at >= LINE_SECONDS:
            self._lined_at = time.monotonic()
            epoch, done = divmod(self.step - 1, self.steps_per_epoch)
            self.say(
                f"epoch {epoch + 1} of {self.epochs}, step {done + 1} of {self.steps_per_epoch}: loss {loss:.3f}, "
                f"top-1 {top1:.1%}"
            )

    def finish_epoch(self, entry: Mapping[str, float]) -> None:
        """Report the metrics of an epoch."""
        self.say(
            f"epoch {entry['epoch']:.0f}: loss {entry['train_loss']:.3f}, top-1 {entry['train_top1']:.1%} in training, "
            f"{entry['val_top1']:.1%} in validation; {entry['clips_per_second']:.1f} clips/s, "
            f"{entry['data_wait_share']:.1%} of the time waiting for data"
        )
        if self._writer is not None:
            for name in LOGGED:
                self._writer.add_scalar(name, entry[name], int(entry["step"]))
            self._writer.flush()

    def say(self, message: str) -> None:
        """Print a line above the bars, in the first process."""
        if self.is_shown:
            tqdm.write(message, file=sys.stderr)
            sys.stderr.flush()
