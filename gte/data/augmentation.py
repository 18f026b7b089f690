"""Random changes of training clips, the same for all frames of a clip."""

from typing import Literal

import numpy as np
from jaxtyping import UInt8

from gte.data.opencv import cv2

Augmentation = Literal["none", "flip", "multi-scale"]
"""Nothing; half of the clips mirrored, where the data set declares what a mirror does; crops of several scales, too."""
SCALES = (1.0, 0.875, 0.75, 0.66)
"""Sides of a crop as parts of the short side (TSN, Wang et al. 2016, section 3.2)."""
MAX_DISTORTION = 1
"""How many steps of the scales width and height may lie apart."""
PLACES = ((0, 0), (4, 0), (0, 4), (4, 4), (2, 2), (0, 2), (4, 2), (2, 4), (2, 0), (1, 1), (3, 1), (1, 3), (3, 3))
"""Right and down, in quarters of the room that a crop leaves."""


def multi_scale_crop(
    frames: UInt8[np.ndarray, "t h w 3"], size: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "t size size 3"]:
    """Cut one of several sizes at one of thirteen places out of all frames, resized to `size` x `size` pixels."""
    height, width = frames.shape[1:3]
    sizes = [
        (round(min(height, width) * high), round(min(height, width) * wide))
        for number, high in enumerate(SCALES)
        for other, wide in enumerate(SCALES)
        if abs(number - other) <= MAX_DISTORTION
    ]
    high, wide = sizes[rng.integers(len(sizes))]
    right, down = PLACES[rng.integers(len(PLACES))]
    top, left = (height - high) * down // 4, (width - wide) * right // 4
    shrink = cv2.INTER_AREA if size < min(high, wide) else cv2.INTER_CUBIC
    cut = frames[:, top : top + high, left : left + wide]
    return np.stack([cv2.resize(frame, (size, size), interpolation=shrink) for frame in cut])
