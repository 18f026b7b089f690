"""Where names stand beside the points of a scatter, so that no name lies on a point or on another name."""

from collections.abc import Sequence
from typing import Literal

Side = Literal["left", "right"]
"""Which end of a name stands at its point."""

PLACES: tuple[tuple[Side, int], ...] = (
    ("left", 0),
    ("right", 0),
    ("right", 16),
    ("left", -16),
    ("left", 16),
    ("right", -16),
    ("right", 32),
    ("left", -32),
    ("left", 32),
    ("right", -32),
)
"""Where a name may stand beside its point, the best first: the side, and how many pixels above it."""
PLOT_WIDTH, PLOT_HEIGHT = 560, 330
"""Pixels of the plot in a narrow window, in which names need most room."""
CHARACTER_WIDTH, HALF_HEIGHT = 8, 8
GAP = 4
"""Between a point's edge and its name, in pixels."""
SMALL_POINT = 5.0

Box = tuple[float, float, float, float]
"""Left, lower, right, upper."""


def places(
    spots: Sequence[tuple[float, float]], names: Sequence[str], radii: Sequence[float] | None = None
) -> list[tuple[Side, int]]:
    """A place for each name on which no point and no other name lies, as far as there is one.

    `spots` are parts of the plot's sides, from 0 to 1; `radii` are the points' in pixels.
    """
    sizes = radii or [SMALL_POINT] * len(spots)
    points = [(x * PLOT_WIDTH, y * PLOT_HEIGHT) for x, y in spots]
    taken: list[Box] = [(x - r, y - r, x + r, y + r) for (x, y), r in zip(points, sizes, strict=True)]
    chosen = []
    for (x, y), radius, name in zip(points, sizes, names, strict=True):
        boxes = {place: _box(x, y, radius, len(name) * CHARACTER_WIDTH, place) for place in PLACES}
        covered = {place: sum(_overlap(box, other) for other in taken) for place, box in boxes.items()}
        inside = {place: box[0] >= 0 and box[2] <= PLOT_WIDTH for place, box in boxes.items()}
        place = min(PLACES, key=lambda place: (covered[place] + (not inside[place]), PLACES.index(place)))
        taken.append(boxes[place])
        chosen.append(place)
    return chosen


def offset(radius: float) -> float:
    """Pixels from a point's middle to its name."""
    return radius + GAP


def _box(x: float, y: float, radius: float, width: float, place: tuple[Side, int]) -> Box:
    side, rise = place
    left = x + offset(radius) if side == "left" else x - offset(radius) - width
    return left, y + rise - HALF_HEIGHT, left + width, y + rise + HALF_HEIGHT


def _overlap(one: Box, other: Box) -> bool:
    """True if two boxes share a point."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
