"""The page Architectures in a real browser: the block diagram, and the measurement in the background."""

import re
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from analysis.plotting import style
from app.pages.architectures.tabs import BLOCK_COLUMNS
from tests.browser import harness
from tests.browser.controls import choose, click_bar
from tests.browser.harness import open_page, rerun

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
        accent = tuple(int(style.ACCENT[at : at + 2], 16) for at in (1, 3, 5))
        assert f"rgb{accent}" in boxes
        # The cheapest comes first, GTE; a click on the second row asks for the other network.
        click_bar(page, page.locator(".js-plotly-plot").first, 1)
        expect(page).to_have_url(re.compile("diagram=C2D"))
        expect(diagram).not_to_contain_text("LTS")
        choose(page, "Network of the diagram", "TSM")
        expect(page).to_have_url(re.compile("diagram=TSM"))
        expect(diagram).to_contain_text("Temporal shift")
        page.get_by_role("button", name="Save").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=f"SVG for {theme} slides").click()
        assert re.fullmatch(rf"tsm-layer\d\.\d-{theme}\.svg", download.value.suggested_filename)
        saved = Path(download.value.path()).read_text(encoding="utf-8")
        assert "Temporal shift" in "".join(ElementTree.fromstring(saved).itertext())


def test_a_click_on_a_box_of_the_diagram_opens_its_layer_below(page: Page) -> None:
    open_page(page, f"{SMALL}&drawn=layer2.0&view=Varying+t")
    with rerun(page):
        page.get_by_role("button", name="Open conv2.temporal.shift").click()
    expect(page).to_have_url(re.compile("box=conv2.temporal.shift"))
    expect(page).to_have_url(re.compile("block=layer2.0"))
    expect(page.get_by_role("tab", name="Cost by layer")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("Layers of layer2.0")).to_be_in_viewport()


def test_the_figures_in_view_are_saved_for_a_paper(page: Page) -> None:
    open_page(page, SMALL)
    page.get_by_role("button", name="Export").click()
    page.get_by_role("button", name="Figures for a paper (ZIP)").click()
    save = page.get_by_role("button", name=re.compile(r"Save 3 figures"))
    expect(save).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        save.click()
    assert download.value.suggested_filename == "figures-architectures.zip"
    with zipfile.ZipFile(download.value.path()) as packed:
        names = packed.namelist()
    assert sum(name.endswith("-85mm.pdf") for name in names) == 3
    assert "architectures-what-does-temporal-modelling-cost-180mm.svg" in names


NOTE_WHAT_GROWS = """
window.grown = {rows: [], progress: []};
new MutationObserver(() => {
  const note = (list, value) => { if (value && list.at(-1) !== value) list.push(value); };
  note(grown.progress, document.querySelector('[data-testid="stProgress"]')?.innerText);
  if (!document.querySelector(".js-plotly-plot"))
    note(grown.rows, document.querySelector('[role="grid"]')?.getAttribute("aria-rowcount"));
}).observe(document, {childList: true, subtree: true, attributes: true, attributeFilter: ["aria-rowcount"]});
"""


def test_the_table_grows_row_by_row_while_it_is_counted_and_a_second_visit_finds_it_counted(page: Page) -> None:
    page.add_init_script(NOTE_WHAT_GROWS)
    # Settings that nothing else asks for, so that no cache knows them.
    unseen = "/architectures?depth=101&frames=2&size=64&classes=317"
    open_page(page, unseen)
    grown = page.evaluate("window.grown")
    assert "Counting C2D, 1 of 5" in grown["progress"]
    assert "Counting GTE, 5 of 5" in grown["progress"]
    # A grid counts its header as well.
    heights = [int(rows) for rows in grown["rows"]]
    assert len(heights) >= 3
    assert heights == sorted(set(heights))
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
    open_page(page, unseen)
    assert "Counting GTE, 5 of 5" not in page.evaluate("window.grown.progress")


def where_chart(page: Page) -> Locator:
    """The chart of the tab Cost by layer, below the bars of the first screen."""
    return page.locator(".js-plotly-plot").nth(1)


def test_a_click_on_a_bar_opens_its_stage_and_then_its_block_as_the_boxes_above_it_do(page: Page) -> None:
    # As high as the page: a list closes when what it hangs on is scrolled to.
    page.set_viewport_size({"width": 1280, "height": 2400})
    open_page(page, f"{SMALL}&view=Cost+by+layer")
    stage, block = (page.get_by_role("combobox", name=name, exact=True) for name in ("Stage", "Block"))
    expect(stage).to_have_value("All stages")
    # The stem has no temporal part: the first such bar is that of layer1.
    click_bar(page, where_chart(page), 2)
    expect(stage).to_have_value("layer3")
    expect(page).to_have_url(re.compile("stage=layer3"))
    expect(where_chart(page)).to_contain_text("layer3.1")
    expect(page.get_by_text("Layers of layer3.0")).to_be_visible()
    click_bar(page, where_chart(page), 1)
    expect(block).to_have_value("layer3.1")
    expect(page).to_have_url(re.compile("block=layer3.1"))
    expect(page.get_by_text("Layers of layer3.1")).to_be_visible()
    choose(page, "Stage", "layer2")
    expect(page.get_by_text("Layers of layer2.1")).to_be_visible()
    choose(page, "Block", "layer2.0")
    link = page.url
    open_page(page, link)
    expect(stage).to_have_value("layer2")
    expect(block).to_have_value("layer2.0")
    choose(page, "Stage", "All stages")
    expect(where_chart(page)).to_contain_text("layer4")
    layers = page.get_by_test_id("stDataFrame").last
    costs = column(layers, "MACs")
    # As texts "8.19 k" would stand behind "262.14 k".
    assert sorted(costs) != costs
    for number, order in enumerate(("↑", "↓")):
        sort_by(page, layers, "MACs")
        expect(layers.locator('[role="columnheader"]', has_text=f"{order} MACs")).to_have_count(1)
        assert column(layers, "MACs") == sorted(costs, reverse=number == 1)


def column(table: Locator, heading: str) -> list[float]:
    """The numbers of a column, as readers of screens get them."""
    rows = table.locator('[role="row"]').evaluate_all(
        "(rows) => rows.slice(1).map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    place = headings(table).index(heading)
    return [float(row[place]) for row in rows]


def sort_by(page: Page, table: Locator, heading: str) -> None:
    """Click on a column's heading, which is painted and no element of the page."""
    table.scroll_into_view_if_needed()
    box = table.locator("canvas").first.bounding_box()
    assert box is not None
    # The grid stretches the widths of the columns alike.
    widths = {name: float(BLOCK_COLUMNS[name].get("width") or 0) for name in headings(table)}
    names = list(widths)
    middle = sum(widths[name] for name in names[: names.index(heading)]) + widths[heading] / 2
    page.mouse.click(box["x"] + box["width"] * middle / sum(widths.values()), box["y"] + box["height"] / 20)


def headings(table: Locator) -> list[str]:
    """The names of the columns; the one by which the table is sorted has an arrow before its own."""
    names = [text.lstrip("↑↓ ") for text in table.locator('[role="columnheader"]').all_text_contents()]
    return ["Parameters" if name == "Params" else name for name in names]


def test_a_measurement_shows_how_far_it_is_can_be_cancelled_and_gives_a_table(
    page: Page, browser: Browser, server: harness.Server
) -> None:
    # So many rounds that it would take minutes if nobody cancelled it.
    open_page(page, f"{SMALL}&rounds=51&batch=16&size=128&threads=1")
    with rerun(page):
        page.get_by_role("tab", name="Speed on this machine").click()
    page.get_by_role("button", name="Measure speed").click()
    expect(page.get_by_text(re.compile(r"(C2D|GTE), (warming up|round \d+ of 51)"))).to_be_visible(timeout=60_000)
    with harness.watched_page(browser, server) as visit:
        # It looks now and then whether the other job is over, and so is never idle.
        visit.goto(f"{SMALL}&rounds=1&view=Speed+on+this+machine")
        waiting = visit.get_by_text("An earlier job is running on this server: this one may have to wait.")
        expect(waiting).to_be_visible(timeout=60_000)
        expect(visit.get_by_role("button", name="Measure speed")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(waiting).to_have_count(0)
    expect(page.get_by_text("Cancelled; no result was kept.")).to_be_visible()
    open_page(page, f"{SMALL}&rounds=1&threads=1&view=Speed+on+this+machine")
    page.get_by_role("button", name="Measure speed").click()
    expect(page.get_by_text("C2D takes")).to_be_visible(timeout=120_000)
    expect(page.get_by_text(re.compile("1 round in which all networks take turns"))).to_be_visible()


def test_the_chart_of_accuracy_has_gte_for_every_data_set_of_the_paper(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 3600})
    open_page(page, f"{SMALL}&view=Paper+check")
    chart = page.locator(".js-plotly-plot").last
    expect(chart).to_contain_text("GTE, 16f, 1x1")
    # The page opens on the first data set.
    expect(page.get_by_role("radio", name="Something-Something V1")).to_be_checked()
    for dataset in ("Something-Something V2", "Diving48"):
        with rerun(page):
            page.get_by_role("radio", name=dataset).click()
        expect(page.get_by_text(f"Reported accuracy against cost, {dataset}")).to_be_visible()
        expect(chart).to_contain_text("GTE, 16f, 1x1")
        expect(page).to_have_url(re.compile(re.escape(dataset.replace(" ", "+"))))
