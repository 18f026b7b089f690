"""What becomes of an answer, in numbers and in words."""

import math

import pytest
import torch

from analysis.attribution.evidence import Evidence, NotNumbersError
from analysis.interventions.effects import (
    Effect,
    changes_in_words,
    classes_of_interest,
    effects_table,
    evidence_in_words,
    in_powers_of_ten,
    logits_in_double,
    relative_difference,
    theorem,
)
from analysis.interventions.figures import answers_before_and_after
from gte.models import build
from gte.models.cell_grids import even_grid
from tests.tiny import tiny_options


def effect(before: list[float], after: list[float], **facts) -> Effect:
    given = {"network": "net", "classes": ("left", "right", "up"), "twins": (1, 0, -1)} | facts
    return Effect(before=torch.tensor(before), after=torch.tensor(after), **given)


def test_differences_are_in_parts_of_the_largest_logit_before():
    assert relative_difference(torch.tensor([1.0, -4.0]), torch.tensor([2.0, -4.0])) == 0.25
    with pytest.raises(NotNumbersError):
        relative_difference(torch.tensor([1.0, math.nan]), torch.tensor([1.0, 2.0]))


def test_in_double_precision_c2d_answers_a_reversed_clip_to_fifteen_digits_and_keeps_its_weights():
    model, clip = build("c2d", **tiny_options("c2d", 3)).eval(), torch.rand(3, 4, 32, 32)
    forwards, backwards = logits_in_double(model, clip), logits_in_double(model, clip.flip(1))
    torch.testing.assert_close(forwards, backwards, rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(forwards.float(), model(clip[None])[0], rtol=1e-5, atol=1e-6)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("share", "words"), [(4.2e-8, "4.2 · 10⁻⁸"), (0.25, "25 %"), (0, "0 %"), (1e-12, "1.0 · 10⁻¹²")]
)
def test_small_shares_are_written_as_powers_of_ten(share, words):
    assert in_powers_of_ten(share) == words


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ([0, 9, 0], "net changes from “left” 100 % to “right” 100 %, its reversed class."),
        ([0, 0, 9], "net changes from “left” 100 % to “up” 100 %."),
        ([5, 0, 0], "net stays at “left”, 100 % before and 98.7 % after."),
        ([9, 0, 0], "net stays at “left” 100 %: its output is unchanged."),
        (
            [9.00001, 0, 0],
            "net stays at “left” 100 %: its output is unchanged, apart from a rounding error of 1.1 · 10⁻⁶.",
        ),
    ],
)
def test_the_finding_states_the_change_of_the_answer(after, words):
    assert effect([9.0, 0.0, 0.0], [float(value) for value in after]).finding() == words


def test_the_theorem_is_claimed_of_orders_alone_and_only_where_it_held():
    still = effect([9.0, 0.0, 0.0], [9.0, 0.0, 0.0], mixes_frames=False)
    turned = effect([9.0, 0.0, 0.0], [0.0, 9.0, 0.0], mixes_frames=False)
    assert theorem(still, reordered=True).startswith("net cannot see frame order")
    assert "more than rounding" in theorem(turned, reordered=True)
    assert "gives it other frames, so its output may change" in theorem(turned, reordered=False)
    assert theorem(effect([9.0, 0.0, 0.0], [0.0, 9.0, 0.0]), reordered=True) == ""


def test_the_largest_changes_of_probability_are_in_words():
    changed, still = effect([9.0, 0.0, 0.0], [0.0, 9.0, 0.0]), effect([9.0, 0.0, 0.0], [9.0, 0.0, 0.0])
    assert changes_in_words([changed, still]) == (
        "net: “right” rises by 100 percentage points and “left” falls by 100 percentage points. net: nothing changes."
    )
    # Half of what one class loses goes to each of two others.
    spread = effect([0.0, 0.0, 0.0], [math.log(2), 0.0, 0.0])
    assert "“left” rises by 16.7 percentage points and “right” falls by 8.33" in changes_in_words([spread])


def evidence(values: list[float]) -> Evidence:
    cells = torch.tensor(values).reshape(1, 1, -1)
    grid = even_grid(cells.shape, cells.shape)
    return Evidence(map=cells, target=0, layer="layer1.0", method="m", label="M", convention="c", grid=grid)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (
            [2.0, 4.0, 6.0, 8.0],
            "keeps its position (rank correlation 1), and its peak value is 2 times the original one",
        ),
        ([1.0, 0.5, 0.2, 0.1], "is elsewhere (rank correlation −1)"),
        ([1.0, 3.0, 4.0, 2.0], "is elsewhere (rank correlation 0.4)"),
        ([0.0, 0.0, 0.0, 0.0], "M finds evidence only before the change."),
    ],
)
def test_the_change_of_the_evidence_is_in_words(after, words):
    assert words in evidence_in_words(evidence([1.0, 2.0, 3.0, 4.0]), evidence(after))
    assert "M finds no evidence, before or after" in evidence_in_words(evidence([0.0] * 4), evidence([0.0] * 4))
    assert "only after the change" in evidence_in_words(evidence([0.0] * 4), evidence([1.0] * 4))


def test_the_true_and_the_reversed_class_are_always_drawn():
    subject = effect([0.0, 0.0, 9.0], [0.0, 0.0, 9.0], shown=0)
    assert set(classes_of_interest([subject], maximum=2)) == {0, 1}
    names = answers_before_and_after([subject, subject], "reversed").data[1]["y"]
    assert {"left (true)", "right (reversed)", "up"} == set(names)
    table = effects_table([subject])
    assert table["role"].tolist() == ["true", "reversed", ""]
    assert sum(table["probability_before"].tolist()) == pytest.approx(1)
