"""Time from the start of a server until its first page is painted: this app, an empty Streamlit app, TensorBoard."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page

from tests.browser import harness

EMPTY_PAGE = 'import streamlit as st\n\nst.write("Hello")\n'
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Resolves when what is in the document now has been painted."""


@dataclass(frozen=True)
class Candidate:
    """A server and the sign that its first page is there."""

    arguments: Sequence[str]
    """Of `python -m`; the port comes last."""
    folder: Path
    painted: Sequence[str]
    """Selectors of elements that are visible then."""


def candidates(folder: Path) -> dict[str, Candidate]:
    """The servers to compare; `folder` is an empty one."""
    (folder / "empty.py").write_text(EMPTY_PAGE)
    (folder / "logs").mkdir()
    streamlit = ("--server.headless=true", "--server.address=127.0.0.1", "--browser.gatherUsageStats=false")
    return {
        "this app": Candidate(
            ("streamlit", "run", harness.APP.name, *streamlit, "--server.port"),
            harness.APP.parent,
            (".films canvas[aria-label]",),
        ),
        "empty Streamlit app": Candidate(
            ("streamlit", "run", "empty.py", *streamlit, "--server.port"), folder, ("text=Hello",)
        ),
        "TensorBoard": Candidate(
            ("tensorboard.main", "--logdir", "logs", "--host", "127.0.0.1", "--port"),
            folder,
            ("text=No dashboards are active",),
        ),
    }


def measure_startup(rounds: int) -> dict[str, np.ndarray]:
    """Return the seconds of each server in each round; they take turns, each with a new process and browser profile."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, harness.chromium() as browser:
        servers = candidates(Path(folder))
        # The first round reads the files from the disk and does not count.
        seconds = [[seconds_until_painted(browser, server) for server in servers.values()] for _ in range(rounds + 1)]
    return dict(zip(servers, np.array(seconds[1:]).T, strict=True))


def seconds_until_painted(browser: Browser, candidate: Candidate) -> float:
    """Start a server, open its first page as soon as it answers, and wait until the page is painted."""
    port = harness.free_port()
    started = time.perf_counter()
    with _running(candidate, port):
        _wait_for_port(port)
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        try:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}", wait_until="commit")
            for selector in candidate.painted:
                _wait_until_visible(page, selector)
            page.evaluate(NEXT_FRAME)
            return time.perf_counter() - started
        finally:
            context.close()


@contextmanager
def _running(candidate: Candidate, port: int) -> Iterator[None]:
    # Packages are compiled when they are installed, and the app at its first start, which does not count; where that is
    # forbidden, each start of the app would compile it again.
    environment = {
        key: value
        for key, value in os.environ.items()
        if key != "PYTHONDONTWRITEBYTECODE" and not key.startswith("STREAMLIT_")
    }
    with (
        harness.polite_end(),
        subprocess.Popen(
            [sys.executable, "-m", *candidate.arguments, str(port)],
            cwd=candidate.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield
        finally:
            harness.stop(process)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + harness.START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"No server answers after {harness.START_SECONDS:.0f} s.")


def _wait_until_visible(page: Page, selector: str) -> None:
    """Look every few milliseconds; Playwright's own waiting looks twice a second."""
    deadline = time.monotonic() + harness.START_SECONDS
    while not page.locator(selector).first.is_visible():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{selector} is not painted after {harness.START_SECONDS:.0f} s.")
        page.wait_for_timeout(5)


def print_startup(seconds: Mapping[str, np.ndarray]) -> None:
    """A table of medians, with the ratio to the empty app in each round."""
    print("\nFrom the start of the server to the first page, painted")
    print(f"{'server':<22} {'median':>8} {'ratio':>7}   all rounds")
    for name, times in seconds.items():
        ratio = np.median(times / seconds["empty Streamlit app"])
        rounds = " ".join(f"{value:.2f}" for value in times)
        print(f"{name:<22} {np.median(times):>6.2f} s {ratio:>7.2f}   {rounds}", flush=True)
