"""Charts of cost: what they show, in which order; how they look was looked at."""

import math
from itertools import combinations
from typing import Any

import pytest

from analysis.complexity import accuracy_figure
from analysis.complexity import figures as drawing
from analysis.complexity.accuracy import accuracy_against_cost, datasets
from analysis.complexity.counting import Complexity, Uncountable
from analysis.complexity.tables import table
from analysis.plotting import style
from analysis.plotting.label_placement import CHARACTER_WIDTH, HALF_HEIGHT, PLOTS
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


def test_cost_bars_are_sorted_by_cost_and_split_into_temporal_and_everything_else(costs):
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


def test_the_axis_of_names_is_one_of_categories_and_the_theme_gives_the_colours(costs):
    layout = figures.cost_bars(costs).layout
    assert layout.yaxis.type == "category"
    assert (layout.paper_bgcolor, layout.plot_bgcolor, layout.font.color) == (None, None, None)


def test_an_empty_table_of_costs_gives_a_figure_without_marks():
    assert not [trace for trace in figures.cost_bars(table([])).data if len(trace.x)]


def drawn(dataset):
    """The chart of a data set, and the rows that it draws."""
    table = accuracy_against_cost(dataset).dropna(subset=["macs_counted"])
    return accuracy_figure.accuracy_bubbles(table).to_plotly_json(), table.loc[~table["repeats"]].to_dict("records")


def bubbles(figure):
    return [trace for trace in figure["data"] if trace.get("hovertemplate", "").startswith("<b>%{customdata[0]}")]


@pytest.mark.parametrize("dataset", datasets())
def test_every_bubble_names_its_network_frames_views_and_who_reported_it(dataset):
    figure, rows = drawn(dataset)
    names = {f"{row['label']}, {row['frames']}f, {row['clips']}x{row['crops']}" for row in rows}
    written = [note["text"] for note in figure["layout"]["annotations"] if not note["text"].startswith("printed ")]
    assert {text.partition(": ")[0] for text in written} == names
    assert len(written) == len(rows) == sum(len(trace["x"]) for trace in bubbles(figure))
    reporters = {entry[1].partition(" after ")[0] for trace in bubbles(figure) for entry in trace["customdata"]}
    assert reporters == {row["who"] for row in rows}


@pytest.mark.parametrize("dataset", datasets())
def test_gte_alone_has_the_accent_and_a_quoted_figure_is_hollow(dataset):
    figure, _ = drawn(dataset)
    for trace in (trace for trace in bubbles(figure) if trace.get("showlegend", True)):
        labels = {entry[0] for entry in trace["customdata"]}
        assert (trace["marker"]["line"]["color"] == style.ACCENT) == (labels == {"GTE"}) == ("GTE" in labels)
        hollow = [colour == style.TRANSPARENT for colour in trace["marker"]["color"]]
        assert hollow == [" after " in entry[1] for entry in trace["customdata"]]


def test_a_printed_cost_far_from_ours_has_a_tick_of_its_own():
    figure, _ = drawn("Something-Something V1")
    lines = [list(trace["x"]) for trace in figure["data"] if trace.get("name") == "cost as printed"]
    assert [x[1] for x in lines] == [33e9, 66.8e9]
    table = accuracy_against_cost("Something-Something V1")
    twice = accuracy_figure.accuracy_bubbles(table, flops_per_mac=2).to_plotly_json()["data"]
    assert [trace["x"][1] for trace in twice if trace.get("name") == "cost as printed"] == [66e9, 133.6e9]
    for dataset in datasets()[1:]:
        assert "cost as printed" not in [trace.get("name") for trace in drawn(dataset)[0]["data"]]


def test_an_accuracy_far_below_the_others_is_named_at_the_lower_edge():
    figure, _ = drawn("Something-Something V1")
    low, high = figure["layout"]["yaxis"]["range"]
    assert 40 < low < 45.6 < 49.4 < high
    texts = [note["text"] for note in figure["layout"]["annotations"]]
    assert "C2D, 8f, 1x10: 18.55 %, below" in texts


def boxes(figure, size):
    """Boxes of the names in pixels, and of the points, in a plot of this size."""
    width, height = size
    (left, right), (low, high) = figure["layout"]["xaxis"]["range"], figure["layout"]["yaxis"]["range"]

    def at(x, y):
        return (x - left) / (right - left) * width, (y - low) / (high - low) * height

    names = []
    for note in figure["layout"]["annotations"]:
        x, y = at(note["x"], note["y"])
        wide = CHARACTER_WIDTH * len(note["text"])
        start = x + note["xshift"] - {"left": 0, "center": wide / 2, "right": wide}[note["xanchor"]]
        middle = y + note["yshift"]
        names.append((start, middle - HALF_HEIGHT, start + wide, middle + HALF_HEIGHT))
    points = []
    for trace in bubbles(figure):
        sizes = trace["marker"]["size"]
        for number, (x, y) in enumerate(zip(trace["x"], trace["y"], strict=True)):
            radius = (sizes[number] if isinstance(sizes, list | tuple) else sizes) / 2
            across, up = at(math.log10(x), y)
            points.append((across - radius, up - radius, across + radius, up + radius))
    return names, points


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("size", PLOTS)
@pytest.mark.parametrize("dataset", datasets())
def test_no_name_lies_on_another_name_or_on_a_point(dataset, size):
    figure, _ = drawn(dataset)
    names, points = boxes(figure, size)
    assert not [pair for pair in combinations(names, 2) if overlap(*pair)]
    assert not [(name, point) for name in names for point in points if overlap(name, point)]


@pytest.mark.parametrize("dataset", datasets())
def test_no_two_points_coincide(dataset):
    figure, rows = drawn(dataset)
    spots = {(x, y) for trace in bubbles(figure) for x, y in zip(trace["x"], trace["y"], strict=True)}
    assert len(spots) == len(rows)
