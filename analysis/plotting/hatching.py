"""Patterns of bars in SVG as lines, because a PDF keeps pixels of SVG's own patterns."""

import math
import re
from typing import Final

_PATTERN: Final = re.compile(
    r'<pattern id="(?P<id>[^"]+)" width="(?P<side>[\d.]+)px"[^>]*patternTransform="(?:scale\((?P<scale>[\d.]+)\))?"'
    r">(?P<tile>.*?)</pattern>",
    re.DOTALL,
)
_FILLED: Final = re.compile(r"<path (?P<before>[^>]*)fill: url\('#(?P<id>[^']+)'\)(?P<after>[^>]*)/>")
_ATTRIBUTE: Final = re.compile(r'(\w+)="([^"]*)"')

Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def as_lines(svg: str) -> str:
    """Return a drawing by plotly in which the patterns of rectangles are lines and dots; all else stays."""
    tiles = {found["id"]: found for found in _PATTERN.finditer(svg)}
    drawn = _FILLED.sub(lambda found: _hatched(found, tiles), svg)
    return _PATTERN.sub("", drawn)


def _hatched(found: re.Match[str], tiles: dict[str, re.Match[str]]) -> str:
    """Return a rectangle without its pattern, and a path of lines on it."""
    tile = tiles[found["id"]]
    scale = float(tile["scale"] or 1)
    side = scale * float(tile["side"])
    # The first shape of a tile is its background, which is transparent.
    shape = dict(_ATTRIBUTE.findall(tile["tile"].split("/>")[1]))
    attributes = dict(_ATTRIBUTE.findall(found[0]))
    place = f' transform="{attributes["transform"]}"' if "transform" in attributes else ""
    rectangle = _rectangle(attributes["d"])
    if "r" in shape:
        width, colour = 2 * scale * float(shape["r"]), shape["fill"]
        lines = _dots(rectangle, side, width / 2)
    else:
        width, colour = scale * float(re.findall(r'stroke-width="([\d.]+)', tile["tile"])[0]), shape["stroke"]
        lines = _lines(rectangle, side, shape["d"])
    cap = "round" if "r" in shape else "butt"
    style = f"fill: none; stroke: {colour}; stroke-width: {width:.2f}px; stroke-linecap: {cap};"
    bare = found[0].replace(f"url('#{found['id']}')", "none")
    return f'{bare}<path class="hatching"{place} d="{lines}" style="{style}"/>'


def _rectangle(path: str) -> Rectangle:
    """Return the box of a path of straight lines along the axes."""
    across: list[float] = []
    down: list[float] = []
    for command, numbers in re.findall(r"([MHVL])([^MHVLZ]*)", path):
        values = [float(number) for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", numbers)]
        across += values[:1] if command in "MLH" else []
        down += values[-1:] if command in "MLV" else []
    return min(across), min(down), max(across), max(down)


def _lines(box: Rectangle, side: float, tile: str) -> str:
    """Return the lines of a tile across a rectangle: level, rising, falling, or the last two."""
    left, top, right, bottom = box
    if re.fullmatch(r"M0,([\d.]+)L[\d.]+,\1", tile):
        rows = range(math.ceil(top / side - 0.5), math.floor(bottom / side - 0.5) + 1)
        return "".join(f"M{left:g},{(row + 0.5) * side:.2f}H{right:g}" for row in rows)
    rising = _slanted(box, side) if re.search(r"L[\d.]+,0(?!\d|\.)", tile) else []
    # Falling lines are rising ones in a mirror.
    falling = _slanted((left, -bottom, right, -top), side) if "M0,0L" in tile else []
    segments = [*rising, *((x1, 0.0 - y1, x2, 0.0 - y2) for x1, y1, x2, y2 in falling)]
    return "".join(f"M{x1:.2f},{y1:.2f}L{x2:.2f},{y2:.2f}" for x1, y1, x2, y2 in segments)


def _slanted(box: Rectangle, side: float) -> list[Rectangle]:
    """Return the parts of the lines x + y = k side that lie in a rectangle, as their ends."""
    left, top, right, bottom = box
    numbers = range(math.ceil((left + top) / side), math.floor((right + bottom) / side) + 1)
    ends = [(number * side, max(left, number * side - bottom), min(right, number * side - top)) for number in numbers]
    return [(start, total - start, end, total - end) for total, start, end in ends if end > start]


def _dots(box: Rectangle, side: float, radius: float) -> str:
    """Return the dots of a tile in a rectangle as lines of no length, with round ends."""
    left, top, right, bottom = box

    def places(low: float, high: float) -> list[float]:
        first, last = math.ceil((low + radius) / side - 0.5), math.floor((high - radius) / side - 0.5)
        return [(number + 0.5) * side for number in range(first, last + 1)]

    return "".join(f"M{x:.2f},{y:.2f}h0" for y in places(top, bottom) for x in places(left, right))
