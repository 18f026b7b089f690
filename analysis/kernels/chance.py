"""Chance: what a random change of the same size would do to the kernels of a layer, by seeded draws.

A draw adds to the weights before training a change of random direction, uniform on the sphere, as long as the change of
training. What training did means something where it is outside of the range of the draws.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float64, Int

from analysis.formatting import three_digits
from analysis.kernels.readings import Moments, Reading, input_root, read_kernels
from analysis.kernels.taps import KINDS, Kind, centre_of_mass, kind, tap_sizes
from gte.kernel_history import KernelHistory

DRAWS: Final = 400
RANGE: Final = (2.5, 97.5)
"""Percentiles of the draws: the range that holds 95 % of them."""
MAX_NUMBERS: Final = 1_000_000
MIN_DRAWS: Final = 40
"""By the real inputs all weights are drawn: a large layer has fewer draws, of so many numbers in all."""


@dataclass(frozen=True)
class Range:
    """What random changes give: the middle of the draws, and the range that holds 95 % of them."""

    low: float
    middle: float
    high: float

    def in_words(self) -> str:
        """Return "10 to 25", or one number where both ends are the same to three digits."""
        low, high = three_digits(round(self.low, 3)), three_digits(round(self.high, 3))
        return low if low == high else f"{low} to {high}"


@dataclass(frozen=True)
class Chance:
    """The draws for one layer at one snapshot, or the sums of those of several layers."""

    outputs: int
    counts: Int[np.ndarray, "d 6"]
    """Outputs of each of KINDS, per draw."""
    changed: Int[np.ndarray, " d"]
    """Outputs whose kind is another one than before training."""
    shift: Float64[np.ndarray, " d"]
    """Mean distance of the centres of mass from those before training, frames."""

    def count_of(self, name: Kind) -> Range:
        """Return the range of the number of outputs of a kind."""
        return range_of(self.counts[:, KINDS.index(name)])

    @property
    def num_changed(self) -> Range:
        """The range of the number of outputs that change their kind."""
        return range_of(self.changed)

    @property
    def centre_shift(self) -> Range:
        """The range of the mean distance that the centres of mass move, frames."""
        return range_of(self.shift)


def range_of(draws: Float[np.ndarray, " d"] | Int[np.ndarray, " d"]) -> Range:
    """Return the middle and the range of draws."""
    # Values that were drawn: of counts, whole numbers.
    low, middle, high = np.percentile(draws, (RANGE[0], 50, RANGE[1]), method="nearest")
    return Range(float(low), float(middle), float(high))


def total(chances: Sequence[Chance]) -> Chance:
    """Return the sums over layers, draw by draw; the shift is the mean over all outputs. Raises ValueError for none."""
    if not chances:
        raise ValueError("There must be at least one layer.")
    draws = min(len(chance.changed) for chance in chances)
    outputs = sum(chance.outputs for chance in chances)
    return Chance(
        outputs=outputs,
        counts=np.sum([chance.counts[:draws] for chance in chances], axis=0),
        changed=np.sum([chance.changed[:draws] for chance in chances], axis=0),
        shift=np.sum([chance.shift[:draws] * chance.outputs for chance in chances], axis=0) / outputs,
    )


def chance_of(
    history: KernelHistory, snapshot: int = -1, reading: Reading = "energy", moments: Moments | None = None
) -> Chance | None:
    """Draw random changes as long as that of a layer at a snapshot; None if its start or the snapshot is not known."""
    start, weight = history.initial, history.weights[snapshot]
    if start is None or not np.isfinite(weight).all() or not np.isfinite(start).all():
        return None
    norm = float(np.linalg.norm(weight.astype(np.float64) - start))
    before = read_kernels(history, reading, moments)[0]
    drawn = random_kernels(history, norm, reading, moments)
    kinds = kind(drawn)
    moved = centre_of_mass(tap_sizes(drawn)) - centre_of_mass(tap_sizes(before))
    return Chance(
        outputs=len(start),
        counts=np.stack([(kinds == name).sum(axis=1) for name in KINDS], axis=1),
        changed=(kinds != kind(before)).sum(axis=1),
        shift=np.abs(moved).mean(axis=1),
    )


def chances_of(
    histories: Sequence[KernelHistory],
    snapshot: int = -1,
    reading: Reading = "energy",
    moments: Moments | None = None,
) -> dict[str, Chance]:
    """Return `chance_of` each layer by its path, for those layers that have one."""
    found = {
        history.layer: chance_of(history, min(snapshot, len(history.steps) - 1), reading, moments)
        for history in histories
    }
    return {layer: chance for layer, chance in found.items() if chance is not None}


def random_kernels(
    history: KernelHistory,
    norm: float,
    reading: Reading = "energy",
    moments: Moments | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Float64[np.ndarray, "d o r k"]:
    """Return, as `read_kernels` does, the kernels of W0 plus changes of random direction and length `norm`.

    Only what the reading keeps is drawn: the numbers of all other directions enter by the length that they take, whose
    square is chi-squared. By energy that is a Wishart matrix for the input channels that W0 does not use.
    """
    rng = np.random.default_rng([seed, zlib.crc32(history.layer.encode())])
    before = read_kernels(history, reading, moments)[0].astype(np.float64)  # (o, r, k)
    num_outputs, num_inputs, num_taps = history.weights.shape[1:4]
    size = num_outputs * num_inputs * num_taps
    if reading == "inputs":
        draws = min(draws, max(MIN_DRAWS, MAX_NUMBERS // size))
        change = rng.standard_normal((draws, num_outputs, num_inputs, num_taps))
        change *= norm / np.linalg.norm(change.reshape(draws, -1), axis=1)[:, None, None, None]
        return before + input_root(history.layer, moments).T @ change
    if before.shape[1] == 1:
        # One signal: of the change only its k numbers count, times sqrt(C_in) where all inputs are summed.
        change = rng.standard_normal((draws, *before.shape))
        rest = rng.chisquare(size - before.size, draws) if size > before.size else np.zeros(draws)
        square = np.square(change).sum(axis=(1, 2, 3)) + rest
        return before + change * (norm / np.sqrt(square) * _gain(reading, num_inputs))[:, None, None, None]
    used = np.asarray(np.linalg.qr(before, mode="r"))  # (o, min(C_in, k), k)
    change = rng.standard_normal((draws, *used.shape))
    rest = _rest(rng, (draws, num_outputs), num_inputs - used.shape[1], num_taps)
    square = np.square(change).sum(axis=(1, 2, 3)) + np.square(rest).sum(axis=(1, 2, 3))
    scale = (norm / np.sqrt(square))[:, None, None, None]
    return np.concatenate([used + scale * change, scale * rest], axis=2)


def _gain(reading: Reading, num_inputs: int) -> float:
    return float(np.sqrt(num_inputs)) if reading == "summed" else 1.0


def _rest(
    rng: np.random.Generator, shape: tuple[int, int], num_inputs: int, num_taps: int
) -> Float64[np.ndarray, "d o r k"]:
    """Return matrices R whose R^T R is distributed as N^T N of (num_inputs, num_taps) standard normal numbers N.

    Bartlett's decomposition: triangular, normal numbers above the diagonal, chi on it.
    """
    if num_inputs <= num_taps:
        return rng.standard_normal((*shape, num_inputs, num_taps))
    rest = np.triu(rng.standard_normal((*shape, num_taps, num_taps)), 1)
    for tap in range(num_taps):
        rest[..., tap, tap] = np.sqrt(rng.chisquare(num_inputs - tap, shape))
    return rest


def part_shares(counts: Sequence[int], seed: int = 0, draws: int = DRAWS) -> list[Range]:
    """Return the ranges of the shares that parts of a layer with so many weights have of a random squared change."""
    rng = np.random.default_rng(seed)
    squares = np.stack([rng.chisquare(count, draws) if count else np.zeros(draws) for count in counts])
    sums = squares.sum(axis=0)
    return [range_of(part / np.where(sums > 0, sums, 1)) for part in squares]
