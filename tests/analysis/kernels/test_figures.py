"""Figures: what they show, in which order, with which words; how they look was looked at."""

from typing import Any

from analysis import figures as drawing
from analysis.attribution.evidence import ClassScore
from analysis.plotting import style

# plotly makes the attributes of its figures at run time, where pyright does not see them.
figures: Any = drawing


def test_class_bars_stand_best_first_with_the_class_in_question_marked():
    by_name = {"turns": (4, 0.92), "1.0": (0, 0.054), "stays": (2, 5e-6), "rises": (1, 0.0)}
    scores = [ClassScore(index=index, name=name, probability=share) for name, (index, share) in by_name.items()]
    (bars,) = figures.class_bars(scores, selected=4).data
    assert (list(bars.y), list(bars.x)) == ([*by_name], [0.92, 0.054, 5e-6, 0.0])
    assert list(bars.text) == ["92 %", "5.4 %", "under 0.01 %", "0 %"]
    assert list(bars.marker.color) == [style.ACCENT, *[style.NEUTRAL] * 3]
    assert [list(entry) for entry in bars.customdata] == [[4], [0], [2], [1]]


def test_the_number_of_the_longest_class_bar_has_room_beside_it():
    layout = figures.class_bars([ClassScore(index=0, name="turns", probability=1.0)]).layout
    assert list(layout.xaxis.range) == [0, 1]
    # "99.9 %" takes 50 pixels at 14 px.
    assert layout.margin.r >= 60


def test_axes_of_names_are_categories_and_no_figure_sets_a_background_or_a_font_colour():
    scores = [ClassScore(index=0, name="1.0", probability=1.0)]
    layout = figures.class_bars(scores).layout
    assert layout.yaxis.type == "category"
    assert (layout.paper_bgcolor, layout.plot_bgcolor, layout.font.color) == (None, None, None)
