import pytest

from analysis.wording import block_name, large_count, percent, three_digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.41, "0.41"),
        (0.775229, "0.775"),
        (62.29, "62.3"),
        (99.96, "100"),
        (1234.5, "1,230"),
        (0.000123456, "0.000123"),
        (-0.5, "-0.5"),
        (0.0, "0"),
        (float("nan"), "not a number"),
        (float("inf"), "infinite"),
        (float("-inf"), "minus infinite"),
    ],
)
def test_numbers_have_three_significant_digits_and_no_exponent(value, text):
    assert three_digits(value) == text


def test_a_share_is_written_in_percent():
    assert percent(0.4116) == "41.2 %"


@pytest.mark.parametrize(
    ("count", "text"),
    [(25_336_872_960, "25.34 G"), (17_970_000, "17.97 M"), (1_500, "1.50 k"), (640, "640"), (999_999_000, "1.00 G")],
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
    ],
)
def test_a_layer_is_called_by_its_block(layer, block):
    assert block_name(layer) == block
