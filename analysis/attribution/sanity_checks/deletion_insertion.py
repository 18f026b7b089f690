"""Does the evidence matter to the network? Deletion and insertion curves, against maps weighed by chance."""

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
from analysis.attribution.hooks import block_of, read_output
from analysis.attribution.randomcam import weighed_at_random
from analysis.formatting import three_digits
from analysis.progress import Report, no_report

Way = Literal["deletion", "insertion"]
WAYS: Final[tuple[Way, ...]] = get_args(Way)

STEPS = 16
"""Equal parts in which the pixels go or come."""
SEEDS = 5
"""RandomCAMs of the same block to compare with."""
SEEN = 0.01
"""Areas that differ by less are called alike: what an untrained network answers hardly depends on the clip."""
BLUR_PART = 1 / 16
"""Standard deviation of the blur that insertion begins with, as a part of the frame's height."""
ITSELF = "evidence"


@dataclass(frozen=True, kw_only=True)
class Removal:
    """The curves of one map and of its random rivals."""

    table: pd.DataFrame
    """Rows: order ("evidence" or "RandomCAM, seed 0", ...), way, share (of pixels, from 0 to 1), probability."""
    method: str
    """The method in words."""

    def areas(self, way: Way) -> tuple[float, list[float]]:
        """The area under the curve of the evidence, and of each rival, in [0, 1]."""
        rows = self.table.loc[self.table["way"] == way]
        by_order = {
            str(order): float(np.trapezoid(curve["probability"], curve["share"]))
            for order, curve in rows.groupby("order", sort=False)
        }
        return by_order.pop(ITSELF), list(by_order.values())

    def verdict(self) -> str:
        """One sentence on whether the evidence beats chance, from the areas."""
        deleted, rivals_deleted = self.areas("deletion")
        inserted, rivals_inserted = self.areas("insertion")
        falls, rises = deleted < min(rivals_deleted), inserted > max(rivals_inserted)
        numbers = (
            f"Area under deletion {three_digits(deleted)} against {_span(rivals_deleted)} (less is better), under "
            f"insertion {three_digits(inserted)} against {_span(rivals_inserted)} (more is better)."
        )
        alike = all(
            max(areas) - min(areas) < SEEN for areas in ((deleted, *rivals_deleted), (inserted, *rivals_inserted))
        )
        if alike:
            return f"Cannot be told: whichever pixels go or come first, the probability is much the same. {numbers}"
        rivals = f"{len(rivals_deleted)} maps of the same block weighed by chance"
        if falls and rises:
            return f"Passed: {self.method} beats each of {rivals}, both ways. {numbers}"
        if falls or rises:
            way = "deletion" if falls else "insertion"
            return f"Half a yes: {self.method} beats each of {rivals} by {way} alone. {numbers}"
        return f"Not passed: {self.method} does not beat each of {rivals}, neither way. {numbers}"


def _span(areas: Sequence[float]) -> str:
    return f"{three_digits(min(areas))} to {three_digits(max(areas))}"


def remove(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    evidence: Evidence,
    layer: str,
    *,
    seeds: int = SEEDS,
    steps: int = STEPS,
    report: Report = no_report,
) -> Removal:
    """The probability of the evidence's class while pixels go (deletion) or come (insertion), strongest evidence first.

    Deleted pixels take the clip's average colour; insertion begins with the blurred clip. The rivals are RandomCAMs of
    the block `layer`. Raises ValueError where there is no evidence to order the pixels by. Leaves the model as it was.
    Petsiuk et al. 2018, section 3.2.
    """
    if evidence.is_empty:
        raise ValueError(f"{evidence.finding()} So there is no order in which pixels could be deleted or inserted.")
    activation = read_output(model, block_of(model, layer), clip)
    maps = {ITSELF: evidence.map} | {
        f"RandomCAM, seed {seed}": weighed_at_random(activation, seed) for seed in range(seeds)
    }
    average = clip.mean(dim=(2, 3, 4), keepdim=True).expand_as(clip)
    starts: dict[Way, tuple[Tensor, Tensor]] = {"deletion": (clip, average), "insertion": (_blurred(clip), clip)}
    rows: list[dict[str, object]] = []
    for number, (order, found) in enumerate(maps.items()):
        ranking = _ranking(found, clip.shape)
        for way in WAYS:
            report((number + WAYS.index(way) / 2) / len(maps), f"{way}, {order}")
            for step in range(steps + 1):
                changed = ranking < step / steps * ranking.numel()
                before, after = starts[way]
                with torch.no_grad():
                    logits = model(torch.where(changed, after, before))[0]
                probability = float(logits.double().softmax(dim=0)[evidence.target])
                rows.append({"order": order, "way": way, "share": step / steps, "probability": probability})
    return Removal(table=pd.DataFrame(rows), method=evidence.method)


def _ranking(found: Float[Tensor, "t2 h2 w2"], shape: torch.Size) -> Int[Tensor, "t h w"]:
    """The place of every pixel of the clip in the order of its evidence, 0 the strongest; ties are broken by chance."""
    values = nn.functional.interpolate(found[None, None], size=shape[2:], mode="trilinear").flatten()
    chance = torch.randperm(values.numel(), generator=torch.Generator().manual_seed(0))
    order = chance[values[chance].argsort(descending=True, stable=True)]
    ranking = torch.empty_like(order)
    ranking[order] = torch.arange(values.numel())
    return ranking.reshape(shape[2:])


def _blurred(clip: Float[Tensor, "1 3 t h w"]) -> Float[Tensor, "1 3 t h w"]:
    deviation = clip.shape[3] * BLUR_PART
    # Three deviations each way, and no more than the padding by reflection allows.
    reach = min(round(3 * deviation), min(clip.shape[3:]) - 1)
    frames = gaussian_blur(clip[0].transpose(0, 1), [2 * reach + 1, 2 * reach + 1], [deviation, deviation])
    return frames.transpose(0, 1)[None].contiguous()
