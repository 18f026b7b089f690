"""Ends of a training: Ctrl-C and SIGTERM are noted and the loop saves first; processes do not outlive one another."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

NAMES: dict[int, str] = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

PARENT_SECONDS = 1
"""Time between two looks at whether the process that has started this one is there."""
OTHERS_SECONDS = 7
"""Time in which a process that has failed takes the others with it: Fabric looks after its children each 5 seconds."""


def end_with_parent() -> None:
    """End this process soon after the one that has started it, which it could otherwise wait for in a collective."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


@contextmanager
def quiet_if_another_fails() -> Iterator[None]:
    """Give way, when a connection breaks in the block, to the process that has failed: its message is enough.

    An error that is this process's own is raised, later.
    """
    try:
        yield
    except RuntimeError:
        time.sleep(OTHERS_SECONDS)
        raise


class Stopped(Exception):
    """A signal has stopped a training; the text says what is saved."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.status = 128 + number
        """Exit status, as shells give it to a process that a signal ends."""


class StopSignals:
    """Notes the first Ctrl-C or SIGTERM; a second Ctrl-C raises KeyboardInterrupt at once."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The signal that has arrived, if any."""
        self._may_interrupt = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals inside the block; outside of the main thread, where Python handles none, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {number: signal.getsignal(number) for number in (*NAMES, signal.SIGCHLD)}
        for number in NAMES:
            # A process that a shell starts in the background ignores Ctrl-C, and goes on ignoring it.
            if handlers[number] is not signal.SIG_IGN:
                signal.signal(number, self._note)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def tolerate_dead_workers(self) -> None:
        """Let loader workers die once a signal has arrived: `timeout` and Slurm send it to them too.

        Without this the death of a worker raises an error in the middle of whatever runs, such as an optimiser's
        step. Call it after the first loader has started.
        """
        report = signal.getsignal(signal.SIGCHLD)
        if threading.current_thread() is not threading.main_thread() or not callable(report):
            return

        def report_unless_stopped(number: int, frame: FrameType | None) -> Any:
            return report(number, frame) if self.number is None else None

        signal.signal(signal.SIGCHLD, report_unless_stopped)

    def survive(self, work: Callable[[], T]) -> T | None:
        """Return what `work`, which uses loader workers, returns; None if a signal has killed one of them."""
        try:
            return work()
        except (RuntimeError, OSError, EOFError):
            # The loader's own error, or that of a connection to a worker that is gone.
            if self.number is None:
                raise
            return None

    def interrupt(self, work: Callable[[], T]) -> T | None:
        """Return what `work` returns, or None as soon as a signal arrives. The work must leave the run as it is."""
        if self.number is not None:
            return None
        self._may_interrupt = True
        try:
            try:
                return self.survive(work)
            finally:
                self._may_interrupt = False
        except _Interrupted:
            return None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number
        if self._may_interrupt:
            raise _Interrupted


class _Interrupted(Exception):
    """A signal has arrived in work that it may interrupt."""
