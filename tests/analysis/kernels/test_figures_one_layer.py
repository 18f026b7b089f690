"""Figures of one layer with a second checkpoint drawn over it."""

from typing import Any

import numpy as np
import pytest

from analysis.kernels import figures_one_layer
from analysis.plotting import style
from tests.analysis.toys import NOW, kernel_history

# plotly makes the attributes of its figures at run time, where pyright does not see them.
figures: Any = figures_one_layer

MINE = kernel_history([NOW] * 3, [NOW] * 3)
DIFFERENCE = kernel_history([NOW] * 3, [[-1, 0, 1]] * 3)
"""Each of its last kernels is the next frame minus the one before."""
DASHED = dict(style.OVERLAID)


def lines(figure):
    return {trace.name: trace for trace in figure.data}


def test_singular_values_of_a_second_checkpoint_are_dashed_and_both_are_named():
    figure = figures.singular_values(MINE, -1, "mine", {"yours": DIFFERENCE})
    names = ["layer1.0 of mine, before training", "layer1.0 of mine, at this snapshot", "layer1.0 of yours"]
    assert [trace.name for trace in figure.data if trace.showlegend] == names
    temporal, outputs = (trace for trace in figure.data if trace.name == names[2])
    # Three outputs with one filter, whose squares add up to two.
    assert np.asarray(temporal.y, dtype=float) == pytest.approx(np.array([np.sqrt(6), 0, 0]), abs=1e-7)
    assert np.asarray(outputs.y, dtype=float) == pytest.approx(np.array([np.sqrt(6), 0, 0]), abs=1e-7)
    assert {trace.line.dash for trace in figure.data if trace.name == names[2]} == {"dash"}
    assert lines(figure)[names[1]].line.dash is None
    alone = figures.singular_values(MINE, -1)
    assert [trace.name for trace in alone.data if trace.showlegend] == ["before training", "at this snapshot"]


def test_frequencies_of_a_second_checkpoint_are_drawn_dashed_over_those_of_the_first():
    figure = figures.frequency_curves(MINE, -1, 0, "mine", {"yours": DIFFERENCE})
    mine, yours = lines(figure)["layer1.0 of mine"], lines(figure)["layer1.0 of yours"]
    # The kernel that reads the present passes everything, the difference 2 sin(2 pi f).
    frequencies = np.asarray(yours.x, dtype=float)
    assert np.asarray(mine.y, dtype=float) == pytest.approx(np.ones(33))
    assert np.asarray(yours.y, dtype=float) == pytest.approx(np.sin(2 * np.pi * frequencies), abs=1e-12)
    assert mine.line.dash == "solid"
    assert yours.line.to_plotly_json() == DASHED
    assert [trace.name for trace in figures.frequency_curves(MINE, -1, 0).data] == [
        *("all-pass: 3", "output channel 0, all-pass")
    ]
