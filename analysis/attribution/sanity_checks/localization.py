"""Localisation test: is more of the evidence on the moving object than of maps that ignore the class?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from analysis.attribution import placement
from analysis.attribution.hooks import block_of
from analysis.attribution.methods import BASELINE, METHODS, find_evidence
from analysis.attribution.randomcam import weigh_randomly
from analysis.attribution.sanity_checks.clips import CheckClips
from analysis.attribution.sanity_checks.verdict import (
    Verdict,
    from_lists,
    mean_of,
    mean_of_known,
    signed,
    to_lists,
    too_few,
)
from analysis.formatting import join_words, p_value_in_words, percent
from analysis.progress import Report, no_report
from analysis.statistics import SIGNIFICANT, Interval, holm
from gte.models import ClipShape, recording
from gte.models.cell_grids import CellGrid

RANDOM_MAPS: Final = 400
"""RandomCAMs of a clip over which the share is averaged. Each clip has its own, so that clips are independent; so many
that another draw changes the p-value little: from 0.032 to 0.038 over six draws for Grad-CAM of gte-tiny."""

Rival = Literal["RandomCAM", "mean activation"]
RIVALS: Final[tuple[Rival, ...]] = get_args(Rival)
"""Maps of the block that ignore the class, both of which the evidence must beat."""


class Difference(NamedTuple):
    """The share of the evidence on the object, minus that of a rival: paired over clips, each of another scene."""

    mean: float
    interval: Interval
    p_value: float
    """Of the paired t-test, after the correction of Holm for all methods that are compared."""
    num_clips: int

    @property
    def is_better(self) -> bool:
        """Whether more of the evidence is on the object, beyond chance."""
        return self.mean > 0 and self.p_value <= SIGNIFICANT

    @property
    def is_lost(self) -> bool:
        """Whether the evidence is worse beyond chance, or at best equal."""
        return (self.mean < 0 and self.p_value <= SIGNIFICANT) or self.interval.high <= 0


@dataclass(frozen=True, kw_only=True)
class Localization:
    """The share of each method's evidence that is on the moving object, for each clip."""

    method: str
    """Key of the method that is judged."""
    methods: tuple[str, ...]
    """Keys of METHODS, RandomCAM included: another map than those of the rival, as a negative control."""
    shares: Float[np.ndarray, "methods clips"]
    """Share of the evidence on the object; missing where the map is empty."""
    rivals: Float[np.ndarray, "rivals clips"]
    """The same share of each of RIVALS: of RandomCAM the mean over its maps that are not empty."""
    areas: Float[np.ndarray, " clips"]
    """Share of the frames that the object covers: even evidence would have as much on it."""

    @property
    def chance(self) -> float:
        """The mean share of the area that the object covers."""
        return float(self.areas.mean())

    def summary(self) -> list[dict[str, Any]]:
        """For each method and rival its label, mean share, 95 % interval over clips, and number of clips with a map."""
        rows = {
            METHODS[method].label: shares
            for method, shares in zip(self.methods, self.shares, strict=True)
            if method in self._compared()
        }
        names = [f"{METHODS[BASELINE].label}, mean", *RIVALS[1:]]
        rows |= zip(names, self.rivals, strict=True)
        summary = []
        for label, shares in rows.items():
            known = int((~np.isnan(shares)).sum())
            mean, interval = mean_of(shares) if known > 1 else (0.0, Interval(0.0, 0.0))
            summary.append({"method": label, "share": mean, "low": interval.low, "high": interval.high, "n": known})
        return summary

    def _compared(self) -> Sequence[str]:
        """Keys of the methods that are compared with the rivals: RandomCAM only where it is judged itself."""
        return [method for method in self.methods if method != BASELINE or self.method == BASELINE]

    def differences(self, rival: Rival) -> Mapping[str, Difference]:
        """For each method with at least two clips to compare its difference to a rival."""
        # Imported here because the first page needs no SciPy.
        from scipy.stats import ttest_1samp

        base = self.rivals[RIVALS.index(rival)]
        paired = {method: self.shares[self.methods.index(method)] - base for method in self._compared()}
        paired = {method: values[~np.isnan(values)] for method, values in paired.items()}
        paired = {method: values for method, values in paired.items() if len(values) > 1}
        p_values = [float(ttest_1samp(values, 0).pvalue) if values.std() > 0 else 1.0 for values in paired.values()]
        return {
            method: Difference(*mean_of(values), p_value, len(values))
            for (method, values), p_value in zip(paired.items(), holm(p_values), strict=True)
        }

    @property
    def verdict(self) -> Verdict:
        """Passed if more of the evidence is on the object than of each rival; both must be beaten after correction."""
        label = METHODS[self.method].label
        if self.method not in self.methods:
            return Verdict(state="cannot tell", numbers=f"{label} says when, not where.")
        by_rival: dict[Rival, Mapping[str, Difference]] = {rival: self.differences(rival) for rival in RIVALS}
        for rival, differences in by_rival.items():
            known = differences[self.method].num_clips if self.method in differences else 0
            if verdict := too_few(known, len(self.areas), f"evidence by {label} and a map of {rival}"):
                return verdict
        own: dict[Rival, Difference] = {rival: differences[self.method] for rival, differences in by_rival.items()}
        share = float(np.nanmean(self.shares[self.methods.index(self.method)]))
        against = "; ".join(
            f"{rival} {signed(item.mean, item.interval)} ({item.num_clips} clips, corrected "
            f"{p_value_in_words(item.p_value)})"
            for rival, item in own.items()
        )
        numbers = (
            f"{percent(share)} of the evidence is on the moving object, which covers {percent(self.chance)} of the "
            f"frames. {_outcome(own)} Paired difference to {against}. {self._choice(by_rival)}"
        )
        if all(item.is_better for item in own.values()):
            return Verdict(state="passed", numbers=numbers)
        return Verdict(
            state="not passed" if any(item.is_lost for item in own.values()) else "cannot tell", numbers=numbers
        )

    def _choice(self, by_rival: Mapping[Rival, Mapping[str, Difference]]) -> str:
        """Which methods are better than both rivals; a largest mean alone is not called the best."""
        compared = self._compared()
        better = [
            METHODS[name].label
            for name in compared
            if all(name in differences and differences[name].is_better for differences in by_rival.values())
        ]
        if not better:
            return f"None of {len(compared)} methods is better than both beyond chance."
        verb = "is" if len(better) == 1 else "are"
        return f"Of {len(compared)} methods {join_words(better)} {verb} better than both beyond chance."

    def as_data(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return {
            "method": self.method,
            "methods": list(self.methods),
            "shares": to_lists(self.shares),
            "rivals": to_lists(self.rivals),
            "areas": to_lists(self.areas),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Localization":
        """The reverse of `as_data`."""
        return cls(
            method=data["method"],
            methods=tuple(data["methods"]),
            shares=from_lists(data["shares"]),
            rivals=from_lists(data["rivals"]),
            areas=from_lists(data["areas"]),
        )


def _outcome(own: Mapping[Rival, Difference]) -> str:
    """Say in a sentence which rivals are beaten, and what a rival that is not beaten means."""
    better = [rival for rival, item in own.items() if item.is_better]
    others = [rival for rival in own if rival not in better]
    if not others:
        return f"That is more than of {join_words(better)}, which ignore the class."
    text = "which ignores the class" if len(others) == 1 else "which ignore the class"
    if not better:
        return f"That is not more, beyond chance, than of {join_words(others)}, {text}."
    return f"That is more than of {join_words(better)}, but not, beyond chance, than of {join_words(others)}, {text}."


def localize(
    model: nn.Module,
    clips: CheckClips,
    masks: Bool[Tensor, "n t h w"],
    method: str,
    layer: str,
    *,
    methods: Sequence[str] = tuple(METHODS),
    random_maps: int = RANDOM_MAPS,
    seed: int = 0,
    report: Report = no_report,
) -> Localization:
    """The share of each method's evidence inside the mask of each clip, for every method that says where.

    The random weights of each clip are drawn apart from those of all others; another `seed` draws all of them again.
    The model is left unchanged.
    """
    compared = [name for name in methods if METHODS[name].says_where]
    cost = {name: METHODS[name].passes(clips.pixels.shape[2]) for name in compared}
    total, done = len(clips) * sum(cost.values()), 0
    shares = np.full((len(compared), len(clips)), np.nan)
    rivals = np.full((len(RIVALS), len(clips)), np.nan)
    for number, (pixels, mask, target) in enumerate(zip(clips.pixels, masks, clips.targets, strict=True)):
        clip = pixels[None]
        grid = placement.grid_of(model, layer, ClipShape(*clip.shape[2:]))
        with torch.no_grad(), recording({layer: block_of(model, layer)}) as outputs:
            model(clip)
        output = outputs[layer]
        first = (seed * len(clips) + number) * (random_maps + 1)
        random = [weigh_randomly(output, first + place) for place in range(random_maps + 1)]
        found = share_inside(torch.stack([output[0].mean(dim=0).relu(), *random]), grid, mask)
        rivals[:, number] = mean_of_known(found[None, 2:])[0], found[0]
        control = found[1]
        for place, name in enumerate(compared):
            report(done / total, f"clip {number + 1} of {len(clips)}, {METHODS[name].label}")
            if name == BASELINE:
                shares[place, number] = control
            else:
                evidence = find_evidence(name, model, clip, target, layer)
                (shares[place, number],) = share_inside(evidence.map[None], evidence.grid, mask)
            done += cost[name]
    areas = masks.double().mean(dim=(1, 2, 3)).numpy()
    return Localization(method=method, methods=tuple(compared), shares=shares, rivals=rivals, areas=areas)


def share_inside(
    maps: Float[Tensor, "n t h w"], grid: CellGrid, mask: Bool[Tensor, "t2 h2 w2"]
) -> Float[np.ndarray, " n"]:
    """The share of each map, placed on the clip's frames and pixels, that is inside a mask; NaN for an empty map.

    A placed map is linear in its cells, so each cell has a weight inside the mask and one in the whole clip.
    """
    cells = torch.zeros(maps.shape[1:], requires_grad=True)
    placed = placement.place(cells, grid)
    (inside,) = torch.autograd.grad(placed[mask].sum(), cells, retain_graph=True)
    (everywhere,) = torch.autograd.grad(placed.sum(), cells)
    totals = torch.einsum("nthw,thw->n", maps.double(), everywhere.double())
    return (torch.einsum("nthw,thw->n", maps.double(), inside.double()) / totals).numpy()
