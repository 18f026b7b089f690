"""Integrated Gradients on the pixels, by captum."""

import torch
from captum.attr import IntegratedGradients
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from analysis.attribution.evidence import Evidence, finite
from analysis.attribution.hooks import check_evaluating, score_of
from analysis.formatting import percent, three_digits

STEPS = 32
"""Points of the path from black to the clip at which gradients are taken."""
PASSES = STEPS + 2
"""Forward passes: one for each step, and both ends to check the sum."""
MOST_CELLS = 14
"""Cells to a side in which the pixels' attributions are added up: single pixels are too noisy to be read."""


def integrated_gradients(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    target: int,
    layer: str = "",
    *,
    contrast: int | None = None,
    steps: int = STEPS,
) -> Evidence:
    """Evidence for class `target` in the pixels: gradients along the straight path from a black clip to this one.

    The signed attributions are added up over colours and over at most 14 x 14 cells a frame; what is negative then
    is no evidence and is told. `layer` plays no part. Leaves the model as it was; raises ValueError for a class that
    does not exist and for a model in training mode, and NotNumbersError where the evidence is none. Sundararajan et
    al. 2017, equation 3, by Gauss-Legendre quadrature.
    """
    check_evaluating(model)
    # One step at a time, so that the memory is that of one pass.
    attributions, residual = IntegratedGradients(lambda pixels: score_of(model(pixels), target, contrast)).attribute(
        clip, baselines=0, n_steps=steps, internal_batch_size=1, return_convergence_delta=True
    )
    attributions = attributions.detach()[0].sum(dim=0)  # (t, h, w)
    cells = finite(in_cells(attributions), "the pixels")
    return Evidence(
        map=cells.relu(),
        target=target,
        contrast=contrast,
        layer="the pixels",
        method="Integrated Gradients",
        convention=f"{steps} steps from a black clip, added up over {cells.shape[1]} x {cells.shape[2]} cells a frame",
        num_frames=clip.shape[2],
        told=_told(float(attributions.sum()), float(residual.sum()), cells),
    )


def in_cells(pixels: Float[Tensor, "t h w"]) -> Float[Tensor, "t h2 w2"]:
    """The sums over at most 14 x 14 cells a frame; each pixel belongs to one, so the total stays."""
    rows, columns = (_belongs(side).to(pixels) for side in pixels.shape[1:])
    return torch.einsum("thw,hi,wj->tij", pixels, rows, columns)


def _belongs(side: int) -> Float[Tensor, "side cells"]:
    cells = min(side, MOST_CELLS)
    return functional.one_hot(torch.arange(side) * cells // side, cells).float()


def _told(total: float, residual: float, cells: Tensor) -> str:
    change = total - residual  # what completeness asks for
    off = f", {percent(abs(residual / change))} of it" if change else ""
    against, mass = float((-cells).relu().sum()), float(cells.abs().sum())
    return (
        f"The attributions add up to {three_digits(total)}; from a black clip to this one the score changes by "
        f"{three_digits(change)} (residual {three_digits(residual)}{off}). "
        f"{percent(against / mass) if mass else '0 %'} of what they weigh speaks against the class and is not drawn."
    )
