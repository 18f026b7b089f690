"""Calls: what is run and what is printed are one and the same."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from analysis.plotting.call import Call, Named, Part
from gte.models import ClipShape
from tests.analysis.snippets import last_value


@dataclass(frozen=True)
class Range:
    first: int
    last: int = 9


def describe(*values: object, **options: object) -> str:
    return f"{values} {options}"


def length(values: Range) -> int:
    return values.last - values.first


@pytest.mark.parametrize(
    "call",
    [
        Call(describe, 1, -1.5, "a 'b'", None, True, option=(1,)),
        Call(describe, [Call(length, Range(2)), {"a": Named("r", Range(3, 4))}], (), 1 / 3),
        Call(describe, Named("r", Range(3, 4)), Part(Named("r", Range(3, 4)), "first"), Part(Named("x", [5, 6]), 1)),
        Call(describe, Fraction(1, 4), ClipShape(8, 224, 224), torch.tensor([1.0])[0].item(), Call(Path, "a/b")),
        Call(describe, *[f"{number} is longer than a line can be" for number in range(9)], option=tuple(range(60))),
        Call(Range.__repr__, Range(1)),
    ],
)
def test_what_is_printed_gives_what_is_run(call):
    assert last_value(call.code()) == call.run()


def test_a_snippet_imports_names_and_calls():
    r = Named("r", Call(Range, 2))
    assert Call(describe, Call(length, r), r, size=3).code().splitlines() == [
        "from tests.analysis.plotting.test_call import Range, describe, length",
        "",
        "r = Range(2)",
        "describe(length(r), r, size=3)",
    ]


def test_a_known_value_is_not_computed_again():
    assert Call(length, Named("r", Call(Range, 0), Range(5))).run() == 4
    named = Named("r", Call(Range, 0))
    assert named.value is named.value


def test_a_value_without_notation_needs_a_name():
    with pytest.raises(TypeError, match="A Tensor has no notation"):
        Call(describe, torch.zeros(2)).code()
    with pytest.raises(ValueError, match="Two values of a snippet are called r"):
        Call(describe, Named("r", 1), Named("r", 2)).code()
