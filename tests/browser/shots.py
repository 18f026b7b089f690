"""A picture of every page of the app, in both themes and two widths, to look at: `python -m tests.browser.shots`."""

import itertools
import sys
from pathlib import Path
from typing import Annotated, get_args

import tyro
from playwright.sync_api import Page
from streamlit.logger import set_log_level

from gte.cli import run_command, say
from tests.browser import harness

WIDTHS = (1280, 800)
"""A laptop's, and the same laptop at a browser zoom of 150 %, which is what a projector shows."""

HEIGHT = 800
"""What is seen before scrolling."""

MAX_HEIGHT = 6000
"""Where a picture of a whole page ends at the latest."""

SETTLE_MILLISECONDS = 700
"""Time for what moves or is drawn on a canvas to come to rest; nothing in the page tells when it has."""


def main(pages: Annotated[tuple[str, ...], tyro.conf.Positional] = (), /, out: Path = harness.ROOT / "shots") -> None:
    """Save two pictures a page, theme and width: the first screen, and the whole length (-full).

    Args:
        pages: Names of pages; all of them by default.
        out: The folder for the pictures.
    """
    addresses = addresses_by_page()
    if unknown := set(pages) - set(addresses):
        raise ValueError(f"The pages are {', '.join(addresses)}; got {', '.join(sorted(unknown))}.")
    failures = []
    with harness.chromium() as browser, harness.serve() as server:
        for name, theme, width in itertools.product(pages or addresses, get_args(harness.Theme), WIDTHS):
            try:
                with harness.watched_page(browser, server, theme=theme, width=width, height=HEIGHT) as page:
                    harness.open_page(page, addresses[name])
                    shoot(page, out / f"{name}-{theme}-{width}.png")
            except AssertionError as error:
                notes = getattr(error, "__notes__", [])
                failures.append("\n".join([f"{name}, {theme}, {width} px: {error}", *notes]))
    for failure in failures:
        say(failure)
    if failures:
        sys.exit(1)


def addresses_by_page() -> dict[str, str]:
    """Where each page is found; Streamlit serves the first one at / alone."""
    # Streamlit warns whoever reads the table outside of a running app.
    set_log_level("ERROR")
    from app.navigation import PAGES

    first = next(iter(PAGES))
    return {name: "/" if name == first else f"/{page.url_path}" for name, page in PAGES.items()}


def shoot(page: Page, path: Path) -> None:
    """Save the two pictures of an open page. Raises AssertionError if something hangs out of its side."""
    save(page, path)
    width = page.evaluate("window.innerWidth")
    # The page scrolls inside a frame of the window's height, so the window grows and not the picture.
    for _ in range(2):
        page.set_viewport_size({"width": width, "height": content_height(page)})
        harness.wait_until_idle(page)
    save(page, path.with_stem(f"{path.stem}-full"))
    if (overhang := page.evaluate(OVERHANG)) > 0:
        raise AssertionError(f"The page is {overhang} px wider than the window.")


def content_height(page: Page) -> int:
    height = page.evaluate("""document.querySelector('[data-testid="stMain"]').scrollHeight""")
    return min(max(height, HEIGHT), MAX_HEIGHT)


OVERHANG = """
(() => {
  const main = document.querySelector('[data-testid="stMain"]');
  return Math.max(main.scrollWidth - main.clientWidth, document.documentElement.scrollWidth - window.innerWidth);
})()
"""


def save(page: Page, path: Path) -> None:
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    page.screenshot(path=path)
    say(str(path))


if __name__ == "__main__":
    run_command(main, prog="python -m tests.browser.shots")
