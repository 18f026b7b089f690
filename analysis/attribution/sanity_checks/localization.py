"""Localisation test: how much of the evidence is on the moving object, for a fixed set of clips with masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from analysis.attribution.evidence import upsample
from analysis.attribution.methods import METHODS, find_evidence
from analysis.attribution.randomcam import random_cam
from analysis.formatting import percent, three_digits
from analysis.progress import Report, no_report

BASELINE = "randomcam"
SEEDS = 5
"""RandomCAMs per clip, over which the share is averaged."""


@dataclass(frozen=True, kw_only=True)
class Localization:
    """The share of each method's evidence that is on the moving object, for each clip."""

    table: pd.DataFrame
    """Rows: method (label), clip, share (of the evidence; missing without evidence), area (the mask's share)."""

    def summary(self) -> pd.DataFrame:
        """For each method the mean share, its quartiles over clips, its ratio to chance, and clips without evidence."""
        rows = []
        for method, clips in self.table.groupby("method", sort=False):
            share = clips["share"].to_numpy(dtype=float)
            known = share[~np.isnan(share)]
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
        """The mean share of the area that the object covers: the share that even evidence would have on it."""
        return float(self.table["area"].to_numpy(dtype=float).mean())

    def verdict(self) -> str:
        """One sentence on the method with most evidence on the object, compared with chance and with random weights."""
        table = self.summary()
        shares: dict[str, float] = dict(zip(table["method"], table["share"], strict=True))
        random, chance = shares.pop(METHODS[BASELINE].label), self.chance
        best = max(shares, key=lambda method: shares[method])
        share = shares[best]
        numbers = (
            f"{percent(share)} of its evidence is on the moving object, which covers {percent(chance)} of the frames "
            f"({three_digits(share / chance)} times chance); for RandomCAM it is {percent(random)}."
        )
        if share <= chance:
            return f"No method finds the moving object better than chance; the best is {best}: {numbers}"
        if share <= random:
            return f"No method finds the moving object better than random weights; the best is {best}: {numbers}"
        return f"{best} finds the moving object best: {numbers}"


def localize(
    model: nn.Module,
    clips: Sequence[Float[Tensor, "3 t h w"]],
    masks: Sequence[Bool[Tensor, "t h w"]],
    targets: Sequence[int | None],
    layer: str,
    *,
    report: Report = no_report,
) -> Localization:
    """The share of each method's evidence inside the mask of each clip, for every method that says where.

    The evidence is for the target of the clip, or for the predicted class if that is None. The model is left unchanged.
    """
    methods = {name: method for name, method in METHODS.items() if method.says_where}
    cost = {name: method.passes(clips[0].shape[1]) for name, method in methods.items()}
    cost[BASELINE] *= SEEDS
    total, done = len(clips) * sum(cost.values()), 0
    rows: list[dict[str, object]] = []
    for number, (pixels, mask, given) in enumerate(zip(clips, masks, targets, strict=True)):
        clip = pixels[None]
        with torch.no_grad():
            target = int(model(clip).argmax()) if given is None else given
        for name, method in methods.items():
            report(done / total, f"clip {number + 1} of {len(clips)}, {method.label}")
            if name == BASELINE:
                maps = [random_cam(model, clip, target, layer, seed=seed) for seed in range(SEEDS)]
            else:
                maps = [find_evidence(name, model, clip, target, layer).map]
            shares = pd.Series([share_inside(evidence, mask) for evidence in maps], dtype=float)
            row = {"method": method.label, "clip": number, "share": shares.mean(), "area": float(mask.float().mean())}
            rows.append(row)
            done += cost[name]
    return Localization(table=pd.DataFrame(rows))


def share_inside(evidence: Float[Tensor, "t2 h2 w2"], mask: Bool[Tensor, "t h w"]) -> float | None:
    """The share of a map, interpolated to the grid of the clip, inside a mask; None for a map without evidence."""
    maximum = float(evidence.max())
    if maximum == 0:
        return None
    values = upsample(evidence, (mask.shape[0], mask.shape[1], mask.shape[2]), maximum).double()
    return float(values[mask].sum() / values.sum())
