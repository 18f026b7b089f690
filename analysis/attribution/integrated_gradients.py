"""Integrated Gradients on the pixels, by captum."""

import torch
from captum.attr import IntegratedGradients
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from analysis.attribution.hooks import check_evaluating, score_of
from analysis.formatting import percent, three_digits

STEPS = 32
"""Points on the path from black to the clip at which gradients are computed."""
PASSES = STEPS + 2
"""Forward passes: one per step, and one at each end for `check_sum`."""
MAX_CELLS = 14
"""Cells per side in which the attributions of pixels are summed: single pixels are too noisy to read."""


def integrated_gradients(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    target: int,
    layer: str = "",
    *,
    contrast: int | None = None,
    steps: int = STEPS,
) -> Float[Tensor, "t h2 w2"]:
    """Integrate gradients of the score along the straight path from a black clip to this one.

    The signed attributions are summed over colours and over at most 14 x 14 cells per frame. `layer` is not used.
    Sundararajan et al. 2017, equation 3, by Gauss-Legendre quadrature.
    """
    check_evaluating(model)
    method = IntegratedGradients(lambda pixels: score_of(model(pixels), target, contrast))
    # One step at a time, so that the memory is that of one pass.
    attributions = method.attribute(clip, baselines=0, n_steps=steps, internal_batch_size=1)
    return sum_in_cells(attributions.detach()[0].sum(dim=0))  # (t, h, w)


def sum_in_cells(pixels: Float[Tensor, "t h w"]) -> Float[Tensor, "t h2 w2"]:
    """Sum over at most 14 x 14 cells per frame; each pixel belongs to one cell, so the total is kept."""
    rows, columns = (_cell_of_each_pixel(side).to(pixels) for side in pixels.shape[1:])
    return torch.einsum("thw,hi,wj->tij", pixels, rows, columns)


def _cell_of_each_pixel(side: int) -> Float[Tensor, "side cells"]:
    cells = min(side, MAX_CELLS)
    return functional.one_hot(torch.arange(side) * cells // side, cells).float()


def check_sum(
    model: nn.Module,
    clip: Float[Tensor, "1 3 t h w"],
    target: int,
    contrast: int | None,
    attributions: Float[Tensor, "t h2 w2"],
) -> str:
    """Sentences that compare the sum of the attributions with the change of the score, which it should equal."""
    with torch.no_grad():
        black, score = (float(score_of(model(pixels), target, contrast)) for pixels in (torch.zeros_like(clip), clip))
    total, change = float(attributions.double().sum()), score - black
    residual = total - change
    part = f", {percent(abs(residual / change))} of it" if change else ""
    mass = float(attributions.abs().sum())
    negative = percent(float((-attributions).relu().sum()) / mass) if mass else "0 %"
    return (
        f"The attributions add up to {three_digits(total)}; from a black clip to this one the score changes by "
        f"{three_digits(change)} (residual {three_digits(residual)}{part}). {negative} of the attribution is negative, "
        "counts against the class and is not drawn."
    )
