"""Deletion test: does the network need the marked pixels more than those of maps that know less?"""

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.attribution import placement
from analysis.attribution.evidence import Explain
from analysis.attribution.hooks import block_of
from analysis.attribution.randomcam import weigh_randomly
from analysis.attribution.sanity_checks.clips import REVERSED, CheckClips
from analysis.attribution.sanity_checks.verdict import (
    MIN_CLIPS,
    Verdict,
    from_lists,
    mean_of,
    mean_of_known,
    signed,
    to_lists,
    too_few,
)
from analysis.formatting import join_words
from analysis.progress import Report, no_report
from analysis.statistics import Interval
from gte.models import ClipShape, recording

Way = Literal["deletion", "insertion"]
WAYS: Final[tuple[Way, ...]] = get_args(Way)

SHARES: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
"""Shares of the pixels that are deleted or inserted: closer together where the curves are steep."""
RANDOM_MAPS: Final = 20
"""RandomCAMs of the same block: beating all of them by chance has a probability of 1 in 21."""
MIN_DIFFERENCE: Final = 0.01
"""Areas that differ by less count as equal: the answer of an untrained network hardly depends on the clip."""
BLUR_PART: Final = 1 / 16
"""Standard deviation of the blur at the start of insertion, as a part of the frame's height."""

EVIDENCE: Final = "evidence"
RIVALS: Final = (REVERSED, "mean activation", "pixel motion")
"""Maps that the evidence must beat: of the same method for the reversed class, or the next one where there is none, of
the block without any class, and of the clip without any network."""
RANDOM: Final = "random weights"
"""The mean of the RandomCAMs, the fourth rival."""


@dataclass(frozen=True, kw_only=True)
class DeletionInsertion:
    """The probability of the class while pixels are deleted or inserted in the order of several maps."""

    shares: tuple[float, ...]
    probabilities: Float[np.ndarray, "clips orders ways shares"]
    """Orders: evidence, RIVALS, RandomCAMs; missing where the map of an order is empty."""
    rival: str = REVERSED
    """The first rival in words."""

    @property
    def rivals(self) -> tuple[str, ...]:
        """RIVALS in words."""
        return self.rival, *RIVALS[1:]

    def areas(self) -> Float[np.ndarray, "clips orders ways"]:
        """The area under each curve, in [0, 1]."""
        return np.trapezoid(self.probabilities, self.shares, axis=-1)

    def advantages(self) -> dict[str, dict[Way, Float[np.ndarray, " clips"]]]:
        """By how much the evidence is better than each rival: its area is smaller (deletion) or larger (insertion)."""
        areas = self.areas() * np.array([-1.0, 1.0])
        own, random = areas[:, 0], mean_of_known(areas[:, 1 + len(RIVALS) :])
        others = {name: areas[:, place] for place, name in enumerate(self.rivals, start=1)} | {RANDOM: random}
        return {
            name: {way: own[:, place] - other[:, place] for place, way in enumerate(WAYS)}
            for name, other in others.items()
        }

    def wins(self) -> dict[str, int]:
        """On how many clips the evidence, and each rival, beats every RandomCAM in both ways."""
        areas = self.areas() * np.array([-1.0, 1.0])
        first = 1 + len(RIVALS)
        # An empty RandomCAM gives no order, so there is nothing to beat.
        best = np.nan_to_num(areas[:, first:], nan=-np.inf).max(axis=1)
        return {
            name: int((areas[:, place] > best).all(axis=1).sum()) for place, name in enumerate((EVIDENCE, *self.rivals))
        }

    def differences(self) -> dict[str, dict[Way, tuple[float, Interval]]]:
        """The mean advantage over each rival and its paired 95 % interval; without rivals that lack clips."""
        return {
            name: {way: mean_of(values) for way, values in ways.items()}
            for name, ways in self.advantages().items()
            if int((~np.isnan(ways["deletion"])).sum()) > 1
        }

    @property
    def verdict(self) -> Verdict:
        """Passed if the evidence is better than each rival, in both ways."""
        areas = self.areas()
        known = ~np.isnan(areas[:, 0, 0])
        if verdict := too_few(int(known.sum()), len(known), "evidence to sort the pixels by"):
            return verdict
        spread = np.nanmax(areas[known], axis=1) - np.nanmin(areas[known], axis=1)
        if float(spread.mean()) < MIN_DIFFERENCE:
            return Verdict(state="cannot tell", numbers="The order of the pixels hardly changes the probability.")
        counts = {name: int((~np.isnan(ways["deletion"])).sum()) for name, ways in self.advantages().items()}
        differences = {name: ways for name, ways in self.differences().items() if counts[name] >= MIN_CLIPS}
        lacking = [name for name in counts if name not in differences]
        lowest = {name: min(interval.low for _, interval in ways.values()) for name, ways in differences.items()}
        highest = {name: min(interval.high for _, interval in ways.values()) for name, ways in differences.items()}
        beaten = [name for name in differences if lowest[name] > 0]
        lost = [name for name in differences if highest[name] <= 0]
        unclear = [name for name in differences if name not in (*beaten, *lost)]

        def listed(names: list[str]) -> str:
            # A rival whose map is empty on some clips is compared on the others alone.
            return join_words(
                [
                    name if counts[name] == known.sum() else f"{name} ({counts[name]} of {len(known)} clips)"
                    for name in names
                ]
            )

        parts = []
        if beaten:
            parts.append(f"better than {listed(beaten)}")
        if lost:
            parts.append(f"not better than {listed(lost)}")
        if unclear:
            parts.append(f"no clear difference from {listed(unclear)}")
        if lacking:
            parts.append(f"too few clips with a map of {listed(lacking)}, where a verdict needs {MIN_CLIPS}")
        text = "; ".join(parts)
        numbers = f"{text[0].upper()}{text[1:]}."
        if differences:
            weakest = min(differences, key=lambda name: highest[name])
            gained = ", ".join(f"{way} {signed(*value)}" for way, value in differences[weakest].items())
            numbers += f" Area gained against {weakest}: {gained} ({counts[weakest]} clips)."
        state = "not passed" if lost else "cannot tell" if unclear or lacking else "passed"
        return Verdict(state=state, numbers=numbers)

    def as_data(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return {"shares": list(self.shares), "probabilities": to_lists(self.probabilities), "rival": self.rival}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "DeletionInsertion":
        """The reverse of `as_data`."""
        probabilities, rival = from_lists(data["probabilities"]), str(data.get("rival", REVERSED))
        return cls(shares=tuple(data["shares"]), probabilities=probabilities, rival=rival)


def delete_and_insert(
    model: nn.Module,
    clips: CheckClips,
    explain: Explain,
    layer: str,
    *,
    random_maps: int = RANDOM_MAPS,
    shares: tuple[float, ...] = SHARES,
    report: Report = no_report,
) -> DeletionInsertion:
    """The probability of each clip's class while pixels are deleted or inserted, those with most evidence first.

    Deleted pixels take the clip's average colour; insertion starts from the blurred clip. The evidence is compared with
    that for the rival class, with the mean activation of the block `layer`, with the motion of the pixels and with
    RandomCAMs of the block. The model is left unchanged. Petsiuk et al. 2018, section 3.2.
    """
    orders = (EVIDENCE, *RIVALS, *(f"seed {seed}" for seed in range(random_maps)))
    probabilities = np.full((len(clips), len(orders), len(WAYS), len(shares)), np.nan)
    for number in range(len(clips)):
        clip, target = clips.pixels[number : number + 1], clips.targets[number]
        with torch.no_grad(), recording({layer: block_of(model, layer)}) as outputs:
            model(clip)
        grid = placement.grid_of(model, layer, ClipShape(*clip.shape[2:]))
        maps = [
            explain(model, clip, target).placed(),
            explain(model, clip, clips.rivals[number]).placed(),
            placement.place(outputs[layer][0].mean(dim=0).relu(), grid),
            pixel_motion(clip),
            *(placement.place(weigh_randomly(outputs[layer], seed), grid) for seed in range(random_maps)),
        ]
        average = clip.mean(dim=(2, 3, 4), keepdim=True).expand_as(clip)
        ways = ((clip, average), (_blurred(clip), clip))
        ends = _probabilities(model, torch.cat([clip, average, ways[1][0]]), target)
        for place, values in enumerate(maps):
            report((number + place / len(maps)) / len(clips), f"clip {number + 1} of {len(clips)}")
            if float(values.max()) == 0:
                continue
            changed = _ranking(values) < torch.tensor(shares[1:-1])[:, None, None, None] * clip[0, 0].numel()
            batch = torch.cat([torch.where(changed[:, None], after, before) for before, after in ways])
            inner = _probabilities(model, batch, target).reshape(len(ways), -1)
            for way, (first, last) in enumerate(((0, 1), (2, 0))):
                probabilities[number, place, way] = [ends[first], *inner[way], ends[last]]
    return DeletionInsertion(shares=shares, probabilities=probabilities, rival=clips.rival)


def pixel_motion(clip: Float[Tensor, "1 3 t h w"]) -> Float[Tensor, "t h w"]:
    """The absolute difference of each pixel to the frames before and after, the mean over colours: no network."""
    steps = (clip[0, :, 1:] - clip[0, :, :-1]).abs().mean(dim=0)  # (t - 1, h, w)
    edge = torch.zeros_like(clip[0, 0, :1])
    return torch.cat([edge, steps]) + torch.cat([steps, edge])


def _probabilities(model: nn.Module, clips: Float[Tensor, "n 3 t h w"], target: int) -> Float[np.ndarray, " n"]:
    with torch.no_grad():
        return model(clips).double().softmax(dim=1)[:, target].numpy()


def _ranking(evidence: Float[Tensor, "t h w"]) -> Int[Tensor, "t h w"]:
    """The rank of every pixel of the clip by its evidence, 0 for the strongest; ties are broken at random."""
    values = evidence.flatten()
    shuffled = torch.randperm(values.numel(), generator=torch.Generator().manual_seed(0))
    order = shuffled[values[shuffled].argsort(descending=True, stable=True)]
    ranking = torch.empty_like(order)
    ranking[order] = torch.arange(values.numel())
    return ranking.reshape(evidence.shape)


def _blurred(clip: Float[Tensor, "1 3 t h w"]) -> Float[Tensor, "1 3 t h w"]:
    # Torchvision takes a second to import, which most who import this module need not wait for.
    from torchvision.transforms.functional import gaussian_blur

    deviation = clip.shape[3] * BLUR_PART
    # Three deviations to each side, but no more than the padding by reflection allows.
    reach = min(round(3 * deviation), min(clip.shape[3:]) - 1)
    frames = gaussian_blur(clip[0].transpose(0, 1), [2 * reach + 1, 2 * reach + 1], [deviation, deviation])
    return frames.transpose(0, 1)[None].contiguous()
