"""Child processes: how they are started, and how they have ended."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def start_child(
    command: Sequence[str], folder: Path, *, stdout: int, stderr: int | None = None, path: Path | None = None
) -> subprocess.Popen[str]:
    """Start a command in `folder`, in a process group of its own; `path` is where Python looks for modules.

    Its standard input is held open, so that the child learns from its end that this process is gone.
    """
    # A server lets its threads sleep while they wait, which slows down a machine that does nothing else.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )


def how_it_ended(status: int) -> str:
    """Describe the exit status of a process; the system ends one that takes too much memory with signal 9."""
    if status == -9:
        return "signal 9, as when memory runs out"
    return f"signal {-status}" if status < 0 else f"status {status}"
