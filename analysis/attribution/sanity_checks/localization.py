"""How much of the evidence lies on what really moves, over a fixed set of clips whose masks are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from analysis.attribution import METHODS, Evidence
from analysis.attribution.randomcam import random_cam
from analysis.formatting import percent, three_digits
from analysis.progress import Report, no_report

BASELINE = "randomcam"
SEEDS = 5
"""RandomCAMs of a clip, whose mean share counts."""


@dataclass(frozen=True, kw_only=True)
class Hits:
    """How much of the evidence of each method lies on the mover, clip by clip."""

    table: pd.DataFrame
    """Rows: method (in words), clip, share (of the evidence; missing where there is none), area (the mask's share)."""

    def summary(self) -> pd.DataFrame:
        """For each method the mean share, its quartiles over the clips, times chance, and clips without evidence."""
        rows = []
        for method, found in self.table.groupby("method", sort=False):
            share = found["share"].to_numpy(dtype=float)
            known = share[~np.isnan(share)]
            # Without any evidence at all nothing of it lies anywhere.
            low, high = np.percentile(known, [25, 75]) if len(known) else (0.0, 0.0)
            mean = float(known.mean()) if len(known) else 0.0
            rows.append(
                {
                    "method": str(method),
                    "share": mean,
                    "low": float(low),
                    "high": float(high),
                    "times chance": mean / self.chance if self.chance else 0.0,
                    "without evidence": len(share) - len(known),
                }
            )
        return pd.DataFrame(rows)

    @property
    def chance(self) -> float:
        """The mean share of the area that the mover covers: what evidence spread evenly would have on it."""
        return float(self.table["area"].to_numpy(dtype=float).mean())

    def verdict(self) -> str:
        """One sentence on which method finds the mover, against chance and against weights drawn by chance."""
        table = self.summary()
        shares: dict[str, float] = dict(zip(table["method"], table["share"], strict=True))
        random, chance = shares.pop(METHODS[BASELINE].label), self.chance
        best = max(shares, key=lambda method: shares[method])
        share = shares[best]
        numbers = (
            f"{percent(share)} of it lies on the mover, which covers {percent(chance)} of the frames "
            f"({three_digits(share / chance)} times chance); of RandomCAM {percent(random)}."
        )
        if share <= chance:
            return f"No method finds the mover better than chance; the best is {best}: {numbers}"
        if share <= random:
            return f"No method finds the mover better than weights drawn by chance; the best is {best}: {numbers}"
        return f"{best} finds the mover best: {numbers}"


def hits(
    model: nn.Module,
    clips: Sequence[Float[Tensor, "3 t h w"]],
    masks: Sequence[Bool[Tensor, "t h w"]],
    targets: Sequence[int | None],
    layer: str,
    *,
    report: Report = no_report,
) -> Hits:
    """The share of each method's evidence that lies inside the mask of each clip, for every method that says where.

    The evidence is for the clip's target, or for the class that the network predicts where that is None. Leaves the
    model as it was.
    """
    asked = {name: method for name, method in METHODS.items() if method.says_where}
    cost = {name: method.passes(clips[0].shape[1]) for name, method in asked.items()}
    cost[BASELINE] *= SEEDS
    total, done = len(clips) * sum(cost.values()), 0
    rows: list[dict[str, object]] = []
    for number, (pixels, mask, given) in enumerate(zip(clips, masks, targets, strict=True)):
        clip = pixels[None]
        with torch.no_grad():
            target = int(model(clip).argmax()) if given is None else given
        for name, method in asked.items():
            report(done / total, f"clip {number + 1} of {len(clips)}, {method.label}")
            if name == BASELINE:
                drawn = [random_cam(model, clip, target, layer, seed=seed) for seed in range(SEEDS)]
            else:
                drawn = [method.attribute(model, clip, target, layer)]
            shares = pd.Series([share_inside(evidence, mask) for evidence in drawn], dtype=float)
            row = {"method": method.label, "clip": number, "share": shares.mean(), "area": float(mask.float().mean())}
            rows.append(row)
            done += cost[name]
    return Hits(table=pd.DataFrame(rows))


def share_inside(evidence: Evidence, mask: Bool[Tensor, "t h w"]) -> float | None:
    """The share of the evidence, interpolated to the clip's grid, that lies inside a mask; None if there is none."""
    if evidence.is_empty:
        return None
    values = evidence.upsampled(*mask.shape).double()
    return float(values[mask].sum() / values.sum())
