"""Covariances of the input channels of temporal layers on real clips, measured and stored."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.kernels.first_clips import first_clips
from analysis.kernels.readings import Moments
from analysis.own_clips import dataset_of
from analysis.progress import Report, no_report
from analysis.stored_results import load_result, save_result
from gte import checkpoint
from gte.checkpoint_header import CheckpointHeader, read_header

KIND: Final = "input-covariance"
NUM_CLIPS: Final = 112
"""Clips over which the inputs are read."""
NUM_LARGE: Final = 4
LARGE_SIDE: Final = 160
"""Side in pixels from which on a network is read on NUM_LARGE clips, each of which takes it seconds."""


def input_moments(
    model: nn.Module, layers: Sequence[str], clips: Float[Tensor, "n 3 t h w"], report: Report = no_report
) -> dict[str, Float[np.ndarray, "i i"]]:
    """Return the covariance of the input channels of layers over all clips, frames and places.

    About the mean of each channel, because a constant input passes any kernel as a constant. In evaluation mode; leaves
    no hook behind. Raises AttributeError for an unknown layer.
    """
    modules = {layer: model.get_submodule(layer) for layer in layers}
    sums: dict[str, tuple[int, Tensor, Tensor]] = {}

    def add(layer: str, pixels: Tensor) -> None:
        # Folded frames (n·t, i, h, w), or a clip (n, i, t, h, w): input channels first, then every place.
        values = pixels.detach().transpose(0, 1).flatten(1).double()
        count, total, products = sums.get(layer, (0, torch.zeros(1), torch.zeros(1)))
        sums[layer] = count + values.shape[1], total + values.sum(dim=1), products + values @ values.T

    def reading(layer: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _module, inputs: add(layer, inputs[0])

    hooks = [module.register_forward_pre_hook(reading(layer)) for layer, module in modules.items()]
    try:
        with torch.no_grad():
            for number, clip in enumerate(clips):
                report(number / len(clips), f"clip {number + 1} of {len(clips)}")
                model(clip[None])
    finally:
        for hook in hooks:
            hook.remove()
    covariances = {}
    for layer, (count, total, products) in sums.items():
        mean = total / count
        covariances[layer] = (products / count - torch.outer(mean, mean)).numpy()
    return covariances


def settings_of(header: CheckpointHeader) -> dict[str, Any]:
    """Return the clips on which the inputs of a checkpoint are read: the first of its data set, or all."""
    count = NUM_LARGE if header.size >= LARGE_SIDE else NUM_CLIPS
    return {"dataset": dataset_of(header), "clips": count, "frames": header.num_frames, "size": header.size}


def stored_moments(path: Path, header: CheckpointHeader) -> Moments | None:
    """Return the covariances of the inputs of a checkpoint's layers if they are stored."""
    stored = load_result(path, KIND, settings_of(header))
    return None if stored is None else {layer: np.array(values) for layer, values in stored.items()}


def store_moments(path: Path, header: CheckpointHeader, moments: Moments, *, shipped: bool = False) -> Moments:
    """Store covariances, with five digits, and return them as stored."""
    rounded = {
        layer: [[float(f"{value:.5g}") for value in row] for row in np.asarray(values).tolist()]
        for layer, values in moments.items()
    }
    save_result(path, KIND, settings_of(header), rounded, shipped=shipped)
    return {layer: np.array(values) for layer, values in rounded.items()}


def measure_moments(model: nn.Module, header: CheckpointHeader, report: Report = no_report) -> Moments:
    """Return the covariances of the inputs of the learnable shifts of a network, on the clips of `settings_of`."""
    settings = settings_of(header)
    clips = first_clips(header, settings["dataset"], settings["clips"])
    return input_moments(model, header.layers, clips, report)


def load_moments(path: Path | str) -> Moments:
    """Return the covariances of the inputs of a checkpoint's learnable shifts, stored or measured and then stored."""
    path = Path(path)
    header = read_header(path)
    moments = stored_moments(path, header)
    if moments is not None:
        return moments
    return store_moments(path, header, measure_moments(checkpoint.load_model(path)[0], header))
