"""Temporal kernels of output channels: effective taps, centre of mass, three directions and six types.

Kernels have k taps, k odd, the middle one the frame itself. Of three taps (a1, a2, a3) the first weighs the previous
frame and the last the next.
"""

from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Shaped

UNDEFINED = "undefined"
"""The direction and the kind of a kernel that holds NaN or infinity."""

THRESHOLD = 1 / 3
"""Frames between the present and the centre of mass of an output that looks away: a third of [-1, 1] for each class.

It is the same for kernels of more taps: an output that reads the next frame alone looks ahead, however far it could.
"""

Kind = Literal["back", "stay", "ahead", "averages", "subtracts", "mixed"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""What an output channel does in time; a finer classification than the directions."""

CANCELLED = 1 / 3
"""Taps whose sum is below this part of their mass respond to change: they subtract frames."""
DOMINANT = 1 / 2
"""A tap above this part of the mass gives the output its direction."""
AGREED = 2 / 3
"""Taps whose sum is above this part of their mass, and of which none is dominant, average frames."""

_ROUNDING = 1e-6
"""(0, 2, 1) has its centre at exactly 1/3; the quotient of two rounded sums must not decide its class."""


def effective_taps(weight: Float32[np.ndarray, "*s o i k 1"]) -> Float32[np.ndarray, "*s o k"]:
    """Sum each output channel's temporal kernel over its input channels: its response to a signal that all share.

    The k taps are those of frames t-k//2 to t+k//2; of three, t-1, t and t+1. Weights of opposite sign cancel, while
    many small ones of one sign add up: an output can change its direction although the one large weight that it
    started with hardly changed.
    """
    return weight[..., 0].sum(axis=-2, dtype=np.float64).astype(np.float32)


def own_inputs(initial: Float32[np.ndarray, "o i k 1"] | None) -> Int[np.ndarray, " o"] | None:
    """Return the one input that each output reads at its initialisation; None if an output reads several, or none.

    A learnable shift starts with one: input o mod C_in. A dense kernel has no input of its own.
    """
    if initial is None:
        return None
    reads = (initial != 0).any(axis=(2, 3))  # (o, i)
    return reads.argmax(axis=1) if (reads.sum(axis=1) == 1).all() else None


def own_taps(weight: Float32[np.ndarray, "*s o i k 1"], inputs: Int[np.ndarray, " o"]) -> Float32[np.ndarray, "*s o k"]:
    """Return each output's taps for the one input that it reads at its initialisation: the diagonal of the layer."""
    return weight[..., 0][..., np.arange(len(inputs)), inputs, :]


def centre_of_mass(taps: Float[np.ndarray, "*s o k"]) -> Float64[np.ndarray, "*s o"]:
    """Return the centre of mass of each output in frames: sum(j |a_j|) / sum |a_j|, j from -k//2 to k//2.

    -1 reads the previous frame alone, 1 the next one alone. A kernel of zeros favours neither: 0. NaN stays NaN.
    Raises ValueError for an even number of taps, which has none for the present.
    """
    num_taps = taps.shape[-1]
    if num_taps % 2 == 0:
        raise ValueError(f"A kernel over time has an odd number of taps, the present in the middle; got {num_taps}.")
    size = np.abs(taps, dtype=np.float64)
    mass = size.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        moment = (size * (np.arange(num_taps) - num_taps // 2)).sum(axis=-1)
        return np.where(mass == 0, 0, moment / np.where(mass == 0, 1, mass))


def direction(taps: Float[np.ndarray, "*s o k"], threshold: float = THRESHOLD) -> Shaped[np.ndarray, "*s o"]:
    """ "back", "stay" or "ahead" for each output, by its centre of mass c of |a|: back if c < -1/3, ahead if c > 1/3.

    What lies exactly on a threshold stays. A kernel of zeros looks nowhere and counts as "stay"; `summarise` counts
    those as `silent` as well. A kernel with NaN or infinity is "undefined" and belongs to none of the three.
    """
    centre = centre_of_mass(taps)
    names = np.select(
        [~np.isfinite(centre), _above(-centre, threshold), _above(centre, threshold)],
        [UNDEFINED, "back", "ahead"],
        default="stay",
    )
    return np.asarray(names)


def kind(taps: Float[np.ndarray, "*s o k"]) -> Shaped[np.ndarray, "*s o"]:
    """One of KINDS for each output; with the mass m = sum |a_k|, the first rule that holds decides.

    1. subtracts: |sum a_k| < m / 3. The taps cancel: what does not change over time gives almost nothing.
    2. back, stay or ahead: one |a_k| > m / 2, and its frame is a past, the current or a future one.
    3. averages: |sum a_k| >= 2 m / 3. Several frames are averaged.
    4. mixed: everything else.

    A kernel of zeros counts as "stay", as in `direction`; one with NaN or infinity is "undefined".
    """
    values = taps.astype(np.float64)
    size = np.abs(values)
    mass = size.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        agreement = np.abs(values.sum(axis=-1)) / mass
        largest = size.max(axis=-1) / mass
    present = values.shape[-1] // 2
    side = np.sign(np.where(np.isfinite(size), size, 0).argmax(axis=-1) - present)
    dominant = _above(largest, DOMINANT)
    rules: list[tuple[Bool[np.ndarray, "*s o"], str]] = [
        (~np.isfinite(mass), UNDEFINED),
        (mass == 0, "stay"),
        (_above(-agreement, -CANCELLED), "subtracts"),
        (dominant & (side < 0), "back"),
        (dominant & (side == 0), "stay"),
        (dominant & (side > 0), "ahead"),
        (~_above(-agreement, -AGREED), "averages"),
    ]
    return np.asarray(np.select([mask for mask, _ in rules], [name for _, name in rules], default="mixed"))


def _above(values: np.ndarray, threshold: float) -> np.ndarray:
    return values > threshold + _ROUNDING
