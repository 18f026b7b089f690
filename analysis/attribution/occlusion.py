"""Temporal occlusion, by captum: how much of the score each frame carries."""

import torch
from captum.attr import Occlusion
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution.evidence import Evidence, finite
from analysis.attribution.hooks import check_evaluating, score_of
from analysis.formatting import three_digits

ROUNDING = 1e-5
"""Of the largest logit: what a score loses or gains by less is rounding, and speaks neither for the class nor against.
"""
CONVENTION = "each frame in turn replaced by the average of all; its evidence is what the score loses"


def temporal_occlusion(
    model: nn.Module, clip: Float[Tensor, "1 3 t h w"], target: int, layer: str = "", *, contrast: int | None = None
) -> Evidence:
    """Evidence for class `target` in whole frames: what the score loses when a frame is replaced by the average one.

    A map has one cell a frame: it says when and not where. A frame without which the score rises is no evidence and is
    told. `layer` plays no part. Leaves the model as it was and raises as `integrated_gradients` does. Zeiler and
    Fergus 2014, section 4.2, in time instead of space.
    """
    check_evaluating(model)
    average = clip.mean(dim=2, keepdim=True).expand_as(clip)
    window = (clip.shape[1], 1, *clip.shape[3:])
    largest = 0.0

    def score(pixels: Float[Tensor, "n 3 t h w"]) -> Float[Tensor, " n"]:
        nonlocal largest
        logits = model(pixels)
        largest = max(largest, float(logits.abs().max()))
        return score_of(logits, target, contrast)

    with torch.no_grad():
        lost = Occlusion(score).attribute(clip, window, baselines=average)
    by_frame = finite(lost[0, 0, :, :1, :1], "the frames")  # (t, 1, 1); a window holds one number
    by_frame = by_frame.where(by_frame.abs() > ROUNDING * largest, 0)
    return Evidence(
        map=by_frame.relu(),
        target=target,
        contrast=contrast,
        layer="the frames",
        method="Temporal occlusion",
        convention=CONVENTION,
        num_frames=clip.shape[2],
        told=_told(by_frame.flatten().tolist()),
    )


def _told(lost: list[float]) -> str:
    worst = min(range(len(lost)), key=lambda frame: lost[frame])
    against = sum(value < 0 for value in lost)
    if not against:
        return "No frame speaks against the class."
    return (
        f"{against} of {len(lost)} frames speak against the class, frame {worst + 1} most: without it the score rises "
        f"by {three_digits(-lost[worst])}."
        if against > 1
        else f"Frame {worst + 1} speaks against the class: without it the score rises by {three_digits(-lost[worst])}."
    )
