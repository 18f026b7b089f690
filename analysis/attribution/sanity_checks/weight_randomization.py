"""Randomisation test: does a map depend on what the network learned? Weights are shuffled from the classifier down."""

import copy
from contextlib import ExitStack
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.evidence import Explain, rank_correlation
from analysis.formatting import block_name, three_digits
from analysis.progress import Report, no_report

SEEDS = 3
ORIGINAL = "original"
LOST, KEPT = 0.3, 0.7
"""Rank correlations below which almost nothing is left of a map, and from which it has hardly changed."""


@dataclass(frozen=True, kw_only=True)
class Randomisation:
    """The correlation of a map with the original one while the weights are randomised."""

    table: pd.DataFrame
    """Rows: stage (0 is original), part (the last one randomised), seed, correlation with the original map."""
    num_seeds: int

    def by_stage(self) -> pd.DataFrame:
        """Mean, minimum and maximum correlation of each stage over the seeds."""
        grouped = self.table.groupby(["stage", "part"], sort=True)["correlation"]
        return grouped.agg(["mean", "min", "max"]).reset_index()

    @property
    def final(self) -> float:
        """The mean correlation when every weight is randomised."""
        return float(self.by_stage()["mean"].iloc[-1])

    def verdict(self) -> str:
        """One or two sentences on whether the map can be trusted."""
        stages = self.by_stage()
        numbers = f"rank correlation {three_digits(self.final)} with the original map, mean of {self.num_seeds} seeds"
        if self.final >= KEPT:
            return (
                f"Not passed: the map hardly changes when every weight is randomised ({numbers}). It shows the clip, "
                "not what the network learned."
            )
        if self.final >= LOST:
            return f"Partly passed: with every weight randomised the map keeps a part of its order ({numbers})."
        first = stages.loc[stages["mean"] < LOST, "part"].iloc[0]
        return (
            f"Passed: with every weight randomised almost nothing is left of the map ({numbers}). It is lost once "
            f"{first} is randomised."
        )


def parts_from_the_classifier_down(model: nn.Module, clip: Float[Tensor, "1 3 t h w"]) -> dict[str, list[str]]:
    """The weights of each block or single layer, by its name, in the reverse of the order in which they run."""
    parts: dict[str, list[str]] = {}

    def note(module: nn.Module, name: str) -> None:
        parameters = [f"{name}.{parameter}" for parameter, _ in module.named_parameters(recurse=False)]
        names = parts.setdefault(block_name(name), [])
        names += [parameter for parameter in parameters if parameter not in names]

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
    explain: Explain,
    *,
    seeds: int = SEEDS,
    report: Report = no_report,
) -> Randomisation:
    """Randomise the weights part by part, from the classifier down, and compare each map with the original one.

    The numbers within each weight are shuffled, so that their distribution is kept; BatchNorm statistics are kept.
    Works on copies: the model is left unchanged. Adebayo et al. 2018, section 3.1.
    """
    parts = parts_from_the_classifier_down(model, clip)
    original = explain(model, clip).map
    rows: list[dict[str, object]] = []
    for seed in range(seeds):
        rows.append({"stage": 0, "part": ORIGINAL, "seed": seed, "correlation": 1.0})
        copied, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
        weights = dict(copied.named_parameters())
        for stage, (part, names) in enumerate(parts.items(), start=1):
            report((seed + stage / (len(parts) + 1)) / seeds, f"seed {seed + 1} of {seeds}, weights down to {part}")
            with torch.no_grad():
                for name in names:
                    weights[name].copy_(_shuffled(weights[name], generator))
            correlation = rank_correlation(original, explain(copied, clip).map)
            rows.append({"stage": stage, "part": part, "seed": seed, "correlation": correlation})
    return Randomisation(table=pd.DataFrame(rows), num_seeds=seeds)


def _shuffled(weight: Tensor, generator: torch.Generator) -> Tensor:
    return weight.flatten()[torch.randperm(weight.numel(), generator=generator)].reshape(weight.shape)
