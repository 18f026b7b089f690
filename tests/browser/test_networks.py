"""Networks beyond those that ship: kernels of any of them, a reader's own files, the whole table of costs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Locator, Page, expect

from analysis.complexity import figures
from app.pages.architectures import page as architectures
from gte.models import MODELS
from tests.browser import harness
from tests.browser.controls import alerts, choose, drawn_colours, layer_in_words
from tests.browser.harness import open_page, rerun
from tests.browser.shots import OVERHANG
from tests.moved import save_moved
from tests.published import Gst, randomised
from tests.tiny import save_tiny

APP = """
import sys
from pathlib import Path

sys.path.insert(0, {root!r})

from app import checkpoints

checkpoints.FOLDERS = {{"": Path({folder!r}) / "checkpoints", "runs/": Path({folder!r}) / "runs"}}
exec(compile(Path({script!r}).read_text(), {script!r}, "exec"), {{"__name__": "__main__", "__file__": {script!r}}})
"""

ELSEWHERE = {"dataset": "", "classes": tuple(f"class {index}" for index in range(400)), "twins": (-1,) * 400}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app of its own, whose checkpoints are those that the tests need."""
    folder = tmp_path_factory.mktemp("networks")
    checkpoints = folder / "checkpoints"
    save_moved(checkpoints / "i3d-ours.safetensors", "i3d", known=True)
    save_moved(checkpoints / "i3d-elsewhere.safetensors", "i3d", known=False, **ELSEWHERE)
    save_moved(checkpoints / "slowfast.safetensors", "slowfast_4x16", known=False, **ELSEWHERE)
    save_moved(folder / "runs" / "mine" / "i3d-mine.safetensors", "i3d", known=True)
    (folder / ".streamlit").symlink_to(harness.ROOT / ".streamlit")
    script = str(harness.ROOT / "streamlit_app.py")
    (folder / "app.py").write_text(APP.format(root=str(harness.ROOT), folder=str(folder), script=script))
    return folder


@pytest.fixture(scope="module")
def own_server(browser: Browser, folder: Path) -> Iterator[harness.Server]:
    with harness.serve(folder / "app.py") as server:
        yield server


@pytest.fixture(params=[("light", 1280), ("dark", 800)], ids=["light-1280", "dark-800"])
def in_each_theme(browser: Browser, own_server: harness.Server, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page of that app, wide and light, narrow and dark, for what a test looks at."""
    theme, width = request.param
    with harness.watched_page(browser, own_server, theme=theme, width=width) as page:
        yield page
        assert page.evaluate(OVERHANG) <= 0


@pytest.fixture
def networks(browser: Browser, own_server: harness.Server) -> Iterator[Page]:
    """A fresh page of that app in a narrow window, for what is the same in every window and has least room there."""
    with harness.watched_page(browser, own_server, theme="dark", width=800) as page:
        yield page
        assert page.evaluate(OVERHANG) <= 0


@pytest.fixture
def visit(browser: Browser, own_server: harness.Server) -> Iterator[Page]:
    """A fresh page of that app, for where its links lead, which no theme and no width changes."""
    with harness.watched_page(browser, own_server) as page:
        yield page


def give(page: Page, path: Path) -> None:
    """Open a file on the library page as a reader does."""
    page.get_by_role("button", name="Open a checkpoint").click()
    with rerun(page):
        page.locator('input[type="file"]').set_input_files(path)
    harness.wait_until_idle(page)
    # The popover has closed by itself: it would hide what is told.
    expect(page.locator('input[type="file"]')).to_have_count(0)


def test_kernels_with_a_known_start_are_compared_with_it(networks):
    open_page(networks, "/kernels?ckpt=i3d-ours")
    expect(networks.locator(".finding")).to_contain_text("changed what")
    expect(networks.get_by_text("Outline: before training")).to_be_visible()
    with rerun(networks):
        networks.get_by_role("slider", name="Snapshot of training").press("Home")
    expect(networks.get_by_text("step 0", exact=True)).to_be_visible()
    assert layer_in_words(networks).endswith("drift 0")


def test_kernels_with_an_unknown_start_have_no_ghost_no_drift_and_no_scrubber(in_each_theme):
    open_page(in_each_theme, "/kernels?ckpt=i3d-elsewhere")
    expect(in_each_theme.locator(".finding")).to_contain_text("The weights before training are unknown")
    expect(in_each_theme.get_by_role("slider", name="Snapshot of training")).to_be_hidden()
    expect(in_each_theme.get_by_role("button", name="Play")).to_be_hidden()
    expect(in_each_theme.get_by_text("Outline: before training")).to_have_count(0)
    assert "before training" not in in_each_theme.locator(".js-plotly-plot").first.inner_text()
    assert "drift" not in layer_in_words(in_each_theme)
    assert drawn_colours(in_each_theme.locator(".kernels canvas")) > 5
    with rerun(in_each_theme):
        in_each_theme.get_by_role("tab", name="Over training").click()
    assert [text for text in alerts(in_each_theme) if "no snapshots of its training" in text]


def test_kernels_of_five_taps_are_drawn_and_read_out_by_keyboard(networks):
    open_page(networks, "/kernels?ckpt=slowfast&layer=fast.conv1")
    expect(networks.get_by_text("fast.conv1, 2 output channels")).to_be_visible()
    kernels = networks.locator(".kernels canvas")
    kernels.press("ArrowDown")
    readout = networks.locator(".readout")
    expect(readout).to_have_text(
        re.compile(r"^Output channel 0: looks ahead; t−2 \S+, t−1 \S+, t \S+, t\+1 \S+, t\+2 \S+$")
    )
    choose(networks, "Layer", "slow.layer4.1")
    expect(networks.get_by_text("slow.layer4.1, 128 output channels")).to_be_visible()


def test_a_file_of_this_project_is_opened_and_its_kernels_and_evidence_are_seen(networks, tmp_path):
    path = save_tiny(tmp_path / "my run.safetensors", "gte")
    open_page(networks, "/library")
    give(networks, path)
    [message] = [text for text in alerts(networks) if "is open as yours/my-run" in text]
    assert "a link to this page does not contain it" in message
    with networks.expect_download() as download:
        networks.get_by_role("button", name="Download", exact=True).click()
    assert download.value.suggested_filename == "my-run.safetensors"
    assert Path(download.value.path()).read_bytes() == path.read_bytes()
    with rerun(networks):
        networks.get_by_role("link", name="See its kernels over time").click()
    expect(networks.get_by_role("heading", level=1)).to_have_text("Shift kernels")
    expect(networks.get_by_role("combobox", name="Checkpoint")).to_have_value("yours/my-run")
    expect(networks.locator(".finding")).to_contain_text("changed what")
    with rerun(networks):
        networks.get_by_role("link", name="Evidence", exact=True).click()
    expect(networks.locator(".rows canvas").first).to_be_visible()


def test_a_file_from_elsewhere_is_converted_and_can_be_taken_along(networks, tmp_path):
    path = tmp_path / "gst.pth.tar"
    torch.save({"state_dict": randomised(Gst(alpha=4)).state_dict()}, path)
    open_page(networks, "/library")
    give(networks, path)
    assert [text for text in alerts(networks) if "gst.pth.tar was recognised as GST's repository" in text]
    with networks.expect_download() as download:
        networks.get_by_role("button", name="Download", exact=True).click()
    assert download.value.suggested_filename == "gst.safetensors"
    with rerun(networks):
        networks.get_by_role("link", name="See its kernels over time").click()
    expect(networks.locator(".finding")).to_contain_text("The weights before training are unknown")
    expect(networks.get_by_text("each tap is the sum over its rows and columns")).to_be_visible()


def test_a_file_of_another_type_gets_one_sentence_in_place_of_the_last(networks, tmp_path):
    path = tmp_path / "wrong.txt"
    path.write_text("hello")
    open_page(networks, "/library")
    give(networks, save_tiny(tmp_path / "first.safetensors", "gte"))
    give(networks, path)
    [message] = alerts_about(networks, "is not a checkpoint", "is open as")
    assert message.startswith("wrong.txt is not a checkpoint; choose a file that ends in .safetensors,")


def test_what_is_told_of_an_upload_goes_with_the_page(networks, tmp_path):
    open_page(networks, "/kernels")
    give(networks, save_tiny(tmp_path / "mine.safetensors", "gte"))
    assert len(alerts_about(networks, "is open as")) == 1
    go(networks, "What if")
    go(networks, "Shift kernels")
    assert alerts_about(networks, "is open as") == []
    expect(checkpoint_of(networks)).to_have_value("yours/mine")


def alerts_about(page: Page, *words: str) -> list[str]:
    return [text for text in alerts(page) if any(word in text for word in words)]


def go(page: Page, link: str) -> None:
    """Follow a link of the page or of the navigation."""
    with rerun(page):
        page.get_by_role("link", name=link, exact=True).first.click()


def checkpoint_of(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Checkpoint")


def on_top(page: Page) -> Locator:
    """The name above the first film strip."""
    return page.locator(".rows figcaption b").first


RUN = "runs/mine/i3d-mine"


@pytest.mark.parametrize("how", ["opened by a link", "picked"])
def test_links_of_the_library_lead_to_the_checkpoint_that_it_shows(visit, how):
    open_page(visit, f"/library?ckpt={RUN}" if how == "opened by a link" else "/library")
    if how == "picked":
        choose(visit, "Checkpoint", RUN)
    go(visit, "See its evidence")
    expect(on_top(visit)).to_have_text(RUN)
    expect(visit).to_have_url(re.compile(rf"/evidence\?(.*&)?ckpt={RUN.replace('/', '(/|%2F)')}\b"))
    go(visit, "Library")
    expect(checkpoint_of(visit)).to_have_value(RUN)
    go(visit, "See its kernels over time")
    expect(checkpoint_of(visit)).to_have_value(RUN)
    expect(visit).to_have_url(re.compile(r"/kernels\?(.*&)?ckpt="))
    # What the address says is what a reload and another reader see.
    open_page(visit, visit.url)
    expect(checkpoint_of(visit)).to_have_value(RUN)


def test_links_of_the_library_lead_to_an_upload(visit, tmp_path):
    open_page(visit, "/library")
    give(visit, save_tiny(tmp_path / "mine.safetensors", "gte"))
    go(visit, "See its evidence")
    expect(on_top(visit)).to_have_text("yours/mine")
    go(visit, "Library")
    go(visit, "See its kernels over time")
    expect(checkpoint_of(visit)).to_have_value("yours/mine")


def test_checkpoint_and_layer_travel_by_the_navigation_and_a_step_back_finds_them(visit):
    open_page(visit, "/kernels?ckpt=i3d-ours")
    choose(visit, "Checkpoint", RUN)
    choose(visit, "Layer", "layer2.1")
    go(visit, "Evidence")
    expect(on_top(visit)).to_have_text(RUN)
    expect(visit.get_by_role("combobox", name="Layer")).to_have_value(re.compile(r"^layer2\.1 · "))
    go(visit, "Architectures")
    go(visit, "Shift kernels")
    expect(checkpoint_of(visit)).to_have_value(RUN)
    expect(visit.get_by_role("combobox", name="Layer")).to_have_value("layer2.1")
    expect(visit.get_by_text("layer2.1, 32 output channels")).to_be_visible()
    with rerun(visit):
        visit.go_back()
    go(visit, "Shift kernels")
    expect(checkpoint_of(visit)).to_have_value(RUN)
    assert alerts(visit) == []


def test_a_layer_that_a_page_does_not_have_comes_back_on_the_page_that_has_it(visit):
    open_page(visit, "/kernels?ckpt=slowfast&layer=fast.conv1")
    go(visit, "Evidence")
    expect(on_top(visit)).to_have_text("slowfast")
    expect(visit.get_by_role("combobox", name="Layer")).not_to_have_value(re.compile(r"^fast\.conv1\b"))
    assert alerts_about(visit, "not here") == []
    go(visit, "Shift kernels")
    expect(visit.get_by_role("combobox", name="Layer")).to_have_value("fast.conv1")


def test_the_layer_that_a_page_opens_on_is_no_choice_and_stays_there(visit):
    open_page(visit, "/evidence?ckpt=i3d-ours")
    go(visit, "Shift kernels")
    # The layer that moved most, whatever the page before opened on.
    expect(visit.get_by_role("combobox", name="Layer")).to_have_value("layer1.0")


def test_a_link_wins_over_what_the_visit_remembers(visit):
    open_page(visit, f"/library?ckpt={RUN}")
    go(visit, "See its evidence")
    go(visit, "Library")
    choose(visit, "Checkpoint", "slowfast")
    go(visit, "See its evidence")
    expect(on_top(visit)).to_have_text("slowfast")
    go(visit, "Shift kernels")
    expect(checkpoint_of(visit)).to_have_value("slowfast")


def test_a_link_to_a_checkpoint_that_is_not_here_is_told_on_the_evidence_page(visit):
    open_page(visit, "/evidence?ckpt=nowhere")
    [message] = alerts_about(visit, "not here")
    assert message == "The link asks for the checkpoint “nowhere”, which is not here."


def test_whoever_takes_the_subject_away_goes_on_with_the_next(visit):
    open_page(visit, "/evidence?ckpt=i3d-elsewhere&networks=i3d-elsewhere&networks=slowfast")
    expect(on_top(visit)).to_have_text("i3d-elsewhere")
    visit.get_by_role("button", name="Networks").click()
    with rerun(visit):
        visit.get_by_role("button", name="i3d-elsewhere", exact=True).click()
    visit.keyboard.press("Escape")
    expect(on_top(visit)).to_have_text("slowfast")
    go(visit, "Library")
    expect(checkpoint_of(visit)).to_have_value("slowfast")


def test_a_broken_file_gets_one_sentence_and_nothing_is_lost(networks, tmp_path):
    path = tmp_path / "broken.pth"
    path.write_bytes(b"PK\x03\x04 this was a checkpoint once")
    open_page(networks, "/library")
    chosen = networks.get_by_role("combobox", name="Checkpoint")
    before = chosen.input_value()
    give(networks, path)
    [message] = [text for text in alerts(networks) if "broken.pth" in text]
    assert "\n" not in message
    expect(chosen).to_have_value(before)


def test_another_visitor_does_not_see_an_upload(browser, own_server, tmp_path):
    path = save_tiny(tmp_path / "mine.safetensors", "c2d")
    with (
        harness.watched_page(browser, own_server) as page,
        harness.watched_page(browser, own_server) as other,
    ):
        open_page(page, "/library")
        give(page, path)
        expect(page.get_by_role("combobox", name="Checkpoint")).to_have_value("yours/mine")
        open_page(other, "/library?ckpt=yours/mine")
        expect(other.get_by_role("combobox", name="Checkpoint")).not_to_have_value("yours/mine")
        assert any("yours/mine" in text and "not here" in text for text in alerts(other))


def test_evidence_of_a_network_from_elsewhere_makes_no_claim_about_the_clip(in_each_theme):
    open_page(in_each_theme, "/evidence?ckpt=i3d-elsewhere")
    assert "True class:" not in in_each_theme.locator(".finding").inner_text()
    assert any("was not trained on MotionPairs" in text for text in alerts(in_each_theme))
    expect(in_each_theme.locator(".rows canvas")).to_have_count(2)  # SlowFast has the same classes
    assert drawn_colours(in_each_theme.locator(".rows canvas").first) > 50


def test_relatives_are_chosen_beside_the_compared_networks_and_stay_in_the_link(networks):
    open_page(networks, "/architectures?depth=26&frames=2&size=32&classes=10&compared=GTE&compared=C2D")
    networks.get_by_role("button", name="Networks").click()
    for name in ("I3D", "C3D, original"):
        with rerun(networks):
            networks.get_by_role("button", name=name, exact=True).click()
    networks.keyboard.press("Escape")
    expect(networks).to_have_url(re.compile("relatives=I3D"))
    expect(networks.locator(".js-plotly-plot").first).to_contain_text("C3D, original *")
    expect(networks.get_by_text("is counted at its native one")).to_be_visible()
    networks.get_by_text("What these networks are").click()
    expect(networks.get_by_text("Carreira and Zisserman")).to_be_visible()
    open_page(networks, networks.url)
    expect(networks.locator(".js-plotly-plot").first).to_contain_text("I3D")


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_of_the_costs_is_cut_out_of_line_or_to_be_scrolled_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    open_page(page, "/architectures?depth=26&frames=2&size=32&classes=10&compared=GTE&compared=C2D")
    tops = {
        label: page.get_by_test_id("stWidgetLabel").get_by_text(label, exact=True).bounding_box()
        for label in ("Depth", "Frames", "Share t", "Unit")
    }
    assert len({box and round(box["y"]) for box in tops.values()}) == 1
    table = page.locator('[data-testid="stDataFrame"]').first
    scroller = table.locator(".dvn-scroller")
    assert scroller.evaluate("(element) => element.scrollWidth - element.clientWidth") <= 0
    names = [f"{config.label} {figures.NOTE_MARK if 'SlowFast' in config.label else ''}" for config in MODELS.values()]
    widths = table.locator("canvas").first.evaluate(
        "(canvas, names) => names.map((name) => canvas.getContext('2d').measureText(name.trim()).width)", names
    )
    padding = 2 * 8
    assert max(widths) + padding <= architectures.column_widths("MACs")["Network"]["width"]
    chart = page.locator('[data-testid="stPlotlyChart"]').first.bounding_box()
    title = page.locator(".js-plotly-plot .xtitle").first.bounding_box()
    assert chart is not None
    assert title is not None
    assert chart["x"] + 8 <= title["x"]
    assert title["x"] + title["width"] <= chart["x"] + chart["width"] - 8
