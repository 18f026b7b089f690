"""Figures: what they show, in which order, with which words; how they look was looked at."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch

from analysis import figures as drawing
from analysis.attribution.evidence import ClassScore
from analysis.complexity import Complexity, Uncountable, table
from analysis.kernels import summarise
from analysis.plotting import style
from gte.kernel_history import KernelHistory
from gte.models import MODELS, ClipShape

# plotly makes the attributes of its figures at run time, where pyright does not see them.
figures: Any = drawing

AHEAD, BACK, STAY = [0, 0, 1], [1, 0, 0], [0, 1, 0]


def history(block, *snapshots, known=True):
    weights = torch.tensor(snapshots, dtype=torch.float32).unsqueeze(-2).unsqueeze(-1)
    return KernelHistory(
        layer=f"{block}.conv2.temporal.shift",
        steps=torch.arange(len(snapshots)) * 50,
        weights=weights,
        starts_known=known,
    )


@pytest.fixture
def summary():
    """Two layers of four outputs: the first stands still, of the second an output that looked ahead stays."""
    start = [AHEAD, AHEAD, BACK, BACK]
    return summarise([history("layer1.0", start, start), history("layer2.0", start, [AHEAD, STAY, BACK, BACK])])


SECOND = "layer2.0.conv2.temporal.shift"


def bar(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_direction_bars_are_centred_on_what_stays_with_the_past_to_the_left(summary):
    figure = figures.direction_shares(summary)
    back, stay, ahead = (bar(figure, name) for name in ("◀ looks back", "● stays", "▶ looks ahead"))
    assert list(back.y) == ["layer1.0", "layer2.0"]
    # Layer 2.0: half look back, a quarter stays, a quarter looks ahead; the middle of what stays is at 0.
    assert (back.base[1], back.x[1]) == (-0.625, 0.5)
    assert (stay.base[1], stay.x[1]) == (-0.125, 0.25)
    assert (ahead.base[1], ahead.x[1]) == (0.125, 0.25)
    for name, trace in zip(style.DIRECTIONS, (back, stay, ahead), strict=True):
        assert trace.marker.color == style.DIRECTION_COLOURS[name]
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.yaxis.type == "category"
    assert figure.layout.height == 430


def test_direction_bars_name_the_layer_the_shares_and_the_start_when_pointed_at(summary):
    ahead = bar(figures.direction_shares(summary), "▶ looks ahead")
    assert list(ahead.customdata[1]) == [SECOND, "25 %", "50 %"]
    assert "%{customdata[1]} of the outputs look ahead" in ahead.hovertemplate


def test_outlines_show_the_initialisation_once_in_the_legend(summary):
    outlines = [trace for trace in figures.direction_shares(summary).data if trace.name == "at the start"]
    assert [(list(trace.base), list(trace.x)) for trace in outlines] == [
        ([-0.5, -0.5], [0.5, 0.5]),
        ([], []),  # at a hard shift no output stays
        ([0, 0], [0.5, 0.5]),
    ]
    assert [trace.showlegend for trace in outlines] == [False, False, True]


def test_a_layer_whose_outputs_all_began_in_the_present_has_an_outline_as_well():
    weights = torch.zeros(2, 4, 2, 3, 1)
    weights[:, :, :, 1] = 1
    began = summarise([KernelHistory(layer="layer1.0", steps=torch.tensor([0, 1]), weights=weights)])
    for figure in (figures.direction_shares(began), figures.shares_side_by_side([began, began], ["a", "b"])):
        outlined = [trace for trace in figure.data if trace.marker.color == style.TRANSPARENT and len(trace.x)]
        assert [(list(trace.base), list(trace.x)) for trace in outlined] == [([-0.5], [1])] * len(outlined)
        assert outlined


def test_drift_stands_beside_the_shares_in_three_digits(summary):
    drift = bar(figures.direction_shares(summary), "drift")
    # |W - W0| = sqrt(2) and |W0| = 2.
    assert list(drift.x) == [0, pytest.approx(math.sqrt(2) / 2)]
    assert list(drift.text) == ["0", "0.707"]
    assert drift.xaxis == "x2"


def test_an_earlier_snapshot_shows_its_own_shares_on_the_same_scale(summary):
    first, last = figures.direction_shares(summary, snapshot=0), figures.direction_shares(summary)
    assert list(bar(first, "● stays").x) == [0, 0]
    assert list(bar(first, "drift").text) == ["0", "0"]
    assert first.layout.xaxis.range == last.layout.xaxis.range
    with pytest.raises(IndexError):
        figures.direction_shares(summary, snapshot=2)


def test_a_band_lies_behind_the_selected_layer_alone(summary):
    (band,) = figures.direction_shares(summary, selected=SECOND).layout.shapes
    assert (band.y0, band.y1, band.layer) == (0.5, 1.5, "below")
    assert not figures.direction_shares(summary, selected="layer9.0").layout.shapes


def test_weights_that_are_not_numbers_leave_a_row_that_says_so():
    broken = summarise([history("layer1.0", [AHEAD, BACK], [AHEAD, [math.nan, 0, 0]])])
    figure = figures.direction_shares(broken)
    assert list(bar(figure, "◀ looks back").x) == [0]
    assert list(bar(figure, "▶ looks ahead").x) == [0.5]
    assert list(bar(figure, "drift").text) == ["not a number"]
    assert not figures.drift_over_training(broken).layout.annotations


def test_an_unknown_start_has_neither_outline_nor_drift():
    figure = figures.direction_shares(summarise([history("layer1.0", [AHEAD, AHEAD, STAY, BACK], known=False)]))
    assert [trace.name for trace in figure.data] == ["◀ looks back", "● stays", "▶ looks ahead"]
    ahead = bar(figure, "▶ looks ahead")
    assert (list(ahead.x), list(ahead.base)) == ([0.5], [0.125])
    assert list(ahead.customdata[0])[1:] == ["50 %", "unknown"]
    assert "xaxis2" not in figure.layout.to_plotly_json()
    assert figure.layout.xaxis.range == (-1.06 * 0.625, 1.06 * 0.625)


def test_of_layers_with_and_without_a_known_start_those_with_one_are_compared(summary):
    start = [AHEAD, BACK]
    mixed = summarise([history("layer1.0", start, [AHEAD, STAY]), history("layer2.0", start, known=False)])
    figure = figures.direction_shares(mixed, snapshot=1)
    assert list(bar(figure, "◀ looks back").x) == [0, 0.5]
    assert list(bar(figure, "at the start").y) == ["layer1.0"]
    assert list(bar(figure, "drift").y) == ["layer1.0"]
    [line] = figures.drift_over_training(mixed).data
    assert line.name == "layer1.0"


def test_a_chart_of_many_layers_grows_until_every_name_can_be_read():
    crowd = summarise([history(f"layer{number}.0", [AHEAD, BACK]) for number in range(33)])
    figure = figures.direction_shares(crowd)
    assert len(figure.layout.yaxis.tickvals) == 33
    plot = figure.layout.height - style.MARGINS["t"] - style.MARGINS["b"]
    assert plot / 33 >= drawing.ROW_PITCH


def test_two_snapshots_are_marked_because_the_line_between_them_is_not_in_the_file():
    start = [AHEAD, BACK]
    ends = figures.drift_over_training(summarise([history("layer1.0", start, start)]))
    course = figures.drift_over_training(summarise([history("layer1.0", start, start, start)]))
    assert (ends.data[0].mode, course.data[0].mode) == ("lines+markers", "lines")


def test_drift_over_training_is_a_line_per_layer_labelled_at_its_end(summary):
    figure = figures.drift_over_training(summary, selected=SECOND)
    still, moved = figure.data
    assert (still.name, list(still.x), list(still.y)) == ("layer1.0", [0, 50], [0, 0])
    assert list(moved.y) == [0, pytest.approx(math.sqrt(2) / 2)]
    assert (still.line.color, moved.line.color) == (style.NEUTRAL, style.ACCENT)
    assert [(label.text, label.x) for label in figure.layout.annotations] == [("layer1.0", 50), ("<b>layer2.0</b>", 50)]


def test_labels_of_lines_that_end_together_are_pushed_apart(summary):
    start = [AHEAD, BACK]
    crowd = summarise([history(f"layer{number}.0", start, start) for number in range(30)])
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
    assert figures.pushed_apart(heights, 10, 100) == placed


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
    assert plot / len(rows) >= drawing.ROW_PITCH


def test_training_curves_show_accuracy_and_loss_of_both_splits():
    metrics = [
        {"epoch": 1, "train_top1": 0.2, "val_top1": 0.3, "train_loss": 2.5, "val_loss": 2.4},
        {"epoch": 2, "train_top1": 0.6, "val_top1": 0.5, "train_loss": 1.5, "val_loss": 1.6},
    ]
    figure = figures.training_curves(metrics)
    shown = [(trace.name, trace.xaxis, list(trace.x), list(trace.y), trace.line.dash) for trace in figure.data]
    assert shown == [
        ("training", "x", [1, 2], [0.2, 0.6], "dot"),
        ("validation", "x", [1, 2], [0.3, 0.5], "solid"),
        ("training", "x2", [1, 2], [2.5, 1.5], "dot"),
        ("validation", "x2", [1, 2], [2.4, 1.6], "solid"),
    ]
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]


@pytest.mark.parametrize(("num_epochs", "step"), [(0, 1), (1, 1), (10, 1), (11, 2), (60, 6)])
def test_epochs_are_ticked_in_whole_steps(num_epochs, step):
    metrics = [dict.fromkeys(("epoch", "train_top1", "val_top1", "train_loss", "val_loss"), 1.0)] * num_epochs
    assert figures.training_curves(metrics).layout.xaxis.dtick == step


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


def test_axes_of_names_are_categories_and_no_figure_sets_a_background_or_a_font_colour(summary, costs):
    scores = [ClassScore(index=0, name="1.0", probability=1.0)]
    by_name = [figures.direction_shares(summary), figures.cost_bars(costs), figures.class_bars(scores)]
    assert [figure.layout.yaxis.type for figure in by_name] == ["category"] * 3
    for figure in (*by_name, figures.drift_over_training(summary), figures.training_curves([])):
        layout = figure.layout
        assert (layout.paper_bgcolor, layout.plot_bgcolor, layout.font.color) == (None, None, None)


def test_an_empty_table_gives_figures_without_marks():
    nothing = summarise([])
    drawn = [figures.direction_shares(nothing), figures.drift_over_training(nothing), figures.cost_bars(table([]))]
    assert not [trace for figure in drawn for trace in figure.data if len(trace.x)]
