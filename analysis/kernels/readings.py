"""Readings: four ways to reduce the many kernels of an output channel, one for each input channel, to a few."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Float, Float32

from analysis.kernels.taps import own_inputs
from gte.kernel_history import KernelHistory

Reading = Literal["energy", "own", "summed", "inputs"]
READINGS: Final[tuple[Reading, ...]] = get_args(Reading)
"""In the order in which pages offer them; the first is the default, because energies cannot cancel."""
WEIGHT_READINGS: Final[tuple[Reading, ...]] = ("energy", "own", "summed")
"""Those that need the weights alone. The fourth needs the network and clips."""

READING_WORDS: Final[Mapping[Reading, str]] = MappingProxyType(
    {
        "energy": "by energy",
        "own": "by own channel",
        "summed": "by the sum over inputs",
        "inputs": "by real inputs",
    }
)
"""The readings as sentences name them."""

READING_DEFINITIONS: Final[Mapping[Reading, str]] = MappingProxyType(
    {
        "energy": "the root of its energy over the input channels, √Σᵢ wᵢₖ², which cannot cancel",
        "own": "its weight to its own channel, the one that the output channel reads before training",
        "summed": "its sum over the input channels, the response to a signal that all of them share",
        "inputs": "the root of the power that it passes of the real inputs, √(wₖᵀ C wₖ), with C the covariance of the "
        "input channels on the same clips",
    }
)
"""What a tap of an output channel is by a reading."""

Moments = Mapping[str, Float[np.ndarray, "_ _"]]
"""Covariances (i, i) of the input channels of layers, by the layers' paths; see `analysis.kernels.moments`."""


def read_kernels(
    history: KernelHistory, reading: Reading = "energy", moments: Moments | None = None
) -> Float32[np.ndarray, "s o r k"]:
    """Return the kernels of every output channel at each snapshot for r unrelated, equally strong signals.

    energy: the input channels themselves, r = C_in. own: the one that the output reads before training; where it reads
    none or several, as energy. summed: one signal that all input channels share. inputs: the principal signals of the
    real inputs, r = C_in, by their covariance. Raises ValueError if that is not in `moments`.
    """
    return _read(history.weights, history, reading, moments)


def _read(
    weights: Float32[np.ndarray, "*s o i k 1"], history: KernelHistory, reading: Reading, moments: Moments | None
) -> Float32[np.ndarray, "*s o r k"]:
    kernels = weights[..., 0]
    match reading:
        case "energy":
            return kernels
        case "own":
            inputs = own_inputs(history.initial)
            return kernels if inputs is None else kernels[..., np.arange(len(inputs)), inputs, :][..., None, :]
        case "summed":
            return kernels.sum(axis=-2, keepdims=True, dtype=np.float64).astype(np.float32)
        case "inputs":
            root = input_root(history.layer, moments)
            return (root.T @ kernels.astype(np.float64)).astype(np.float32)


def input_root(layer: str, moments: Moments | None) -> Float[np.ndarray, "i i"]:
    """Return R with R R^T = the covariance of a layer's input channels. Raises ValueError if it is not known."""
    if moments is None or layer not in moments:
        raise ValueError(f"The reading by real inputs needs the covariance of the inputs of {layer}; measure it first.")
    values, vectors = np.linalg.eigh(moments[layer].astype(np.float64))
    return vectors * np.sqrt(np.maximum(values, 0))


def reduced(history: KernelHistory, reading: Reading = "energy", moments: Moments | None = None) -> KernelHistory:
    """Return a history of at most k input channels that gives the same by energy: small, and of the same kinds."""
    kernels = read_kernels(history, reading, moments)
    if kernels.shape[-2] > kernels.shape[-1] and np.isfinite(kernels).all():
        # Energies and responses depend on W^T W alone, which is R^T R.
        kernels = np.asarray(np.linalg.qr(kernels.astype(np.float64), mode="r"), dtype=np.float32)
    return replace(history, weights=kernels[..., None])
