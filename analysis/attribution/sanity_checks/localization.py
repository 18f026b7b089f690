"""Localisation test: how much of the evidence is on the moving object, compared with random weights?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor, nn

from analysis.attribution import placement
from analysis.attribution.methods import METHODS, find_evidence
from analysis.attribution.randomcam import random_cam
from analysis.attribution.sanity_checks.clips import CheckClips
from analysis.attribution.sanity_checks.verdict import Verdict, from_lists, mean_of, signed, to_lists, too_few
from analysis.formatting import join_words, p_value_in_words, percent
from analysis.progress import Report, no_report
from analysis.statistics import SIGNIFICANT, Interval, holm
from gte.models import ClipShape

BASELINE: Final = "randomcam"
SEEDS: Final = 5
"""RandomCAMs per clip, over which the share is averaged."""


class Difference(NamedTuple):
    """The share of the evidence on the object, minus that of RandomCAM: paired over clips, each of another scene."""

    mean: float
    interval: Interval
    p_value: float
    """Of the paired t-test, after the correction of Holm for all methods that are compared."""
    num_clips: int


@dataclass(frozen=True, kw_only=True)
class Localization:
    """The share of each method's evidence that is on the moving object, for each clip."""

    method: str
    """Key of the method that is judged."""
    methods: tuple[str, ...]
    """Keys of METHODS, RandomCAM included."""
    shares: Float[np.ndarray, "methods clips"]
    """Share of the evidence on the object; missing without evidence."""
    areas: Float[np.ndarray, " clips"]
    """Share of the frames that the object covers: even evidence would have as much on it."""

    @property
    def chance(self) -> float:
        """The mean share of the area that the object covers."""
        return float(self.areas.mean())

    def summary(self) -> list[dict[str, Any]]:
        """For each method its label, mean share, 95 % interval over clips, and number of clips with evidence."""
        rows = []
        for method, shares in zip(self.methods, self.shares, strict=True):
            known = int((~np.isnan(shares)).sum())
            mean, interval = mean_of(shares) if known > 1 else (0.0, Interval(0.0, 0.0))
            rows.append(
                {"method": METHODS[method].label, "share": mean, "low": interval.low, "high": interval.high, "n": known}
            )
        return rows

    def differences(self) -> Mapping[str, Difference]:
        """For each method with at least two clips to compare its difference to RandomCAM."""
        # Imported here because the first page needs no SciPy.
        from scipy.stats import ttest_1samp

        base = self.shares[self.methods.index(BASELINE)]
        paired = {
            method: shares[~np.isnan(shares - base)] - base[~np.isnan(shares - base)]
            for method, shares in zip(self.methods, self.shares, strict=True)
            if method != BASELINE and int((~np.isnan(shares - base)).sum()) > 1
        }
        p_values = [float(ttest_1samp(values, 0).pvalue) if values.std() > 0 else 1.0 for values in paired.values()]
        return {
            method: Difference(*mean_of(values), p_value, len(values))
            for (method, values), p_value in zip(paired.items(), holm(p_values), strict=True)
        }

    @property
    def verdict(self) -> Verdict:
        """Passed if the method has more of its evidence on the object than RandomCAM, after correction."""
        label = METHODS[self.method].label
        if self.method == BASELINE:
            numbers = "RandomCAM is what the other methods are compared with, so it cannot do better than itself."
            return Verdict(state="not passed", numbers=numbers)
        if self.method not in self.methods:
            return Verdict(state="cannot tell", numbers=f"{label} says when, not where.")
        differences = self.differences()
        known = differences[self.method].num_clips if self.method in differences else 0
        if verdict := too_few(known, len(self.areas), "evidence in both maps"):
            return verdict
        difference = differences[self.method]
        share = float(np.nanmean(self.shares[self.methods.index(self.method)]))
        numbers = (
            f"{percent(share)} of the evidence is on the moving object, which covers {percent(self.chance)} of the "
            f"frames. Against RandomCAM: {signed(difference.mean, difference.interval)}, paired over {known} clips, "
            f"corrected {p_value_in_words(difference.p_value)}. {self._choice(differences)}"
        )
        if difference.p_value <= SIGNIFICANT:
            return Verdict(state="passed" if difference.mean > 0 else "not passed", numbers=numbers)
        return Verdict(state="not passed" if difference.interval.high <= 0 else "cannot tell", numbers=numbers)

    def _choice(self, differences: Mapping[str, Difference]) -> str:
        """Which methods are better than random weights; a largest mean alone is not called the best."""
        better = [
            METHODS[name].label for name, item in differences.items() if item.mean > 0 and item.p_value <= SIGNIFICANT
        ]
        if not better:
            return f"None of {len(differences)} methods is better than RandomCAM beyond chance."
        verb = "is" if len(better) == 1 else "are"
        return f"Of {len(differences)} methods {join_words(better)} {verb} better than RandomCAM beyond chance."

    def as_data(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return {
            "method": self.method,
            "methods": list(self.methods),
            "shares": to_lists(self.shares),
            "areas": to_lists(self.areas),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Localization":
        """The reverse of `as_data`."""
        return cls(
            method=data["method"],
            methods=tuple(data["methods"]),
            shares=from_lists(data["shares"]),
            areas=from_lists(data["areas"]),
        )


def localize(
    model: nn.Module,
    clips: CheckClips,
    masks: Bool[Tensor, "n t h w"],
    method: str,
    layer: str,
    *,
    methods: Sequence[str] = tuple(METHODS),
    report: Report = no_report,
) -> Localization:
    """The share of each method's evidence inside the mask of each clip, for every method that says where.

    The model is left unchanged.
    """
    compared = [name for name in methods if METHODS[name].says_where]
    cost = {name: METHODS[name].passes(clips.pixels.shape[2]) for name in compared}
    cost[BASELINE] *= SEEDS
    total, done = len(clips) * sum(cost.values()), 0
    shares = np.full((len(compared), len(clips)), np.nan)
    for number, (pixels, mask, target) in enumerate(zip(clips.pixels, masks, clips.targets, strict=True)):
        clip = pixels[None]
        for place, name in enumerate(compared):
            report(done / total, f"clip {number + 1} of {len(clips)}, {METHODS[name].label}")
            if name == BASELINE:
                grid = placement.grid_of(model, layer, ClipShape(*clip.shape[2:]))
                maps = [
                    placement.place(random_cam(model, clip, target, layer, seed=seed), grid) for seed in range(SEEDS)
                ]
            else:
                maps = [find_evidence(name, model, clip, target, layer).placed()]
            inside = [share_inside(evidence, mask) for evidence in maps]
            known = [share for share in inside if share is not None]
            if known:
                shares[place, number] = sum(known) / len(known)
            done += cost[name]
    areas = masks.double().mean(dim=(1, 2, 3)).numpy()
    return Localization(method=method, methods=tuple(compared), shares=shares, areas=areas)


def share_inside(evidence: Float[Tensor, "t h w"], mask: Bool[Tensor, "t h w"]) -> float | None:
    """The share of a map on the clip's frames and pixels inside a mask; None for a map without evidence."""
    maximum = float(evidence.max())
    if maximum == 0:
        return None
    values = (evidence / maximum).double()
    return float(values[mask].sum() / values.sum())
