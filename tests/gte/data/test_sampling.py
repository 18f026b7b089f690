"""Which frames a network sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gte.data.sampling import is_constant_rate, segment_frames, segment_indices

lengths = st.integers(1, 400)
segments = st.integers(1, 64)
seeds = st.integers(0, 2**32 - 1)


def test_twenty_four_frames_in_eight_segments_give_the_middle_one_of_each_three():
    np.testing.assert_array_equal(segment_indices(24, 8), [1, 4, 7, 10, 13, 16, 19, 22])


def test_a_video_as_long_as_the_clip_is_seen_whole():
    np.testing.assert_array_equal(segment_indices(7, 7), np.arange(7))


def test_fewer_frames_than_segments_repeat_in_order():
    np.testing.assert_array_equal(segment_indices(3, 8), [0, 0, 0, 1, 1, 2, 2, 2])


@given(lengths, segments)
def test_the_centre_frames_of_a_reversed_video_are_the_same_frames_reversed(num_frames: int, num_segments: int):
    indices = segment_indices(num_frames, num_segments)
    symmetric = indices[::-1] == num_frames - 1 - indices
    if num_frames % 2 == 0 and num_segments % 2 == 1:
        # Nothing lies in the middle of an even number of frames.
        middle = num_segments // 2
        assert indices[middle] == num_frames // 2
        symmetric[middle] = True
    assert symmetric.all()


@given(lengths, segments)
def test_a_centre_frame_lies_within_half_a_frame_of_the_centre_of_its_segment(num_frames: int, num_segments: int):
    indices = segment_indices(num_frames, num_segments)
    assert len(indices) == num_segments
    # Where frame i covers the stretch from i to i + 1.
    centres = (np.arange(num_segments) + 0.5) * num_frames / num_segments
    assert (np.abs(indices + 0.5 - centres) <= 0.5 + 1e-9).all()
    assert indices.min() >= 0
    assert indices.max() < num_frames


@given(lengths, segments, seeds)
def test_random_frames_ascend_and_each_lies_in_its_own_segment(num_frames: int, num_segments: int, seed: int):
    indices = segment_indices(num_frames, num_segments, np.random.default_rng(seed).random(num_segments))
    edges = np.arange(num_segments + 1) * num_frames / num_segments
    assert len(indices) == num_segments
    assert (np.diff(indices) >= 0).all()
    assert (indices < edges[1:]).all()
    assert (indices + 1 > edges[:-1]).all()


def test_random_frames_are_as_likely_as_their_mirror_images():
    rng = np.random.default_rng(0)
    draws = np.stack([segment_indices(10, 3, rng.random(3)) for _ in range(3000)])
    for column, mirror in [(0, 2), (1, 1)]:
        counts = np.bincount(draws[:, column], minlength=10)
        mirrored = np.bincount(9 - draws[:, mirror], minlength=10)
        assert np.abs(counts - mirrored).max() < 190  # five standard deviations of the difference of two counts


def test_every_frame_of_a_segment_is_drawn_in_training():
    rng = np.random.default_rng(0)
    draws = np.stack([segment_indices(24, 8, rng.random(8)) for _ in range(200)])
    assert set(draws[:, 2]) == {6, 7, 8}


def test_one_seed_gives_one_choice():
    draws = [segment_indices(100, 8, np.random.default_rng(5).random(8)).tolist() for _ in range(2)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize(("num_frames", "num_segments"), [(0, 8), (8, 0), (-1, 8)])
def test_nothing_to_choose_from_is_an_error_that_names_the_numbers(num_frames: int, num_segments: int):
    with pytest.raises(ValueError, match=f"got {num_frames} frames for {num_segments} segments"):
        segment_indices(num_frames, num_segments)


@pytest.mark.parametrize("num_frames", [1, 2, 3, 24, 47, 240])
@pytest.mark.parametrize("num_segments", [1, 3, 8, 16])
def test_at_a_constant_rate_parts_of_time_are_parts_of_the_count(num_frames, num_segments):
    # Matroska rounds to milliseconds, phones are late by a part of a frame.
    late = np.random.default_rng(0).uniform(0, 0.01, num_frames)
    seconds = (np.arange(num_frames) / 30 + late).round(3)
    np.testing.assert_array_equal(segment_frames(seconds, num_segments), segment_indices(num_frames, num_segments))


def test_at_a_variable_rate_the_frame_that_shows_at_the_centre_of_each_part_is_taken():
    seconds = np.concatenate([np.arange(50) / 50, 1 + np.arange(20) / 5])
    assert not is_constant_rate(seconds)
    moments = 5 * (np.arange(8) + 0.5) / 8
    shows = [max(n for n in range(70) if seconds[n] <= moment) for moment in moments]
    assert segment_frames(seconds, 8).tolist() == shows
    assert np.mean(seconds[shows] < 1) == 2 / 8


def test_parts_of_a_stretch_end_with_the_next_frame():
    assert segment_frames(np.array([0.0, 1.0, 2.0, 9.0]), 2, end=20.0).tolist() == [2, 3]
