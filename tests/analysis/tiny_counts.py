"""Counts of tiny networks, each made once for all tests."""

from functools import cache

from analysis.complexity.counting import Complexity, count_each
from gte.models import ClipShape

TINY = {"depth": 26, "base_width": 16, "num_classes": 5}
SMALL = ClipShape(4, 32, 32)
"""Options and a clip at which a count takes a second."""


@cache
def tiny_count(name: str) -> Complexity:
    """Count a network at these; one that takes no clip so small is counted at its native one."""
    [item] = count_each([name], TINY, SMALL)
    assert isinstance(item, Complexity)
    return item
