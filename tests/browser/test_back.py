"""Back, forward and links in the browser: one step of its history for each visit of a page."""

import zipfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from gte.data.opencv import cv2
from gte.data.video.writing import write_video
from tests.browser.harness import open_page, rerun
from tests.videos import coded


def shown(page: Page) -> tuple[str, list[str], list[str]]:
    """The URL, what the boxes show, and the open tab."""
    boxes = page.get_by_role("combobox").evaluate_all("(boxes) => boxes.map((box) => box.value)")
    return page.url, boxes, page.get_by_role("tab", selected=True).all_inner_texts()


def go(page: Page, path: str) -> None:
    """Open another page by the navigation, which adds one step to the history."""
    before = page.evaluate("history.length")
    with rerun(page):
        page.locator(f'a[href$="{path}"]').first.click()
    assert page.evaluate("history.length") == before + 1


def choose(page: Page, box: int, option: str) -> None:
    """Choose the option that starts with the text."""
    page.get_by_role("combobox").nth(box).click()
    with rerun(page):
        page.get_by_role("option", name=option).first.click()


def open_tab(page: Page, number: int) -> None:
    with rerun(page):
        page.get_by_role("tab").nth(number).click()


def test_one_step_back_returns_to_the_page_before_with_its_clip_layer_and_tab_and_forward_as_well(page):
    open_page(page, "/kernels")
    choose(page, 1, "layer2.0")
    open_tab(page, 2)
    visits = [shown(page)]
    go(page, "/evidence")
    # Clip, class and layer.
    choose(page, 0, "moves up")
    choose(page, 4, "layer1.1")
    open_tab(page, 1)
    visits.append(shown(page))
    go(page, "/whatif")
    choose(page, 1, "turns clockwise")
    visits.append(shown(page))
    go(page, "/architectures")
    visits.append(shown(page))
    go(page, "/kernels")
    assert "layer=layer1.1" in page.url
    steps = page.evaluate("history.length")
    for visit in reversed(visits):
        with rerun(page):
            page.go_back()
        assert shown(page) == visit
    for visit in visits[1:]:
        with rerun(page):
            page.go_forward()
        assert shown(page) == visit
    assert page.evaluate("history.length") == steps


def test_one_step_back_returns_from_and_to_an_uploaded_clip(page, tmp_path: Path):
    path = tmp_path / "noise.webm"
    write_video(path, np.random.default_rng(0).integers(0, 256, (30, 48, 48, 3), dtype=np.uint8), fps=10)
    open_page(page, "/library")
    go(page, "/evidence")
    page.get_by_role("button", name="Upload").click()
    with rerun(page):
        page.locator('input[type="file"]').set_input_files(path)
    page.keyboard.press("Escape")
    with rerun(page):
        page.get_by_role("slider", name="Stretch").first.press("ArrowRight")
    before = shown(page)
    assert "stretch=2-30" in page.url
    go(page, "/kernels")
    go(page, "/whatif")
    expect(page.get_by_role("combobox").nth(1)).to_have_value("Yours: noise.webm")
    for _ in range(2):
        with rerun(page):
            page.go_back()
    assert shown(page) == before
    with rerun(page):
        page.go_back()
    assert "/library" in page.url
    with rerun(page):
        page.go_forward()
    assert shown(page) == before


def test_the_sequence_of_an_uploaded_archive_goes_with_the_reader(page, tmp_path: Path):
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for video, count in (("jump", 4), ("run", 6)):
            for number in range(count):
                packed.writestr(f"{video}/{number}.png", cv2.imencode(".png", coded(number))[1].tobytes())
    open_page(page, "/evidence")
    page.get_by_role("button", name="Upload").click()
    with rerun(page):
        page.locator('input[type="file"]').set_input_files(path)
    page.keyboard.press("Escape")
    expect(page.get_by_text("These are the 4 images of “jump”; left out: “run”.")).to_be_visible()
    page.get_by_role("combobox", name="Sequence").click()
    with rerun(page):
        page.get_by_role("option", name="run · 6 images").click()
    expect(page.get_by_text("These are the 6 images of “run”; left out: “jump”.")).to_be_visible()
    assert "sequence=run" in page.url
    go(page, "/whatif")
    expect(page.get_by_role("combobox", name="Sequence")).to_have_value("run · 6 images")
    with rerun(page):
        page.go_back()
    expect(page.get_by_role("combobox", name="Sequence")).to_have_value("run · 6 images")


def test_a_step_back_to_a_page_that_was_left_as_it_opened_shows_it_so(page):
    open_page(page, "/kernels")
    before = shown(page)
    go(page, "/evidence")
    choose(page, 4, "layer1.1")
    with rerun(page):
        page.go_back()
    assert shown(page) == before


def test_the_parameters_of_an_embedding_page_stay_in_the_url(page):
    open_page(page, "/kernels?embed=true&layer=layer2.0")
    choose(page, 1, "layer1.1")
    assert "embed=true" in page.url
    assert "layer=layer1.1" in page.url


def test_what_if_with_other_test_clips_leaves_architectures_as_they_are(page):
    open_page(page, "/whatif?test_clips=140&layer=layer2.0")
    go(page, "/architectures")
    assert page.get_by_test_id("stException").count() == 0
    assert page.get_by_test_id("stAlert").count() == 0
    with rerun(page):
        page.go_back()
    assert "test_clips=140" in page.url
