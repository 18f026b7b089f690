"""Bars of the predicted classes."""

from analysis.attribution.evidence import ClassScore
from analysis.attribution.figures import class_bars
from analysis.plotting import style
from analysis.plotting.figure_pack import points
from tests.plots import traces


def test_class_bars_are_sorted_with_the_chosen_class_in_the_accent_colour():
    by_name = {"turns": (4, 0.92), "1.0": (0, 0.054), "stays": (2, 5e-6), "rises": (1, 0.0)}
    scores = [ClassScore(index=index, name=name, probability=share) for name, (index, share) in by_name.items()]
    figure = class_bars(scores, selected=4)
    bars, rows = traces(figure)
    assert figure.layout.yaxis.type == "category"
    assert (list(bars.y), list(bars.x)) == ([*by_name], [0.92, 0.054, 5e-6, 0.0])
    assert list(bars.text) == ["92 %", "5.4 %", "under 0.01 %", "0 %"]
    assert list(bars.marker.color) == [style.ACCENT, *[style.NEUTRAL] * 3]
    assert [list(entry) for entry in bars.customdata] == [[4], [0], [2], [1]]
    # A bar of length 0 cannot be hit, but its row can; it draws nothing, and is no point of the figure.
    assert [list(entry) for entry in rows.customdata] == [[4], [0], [2], [1]]
    assert (list(rows.x), rows.opacity, rows.hoverinfo) == ([1, 1, 1, 1], 0, "none")
    assert points(figure)["y"].tolist() == [*by_name]


def test_the_number_of_the_longest_class_bar_has_room():
    layout = class_bars([ClassScore(index=0, name="turns", probability=1.0)]).layout
    assert list(layout.xaxis.range) == [0, 1]
    # "99.9 %" takes 50 pixels at 14 px.
    assert layout.margin.r >= 60
