"""Presenter mode in a browser, by arrow keys alone, and film strips that grow with the window."""

import re

from playwright.sync_api import Browser, Page, expect

from app.navigation import PAGES
from app.pages.results.tabs import TABS
from tests.browser import harness
from tests.browser.harness import open_page, rerun
from tests.browser.shots import OVERHANG

HIDDEN = ("stExpander", "stPopover", "stSelectbox", "stDownloadButton", "stCaptionContainer")
TABLES = ("stDataFrame", "stTable")
"""Hidden next to the figures of a first screen, and shown in tabs, some of which have nothing else."""


def test_on_a_large_screen_the_frames_use_the_width_and_arrow_keys_go_through_a_page(
    browser: Browser, server: harness.Server
) -> None:
    with harness.watched_page(browser, server, theme="dark", width=1920, height=1080) as page:
        open_page(page, "/evidence")
        strips = page.locator(".rows canvas")
        widths = [(box := strip.bounding_box()) and box["width"] for strip in strips.all()]
        room = page.locator(".stMainBlockContainer").evaluate("(main) => main.clientWidth")
        assert len(widths) == 2
        assert all(width and width > 0.85 * room for width in widths)
        expect(strips.last).to_be_in_viewport(ratio=1)
        open_page(page, "/results")
        with rerun(page):
            page.get_by_role("button", name="Present").click()
        shows_none_of(page, *HIDDEN, *TABLES)
        titles = []
        for name in TABS:
            with rerun(page):
                page.keyboard.press("ArrowRight")
            expect(page).to_have_url(re.compile(re.escape(f"view={name.replace(' ', '+')}")))
            shows_none_of(page, *HIDDEN)
            titles += page.get_by_role("heading", level=3).all_text_contents()[:1]
        assert len(set(titles)) > 2
        with rerun(page):
            page.keyboard.press("ArrowRight")
        expect(page.get_by_role("heading", level=1)).to_have_text(PAGES["architectures"].title)
        with rerun(page):
            page.keyboard.press("ArrowLeft")
        expect(page).to_have_url(re.compile("view=Real"))
        with rerun(page):
            page.keyboard.press("Escape")
        expect(page).not_to_have_url(re.compile("present"))
        expect(page.get_by_role("tab", name=next(iter(TABS)))).to_be_visible()


def shows_none_of(page: Page, *names: str) -> None:
    """Assert that the page shows no element of these kinds, and nothing beyond its side."""
    for name in names:
        assert not any(element.is_visible() for element in page.get_by_test_id(name).all()), name
    assert page.evaluate(OVERHANG) <= 0


def test_on_a_small_screen_the_strips_of_two_networks_are_in_view(browser: Browser, server: harness.Server) -> None:
    with harness.watched_page(browser, server, width=1280, height=720) as page:
        open_page(page, "/evidence")
        strips = page.locator(".rows canvas")
        expect(strips).to_have_count(2)
        expect(strips.last).to_be_in_viewport(ratio=1)
