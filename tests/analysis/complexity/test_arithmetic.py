"""Table 1's networks counted once more, by plain arithmetic that knows no module and no tracer."""

from dataclasses import dataclass, replace

import pytest

from analysis.complexity import counting
from gte.models import ClipShape

STAGES = {26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Blocks of each stage."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    depth: int = 50
    width: int = 64
    classes: int = 174
    frames: int = 8
    side: int = 224


def convolutions(name: str, width: int, entering: int, leaving: int) -> list[tuple[int, int]]:
    """What stands in the place of the 3x3 at t = 1/4: the weights of each convolution, and its positions in a frame."""
    half, quarter = width // 2, width // 4
    spatial = (9 * half * (width - quarter), leaving)
    match name:
        case "c3d":
            return [(27 * width * width, leaving)]
        case "gst":
            return [spatial, (27 * half * quarter, leaving)]
        case "gte":
            return [spatial, (3 * half * quarter, entering), (9 * quarter * quarter, leaving)]
        case _:
            return [(9 * width * width, leaving)]


def by_hand(name: str, setting: Setting) -> tuple[int, int]:
    """Parameters, and MACs of convolutions and the classifier."""
    layers: list[tuple[int, int]] = []
    norms = setting.width
    side = setting.side // 2
    layers.append((49 * 3 * setting.width, side**2))
    side //= 2
    channels = setting.width
    for stage, blocks in enumerate(STAGES[setting.depth]):
        width = setting.width * 2**stage
        for block in range(blocks):
            before = side**2
            side //= 2 if stage and not block else 1
            layers.append((channels * width, before))
            layers += convolutions(name, width, before, side**2)
            layers.append((4 * width * width, side**2))
            norms += 6 * width
            if not block:
                layers.append((4 * channels * width, side**2))
                norms += 4 * width
            channels = 4 * width
    layers.append((channels * setting.classes, 1))
    weights = sum(count for count, _ in layers) + 2 * norms + setting.classes
    return weights, setting.frames * sum(count * positions for count, positions in layers)


PAPER = Setting()
SETTINGS = (
    PAPER,
    replace(PAPER, depth=101, frames=16, classes=400),
    replace(PAPER, depth=26, width=16, frames=3, side=64, classes=1),
)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
@pytest.mark.parametrize("name", ["c2d", "tsm", "c3d", "gst", "gte"])
def test_parameters_and_macs_are_those_of_plain_arithmetic(name, setting):
    options = {"depth": setting.depth, "base_width": setting.width, "num_classes": setting.classes}
    counted = counting.count_by_torch(name, options, ClipShape(setting.frames, setting.side, setting.side))
    assert (counted.params, counted.macs_conv_linear) == by_hand(name, setting)
