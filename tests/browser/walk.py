"""Random visitors of the real app in Chromium, several at once: `python -m tests.browser.walk --seconds 180`."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random

from playwright.sync_api import Browser, FilePayload, Locator, Page
from playwright.sync_api import Error as PlaywrightError

from gte.checkpoint_header import SUFFIX
from gte.cli import run_command, say
from tests.app.walk import BROKEN, SKIPPED
from tests.browser import harness

PATIENCE_MILLISECONDS = 2000
"""Time for an element to take a click; a page that is just being drawn again takes it away."""

BREATHS_MILLISECONDS = (50, 1000)
"""Shortest and longest time from one visitor's step to the next one's."""

TRAIL = 25
"""Steps that are printed of a failure."""

IMPATIENCE = 0.3
"""How often a visitor does something although the page is still being drawn."""

FILES: Sequence[FilePayload] = [
    {"name": f"{BROKEN}.mp4", "mimeType": "video/mp4", "buffer": b"no video"},
    {"name": f"{BROKEN}{SUFFIX}", "mimeType": "application/octet-stream", "buffer": b"no checkpoint"},
]


def click(page: Page, place: Locator, random: Random) -> None:
    """Click in the middle."""
    place.click(timeout=PATIENCE_MILLISECONDS)


def click_anywhere(page: Page, place: Locator, random: Random) -> None:
    """Click at a random point, as in a chart or on a canvas."""
    place.scroll_into_view_if_needed(timeout=PATIENCE_MILLISECONDS)
    if box := place.bounding_box(timeout=PATIENCE_MILLISECONDS):
        page.mouse.click(box["x"] + box["width"] * random.random(), box["y"] + box["height"] * random.random())


def choose(page: Page, place: Locator, random: Random) -> None:
    """Open a list and choose one of its entries in sight."""
    place.click(timeout=PATIENCE_MILLISECONDS)
    options = page.get_by_role("option")
    options.first.wait_for(timeout=PATIENCE_MILLISECONDS)
    random.choice(options.all()).click(timeout=PATIENCE_MILLISECONDS)


def fill(page: Page, place: Locator, random: Random) -> None:
    """Type a small number."""
    place.fill(str(random.randint(1, 9)), timeout=PATIENCE_MILLISECONDS)
    place.press("Enter", timeout=PATIENCE_MILLISECONDS)


def slide(page: Page, place: Locator, random: Random) -> None:
    """Move a slider by its keys."""
    for _ in range(random.randint(1, 4)):
        place.press(random.choice(("ArrowLeft", "ArrowRight", "Home", "End")), timeout=PATIENCE_MILLISECONDS)


def upload(page: Page, place: Locator, random: Random) -> None:
    """Upload a file that the app refuses."""
    place.set_input_files(random.choice(FILES), timeout=PATIENCE_MILLISECONDS)


MAIN = '[data-testid="stMain"]'

PLACES: Mapping[str, tuple[float, str, Callable[[Page, Locator, Random], None]]] = {
    "page": (2, '[data-testid="stTopNavLink"]:visible', click),
    "link": (1, '[data-testid="stPageLink"] a:visible', click),
    "tab": (3, '[role="tab"]:visible', click),
    "button": (4, f"{MAIN} button:visible:enabled", click),
    "expander": (1, f"{MAIN} summary:visible", click),
    "switch": (1, '[data-testid="stCheckbox"] label:visible', click),
    "list": (5, f"{MAIN} [role=combobox]:visible", choose),
    "number": (2, '[data-testid="stNumberInput"] input:visible', fill),
    "slider": (2, f"{MAIN} :is([role=slider], input[type=range]):visible", slide),
    "drawing": (2, f"{MAIN} :is(canvas, .js-plotly-plot):visible", click_anywhere),
    "upload": (0.5, 'input[type="file"]', upload),
}
"""What a visitor can act on: how often, where it is, and what is done with it."""

HISTORY: Mapping[str, tuple[float, Callable[[Page], object]]] = {
    "back": (2, lambda page: page.go_back(wait_until="commit")),
    "forward": (0.5, lambda page: page.go_forward(wait_until="commit")),
    "reload": (0.5, lambda page: page.reload(wait_until="commit")),
}


@dataclass
class Visitor:
    """One window, and what was done in it."""

    page: Page
    random: Random
    trail: list[str] = field(default_factory=list)
    num_steps: int = 0

    def act(self) -> None:
        """Do one thing; nothing where the page is being drawn, mostly, or has nothing of the kind."""
        weights = {name: entry[0] for table in (PLACES, HISTORY) for name, entry in table.items()}
        action = self.random.choices(list(weights), list(weights.values()))[0]
        try:
            if self.page.evaluate("!window.listWhatIsBusy") or not self.page.url.startswith("http"):
                # Back from the first page leads out of the app.
                self.page.goto("/", wait_until="commit")
            if self.page.evaluate("window.listWhatIsBusy().length") and self.random.random() > IMPATIENCE:
                return
            done = self._go(action) if action in HISTORY else self._touch(action)
        except PlaywrightError:
            # A page that is drawn again takes the element away before it is touched, another page all of them.
            return
        if done:
            self.num_steps += 1
            self.trail.append(f"{action} {done}")

    def _go(self, action: str) -> str:
        HISTORY[action][1](self.page)
        return self.page.url.removeprefix(harness.WATCHES[self.page].host)

    def _touch(self, action: str) -> str:
        _, selector, do = PLACES[action]
        places = self.page.locator(selector).all()
        if not places:
            return ""
        number = self.random.randrange(len(places))
        name = str(places[number].evaluate(NAME, timeout=PATIENCE_MILLISECONDS))
        if name in SKIPPED:
            return ""
        do(self.page, places[number], self.random)
        return f"{number} {name}"

    def problems(self) -> list[str]:
        """What has gone wrong since the last question."""
        watch = harness.WATCHES[self.page]
        try:
            errors = self.page.locator('[data-testid="stAlertContentError"]').all_inner_texts()
        except PlaywrightError:
            errors = []  # of a page that is just leaving
        problems = [*watch.problems, *(error for error in errors if BROKEN not in error)]
        watch.problems.clear()
        return problems


NAME = "element => (element.innerText || element.ariaLabel || element.className || '').toString().slice(0, 60)"
"""What an element is called, in the browser."""


def walk(browser: Browser, seconds: float, seed: int, visitors: int = 4) -> tuple[int, list[str]]:
    """Let visitors of one server act in turn; return the number of steps and what failed, with the steps before it."""
    failures: dict[str, str] = {}
    with harness.serve() as server, ExitStack() as stack:
        people = [
            Visitor(stack.enter_context(harness.watched_page(browser, server)), Random(f"{seed} {number}"))
            for number in range(visitors)
        ]
        for visitor in people:
            visitor.page.goto("/", wait_until="commit")
        pauses, deadline = Random(seed), time.monotonic() + seconds
        while time.monotonic() < deadline:
            for visitor in people:
                visitor.act()
                visitor.page.wait_for_timeout(pauses.randint(*BREATHS_MILLISECONDS) / visitors)
                if problems := visitor.problems():
                    text = "\n".join(problems)
                    failures.setdefault(text, "\n".join([text, "after:", *visitor.trail[-TRAIL:]]))
                    visitor.trail.clear()
                    visitor.page.goto("/", wait_until="commit")
        if "Traceback" in server.printed():
            failures.setdefault("the server", f"The server printed:\n{server.printed()[-6000:]}")
    return sum(visitor.num_steps for visitor in people), list(failures.values())


def main(seconds: float = 60, seed: int = 0, visitors: int = 4) -> None:
    """Walk through the app at random in several windows at once.

    Args:
        seconds: How long.
        seed: Of the random numbers; what the visitors meet depends on the machine's speed as well.
        visitors: Windows that are open at the same time.
    """
    with harness.chromium() as browser:
        num_steps, failures = walk(browser, seconds, seed, visitors)
    say("\n\n".join([*failures, f"{num_steps} steps in {seconds:g} s, {len(failures)} kinds of failure"]))
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    run_command(main, prog="python -m tests.browser.walk")
