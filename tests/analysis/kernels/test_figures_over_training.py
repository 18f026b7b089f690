"""The curves of the drift over the training: lines, marks and labels that do not overlap."""

import math
from itertools import pairwise
from typing import Any

import pytest

from analysis.kernels import figures_over_training
from analysis.kernels.summary import summarise
from analysis.plotting import style
from tests.analysis.toys import AHEAD, BACK, NOW, SECOND, kernel_history

# plotly makes the attributes of its figures at run time, where pyright does not see them.
figures: Any = figures_over_training


@pytest.fixture
def summary():
    """Two layers of four outputs: the first does not change, of the second an output that looked ahead stays."""
    start = [AHEAD, AHEAD, BACK, BACK]
    return summarise([kernel_history(start, start), kernel_history(start, [AHEAD, NOW, BACK, BACK], layer=SECOND)])


def test_two_snapshots_are_marked_because_the_line_between_them_is_not_in_the_file():
    start = [AHEAD, BACK]
    ends = figures.drift_over_training(summarise([kernel_history(start, start)]))
    course = figures.drift_over_training(summarise([kernel_history(start, start, start)]))
    assert (ends.data[0].mode, course.data[0].mode) == ("lines+markers", "lines")


def test_drift_over_training_is_a_line_per_layer_labelled_at_its_end(summary):
    figure = figures.drift_over_training(summary, selected=SECOND)
    still, moved = figure.data
    assert (still.name, list(still.x), list(still.y)) == ("layer1.0", [0, 100], [0, 0])
    assert list(moved.y) == [0, pytest.approx(math.sqrt(2) / 2)]
    assert (still.line.color, moved.line.color) == (style.NEUTRAL, style.ACCENT)
    assert [(label.text, label.x) for label in figure.layout.annotations] == [
        ("layer1.0", 100),
        ("<b>layer2.0</b>", 100),
    ]


def test_labels_of_lines_that_end_together_are_move_apart(summary):
    start = [AHEAD, BACK]
    crowd = summarise(
        [kernel_history(start, start, layer=f"layer{number}.0.conv2.temporal.shift") for number in range(30)]
    )
    labels = figures.drift_over_training(crowd, selected="layer29.0.conv2.temporal.shift").layout.annotations
    # All lines end at 0, so that the offsets alone, which point down, tell the labels apart.
    heights = sorted(-label.ay for label in labels)
    assert all(upper - lower >= figures.LABEL_PITCH - 1e-6 for lower, upper in pairwise(heights))
    # More than fit: the selected one is among those that are labelled.
    assert 15 < len(labels) < 30
    assert "<b>layer29.0</b>" in [label.text for label in labels]


@pytest.mark.parametrize(
    ("heights", "placed"),
    [
        ([0, 100], [0, 100]),
        ([10, 12, 14], [10, 20, 30]),
        ([0, 95, 99], [0, 90, 100]),  # no room above: the lower ones give way
    ],
)
def test_labels_keep_a_pitch_of_ten_in_a_room_of_a_hundred(heights, placed):
    assert figures.move_apart(heights, 10, 100) == placed


def test_what_is_not_a_number_or_has_no_start_has_no_label_and_no_line():
    start = [AHEAD, BACK]
    broken = summarise([kernel_history(start, [AHEAD, [math.nan, 0, 0]])])
    assert not figures.drift_over_training(broken).layout.annotations
    mixed = summarise([kernel_history(start, [AHEAD, NOW]), kernel_history(start, layer=SECOND, known=False)])
    [line] = figures.drift_over_training(mixed).data
    assert line.name == "layer1.0"
    assert not figures.drift_over_training(summarise([])).data
