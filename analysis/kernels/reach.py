"""Reach of a network in time: computed along its temporal kernels, and measured for the whole network."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.progress import Report, no_report
from gte.models import block_outputs, recording

PROBES = 12
"""Random directions per clip and block; the expectation over them is the exact energy of the gradient."""


def energy_profile(weight: Float[np.ndarray, "o i k 1"]) -> Float[np.ndarray, " k"]:
    """Return the share of each tap in a layer's energy, sum_oi w_oik^2. Zeros give NaN."""
    energy = np.square(weight, dtype=np.float64).sum(axis=(0, 1, 3))
    with np.errstate(invalid="ignore"):
        return energy / energy.sum()


def path_reach(weights: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Convolve the energy profiles of the layers: after each layer, the frames that its output comes from.

    The path through the temporal kernels only, as if their signs and channels were unrelated; shortcuts and other
    paths, which pass frames unchanged, are left out. Each weight is (o, i, k, 1), of sizes of its own; each profile is
    odd in length, the present in the middle.
    """
    profiles: list[np.ndarray] = []
    for weight in weights:
        profile = energy_profile(weight)
        profiles.append(np.convolve(profiles[-1], profile) if profiles else profile)
    return profiles


def spread_of(offsets: Sequence[float], shares: Sequence[float]) -> float:
    """Return the root mean square of offsets in frames, weighted by shares: the reach of a profile."""
    places, weights = np.asarray(offsets, dtype=float), np.asarray(shares, dtype=float)
    return float(np.sqrt((weights * places**2).sum() / weights.sum()))


def even_reach(offsets: Sequence[float]) -> float:
    """Return the reach of the same share in every frame of a clip: sqrt(5.5) = 2.35 for offsets -4 to 3."""
    return spread_of(offsets, [1.0] * len(offsets))


def path_table(layers: Sequence[str], weights: Sequence[np.ndarray]) -> pd.DataFrame:
    """Return `path_reach` as rows: layer, offset (frames), share."""
    return pd.DataFrame(
        [
            {"layer": layer, "offset": offset - len(profile) // 2, "share": share}
            for layer, profile in zip(layers, path_reach(weights), strict=True)
            for offset, share in enumerate(profile.tolist())
        ]
    )


def measured_reach(
    model: nn.Module,
    clips: Float[Tensor, "n 3 t h w"],
    blocks: Sequence[str],
    *,
    seed: int = 0,
    probes: int = PROBES,
    report: Report = no_report,
) -> pd.DataFrame:
    """Measure how much each input frame changes the centre frame's features after each of the blocks, on real clips.

    Rows: block, clip (from 0), offset (input frames from the one in the centre), share: the energy of the gradient of
    the features of the block's centre frame with respect to that input frame, as shares over all clips together, so
    that those of one block add up to 1. The gradient is taken along
    random directions of +1 and -1 over all features, whose mean energy is that of the whole Jacobian. In evaluation
    mode; leaves no hook and no gradient behind. Raises KeyError for an unknown block.
    """
    modules = block_outputs(model)
    chosen = {block: modules[block] for block in blocks}
    energy = {block: torch.zeros(clips.shape[0], clips.shape[2], dtype=torch.float64) for block in blocks}
    generator = torch.Generator().manual_seed(seed)
    with recording(chosen) as outputs:
        for number, clip in enumerate(clips):
            outputs.clear()
            pixels = clip[None].detach().requires_grad_()
            with torch.enable_grad():
                model(pixels)
            for place, (block, features) in enumerate(outputs.items()):
                report((number + place / len(blocks)) / len(clips), f"clip {number + 1}, {block}")
                energy[block][number] = _gradient_energy(features, pixels, generator, probes)
    centre = clips.shape[2] // 2
    return pd.DataFrame(
        [
            {"block": block, "clip": clip, "offset": frame - centre, "share": float(part / total.sum())}
            for block, total in energy.items()
            for clip, frames in enumerate(total)
            for frame, part in enumerate(frames)
        ]
    )


def _gradient_energy(
    features: Float[Tensor, "1 c t h w"], pixels: Float[Tensor, "1 3 t2 h2 w2"], generator: torch.Generator, probes: int
) -> Float[Tensor, " t2"]:
    """Return for each input frame the energy of the gradient of the centre frame's features, over random directions."""
    centre = features[:, :, features.shape[2] // 2]
    total = torch.zeros(pixels.shape[2], dtype=torch.float64)
    for _ in range(probes):
        signs = torch.randint(0, 2, centre.shape, generator=generator).to(centre) * 2 - 1
        (gradient,) = torch.autograd.grad((centre * signs).sum(), pixels, retain_graph=True)
        total += gradient.detach().double().square().sum(dim=(0, 1, 3, 4))
    return total
