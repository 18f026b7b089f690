"""Sampling of frames: one from each of several equal segments of a video (TSN, Wang et al. 2016)."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

FrameNumbers = Sequence[int] | Int[np.ndarray, "_"]
"""Numbers of frames of a video, counted from 0, in any order."""
Part = float | Float[np.ndarray, " t"]
"""A share of a segment's time, from 0 to 1, the same for all or one for each."""
FrameChoice = Callable[[Float[np.ndarray, " n"], float | None], FrameNumbers]
"""Numbers of frames by the times of all frames in seconds, and the time at which the last one ends if it is known."""


def segment_indices(num_frames: int, num_segments: int, part: Part | None = None) -> Int[np.ndarray, " t"]:
    """Return one frame index per segment, ascending: the centre one, or the one after a `part` of the segment.

    The centre ones are mirror-symmetric, so a reversed video gives the same frames reversed:
    `segment_indices(n, s)[::-1] == n - 1 - segment_indices(n, s)`. One case allows no symmetry: an odd number of
    segments of an even number of frames has no middle frame, and takes the later of the two next to the middle.
    Random parts give a mirror-symmetric distribution. Where the length of a segment is not a whole number
    of frames, neighbours can share a frame. Raises ValueError unless both numbers are at least 1.
    """
    if num_frames < 1 or num_segments < 1:
        raise ValueError(
            f"A video and a clip need at least one frame each; got {num_frames} frames for {num_segments} segments."
        )
    segment = np.arange(num_segments)
    if part is not None:
        # A moment of each segment, and the frame that shows at that moment.
        moments = (segment + part) * num_frames / num_segments
        return np.minimum(moments.astype(np.int64), num_frames - 1)
    # The centre of segment i is frame (2i + 1) * n / (2s) - 1/2, rounded down in the first half. The second half is
    # the mirror image of the first: rounding alone would break ties the same way on both sides.
    earlier = ((2 * segment + 1) * num_frames - 1) // (2 * num_segments)
    mirrored = num_frames - 1 - earlier[::-1]
    return np.where(2 * segment + 1 < num_segments, earlier, mirrored)


def segment_frames(
    seconds: Float[np.ndarray, " n"], num_segments: int, end: float | None = None, part: Part | None = None
) -> Int[np.ndarray, " t"]:
    """Return the number of the frame that shows at the centre of each of several equal parts of time, ascending.

    With `part` after that share of each: random ones in training. `seconds` are the times from which the frames show,
    `end` is the time at which the last one ends, by default after as long as the one before. At a constant rate these
    are the frames of `segment_indices`. Raises ValueError as it does.
    """
    times = seconds if end is None else np.append(seconds, end)
    if is_constant_rate(times) or num_segments < 1:
        return segment_indices(len(seconds), num_segments, part)
    last = seconds[-1] + (seconds[-1] - seconds[-2]) if end is None else end
    share = 0.5 if part is None else part
    moments = seconds[0] + (np.arange(num_segments) + share) * (last - seconds[0]) / num_segments
    return np.searchsorted(seconds, moments, side="right") - 1


def is_constant_rate(seconds: Float[np.ndarray, " n"]) -> bool:
    """Return True if frames come at equal times, but for rounding, jitter and a frame that was dropped.

    That is: each within one frame of its place at a constant rate, and no gap three times as long as another.
    """
    if len(seconds) < 3:
        return True
    even, frame = np.linspace(seconds[0], seconds[-1], len(seconds), retstep=True)
    gaps = np.diff(seconds)
    return bool(np.abs(seconds - even).max() <= frame and gaps.max() < 3 * gaps.min())
