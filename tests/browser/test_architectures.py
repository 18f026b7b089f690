"""The page Architectures in a real browser: the block diagram, and the measurement in the background."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from analysis import palette
from tests.browser import harness
from tests.browser.harness import open_page, rerun
from tests.browser.test_pages import choose

SMALL = "/architectures?depth=26&frames=2&size=32&classes=10&compared=C2D&compared=GTE"

INK = {"light": "rgb(15, 18, 22)", "dark": "rgb(232, 236, 240)"}
"""The text colours of the themes."""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_diagram_takes_the_colours_of_the_theme_and_is_saved_for_slides(
    browser: Browser, server: harness.Server, theme: harness.Theme
) -> None:
    with harness.watched_page(browser, server, theme=theme, height=2000) as page:
        # As high as the page: a list closes when what it hangs on is scrolled to.
        open_page(page, SMALL)
        diagram = page.locator("svg[role=img]")
        expect(diagram).to_be_visible()
        expect(diagram).to_have_attribute("aria-label", re.compile("LTS 3×1×1 over other frames"))
        boxes = diagram.locator("rect").evaluate_all("(all) => all.map((one) => getComputedStyle(one).stroke)")
        assert INK[theme] in boxes
        accent = tuple(int(palette.ACCENT[at : at + 2], 16) for at in (1, 3, 5))
        assert f"rgb{accent}" in boxes
        choose(page, "Network of the diagram", "TSM")
        expect(page).to_have_url(re.compile("diagram=TSM"))
        expect(diagram).to_contain_text("Temporal shift")
        page.get_by_role("button", name="Save").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=f"SVG for {theme} slides").click()
        assert re.fullmatch(rf"tsm-layer\d\.\d-{theme}\.svg", download.value.suggested_filename)
        saved = Path(download.value.path()).read_text(encoding="utf-8")
        assert "Temporal shift" in "".join(ElementTree.fromstring(saved).itertext())


def test_a_measurement_shows_how_far_it_is_can_be_cancelled_and_gives_a_table(page: Page) -> None:
    # So many rounds that it would take minutes if nobody cancelled it.
    open_page(page, f"{SMALL}&rounds=51&batch=16&size=128")
    with rerun(page):
        page.get_by_role("tab", name="Measured").click()
    page.get_by_role("button", name="Time them on this machine").click()
    expect(page.get_by_text(re.compile(r"(C2D|GTE), (warming up|round \d+ of 51)"))).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled; nothing was kept of it.")).to_be_visible()
    open_page(page, f"{SMALL}&rounds=1&view=Measured")
    page.get_by_role("button", name="Time them on this machine").click()
    expect(page.get_by_text("C2D takes")).to_be_visible(timeout=120_000)
    expect(page.get_by_text(re.compile("1 round in which all networks take turns"))).to_be_visible()
