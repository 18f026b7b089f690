"""The page What if in Chromium: time changed, kernels blended, layers weighed, links, and the clip that travels."""

import re

import numpy as np
from playwright.sync_api import Page, expect

from gte.data.video.files import write_webm
from tests.browser.harness import open_page, rerun
from tests.browser.test_pages import choose, upload

WORK_MILLISECONDS = 120_000
"""Time for a network to answer labelled clips; a busy machine is slow at that."""


def finding(page: Page) -> str:
    return page.locator(".finding").inner_text()


def open_tab(page: Page) -> str:
    return page.get_by_role("tab", selected=True).inner_text()


def test_a_reversed_clip_turns_gte_to_the_twin_and_leaves_c2d_where_it_was(page):
    open_page(page, "/whatif")
    assert re.match(
        r"The clip reversed: gte-tiny turns from “approaches” .* to “recedes” .*, its twin\.", finding(page)
    )
    assert re.search(r"c2d-tiny stays at “\w+” .* which is rounding\.$", finding(page))
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_contain_text("recedes (its twin)")
    expect(page.get_by_text("c2d-tiny: every dot lies in its ring")).to_be_visible()
    choose(page, "Change", "Shuffle")
    with rerun(page):
        seed = page.get_by_role("spinbutton", name="Seed")
        seed.fill("7")
        seed.press("Enter")
    shuffled = finding(page)
    assert shuffled.startswith("The clip shuffled with seed 7: ")
    assert "which is rounding" in shuffled
    expect(page).to_have_url(re.compile(r"change=Shuffle.*seed=7"))
    open_page(page, page.url)
    assert finding(page) == shuffled


def test_the_blend_moves_answer_evidence_and_accuracy_and_stays_in_the_link(page):
    open_page(page, "/whatif?experiment=Change+the+network&setting=blend&blend=1")
    # As learned: nothing moves.
    assert "its logits do not move at all" in finding(page)
    expect(page.get_by_text("gte-tiny: every dot lies in its ring")).to_be_visible()
    counted = page.get_by_text(re.compile(r"of 56 labelled clips are right"))
    expect(counted).to_contain_text("0 lost and 0 gained", timeout=WORK_MILLISECONDS)
    with rerun(page):
        page.get_by_role("slider", name="Blend").press("Home")
    expect(page).to_have_url(re.compile(r"blend=0"))
    assert finding(page).startswith("Every layer: blend 0. gte-tiny ")
    expect(page.get_by_text(re.compile(r"rank correlation"))).to_be_visible()
    expect(counted).not_to_contain_text("0 lost", timeout=WORK_MILLISECONDS)
    told, lost = finding(page), counted.inner_text()
    open_page(page, page.url)
    assert finding(page) == told
    # What was counted is kept, so it is there at once.
    expect(counted).to_have_text(lost)


def test_a_layer_is_weighed_in_the_background_cancelled_and_weighed_again(page):
    open_page(page, "/kernels?layer=layer2.0")
    with rerun(page):
        page.get_by_role("link", name="Is layer2.0 needed?").click()
    assert open_tab(page) == "Is it needed?"
    expect(page.locator(".js-plotly-plot").first).to_contain_text("initial shift", timeout=WORK_MILLISECONDS)
    expect(page.locator(".finding")).to_contain_text("layer2.0")
    everyone = page.get_by_role("button", name="Ask the same of every layer")
    for _ in range(2):
        with rerun(page):
            everyone.click()
        expect(page.get_by_role("progressbar")).to_be_visible()
        with rerun(page):
            page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("Cancelled; no result was kept.")).to_be_visible()
    page.reload()
    expect(page.locator(".js-plotly-plot").first).to_contain_text("initial shift")
    assert open_tab(page) == "Is it needed?"


def test_a_dropped_video_and_its_stretch_are_the_subject_of_both_pages(page, tmp_path):
    path = tmp_path / "noise.webm"
    write_webm(path, np.random.default_rng(0).integers(0, 256, (30, 48, 48, 3), dtype=np.uint8), fps=10)
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
    expect(page.get_by_text("not as recognition")).to_be_visible()
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
    assert open_tab(page) == "Is it needed?"
    expect(page.get_by_role("combobox", name="Layer")).to_have_value("layer1.1")


def test_clip_layer_and_the_open_tab_are_kept_while_the_reader_looks_elsewhere(page):
    open_page(page, "/whatif?clip=moves+up")
    with rerun(page):
        page.get_by_role("tab", name="Is it needed?").click()
    expect(page.get_by_role("combobox", name="Clip", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Upload")).to_be_hidden()
    choose(page, "Layer", "layer2.0")
    for tab, name, value in (("Change time", "Clip", "moves up"), ("Is it needed?", "Layer", "layer2.0")):
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
    assert open_tab(page) == "Is it needed?"
    for path, tab in (("/kernels", "Reach"), ("/evidence", "Space-time")):
        with rerun(page):
            page.go_back()
        assert path in page.url
        expect(page.get_by_role("tab", selected=True)).to_have_text(tab)
    with rerun(page):
        page.get_by_role("link", name="What if this clip ran backwards?").click()
    assert open_tab(page) == "Change time"
