"""Frame-order test: does a map depend on the order of the frames? The clip is shuffled, and frozen at one frame."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from analysis.attribution.evidence import Evidence, Explain, rank_correlation
from analysis.attribution.sanity_checks.clips import CheckClips
from analysis.attribution.sanity_checks.verdict import RHO, Verdict, from_lists, in_words, mean_of, to_lists, too_few
from analysis.formatting import percent, three_digits
from analysis.progress import Report, no_report

EXACT: Final = 1e-4
"""Part of the maximum of the evidence, and of the probability, below which a difference is rounding."""
ALIKE: Final = 0.8
"""|ρ| from which on the evidence keeps its position; a map passes below it."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """The clip with its frames in some order, and the answer of the network."""

    name: str
    frames: tuple[int, ...]
    """Which frame of the clip is at each position, counted from 0."""
    probability: float
    """Of the class that the evidence is for."""
    evidence: Evidence
    correlation: float
    """|ρ| of its map with the original one, reordered in the same way; NaN where one of them is empty."""
    moved_exactly: bool
    """True if its map is the original one, reordered, and its probability the same, apart from rounding."""


@dataclass(frozen=True, kw_only=True)
class ReorderedClip:
    """One clip: original, shuffled and frozen."""

    original: Version
    shuffled: Version
    frozen: Version

    def summary(self) -> str:
        """Sentences on this one clip."""
        before, after = (percent(version.probability) for version in (self.original, self.shuffled))
        if self.shuffled.moved_exactly:
            shuffled = f"Shuffled, the map moves with the frames exactly and the probability stays {before}."
        else:
            correlation = (
                "one of the maps is empty"
                if np.isnan(self.shuffled.correlation)
                else f"{RHO} of the maps is {three_digits(self.shuffled.correlation)}"
            )
            shuffled = f"Shuffled, the probability is {after} instead of {before}; {correlation}."
        evidence = self.frozen.evidence
        nothing = f" {evidence.label} finds no evidence in it." if evidence.is_empty else ""
        frozen = f"Frozen at frame {self.frozen.frames[0] + 1}, where nothing moves, it is "
        return f"{shuffled} {frozen}{percent(self.frozen.probability)}.{nothing}"


@dataclass(frozen=True, kw_only=True)
class FrameOrder:
    """The effect of the order of the frames over a set of clips."""

    correlations: Float[np.ndarray, " clips"]
    """|ρ| of the map of the shuffled clip with the original one, reordered; missing where one of them is empty."""
    exact: Bool[np.ndarray, " clips"]
    """True where map and answer are those of the original clip, reordered."""
    probabilities: Float[np.ndarray, "clips 3"]
    """Of the class: original, shuffled, frozen."""

    @property
    def verdict(self) -> Verdict:
        """Passed if the position of the evidence depends on the order of the frames."""
        known = int((~np.isnan(self.correlations)).sum())
        before, after, frozen = (percent(value) for value in self.probabilities.mean(axis=0).tolist())
        answer = f"The probability of the class is {before} in order, {after} shuffled and {frozen} frozen."
        if self.exact.all():
            numbers = (
                f"In all {len(self.exact)} clips map and answer are those of the original frames, in the new order: "
                "the network processes each frame separately."
            )
            return Verdict(state="not passed", numbers=numbers)
        if verdict := too_few(known, len(self.exact), "maps to compare"):
            return verdict
        mean, interval = mean_of(self.correlations)
        state = "passed" if interval.high < ALIKE else "not passed" if interval.low >= ALIKE else "cannot tell"
        numbers = (
            f"{RHO} with the original map in the same order is {in_words(mean, interval)} ({known} clips). {answer}"
        )
        return Verdict(state=state, numbers=numbers)

    def as_data(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return {
            "correlations": to_lists(self.correlations),
            "exact": to_lists(self.exact),
            "probabilities": to_lists(self.probabilities),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "FrameOrder":
        """The reverse of `as_data`."""
        return cls(
            correlations=from_lists(data["correlations"]),
            exact=np.array(data["exact"], dtype=np.bool_),
            probabilities=from_lists(data["probabilities"]),
        )


def reorder_clips(model: nn.Module, clips: CheckClips, explain: Explain, *, report: Report = no_report) -> FrameOrder:
    """Shuffle and freeze every clip, each with another order. The model is left unchanged."""
    versions = []
    for number, (pixels, target) in enumerate(zip(clips.pixels, clips.targets, strict=True)):
        report(number / len(clips), f"clip {number + 1} of {len(clips)}")
        versions.append(change_frame_order(model, pixels[None], target, explain, seed=number))
    return FrameOrder(
        correlations=np.array([version.shuffled.correlation for version in versions]),
        exact=np.array([version.shuffled.moved_exactly for version in versions]),
        probabilities=np.array(
            [
                [item.probability for item in (version.original, version.shuffled, version.frozen)]
                for version in versions
            ]
        ),
    )


def change_frame_order(
    model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int, explain: Explain, *, seed: int = 0
) -> ReorderedClip:
    """Compare a clip with its frames in a random order, and with its middle frame repeated.

    Raises ValueError for a clip of one frame, or of one repeated, which has no order. The model is left unchanged.
    """
    frames = clip.shape[2]
    if frames < 2:
        raise ValueError("A clip of one frame has no order to change; choose one with more frames.")
    if (clip == clip[:, :, :1]).all():
        raise ValueError("All frames of this clip are the same, so they have no order; choose a clip with motion.")
    in_order = tuple(range(frames))
    shuffle = in_order
    generator = torch.Generator().manual_seed(seed)
    while shuffle == in_order:
        shuffle = tuple(torch.randperm(frames, generator=generator).tolist())
    original = explain(model, clip, target)
    original_probability = _probability(model, clip, target)

    def version(name: str, order: tuple[int, ...]) -> Version:
        reordered = clip[:, :, list(order)]
        evidence = explain(model, reordered, target)
        probability = _probability(model, reordered, target)
        # If the network halves time, a map has no step for each frame that could be moved; it is interpolated first.
        _, height, width = original.map.shape
        original_map, new_map = (
            item.upsampled(frames, height, width, maximum=original.maximum or 1.0) for item in (original, evidence)
        )
        moved = original_map[list(order)]
        exact = bool((new_map - moved).abs().max() <= EXACT) and abs(probability - original_probability) <= EXACT
        empty = original.is_empty or evidence.is_empty
        return Version(
            name=name,
            frames=order,
            probability=probability,
            evidence=evidence,
            correlation=float("nan") if empty else abs(rank_correlation(moved, new_map)),
            moved_exactly=exact,
        )

    return ReorderedClip(
        original=version("original", in_order),
        shuffled=version("shuffled", shuffle),
        frozen=version("frozen", (frames // 2,) * frames),
    )


def _probability(model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int) -> float:
    with torch.no_grad():
        return float(model(clip)[0].double().softmax(dim=0)[target])
