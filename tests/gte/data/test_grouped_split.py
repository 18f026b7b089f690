"""Splits that keep the clips of a group together."""

from collections import Counter

import pytest

from gte.data.grouped_split import group_of, hold_out, hold_out_by_name
from gte.errors import DatasetError

GROUPS = [f"person {number}" for number in range(30) for _ in range(4)]
LABELS = [0, 1, 1, 2] * 30


def test_whole_groups_are_held_out_and_about_the_share_of_each_class():
    held_out = hold_out(GROUPS, LABELS, 0.1, seed=0)
    assert {GROUPS[index] for index in held_out}.isdisjoint(
        GROUPS[index] for index in range(len(GROUPS)) if index not in held_out
    )
    assert Counter(LABELS[index] for index in held_out) == {0: 3, 1: 6, 2: 3}


def test_the_seed_decides_which():
    assert hold_out(GROUPS, LABELS, 0.1, seed=0) == hold_out(GROUPS, LABELS, 0.1, seed=0)
    assert hold_out(GROUPS, LABELS, 0.1, seed=0) != hold_out(GROUPS, LABELS, 0.1, seed=1)


def test_a_class_of_one_group_stays_in_training():
    groups = ["a", "a", "b", "c", "d"]
    assert {groups[index] for index in hold_out(groups, [0, 0, 1, 1, 1], 0.4, seed=0)} <= {"b", "c", "d"}


def test_a_group_that_is_most_of_the_clips_is_not_held_out():
    groups = ["competition"] * 60 + [f"dive {number}" for number in range(40)]
    assert all(groups[index] != "competition" for seed in range(5) for index in hold_out(groups, [0] * 100, 0.1, seed))


@pytest.mark.parametrize("seed", range(3))
def test_clips_without_a_group_are_held_out_one_by_one(seed: int):
    assert len(hold_out([""] * 40, [0, 1] * 20, 0.1, seed)) == 4


def test_a_hash_of_their_names_holds_out_about_the_share_of_the_groups_and_some_of_each_class():
    shares = []
    for seed in range(20):
        held_out = hold_out_by_name(GROUPS, LABELS, 0.1, str(seed))
        assert {LABELS[index] for index in held_out} == {0, 1, 2}
        assert len(held_out) == 4 * len({GROUPS[index] for index in held_out})
        shares.append(len(held_out) / len(GROUPS))
    assert sum(shares) / 20 == pytest.approx(0.1, abs=0.01)
    assert (min(shares), max(shares)) == (1 / 30, 6 / 30)


def test_a_hash_of_their_names_leaves_at_least_half_of_each_class():
    names = [f"clip {number}" for number in range(14)]
    for seed in range(20):
        held_out = hold_out_by_name(names, [0] + [1] * 2 + [2] * 3 + [3] * 8, 0.9, str(seed))
        assert Counter(([0] + [1] * 2 + [2] * 3 + [3] * 8)[index] for index in held_out) == {1: 1, 2: 1, 3: 4}


def test_groups_that_join_take_none_out_of_training():
    for seed in map(str, range(20)):
        before = hold_out_by_name(GROUPS[:40], LABELS[:40], 0.1, seed)
        after = hold_out_by_name(GROUPS, LABELS, 0.1, seed)
        assert {index for index in after if index < 40} <= before


def test_a_group_is_what_an_expression_matches():
    assert group_of(r"s(\d+)_", "walk/s12_3.mp4") == "12"
    assert group_of(r"s\d+", "walk/s12_3.mp4") == "s12"
    assert group_of("", "walk/s12_3.mp4") == group_of("x", "walk/s12_3.mp4") == ""
    with pytest.raises(DatasetError, match=r"is a regular expression; '\(' is none"):
        group_of("(", "a")
