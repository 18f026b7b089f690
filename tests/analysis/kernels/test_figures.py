"""Figures: what they show, in which order, with which words; how they look was looked at."""

from typing import Any

import pytest

from analysis import figures as drawing
from analysis.attribution.evidence import ClassScore
from analysis.complexity import Complexity, Uncountable, table
from analysis.plotting import style
from analysis.plotting.rows import ROW_PITCH
from gte.models import MODELS, ClipShape

# plotly makes the attributes of its figures at run time, where pyright does not see them.
figures: Any = drawing


def cost(name, macs, temporal):
    return Complexity(
        name=name,
        label=name.upper(),
        options={},
        clip=ClipShape(8, 224, 224),
        params=18_000_000,
        macs=macs + 1,
        macs_conv_linear=macs,
        macs_temporal=temporal,
        macs_torch=macs,
        uncounted={},
        layers=(),
    )


@pytest.fixture
def costs():
    refused = Uncountable(name="s3d", label="S3D", options={}, clip=ClipShape(8, 224, 224), reason="too small")
    return table([cost("c2d", 32_000_000_000, 0), refused, cost("gte", 24_000_000_000, 2_000_000_000)])


def texts(figure):
    return {label.text: label.y for label in figure.layout.annotations}


def test_cost_bars_stand_cheapest_first_split_into_time_and_all_else(costs):
    figure = figures.cost_bars(costs)
    rest, temporal = figure.data
    assert (list(rest.y), list(rest.x)) == (["GTE", "C2D"], [22e9, 32e9])
    assert (list(temporal.y), list(temporal.x)) == (["GTE", "C2D"], [2e9, 0])
    assert list(figure.layout.yaxis.categoryarray) == ["GTE", "C2D", "S3D"]
    assert figure.layout.barmode == "stack"
    assert (temporal.marker.color, temporal.marker.pattern.shape) == (style.TEMPORAL_COST, None)
    assert rest.marker.pattern.shape == "/"
    assert list(rest.customdata[0]) == ["gte", "22.00 G", "18.00 M", "24.00 G"]


def test_cost_bars_compare_with_the_reference(costs):
    figure = figures.cost_bars(costs, reference="c2d", selected="c2d")
    assert texts(figure) == {
        "24.00 G": "GTE",
        "0.75x": "GTE",
        "32.00 G": "C2D",
        "1x": "C2D",
        "not counted": "S3D",
    }
    line = next(shape for shape in figure.layout.shapes if shape.type == "line")
    assert (line.x0, line.x1, line.line.dash) == (32e9, 32e9, "dot")
    band = next(shape for shape in figure.layout.shapes if shape.type == "rect")
    assert (band.y0, band.y1) == (0.5, 1.5)


def test_cost_bars_without_the_reference_show_neither_line_nor_factors(costs):
    figure = figures.cost_bars(costs, reference="c3d")
    assert not figure.layout.shapes
    assert list(texts(figure)) == ["24.00 G", "32.00 G", "not counted"]


def test_cost_bars_in_flops_are_twice_as_long_at_the_same_factor(costs):
    figure = figures.cost_bars(costs, flops_per_mac=2)
    assert list(figure.data[0].x) == [44e9, 64e9]
    assert {"48.00 G", "0.75x"} <= texts(figure).keys()
    assert figure.layout.xaxis.title.text == "FLOPs per clip"
    of_views = figures.cost_bars(costs.assign(views=30), flops_per_mac=2)
    assert of_views.layout.xaxis.title.text == "FLOPs of all 30 views"


def test_cost_bars_of_networks_without_any_count_keep_their_rows(costs):
    figure = figures.cost_bars(costs[costs["name"] == "s3d"])
    assert list(figure.layout.yaxis.categoryarray) == ["S3D"]
    assert list(texts(figure)) == ["not counted"]


def test_a_network_counted_at_its_native_clip_is_marked_and_compared_with_none(costs):
    costs = costs.assign(at_native=[False if name == "c2d" else name == "gte" for name in costs["name"]])
    figure = figures.cost_bars(costs)
    assert list(figure.layout.yaxis.categoryarray) == ["C2D", "S3D", "GTE *"]
    assert list(figure.data[0].y) == ["C2D"]
    assert texts(figure) == {
        "32.00 G": "C2D",
        "1x": "C2D",
        "not counted": "S3D",
        "at 8 x 224 x 224": "GTE *",
        "24.00 G": "GTE *",
    }
    # The line ends with the bars, above the rows that hold texts.
    line = next(shape for shape in figure.layout.shapes if shape.type == "line")
    assert (line.yref, line.y0, line.y1) == ("y", -0.5, 0.5)


def test_a_network_with_a_note_is_marked_and_keeps_its_bar(costs):
    costs = costs.assign(note=["sees little" if name == "gte" else "" for name in costs["name"]])
    figure = figures.cost_bars(costs)
    assert list(figure.data[0].y) == ["GTE †", "C2D"]
    assert texts(figure)["0.75x"] == "GTE †"


def test_cost_bars_of_the_whole_table_keep_every_name():
    rows = [
        Complexity(
            name=name,
            label=config.label,
            options={},
            clip=ClipShape(8, 224, 224),
            params=1,
            macs=10**9,
            macs_conv_linear=10**9 + number,
            macs_temporal=0,
            macs_torch=10**9 + number,
            uncounted={},
            layers=(),
        )
        for number, (name, config) in enumerate(MODELS.items())
    ]
    figure = figures.cost_bars(table(rows))
    assert list(figure.layout.yaxis.tickvals) == [config.label for config in MODELS.values()]
    plot = figure.layout.height - style.MARGINS["t"] - style.MARGINS["b"]
    assert plot / len(rows) >= ROW_PITCH


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


def test_axes_of_names_are_categories_and_no_figure_sets_a_background_or_a_font_colour(costs):
    scores = [ClassScore(index=0, name="1.0", probability=1.0)]
    for figure in (figures.cost_bars(costs), figures.class_bars(scores)):
        layout = figure.layout
        assert layout.yaxis.type == "category"
        assert (layout.paper_bgcolor, layout.plot_bgcolor, layout.font.color) == (None, None, None)


def test_an_empty_table_gives_a_figure_without_marks():
    assert not [trace for trace in figures.cost_bars(table([])).data if len(trace.x)]
