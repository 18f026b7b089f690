"""Frame-order test: does a map depend on the order of the frames, more than maps that do so without reason?

The clip is shuffled. Its rivals are the map of the same method under noise of the same size in the same order, and maps
of the same block with random weights, which know nothing of the class.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from analysis.attribution import placement
from analysis.attribution.evidence import Evidence, Explain, rank_correlation
from analysis.attribution.hooks import block_of
from analysis.attribution.methods import BASELINE, find_evidence
from analysis.attribution.randomcam import random_cam, weigh_randomly
from analysis.attribution.sanity_checks.clips import CheckClips
from analysis.attribution.sanity_checks.verdict import (
    MIN_CLIPS,
    RHO,
    Verdict,
    from_lists,
    in_words,
    mean_of,
    mean_of_known,
    signed,
    to_lists,
    too_few,
)
from analysis.formatting import join_words, percent, three_digits
from analysis.progress import Report, no_report
from gte.models import ClipShape, recording
from gte.models.cell_grids import CellGrid

EXACT: Final = 1e-4
"""Part of the maximum of the evidence, and of the probability, below which a difference is rounding."""
RANDOM_MAPS: Final = 20
"""RandomCAMs of a clip, of which the mean is compared. Each clip has its own, so that clips are independent."""
NOISE: Final = "noise in the same order"
RANDOM: Final = "randomly weighted maps"


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
    """|ρ| of its map with the original one, reordered in the same way or left in place, whichever is nearer; NaN where
    one of them is empty. So a map that moves with the frames keeps 1, and one that ignores the clip as well."""
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
    """|ρ| of the map of the shuffled clip with the original one, as of a `Version`."""
    noise: Float[np.ndarray, " clips"]
    """The same for frames in order, with noise that changes the pixels as much as shuffling does."""
    random: Float[np.ndarray, "clips maps"]
    """The same as `correlations` for RandomCAMs of the block."""
    exact: Bool[np.ndarray, " clips"]
    """True where map and answer are those of the original clip, reordered."""
    probabilities: Float[np.ndarray, "clips 4"]
    """Of the class: original, shuffled, frozen, with the noise."""

    @property
    def rivals(self) -> dict[str, Float[np.ndarray, " clips"]]:
        """|ρ| of each rival, by its name: of the RandomCAMs the mean."""
        return {NOISE: self.noise, RANDOM: mean_of_known(self.random)}

    @property
    def verdict(self) -> Verdict:
        """Passed if the order changes the answer more than noise does, and the map more than each rival."""
        known = int((~np.isnan(self.correlations)).sum())
        if self.exact.all():
            numbers = (
                f"In all {len(self.exact)} clips map and answer are those of the original frames, in the new order: "
                "the network processes each frame separately."
            )
            return Verdict(state="not passed", numbers=numbers)
        if verdict := too_few(known, len(self.exact), "maps to compare"):
            return verdict
        before, after, frozen, noisy = (percent(value) for value in self.probabilities.mean(axis=0).tolist())
        changes = np.abs(self.probabilities - self.probabilities[:, :1])
        gain, gain_range = mean_of(changes[:, 1] - changes[:, 3])
        answer = (
            f"The probability of the class is {before} in order, {after} shuffled, {frozen} frozen and {noisy} with "
            f"noise; shuffling changes it by {changes[:, 1].mean():.3f}, {signed(gain, gain_range)} against the noise."
        )
        if gain_range.high <= 0:
            numbers = f"{answer} So the network hardly uses the order, whatever happens to the map."
            return Verdict(state="not passed", numbers=numbers)
        beaten, lost, unclear = list[str](), list[str](), list[str]()
        for name, values in self.rivals.items():
            more = values - self.correlations
            if (~np.isnan(more)).sum() < MIN_CLIPS:
                unclear.append(f"{name} (too few clips with a map)")
                continue
            mean, interval = mean_of(more)
            text = f"{name} ({signed(mean, interval)})"
            if interval.high <= 0:
                lost.append(text)
            elif interval.low > 0:
                beaten.append(text)
            else:
                unclear.append(text)
        outcomes = ((beaten, "less than"), (lost, "not less than"), (unclear, "no clear difference from"))
        compared = "; ".join(f"{words} {join_words(names)}" for names, words in outcomes if names)
        mean, interval = mean_of(self.correlations)
        numbers = (
            f"Shuffled, {RHO} with the original map is {in_words(mean, interval)} ({known} clips): {compared}. {answer}"
        )
        is_clear = gain_range.low > 0 and not unclear
        return Verdict(state="not passed" if lost else "passed" if is_clear else "cannot tell", numbers=numbers)

    def as_data(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return {
            "correlations": to_lists(self.correlations),
            "noise": to_lists(self.noise),
            "random": to_lists(self.random),
            "exact": to_lists(self.exact),
            "probabilities": to_lists(self.probabilities),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "FrameOrder":
        """The reverse of `as_data`."""
        return cls(
            correlations=from_lists(data["correlations"]),
            noise=from_lists(data["noise"]),
            random=from_lists(data["random"]),
            exact=np.array(data["exact"], dtype=np.bool_),
            probabilities=from_lists(data["probabilities"]),
        )


def reorder_clips(
    model: nn.Module,
    clips: CheckClips,
    explain: Explain | None,
    layer: str,
    *,
    random_maps: int = RANDOM_MAPS,
    report: Report = no_report,
) -> FrameOrder:
    """Shuffle and freeze every clip, each with another order, and compare with the rivals.

    `layer` is the block of the RandomCAMs. Without `explain` RandomCAM is judged itself, as a negative control, with
    other weights for each clip: the same for all would make clips depend on one another. The model is left unchanged.
    """
    versions, noise, random, probabilities = [], [], [], []
    for number, (pixels, target) in enumerate(zip(clips.pixels, clips.targets, strict=True)):
        report(number / len(clips), f"clip {number + 1} of {len(clips)}")
        clip, first = pixels[None], number * (random_maps + 1)
        method = explain or partial(_random_evidence, layer=layer, seed=first)
        version = change_frame_order(model, clip, target, method, seed=number)
        versions.append(version)
        order = version.shuffled.frames
        shuffled = clip[:, :, list(order)]
        size = (shuffled - clip).square().mean().sqrt()
        noisy = clip + size * torch.randn(clip.shape, generator=torch.Generator().manual_seed(number))
        noise.append(_nearness(version.original.evidence, method(model, noisy, target)))
        items = version.original, version.shuffled, version.frozen
        probabilities.append([*(item.probability for item in items), _probability(model, noisy, target)])
        seeds = range(first + 1, first + 1 + random_maps)
        random.append(_random_nearness(model, (clip, shuffled), layer, order, seeds))
    return FrameOrder(
        correlations=np.array([version.shuffled.correlation for version in versions]),
        noise=np.array(noise),
        random=np.array(random),
        exact=np.array([version.shuffled.moved_exactly for version in versions]),
        probabilities=np.array(probabilities),
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
        return Version(
            name=name,
            frames=order,
            probability=probability,
            evidence=evidence,
            correlation=_nearness(original, evidence, order),
            moved_exactly=exact,
        )

    return ReorderedClip(
        original=version("original", in_order),
        shuffled=version("shuffled", shuffle),
        frozen=version("frozen", (frames // 2,) * frames),
    )


def _nearness(original: Evidence, changed: Evidence, order: tuple[int, ...] = ()) -> float:
    """|ρ| of two maps of one method, as of a `Version`; without an order in place alone."""
    return _nearness_of(original.map, changed.map, original.grid, order)


def _nearness_of(
    original: Float[Tensor, "t h w"], changed: Float[Tensor, "t h w"], grid: CellGrid, order: tuple[int, ...]
) -> float:
    if not (original.max() > 0 and changed.max() > 0):
        return float("nan")
    # If the network halves time, a map has no step for each frame that could be moved; it is interpolated first.
    shape = grid[0].size, original.shape[1], original.shape[2]
    first, second = (placement.place(item / item.max(), grid, shape) for item in (original, changed))
    places = [first, first[list(order)]] if order else [first]
    return max(abs(rank_correlation(place, second)) for place in places)


def _random_nearness(
    model: nn.Module,
    clips: tuple[Float[Tensor, "1 3 t h w"], Float[Tensor, "1 3 t h w"]],
    layer: str,
    order: tuple[int, ...],
    seeds: Iterable[int],
) -> list[float]:
    """|ρ| of each RandomCAM of a clip with that of its shuffled version."""
    outputs = []
    for clip in clips:
        with torch.no_grad(), recording({layer: block_of(model, layer)}) as recorded:
            model(clip)
        outputs.append(recorded[layer])
    grid = placement.grid_of(model, layer, ClipShape(*clips[0].shape[2:]))
    original, shuffled = outputs
    return [_nearness_of(weigh_randomly(original, seed), weigh_randomly(shuffled, seed), grid, order) for seed in seeds]


def _random_evidence(
    model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int, *, layer: str, seed: int
) -> Evidence:
    found = find_evidence(BASELINE, model, clip, target, layer)
    return replace(found, map=random_cam(model, clip, target, layer, seed=seed))


def _probability(model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int) -> float:
    with torch.no_grad():
        return float(model(clip)[0].double().softmax(dim=0)[target])
