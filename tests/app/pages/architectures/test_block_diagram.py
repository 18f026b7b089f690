"""The block diagram on the page Architectures, run without a browser."""

import json
import re
import xml.etree.ElementTree as ElementTree

from streamlit.testing.v1 import AppTest

from tests.app.opening import SMALL, open_page, sentences, url_of


def drawing(at: AppTest) -> str:
    [element] = at.get("bidi_component")
    return json.loads(element.proto.json)["svg"]


def shown(at: AppTest) -> tuple[str, str]:
    return str(at.selectbox(key="diagram").value), str(at.selectbox(key="drawn").value)


def test_the_page_opens_on_a_gte_block_with_the_shapes_of_the_chosen_numbers(folders):
    at = open_page("architectures", **SMALL, compared="GTE")
    assert not at.exception
    assert shown(at)[0] == "GTE"
    assert "LTS 3×1×1" in drawing(at)
    assert " × 2 × " in ElementTree.fromstring(drawing(at)).attrib["aria-label"]
    at.number_input(key="frames").set_value(3).run()
    assert " × 3 × " in ElementTree.fromstring(drawing(at)).attrib["aria-label"]


def test_without_gte_it_opens_on_the_first_chosen_network(folders):
    assert shown(open_page("architectures", **SMALL, compared="TSM"))[0] == "TSM"


def test_a_link_chooses_network_and_block_and_another_network_keeps_a_block_that_it_has(folders):
    at = open_page("architectures", **SMALL, compared="C2D", diagram="I3D", drawn="layer2.0")
    assert shown(at) == ("I3D", "layer2.0")
    assert sentences(at) == []
    at.selectbox(key="diagram").set_value("P3D").run()
    assert shown(at) == ("P3D", "layer2.0")
    at.selectbox(key="diagram").set_value("C3D, original").run()
    assert not at.exception
    assert shown(at)[1].startswith("conv")
    assert any("takes no clip as small as 2 x 32 x 32" in caption.value for caption in at.caption)


def test_a_network_that_cannot_have_these_numbers_leaves_the_rest_of_the_page_as_it_is(folders):
    at = open_page("architectures", **SMALL, compared=["C2D", "GTE"], width="16", t="1/16", view="Cost by layer")
    assert not at.exception
    # Once on the page, and in its reader's words.
    assert sentences(at) == [
        "GTE: The temporal share t must give every block an even number of temporal channels, so that both directions "
        "exist; got 1/16 of 16 channels, which is 1. Choose another t or another width."
    ]
    assert any("GTE has no block to draw with these numbers" in caption.value for caption in at.caption)
    table = at.dataframe[0].value
    assert table["Network"].tolist() == ["C2D", "GTE"]
    assert table["MACs"].isna().tolist() == [False, True]
    # The tabs go on with what was counted.
    assert at.selectbox(key="network").options == ["C2D"]
    # A block that is drawn of a network that is not chosen says itself why it cannot be.
    alone = open_page("architectures", **SMALL, compared="C2D", width="16", t="1/16", diagram="GTE")
    assert [error.value.startswith("The temporal share t must give") for error in alone.error] == [True]


def test_a_link_to_a_block_that_does_not_exist_is_reported(folders):
    at = open_page("architectures", **SMALL, compared="C2D", drawn="layer9.9")
    assert not at.exception
    assert ["layer9.9" in text for text in sentences(at)] == [True]


def test_the_layer_of_a_box_is_marked_in_the_cost_by_layer(folders):
    link = {"view": "Cost by layer", "network": "GTE", "stage": "layer2", "block": "layer2.0"}
    at = open_page("architectures", **SMALL, compared=["C2D", "GTE"], **link, box="conv2.temporal.shift")
    assert not at.exception
    assert sentences(at) == []
    assert url_of(at)["box"] == ["conv2.temporal.shift"]
    # Every box of a layer is a row of the table that it opens.
    boxes = re.findall('data-layer="([^"]+)"', drawing(open_page("architectures", **SMALL, drawn="layer2.0")))
    table = next(frame.value for frame in at.dataframe if "Layer" in frame.value)
    assert "conv2.temporal.shift" in boxes
    assert set(boxes) <= set(table["Layer"])
