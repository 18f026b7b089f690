"""Measurement in a child process, seen from its parent.

Threads of torch and peak memory belong to a whole process; those of a server stay unchanged. The child reports in lines
of JSON, and ends when its parent does: its standard input is held open until then.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

from analysis.child_process import how_it_ended, start_child
from analysis.timing.plan import (
    ROOT,
    Measurement,
    Plan,
    Report,
    dumped,
    from_plain,
)
from gte.errors import MeasurementError

COMMAND = (sys.executable, "-m", "analysis.timing.worker", "time")
SECONDS_BETWEEN_REPORTS = 0.1
"""A cancelled measurement may go on for so long."""


def run_in_child(plan: Plan, report: Report, command: Sequence[str] = COMMAND) -> Measurement:
    """Time a plan in a child process, which is ended at once when `report` raises.

    Raises MeasurementError if the process refuses the plan, fails, or is ended from outside.
    """
    with started([*command, dumped(plan)]) as process:
        part, text = 0.0, "Starting a separate process"
        lines = _lines_of(process)
        while True:
            report(part, text)
            try:
                line = lines.get(timeout=SECONDS_BETWEEN_REPORTS)
            except queue.Empty:
                continue
            if line is None:
                raise MeasurementError(
                    f"The measuring process ended early ({how_it_ended(process.wait())}); "
                    "choose fewer networks, a smaller clip or a smaller batch, and measure again."
                )
            match _message(line):
                case {"part": float(part), "text": str(text)}:
                    pass
                case {"refused": str(reason)}:
                    raise MeasurementError(reason)
                case {"measurement": dict(plain)}:
                    return from_plain(plain)


@contextlib.contextmanager
def started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Start a process in a new group; end the whole group after the block."""
    with start_child(command, ROOT, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    if not hasattr(os, "killpg"):
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _lines_of(process: subprocess.Popen[str]) -> "queue.Queue[str | None]":
    """Return a queue of the lines that a process prints; None follows when it has ended."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        # The file is closed while it is read, if the process is ended.
        with contextlib.suppress(ValueError, OSError):
            for line in process.stdout:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _message(line: str) -> object:
    """Parse a line of the child; return None for what a library printed."""
    try:
        return json.loads(line)
    except ValueError:
        return None
