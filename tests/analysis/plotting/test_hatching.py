"""Patterns as lines: those of small rectangles, worked out by hand."""

import re

import pytest

from analysis.plotting.hatching import as_lines

TILES = {
    "/": '<path d="M-1,1l2,-2M0,4L4,0M3,5l2,-2" opacity="1" stroke="rgb(1, 2, 3)" stroke-width="1px"/>',
    "x": '<path d="M0,4L4,0M3,-1l2,2M0,0L4,4" opacity="1" stroke="rgb(1, 2, 3)" stroke-width="1px"/>',
    "-": '<path d="M0,2L4,2" opacity="1" stroke="rgb(1, 2, 3)" stroke-width="1px"/>',
    ".": '<circle cx="2" cy="2" r="1" opacity="1" fill="rgb(1, 2, 3)"/>',
}


def drawing(shape: str, scale: str = "") -> str:
    """A rectangle from (1, 0) to (7, 4) with a pattern whose tile has a side of 4."""
    return (
        f'<svg><defs><pattern id="p" width="4px" height="4px" patternUnits="userSpaceOnUse" patternTransform="{scale}">'
        f'<rect width="4px" height="4px" fill="rgb(0, 0, 0)" fill-opacity="0"/>{TILES[shape]}</pattern></defs>'
        '<path d="M1,4V0H7V4Z" transform="translate(9,9)" style="opacity: 1; fill: url(\'#p\'); stroke: red;"/></svg>'
    )


@pytest.mark.parametrize(
    ("shape", "lines"),
    [
        ("/", "M1.00,3.00L4.00,0.00M4.00,4.00L7.00,1.00"),  # x + y = 4 and 8
        ("x", "M1.00,3.00L4.00,0.00M4.00,4.00L7.00,1.00M1.00,1.00L4.00,4.00M4.00,0.00L7.00,3.00"),
        ("-", "M1,2.00H7"),
        (".", "M2.00,2.00h0M6.00,2.00h0"),
    ],
)
def test_a_pattern_becomes_the_lines_that_it_has_in_its_rectangle(shape, lines):
    svg = as_lines(drawing(shape))
    assert "pattern" not in svg
    assert "url(" not in svg
    assert 'style="opacity: 1; fill: none; stroke: red;"/>' in svg
    [found] = re.findall(r'<path class="hatching" transform="translate\(9,9\)" d="([^"]*)" style="([^"]*)"/>', svg)
    width, cap = ("2.00", "round") if shape == "." else ("1.00", "butt")
    assert found[0] == lines
    assert found[1] == f"fill: none; stroke: rgb(1, 2, 3); stroke-width: {width}px; stroke-linecap: {cap};"


def test_the_smaller_pattern_of_a_legend_has_closer_lines():
    assert 'd="M1,1.00H7M1,3.00H7"' in as_lines(drawing("-", "scale(0.5)"))


def test_a_drawing_without_patterns_stays_as_it_is():
    svg = '<svg><path d="M0,0H1V1Z" style="fill: red;"/></svg>'
    assert as_lines(svg) == svg
