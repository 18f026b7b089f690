"""Does the map know the order of the frames? The clip is shuffled, and frozen in one frame."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution import Attribute, Evidence
from analysis.attribution.likeness import rank_correlation
from analysis.formatting import percent, three_digits

SEED = 0
EXACT = 1e-4
"""Part of the largest evidence, and of the probability, below which a difference is rounding."""
SEEN = 0.01
"""Smaller moves of a probability are called none: an untrained network's would otherwise count as knowing an order."""
ALIKE = 0.8
"""Rank correlation from which on a map keeps its places."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """The clip with its frames in another order, and what the network says of it."""

    name: str
    frames: tuple[int, ...]
    """Which frame of the clip stands at each place, counted from 0."""
    probability: float
    """Of the class in question."""
    evidence: Evidence
    likeness: float
    """Rank correlation of its map with the clip's own, whose frames are put into the same order."""
    moved_exactly: bool
    """True if map and probability are the clip's own with the frames put into this order, but for rounding."""


@dataclass(frozen=True, kw_only=True)
class Reordering:
    """The clip as it is, shuffled and frozen."""

    original: Version
    shuffled: Version
    frozen: Version

    def verdict(self) -> str:
        """Sentences on what the order of the frames means to the network, from the two changes."""
        before, after = (percent(version.probability) for version in (self.original, self.shuffled))
        still = self.frozen.frames[0] + 1
        if self.shuffled.moved_exactly:
            told = (
                "Shuffling the frames moves the map with them exactly, and leaves the probability of the class at "
                f"{before}: the network takes each frame by itself, so neither can know an order."
            )
        else:
            told = (
                f"Shuffled, the class has a probability of {after} instead of {before}, and the map, moved along with "
                f"its frames, keeps a rank correlation of {three_digits(self.shuffled.likeness)} with the original: "
                f"{self._what_depends()}."
            )
        frozen = percent(self.frozen.probability)
        nothing = " There is no evidence left for it." if self.frozen.evidence.is_empty else ""
        return f"{told} Frozen in frame {still}, where nothing moves, the class has {frozen}.{nothing}"

    def _what_depends(self) -> str:
        """What of a network that mixes frames notices another order by so much that a reader would call it so."""
        answer = abs(self.shuffled.probability - self.original.probability) >= SEEN
        places = self.shuffled.likeness < ALIKE
        if answer and places:
            return "both depend on the order"
        if answer:
            return "the answer depends on the order, the places of the evidence hardly do"
        if places:
            return "the places of the evidence depend on the order, the answer hardly does"
        return "neither depends on the order by much"


def reorder(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    target: int,
    layer: str,
    attribute: Attribute,
    *,
    contrast: int | None = None,
) -> Reordering:
    """Ask a network about a clip, about its frames in an order drawn from seed 0, and about its middle frame repeated.

    Raises ValueError for a clip of one frame, or of one repeated, which has no order. Leaves the model as it was.
    """
    frames = clip.shape[2]
    if frames < 2:
        raise ValueError("A clip of one frame has no order to change; choose one with more frames.")
    if (clip == clip[:, :, :1]).all():
        raise ValueError(
            "All frames of this clip are the same, so they have no order; choose one where something moves."
        )
    own = tuple(range(frames))
    shuffle = own
    chance = torch.Generator().manual_seed(SEED)
    while shuffle == own:
        shuffle = tuple(torch.randperm(frames, generator=chance).tolist())
    found = attribute(model, clip, target, layer, contrast=contrast)
    probability = _probability(model, clip, target)

    def version(name: str, order: tuple[int, ...]) -> Version:
        seen = clip[:, :, list(order)]
        evidence = attribute(model, seen, target, layer, contrast=contrast)
        now = _probability(model, seen, target)
        # Where the network halves time, a map has no step for each frame to be moved; it is interpolated first.
        _, height, width = found.map.shape
        own_map, its_map = (
            one.upsampled(frames, height, width, maximum=found.maximum or 1.0) for one in (found, evidence)
        )
        moved = own_map[list(order)]
        exact = bool((its_map - moved).abs().max() <= EXACT) and abs(now - probability) <= EXACT
        return Version(
            name=name,
            frames=order,
            probability=now,
            evidence=evidence,
            likeness=rank_correlation(moved, its_map),
            moved_exactly=exact,
        )

    return Reordering(
        original=version("as it is", own),
        shuffled=version("shuffled", shuffle),
        frozen=version("frozen", (frames // 2,) * frames),
    )


def _probability(model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int) -> float:
    with torch.no_grad():
        return float(model(clip)[0].double().softmax(dim=0)[target])
