"""One channel followed in Chromium: from a row of the barcode to its film, a tap dragged, a link into the middle."""

import re

from playwright.sync_api import Page, expect

from tests.browser.harness import open_page, rerun
from tests.browser.test_kernels import HEAD

TAPS = re.compile(r"with the taps of output channel 3 at \(0(\.0\d)?, 0\.16, 0\.1\)")


def test_a_row_of_the_barcode_opens_its_channel_and_a_dragged_tap_changes_the_answer(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_page(page, "/kernels?view=Follow+one+channel&layer=layer1.0&output=0&clip=moves+right")
    words = page.locator(".channel .words")
    expect(words).to_have_text(re.compile("^P\\(moves right\\) is 100 % with output channel 0 as trained"))
    with rerun(page):
        page.locator(".kernels canvas").click(position={"x": 80, "y": HEAD + 3.5 * 40})
    expect(words).to_contain_text("output channel 3 as trained")
    expect(page.get_by_role("spinbutton", name="Output channel")).to_have_value("3")

    slider = page.get_by_role("slider", name="Tap of the previous frame")
    expect(slider).to_be_in_viewport(ratio=1)
    expect(page.locator(".channel .film")).to_be_in_viewport(ratio=1)
    box = slider.bounding_box()
    assert box is not None
    # The thumb stands at 1.04 of ±1.5; it goes to the middle, which is zero.
    page.mouse.move(box["x"] + box["width"] * 0.83, box["y"] + box["height"] / 2)
    page.mouse.down()
    for part in (0.75, 0.6, 0.5):
        page.mouse.move(box["x"] + box["width"] * part, box["y"] + box["height"] / 2)
    expect(words).to_have_text(TAPS)
    with rerun(page):
        page.mouse.up()
    expect(page).to_have_url(re.compile(r"edit=[-.\d]+%2C0\.1632%2C0\.1015"))

    link = page.url
    open_page(page, link)
    expect(words).to_have_text(TAPS)
    with rerun(page):
        slider.press("ArrowRight")
    expect(words).to_contain_text("at (0.01, 0.16, 0.1)")
    with rerun(page):
        page.get_by_role("button", name="Silence").click()
    expect(words).to_contain_text("output channel 3 silenced")
    with rerun(page):
        page.get_by_role("button", name="As trained").click()
    expect(page).not_to_have_url(re.compile("edit="))
