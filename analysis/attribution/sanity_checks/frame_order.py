"""Frame-order test: does a map depend on the order of the frames? The clip is shuffled, and frozen at one frame."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.evidence import Evidence, Explain, rank_correlation
from analysis.formatting import percent, three_digits

SEED = 0
EXACT = 1e-4
"""Part of the maximum of the evidence, and of the probability, below which a difference is rounding."""
MIN_CHANGE = 0.01
"""Smaller changes of a probability count as none: those of an untrained network would otherwise count as well."""
ALIKE = 0.8
"""Rank correlation from which on the evidence keeps its position."""


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
    """Rank correlation of its map with the original one, reordered in the same way."""
    moved_exactly: bool
    """True if its map is the original one, reordered, and its probability the same, apart from rounding."""


@dataclass(frozen=True, kw_only=True)
class FrameOrder:
    """The original clip, shuffled and frozen."""

    original: Version
    shuffled: Version
    frozen: Version

    def verdict(self) -> str:
        """Sentences on how much the order of the frames matters to the network."""
        before, after = (percent(version.probability) for version in (self.original, self.shuffled))
        frozen_frame = self.frozen.frames[0] + 1
        if self.shuffled.moved_exactly:
            shuffled = (
                "Shuffling the frames moves the map with them exactly, and leaves the probability of the class at "
                f"{before}: the network processes each frame separately, so neither can depend on the order."
            )
        else:
            shuffled = (
                f"Shuffled, the class has a probability of {after} instead of {before}, and the map has a rank "
                f"correlation of {three_digits(self.shuffled.correlation)} with the original one, reordered in the "
                f"same way: {self._dependence()}."
            )
        frozen = percent(self.frozen.probability)
        nothing = " No evidence for it is left." if self.frozen.evidence.is_empty else ""
        return f"{shuffled} Frozen at frame {frozen_frame}, where nothing moves, the class has {frozen}.{nothing}"

    def _dependence(self) -> str:
        """Whether answer and evidence depend on the order by more than a reader would ignore."""
        answer = abs(self.shuffled.probability - self.original.probability) >= MIN_CHANGE
        position = self.shuffled.correlation < ALIKE
        if answer and position:
            return "both depend on the order"
        if answer:
            return "the answer depends on the order, the position of the evidence hardly does"
        if position:
            return "the position of the evidence depends on the order, the answer hardly does"
        return "neither depends much on the order"


def change_frame_order(model: nn.Module, clip: Float[Tensor, "1 3 t h w"], explain: Explain) -> FrameOrder:
    """Compare a clip with its frames in a random order, drawn from seed 0, and with its middle frame repeated.

    Raises ValueError for a clip of one frame, or of one repeated, which has no order. The model is left unchanged.
    """
    frames = clip.shape[2]
    if frames < 2:
        raise ValueError("A clip of one frame has no order to change; choose one with more frames.")
    if (clip == clip[:, :, :1]).all():
        raise ValueError("All frames of this clip are the same, so they have no order; choose a clip with motion.")
    in_order = tuple(range(frames))
    shuffle = in_order
    generator = torch.Generator().manual_seed(SEED)
    while shuffle == in_order:
        shuffle = tuple(torch.randperm(frames, generator=generator).tolist())
    original = explain(model, clip)
    original_probability = _probability(model, clip, original.target)

    def version(name: str, order: tuple[int, ...]) -> Version:
        reordered = clip[:, :, list(order)]
        evidence = explain(model, reordered)
        probability = _probability(model, reordered, evidence.target)
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
            correlation=rank_correlation(moved, new_map),
            moved_exactly=exact,
        )

    return FrameOrder(
        original=version("original", in_order),
        shuffled=version("shuffled", shuffle),
        frozen=version("frozen", (frames // 2,) * frames),
    )


def _probability(model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int) -> float:
    with torch.no_grad():
        return float(model(clip)[0].double().softmax(dim=0)[target])
