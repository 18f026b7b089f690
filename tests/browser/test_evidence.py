"""The page Evidence in a browser: a slow method, the player, export, and a link that restores all settings."""

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from analysis.attribution.sanity_checks.checks import CHECKS
from tests.browser import harness
from tests.browser.controls import click_row
from tests.browser.harness import open_page, rerun

PLAY = """
async ([content, type]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const video = document.createElement("video");
  video.muted = true;
  video.src = URL.createObjectURL(new Blob([bytes], { type }));
  document.body.append(video);
  const ended = new Promise((done, fail) => {
    video.onended = done;
    video.onerror = () => fail(new Error(video.error.message));
  });
  await video.play();
  const ready = video.readyState;
  await ended;
  const frames = video.getVideoPlaybackQuality().totalVideoFrames;
  video.remove();
  return { ready, frames, seconds: video.duration, width: video.videoWidth, height: video.videoHeight };
}
"""
HAVE_CURRENT_DATA = 2
NOTE_WHAT_IS_WRITTEN = """
window.written = new Set();
const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
  window.written.add(text);
  return write.call(this, text, ...place);
};
"""


@pytest.mark.parametrize(
    ("label", "suffix", "media_type"),
    [("Video for slides (MP4)", "mp4", "video/mp4"), ("Video for the web (WebM)", "webm", "video/webm")],
)
def test_the_exported_video_plays_in_the_browser_with_every_frame(
    page: Page, label: str, suffix: str, media_type: str
) -> None:
    open_page(page, "/evidence")
    if page.evaluate("type => document.createElement('video').canPlayType(type)", media_type) == "":
        pytest.skip(f"this Chromium was built without {media_type}")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=label).click()
    assert download.value.suggested_filename == f"evidence-gte-tiny.{suffix}"
    content = Path(download.value.path()).read_bytes()
    played = page.evaluate(PLAY, [base64.b64encode(content).decode(), media_type])
    assert played["ready"] >= HAVE_CURRENT_DATA
    assert played["frames"] == 8
    # As long as the clip: 24 frames at 12 a second.
    assert played["seconds"] == pytest.approx(2, abs=0.05)
    assert played["width"] >= 224
    assert played["height"] > played["width"]


def test_a_slow_method_is_chosen_followed_and_kept_in_the_link(page: Page) -> None:
    open_page(page, "/evidence")
    page.get_by_role("combobox", name="Method").click()
    page.get_by_role("option", name="Temporal occlusion (slow)").click()
    finding = page.locator(".finding")
    expect(finding).to_contain_text("By Temporal occlusion: ", timeout=1000 * harness.IDLE_SECONDS)
    harness.wait_until_idle(page)
    expect(page).to_have_url(re.compile("method=occlusion"))
    # The result is kept: another visit has it at once.
    open_page(page, page.url)
    expect(finding).to_contain_text("By Temporal occlusion: ")


def test_the_player_runs_stops_and_is_stepped_by_keyboard(page: Page) -> None:
    open_page(page, "/evidence")
    shown = page.locator(".player figcaption span")
    expect(page.locator(".player")).to_be_hidden()
    page.get_by_role("button", name="Play").click()
    expect(shown.first).to_have_text(re.compile(r"^frame [2-8] · clip frame "))
    page.get_by_role("button", name="Pause").click()
    stopped = shown.first.inner_text()
    page.wait_for_timeout(600)
    expect(shown).to_have_text([stopped, stopped])
    strip = page.locator(".rows canvas").first
    for _ in range(8):
        strip.press("ArrowLeft")
    expect(shown.first).to_have_text("frame 1 · clip frame 2")
    strip.press("ArrowRight")
    expect(shown.first).to_have_text("frame 2 · clip frame 5")
    page.get_by_role("button", name="Close player").click()
    expect(page.locator(".player")).to_be_hidden()


@pytest.mark.parametrize(("width", "written"), [(1280, "2 · clip frame 5"), (800, "2 · #5")])
def test_a_frame_has_its_numbers_above_it_as_long_as_they_fit_and_in_full_when_pointed_at(
    page: Page, width: int, written: str
) -> None:
    page.add_init_script(NOTE_WHAT_IS_WRITTEN)
    page.set_viewport_size({"width": width, "height": 800})
    open_page(page, "/evidence")
    strip = page.locator(".rows canvas").first
    expect(strip).to_have_attribute("aria-label", re.compile("From frame 1 · clip frame 2 to frame 8 · clip frame 23"))
    numbers = page.evaluate("[...window.written].filter((text) => text.startsWith('2 · '))")
    # Frames are drawn once more when what is above them is there.
    assert numbers[-1] == written
    strip.hover(position={"x": 5, "y": 40})
    expect(strip).to_have_attribute("title", "1 · clip frame 2")


def test_a_frame_enlarges_in_view_by_click_and_by_keyboard(page: Page) -> None:
    open_page(page, "/evidence?view=Methods")
    strips = page.locator(".rows canvas")
    # Results of slow methods that another visit asked for are shown as well.
    expect(strips.nth(9)).to_be_attached()
    last = strips.last
    last.scroll_into_view_if_needed()
    last.click(position={"x": 20, "y": 60})
    enlarged = page.locator(".player").last
    expect(enlarged).to_be_in_viewport()
    expect(enlarged.locator("figcaption span").first).to_have_text("frame 1")
    last.press("Escape")
    expect(enlarged).to_be_hidden()
    last.press("Enter")
    expect(enlarged).to_be_in_viewport()


def test_a_bar_of_a_class_and_its_button_ask_for_the_evidence_for_that_class(page: Page) -> None:
    open_page(page, "/evidence")
    with rerun(page):
        page.get_by_role("button", name="speeds up").click()
    expect(page).to_have_url(re.compile("class=speeds"))
    expect(page.locator(".finding")).to_contain_text("For “speeds up”")
    with rerun(page):
        page.locator(".js-plotly-plot").last.locator(".bars .point path").first.click(force=True)
    expect(page).to_have_url(re.compile("class=moves"))
    # The last of five classes has a probability of almost nothing.
    chart = page.locator(".js-plotly-plot").filter(has_text="probability").first
    last = chart.locator(".yaxislayer-above text").last.text_content()
    assert last
    click_row(page, chart, 4)
    expect(page.locator(".finding")).to_contain_text(f"For “{last}”")


def test_a_first_visitor_sees_four_chips_with_a_verdict_and_a_chip_opens_its_figure(page: Page) -> None:
    open_page(page, "/evidence")
    chips = page.locator(".st-key-checks").get_by_role("button")
    verdict = r": (passed|not passed|cannot tell)$"
    expect(chips).to_have_text([re.compile(re.escape(check.chip) + verdict) for check in CHECKS.values()])
    expect(chips.first).to_be_in_viewport()
    for check in CHECKS.values():
        with rerun(page):
            chips.filter(has_text=check.chip).click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text(check.title, exact=True).first).to_be_visible()
        expect(dialog.locator(".js-plotly-plot .main-svg").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


def test_all_tests_of_another_layer_run_are_seen_to_run_and_are_cancelled(page: Page) -> None:
    open_page(page, "/evidence?layer=layer2.0")
    checks = page.locator(".st-key-checks")
    not_run = checks.get_by_role("button").filter(has_text=": not run")
    run, cancel = (checks.get_by_role("button", name=name) for name in ("Run all tests", "Cancel"))
    expect(not_run).to_have_count(4)
    first_place = run.bounding_box()
    run.click()
    # The chips of what runs and waits are drawn again every second: the page is never idle meanwhile.
    states = checks.get_by_role("button")
    expect(states.filter(has_text=re.compile(": running, [0-9]+%$"))).to_have_count(1, timeout=30_000)
    expect(states.filter(has_text=re.compile(": waiting$"))).to_have_count(3)
    place = cancel.bounding_box()
    assert first_place
    assert place
    assert place["x"] == first_place["x"], "A button that moves while chips change their widths is missed by a click."
    cancel.click()
    expect(not_run).to_have_count(4)
    expect(run).to_be_visible()
    # Nothing goes on in the background: a new visit finds nothing that runs.
    open_page(page, page.url)
    expect(not_run).to_have_count(4)


def test_the_figure_of_a_test_that_was_not_run_offers_to_run_it_alone(page: Page) -> None:
    open_page(page, "/evidence?layer=layer2.1")
    checks = page.locator(".st-key-checks")
    not_run = checks.get_by_role("button").filter(has_text=": not run")
    expect(not_run).to_have_count(4)
    with rerun(page):
        not_run.filter(has_text="Moving object").click()
    page.get_by_role("dialog").get_by_role("button", name="Run this test").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    running = checks.get_by_role("button").filter(has_text=re.compile("Moving object: (running|waiting)"))
    expect(running).to_have_count(1)
    expect(not_run).to_have_count(3)
    checks.get_by_role("button", name="Cancel").click()
    expect(not_run).to_have_count(4)


def test_a_link_restores_everything_that_was_chosen(page: Page) -> None:
    open_page(
        page,
        "/evidence?clip=turns+clockwise&class=moves+up&against=recedes&layer=layer2.1&method=layercam&stretch=3-18"
        "&reverse=true&networks=c2d-tiny&scale=separate&view=Space-time&slice=maximum",
    )
    expect(page.locator(".finding")).to_contain_text("For “moves up” rather than “recedes”, by LayerCAM: ")
    expect(page.locator(".finding")).to_contain_text("True class: “turns counter-clockwise”.")
    expect(page.get_by_role("combobox", name="Layer")).to_have_value("layer2.1 · 8×14×14")
    expect(page.get_by_text("Frames 3–18 of 24")).to_be_visible()
    expect(page.locator(".rows figcaption b")).to_have_text(["c2d-tiny"])
    expect(page.get_by_text("maximum (each network)")).to_be_visible()
    expect(page.get_by_role("tab", name="Space-time")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("radio", name="maximum")).to_be_checked()
    before = page.url
    with rerun(page):
        page.get_by_role("tab", name="Methods").click()
    expect(page.locator(".rows figcaption b")).to_have_count(1 + 4)
    for part in ("class=moves", "against=recedes", "layer=layer2.1", "method=layercam", "stretch=3-18", "reverse=true"):
        assert part in before
        assert part in page.url
