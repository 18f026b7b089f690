"""The kernel barcode in Chromium: layers beside kernels, two forms of them, and no message before a choice is made."""

import math
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from plotly.colors import hex_to_rgb

from analysis.plotting import style
from tests.browser import harness

SCRIPT = f"""
import sys

sys.path.insert(0, {str(harness.ROOT)!r})

import numpy as np
import streamlit as st

from app.components.kernel_barcode import LayerShares, kernel_barcode

st.set_page_config(layout="wide")
start = [[0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 0]]
end = [[0, 1, 0], [0, 0.5, 0.5], [0.5, 0.25, -0.25], [0, 0, 0]]
shares = LayerShares(
    layers=["layer1.0", "layer1.1", "layer1.2"],
    shares=np.linspace([[0.5, 0, 0.5, 0]] * 3, [[0.25, 0.25, 0.25, 0.25]] * 3, 5, axis=1),
    drift=np.array([np.linspace(0, 0.8, 5), np.linspace(0, 0.4, 5), [np.nan] * 5]),
    starts_known=[True, True, False],
    paths=[f"layer1.{{i}}.conv2.lts.weight" for i in range(3)],
    selected="layer1.1",
)
marked = st.radio("Marked", [None, 3])
other = st.checkbox("Other layer")
choice = kernel_barcode(
    np.linspace(start, end, 5)[:, :, None],
    [0, 10, 20, 50, 100],
    title="layer1.2" if other else "layer1.1",
    key="kernels",
    shares=shares,
    starts_known="unknown" not in st.query_params,
    order=[2, 0, 3, 1] if "order" in st.query_params else None,
    output=marked,
)
st.text(f"{{choice.snapshot}} {{choice.layer}} {{choice.form}} {{choice.output}}")
"""

HEAD, LAYER, OUTPUT, MARGIN = 22, 42, 40, 36
"""Heights of what stands above the rows, of a layer's row and of an output's, and the width of the outputs' numbers."""


@pytest.fixture(scope="module")
def barcode(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    folder = tmp_path_factory.mktemp("barcode")
    shutil.copytree(harness.ROOT / ".streamlit", folder / ".streamlit")
    script = folder / "barcode.py"
    script.write_text(SCRIPT)
    with harness.serve(script) as server:
        yield server


@pytest.fixture
def parts(browser: Browser, barcode: harness.Server) -> Iterator[Page]:
    """Three layers, of which the last one's start is unknown, and four outputs, of which the last is zero."""
    with harness.watched_page(browser, barcode) as page:
        open_barcode(page)
        yield page


def open_barcode(page: Page, path: str = "/") -> None:
    harness.open_page(page, path)
    expect(page.locator(".readout")).not_to_be_empty()


def kernels(page: Page) -> Locator:
    return page.locator(".kernels canvas")


def layers(page: Page) -> Locator:
    return page.locator(".shares canvas")


def picture(canvas: Locator) -> str:
    return canvas.evaluate("canvas => canvas.toDataURL()")


def box_of(element: Locator) -> Any:
    box = element.bounding_box()
    assert box is not None
    return box


def opacity(canvas: Locator, x: float, y: float) -> int:
    """How opaque the canvas is at a place in CSS pixels, 0 to 255; the screen has one pixel for each."""
    code = "(canvas, [x, y]) => canvas.getContext('2d').getImageData(Math.floor(x), Math.floor(y), 1, 1).data[3]"
    return canvas.evaluate(code, [x, y])


def colour(canvas: Locator, x: float, y: float) -> tuple[int, ...]:
    code = "(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)"
    return tuple(canvas.evaluate(code, [round(x), round(y)]))


def is_near(seen: tuple[int, ...], hexadecimal: str) -> bool:
    """Points are a little transparent, so that lines under them shine through."""
    wanted = hex_to_rgb(hexadecimal)
    return max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) <= 20


def drag(page: Page, snapshot: int) -> None:
    """Move the scrubber without releasing it."""
    code = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }"
    page.get_by_role("slider", name="Snapshot of training").evaluate(code, snapshot)


def corners(page: Page) -> list[tuple[float, float]]:
    """Past, present and future of the triangle; the same layout as in kernel_triangle.js."""
    box = box_of(kernels(page))
    side = min(box["width"] - 24, (box["height"] - 2 * HEAD - 16) * 2 / math.sqrt(3))
    top = (box["height"] - side * math.sqrt(3) / 2) / 2
    middle = box["width"] / 2
    return [(middle - side / 2, box["height"] - top), (middle, top), (middle + side / 2, box["height"] - top)]


def point(page: Page, *weights: float) -> tuple[float, float]:
    places = corners(page)
    x, y = (sum(w * place[axis] for w, place in zip(weights, places, strict=True)) for axis in (0, 1))
    return x, y


def point_to(canvas: Locator, x: float, y: float) -> None:
    canvas.hover(position={"x": x, "y": y})


def drift_dot(page: Page, part: float, layer: int) -> tuple[float, float]:
    """Where a layer's dot stands if its drift is that part of the largest one."""
    width = box_of(layers(page))["width"]
    column = min(158, max(104, 0.2 * width))
    return width - column + 12 + part * (column - 74), HEAD + LAYER * (layer + 0.5)


def choose_triangle(page: Page) -> None:
    with harness.rerun(page):
        page.get_by_role("button", name="Triangle").click()


def test_scrubbing_playing_pointing_and_arrow_keys_send_nothing(browser: Browser, barcode: harness.Server) -> None:
    frames: list[object] = []
    with harness.watched_page(browser, barcode) as page:
        page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(frame)))
        open_barcode(page)
        # Whether the pictures of both sides moved, so that it is no still one that sends nothing.
        for form in ("Rows", "Triangle"):
            if form == "Triangle":
                choose_triangle(page)
            drag(page, 4)
            before = len(frames)
            seen = {(picture(kernels(page)), picture(layers(page)))}
            for y in range(20, 200, 60):
                point_to(kernels(page), 100, y)
                point_to(layers(page), 100, y)
            for canvas in (kernels(page), layers(page)):
                canvas.focus()
                page.keyboard.press("ArrowDown")
            for snapshot in (2, 1, 0):
                drag(page, snapshot)
                seen.add((picture(kernels(page)), picture(layers(page))))
            # Four seconds to the end, where the last snapshot is reported.
            page.get_by_role("button", name="Play").click()
            page.wait_for_timeout(500)
            seen.add((picture(kernels(page)), picture(layers(page))))
            assert len(seen) == 5
            assert len(frames) == before
            with harness.rerun(page):
                page.get_by_role("button", name="Pause").click()
            assert len(frames) > before


def test_the_dots_of_the_drift_move_with_the_scrubber_and_where_it_is_unknown_there_is_none(parts: Page) -> None:
    left = layers(parts)
    for snapshot, part in ((4, 1), (2, 0.5), (0, 0)):
        drag(parts, snapshot)
        assert opacity(left, *drift_dot(parts, part, 0)) == 255
        assert opacity(left, *drift_dot(parts, part / 2, 1)) == 255
        if part:
            assert opacity(left, *drift_dot(parts, 0, 0)) < 100
    x, y = drift_dot(parts, 0, 2)
    assert not any(opacity(left, x + step, y) for step in range(0, 100, 3))


def test_only_layers_whose_start_is_known_have_an_outline(parts: Page) -> None:
    left = layers(parts)
    bars = [(x, HEAD + LAYER * (layer + 0.08)) for layer in (0, 2) for x in range(160, 460, 10)]
    seen = [opacity(left, *place) for place in bars]
    assert any(seen[:30])
    assert not any(seen[30:])


def test_a_layer_is_named_in_full_under_the_pointer(parts: Page) -> None:
    readout = parts.locator(".readout")
    point_to(layers(parts), 100, HEAD + 10)
    shares = "25 % look back, 25 % now, 25 % look ahead, 25 % combine frames"
    expect(readout).to_have_text(f"Layer 1 of 3, layer1.0.conv2.lts.weight: {shares}, drift 0.800")
    point_to(layers(parts), 100, HEAD + 2 * LAYER + 10)
    expect(readout).to_have_text(f"Layer 3 of 3, layer1.2.conv2.lts.weight: {shares}, drift unknown")
    parts.mouse.move(0, 0)
    expect(readout).to_contain_text("Darker: larger weight")


def test_arrow_keys_and_enter_open_a_layer(parts: Page) -> None:
    before = picture(layers(parts))
    layers(parts).focus()
    parts.keyboard.press("ArrowUp")
    expect(parts.locator(".readout")).to_contain_text("Layer 1 of 3")
    assert picture(layers(parts)) != before
    with harness.rerun(parts):
        parts.keyboard.press("Enter")
    expect(parts.get_by_text("4 layer1.0 rows None")).to_be_visible()


def test_the_form_is_the_readers_and_survives_other_reruns(parts: Page) -> None:
    rows = picture(kernels(parts))
    expect(parts.get_by_role("button", name="Rows")).to_have_attribute("aria-pressed", "true")
    choose_triangle(parts)
    expect(parts.get_by_text("4 None triangle None")).to_be_visible()
    with harness.rerun(parts):
        layers(parts).click(position={"x": 100, "y": HEAD + 10})
    expect(parts.get_by_text("4 layer1.0 triangle None")).to_be_visible()
    expect(parts.get_by_role("button", name="Triangle")).to_have_attribute("aria-pressed", "true")
    expect(parts.get_by_role("button", name="Rows")).to_have_attribute("aria-pressed", "false")
    assert picture(kernels(parts)) != rows


def test_the_triangle_places_an_output_between_its_taps_and_marks_what_it_does(parts: Page) -> None:
    choose_triangle(parts)
    canvas = kernels(parts)
    assert is_near(colour(canvas, *point(parts, 0, 1, 0)), style.NOW)
    # The sign of a tap does not count for the place of (0.5, 0.25, -0.25); it is mixed: a diamond, which is hollow.
    assert opacity(canvas, *point(parts, 0.5, 0.25, 0.25)) < 255
    drag(parts, 1)
    assert is_near(colour(canvas, *point(parts, 0, 1 / 4, 3 / 4)), style.AHEAD)
    assert opacity(canvas, *point(parts, 0.5, 0.25, 0.25)) < 100


def test_the_nearest_point_within_twelve_pixels_is_named(parts: Page) -> None:
    choose_triangle(parts)
    readout = parts.locator(".readout")
    x, y = point(parts, 0, 0.5, 0.5)
    named = "Output channel 1: averages; previous frame 0.00, current frame 0.50, next frame 0.50"
    for away, said in ((0, named), (11, named), (14, "Not drawn: 1 with only zeros.")):
        point_to(kernels(parts), x + away, y)
        expect(readout).to_contain_text(said)


def test_of_outputs_that_lie_upon_one_another_the_number_is_told(parts: Page) -> None:
    choose_triangle(parts)
    drag(parts, 0)
    alone = "looks back; previous frame 1.00, current frame 0.00, next frame 0.00"
    twice = "looks ahead; previous frame 0.00, current frame 0.00, next frame 1.00; 1 more at the same place"
    for place, said in (((0, 0, 1), f"Output channel 0: {twice}"), ((1, 0, 0), f"Output channel 2: {alone}")):
        point_to(kernels(parts), *point(parts, *place))
        expect(parts.locator(".readout")).to_have_text(said)


def test_the_triangle_draws_where_outputs_came_from_only_if_that_is_known(parts: Page) -> None:
    seen = []
    for path in ("/", "/?unknown=1"):
        open_barcode(parts, path)
        choose_triangle(parts)
        # Between the start (1, 0, 0) and the end (0.5, 0.25, 0.25) of output 2; lines are thin, so a few pixels.
        x, y = point(parts, 0.75, 0.125, 0.125)
        seen.append(any(opacity(kernels(parts), x, y + step) for step in range(-2, 3)))
    assert seen == [True, False]


def test_rows_stand_in_the_given_order_and_are_named_by_their_own_number(parts: Page) -> None:
    open_barcode(parts, "/?order=1")
    for place, output in enumerate([2, 0, 3, 1]):
        point_to(kernels(parts), 100, HEAD + OUTPUT * (place + 0.5))
        expect(parts.locator(".readout")).to_contain_text(f"Output channel {output}:")
    parts.mouse.move(0, 0)
    kernels(parts).focus()
    for output in (2, 0):
        parts.keyboard.press("ArrowDown")
        expect(parts.locator(".readout")).to_contain_text(f"Output channel {output}:")


def test_outlines_run_over_drawn_neighbours_alone(parts: Page) -> None:
    tap = (box_of(kernels(parts))["width"] - MARGIN - 8) // 3
    x = MARGIN + 2.5 * tap
    below = {path: HEAD + OUTPUT * rows - 1 for path, rows in (("/", 1), ("/?order=1", 2))}
    lines = []
    for path, y in below.items():
        open_barcode(parts, path)
        lines.append(opacity(kernels(parts), x, y) > 100)
    # Outputs 0 and 1 began with the same tap; in the given order another stands between them.
    assert lines == [False, True]


def test_a_click_selects_an_output_and_a_second_one_lets_it_go(parts: Page) -> None:
    # Output 2 stands in the third row.
    y = HEAD + 2.5 * OUTPUT
    for said, readout in (("4 None rows 2", "Output channel 2:"), ("4 None rows None", "Darker: larger weight")):
        with harness.rerun(parts):
            kernels(parts).click(position={"x": 100, "y": y})
        expect(parts.get_by_text(said)).to_be_visible()
        parts.mouse.move(0, 0)
        expect(parts.locator(".readout")).to_contain_text(readout)
        # The outline of the selected row, in the theme's primary colour.
        assert (colour(kernels(parts), MARGIN - 2, y) == hex_to_rgb("#0F6E6E")) == said.endswith("2")
    choose_triangle(parts)
    with harness.rerun(parts):
        x, y = point(parts, 0, 1, 0)
        kernels(parts).click(position={"x": x, "y": y + 4})
    expect(parts.get_by_text("4 None triangle 0")).to_be_visible()


def test_the_keyboard_selects_an_output_and_it_stays_through_other_reruns(parts: Page) -> None:
    kernels(parts).focus()
    parts.keyboard.press("ArrowDown")
    parts.keyboard.press("ArrowDown")
    with harness.rerun(parts):
        parts.keyboard.press("Enter")
    expect(parts.get_by_text("4 None rows 1")).to_be_visible()
    with harness.rerun(parts):
        layers(parts).click(position={"x": 100, "y": HEAD + 10})
    expect(parts.get_by_text("4 layer1.0 rows 1")).to_be_visible()
    parts.mouse.move(0, 0)
    expect(parts.locator(".readout")).to_contain_text("Output channel 1:")


def test_the_page_can_select_an_output_after_the_reader_and_another_layer_starts_without_one(parts: Page) -> None:
    with harness.rerun(parts):
        kernels(parts).click(position={"x": 100, "y": HEAD + 10})
    expect(parts.get_by_text("4 None rows 0")).to_be_visible()
    with harness.rerun(parts):
        parts.get_by_text("3", exact=True).click()
    expect(parts.get_by_text("4 None rows 3")).to_be_visible()
    expect(parts.locator(".readout")).to_contain_text("Output channel 3:")
    with harness.rerun(parts):
        kernels(parts).click(position={"x": 100, "y": HEAD + 10})
    expect(parts.get_by_text("4 None rows 0")).to_be_visible()
    with harness.rerun(parts):
        parts.get_by_text("None", exact=True).click()
    expect(parts.get_by_text("4 None rows None")).to_be_visible()
    with harness.rerun(parts):
        kernels(parts).click(position={"x": 100, "y": HEAD + 10})
    with harness.rerun(parts):
        parts.get_by_text("Other layer").click()
    expect(parts.get_by_text("4 None rows None")).to_be_visible()
    expect(parts.locator(".readout")).to_contain_text("Darker: larger weight")


@pytest.mark.parametrize("width", [1280, 800, 600])
def test_layers_and_kernels_stand_side_by_side_where_there_is_room(
    browser: Browser, barcode: harness.Server, width: int
) -> None:
    with harness.watched_page(browser, barcode, width=width) as page:
        open_barcode(page)
        left, right, bar, whole = (
            box_of(page.locator(name)) for name in (".shares", ".kernels", ".barcode .bar", ".barcode")
        )
        assert page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= width
        if width == 600:
            assert bar["y"] < left["y"] < right["y"]
            assert left["width"] == right["width"] == whole["width"]
        else:
            assert left["width"] / right["width"] == pytest.approx(7 / 5, abs=0.01)
            assert bar["x"] == right["x"] == whole["x"] + whole["width"] - right["width"]
            assert left["y"] == bar["y"] < right["y"]
            assert whole["height"] <= 340 + 72
