"""From decoded frames to what a network takes."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def to_clip(frames: UInt8[np.ndarray, "t h w 3"]) -> Float[Tensor, "3 t h w"]:
    """RGB frames as a float clip in [0, 1]. The network normalises inside."""
    return to_clips(torch.from_numpy(np.ascontiguousarray(frames))[None])[0]


def to_clips(frames: UInt8[Tensor, "n t h w 3"]) -> Float[Tensor, "n 3 t h w"]:
    """A batch of RGB frames as float clips in [0, 1]."""
    return frames.permute(0, 4, 1, 2, 3).float().div_(255)
