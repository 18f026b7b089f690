"""Two checkpoints side by side: which output of one is which of the other, and how their layers differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from analysis.kernels.chance import Range
from gte.checkpoint_header import CheckpointHeader
from gte.models import build, recording

COMPARED_COLUMNS = ("back", "now", "ahead", "combined", "changed", "centre_of_mass", "drift", "cosine")
"""What the layers of two checkpoints are compared by."""

MAX_POSITIONS = 4096
"""Places in time and space, evenly taken, at which two layers' outputs are compared."""


def same_start(first: CheckpointHeader, second: CheckpointHeader) -> bool:
    """True if both began with the same random weights, so that output 7 of one is output 7 of the other.

    That is the case for one configuration of the network, one seed, and the same weights from elsewhere, if any.
    """

    def start(header: CheckpointHeader) -> tuple[object, ...]:
        seed = header.training.get("seed")
        return header.model, header.options, seed, header.training.get("pretrained")

    return start(first) == start(second) and first.training.get("seed") is not None


def differences(summaries: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The last snapshots of two or more `summarise` tables: the first's values, and each other's minus the first's.

    Rows are the layers that all have, by their path; columns are block, then COMPARED_COLUMNS of the first, then the
    same with " (2)", " (3)" ... for the differences. Empty if they share no layer.
    """
    ends = [summary.groupby("layer", sort=False).tail(1).set_index("layer") for summary in summaries]
    shared = [layer for layer in ends[0].index if all(layer in end.index for end in ends)]
    columns = list(COMPARED_COLUMNS)
    first = ends[0].loc[shared]
    parts = [first[["block", *columns]]]
    for number, end in enumerate(ends[1:], start=2):
        parts.append((end.loc[shared, columns] - first[columns]).add_suffix(f" ({number})"))
    return pd.concat(parts, axis=1).reset_index()


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Which output of a second layer each output of a first one is taken for."""

    partner: Int[np.ndarray, " o"]
    """For each output of the first the number of the second's."""
    correlation: Float[np.ndarray, " o"] | None
    """How alike their answers are, between 0 and 1; None where they were matched by number."""
    untrained: Range | None = None
    """The mean correlation of pairs of untrained networks, matched in the same way: what the matching gives alone."""


def by_index(num_outputs: int) -> Matching:
    """Output o is output o: right for two trainings that began with the same weights."""
    return Matching(partner=np.arange(num_outputs), correlation=None)


def by_responses(first: Float[Tensor, "o p"], second: Float[Tensor, "q p"]) -> Matching:
    """Match outputs by |correlation| of their answers at the same places, one to one, the sum as large as possible.

    Weights cannot be compared across seeds: the inputs are permuted too. A correlation of -1 counts as much as one of
    1, because what follows may change the sign. Raises ValueError where the second has fewer outputs.
    """
    if len(second) < len(first):
        raise ValueError(f"Every one of the {len(first)} outputs needs a partner; the other layer has {len(second)}.")
    alike = (_standardised(first) @ _standardised(second).T).abs().clamp(max=1).numpy()
    rows, partner = linear_sum_assignment(alike, maximize=True)
    return Matching(partner=partner, correlation=alike[rows, partner])


def _standardised(answers: Float[Tensor, "o p"]) -> Float[Tensor, "o p"]:
    """Zero mean and unit length; an output that always gives the same has no correlation: zeros."""
    centred = answers.double() - answers.double().mean(dim=1, keepdim=True)
    length = torch.linalg.vector_norm(centred, dim=1, keepdim=True)
    return torch.where(length > 0, centred / length.clamp(min=1e-300), torch.zeros_like(centred))


UNTRAINED_NETWORKS = 5
"""Untrained networks of each configuration; every one of the first is matched with every one of the second."""


def untrained_correlation(
    first: CheckpointHeader, second: CheckpointHeader, layer: str, clips: Float[Tensor, "n 3 t h w"]
) -> Range:
    """Return the mean |correlation| of matched outputs of untrained networks: lowest, median and highest of all pairs.

    Seeded: UNTRAINED_NETWORKS of each configuration, paired with each other.
    """

    def draw(header: CheckpointHeader) -> Float[Tensor, "o p"]:
        return responses_of(build(header.model, **header.options).eval(), layer, clips)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = [(draw(first), draw(second)) for _ in range(UNTRAINED_NETWORKS)]
    correlations = [by_responses(one, other).correlation for one, _ in drawn for _, other in drawn]
    means = sorted(float(values.mean()) for values in correlations if values is not None)
    return Range(means[0], means[len(means) // 2], means[-1])


def responses_of(model: nn.Module, layer: str, clips: Float[Tensor, "n 3 t h w"]) -> Float[Tensor, "o p"]:
    """What each output of a layer gives at up to MAX_POSITIONS places of the clips; leaves no hook behind.

    Two networks of equal strides are read at the same places. Raises AttributeError for an unknown layer.
    """
    kept: list[Tensor] = []
    with torch.no_grad(), recording({layer: model.get_submodule(layer)}) as outputs:
        for clip in clips:
            model(clip[None])
            # Folded frames (n·t, o, h, w), or a clip (n, o, t, h, w): outputs first, then every place.
            kept.append(outputs[layer].float().transpose(0, 1).flatten(1))
    places = torch.cat(kept, dim=1)
    chosen = torch.linspace(0, places.shape[1] - 1, min(MAX_POSITIONS, places.shape[1])).round().long()
    return places[:, chosen]
