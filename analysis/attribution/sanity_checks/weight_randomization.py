"""Does a map depend on what the network learned? Its weights are destroyed from the classifier down, map by map."""

import copy
from contextlib import ExitStack
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution import Attribute
from analysis.attribution.likeness import rank_correlation
from analysis.formatting import block_name, three_digits
from analysis.progress import Report, no_report

SEEDS = 3
INTACT = "intact"
LOST, KEPT = 0.3, 0.7
"""Rank correlations below which next to nothing is left of a map, and above which it has hardly changed."""


@dataclass(frozen=True, kw_only=True)
class Randomisation:
    """What became of one map while the weights were destroyed."""

    table: pd.DataFrame
    """Rows: stage (0 is intact), destroyed (the part whose weights went last), seed, correlation with the first map."""
    num_seeds: int

    def by_stage(self) -> pd.DataFrame:
        """Mean, least and largest correlation of each stage over the seeds."""
        grouped = self.table.groupby(["stage", "destroyed"], sort=True)["correlation"]
        return grouped.agg(["mean", "min", "max"]).reset_index()

    @property
    def left(self) -> float:
        """The mean correlation with the intact map when every weight is destroyed."""
        return float(self.by_stage()["mean"].iloc[-1])

    def verdict(self) -> str:
        """One or two sentences on whether the map can be believed, from the correlations."""
        stages = self.by_stage()
        found = f"rank correlation {three_digits(self.left)} with the intact network's, mean of {self.num_seeds} seeds"
        if self.left >= KEPT:
            return (
                f"Do not believe it: the map hardly changes when every weight is destroyed ({found}). It shows the "
                "clip, and not what the network learned."
            )
        if self.left >= LOST:
            return f"Half a yes: with every weight destroyed the map keeps a part of its order ({found})."
        first = stages.loc[stages["mean"] < LOST, "destroyed"].iloc[0]
        return (
            f"Passed: with every weight destroyed next to nothing is left of the map ({found}). It is lost when the "
            f"destruction reaches {first}."
        )


def parts_from_the_classifier_down(model: nn.Module, clip: Float[Tensor, "1 3 t h w"]) -> dict[str, list[str]]:
    """The weights of each block or single layer, by its name, in the reverse of the order in which they run."""
    parts: dict[str, list[str]] = {}

    def note(module: nn.Module, name: str) -> None:
        own = [f"{name}.{parameter}" for parameter, _ in module.named_parameters(recurse=False)]
        names = parts.setdefault(block_name(name), [])
        names += [parameter for parameter in own if parameter not in names]

    with torch.no_grad(), ExitStack() as hooks:
        for name, module in model.named_modules():
            if next(module.parameters(recurse=False), None) is not None:
                noting = module.register_forward_pre_hook(lambda module, _inputs, name=name: note(module, name))
                hooks.enter_context(noting)
        model(clip)
    return dict(reversed(parts.items()))


def randomise(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    target: int,
    layer: str,
    attribute: Attribute,
    *,
    contrast: int | None = None,
    seeds: int = SEEDS,
    report: Report = no_report,
) -> Randomisation:
    """Destroy the weights part by part, from the classifier down, and compare each map with the intact network's.

    A weight is destroyed by shuffling the numbers within it, so that their distribution stays; statistics of
    BatchNorm stay. Works on copies: the model is left as it was. Adebayo et al. 2018, section 3.1.
    """
    parts = parts_from_the_classifier_down(model, clip)
    intact = attribute(model, clip, target, layer, contrast=contrast).map
    rows: list[dict[str, object]] = []
    for seed in range(seeds):
        rows.append({"stage": 0, "destroyed": INTACT, "seed": seed, "correlation": 1.0})
        broken, chance = copy.deepcopy(model), torch.Generator().manual_seed(seed)
        weights = dict(broken.named_parameters())
        for stage, (part, names) in enumerate(parts.items(), start=1):
            report((seed + stage / (len(parts) + 1)) / seeds, f"seed {seed + 1} of {seeds}, weights down to {part}")
            with torch.no_grad():
                for name in names:
                    weights[name].copy_(_shuffled(weights[name], chance))
            found = attribute(broken, clip, target, layer, contrast=contrast).map
            correlation = rank_correlation(intact, found)
            rows.append({"stage": stage, "destroyed": part, "seed": seed, "correlation": correlation})
    return Randomisation(table=pd.DataFrame(rows), num_seeds=seeds)


def _shuffled(weight: Tensor, chance: torch.Generator) -> Tensor:
    return weight.flatten()[torch.randperm(weight.numel(), generator=chance)].reshape(weight.shape)
