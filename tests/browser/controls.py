"""What a reader does on a page and sees there, in a browser."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.harness import rerun


def upload(page: Page, path: Path) -> None:
    """Give a file to the evidence page as a reader does."""
    page.get_by_role("button", name="Upload").click()
    with rerun(page):
        page.locator('input[type="file"]').set_input_files(path)
    page.keyboard.press("Escape")


def alerts(page: Page) -> list[str]:
    return [text.strip() for text in page.get_by_test_id("stAlert").all_inner_texts()]


def drawn_colours(canvas: Locator) -> int:
    """How many different colours a canvas shows; one that nobody drew on shows one."""
    return canvas.evaluate(
        """(canvas) => {
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          return new Set(new Uint32Array(pixels.buffer)).size;
        }"""
    )


def layer_in_words(page: Page) -> str:
    """What the kernels page reads out of a layer next to the chosen one."""
    page.locator(".shares canvas").press("ArrowDown")
    readout = page.locator(".readout")
    expect(readout).to_have_text(re.compile(r"^Layer \d+ of \d+, "))
    return readout.inner_text()


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).click()
    with rerun(page):
        page.get_by_role("option", name=option, exact=True).click()


def click_bar(page: Page, chart: Locator, row: int) -> None:
    """Click on the first bar of a row of a chart, on which plotly lays a rectangle that takes the clicks."""
    _click(page, chart.locator(".trace.bars").first.locator(".point").nth(row), 0.5)


def click_row(page: Page, chart: Locator, row: int) -> None:
    """Click far to the right in a row of a chart whose whole rows react, where a short bar does not reach."""
    _click(page, chart.locator(".trace.bars").last.locator(".point").nth(row), 0.8)


def _click(page: Page, bar: Locator, place: float) -> None:
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    with rerun(page):
        page.mouse.click(box["x"] + place * box["width"], box["y"] + box["height"] / 2)
