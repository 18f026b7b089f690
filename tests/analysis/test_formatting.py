import pytest
import torch

from analysis.formatting import block_name, block_names, join_words, large_count, percent, three_digits
from gte.models import MODELS, temporal_layers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.41, "0.41"),
        (0.775229, "0.775"),
        (62.29, "62.3"),
        (99.96, "100"),
        (1234.5, "1,230"),
        (0.000123456, "0.000123"),
        (-0.5, "−0.5"),
        (0.0, "0"),
        (float("nan"), "not a number"),
        (float("inf"), "infinite"),
        (float("-inf"), "minus infinite"),
    ],
)
def test_numbers_have_three_significant_digits_and_no_exponent(value, text):
    assert three_digits(value) == text


@pytest.mark.parametrize(("words", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_words_are_listed_as_in_a_sentence(words, text):
    assert join_words(words) == text


def test_a_share_is_written_in_percent():
    assert percent(0.4116) == "41.2 %"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (25_336_872_960, "25.34 G"),
        (17_970_000, "17.97 M"),
        (1_500, "1.50 k"),
        (640, "640"),
        (999_999_000, "1.00 G"),
        (1.97e12, "1.97 T"),
    ],
)
def test_large_counts_carry_two_decimals_and_a_unit(count, text):
    assert large_count(count) == text


@pytest.mark.parametrize(
    ("layer", "block"),
    [
        ("layer3.1.conv2.temporal.shift", "layer3.1"),
        ("layer10.22.conv1", "layer10.22"),
        ("fast.shift", "fast.shift"),
        ("layer1", "layer1"),
        ("slow.layer4.2.conv1", "slow.layer4.2"),
        ("features.5.branch1.1.3.0", "features.5"),
        ("conv3a", "conv3a"),
    ],
)
def test_a_layer_is_called_by_its_block(layer, block):
    assert block_name(layer) == block


def test_layers_of_one_block_get_names_of_their_own():
    names = block_names(["stem.3", "layer1.0.conv1.0.3", "layer1.0.conv2.0.3", "layer2.0.conv1.0.3", "conv5b"])
    assert list(names.values()) == ["stem.3", "layer1.0.conv1", "layer1.0.conv2", "layer2.0", "conv5b"]


def test_a_layer_within_another_one_keeps_its_whole_path():
    assert block_names(["a.0", "a.0.x"]) == {"a.0": "a.0", "a.0.x": "a.0.x"}


@pytest.mark.parametrize("name", MODELS)
def test_no_two_temporal_layers_of_a_network_share_a_name(name):
    with torch.device("meta"):
        layers = temporal_layers(MODELS[name].build())
    names = block_names(layers)
    assert list(names) == list(layers)
    assert len(set(names.values())) == len(layers)
