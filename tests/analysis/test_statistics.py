"""Statistics over scenes: numbers by hand, McNemar's test by SciPy, and the coverage of the intervals."""

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp, ttest_ind

from analysis.statistics import (
    holm,
    mean_difference,
    mean_interval,
    paired_p_value,
    smallest_loss,
    sum_by_scene,
    sum_interval,
)


def differences(lost: int, gained: int, same: int = 20) -> np.ndarray:
    return np.repeat([1, -1, 0], [lost, gained, same])


def test_the_clips_of_a_scene_are_added_up():
    losses, scenes = np.array([1, 0, -1, 1, 1]), np.array([4, 0, 0, 4, 7])
    assert sum_by_scene(losses, scenes).tolist() == [-1, 2, 1]
    np.testing.assert_array_equal(sum_by_scene(losses / 2, scenes), [-0.5, 1, 0.5])


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (1, 0), (6, 0), (3, 2), (1, 9), (20, 0), (60, 41)])
def test_with_one_clip_per_scene_the_test_is_the_exact_one_of_mcnemar(lost, gained):
    expected = binomtest(lost, lost + gained).pvalue if lost + gained else 1
    assert paired_p_value(differences(lost, gained)) == pytest.approx(expected, rel=1e-12)


def test_a_scene_that_loses_both_of_its_clips_is_one_observation():
    # Eight choices of signs: the sums are 5, 3, 1, 1 and their opposites.
    assert paired_p_value(np.array([2, 2, 1])) == 2 / 8
    assert paired_p_value(np.array([2, 2, -1])) == 4 / 8
    assert paired_p_value(np.array([2, -2, 1])) == 1
    # Six clips of three scenes show less than six clips of six scenes.
    assert paired_p_value(np.array([2, 2, 2])) == 2 / 2**3
    assert paired_p_value(np.array([1] * 6)) == 2 / 2**6


def test_the_p_value_of_a_change_without_effect_is_seldom_small():
    rng = np.random.default_rng(0)
    values = [paired_p_value(rng.choice([-2, -1, 0, 1, 2], 40)) for _ in range(2000)]
    assert np.mean(np.array(values) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)
    assert 0.4 < np.median(values) < 0.6


def test_holm_multiplies_the_smallest_by_all_and_keeps_the_order():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


def test_the_interval_of_a_sum_by_hand():
    # No scene of 98 differs: with the two that are added the variance is 2 / 100, and 98 * 1.96 * sqrt(0.0002) = 2.72.
    low, high = sum_interval(np.zeros(98, int))
    assert (low, high) == pytest.approx((-2.7164, 2.7164), abs=1e-4)
    # Twenty of 138 lost: mean 20 / 140, variance 22 / 140 - (20 / 140)².
    low, high = sum_interval(differences(20, 0, same=118))
    assert (low + high) / 2 == pytest.approx(138 * 20 / 140)
    assert high - low == pytest.approx(2 * 1.959964 * 138 * np.sqrt((22 / 140 - (20 / 140) ** 2) / 140), rel=1e-6)
    with pytest.raises(ValueError, match="at least one scene"):
        sum_interval(np.zeros(0, int))


@pytest.mark.parametrize("chances", [(0.0, 0.0), (0.02, 0.0), (0.05, 0.01), (0.3, 0.02)])
@pytest.mark.parametrize("clips_per_scene", [1, 2])
def test_the_interval_of_a_sum_holds_the_expected_one(chances, clips_per_scene):
    lost, gained = chances
    rng, num_scenes = np.random.default_rng(1), 140
    held = 0
    for _ in range(1000):
        sizes = rng.integers(1, clips_per_scene + 1, num_scenes)
        signs = rng.choice([1, -1, 0], num_scenes, p=[lost, gained, 1 - lost - gained])
        low, high = sum_interval(sizes * signs)
        held += low <= num_scenes * (lost - gained) * (clips_per_scene + 1) / 2 <= high
    assert held >= 925


def test_the_interval_of_a_mean_is_the_one_of_the_t_test():
    values = np.array([0.1, 0.3, -0.2, 0.4, 0.25])
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((expected.low, expected.high))
    corrected = ttest_1samp(values, 0).confidence_interval(1 - 0.05 / 4)
    assert mean_interval(values, num_comparisons=4) == pytest.approx((corrected.low, corrected.high))
    with pytest.raises(ValueError, match="at least two scenes; got 1"):
        mean_interval(np.ones(1))


@pytest.mark.parametrize(("num_comparisons", "expected"), [(1, 6), (3, 7), (24, 10)])
def test_the_smallest_loss_is_the_first_that_is_significant(num_comparisons, expected):
    assert smallest_loss(56, num_comparisons) == expected
    for loss, significant in ((expected, True), (expected - 1, False)):
        p_values = [paired_p_value(differences(loss, 0)), *[1.0] * (num_comparisons - 1)]
        assert (holm(p_values)[0] <= 0.05) is significant
    assert smallest_loss(expected - 1, num_comparisons) is None


def test_means_are_compared_as_scipy_compares_them():
    first, second = [0.90, 0.91, 0.88], [0.85, 0.86, 0.89]
    result = mean_difference(first, second)
    welch = ttest_ind(first, second, equal_var=False)
    assert result is not None
    assert result.p_value == pytest.approx(welch.pvalue)
    assert result.interval == pytest.approx(tuple(welch.confidence_interval()))
    assert result.difference == pytest.approx(0.03)


def test_a_single_value_is_compared_with_the_spread_of_the_other_sample():
    # Equal variances: Student's test, whose pooled variance is that of the three.
    result = mean_difference([0.90, 0.91, 0.88], [0.85])
    student = ttest_ind([0.90, 0.91, 0.88], [0.85], equal_var=True)
    assert result is not None
    assert result.p_value == pytest.approx(student.pvalue)
    assert result.interval == pytest.approx(tuple(student.confidence_interval()))


@pytest.mark.parametrize(("first", "second"), [([0.9], [0.8]), ([], [0.8, 0.9]), ([0.9, 0.9], [0.8, 0.8])])
def test_without_a_spread_nothing_is_said_of_means(first, second):
    assert mean_difference(first, second) is None
