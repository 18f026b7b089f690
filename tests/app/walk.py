"""A random visitor of the app: `make walk STEPS=5000 SEED=3` lists what failed and the steps that lead there.

It drives sessions of AppTest, so it reaches neither what only a browser has (its own history, clicks in charts and
components, downloads) nor the reruns of a fragment by its clock; tests/browser/test_walk.py walks there. It is its own
process because the check of shapes in tests makes it several times slower, and its end is that of all its jobs.
"""

import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlencode

from streamlit.logger import set_log_level
from streamlit.proto.ButtonGroup_pb2 import ButtonGroup
from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.Slider_pb2 import Slider
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Tab, Widget

from app import checkpoints
from app.navigation import PAGES
from gte.checkpoint_header import SUFFIX
from gte.cli import run_command, say
from gte.data import open_dataset
from tests.app.opening import url_of
from tests.browser.harness import APP
from tests.tiny import save_tiny
from tests.videos import encode, numbered

START = "start"
TIMEOUT_SECONDS = 240
SHORTENING_SECONDS = 120
"""Time to look for a shorter way to the same failure."""

SKIPPED = {
    "Measure speed": "a measurement takes minutes and the whole machine",
    "Train": "a training takes a minute and the whole machine",
}
"""Labels of the buttons that are left alone, each with its reason."""

TOO_LONG = {("depth", "101"): "counting it with every share t takes half a minute"}
"""Options of widgets that are left alone, each with its reason."""

BROKEN = "broken"
"""In the names of the files that the app refuses, and so in what it says of them."""

ANSWERS = (BROKEN, f"At most {checkpoints.MAX_OPEN} checkpoints")
"""In the errors that answer an upload: a broken file, or one too many."""

ACTIONS = {"widget": 12, "tabs": 3, "open": 2, "link": 2, "back": 2, "mixed": 1, "reload": 0.5}
"""How often each kind of step is taken, against the others that are possible."""


@dataclass(frozen=True)
class Step:
    """One act of a visitor."""

    action: str
    """A kind of widget, or how an address is opened: open, link, back, mixed or reload."""

    target: str
    """Name of the widget, or the address."""

    value: Any = None
    """What the widget is set to."""

    def __str__(self) -> str:
        return f"{self.action} {self.target}" + ("" if self.value is None else f" -> {self.value!r}")


class OpenTab(Widget):
    """The state of a group of tabs, which a browser sends with each run and AppTest does not."""

    def __init__(self, block: Block) -> None:
        super().__init__(block.proto.tab_container, block.root)
        self.type = "tabs"
        self.options = [tab.label for tab in block.children.values() if isinstance(tab, Tab)]

    @property
    def value(self) -> str:
        return self._value or self.root.session_state[self.id]

    @property
    def _widget_state(self) -> WidgetState:
        return WidgetState(id=self.id, string_value=self.value)


class Visit:
    """A visitor, who begins on Start; `files` by name can be uploaded."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self.queries: list[str] = []
        """Query parameters of addresses until now, which may be tried on other pages."""
        self._begin(START)

    def _begin(self, address: str) -> None:
        self.at = AppTest.from_file(APP, default_timeout=TIMEOUT_SECONDS)
        self.history = [START]
        self._run()
        if address != START:
            self.history = []
            self._open(address)

    def _open(self, address: str) -> None:
        """Open a page as a browser asks for it: by the hash of its path, with these query parameters and no others."""
        path, _, query = address.partition("?")
        hashes = {info.get("url_pathname"): key for key, info in self.at._registered_pages.items()}
        self.at._page_hash = hashes["" if path == START else path]
        self.at.query_params = dict(parse_qs(query, keep_blank_values=True))
        self.history.append(address)
        self._run()

    def _run(self) -> None:
        self.at.run()
        for block in [node for node in self.at.main if isinstance(node, Block) and node.type == "tab_container"]:
            if block.proto.tab_container.id:
                block.children[len(block.children)] = OpenTab(block)
        # A browser sends the URL into which the page has put its state with the next run.
        self.at.query_params = dict(url_of(self.at))
        path = self.history[-1].partition("?")[0]
        self.queries.append(urlencode(self.at.query_params, doseq=True))
        self.history[-1] = f"{path}?{self.queries[-1]}"

    def widgets(self) -> Iterator[Widget]:
        """What can be changed on the page."""
        for node in self.at.main:
            if isinstance(node, Widget) and is_taken(node):
                yield node

    def problems(self) -> list[str]:
        """What must not be on the page: exceptions, and errors that are no answer to an upload."""
        errors = [error.value for error in self.at.error if not any(text in error.value for text in ANSWERS)]
        return [error.value for error in self.at.exception] + errors

    def choose(self, random: Random) -> Step:
        """Choose what to do next."""
        tabs = [widget for widget in self.widgets() if widget.type == "tabs"]
        others = [widget for widget in self.widgets() if widget.type != "tabs"]
        links = [f"{link.page or START}?{link.query_string}" for link in self.at.page_link]
        possible = {
            "widget": lambda: self._change(random, random.choice(others)) if others else None,
            "tabs": lambda: self._change(random, random.choice(tabs)) if tabs else None,
            "open": lambda: Step("open", f"{random.choice(list(PAGES.values())).url_path}?"),
            "link": lambda: Step("link", random.choice(links)) if links else None,
            "back": lambda: Step("back", self.history[-2]) if len(self.history) > 1 else None,
            "mixed": lambda: Step(
                "mixed", f"{random.choice(list(PAGES.values())).url_path}?{random.choice(self.queries)}"
            ),
            "reload": lambda: Step("reload", self.history[-1]),
        }
        while True:
            action = random.choices(list(ACTIONS), list(ACTIONS.values()))[0]
            if step := possible[action]():
                return step

    def _change(self, random: Random, widget: Widget) -> Step:
        if widget.type != "file_uploader":
            return Step(widget.type, name_of(widget), VALUES[widget.type](random, widget))
        types = tuple(widget.proto.type) or SUFFIX
        return Step(widget.type, name_of(widget), random.choice([name for name in self.files if name.endswith(types)]))

    def take(self, step: Step) -> bool:
        """Do it and run the page; False if the page has no such widget now."""
        if step.action == "reload":
            self._begin(step.target)
        elif step.action in ("open", "link", "mixed", "back"):
            if step.action == "back":
                del self.history[-2:]
            self._open(step.target)
        else:
            widgets = [w for w in self.widgets() if (w.type, name_of(w)) == (step.action, step.target)]
            if not widgets:
                return False
            if step.action == "file_uploader":
                file = (step.value, self.files[step.value], "application/octet-stream")
                widgets[0].set_value([file] if widgets[0].proto.multiple_files else file)
            else:
                widgets[0].set_value(step.value)
            self._run()
        return True


def name_of(widget: Widget) -> str:
    """A name that is the same in every process; the keys of jobs hold paths."""
    return widget.proto.label if widget.type == "button" or not widget.key else widget.key


def is_taken(widget: Widget) -> bool:
    """True for what a visitor may change and the walk does not leave alone."""
    is_disabled = getattr(widget.proto, "disabled", False)
    return widget.type != "download_button" and name_of(widget) not in SKIPPED and not is_disabled


def _number(random: Random, widget: Widget) -> float:
    """A number that the box accepts, more often a small one: large clips take long."""
    least, most, step = widget.proto.min, widget.proto.max, widget.proto.step
    number = min(most, least + step * random.choice((0, 1, 2, 3, 5, 8)))
    return int(number) if widget.proto.data_type == NumberInput.INT else number


def _position(random: Random, widget: Widget) -> Any:
    """One position of a slider, or two where it has two handles."""
    least, step = widget.proto.min, widget.proto.step
    count = round((widget.proto.max - least) / step)
    kind = int if widget.proto.data_type == Slider.INT else float
    positions = sorted(kind(least + step * random.randint(0, count)) for _ in widget.proto.default)
    return positions if len(positions) > 1 else positions[0]


def _several(random: Random, widget: Widget) -> Any:
    """Some of the options, or one where only one may be chosen."""
    if widget.proto.click_mode == ButtonGroup.SINGLE_SELECT:
        return random.choice(widget.options if widget.proto.required else [*widget.options, None])
    return random.sample(widget.options, random.randint(0, min(3, len(widget.options))))


def _option(random: Random, widget: Any) -> Any:
    return random.choice([option for option in widget.options if (name_of(widget), option) not in TOO_LONG])


VALUES: Mapping[str, Callable[[Random, Any], Any]] = {
    "button": lambda random, widget: True,
    "button_group": _several,
    "checkbox": lambda random, widget: not widget.value,
    "file_uploader": _option,
    "number_input": _number,
    "selectbox": _option,
    "select_slider": _option,
    "slider": _position,
    "tabs": _option,
    "toggle": lambda random, widget: not widget.value,
}
"""A function for each kind of widget in the app that draws a value for it; of another kind the walk says KeyError."""


class Log(logging.Handler):
    """The errors that pages only log, each as its kind, its words and its place."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            places = [
                frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename
            ]
            place = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
            self.errors.append(f"{type(error).__name__}: {error}{place}")


@dataclass(frozen=True)
class Walker:
    """Takes steps and notices what they break."""

    files: Mapping[str, bytes]
    log: Log

    def try_step(self, visit: Visit, step: Step) -> list[str]:
        """Take a step; return what is wrong after it."""
        self.log.errors.clear()
        try:
            problems = visit.problems() if visit.take(step) else []
        except (RuntimeError, ValueError, TypeError, KeyError) as error:
            # AppTest raises these itself, as where a run takes too long or a widget holds what is no value for it.
            problems = [f"AppTest, {type(error).__name__}: {error}"]
        return [*self.log.errors, *problems]

    def problems_after(self, steps: Sequence[Step]) -> list[str]:
        """The first problems that these steps from Start lead to; none if they lead to none."""
        visit = Visit(self.files)
        return next(filter(None, (self.try_step(visit, step) for step in steps)), [])

    def shorten(self, steps: Sequence[Step], problems: Sequence[str]) -> Sequence[Step]:
        """Return fewer steps that lead to the same: the shortest end that does, of that only what is needed."""
        deadline = time.monotonic() + SHORTENING_SECONDS
        few, length = list(steps), 1
        while length <= len(steps) and time.monotonic() < deadline:
            if self.problems_after(steps[-length:]) == problems:
                few = list(steps[-length:])
                break
            length *= 2
        for step in list(few):
            without = [other for other in few if other is not step]
            if time.monotonic() < deadline and self.problems_after(without) == problems:
                few = without
        return few

    def walk(self, num_steps: int, seed: int) -> dict[str, Sequence[Step]]:
        """Take random steps, from Start again after each failure; return the steps to each kind of failure."""
        random, failures = Random(seed), {}
        visit, taken = Visit(self.files), []
        for number in range(1, num_steps + 1):
            taken.append(visit.choose(random))
            began = time.perf_counter()
            problems = self.try_step(visit, taken[-1])
            say(f"{number:5d} {time.perf_counter() - began:6.2f} s  {taken[-1]}")
            if problems:
                say(f"      {problems}")
                if problems[0] not in failures:
                    failures[problems[0]] = self.shorten(taken, problems)
                visit, taken = Visit(self.files), []
        return failures


def make_files(folder: Path) -> dict[str, bytes]:
    """Show the app two tiny checkpoints alone; return files to upload: a video, a checkpoint, and broken ones."""
    motions = open_dataset("motionpairs", "test", 32)
    for name in ("gte", "c2d"):
        save_tiny(folder / f"{name}-tiny{SUFFIX}", name, classes=motions.classes, twins=motions.twins)
    checkpoints.FOLDERS.clear()
    checkpoints.FOLDERS[""] = folder
    video = encode(folder / "clip.avi", numbered(12), "MJPG")
    return {
        "clip.avi": video.read_bytes(),
        f"{BROKEN}.mp4": b"no video",
        f"mine{SUFFIX}": (folder / f"gte-tiny{SUFFIX}").read_bytes(),
        f"{BROKEN}{SUFFIX}": b"no checkpoint",
    }


def main(steps: int = 300, seed: int = 0) -> int:
    """Walk through the app at random.

    Args:
        steps: Number of steps.
        seed: Of the random numbers; jobs in the background may still end earlier or later.
    """
    set_log_level("error")
    log = Log()
    for name in ("app", "streamlit"):
        logging.getLogger(name).addHandler(log)
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        os.environ["GTE_CACHE"] = folder
        failures = Walker(make_files(Path(folder)), log).walk(steps, seed)
    for problem, trail in failures.items():
        say("\n".join([f"\n{problem}", f"Seed {seed}; {len(trail)} steps lead there:", *map(str, trail)]))
    say(f"{steps} steps, {len(failures)} kinds of failure")
    sys.stdout.flush()
    # Without waiting for the jobs that were started.
    os._exit(bool(failures))


if __name__ == "__main__":
    run_command(main, prog="python -m tests.app.walk")
