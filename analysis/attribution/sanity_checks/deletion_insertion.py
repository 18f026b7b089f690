"""Deletion test: does the network need the marked pixels? Compared with randomly weighted maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

from analysis.attribution.evidence import Evidence
from analysis.attribution.hooks import block_of
from analysis.attribution.randomcam import weigh_randomly
from analysis.formatting import three_digits
from analysis.progress import Report, no_report
from gte.models import recording

Way = Literal["deletion", "insertion"]
WAYS: Final[tuple[Way, ...]] = get_args(Way)

STEPS = 16
"""Equal parts in which pixels are deleted or inserted."""
SEEDS = 5
"""RandomCAMs of the same block to compare with."""
MIN_DIFFERENCE = 0.01
"""Areas that differ by less count as equal: the answer of an untrained network hardly depends on the clip."""
BLUR_PART = 1 / 16
"""Standard deviation of the blur at the start of insertion, as a part of the frame's height."""
EVIDENCE = "evidence"


@dataclass(frozen=True, kw_only=True)
class DeletionInsertion:
    """The curves of a map and of RandomCAMs."""

    table: pd.DataFrame
    """Rows: order ("evidence" or "RandomCAM, seed 0", ...), way, share (of pixels, from 0 to 1), probability."""
    method: str
    """Label of the method."""

    def areas(self, way: Way) -> tuple[float, list[float]]:
        """The area under the curve of the evidence, and of each RandomCAM, in [0, 1]."""
        rows = self.table.loc[self.table["way"] == way]
        by_order = {
            str(order): float(np.trapezoid(curve["probability"], curve["share"]))
            for order, curve in rows.groupby("order", sort=False)
        }
        return by_order.pop(EVIDENCE), list(by_order.values())

    def verdict(self) -> str:
        """One sentence on whether the evidence does better than random weights."""
        deleted, random_deleted = self.areas("deletion")
        inserted, random_inserted = self.areas("insertion")
        falls, rises = deleted < min(random_deleted), inserted > max(random_inserted)
        numbers = (
            f"Area under the deletion curve {three_digits(deleted)} against {_range(random_deleted)} (lower is "
            f"better), under the insertion curve {three_digits(inserted)} against {_range(random_inserted)} (higher is "
            "better)."
        )
        alike = all(
            max(areas) - min(areas) < MIN_DIFFERENCE
            for areas in ((deleted, *random_deleted), (inserted, *random_inserted))
        )
        if alike:
            return f"Undecided: the order of the pixels hardly changes the probability. {numbers}"
        others = f"all of {len(random_deleted)} randomly weighted maps of the same block"
        if falls and rises:
            return f"Passed: {self.method} beats {others}, on both tests. {numbers}"
        if falls or rises:
            way = "deletion" if falls else "insertion"
            return f"Partly passed: {self.method} beats {others} on {way} only. {numbers}"
        return f"Not passed: {self.method} beats {others} on neither test. {numbers}"


def _range(areas: Sequence[float]) -> str:
    return f"{three_digits(min(areas))} to {three_digits(max(areas))}"


def delete_and_insert(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    evidence: Evidence,
    layer: str,
    *,
    seeds: int = SEEDS,
    steps: int = STEPS,
    report: Report = no_report,
) -> DeletionInsertion:
    """The probability of the class while pixels are deleted or inserted, strongest evidence first.

    Deleted pixels take the clip's average colour; insertion starts from the blurred clip. Compared with RandomCAMs of
    the block `layer`. Raises ValueError without evidence to sort the pixels by. The model is left unchanged. Petsiuk et
    al. 2018, section 3.2.
    """
    if evidence.is_empty:
        raise ValueError(f"{evidence.finding()} So there is no order in which to delete or insert pixels.")
    with torch.no_grad(), recording({layer: block_of(model, layer)}) as outputs:
        model(clip)
    maps = {EVIDENCE: evidence.map} | {
        f"RandomCAM, seed {seed}": weigh_randomly(outputs[layer], seed) for seed in range(seeds)
    }
    average = clip.mean(dim=(2, 3, 4), keepdim=True).expand_as(clip)
    starts: dict[Way, tuple[Tensor, Tensor]] = {"deletion": (clip, average), "insertion": (_blurred(clip), clip)}
    rows: list[dict[str, object]] = []
    for number, (order, values) in enumerate(maps.items()):
        ranking = _ranking(values, clip.shape)
        for way in WAYS:
            report((number + WAYS.index(way) / 2) / len(maps), f"{way}, {order}")
            for step in range(steps + 1):
                changed = ranking < step / steps * ranking.numel()
                before, after = starts[way]
                with torch.no_grad():
                    logits = model(torch.where(changed, after, before))[0]
                probability = float(logits.double().softmax(dim=0)[evidence.target])
                rows.append({"order": order, "way": way, "share": step / steps, "probability": probability})
    return DeletionInsertion(table=pd.DataFrame(rows), method=evidence.label)


def _ranking(evidence: Float[Tensor, "t2 h2 w2"], shape: torch.Size) -> Int[Tensor, "t h w"]:
    """The rank of every pixel of the clip by its evidence, 0 for the strongest; ties are broken at random."""
    values = nn.functional.interpolate(evidence[None, None], size=shape[2:], mode="trilinear").flatten()
    shuffled = torch.randperm(values.numel(), generator=torch.Generator().manual_seed(0))
    order = shuffled[values[shuffled].argsort(descending=True, stable=True)]
    ranking = torch.empty_like(order)
    ranking[order] = torch.arange(values.numel())
    return ranking.reshape(shape[2:])


def _blurred(clip: Float[Tensor, "1 3 t h w"]) -> Float[Tensor, "1 3 t h w"]:
    deviation = clip.shape[3] * BLUR_PART
    # Three deviations to each side, but no more than the padding by reflection allows.
    reach = min(round(3 * deviation), min(clip.shape[3:]) - 1)
    frames = gaussian_blur(clip[0].transpose(0, 1), [2 * reach + 1, 2 * reach + 1], [deviation, deviation])
    return frames.transpose(0, 1)[None].contiguous()
