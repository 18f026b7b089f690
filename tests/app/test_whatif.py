"""The page What if, run without a browser."""

import pandas as pd

from analysis.interventions import SETTINGS
from app import kernel_resources, resources
from tests.app.test_pages import finding, open_page, sentences
from tests.tiny import save_tiny


def test_a_layer_of_a_link_is_asked_about(two_networks):
    at = open_page("whatif", ckpt="gte-tiny", layer="layer2.0")
    assert not at.exception
    assert not at.error
    assert "layer2.0 is" in finding(at)
    assert len(at.get("plotly_chart")) == 1


def test_a_network_without_learnable_shifts_gets_a_sentence(two_networks):
    at = open_page("whatif", ckpt="c2d-tiny")
    assert not at.exception
    assert any("has no learnable shifts" in text for text in sentences(at))


def test_a_network_of_other_classes_gets_a_sentence(two_networks):
    save_tiny(two_networks["runs/"] / "other.safetensors", "gte")
    at = open_page("whatif", ckpt="runs/other")
    assert not at.exception
    assert any("other classes" in text for text in sentences(at))


def test_the_kernels_page_links_to_it_with_its_layer(two_networks):
    at = open_page("kernels", layer="layer1.1")
    [link] = [link for link in at.get("page_link") if "Is layer1.1 needed?" in link.proto.label]
    assert "layer=layer1.1" in link.proto.query_string


def test_the_answer_is_measured_and_remembered(two_networks):
    found, _ = resources.checkpoints()
    first = kernel_resources.is_it_needed(found["gte-tiny"], "layer1.0.conv2.temporal.shift", 14)
    assert first["setting"].tolist() == list(SETTINGS)
    again = kernel_resources.is_it_needed(found["gte-tiny"], "layer1.0.conv2.temporal.shift", 14)
    pd.testing.assert_frame_equal(first, again)
