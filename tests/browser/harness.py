"""The real app in a real browser: start server and Chromium, watch a page, wait until it has finished drawing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal
from weakref import WeakKeyDictionary

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).parents[2]
APP = ROOT / "streamlit_app.py"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""The first is Chromium without what surrounds a page in its window, which costs a page a quarter of its time."""

START_SECONDS = 60.0
"""Time for the server to answer its first request; it imports nothing of ours before a page is asked for."""

STOP_SECONDS = 10.0
"""Time for the server to end after it was asked to."""

IDLE_SECONDS = 120.0
"""Time for a page to finish; the first one imports torch, and a busy machine is slow at that."""

QUIET_MILLISECONDS = 300
"""How long nothing must be running before a page counts as finished: a rerun may ask for the next one."""

Theme = Literal["light", "dark"]


def find_chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome, None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def need_chromium() -> None:
    """Skip the test where no Chromium is installed; let it fail if REQUIRE_BROWSER is set, as in CI."""
    if find_chromium() is None:
        sentence = "No Chromium is installed; on Debian: apt-get install chromium-headless-shell"
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(sentence)
        pytest.skip(sentence)


@dataclass(frozen=True)
class Server:
    """A running app."""

    url: str
    """Where it answers, without a slash at the end."""

    log: Path
    """What it prints: the tracebacks that the browser never shows."""

    def printed(self, since: int = 0) -> str:
        """What the server printed after its first `since` bytes."""
        return self.log.read_bytes()[since:].decode(errors="replace").strip()


@contextmanager
def serve(script: Path = APP, own_folder: Path | None = None) -> Iterator[Server]:
    """Run `script` as `make app` does, in the script's folder, and stop it with its children on leaving.

    The home folder is an empty one and no STREAMLIT_ variable is passed on, so that the developer's own settings
    change nothing; `own_folder` is the server owner's folder of checkpoints. Raises RuntimeError with what the server
    printed when it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="browser-test-", ignore_cleanup_errors=True) as home:
        port = free_port()
        server = Server(url=f"http://127.0.0.1:{port}", log=Path(home) / "server.log")
        options = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
        # Without TERM=dumb the tracebacks come in colours and frames.
        settings = {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home, "TERM": "dumb", "NO_COLOR": "1"}
        # A training ends after one report.
        settings["GTE_LIVE_EPOCHS"] = "1"
        if own_folder:
            settings["GTE_CHECKPOINTS"] = str(own_folder)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("STREAMLIT_")}
        with (
            polite_end(),
            server.log.open("wb") as log,
            subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", script.name, *options],
                cwd=script.parent,
                env=environment | settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                wait_until_healthy(server, process)
                yield server
            finally:
                stop(process)


@contextmanager
def polite_end() -> Iterator[None]:
    """Take a request to end (SIGTERM) for Ctrl-C, so that what is running here is cleared away and not left behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def free_port() -> int:
    """Return a port of this machine that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_healthy(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Return when the server answers. Raises RuntimeError when it ended, or does not answer in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The app ended with status {process.returncode}:\n{server.printed()}")
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The app does not answer after {START_SECONDS:.0f} s:\n{server.printed()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and everything that it started, at first politely."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(STOP_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the installed Chromium without a window. Raises RuntimeError where there is none."""
    path = find_chromium()
    if path is None:
        raise RuntimeError("No Chromium was found; on Debian: apt-get install chromium-headless-shell")
    # Playwright itself switches off updates, first-run pages and all that talks to the outside.
    with sync_playwright() as playwright:
        # All pages of a profile share a process, which compiles the app's scripts once.
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-gpu", "--process-per-site"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What happened on a page since it was opened."""

    host: str
    """The one server that the page may talk to."""

    problems: list[str] = field(default_factory=list)
    """What must not happen, as sentences."""

    finished_runs: int = 0
    """How often the script ran to its end. Quick runs leave no other trace: the page's own state skips them."""

    def note_request(self, request: Request) -> None:
        if not request.url.startswith((self.host, "data:", "blob:")):
            self.problems.append(f"The page asked another server for {request.url}")

    def note_message(self, message: bytes | str) -> None:
        if not isinstance(message, bytes):
            return
        forward = ForwardMsg.FromString(message)
        if forward.WhichOneof("type") == "script_finished" and forward.script_finished != RERUN_INSTEAD:
            self.finished_runs += 1


RERUN_INSTEAD = ForwardMsg.FINISHED_EARLY_FOR_RERUN
"""How a run ends that another one replaces."""

WATCHES: WeakKeyDictionary[Page, Watch] = WeakKeyDictionary()
"""The watch of every open page."""

# Streamlit shows a script that failed in this box; a rerun may take it away again before a test looks.
REPORT_EXCEPTIONS = """
new MutationObserver(() => {
  for (const box of document.querySelectorAll('[data-testid="stException"]:not([data-reported])')) {
    box.dataset.reported = "";
    reportException(box.innerText);
  }
}).observe(document, {childList: true, subtree: true});
"""


@cache
def profile_of(browser: Browser, server: Server) -> BrowserContext:
    """Return the profile in which all pages of a server open; its first page stays, and with it their process."""
    context = browser.new_context(base_url=server.url)
    context.new_page().goto("/_stcore/health")
    return context


@contextmanager
def watched_page(
    browser: Browser, server: Server, *, theme: Theme = "light", width: int = 1280, height: int = 800
) -> Iterator[Page]:
    """Open an empty page for the app in an empty profile; `page.goto("/kernels")` is relative to the app.

    On leaving raises AssertionError if a script failed in front of the reader, if JavaScript threw an error that nobody
    caught, or if the page asked any other server for something. The theme follows the browser's preference.
    """
    printed_before = len(server.log.read_bytes())
    watch = Watch(server.url)
    profile = profile_of(browser, server)
    profile.clear_cookies()
    profile.pages[0].evaluate("localStorage.clear()")
    page = profile.new_page()
    try:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": height})
        page.expose_function("reportException", lambda text: watch.problems.append(f"A script failed: {text}"))
        page.add_init_script(REPORT_EXCEPTIONS + LIST_WHAT_IS_BUSY)
        page.on("pageerror", lambda error: watch.problems.append(f"JavaScript failed: {error}"))
        page.on("request", watch.note_request)
        page.on("websocket", lambda socket: socket.on("framereceived", watch.note_message))
        WATCHES[page] = watch
        yield page
        if not page.is_closed():
            # Whatever happened until now is reported before the browser answers this.
            page.evaluate("1")
    except AssertionError as error:
        # Why a page never became idle, say.
        error.add_note(report(watch, server, printed_before))
        raise
    finally:
        page.close()
    if watch.problems:
        raise AssertionError(report(watch, server, printed_before))


def report(watch: Watch, server: Server, printed_before: int) -> str:
    """What went wrong on a page, and what the server said meanwhile."""
    return "\n".join([*watch.problems, "The server printed:", server.printed(printed_before)])


# Put into every page. Charts arrive in a chunk of JavaScript of their own, after the script has finished.
LIST_WHAT_IS_BUSY = """
window.listWhatIsBusy = () => {
  const app = document.querySelector('[data-testid="stApp"]');
  const charts = [...document.querySelectorAll('[data-testid="stPlotlyChart"]')];
  const waiting = {
    "the script": app?.dataset.testScriptState !== "notRunning",
    "the connection": app?.dataset.testConnectionState !== "CONNECTED",
    "a placeholder": document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]'),
    "an element of the last run": document.querySelector('[data-stale="true"]'),
    "a chart": charts.some((chart) => !chart.querySelector(".main-svg")),
    "an image": [...document.images].some((image) => !image.complete && image.loading !== "lazy"),
    "a font": document.fonts.status !== "loaded",
  };
  return Object.keys(waiting).filter((what) => waiting[what]);
};
"""

# Polled in the page.
IS_QUIET = """
(quietMilliseconds) => {
  window.lastBusy = window.listWhatIsBusy();
  if (window.lastBusy.length) window.quietSince = undefined;
  else window.quietSince ??= performance.now();
  return !window.lastBusy.length && performance.now() - window.quietSince >= quietMilliseconds;
}
"""


def wait_until_idle(page: Page, timeout_seconds: float = IDLE_SECONDS) -> None:
    """Return when the script has finished and everything that it drew can be seen.

    Raises AssertionError, naming what is still awaited, when that takes longer than `timeout_seconds`.
    """
    page.evaluate("window.quietSince = undefined")
    try:
        page.wait_for_function(IS_QUIET, arg=QUIET_MILLISECONDS, polling=50, timeout=1000 * timeout_seconds)
    except PlaywrightTimeout:
        busy = page.evaluate("window.lastBusy ?? []")
        awaited = ", ".join(busy) or "nothing in particular"
        raise AssertionError(f"{page.url} is not finished after {timeout_seconds:g} s; awaited: {awaited}.") from None


def open_page(page: Page, path: str = "/") -> None:
    """Load a page of the app, such as "/kernels?layer=layer1.0", and wait until it is drawn."""
    page.goto(path)
    wait_until_idle(page)


@contextmanager
def rerun(page: Page, timeout_seconds: float = IDLE_SECONDS) -> Iterator[None]:
    """Act on a widget in the block; the block ends when the rerun that it causes has finished and is drawn.

    Without this, a test would look at the page between its click and the rerun. Raises AssertionError if nothing reran.
    """
    watch = WATCHES[page]
    finished_before = watch.finished_runs
    yield
    deadline = time.monotonic() + timeout_seconds
    while watch.finished_runs == finished_before:
        if time.monotonic() > deadline:
            raise AssertionError(f"No rerun finished within {timeout_seconds:g} s.")
        page.wait_for_timeout(20)
    wait_until_idle(page, timeout_seconds)
