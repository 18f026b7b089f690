"""Placement of names next to the points of a scatter plot, so that no name covers a point or another name."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right", "center"]
"""Which part of a name stands at its point."""

PLACES: tuple[tuple[Side, int], ...] = (
    ("left", 0),
    ("right", 0),
    ("center", 1),
    ("center", -1),
    ("left", 16),
    ("left", -16),
    ("right", 16),
    ("right", -16),
    ("left", 32),
    ("left", -32),
    ("right", 32),
    ("right", -32),
    ("center", 2),
    ("center", -2),
)
"""Where a name may stand, the best first: beside its point, so many pixels above it, or in a line above or below it."""
PLOTS: tuple[tuple[int, int], ...] = ((560, 270), (1040, 270))
"""Pixels of the plot in a narrow and in a wide window."""
CHARACTER_WIDTH, HALF_HEIGHT = 7.4, 8
GAP = 4
"""Between a point's edge and its name, in pixels."""
SMALL_POINT = 5.0

Box = tuple[float, float, float, float]
"""Left, lower, right, upper."""


@dataclass(frozen=True)
class Place:
    """Where a name stands, from the middle of its point in pixels."""

    side: Side
    right: float
    up: float


def places(
    spots: Sequence[tuple[float, float]], names: Sequence[str], radii: Sequence[float] | None = None
) -> list[Place]:
    """A place for each name on which no point and no other name lies, as far as there is one.

    `spots` are parts of the plot's sides, from 0 to 1; `radii` are the points' in pixels.
    """
    sizes = radii or [SMALL_POINT] * len(spots)
    given = range(len(names))
    across, upwards = (sorted(given, key=lambda number: spots[number][axis]) for axis in (0, 1))
    orders = (given, given[::-1], across, across[::-1], upwards, upwards[::-1])
    attempts = [_placed(order, spots, names, sizes) for order in orders]
    # The first of those that cover least.
    return min(attempts, key=lambda attempt: attempt[0])[1]


def _placed(
    order: Sequence[int], spots: Sequence[tuple[float, float]], names: Sequence[str], sizes: Sequence[float]
) -> tuple[int, list[Place]]:
    """Give each name in turn the place where it covers least; return what all cover, and the places."""
    plots = [_Plot(width, [(x * width, y * height) for x, y in spots], sizes) for width, height in PLOTS]
    total, chosen = 0, {}
    for number in order:
        offered = [_place(sizes[number], side, rise) for side, rise in PLACES]
        covered = [sum(plot.covered(number, place, names[number]) for plot in plots) for place in offered]
        best = offered[covered.index(min(covered))]
        for plot in plots:
            plot.take(number, best, names[number])
        total += min(covered)
        chosen[number] = best
    return total, [chosen[number] for number in sorted(chosen)]


class _Plot:
    """What is taken already in a plot of some width."""

    def __init__(self, width: float, points: Sequence[tuple[float, float]], radii: Sequence[float]) -> None:
        self.width = width
        self.points = points
        self.taken: list[Box] = [(x - r, y - r, x + r, y + r) for (x, y), r in zip(points, radii, strict=True)]

    def covered(self, number: int, place: Place, name: str) -> int:
        """What a name would cover there; to stand out of the plot is as bad as to cover something."""
        box = self._box(number, place, name)
        return sum(_overlap(box, other) for other in self.taken) + (box[0] < 0 or box[2] > self.width or box[1] < 0)

    def take(self, number: int, place: Place, name: str) -> None:
        self.taken.append(self._box(number, place, name))

    def _box(self, number: int, place: Place, name: str) -> Box:
        (x, y), width = self.points[number], len(name) * CHARACTER_WIDTH
        left = x + place.right - {"left": 0, "center": width / 2, "right": width}[place.side]
        return left, y + place.up - HALF_HEIGHT, left + width, y + place.up + HALF_HEIGHT


def _place(radius: float, side: Side, rise: int) -> Place:
    away = radius + GAP
    if side == "center":
        lines = 2 * HALF_HEIGHT * (abs(rise) - 1)
        return Place(side, 0, math.copysign(away + HALF_HEIGHT + lines, rise))
    return Place(side, away if side == "left" else -away, rise)


def _overlap(box: Box, other: Box) -> bool:
    """True if two boxes share a point."""
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
