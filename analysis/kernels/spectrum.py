"""Independent temporal filters of a layer, and the frequencies that its outputs pass."""

from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Float, Shaped

Band = Literal["low-pass", "all-pass", "high-pass", "uneven"]
BANDS: Final[tuple[Band, ...]] = get_args(Band)

FLAT = 0.8
"""A response whose smallest value is at least this part of its largest is all-pass."""

NUM_FREQUENCIES = 33


def temporal_singular_values(weight: Float[np.ndarray, "o i k 1"]) -> Float[np.ndarray, " k"]:
    """Return the singular values of the weight as (C_out C_in) x k, largest first: independent temporal filters.

    One value above zero: every pair of channels has the same kernel, up to a factor.
    """
    return np.linalg.svd(weight.reshape(-1, weight.shape[2]).astype(np.float64), compute_uv=False)


def output_singular_values(weight: Float[np.ndarray, "o i k 1"]) -> Float[np.ndarray, " r"]:
    """Return the singular values of the weight as C_out x (k C_in), largest first: independent outputs."""
    return np.linalg.svd(weight.reshape(len(weight), -1).astype(np.float64), compute_uv=False)


def effective_rank(values: Float[np.ndarray, " r"]) -> float:
    """Return how many singular values share the energy: (sum s^2)^2 / sum s^4, from 1 to r; 0 for zeros."""
    energy = np.square(values)
    total = energy.sum()
    return float(total**2 / np.square(energy).sum()) if total > 0 else 0.0


def frequency_response(
    weight: Float[np.ndarray, "o i k 1"], num_frequencies: int = NUM_FREQUENCIES
) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, "o f"]]:
    """Return frequencies from 0 to 1/2 cycle per frame, and each output's response to them: sqrt(sum_i |H_oi(f)|^2).

    H_oi(f) = sum_j w_oij exp(2 pi i f j), j the distance in frames. It is the root of the power that comes out when
    unrelated signals of equal power go into all inputs.
    """
    taps = weight[..., 0].astype(np.float64)  # (o, i, k)
    num_taps = taps.shape[-1]
    frequencies = np.linspace(0, 0.5, num_frequencies)
    offsets = np.arange(num_taps) - num_taps // 2
    angle = 2 * np.pi * frequencies[:, None] * offsets  # (f, k)
    real, imaginary = taps @ np.cos(angle).T, taps @ np.sin(angle).T  # (o, i, f)
    return frequencies, np.sqrt((np.square(real) + np.square(imaginary)).sum(axis=1))


def joint_response(response: Float[np.ndarray, "o f"]) -> Float[np.ndarray, " f"]:
    """Return the root of the power of all outputs together, as a share of its maximum. Zeros stay zeros."""
    joint = np.sqrt(np.square(response).sum(axis=0))
    return joint / max(joint.max(), 1e-12)


def band(response: Float[np.ndarray, "o f"]) -> Shaped[np.ndarray, " o"]:
    """Classify each output by its response; the first rule that applies decides.

    1. all-pass: the smallest value is at least 0.8 of the largest. A pure shift is, whatever its direction.
    2. low-pass: the mean power below a third of the highest frequency is larger than that above two thirds, by a tenth.
    3. high-pass: the reverse.
    4. uneven: everything else, such as a comb that passes both ends. A response of zeros counts as uneven.
    """
    third = max(1, response.shape[1] // 3)
    power = np.square(response)
    low, high = power[:, :third].mean(axis=1), power[:, -third:].mean(axis=1)
    largest = response.max(axis=1)
    rules = [
        (largest > 0) & (response.min(axis=1) >= FLAT * largest),
        low > 1.1 * high,
        high > 1.1 * low,
    ]
    return np.asarray(np.select(rules, ["all-pass", "low-pass", "high-pass"], default="uneven"))
