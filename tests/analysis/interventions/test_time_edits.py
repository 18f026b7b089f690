"""Changes of time: which frames they show, worked out by hand, and their laws."""

import numpy as np
import pytest

from analysis.interventions.time_edits import (
    TIME_CHANGES,
    TimeChoice,
    change_time,
    frame_numbers,
    in_words,
    is_reordering,
)
from gte.data.sampling import segment_indices

WHICH = np.array([1, 4, 7, 10, 13, 16, 19, 22])
"""The centre frames of eight segments of three."""


def shown(change: str, **parameters) -> list[int]:
    return frame_numbers(WHICH, 24, TimeChoice(change=change, **parameters)).tolist()


@pytest.mark.parametrize(
    ("change", "parameters", "expected"),
    [
        ("reverse", {}, [22, 19, 16, 13, 10, 7, 4, 1]),
        ("freeze", {"frame": 2}, [7] * 8),
        ("drop", {"frame": 3, "count": 2}, [1, 4, 7, 7, 7, 16, 19, 22]),
        ("drop", {"frame": 0, "count": 2}, [7, 7, 7, 10, 13, 16, 19, 22]),
        ("drop", {"frame": 6, "count": 7}, [1, 4, 7, 10, 13, 16, 16, 16]),
        ("repeat", {"frame": 1, "count": 2}, [1, 4, 4, 4, 7, 10, 13, 16]),
        ("speed", {"speed": 1.0}, WHICH.tolist()),
        ("speed", {"speed": 0.5}, [6, 7, 9, 10, 13, 14, 16, 17]),
        ("speed", {"speed": 2.0}, [0, 0, 2, 8, 15, 21, 23, 23]),
    ],
)
def test_a_change_shows_the_frames_that_its_rule_says(change, parameters, expected):
    assert shown(change, **parameters) == expected


@pytest.mark.parametrize("change", TIME_CHANGES)
@pytest.mark.parametrize("num_frames", [1, 2, 8])
def test_every_change_keeps_the_number_of_frames_and_shows_stored_ones(change, num_frames):
    which = segment_indices(24, num_frames)
    if change == "drop" and num_frames == 1:
        with pytest.raises(ValueError, match="At least one of 1 frames must stay; got 1"):
            frame_numbers(which, 24, TimeChoice(change=change))
        return
    numbers = frame_numbers(which, 24, TimeChoice(change=change))
    assert len(numbers) == num_frames
    assert numbers.min() >= 0
    assert numbers.max() < 24
    assert in_words(TimeChoice(change=change))


def test_a_shuffling_is_repeated_by_its_seed_and_moves_something():
    orders = {tuple(shown("shuffle", seed=seed)) for seed in range(20)}
    assert shown("shuffle", seed=3) == shown("shuffle", seed=3)
    assert len(orders) > 15
    assert tuple(WHICH.tolist()) not in orders
    two = np.array([0, 1])
    assert all(frame_numbers(two, 2, TimeChoice(change="shuffle", seed=seed)).tolist() == [1, 0] for seed in range(8))


def test_only_another_order_of_the_same_frames_is_a_reordering():
    assert {change: is_reordering(WHICH, np.array(shown(change))) for change in TIME_CHANGES} == {
        "reverse": True,
        "shuffle": True,
        "freeze": False,
        "drop": False,
        "repeat": False,
        "speed": False,
    }


@pytest.mark.parametrize("speed", [0.5, 2.0, 4.0])
def test_a_speed_is_the_same_for_a_clip_and_its_reversal(speed):
    numbers = np.array(shown("speed", speed=speed))
    assert (23 - numbers[::-1]).tolist() == numbers.tolist()


def test_the_frames_are_those_of_the_numbers():
    stored = np.arange(24, dtype=np.uint8).reshape(24, 1, 1, 1).repeat(3, axis=3)
    assert change_time(stored, WHICH, TimeChoice(change="reverse"))[:, 0, 0, 0].tolist() == shown("reverse")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"change": "rewind"}, "one of reverse, shuffle"),
        ({"seed": -1}, "seed -1"),
        ({"count": 0}, "count 0"),
        ({"speed": 0.0}, "speed must be between 0.01 and 100; got 0"),
    ],
)
def test_impossible_choices_are_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        TimeChoice(**parameters)


def test_a_frame_that_the_network_is_not_given_is_refused():
    with pytest.raises(ValueError, match="is given frames 1 to 8; got frame 9"):
        shown("freeze", frame=8)
    with pytest.raises(ValueError, match="among 20 stored ones"):
        frame_numbers(WHICH, 20, TimeChoice())
