"""Temporal kernels of output channels: sizes of taps, centre of mass, and the one rule for what an output does.

Kernels have k taps, k odd, the middle one the frame itself. Of three taps (a1, a2, a3) the first weighs the previous
frame and the last the next. An output has such a kernel for each of r signals that are unrelated and equally strong:
its input channels, or what `analysis.kernels.readings` makes of them. With one signal all of this is about |a_k|.
"""

from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Shaped

from analysis.formatting import DIRECTIONS, Direction

UNDEFINED = "undefined"
"""The kind of a kernel that contains NaN or infinity."""
SILENT = "silent"
"""The kind of a kernel of zeros, which does nothing."""

Combination = Literal["averages", "subtracts", "mixed"]
COMBINED: Final[tuple[Combination, ...]] = get_args(Combination)
"""The kinds of outputs that combine several frames."""
Kind = Direction | Combination
KINDS: Final[tuple[Kind, ...]] = (*DIRECTIONS, *COMBINED)
"""What an output channel does in time: three directions, in which one frame dominates, and three ways to combine."""

CANCELLED = 1 / 3
"""Taps whose response to a still input is below this part of their mass respond to change: they subtract frames."""
DOMINANT = 1 / 2
"""A tap above this part of the mass gives the output its direction."""
AGREED = 2 / 3
"""Taps whose response to a still input is above this part of their mass, and of which none dominates, average."""

_ROUNDING = 1e-6
"""A tap of exactly half the mass does not dominate; the quotient of two rounded sums must not decide its kind."""


def tap_sizes(kernels: Float[np.ndarray, "*s o r k"]) -> Float64[np.ndarray, "*s o k"]:
    """Return the size of each tap, the root of its energy over the r signals; of one signal, |a_k|."""
    return np.sqrt(np.square(kernels, dtype=np.float64).sum(axis=-2))


def shown_taps(kernels: Float[np.ndarray, "*s o r k"]) -> Float[np.ndarray, "*s o k"]:
    """Return the taps as figures draw them: with their signs for one signal, else their sizes, which have none."""
    return kernels[..., 0, :] if kernels.shape[-2] == 1 else tap_sizes(kernels).astype(kernels.dtype)


def own_inputs(initial: Float[np.ndarray, "o i k 1"] | None) -> Int[np.ndarray, " o"] | None:
    """Return the one input that each output reads before training; None if an output reads several, or none.

    A learnable shift starts with one: input o mod C_in. A dense kernel has no input of its own.
    """
    if initial is None:
        return None
    reads = (initial != 0).any(axis=(2, 3))  # (o, i)
    return reads.argmax(axis=1) if (reads.sum(axis=1) == 1).all() else None


def centre_of_mass(sizes: Float[np.ndarray, "*s o k"]) -> Float64[np.ndarray, "*s o"]:
    """Return the centre of mass of each output in frames: sum(j |a_j|) / sum |a_j|, j from -k//2 to k//2.

    A measure of where the weight is, not of what the output does: (-1, 0, 1) has its centre on a frame that it does not
    read. A kernel of zeros favours neither side: 0. NaN stays NaN. Raises ValueError for an even number of taps, which
    has none for the present.
    """
    num_taps = sizes.shape[-1]
    if num_taps % 2 == 0:
        raise ValueError(f"A kernel over time has an odd number of taps, the present in the middle; got {num_taps}.")
    size = np.abs(sizes, dtype=np.float64)
    mass = size.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        moment = (size * (np.arange(num_taps) - num_taps // 2)).sum(axis=-1)
        return np.where(mass == 0, 0, moment / np.where(mass == 0, 1, mass))


def kind(kernels: Float[np.ndarray, "*s o r k"]) -> Shaped[np.ndarray, "*s o"]:
    """One of KINDS for each output. With the sizes a_k of its taps and m = sum a_k, the first rule that holds decides.

    1. subtracts: the response to a still input, sqrt(sum_r (sum_k w_rk)^2), is below m / 3. The taps cancel.
    2. back, now or ahead: one a_k > m / 2, and its frame is a past, the current or a future one.
    3. averages: the response to a still input is at least 2 m / 3.
    4. mixed: everything else.

    The response is |sum_k a_k| for one signal, and never above m. A kernel of zeros is "silent", one with NaN or
    infinity is "undefined".
    """
    sizes = tap_sizes(kernels)
    mass = sizes.sum(axis=-1)
    still = np.sqrt(np.square(kernels.sum(axis=-1, dtype=np.float64)).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        agreement = still / mass
        largest = sizes.max(axis=-1) / mass
    present = sizes.shape[-1] // 2
    side = np.sign(np.where(np.isfinite(sizes), sizes, 0).argmax(axis=-1) - present)
    dominant = _above(largest, DOMINANT)
    rules: list[tuple[Bool[np.ndarray, "*s o"], str]] = [
        (~np.isfinite(mass), UNDEFINED),
        (mass == 0, SILENT),
        (_above(-agreement, -CANCELLED), "subtracts"),
        (dominant & (side < 0), "back"),
        (dominant & (side == 0), "now"),
        (dominant & (side > 0), "ahead"),
        (~_above(-agreement, -AGREED), "averages"),
    ]
    return np.asarray(np.select([mask for mask, _ in rules], [name for _, name in rules], default="mixed"))


def _above(values: np.ndarray, threshold: float) -> np.ndarray:
    return values > threshold + _ROUNDING
