"""The lessons in a browser: from first to last step by the arrow keys, and by a link into the middle."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from app.lessons import available
from tests.browser.harness import Server, Theme, open_page, rerun, wait_until_idle, watched_page

SCREENS: list[tuple[Theme, int, int]] = [("light", 1280, 720), ("dark", 1920, 1080)]


def caption(page: Page, number: int, count: int) -> None:
    expect(page.get_by_text(re.compile(rf"· step {number} of {count}$"))).to_be_visible()


@pytest.mark.parametrize(("place", "name"), [*enumerate(available.lessons())])
def test_a_lesson_is_opened_in_its_middle_and_walked_from_its_first_step_to_its_last(
    browser: Browser, server: Server, place: int, name: str
) -> None:
    lesson = available.lessons()[name]
    count = len(lesson.steps)
    theme, width, height = SCREENS[place % len(SCREENS)]
    with watched_page(browser, server, theme=theme, width=width, height=height) as page:
        # By lesson and number alone; the rest of the address is put there by the app.
        open_page(page, f"/?lesson={name}&at={count // 2}")
        caption(page, count // 2, count)
        open_page(page, f"/?lesson={name}&at=1")
        for number, step in enumerate(lesson.steps, start=1):
            caption(page, number, count)
            finding = page.locator(".finding")
            if step.question:
                expect(finding).to_have_count(0)
                with rerun(page):
                    page.get_by_role("button", name=step.right or step.choices[0], exact=True).click()
            if step.page != "start":
                box = finding.first.bounding_box()
                assert box is not None
                assert box["y"] + box["height"] <= height
            expect(page.get_by_text("which is not here")).to_have_count(0)
            if number < count:
                with rerun(page):
                    page.keyboard.press("ArrowRight")
        with rerun(page):
            page.get_by_role("button", name="Leave").click()
        expect(page.get_by_text(f"{lesson.title} · step")).to_have_count(0)
        assert "lesson=" not in page.url


def test_quick_presses_turn_one_or_two_steps_and_a_slider_keeps_its_arrow_keys(page: Page) -> None:
    open_page(page, "/?lesson=2-convolution&at=1")
    caption(page, 1, 7)
    slider = page.get_by_role("slider").first
    slider.press("ArrowRight")
    # Longer than a turn of the step would take to begin.
    page.wait_for_timeout(500)
    wait_until_idle(page)
    caption(page, 1, 7)
    slider.blur()
    for label, numbers in (("Next", "[23]"), ("Back", "[12]")):
        with rerun(page):
            page.get_by_role("button", name=label).dblclick()
        # Presses that arrive before the first is drawn may be taken as one.
        expect(page.get_by_text(re.compile(rf"· step {numbers} of 7$"))).to_be_visible()
    expect(page.get_by_text("which is not here")).to_have_count(0)
