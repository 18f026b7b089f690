"""The shift-kernel explorer in Chromium: clicks, scrubber, link, what can be saved, a file dropped on the page."""

import re

import pytest
from playwright.sync_api import Page, expect

from analysis.kernels.summary import at_the_end, summarise
from gte import checkpoint
from tests.browser.harness import ROOT, WATCHES, open_page, rerun
from tests.tiny import save_tiny

SHIPPED = ROOT / "checkpoints" / "gte-tiny.safetensors"
LAYERS: list[str] = at_the_end(summarise(checkpoint.load_histories(SHIPPED)))["block"].tolist()
ROW_HEIGHT = 35
"""Of a table, in pixels; the first row is its head."""
HEAD = 22
"""Pixels above the first row of the left drawing."""


def click_row(page: Page, layer: str) -> None:
    canvas = page.locator(".shares canvas")
    box = canvas.bounding_box()
    assert box is not None
    row = (box["height"] - HEAD) / len(LAYERS)
    canvas.click(position={"x": 30, "y": HEAD + (LAYERS.index(layer) + 0.5) * row})


def test_a_click_on_a_row_opens_its_layer_everywhere_and_stays_in_the_link(page):
    open_page(page, "/kernels?view=One+layer+in+detail")
    with rerun(page):
        click_row(page, "layer2.1")
    expect(page).to_have_url(re.compile(r"layer=layer2\.1"))
    expect(page.get_by_role("combobox", name="Layer")).to_have_value("layer2.1")
    expect(page.locator(".kernels figcaption")).to_contain_text("layer2.1")
    expect(page.get_by_role("heading", name="The weights of layer2.1")).to_be_visible()


def test_a_click_on_a_bar_of_the_drift_opens_its_layer(page):
    open_page(page, "/kernels?view=Layers")
    chart = page.locator('[data-testid="stPlotlyChart"]').first
    bar = chart.locator(".barlayer .point").nth(2)
    with rerun(page):
        bar.click(force=True)
    expect(page).to_have_url(re.compile(r"layer=layer2\.0"))


def test_scrubbing_sends_nothing_until_it_is_released_and_then_the_link_has_the_step(page):
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    open_page(page, "/kernels?view=Layers")
    slider = page.get_by_role("slider", name="Snapshot of training")
    before = len(sent)
    slider.evaluate("(input) => { input.value = 3; input.dispatchEvent(new Event('input', {bubbles: true})); }")
    expect(page.locator(".bar output")).not_to_have_text("step 768")
    assert len(sent) == before
    with rerun(page):
        slider.evaluate("(input) => input.dispatchEvent(new Event('change', {bubbles: true}))")
    step = page.locator(".bar output").inner_text().removeprefix("step ")
    expect(page).to_have_url(re.compile(rf"step={step}\b"))
    link = page.url
    open_page(page, link)
    expect(page.locator(".bar output")).to_have_text(f"step {step}")


def test_an_output_clicked_among_the_rows_is_drawn_in_full_and_stays_in_the_link(page):
    open_page(page, "/kernels?view=One+layer+in+detail&layer=layer1.0")
    canvas = page.locator(".kernels canvas")
    with rerun(page):
        canvas.click(position={"x": 80, "y": HEAD + 60})
    output = re.search(r"output=(\d+)", page.url)
    assert output
    expect(page.get_by_role("heading", name=f"Output channel {output[1]} of layer1.0")).to_be_visible()
    with rerun(page):
        click_row(page, "layer3.0")
    expect(page).not_to_have_url(re.compile("output="))


def test_the_form_of_the_kernels_stays_in_the_link(page):
    open_page(page, "/kernels")
    with rerun(page):
        page.get_by_role("button", name="Triangle").click()
    expect(page).to_have_url(re.compile("form=triangle"))
    open_page(page, page.url)
    expect(page.get_by_role("button", name="Triangle")).to_have_attribute("aria-pressed", "true")
    with rerun(page):
        page.get_by_role("button", name="Rows").click()
    expect(page).not_to_have_url(re.compile("form="))
    expect(page.get_by_role("button", name="Rows")).to_have_attribute("aria-pressed", "true")


def test_the_report_is_saved_whole(page, tmp_path):
    open_page(page, "/kernels?view=Table")
    page.get_by_role("button", name="Export").click()
    with page.expect_download(timeout=60_000) as saved:
        page.get_by_role("button", name="Report (HTML)").click()
    path = tmp_path / saved.value.suggested_filename
    saved.value.save_as(path)
    assert path.name == "gte-tiny-kernels.html"
    text = path.read_text(encoding="utf-8")
    assert 'id="figure-drift"' in text
    # It opens by itself, draws, and asks nobody for anything.
    asked: list[str] = []
    other = page.context.new_page()
    other.on("request", lambda request: asked.append(request.url))
    other.goto(path.as_uri())
    expect(other.locator("#figure-drift .main-svg").first).to_be_visible()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    other.close()


@pytest.mark.parametrize("form", ["SVG", "PNG"])
def test_a_figure_is_saved_in_the_chosen_format(page, form):
    open_page(page, f"/kernels?view=Over+training&format={form}")
    chart = page.locator('[data-testid="stPlotlyChart"]').first
    chart.hover()
    with page.expect_download() as saved:
        chart.locator('[data-title^="Download plot"]').click(force=True)
    assert saved.value.suggested_filename.endswith(f".{form.lower()}")


def test_a_checkpoint_dropped_on_the_page_is_open_there(page, tmp_path):
    path = save_tiny(tmp_path / "dropped.safetensors", "gte")
    open_page(page, "/kernels")
    page.get_by_role("button", name="Open a checkpoint").click()
    with rerun(page):
        page.locator('input[type="file"]').set_input_files(path)
    expect(page.get_by_role("combobox", name="Checkpoint")).to_have_value("yours/dropped")
    expect(page.get_by_text("a link to this page does not contain it").first).to_be_attached()
    expect(page.locator(".finding")).to_contain_text("changed what 4 do")
    assert WATCHES[page].problems == []


def test_two_checkpoints_are_compared_from_a_link(page):
    open_page(page, "/kernels?view=Compare&compare=c2d-tiny")
    expect(page.get_by_text("c2d-tiny has no temporal kernels")).to_be_visible()
    expect(page.get_by_role("button", name="Compare (1)")).to_be_visible()


def test_a_row_of_the_comparison_chooses_its_layer(page):
    open_page(page, "/kernels?view=Compare&compare=gte-fir16&layer=layer1.0")
    table = page.get_by_test_id("stDataFrame").last
    table.scroll_into_view_if_needed()
    # Cells are painted; those in the document are for readers of screens.
    cell = table.locator('[role="gridcell"]', has_text="layer2.0")
    row = int((cell.get_attribute("id") or "").rpartition("-")[2])
    with rerun(page):
        table.locator(".dvn-scroller").click(position={"x": 30, "y": ROW_HEIGHT * (1.5 + row)})
    expect(page).to_have_url(re.compile(r"layer=layer2\.0"))
    expect(page.get_by_role("combobox", name="Layer")).to_have_value("layer2.0")
