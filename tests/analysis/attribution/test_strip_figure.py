"""Film strips for a paper: frames at their own resolution, bars of the shares, and their table."""

import base64

import cv2
import numpy as np
import pytest

from analysis.attribution.overlay import overlay
from analysis.attribution.strip_figure import BAR_HEIGHT, frames_figure, strip_figure, strip_table

FRAMES = np.random.default_rng(0).integers(0, 256, (4, 16, 24, 3), dtype=np.uint8)
EVIDENCE = np.zeros((4, 2, 3), dtype=np.float32)
EVIDENCE[1] = 1.0
SHARES = [0.0, 0.75, 0.25, 0.0]


def decoded(source: str) -> np.ndarray:
    png = np.frombuffer(base64.b64decode(source.removeprefix("data:image/png;base64,")), np.uint8)
    image = cv2.imdecode(png, cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image)[..., ::-1]


@pytest.mark.parametrize("width", [450.0, 952.0])
def test_frames_keep_their_pixels_and_fill_the_width(width):
    figure = strip_figure(["gte", "c2d"], [FRAMES, FRAMES], [EVIDENCE, EVIDENCE], [SHARES, SHARES], width)
    images = figure.layout.images
    assert len(images) == 9
    assert (decoded(images[0].source) == FRAMES[0]).all()
    assert (decoded(images[1].source) == overlay(FRAMES, np.ones((4, 16, 24)))[1]).all()
    assert images[3].x + images[3].sizex == pytest.approx(width)
    assert images[0].sizey / images[0].sizex == pytest.approx(16 / 24)
    assert figure.layout.xaxis.range == (0, width)
    assert figure.layout.yaxis.range == (figure.layout.height, 0)


def test_bars_have_one_scale_and_the_largest_is_written():
    figure = strip_figure(["gte", "flat"], [FRAMES, FRAMES], [EVIDENCE] * 2, [SHARES, [0.25] * 4], 450)
    heights = [shape.y1 - shape.y0 for shape in figure.layout.shapes]
    assert heights == pytest.approx([BAR_HEIGHT * share / 0.75 for share in [*SHARES, *[0.25] * 4]])
    texts = [annotation.text for annotation in figure.layout.annotations]
    assert ("75 %" in texts, "25 %" in texts, "<b>flat</b>" in texts) == (True, True, True)


def test_a_strip_without_evidence_has_no_bars_and_no_percentage():
    figure = strip_figure(["gte"], [FRAMES], [np.zeros_like(EVIDENCE)], [[0.0] * 4], 450)
    assert [shape.y1 - shape.y0 for shape in figure.layout.shapes] == [0] * 4
    assert not any("%" in annotation.text for annotation in figure.layout.annotations)


def test_the_table_has_a_row_for_each_frame():
    table = strip_table(["gte"], [EVIDENCE], [SHARES], ["1", "4", "7", "10"])
    assert table["frame_share"].tolist() == SHARES
    assert table.iloc[1].tolist() == ["gte", 2, "4", 0.75, 1.0]


def test_frames_without_evidence_have_their_names_above_them():
    figure = frames_figure(["as filmed", "reversed"], [FRAMES, FRAMES[::-1]], [list("1234"), list("4321")], 450)
    assert (decoded(figure.layout.images[4].source) == FRAMES[3]).all()
    assert [annotation.text for annotation in figure.layout.annotations][5:7] == ["<b>reversed</b>", "4"]
    assert not figure.layout.shapes
