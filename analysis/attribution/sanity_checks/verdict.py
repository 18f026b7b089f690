"""Verdicts of sanity checks, their intervals, and arrays with gaps as plain data."""

from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import numpy as np
from jaxtyping import Bool, Float

from analysis.formatting import three_digits
from analysis.statistics import Interval, mean_interval

State = Literal["passed", "not passed", "cannot tell"]

RHO: Final = "|\u2060ρ\u2060|"
"""The absolute rank correlation of two maps, without a line break inside."""
MIN_CLIPS: Final = 6
"""Fewest clips for a verdict: with five, even five out of five are likely by chance (p = 0.06)."""
DIGITS: Final = 4
"""Decimals of stored numbers."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of a check over a set of clips."""

    state: State
    numbers: str
    """The numbers that decide, in one to three sentences."""

    @property
    def sentence(self) -> str:
        """The state and its numbers."""
        return f"{self.state.capitalize()}. {self.numbers}"


class Result(Protocol):
    """The outcome of a check over a set of clips, each of another scene."""

    @property
    def verdict(self) -> Verdict: ...

    def as_data(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        ...


def too_few(num_clips: int, num_all: int, what: str) -> Verdict | None:
    """The verdict where too few clips can be judged; `what` says what the others lack."""
    if num_clips >= MIN_CLIPS:
        return None
    numbers = f"{num_clips} of {num_all} clips have {what}; a verdict needs {MIN_CLIPS}."
    return Verdict(state="cannot tell", numbers=numbers)


def mean_of(values: Float[np.ndarray, " n"]) -> tuple[float, Interval]:
    """The mean over clips and its 95 % interval, without missing values. Raises ValueError for fewer than two."""
    known = values[~np.isnan(values)]
    return float(known.mean()), mean_interval(known)


def mean_of_known(values: Float[np.ndarray, "a b ..."]) -> Float[np.ndarray, "a ..."]:
    """The mean over the second axis without missing values; missing where all are."""
    known = ~np.isnan(values)
    counts = known.sum(axis=1)
    return np.where(counts > 0, np.where(known, values, 0).sum(axis=1) / np.maximum(counts, 1), np.nan)


def in_words(mean: float, interval: Interval) -> str:
    """A mean and its interval: "0.25 [0.18, 0.33]"."""
    return f"{three_digits(mean)} [{three_digits(interval.low)}, {three_digits(interval.high)}]"


def signed(mean: float, interval: Interval) -> str:
    """A difference and its interval: "+0.25 [+0.18, +0.33]"."""
    mean_text, low, high = (f"{value:+.3f}".replace("-", "−") for value in (mean, interval.low, interval.high))
    return f"{mean_text} [{low}, {high}]"


def to_lists(values: Float[np.ndarray, "..."] | Bool[np.ndarray, "..."]) -> list[Any]:
    """Nested lists of rounded numbers, None where a number is missing."""
    if values.dtype == np.bool_:
        return values.tolist()
    rounded = np.round(values.astype(np.float64), DIGITS)
    with_gaps = rounded.astype(object)
    with_gaps[np.isnan(rounded)] = None
    return with_gaps.tolist()


def from_lists(values: list[Any]) -> Float[np.ndarray, "..."]:
    """The reverse of `to_lists`, for numbers."""
    return np.array(values, dtype=np.float64)
