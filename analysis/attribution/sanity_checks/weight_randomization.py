"""Randomisation test: does a map depend on what the network learned? Weights are shuffled from the classifier down."""

import copy
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.evidence import Explain, rank_correlation
from analysis.attribution.hooks import block_of
from analysis.attribution.sanity_checks.clips import CheckClips
from analysis.attribution.sanity_checks.verdict import (
    RHO,
    Verdict,
    from_lists,
    in_words,
    mean_of,
    mean_of_known,
    to_lists,
    too_few,
)
from analysis.formatting import block_name, percent
from analysis.progress import Report, no_report

SEEDS: Final = 3
NUM_STAGES: Final = 6
"""Stages of the cascade, in equal steps; those that the verdict needs come on top."""
ORIGINAL: Final = "original"
KEPT: Final = 0.5
"""|ρ| at which a quarter of the variation of ranks is common to two maps; a map passes below it."""
MAX_EMPTY: Final = 0.5
"""Largest share of empty maps with which there is a verdict."""


@dataclass(frozen=True, kw_only=True)
class Randomisation:
    """The rank correlation |ρ| of maps with the original ones while the weights are randomised."""

    parts: tuple[str, ...]
    """The last part randomised in each stage; the first is "original"."""
    decisive: int
    """The stage that decides: all weights after the block are randomised and none of those that it depends on."""
    layer: str
    """The block; empty for methods that use none, for which all weights come after."""
    correlations: Float[np.ndarray, "clips seeds stages"]
    """|ρ|; missing where one of the two maps is empty."""

    @property
    def has_map(self) -> list[int]:
        """The clips whose original map is not empty."""
        return np.flatnonzero(~np.isnan(self.correlations[:, 0, 0])).tolist()

    def by_clip(self, stage: int) -> Float[np.ndarray, " clips"]:
        """The mean |ρ| of each clip over the seeds at a stage, without empty maps."""
        return mean_of_known(self.correlations[:, :, stage])

    def empty_share(self, stage: int) -> float:
        """The share of maps that are empty at a stage, of those that were not."""
        values = self.correlations[self.has_map, :, stage]
        return float(np.isnan(values).mean()) if values.size else 0.0

    @property
    def verdict(self) -> Verdict:
        """Passed if the map changes although nothing that the block computes has changed."""
        by_clip = self.by_clip(self.decisive)
        num_clips, empty = int((~np.isnan(by_clip)).sum()), self.empty_share(self.decisive)
        what = f"every weight after {self.layer}" if self.layer else "every weight"
        if verdict := too_few(num_clips, len(by_clip), "maps to compare"):
            return verdict
        mean, interval = mean_of(by_clip)
        seeds = self.correlations.shape[1]
        numbers = (
            f"With {what} randomised, {RHO} with the original map is {in_words(mean, interval)} ({num_clips} clips, "
            f"{seeds} seed{'s' if seeds > 1 else ''} each). {percent(empty)} of the maps are empty and not counted."
        )
        if empty > MAX_EMPTY:
            return Verdict(state="cannot tell", numbers=numbers)
        state = "passed" if interval.high < KEPT else "not passed" if interval.low >= KEPT else "cannot tell"
        return Verdict(state=state, numbers=numbers)

    def as_data(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return {
            "parts": list(self.parts),
            "decisive": self.decisive,
            "layer": self.layer,
            "correlations": to_lists(self.correlations),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Randomisation":
        """The reverse of `as_data`."""
        return cls(
            parts=tuple(data["parts"]),
            decisive=data["decisive"],
            layer=data["layer"],
            correlations=from_lists(data["correlations"]),
        )


def parts_from_the_classifier_down(
    model: nn.Module, clip: Float[Tensor, "1 3 t h w"], layer: str = ""
) -> tuple[dict[str, list[str]], int]:
    """The weights of each block or single layer, by its name, in the reverse of the order in which they run.

    The second value is how many of these parts run after the output of the block `layer`; all of them without one.
    """
    parts: dict[str, list[str]] = {}
    num_before = 0

    def note(module: nn.Module, name: str) -> None:
        parameters = [f"{name}.{parameter}" for parameter, _ in module.named_parameters(recurse=False)]
        names = parts.setdefault(block_name(name), [])
        names += [parameter for parameter in parameters if parameter not in names]

    def note_block(*_: object) -> None:
        nonlocal num_before
        num_before = len(parts)

    with torch.no_grad(), ExitStack() as hooks:
        for name, module in model.named_modules():
            if next(module.parameters(recurse=False), None) is not None:
                noting = module.register_forward_pre_hook(lambda module, _inputs, name=name: note(module, name))
                hooks.enter_context(noting)
        if layer:
            hooks.enter_context(block_of(model, layer).register_forward_hook(note_block))
        model(clip)
    return dict(reversed(parts.items())), len(parts) - num_before


def choose_stages(num_parts: int, num_after: int, num_stages: int = NUM_STAGES) -> list[int]:
    """How many parts are randomised in each stage: one, those after the block, one more, all, and equal steps."""
    needed = {num_after, num_parts}
    if num_stages:
        needed |= {1, num_after + 1} | {round(number) for number in np.linspace(1, num_parts, num_stages)}
    return sorted(number for number in needed if 1 <= number <= num_parts)


def randomise(
    model: nn.Module,
    clips: CheckClips,
    explain: Explain,
    layer: str,
    *,
    seeds: int = SEEDS,
    num_stages: int = NUM_STAGES,
    report: Report = no_report,
) -> Randomisation:
    """Randomise the weights part by part, from the classifier down, and compare each map with the original one.

    The numbers within each weight are shuffled, so that their distribution is kept; BatchNorm statistics are kept.
    `layer` is empty for methods that use no block, and `num_stages` is 0 for the stages that the verdict needs alone.
    Works on copies: the model is left unchanged. Adebayo et al. 2018, section 3.1, without their stages that destroy
    the block itself: those change every map of it, so that a map with random weights passes as well.
    """
    parts, num_after = parts_from_the_classifier_down(model, clips.pixels[:1], layer)
    chosen = choose_stages(len(parts), num_after, num_stages)
    originals = [_map(explain, model, clips, number) for number in range(len(clips))]
    values = np.full((len(clips), seeds, 1 + len(chosen)), np.nan)
    for number, original in enumerate(originals):
        if _has_ranks(original):
            values[number, :, 0] = 1.0
    names = list(parts)
    for seed in range(seeds):
        copied, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
        weights, done = dict(copied.named_parameters()), 0
        for stage, count in enumerate(chosen, start=1):
            report(
                (seed + stage / (len(chosen) + 1)) / seeds, f"seed {seed + 1} of {seeds}, down to {names[count - 1]}"
            )
            with torch.no_grad():
                for weight in (name for part in names[done:count] for name in parts[part]):
                    weights[weight].copy_(_shuffled(weights[weight], generator))
            done = count
            for number, original in enumerate(originals):
                changed = _map(explain, copied, clips, number)
                if _has_ranks(original) and _has_ranks(changed):
                    values[number, seed, stage] = abs(rank_correlation(original, changed))
    return Randomisation(
        parts=(ORIGINAL, *(names[count - 1] for count in chosen)),
        decisive=1 + chosen.index(num_after),
        layer=layer,
        correlations=values,
    )


def _map(explain: Explain, model: nn.Module, clips: CheckClips, number: int) -> Float[Tensor, "t h w"]:
    return explain(model, clips.pixels[number : number + 1], clips.targets[number]).map


def _has_ranks(evidence: Float[Tensor, "t h w"]) -> bool:
    """False for a map that is empty or the same everywhere."""
    return bool(evidence.min() < evidence.max())


def _shuffled(weight: Tensor, generator: torch.Generator) -> Tensor:
    return weight.flatten()[torch.randperm(weight.numel(), generator=generator)].reshape(weight.shape)
