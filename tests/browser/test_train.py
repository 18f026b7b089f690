"""Train live: a short training to its end in a browser, saved and opened on another page."""

import re

from playwright.sync_api import Browser, expect

from tests.browser import harness
from tests.browser.harness import open_page, rerun
from tests.browser.shots import OVERHANG


def test_a_training_moves_the_page_and_its_checkpoint_opens_in_shift_kernels(
    browser: Browser, server: harness.Server
) -> None:
    with harness.watched_page(browser, server, theme="dark", width=1920, height=1080) as page:
        open_page(page, "/train?motions=up-down&layer=layer2.1")
        with rerun(page):
            page.get_by_role("button", name="Train", exact=True).click()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        expect(page.get_by_text("GTE, layer2.1")).to_be_visible(timeout=60_000)
        save = page.get_by_role("button", name="Save", exact=True)
        expect(save).to_be_visible(timeout=60_000)
        expect(page.locator(".finding")).to_contain_text("GTE, 256 clips, ")
        assert page.evaluate(OVERHANG) <= 0
        save.click()
        with rerun(page):
            page.get_by_role("button", name="Save as a checkpoint").click()
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Shift kernels of yours/gte-up-down").click()
        expect(page).to_have_url(re.compile(r"/kernels\?.*ckpt=yours%2Fgte-up-down"))
        expect(page.locator(".finding")).to_contain_text("layer")
