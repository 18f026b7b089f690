"""How many independent filters a layer holds, and which frequencies in time its outputs let through."""

from typing import Final, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

Band = Literal["low-pass", "all-pass", "differencing", "uneven"]
BANDS: Final[tuple[Band, ...]] = get_args(Band)

FLAT = 0.8
"""A response whose smallest value is at least this part of its largest is all-pass."""

NUM_FREQUENCIES = 33


def temporal_singular_values(weight: Float[Tensor, "o i k 1"]) -> Float[Tensor, " k"]:
    """Singular values of the weight as (C_out C_in) x k, largest first: how many temporal filters are independent.

    One value above zero: every pair of channels has the same kernel, up to a factor.
    """
    return torch.linalg.svdvals(weight.flatten(0, 1).flatten(1).double())


def output_singular_values(weight: Float[Tensor, "o i k 1"]) -> Float[Tensor, " r"]:
    """Singular values of the weight as C_out x (k C_in), largest first: how many outputs are independent."""
    return torch.linalg.svdvals(weight.flatten(1).double())


def effective_rank(values: Float[Tensor, " r"]) -> float:
    """How many singular values share the energy: (sum s^2)^2 / sum s^4, from 1 to r; 0 of a weight of zeros."""
    energy = values.square()
    total = energy.sum()
    return float(total.square() / energy.square().sum()) if total > 0 else 0.0


def frequency_response(
    weight: Float[Tensor, "o i k 1"], num_frequencies: int = NUM_FREQUENCIES
) -> tuple[Float[Tensor, " f"], Float[Tensor, "o f"]]:
    """Frequencies from 0 to 1/2 cycle per frame, and each output's response to them: sqrt(sum_i |H_oi(f)|^2).

    H_oi(f) = sum_j w_oij exp(2 pi i f j), j the distance in frames. It is the root of the power that comes out when
    unrelated signals of equal power go into all inputs.
    """
    taps = weight.squeeze(-1).double()  # (o, i, k)
    num_taps = taps.shape[-1]
    frequencies = torch.linspace(0, 0.5, num_frequencies, dtype=torch.float64)
    offsets = torch.arange(num_taps, dtype=torch.float64) - num_taps // 2
    angle = 2 * torch.pi * frequencies[:, None] * offsets  # (f, k)
    real, imaginary = taps @ torch.cos(angle).T, taps @ torch.sin(angle).T  # (o, i, f)
    return frequencies, (real.square() + imaginary.square()).sum(dim=1).sqrt()


def band(response: Float[Tensor, "o f"]) -> Shaped[np.ndarray, " o"]:
    """What each output lets through, by its response; the first rule that holds decides.

    1. all-pass: the smallest value is at least 0.8 of the largest. A pure shift is, whatever its direction.
    2. low-pass: the mean power below a third of the highest frequency is larger than that above two thirds, by a tenth.
    3. differencing: the other way round.
    4. uneven: all else, such as a comb that lets both ends through. A response of zeros is one.
    """
    values = response.numpy()
    third = max(1, values.shape[1] // 3)
    power = np.square(values)
    low, high = power[:, :third].mean(axis=1), power[:, -third:].mean(axis=1)
    largest = values.max(axis=1)
    rules = [
        (largest > 0) & (values.min(axis=1) >= FLAT * largest),
        low > 1.1 * high,
        high > 1.1 * low,
    ]
    return np.asarray(np.select(rules, ["all-pass", "low-pass", "differencing"], default="uneven"))
