"""What becomes of an answer, in numbers and in words."""

import math

import pytest
import torch

from analysis.attribution.evidence import Evidence, NotNumbersError
from analysis.interventions import (
    Effect,
    classes_of_interest,
    effects_table,
    evidence_in_words,
    in_powers_of_ten,
    relative_difference,
    theorem,
    what_to_see,
)
from analysis.interventions.figures import answers_before_and_after


def effect(before: list[float], after: list[float], **facts) -> Effect:
    given = {"network": "net", "classes": ("left", "right", "up"), "twins": (1, 0, -1)} | facts
    return Effect(before=torch.tensor(before), after=torch.tensor(after), **given)


def test_differences_are_in_parts_of_the_largest_logit_before():
    assert relative_difference(torch.tensor([1.0, -4.0]), torch.tensor([2.0, -4.0])) == 0.25
    with pytest.raises(NotNumbersError):
        relative_difference(torch.tensor([1.0, math.nan]), torch.tensor([1.0, 2.0]))


@pytest.mark.parametrize(
    ("share", "told"), [(4.2e-8, "4.2 · 10⁻⁸"), (0.25, "25 %"), (0, "0 %"), (1e-12, "1.0 · 10⁻¹²")]
)
def test_small_shares_are_written_as_powers_of_ten(share, told):
    assert in_powers_of_ten(share) == told


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ([0, 9, 0], "net turns from “left” 100 % to “right” 100 %, its twin."),
        ([0, 0, 9], "net turns from “left” 100 % to “up” 100 %."),
        ([5, 0, 0], "net stays with “left”, 100 % before and 98.7 % after."),
        ([9, 0, 0], "net stays at “left” 100 %: its logits do not move at all."),
        (
            [9.00001, 0, 0],
            "net stays at “left” 100 %: its logits move by 1.1 · 10⁻⁶ of their scale, which is rounding.",
        ),
    ],
)
def test_the_finding_says_what_became_of_the_answer(after, told):
    assert effect([9.0, 0.0, 0.0], [float(value) for value in after]).finding() == told


def test_the_theorem_is_claimed_of_orders_alone_and_only_where_it_held():
    still = effect([9.0, 0.0, 0.0], [9.0, 0.0, 0.0], mixes_frames=False)
    turned = effect([9.0, 0.0, 0.0], [0.0, 9.0, 0.0], mixes_frames=False)
    assert theorem(still, reordered=True).startswith("No order changes the answer of net beyond rounding")
    assert "more than rounding" in theorem(turned, reordered=True)
    assert "other frames than before, of which that says nothing" in theorem(turned, reordered=False)
    assert theorem(effect([9.0, 0.0, 0.0], [0.0, 9.0, 0.0]), reordered=True) == ""


def test_what_to_see_says_how_far_the_dots_left_their_rings():
    one, still = effect([9.0, 0.0, 0.0], [0.0, 9.0, 0.0]), effect([9.0, 0.0, 0.0], [9.0, 0.0, 0.0])
    assert what_to_see([one, still]) == (
        "net: from ring to dot “right” goes 100 percentage points to the right and “left” 100 percentage points to the "
        "left. net: every dot lies in its ring."
    )
    # Half of what one class loses goes to each of two others.
    spread = effect([0.0, 0.0, 0.0], [math.log(2), 0.0, 0.0])
    assert "“left” goes 16.7 percentage points to the right and “right” 8.33" in what_to_see([spread])


def found(values: list[float]) -> Evidence:
    grid = torch.tensor(values).reshape(1, 1, -1)
    return Evidence(map=grid, target=0, layer="layer1.0", method="m", label="M", convention="c", num_frames=1)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ([2.0, 4.0, 6.0, 8.0], "keeps its places (rank correlation 1), and its largest value is 2 times what it was"),
        ([1.0, 0.5, 0.2, 0.1], "lies elsewhere (rank correlation -1)"),
        ([1.0, 3.0, 4.0, 2.0], "lies elsewhere (rank correlation 0.4)"),
        ([0.0, 0.0, 0.0, 0.0], "Nothing is left of the evidence"),
    ],
)
def test_what_became_of_the_evidence_is_said(after, told):
    assert told in evidence_in_words(found([1.0, 2.0, 3.0, 4.0]), found(after))
    assert "none after" in evidence_in_words(found([0.0] * 4), found([0.0] * 4))


def test_the_shown_class_and_its_twin_are_always_among_those_drawn():
    one = effect([0.0, 0.0, 9.0], [0.0, 0.0, 9.0], shown=0)
    assert set(classes_of_interest([one], most=2)) == {0, 1}
    names = answers_before_and_after([one, one], "reversed").data[1]["y"]
    assert {"left (shown)", "right (its twin)", "up"} == set(names)
    table = effects_table([one])
    assert table["role"].tolist() == ["shown", "twin", ""]
    assert sum(table["probability_before"].tolist()) == pytest.approx(1)
