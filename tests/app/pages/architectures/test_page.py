"""The page Architectures, run without a browser: its tabs without networks, and tables that sort."""

import pandas as pd
import pytest

from tests.app.opening import SMALL, finding, open_page, sentences

NOTHING = {**SMALL, "width": "16", "compared": ""}
"""No network, and numbers at which the sweep takes a moment."""


@pytest.mark.parametrize("view", ["Cost by layer", "Speed on this machine"])
def test_a_tab_that_needs_networks_says_so_where_none_is_chosen(folders, view):
    at = open_page("architectures", **NOTHING, view=view)
    assert not at.exception
    assert sentences(at)[-1] == "Choose at least one network."
    assert [button.label for button in at.button] == ["Present", "Figures for a paper (ZIP)"]


@pytest.mark.parametrize(
    ("view", "title"),
    [
        ("Table 1, interactive", "Table 1, interactive"),
        ("Varying t", "Cost against t"),
        ("Paper check", "Printed figures next to ours"),
    ],
)
def test_what_does_not_depend_on_the_choice_stays_where_no_network_is_chosen(folders, view, title):
    at = open_page("architectures", **NOTHING, view=view)
    assert not at.exception
    assert title in [heading.value for heading in at.subheader]
    (sentence,) = sentences(at)
    assert sentence.startswith("No network is chosen")
    # The diagram has a choice of its own.
    assert at.selectbox(key="diagram").value == "GTE"
    assert not finding(at)
    if view == "Paper check":
        reported = at.dataframe[-1].value
        numbers = ["Top-1", "Top-5", "Frames", "Crop", "Printed", "MACs", "Parameters"]
        assert all(pd.api.types.is_numeric_dtype(reported[name]) for name in numbers)


def test_the_table_of_a_block_sorts_by_its_numbers_in_the_chosen_unit(folders):
    at = open_page("architectures", **SMALL, compared="GTE", view="Cost by layer", unit="FLOPs")
    assert not at.exception
    block = next(frame.value for frame in at.dataframe if "Layer" in frame.value)
    assert all(pd.api.types.is_numeric_dtype(block[name]) for name in ("Parameters", "FLOPs", "Share"))
    shift = block.set_index("Layer").loc["conv2.temporal.shift"]
    # Three taps of every input and output, for each output's pixels of 2 frames, a multiplication and an addition.
    pixels = 2 * int(shift["Output size"].split(" x ")[1]) ** 2
    assert shift["Parameters"] == 3 * shift["C_i"] * shift["C_o"]
    assert shift["FLOPs"] == 2 * shift["Parameters"] * pixels


def test_the_sweep_over_t_follows_views_and_classifier_of_the_page(folders):
    at = open_page("architectures", **NOTHING, view="Varying t", clips="2", crops="3", head="left out")
    assert not at.exception
    sentence = " ".join(text.value for text in at.markdown)
    assert "for all 6 views of a video" in sentence
    assert "and not with depth 26, width 16, 10 classes and a network without its classifier" in sentence
