"""Figures with a row for each layer: what they show, in which order, with which words."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.kernels import figures_by_layer
from analysis.kernels.summary import summarise
from analysis.plotting import style
from analysis.plotting.rows import ROW_PITCH
from gte.kernel_history import KernelHistory
from tests.analysis.toys import AHEAD, BACK, NOW, SECOND, kernel_history

# plotly makes the attributes of its figures at run time, where pyright does not see them.
figures: Any = figures_by_layer


def shares(*summaries):
    return figures.shares_side_by_side(summaries, [str(number) for number in range(len(summaries))])


@pytest.fixture
def summary():
    """Two layers of four outputs: the first does not change, of the second an output that looked ahead stays."""
    start = [AHEAD, AHEAD, BACK, BACK]
    changed = [AHEAD, NOW, BACK, BACK]
    return summarise([kernel_history(start, start), kernel_history(start, changed, layer=SECOND)])


def bars(figure):
    """The bars of the three directions, from the past to the future."""
    return [next(trace for trace in figure.data if trace.legendgroup == name) for name in style.DIRECTION_COLOURS]


def outlines(figure):
    """Places and lengths of the outlines of directions."""
    drawn = [bar for bar in figure.data if bar.marker.color == style.TRANSPARENT and not bar.legendgroup]
    return [(list(bar.base), list(bar.x)) for number, bar in enumerate(drawn) if number % 4 < 3]


def test_direction_bars_are_centred_on_the_present_with_the_past_to_the_left(summary):
    figure = shares(summary)
    back, stay, ahead = bars(figure)
    assert list(back.y) == ["layer1.0", "layer2.0"]
    # Layer 2.0: half look back, a quarter stays, a quarter looks ahead; the middle of what stays is at 0.
    assert (back.base[1], back.x[1]) == (-0.625, 0.5)
    assert (stay.base[1], stay.x[1]) == (-0.125, 0.25)
    assert (ahead.base[1], ahead.x[1]) == (0.125, 0.25)
    assert [bar.marker.color for bar in (back, stay, ahead)] == list(style.DIRECTION_COLOURS.values())
    assert list(ahead.customdata[1]) == [SECOND, "25 %"]
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.yaxis.type == "category"
    assert figure.layout.height == 430


def test_outlines_show_the_initialisation(summary):
    assert outlines(shares(summary)) == [
        ([-0.5, -0.5], [0.5, 0.5]),
        ([], []),  # at a hard shift no output stays
        ([0, 0], [0.5, 0.5]),
    ]


def test_a_layer_whose_outputs_all_began_in_the_present_has_an_outline_as_well():
    weights = np.zeros((2, 4, 2, 3, 1), dtype=np.float32)
    weights[:, :, :, 1] = 1
    began = summarise([KernelHistory(layer="layer1.0", steps=np.array([0, 1]), weights=weights)])
    assert [outline for outline in outlines(shares(began, began)) if outline[1]] == [([-0.5], [1])] * 2


def test_weights_that_are_not_numbers_leave_a_row_without_a_share_for_them():
    back, _, ahead = bars(shares(summarise([kernel_history([AHEAD, BACK], [AHEAD, [math.nan, 0, 0]])])))
    assert (list(back.x), list(ahead.x)) == ([0], [0.5])


def test_an_unknown_start_has_no_outline(summary):
    figure = shares(summarise([kernel_history([AHEAD, AHEAD, NOW, BACK], known=False)]))
    assert [bar for bar in outlines(figure) if bar[1]] == []
    assert [(list(bar.x), list(bar.base)) for bar in bars(figure)][2] == ([0.5], [0.125])
    assert not [
        trace
        for trace in figures.drift_by_depth(summarise([kernel_history([AHEAD], known=False)])).data
        if len(trace.x)
    ]


def test_the_bar_of_the_drift_is_as_long_as_the_drift_and_is_cut_by_its_parts(summary):
    figure = figures.drift_by_depth(summary)
    along, frames, channels, cosine = figure.data
    # |W - W0| = sqrt(2) and |W0| = 2; half of the square is lost at the initial tap, half is gained at the present.
    half = pytest.approx(math.sqrt(2) / 4)
    assert [list(bar.x) for bar in (along, frames, channels)] == [[0, half], [0, half], [0, 0]]
    assert list(along.customdata[1]) == [SECOND, "50 %", "0.707"]
    assert list(cosine.x) == [pytest.approx(1), pytest.approx(0.75)]
    assert cosine.xaxis == "x2"


def test_an_earlier_snapshot_shows_its_own_drift_on_the_same_scale(summary):
    first, last = figures.drift_by_depth(summary, 0), figures.drift_by_depth(summary)
    assert not any(any(bar.x) for bar in first.data[:3])
    assert first.layout.xaxis.range == last.layout.xaxis.range
    with pytest.raises(IndexError):
        figures.drift_by_depth(summary, 2)


def test_layers_whose_start_is_unknown_have_no_drift():
    start = [AHEAD, BACK]
    mixed = summarise([kernel_history(start, [AHEAD, NOW]), kernel_history(start, layer=SECOND, known=False)])
    assert list(figures.drift_by_depth(mixed, 1).data[0].y) == ["layer1.0"]


def test_a_band_lies_under_the_selected_layer_alone(summary):
    (band,) = figures.drift_by_depth(summary, selected=SECOND).layout.shapes
    assert (band.y0, band.y1, band.layer) == (0.5, 1.5, "below")
    assert not figures.drift_by_depth(summary, selected="layer9.0").layout.shapes


def test_six_kinds_are_stacked_at_the_snapshot_and_at_the_start(summary):
    figure = figures.kinds_by_layer(summary)
    now = {bar.legendgroup: bar for bar in figure.data if bar.showlegend}
    start = {bar.legendgroup: bar for bar in figure.data if not bar.showlegend}
    assert [now[name].x[1] for name in ("back", "now", "ahead")] == [0.5, 0.25, 0.25]
    assert [now[name].base[1] for name in ("back", "now", "ahead")] == [0, 0.5, 0.75]
    assert [start[name].x[1] for name in ("back", "now", "ahead")] == [0.5, 0, 0.5]
    assert len(now) == len(start) == 6


def test_a_chart_of_many_layers_grows_until_every_name_can_be_read():
    crowd = summarise([kernel_history([AHEAD, BACK], layer=f"layer{number}.0.shift") for number in range(33)])
    for figure in (shares(crowd), figures.drift_by_depth(crowd), figures.kinds_by_layer(crowd)):
        assert len(figure.layout.yaxis.tickvals) == 33
        plot = figure.layout.height - style.MARGINS["t"] - style.MARGINS["b"]
        assert plot / 33 >= ROW_PITCH


def test_axes_of_names_are_categories_and_no_figure_sets_a_background_or_a_font_colour(summary):
    for figure in (shares(summary), figures.drift_by_depth(summary), figures.kinds_by_layer(summary)):
        layout = figure.layout
        assert layout.yaxis.type == "category"
        assert (layout.paper_bgcolor, layout.plot_bgcolor, layout.font.color) == (None, None, None)


def test_an_empty_table_gives_figures_without_marks():
    nothing = summarise([])
    drawn = [shares(nothing), figures.drift_by_depth(nothing), figures.kinds_by_layer(nothing)]
    assert not [trace for figure in drawn for trace in figure.data if len(trace.x)]


def test_the_reach_of_a_second_checkpoint_is_drawn_after_the_blocks_of_the_first():
    def tables(reach, blocks):
        spread = [
            {"line": "measured", "block": block, "spread": reach, "low": reach, "high": reach} for block in blocks
        ]
        shares = [{"line": "measured", "offset": offset, "share": 0.5} for offset in (0, 1)]
        return pd.DataFrame(spread), pd.DataFrame(shares)

    deeper = tables(2.0, ["layer1.0", "layer2.0", "layer2.1"])
    figure = figures.reach_by_depth(*tables(1.0, ["layer1.0", "layer2.0"]), name="mine", others={"yours": deeper})
    mine, _, yours, share = figure.data
    assert (mine.name, mine.line.dash) == ("measured on clips, mine", "solid")
    assert (yours.name, yours.line.dash) == ("measured on clips, yours", "dash")
    assert dict(zip(yours.x, yours.y, strict=True)) == {"layer1.0": 2.0, "layer2.0": 2.0}
    assert list(share.y) == [0.5, 0.5]
