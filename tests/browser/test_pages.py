"""The pages in a real browser, on the checkpoints that ship and on a video that the test makes."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from app.navigation import PAGES
from gte.data.opencv import cv2
from gte.data.video.writing import write_video
from tests.browser.controls import alerts, choose, drawn_colours, upload
from tests.browser.harness import open_page, rerun
from tests.browser.shots import OVERHANG


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A white ball that crosses a dark picture from left to right in two seconds."""
    path = tmp_path / "a ball.webm"
    frames = np.full((24, 120, 160, 3), 40, np.uint8)
    for number, frame in enumerate(frames):
        cv2.circle(frame, (10 + 6 * number, 60), 14, (240, 240, 240), -1, cv2.LINE_AA)
    write_video(path, frames, fps=12)
    return path


def address(name: str) -> str:
    """Where a page is found: Streamlit serves the first one at / alone."""
    return "/" if name == next(iter(PAGES)) else f"/{PAGES[name].url_path}"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1280, 800])
def test_every_page_opens_without_an_error_and_fits_the_window(page, name, width):
    page.set_viewport_size({"width": width, "height": 800})
    open_page(page, address(name))
    expect(page).to_have_title(f"{PAGES[name].title} · GTE Explorer")
    expect(page.get_by_role("heading", level=1)).to_have_text(PAGES[name].heading or PAGES[name].title)
    assert alerts(page) == []
    assert page.evaluate(OVERHANG) <= 0


def test_the_navigation_leads_to_every_page(page):
    open_page(page)
    for spec in list(PAGES.values())[1:]:
        with rerun(page):
            page.get_by_role("link", name=spec.title, exact=True).first.click()
        expect(page).to_have_url(re.compile(rf"/{spec.url_path}\b"))
        expect(page.get_by_role("heading", level=1)).to_have_text(spec.heading or spec.title)


def test_a_text_file_named_as_a_video_gets_one_sentence(page, tmp_path):
    path = tmp_path / "notes.mp4"
    path.write_text("this is no video")
    open_page(page, "/evidence")
    upload(page, path)
    [sentence] = alerts(page)
    assert sentence.startswith("notes.mp4 is no video in a format that is read here")
    assert "Traceback" not in page.content()
    # The bundled clips are still there.
    choose(page, "Clip", "moves up")
    assert alerts(page) == []


def test_an_uploaded_video_gets_predictions_and_evidence(page, video):
    open_page(page, "/evidence")
    before = page.locator(".finding").inner_text()
    upload(page, video)
    assert page.locator(".finding").inner_text() != before
    [notice] = alerts(page)
    assert "a ball.webm" in notice
    assert "recognise" in notice
    strips = page.locator(".rows canvas")
    expect(strips).to_have_count(2)
    assert all(drawn_colours(strips.nth(index)) > 50 for index in range(2))
    expect(page.get_by_text("The five most probable classes of")).to_have_count(2)


def test_no_number_of_a_class_bar_is_cut_in_a_narrow_window(page):
    page.set_viewport_size({"width": 800, "height": 800})
    open_page(page, "/evidence")
    charts = page.locator(".js-plotly-plot")
    expect(charts).to_have_count(2)
    for chart in charts.all():
        room = chart.bounding_box()
        boxes = [text.bounding_box() for text in chart.locator(".bartext").all()]
        assert len(boxes) == 5
        assert room is not None
        assert all(box is not None and box["x"] + box["width"] <= room["x"] + room["width"] for box in boxes)


def test_the_library_s_table_needs_no_scrolling_sideways_in_a_narrow_window(page):
    page.set_viewport_size({"width": 800, "height": 800})
    open_page(page, "/library")
    scroller = page.locator('[data-testid="stDataFrame"] .dvn-scroller')
    assert scroller.evaluate("(element) => element.scrollWidth - element.clientWidth") <= 0
    machine = page.get_by_test_id("stTable").get_by_text("CPU cores")
    assert machine.evaluate("(element) => element.scrollWidth - element.clientWidth") <= 0


def test_the_overlay_can_be_faded_out_and_back_in_the_browser(page):
    open_page(page, "/evidence")
    strip = page.locator(".rows canvas").first
    slider = page.get_by_role("slider", name="Overlay")
    slider.fill("0")
    plain = strip.evaluate("(canvas) => canvas.toDataURL()")
    slider.fill("100")
    assert strip.evaluate("(canvas) => canvas.toDataURL()") != plain
    slider.fill("0")
    assert strip.evaluate("(canvas) => canvas.toDataURL()") == plain


def test_a_layer_is_chosen_by_name_and_stays_in_the_link(page):
    open_page(page, "/kernels")
    choose(page, "Layer", "layer2.0")
    expect(page).to_have_url(re.compile(r"layer=layer2\.0"))
    expect(page.get_by_text("layer2.0, 8 output channels")).to_be_visible()
    open_page(page, page.url)
    expect(page.get_by_text("layer2.0, 8 output channels")).to_be_visible()
