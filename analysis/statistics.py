"""Statistics of paired comparisons over scenes.

A clip and its reversal show one scene, and networks that fail on one often fail on the other. So scenes are the
independent units here, and never clips: `sum_by_scene` adds up the clips of each, and everything else takes its sums.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

SIGNIFICANT: Final = 0.05
"""Significance level of a family of tests, after the correction of Holm."""
CONFIDENCE: Final = 0.95

Sums = Int[np.ndarray, " s"]
"""A whole number for each scene, such as clips that became wrong minus clips that became right."""


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


def sum_by_scene(values: Shaped[np.ndarray, " n"], scenes: Int[np.ndarray, " n"]) -> Shaped[np.ndarray, " s"]:
    """Add up the values of the clips of each scene; `scenes` has the scene of each clip."""
    numbers, places = np.unique(scenes, return_inverse=True)
    sums = np.zeros(len(numbers), np.result_type(values, np.int64))
    np.add.at(sums, places, values)
    return sums


def paired_p_value(differences: Sums) -> float:
    """Return the two-sided p-value of the exact sign-flip test for the sum of differences between two conditions.

    If the conditions do not differ, the difference of a scene is as likely to have the opposite sign, independently of
    other scenes. The p-value is the probability, over all choices of signs, of a sum at least as far from 0. Where all
    differences are -1, 0 or 1, as with one clip per scene, this is the exact test of McNemar (1947); a scene of two
    clips can add up to 2, and counts as one independent observation. Fisher, The Design of Experiments, section 21.
    """
    sizes = np.abs(differences[differences != 0]).tolist()
    total = sum(sizes)
    # Probabilities of the sums -total to total.
    chances = np.zeros(2 * total + 1)
    chances[total] = 1.0
    for size in sizes:
        chances = (np.roll(chances, size) + np.roll(chances, -size)) / 2
    sums = np.arange(-total, total + 1)
    return min(1.0, float(chances[np.abs(sums) >= abs(int(differences.sum()))].sum()))


def exceeds_chance(right: int, count: int, chance: float) -> bool:
    """Return True if so many right answers or more have a probability of at most 5 % where each is right by chance.

    The exact one-sided binomial test, for answers to independent scenes.
    """
    from scipy.stats import binom

    return float(binom.sf(right - 1, count, chance)) <= SIGNIFICANT


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for all comparisons of a family: those up to 0.05 are significant.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def sum_interval(differences: Sums) -> Interval:
    """Return a 95 % interval for the sum of differences that so many scenes have on average.

    Two scenes are added, one with the largest and one with the smallest difference that a scene can have, so that the
    interval has a width where no scene differs. With one clip per scene it is the adjusted interval of Bonett and
    Price, "Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired Data", 2012.
    Raises ValueError if there is no scene.
    """
    count = len(differences)
    if not count:
        raise ValueError("An interval needs at least one scene; got none.")
    largest = max(1, int(np.abs(differences).max()))
    mean = float(differences.sum()) / (count + 2)
    variance = (float((differences**2).sum()) + 2 * largest**2) / (count + 2) - mean**2
    half = _normal_quantile() * math.sqrt(variance / (count + 2))
    return Interval(count * (mean - half), count * (mean + half))


def mean_interval(differences: Float[np.ndarray, " s"], num_comparisons: int = 1) -> Interval:
    """Return Student's 95 % interval for the mean of differences, one for each scene.

    With `num_comparisons` all intervals of so many comparisons hold together (Bonferroni). Raises ValueError for fewer
    than two scenes.
    """
    # Imported here because the first page needs no SciPy.
    from scipy.stats import t

    if len(differences) < 2:
        raise ValueError(f"The interval of a mean needs at least two scenes; got {len(differences)}.")
    tail = (1 - CONFIDENCE) / num_comparisons / 2
    half = float(t.ppf(1 - tail, len(differences) - 1)) * float(differences.std(ddof=1)) / math.sqrt(len(differences))
    return Interval(float(differences.mean()) - half, float(differences.mean()) + half)


def smallest_loss(num_scenes: int, num_comparisons: int = 1) -> int | None:
    """Return the fewest scenes that must be lost, with none gained, for a significant loss; None if there are fewer.

    Without other comparisons 6, because 2 / 2⁶ is the first such p-value below 0.05. Of several comparisons the most
    significant one must pass Holm's first step, 0.05 divided by their number.
    """
    needed = math.ceil(1 + math.log2(num_comparisons / SIGNIFICANT))
    return needed if needed <= num_scenes else None


def _normal_quantile() -> float:
    return NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


class MeanDifference(NamedTuple):
    """The difference of the means of two samples, with its 95 % interval and two-sided p-value."""

    difference: float
    interval: Interval
    p_value: float


def mean_difference(first: Sequence[float], second: Sequence[float]) -> MeanDifference | None:
    """Compare the means of two independent samples, as of networks trained with several seeds; None if it cannot be.

    By Welch's t-test, which takes the values of each sample as normal, of a spread of its own. A sample of one value
    has no spread and is taken to have that of the other (Crawford and Howell, "Comparing an individual's test score
    against norms derived from small samples", 1998). Of two single values, or without any spread, nothing can be said.
    """
    # Imported here because the first page needs no SciPy.
    from scipy.stats import t

    if max(len(first), len(second)) < 2 or not min(len(first), len(second)):
        return None
    difference = float(np.mean(first) - np.mean(second))
    variances = [float(np.var(values, ddof=1)) if len(values) > 1 else None for values in (first, second)]
    parts = [variance / len(values) for variance, values in zip(variances, (first, second), strict=True) if variance]
    if not sum(parts):
        return None
    if None in variances:
        num = max(len(first), len(second))
        square, freedom = parts[0] * (1 + num), num - 1.0
    else:
        square = sum(parts)
        freedom = square**2 / sum(
            (variance or 0.0) ** 2 / len(values) ** 2 / (len(values) - 1)
            for variance, values in zip(variances, (first, second), strict=True)
        )
    error = math.sqrt(square)
    half = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    p_value = float(2 * t.sf(abs(difference) / error, freedom))
    return MeanDifference(difference, Interval(difference - half, difference + half), p_value)
