"""A training in a child process: started, watched and stopped by a job."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.child_process import how_it_ended, start_child
from analysis.progress import Report
from app.checkpoints import ROOT
from gte.cli import BAD_INPUT
from gte.errors import GteError

MAX_SECONDS = 180
"""Time after which a training is stopped, so that the next visitor has a turn."""
STOP_SECONDS = 10
"""Time for a training to save after it was asked to stop."""
SECONDS_BETWEEN_LOOKS = 0.2

TIME_IS_UP = (
    f"Stopped after {MAX_SECONDS // 60} minutes, the longest that a training takes here at a time. Press Go on to "
    "continue it."
)
ENDED_EARLY = "The training ended early ({how}). What it reported is kept; press Go on to continue it."


class TrainingError(GteError):
    """A training has ended before its end."""


def train_in_child(arguments: Sequence[str], folder: Path, metrics: Path, epochs: int, report: Report) -> str:
    """Run `python -m gte.train` with these arguments in `folder`, and return what the reader should know, if anything.

    `report` gets the share of the epochs that are done; if it raises, the training saves and stops. Raises
    TrainingError, in the trainer's words if it gave any, if the training fails or is ended from outside.
    """
    started_at = time.monotonic()
    with _child(arguments, folder) as (process, last_line):
        while process.poll() is None:
            done, seconds = _num_lines(metrics), time.monotonic() - started_at
            step = f"epoch {min(done + 1, epochs)} of {epochs}" if done else "loading PyTorch, then the first epoch"
            report(done / epochs, f"{seconds:.0f} s: {step}")
            if seconds > MAX_SECONDS:
                return TIME_IS_UP
            time.sleep(SECONDS_BETWEEN_LOOKS)
    if process.returncode == 0:
        return ""
    if process.returncode == BAD_INPUT and last_line:
        raise TrainingError(last_line[0].strip().removeprefix("gte.train: "))
    raise TrainingError(ENDED_EARLY.format(how=how_it_ended(process.returncode)))


@contextlib.contextmanager
def _child(arguments: Sequence[str], folder: Path) -> Iterator[tuple[subprocess.Popen[str], deque[str]]]:
    """Start a training, and yield its process and the last line that it has printed; after the block it is over."""
    last_line: deque[str] = deque(maxlen=1)
    command = [sys.executable, "-m", "gte.training.child", str(folder), *arguments]
    with start_child(command, folder, path=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        reader = threading.Thread(target=last_line.extend, args=(process.stderr,), daemon=True)
        reader.start()
        try:
            yield process, last_line
        finally:
            _stop(process)
            reader.join()


def _stop(process: subprocess.Popen[str]) -> None:
    """Let a training save and end; end it at once if that takes too long."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _num_lines(file: Path) -> int:
    try:
        return file.read_bytes().count(b"\n")
    except OSError:
        return 0
