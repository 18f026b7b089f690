"""The start page and the three components, by hand: what they draw, that they ask no server, and the keyboard."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import harness

AHEAD = "Each output frame shows the next frame: everything happens one frame earlier."

CELLS = """
(canvas) => {
  // The same layout as in shift_toy_draw.js, in CSS pixels; only a strip above the dashed line is compared.
  const ratio = window.devicePixelRatio;
  const cell = Math.min(112, Math.floor((canvas.parentElement.clientWidth - 46 - 6 * 8) / 8));
  const read = (t, top) => {
    const area = [46 + t * (cell + 6) + 4, top + 6, cell - 8, Math.floor(cell / 4)].map((v) => Math.round(v * ratio));
    return [...canvas.getContext("2d").getImageData(...area).data];
  };
  const rows = [24, 22 + cell + 40 + 2];
  return rows.map((top) => Array.from({ length: 8 }, (_, t) => read(t, top)));
}
"""

COMPONENTS = f"""
import sys

sys.path.insert(0, {str(harness.ROOT)!r})

import numpy as np
import streamlit as st

from app.components.film_strip import StripRow, film_strip
from app.components.kernel_barcode import LayerShares, kernel_barcode

st.set_page_config(layout="wide")
kernels = np.linspace([[0, 0, 1], [1, 0, 0]], [[0, 1, 0.5], [-0.5, 0, 0.5]], 5)[:, :, None]
shares = LayerShares(layers=["layer1.0", "layer1.1"], shares=np.full((2, 5, 4), 1 / 4), selected="layer1.0")
choice = kernel_barcode(kernels, [0, 10, 20, 50, 100], title="layer1.0, 2 outputs", shares=shares, key="kernels")
st.text(f"snapshot {{choice.snapshot}}, layer {{choice.layer}}")
frames = np.full((8, 56, 56, 3), 60, dtype=np.uint8)
evidence = np.zeros((8, 7, 7))
evidence[3] = 1
evidence[4] = 0.5
note = "“<b>moves right</b>” 92 %."
rows = [StripRow(label=name, note=note, frames=frames, evidence=evidence) for name in ("gte", "c2d")]
film_strip(rows, key="strip")
"""


@pytest.fixture(scope="module")
def components(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    folder = tmp_path_factory.mktemp("components")
    shutil.copytree(harness.ROOT / ".streamlit", folder / ".streamlit")
    script = folder / "components.py"
    script.write_text(COMPONENTS)
    with harness.serve(script) as server:
        yield server


@pytest.fixture
def parts(browser: Browser, components: harness.Server) -> Iterator[Page]:
    """A page with a barcode and a film strip of known content."""
    with harness.watched_page(browser, components) as page:
        harness.open_page(page)
        expect(page.locator(".rows canvas")).to_have_count(2)
        yield page


def open_start(page: Page) -> None:
    """Open the start page where the toy is its scene, at rest, as for a reader who wants no motion."""
    page.emulate_media(reduced_motion="reduce")
    harness.open_page(page, "/?scene=4")
    expect(page.locator(".toy .words")).not_to_be_empty()


def cells(page: Page) -> np.ndarray:
    """Pixels of the toy's frames: (in and out, frames, values)."""
    return np.array(page.locator(".toy .film canvas").evaluate(CELLS), dtype=int)


def num_runs(page: Page) -> int:
    """How often the script has run to its end."""
    return harness.WATCHES[page].finished_runs


def drag(slider: Locator, value: float) -> None:
    """Move a slider without releasing it."""
    slider.evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


def picture(canvas: Locator) -> str:
    return canvas.evaluate("canvas => canvas.toDataURL()")


def bottom(page: Page, selector: str) -> float:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def test_the_toy_opens_looking_ahead_and_says_so_and_each_preset_shows_what_it_says(page: Page) -> None:
    open_start(page)
    expect(page.locator(".toy .words")).to_have_text(AHEAD)
    before, after = cells(page)
    assert abs(after[:7] - before[1:]).max() <= 1
    assert not after[7].reshape(-1, 4)[:, :3].any()
    page.get_by_role("button", name="looks back").click()
    before, after = cells(page)
    assert abs(after[1:] - before[:7]).max() <= 1
    page.get_by_role("button", name="now").click()
    before, after = cells(page)
    assert abs(after - before).max() <= 1
    page.get_by_role("button", name="averages").click()
    before, after = cells(page)
    assert abs(after[1:7] - (before[:6] + 2 * before[1:7] + before[2:]) / 4)[..., :].max() <= 3


SENTENCES = {
    (0, 0.5, 0.5, 1): "Each output frame mixes its own and the next frame: movement leaves a trail.",
    (0.25, 0.5, 0.25, 4): "Each output frame mixes frames from 4 back to 4 ahead: movement leaves a trail.",
    (1, 0, 1, 1): "Each output frame mixes the previous and the next frame: together they are brighter than white.",
    (-1, 0.5, 0, 1): "Each output frame weighs one moment against another: what changes stands out.",
    (0, 0, 0, 1): "All three weights are zero: nothing passes, the output is black.",
}


def test_the_toy_says_what_the_weights_do_and_applied_three_times_reads_three_frames_ahead(page: Page) -> None:
    open_start(page)
    drag(page.get_by_role("slider", name="How many times"), 3)
    before, after = cells(page)
    assert abs(after[:5] - before[3:]).max() <= 1
    expect(page.locator(".toy .words")).to_contain_text("the frame 3 steps ahead")
    for numbers, sentence in SENTENCES.items():
        for name, number in zip(("a1", "a2", "a3", "How many times"), numbers, strict=True):
            drag(page.get_by_role("slider", name=name), number)
        expect(page.locator(".toy .words")).to_have_text(sentence)


def test_the_toy_rests_for_readers_who_want_no_motion_and_its_sliders_never_ask_the_server(page: Page) -> None:
    open_start(page)
    before = picture(page.locator(".toy .film canvas"))
    page.wait_for_timeout(1200)
    assert picture(page.locator(".toy .film canvas")) == before
    expect(page.locator(".toy").get_by_role("button", name="Play")).to_be_visible()
    runs = num_runs(page)
    for value in (-1, -0.5, 0.5, 1):
        drag(page.get_by_role("slider", name="a1"), value)
    page.get_by_role("button", name="subtracts").click()
    page.wait_for_timeout(300)
    assert num_runs(page) == runs
    expect(page.locator(".toy .words")).to_contain_text("only what changes is left")


def test_the_toy_is_reachable_by_keyboard(page: Page) -> None:
    open_start(page)
    slider = page.get_by_role("slider", name="a2")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert float(slider.input_value()) == pytest.approx(0.05)
    expect(page.locator(".toy .words")).not_to_have_text(AHEAD)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.ariaLabel").startswith("a3")


def test_the_toy_moves_by_itself_until_it_is_paused(page: Page) -> None:
    harness.open_page(page, "/?scene=4")
    film = page.locator(".toy .film canvas")
    before = picture(film)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    deadline = time.monotonic() + 20
    while picture(film) == before:
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    page.get_by_role("button", name="Pause").click()
    before = picture(film)
    page.wait_for_timeout(1200)
    assert picture(film) == before


def test_what_the_reader_set_in_the_toy_survives_a_rerun(page: Page) -> None:
    open_start(page)
    page.locator(".toy").get_by_role("button", name="averages").click()
    said = page.locator(".toy .words").inner_text()
    with harness.rerun(page):
        page.get_by_role("button", name="Open your own network").click()
    expect(page.locator(".toy .words")).to_have_text(said)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 800)])
def test_nothing_of_the_start_page_is_cut_off(
    browser: Browser, server: harness.Server, theme: harness.Theme, width: int
) -> None:
    with harness.watched_page(browser, server, theme=theme, width=width) as page:
        open_start(page)
        assert page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= width
        for canvas in page.locator("canvas").all():
            inside, outside = canvas.bounding_box(), canvas.locator("xpath=..").bounding_box()
            assert inside is not None
            assert outside is not None
            assert inside["width"] <= outside["width"] + 1
        for part in (".toy .film", ".toy .controls"):
            assert bottom(page, part) <= (720 if width == 1280 else 1000)


def test_arrow_keys_lead_through_the_story_and_each_scene_is_in_the_first_screen(
    browser: Browser, server: harness.Server
) -> None:
    with harness.watched_page(browser, server, height=720) as page:
        harness.open_page(page)
        expect(page.get_by_role("button", name="Open your own network")).to_be_in_viewport()
        films = page.locator(".films")
        assert films.get_by_role("button", name="not shown").count() == 7
        assert (
            films.get_by_role("button", name="Play").count() == films.get_by_role("button", name="Pause").count() == 0
        )
        with harness.rerun(page):
            page.get_by_role("button", name="moves up").click()
        expect(page.get_by_text("All four fit this frame")).to_be_in_viewport(ratio=1)
        for number, figure in enumerate([".films", ".bars", ".toy .controls", ".barcode", ".bars"], start=2):
            with harness.rerun(page):
                page.keyboard.press("ArrowRight")
            expect(page).to_have_url(re.compile(f"scene={number}"))
            expect(page.get_by_text(f"step {number} of 6")).to_be_in_viewport(ratio=1)
            assert bottom(page, figure) <= 720
            if number == 2:
                film = films.locator(".players canvas")
                before = picture(film)
                page.wait_for_function(
                    "([film, before]) => film.toDataURL() !== before", arg=[film.element_handle(), before]
                )
        with harness.rerun(page):
            page.keyboard.press("ArrowLeft")
        expect(page).to_have_url(re.compile("scene=5"))


def test_a_link_leads_into_the_middle_of_the_story_and_an_own_network_from_there_to_its_kernels(
    browser: Browser, server: harness.Server, tmp_path: Path
) -> None:
    with harness.watched_page(browser, server, theme="dark", width=1920, height=1080) as page:
        harness.open_page(page, "/?scene=3")
        expect(page.get_by_text("step 3 of 6")).to_be_in_viewport(ratio=1)
        expect(page.locator(".films figcaption").nth(1)).to_contain_text("backwards: frame")
        expect(page.locator(".bars")).to_contain_text("its reversed class")
        assert bottom(page, ".bars") <= 1080
        page.get_by_role("button", name="Open your own network").click()
        expect(page.get_by_text("A .safetensors file of this project")).to_be_visible()
        notes = tmp_path / "notes.txt"
        notes.write_text("this is no checkpoint")
        with harness.rerun(page):
            page.locator("input[type=file]").set_input_files(notes)
        expect(page.get_by_role("alert")).to_contain_text("notes.txt is not a checkpoint")
        page.locator("input[type=file]").set_input_files(harness.ROOT / "checkpoints" / "gte-tiny.safetensors")
        expect(page.get_by_role("heading", name="Shift kernels", level=1)).to_be_visible()
        expect(page.get_by_text("gte-tiny.safetensors is open as yours/gte-tiny")).to_be_visible()


def test_a_card_leads_on_without_a_new_session(page: Page) -> None:
    open_start(page)
    page.evaluate("window.same = true")
    with harness.rerun(page):
        page.locator(".st-key-cards").get_by_role("link", name="Library").click()
    assert urlsplit(page.url).path == "/library"
    assert page.evaluate("window.same")
    expect(page.get_by_role("heading", name="Library", level=1)).to_be_visible()


def test_scrubbing_the_barcode_asks_the_server_only_when_it_is_released(parts: Page) -> None:
    slider = parts.get_by_role("slider", name="Snapshot of training")
    last = picture(parts.locator(".kernels canvas"))
    runs = num_runs(parts)
    drag(slider, 1)
    assert picture(parts.locator(".kernels canvas")) != last
    parts.wait_for_timeout(300)
    assert num_runs(parts) == runs
    with harness.rerun(parts):
        slider.dispatch_event("change")
    expect(parts.get_by_text("snapshot 1, layer None")).to_be_visible()


def test_the_barcode_plays_to_the_last_snapshot_and_reports_it(parts: Page) -> None:
    barcode = parts.locator(".barcode")
    with harness.rerun(parts):
        barcode.get_by_role("button", name="Play").click()
        expect(barcode.get_by_role("button", name="Pause")).to_be_visible()
        expect(barcode.get_by_role("button", name="Play")).to_be_visible(timeout=20_000)
    expect(barcode.locator("output")).to_have_text("step 100")
    expect(parts.get_by_text("snapshot 4, layer None")).to_be_visible()


def test_an_output_of_the_barcode_names_its_taps_under_the_pointer_and_the_keyboard(parts: Page) -> None:
    kernels = parts.locator(".kernels canvas")
    kernels.hover(position={"x": 60, "y": 30})
    expect(parts.locator(".readout")).to_have_text(
        "Output channel 0: now; previous frame 0.00, current frame 1.00, next frame 0.50"
    )
    parts.mouse.move(0, 0)
    kernels.focus()
    parts.keyboard.press("ArrowDown")
    parts.keyboard.press("ArrowDown")
    expect(parts.locator(".readout")).to_have_text(
        "Output channel 1: subtracts; previous frame −0.50, current frame 0.00, next frame 0.50"
    )


def test_a_click_on_a_layer_of_the_barcode_reaches_the_page(parts: Page) -> None:
    with harness.rerun(parts):
        parts.locator(".shares canvas").click(position={"x": 100, "y": 22 + 34 + 10})
    expect(parts.get_by_text("snapshot 4, layer layer1.1")).to_be_visible()


def pixel(canvas: Locator, x: float, y: float) -> list[int]:
    code = """(canvas, [x, y]) => {
      const ratio = window.devicePixelRatio;
      return [...canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data].slice(0, 3);
    }"""
    return canvas.evaluate(code, [x, y])


def centre(canvas: Locator, frame: int) -> tuple[float, float]:
    box: Any = canvas.bounding_box()
    cell = (box["width"] + 6) / 8
    return frame * cell + (cell - 6) / 2, 20 + (cell - 6) / 2


def test_one_slider_fades_the_evidence_of_all_rows(parts: Page) -> None:
    overlay = parts.get_by_role("slider", name="Strength of the overlay")
    for canvas in parts.locator(".rows canvas").all():
        drag(overlay, 0)
        assert abs(np.array(pixel(canvas, *centre(canvas, 3))) - 60).max() <= 4
        drag(overlay, 100)
        # The light end of magma where the evidence is largest, the frame itself where there is none.
        assert abs(np.array(pixel(canvas, *centre(canvas, 3))) - [252, 253, 191]).max() <= 6
        assert abs(np.array(pixel(canvas, *centre(canvas, 0))) - 60).max() <= 4


def test_the_player_opens_steps_by_keyboard_and_closes(parts: Page) -> None:
    player = parts.locator(".player")
    expect(player).to_be_hidden()
    strip = parts.locator(".strip")
    strip.locator(".rows canvas").first.focus()
    for _ in range(4):
        parts.keyboard.press("ArrowRight")
    expect(player).to_be_visible()
    expect(player.locator("figcaption")).to_have_text(["gteframe 4", "c2dframe 4"])
    strip.get_by_role("button", name="Play", exact=True).click()
    expect(player.locator("figcaption").first).not_to_have_text("gteframe 4")
    strip.get_by_role("button", name="Close player").click()
    expect(player).to_be_hidden()


def test_what_stands_beside_a_row_is_text_and_never_markup(parts: Page) -> None:
    expect(parts.locator(".rows figcaption").first).to_have_text("gte“<b>moves right</b>” 92 %.")
