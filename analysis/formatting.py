"""Numbers, names, lists and directions of time as people read them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

Direction = Literal["back", "now", "ahead"]
"""The frame that dominates the taps of an output channel: a past one, the current one, a future one."""

DIRECTIONS: Final[tuple[Direction, ...]] = ("back", "now", "ahead")
"""In the order in which figures show them: the past on the left, the future on the right."""

DIRECTION_WORDS: Final[Mapping[Direction, str]] = MappingProxyType(
    {"back": "looks back", "now": "now", "ahead": "looks ahead"}
)
KIND_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {**DIRECTION_WORDS, "averages": "averages", "subtracts": "subtracts", "mixed": "mixed"}
)
"""The six kinds of output channels, three of which are the directions."""
KIND_VERBS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "back": ("looks back", "look back", "looked back"),
        "now": ("reads the current frame", "read the current frame", "read the current frame"),
        "ahead": ("looks ahead", "look ahead", "looked ahead"),
        "combined": ("combines frames", "combine frames", "combined frames"),
        "averages": ("averages frames", "average frames", "averaged frames"),
        "subtracts": ("subtracts frames", "subtract frames", "subtracted frames"),
        "mixed": ("is mixed", "are mixed", "was mixed"),
        "silent": ("has only zeros", "have only zeros", "had only zeros"),
        "undefined": ("contains NaN or infinity", "contain NaN or infinity", "contained NaN or infinity"),
    }
)
"""What one output channel of a kind does, what several do, and what one did; "combined" is the last three kinds."""

COST_UNITS: Final[Mapping[int, str]] = {1: "MACs", 2: "FLOPs"}
"""Names of costs, by how many operations one multiply-accumulate counts for."""


def three_digits(value: float) -> str:
    """Format a number with three significant digits, no exponent and a minus sign; NaN is "not a number"."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    # Rounding first can raise the magnitude: 99.96 becomes 100, not 100.0.
    rounded = round(value, 2 - magnitude)
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def percent(share: float) -> str:
    """Format a share between 0 and 1 as a percentage with three significant digits: 0.41 is "41 %"."""
    return f"{three_digits(100 * share)} %"


def power_of_ten(value: float) -> str:
    """Format a positive number with a power of ten: "4.2 · 10⁻⁸"."""
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits} · 10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def p_value_in_words(value: float) -> str:
    """Format a p-value with two significant digits, below a thousandth as a power of ten: "p = 1.9 · 10⁻⁶"."""
    return f"p = {value:.2g}" if value >= 1e-3 else f"p = {power_of_ten(value)}" if value > 0 else "p < 10⁻³⁰⁰"


def large_count(count: int | float) -> str:
    """Format a count as papers print it: "1.97 T", "25.34 G", "17.97 M", "1.50 k", "640"."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        # A count that rounds to the next unit is written in it: 999,999,000 is 1.00 G.
        if abs(count) >= size * 0.999995:
            return f"{count / size:.2f} {unit}"
    return f"{count:.0f}"


def join_words(words: Sequence[str]) -> str:
    """Join one or more words as a sentence lists them: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def block_name(layer: str) -> str:
    """Return the block of a layer, its path up to the first number: "layer3.1" for "layer3.1.conv2.shift".

    "slow.layer4.2" and "features.5" are such names as well; a path without a number is returned unchanged.
    """
    parts = layer.split(".")
    numbers = [place for place, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[: numbers[0] + 1]) if numbers else layer


def block_names(layers: Iterable[str]) -> dict[str, str]:
    """Give each layer a short, unique name: that of its block, with more of its path if the block has several layers.

    "layer1.0.conv1" and "layer1.0.conv2" for "layer1.0.conv1.0.3" and "layer1.0.conv2.0.3".
    """
    paths = [tuple(layer.split(".")) for layer in layers]
    names: dict[str, str] = {}
    for path in paths:
        shortest = len(block_name(".".join(path)).split("."))
        lengths = range(shortest, len(path) + 1)
        length = next((n for n in lengths if sum(other[:n] == path[:n] for other in paths) == 1), len(path))
        names[".".join(path)] = ".".join(path[:length])
    return names
