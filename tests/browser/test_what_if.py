"""The page What if in Chromium: changed time, blended kernels, layer ablation, links, and the clip of the visit."""

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from gte.data.video.writing import write_video
from tests.browser.controls import choose, click_bar, click_row, upload
from tests.browser.harness import open_page, rerun

WORK_MILLISECONDS = 120_000
"""Time for a network on test clips on a busy machine."""


def finding(page: Page) -> str:
    return page.locator(".finding").inner_text()


def open_tab(page: Page) -> str:
    return page.get_by_role("tab", selected=True).inner_text()


def test_a_reversed_clip_changes_the_answer_of_gte_to_the_reversed_class_and_not_that_of_c2d(page):
    open_page(page, "/whatif")
    assert re.match(
        r"The clip reversed: gte-tiny changes from “approaches” .* to “recedes” .*, its reversed class\.", finding(page)
    )
    assert re.search(r"c2d-tiny stays at “\w+” .* output is unchanged", finding(page))
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_contain_text("recedes (reversed)")
    expect(page.get_by_text("c2d-tiny: nothing changes")).to_be_visible()
    choose(page, "Change", "Shuffle")
    with rerun(page):
        seed = page.get_by_role("spinbutton", name="Seed")
        seed.fill("7")
        seed.press("Enter")
    shuffled = finding(page)
    assert shuffled.startswith("The clip shuffled with seed 7: ")
    assert "output is unchanged" in shuffled
    expect(page).to_have_url(re.compile(r"change=Shuffle.*seed=7"))
    open_page(page, page.url)
    assert finding(page) == shuffled


def test_the_blend_moves_answer_evidence_and_accuracy_and_stays_in_the_link(page):
    open_page(page, "/whatif?experiment=Change+the+network&setting=blend&blend=1")
    # As trained: nothing changes.
    assert "its output is unchanged." in finding(page)
    expect(page.get_by_text("gte-tiny: nothing changes")).to_be_visible()
    counted = page.get_by_text(re.compile(r"the accuracy .* of 56 clips"))
    expect(counted).to_contain_text("the accuracy stays at", timeout=WORK_MILLISECONDS)
    with rerun(page):
        page.get_by_role("slider", name="Blend").press("Home")
    expect(page).to_have_url(re.compile(r"blend=0"))
    assert finding(page).startswith("Every layer: blend 0. gte-tiny ")
    expect(page.get_by_text(re.compile(r"rank correlation"))).to_be_visible()
    expect(counted).to_contain_text("the accuracy falls from", timeout=WORK_MILLISECONDS)
    sentence, accuracy = finding(page), counted.inner_text()
    open_page(page, page.url)
    assert finding(page) == sentence
    # The result is kept, so it is there at once.
    expect(counted).to_have_text(accuracy)


def test_the_layers_of_a_shipped_network_have_their_verdicts_at_once(page):
    open_page(page, "/kernels?layer=layer2.0")
    with rerun(page):
        page.get_by_role("link", name="Does layer2.0 matter?").click()
    assert open_tab(page) == "Which layers matter?"
    expect(page.locator(".finding")).to_contain_text("layer2.0: ")
    expect(page.get_by_text("The trained network is right on 27")).to_be_visible()
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_contain_text("untrained shift")
    expect(chart).to_contain_text("all layers")
    expect(page.get_by_role("button", name="Test all layers")).to_be_hidden()
    with rerun(page):
        chart.locator(".scatterlayer .point").first.click(force=True)
    expect(page).to_have_url(re.compile("layer=layer1.0"))


def test_settings_are_tested_in_the_background_cancelled_and_tested_again(page):
    open_page(page, "/whatif?experiment=Change+the+network&setting=zeroed")
    expect(page.get_by_text(re.compile(r"the accuracy .* of 56 clips"))).to_be_visible(timeout=WORK_MILLISECONDS)
    run_all = page.get_by_role("button", name="Run all settings on 56 test clips")
    for _ in range(2):
        with rerun(page):
            run_all.click()
        expect(page.get_by_role("progressbar").first).to_be_visible()
        with rerun(page):
            page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("Cancelled; no result was kept.")).to_be_visible()
    with rerun(page):
        run_all.click()
    bars = page.locator(".js-plotly-plot").filter(has_text="top-1 accuracy").first
    expect(bars).to_contain_text("mixing removed", timeout=WORK_MILLISECONDS)
    # The bar below that of the trained network.
    click_bar(page, bars, 1)
    expect(page.get_by_text(re.compile(r"untrained shift: 2\d of 56 answers changed"))).to_be_visible()
    expect(page).to_have_url(re.compile("changed_by_setting=untrained"))


@pytest.mark.parametrize("experiment", ["Change time", "Change the network"])
def test_a_click_anywhere_in_the_row_of_a_class_asks_for_its_evidence_before_and_after_the_change(page, experiment):
    open_page(page, f"/whatif?experiment={experiment.replace(' ', '+')}")
    chart = page.locator(".js-plotly-plot").filter(has_text="probability").first
    # The last row has the class with the lowest probabilities.
    click_row(page, chart, -1)
    expect(page).to_have_url(re.compile("explained="))
    [name] = parse_qs(urlsplit(page.url).query)["explained"]
    expect(page.get_by_role("combobox", name="Evidence for")).to_have_value(name)
    expect(page.get_by_text(f"Grad-CAM in layer3.1 for “{name}”").first).to_be_visible()
    expect(page.locator(".rows canvas").first).to_be_visible()


def test_a_dropped_video_and_its_stretch_are_the_subject_of_both_pages(page, tmp_path):
    path = tmp_path / "noise.webm"
    write_video(path, np.random.default_rng(0).integers(0, 256, (30, 48, 48, 3), dtype=np.uint8), fps=10)
    open_page(page, "/evidence")
    upload(page, path)
    clip = page.get_by_role("combobox", name="Clip", exact=True)
    expect(clip).to_have_value("Yours: noise.webm")
    first = page.get_by_role("slider", name="Stretch").first
    with rerun(page):
        first.press("ArrowRight")
    expect(page).to_have_url(re.compile("stretch=2-30"))
    with rerun(page):
        page.get_by_role("link", name="What if this clip ran backwards?").click()
    assert open_tab(page) == "Change time"
    expect(clip).to_have_value("Yours: noise.webm")
    assert "The clip reversed" in finding(page)
    expect(first).to_have_value("2")
    expect(page.get_by_text("recognises")).to_be_visible()
    with rerun(page):
        page.get_by_role("link", name="Evidence", exact=True).first.click()
    expect(clip).to_have_value("Yours: noise.webm")


def test_the_navigation_opens_it_on_the_change_of_time_whatever_layer_was_looked_at(page):
    open_page(page, "/kernels")
    choose(page, "Layer", "layer2.0")
    with rerun(page):
        page.get_by_role("link", name="What if", exact=True).first.click()
    assert open_tab(page) == "Change time"
    open_page(page, "/whatif?layer=layer1.1")
    assert open_tab(page) == "Which layers matter?"
    expect(page.get_by_role("combobox", name="Layer")).to_have_value("layer1.1")


def test_clip_layer_and_the_open_tab_are_kept_while_the_reader_looks_elsewhere(page):
    open_page(page, "/whatif?clip=moves+up")
    with rerun(page):
        page.get_by_role("tab", name="Which layers matter?").click()
    expect(page.get_by_role("combobox", name="Clip", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Upload")).to_be_hidden()
    choose(page, "Layer", "layer2.0")
    for tab, name, value in (("Change time", "Clip", "moves up"), ("Which layers matter?", "Layer", "layer2.0")):
        with rerun(page):
            page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("combobox", name=name, exact=True)).to_have_value(value)
    visits = (("Evidence", "Space-time"), ("Shift kernels", "Reach"), ("What if", None))
    for link, tab in visits:
        with rerun(page):
            page.get_by_role("link", name=link, exact=True).first.click()
        if tab:
            with rerun(page):
                page.get_by_role("tab", name=tab).click()
    assert open_tab(page) == "Which layers matter?"
    for path, tab in (("/kernels", "Reach"), ("/evidence", "Space-time")):
        with rerun(page):
            page.go_back()
        assert path in page.url
        expect(page.get_by_role("tab", selected=True)).to_have_text(tab)
    with rerun(page):
        page.get_by_role("link", name="What if this clip ran backwards?").click()
    assert open_tab(page) == "Change time"
