"""Temporal occlusion, by captum: the drop of the score without each frame."""

import torch
from captum.attr import Occlusion
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.hooks import check_evaluating, score_of
from analysis.formatting import three_digits

ROUNDING = 1e-5
"""Changes of the score up to this part of the largest logit are rounding errors."""


def temporal_occlusion(
    model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int, layer: str = "", *, contrast: int | None = None
) -> Float[Tensor, "t 1 1"]:
    """The drop of the score when a frame is replaced by the average frame; negative if the score rises.

    `layer` is not used. Zeiler and Fergus 2014, section 4.2, in time instead of space.
    """
    check_evaluating(model)
    average = clip.mean(dim=2, keepdim=True).expand_as(clip)
    window = (clip.shape[1], 1, *clip.shape[3:])
    max_logit = 0.0

    def score(pixels: Float[Tensor, "n 3 t h w"]) -> Float[Tensor, " n"]:
        nonlocal max_logit
        logits = model(pixels)
        max_logit = max(max_logit, float(logits.abs().max()))
        return score_of(logits, target, contrast)

    with torch.no_grad():
        drops = Occlusion(score).attribute(clip, window, baselines=average)
    by_frame = drops[0, 0, :, :1, :1]  # (t, 1, 1): all pixels of a frame have the same value
    # NaN is no rounding error: it stays, so that it is seen.
    return by_frame.where(~(by_frame.abs() <= ROUNDING * max_logit), 0)


def refuse_equal_frames(clip: Float[Tensor, "1 3 t h w"]) -> str:
    """Why a clip of equal frames has no result, in one sentence; empty for other clips."""
    if (clip != clip[:, :, :1]).any():
        return ""
    same = "The clip has one frame" if clip.shape[2] == 1 else "All frames of this clip are the same"
    return f"{same}, so temporal occlusion compares it with itself and cannot say anything."


def negative_frames(drops: Float[Tensor, "t 1 1"]) -> str:
    """One sentence on the frames without which the score rises."""
    values = drops.flatten().tolist()
    lowest = min(range(len(values)), key=lambda frame: values[frame])
    num_negative = sum(value < 0 for value in values)
    if not num_negative:
        return "No frame counts against the class."
    rise = f"without it the score rises by {three_digits(-values[lowest])}."
    if num_negative == 1:
        return f"Frame {lowest + 1} counts against the class: {rise}"
    return f"{num_negative} of {len(values)} frames count against the class, frame {lowest + 1} most: {rise}"
