"""Comparisons: what the paper claims of accuracies, and what the trainings of the study show of it.

How another training would come out is asked of the seeds, by Welch's t-test. That two trained networks differ on the
scenes of the test split, by McNemar's exact test, says less: it holds for these two networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from analysis.formatting import p_value_in_words
from analysis.statistics import SIGNIFICANT, MeanDifference, holm, mean_difference, paired_p_value, sum_by_scene
from analysis.study.results import Run, Study

Verdict = Literal["shown", "opposite", "cannot tell", "not measured"]
VERDICT_WORDS: Final[dict[Verdict, str]] = {
    "shown": "agrees",
    "opposite": "disagrees",
    "cannot tell": "cannot tell",
    "not measured": "not trained yet",
}


@dataclass(frozen=True)
class Question:
    """A claim that one network is more accurate than another."""

    first: str
    """Row of the study's table that is said to be more accurate."""
    second: str
    source: str
    """Where the paper says so."""
    in_paper: bool = True
    """False where it follows from the classes, which are each other's reversal, and not from the paper."""
    limit: float = 1.0
    """Accuracy that no training of the second can exceed."""


QUESTIONS: Final[tuple[Question, ...]] = (
    Question("gte", "c2d", "the classes: only the order of frames tells them apart", False, limit=0.5),
    Question("gte", "tsm", "Tables 2 to 4"),
    Question("gte", "gst", "Tables 2 to 4"),
    Question("gte", "c3d", "abstract, section 3.2, Table 4"),
    Question("gte", "gte_fixed_shift", "section 2.2: learnable, the shift is more capable"),
    Question("gte", "gte_no_conv2d", "section 3.2: the 2D convolution strengthens it"),
    Question("gte-t-1-2", "gte", "section 3.2: fewer temporal channels perform worse"),
    Question("gte", "gte-t-1-8", "section 3.2: fewer temporal channels perform worse"),
)
"""All that is asked of the accuracies; the correction of Holm is over these."""


@dataclass(frozen=True)
class Comparison:
    """The answer to a question."""

    question: Question
    first: Sequence[Run]
    second: Sequence[Run]
    over_seeds: MeanDifference | None
    """Of the accuracies of the trainings; None where there are too few of them, or they do not differ at all."""
    p_holm: float | None
    over_scenes: Sequence[float]
    """For each seed that both have: McNemar's exact p-value over scenes, corrected for all pairs of all questions."""

    @property
    def difference(self) -> float:
        """Mean accuracy of the first minus that of the second, as shares."""
        first, second = (float(np.mean([run.top1 for run in runs])) for runs in (self.first, self.second))
        return first - second

    @property
    def verdict(self) -> Verdict:
        """Whether the trainings show what is claimed, its opposite, or neither."""
        if not self.first or not self.second:
            return "not measured"
        if all(run.top1 > self.question.limit for run in self.first):
            return "shown"
        if self.p_holm is None or self.p_holm > SIGNIFICANT:
            return "cannot tell"
        return "shown" if self.difference > 0 else "opposite"

    @property
    def decided_pairs(self) -> tuple[int, int]:
        """Of the pairs of networks with the same seed: in how many the first, and the second, is right more often."""
        signs = [
            int(np.sign(one.right.sum() - other.right.sum())) if p_value <= SIGNIFICANT else 0
            for (one, other), p_value in zip(_pairs(self.first, self.second), self.over_scenes, strict=True)
        ]
        return signs.count(1), signs.count(-1)


def compare(study: Study) -> list[Comparison]:
    """Answer each of QUESTIONS with the runs that are finished."""
    groups = [(study.rows.get(item.first, []), study.rows.get(item.second, [])) for item in QUESTIONS]
    over_seeds = [mean_difference(*([run.top1 for run in runs] for runs in group)) for group in groups]
    adjusted = _adjusted([None if item is None else item.p_value for item in over_seeds])
    scenes = [[_over_scenes(*pair) for pair in _pairs(*group)] for group in groups]
    flat = iter(holm([p_value for group in scenes for p_value in group]))
    return [
        Comparison(question, *group, over_seeds=result, p_holm=p_holm, over_scenes=[next(flat) for _ in p_values])
        for question, group, result, p_holm, p_values in zip(
            QUESTIONS, groups, over_seeds, adjusted, scenes, strict=True
        )
    ]


def _pairs(first: Sequence[Run], second: Sequence[Run]) -> list[tuple[Run, Run]]:
    return [(one, other) for one in first for other in second if one.seed == other.seed]


def _over_scenes(first: Run, second: Run) -> float:
    return paired_p_value(sum_by_scene(first.right.astype(int) - second.right.astype(int), first.clips.scenes))


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct the p-values that there are by Holm's method."""
    known = iter(holm([value for value in p_values if value is not None]))
    return [None if value is None else next(known) for value in p_values]


def comparisons_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return one row per question that was measured: accuracies, difference, tests and verdict."""
    rows = []
    for item in comparisons:
        if item.verdict == "not measured":
            continue
        low, high = item.over_seeds.interval if item.over_seeds else (None, None)
        won, lost = item.decided_pairs
        rows.append(
            {
                "claim": f"{item.first[0].label} > {item.second[0].label}",
                "claimed_by": item.question.source,
                "verdict": VERDICT_WORDS[item.verdict],
                "points": 100 * item.difference,
                "points_low": None if low is None else 100 * low,
                "points_high": None if high is None else 100 * high,
                "p_seeds": item.over_seeds.p_value if item.over_seeds else None,
                "p_seeds_holm": item.p_holm,
                "trainings": f"{len(item.first)} and {len(item.second)}",
                "pairs_won": won,
                "pairs_lost": lost,
                "pairs": len(item.over_scenes),
            }
        )
    return pd.DataFrame(rows)


def in_words(item: Comparison) -> str:
    """Write the answer to one question as a sentence. Raises ValueError if a network has no run."""
    if item.verdict == "not measured":
        raise ValueError("A comparison needs a run of both networks.")
    first, second = item.first[0].label, item.second[0].label
    more = "more" if item.difference >= 0 else "less"
    text = f"{first} is {abs(100 * item.difference):.1f} points {more} accurate than {second}"
    if item.over_seeds is None or item.p_holm is None:
        return f"{text} (one training of each)"
    low, high = (f"{100 * bound:.1f}".replace("-", "−") for bound in item.over_seeds.interval)
    return f"{text} (95 % interval {low} to {high}, {p_value_in_words(item.p_holm)})"


def verdicts(comparisons: Sequence[Comparison]) -> list[str]:
    """Count the paper's claims by verdict, then say, a sentence for each verdict that occurs, which these are.

    Empty where none is measured.
    """
    openings: dict[Verdict, str] = {
        "shown": "Agrees with the paper",
        "opposite": "Disagrees with the paper",
        "cannot tell": "Cannot tell",
    }
    measured = [item.verdict for item in comparisons if item.question.in_paper and item.verdict != "not measured"]
    if not measured:
        return []
    shown, opposite, unclear = (measured.count(verdict) for verdict in openings)
    claims = "claim" if len(measured) == 1 else "claims"
    sentences = [
        f"Of {len(measured)} {claims} of the paper on accuracies these trainings show {shown}, contradict {opposite} "
        f"and leave {unclear} open."
    ]
    for verdict, opening in openings.items():
        chosen = [in_words(item) for item in comparisons if item.verdict == verdict and item.question.in_paper]
        if chosen:
            sentences.append(f"{opening}: {'; '.join(chosen)}.")
    return sentences


def names_by_verdict(comparisons: Sequence[Comparison], verdict: Verdict, first: str) -> list[str]:
    """Return the labels of the networks that `first` is compared with, to that verdict, variants of it left out."""
    return [
        item.second[0].label
        for item in comparisons
        if item.verdict == verdict
        and item.question.first == first
        and not item.second[0].network.startswith(item.first[0].network)
    ]
