"""Overlays of evidence on frames, as arrays."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from gte.data.opencv import cv2

GAP = 4
"""Pixels between the frames of a strip."""


def magma(values: Float[np.ndarray, "*d"]) -> UInt8[np.ndarray, "*d 3"]:
    """The colour of evidence, RGB, for values in [0, 1]; other values are clipped."""
    levels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    colours = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_MAGMA)[:, 0]
    return colours[levels][..., ::-1]  # OpenCV has BGR


def overlay(
    frames: UInt8[np.ndarray, "t h w 3"], evidence: Float[np.ndarray, "t h w"], opacity: float = 0.8
) -> UInt8[np.ndarray, "t h w 3"]:
    """Draw evidence in [0, 1] over frames: magma, more opaque for stronger evidence, at most `opacity`.

    Without evidence the frame is unchanged. Raises ValueError unless `opacity` lies in [0, 1].
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must lie between 0 and 1; got {opacity:g}.")
    alpha = opacity * np.clip(evidence, 0, 1)[..., None]
    return np.rint(frames * (1 - alpha) + magma(evidence) * alpha).astype(np.uint8)


def film_strip(frames: UInt8[np.ndarray, "t h w 3"]) -> UInt8[np.ndarray, "h w2 3"]:
    """The frames side by side, the first on the left, on white with gaps."""
    height = frames.shape[1]
    gap = np.full((height, GAP, 3), 255, np.uint8)
    parts: Sequence[np.ndarray] = [part for frame in frames for part in (gap, frame)][1:]
    return np.concatenate(parts, axis=1)
