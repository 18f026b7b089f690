"""Evidence: what an attribution method found for one class in one layer, and how it is written for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from analysis.formatting import percent, three_digits

SMALLEST_MAP = 7
"""Height and width, in cells, below which a map is too coarse to be preselected."""

MAIN_SHARE = 2 / 3
"""The share of the evidence that the frames named in `Evidence.finding` hold at least."""

NOTEWORTHY = 1.05
"""Frames are named in `Evidence.finding` if they hold as many times what evenly spread evidence would give them."""

STRIKING = 2
"""The same for a single frame, where no stretch of frames is to be named."""


class NotNumbersError(ValueError):
    """A network's answer, or its evidence, holds values that are not finite numbers."""


def finite(found: Float[Tensor, "t h w"], layer: str) -> Float[Tensor, "t h w"]:
    """What was found in a layer, if it is all numbers. Raises NotNumbersError if it is not."""
    if not found.isfinite().all():
        raise NotNumbersError(f"The evidence in {layer} is not a number, so there is nothing to show.")
    return found


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Evidence for one class over the time and space of a layer; it is never negative."""

    map: Float[Tensor, "t h w"]
    """The raw values, T' x H' x W'."""
    target: int
    """Index of the class."""
    layer: str
    """The block that it was read from, such as "layer3.1"; "the pixels" or "the frames" where it was none."""
    method: str
    """The method, in words."""
    convention: str
    """How the method was applied, in words."""
    num_frames: int
    """T, the frames of the clip that the network saw."""
    contrast: int | None = None
    """Index of the class that this is evidence against; None for evidence for the class alone."""
    told: str = ""
    """What the method found besides, in whole sentences: what speaks against the class, what does not add up."""

    @property
    def maximum(self) -> float:
        """The largest raw value; 0 if there is no evidence."""
        return float(self.map.max())

    @property
    def is_empty(self) -> bool:
        """True if nothing in the layer speaks for the class; then there is nothing to normalise or to locate."""
        return self.maximum == 0

    def frame_shares(self) -> Float[Tensor, " {self.num_frames}"]:
        """The share of the evidence in each of the clip's T frames: sums to 1, or all zeros if there is none.

        Where T' differs from T, the sums of the T' steps are interpolated linearly in time.
        """
        steps = self.map.double().sum(dim=(1, 2))
        frames = functional.interpolate(steps[None, None], size=self.num_frames, mode="linear")[0, 0]
        total = frames.sum()
        return (frames / total if total > 0 else frames).float()

    def upsampled(
        self, frames: int, height: int, width: int, *, maximum: float | None = None
    ) -> Float[Tensor, "{frames} {height} {width}"]:
        """The evidence on the grid of the clip, trilinearly, in [0, 1]: normalised once per clip, never per frame.

        1 stands for `maximum`, by default this evidence's own raw maximum; give one number to several for a shared
        scale. What exceeds it is clipped. Without evidence all is 0.
        """
        scale = self.maximum if maximum is None else maximum
        if not scale > 0:
            return torch.zeros(frames, height, width)
        # Divided first: the square of a tiny raw value must not vanish in the interpolation.
        scaled = (self.map / scale)[None, None]
        return functional.interpolate(scaled, size=(frames, height, width), mode="trilinear")[0, 0].clamp(0, 1)

    def main_frames(self) -> tuple[int, int]:
        """First and last of the fewest consecutive frames with two thirds of the evidence; all if it is empty."""
        shares = self.frame_shares().double()
        for length in range(1, self.num_frames):
            windows = shares.unfold(0, length, 1).sum(dim=1)
            first = int(windows.argmax())
            # A share of exactly two thirds must not be lost in rounding.
            if windows[first] >= MAIN_SHARE - 1e-6:
                return first, first + length - 1
        return 0, self.num_frames - 1

    def finding(self) -> str:
        """One sentence on where in time the evidence lies; the clip's frames are counted from 1."""
        if self.is_empty:
            return f"There is no evidence for this class in {self.layer}."
        start, end = self.main_frames()
        shares = self.frame_shares()
        length, held = end - start + 1, float(shares[start : end + 1].sum())
        # Six of eight frames hold three quarters of whatever is spread evenly, which says nothing of them.
        if length == self.num_frames or held < NOTEWORTHY * length / self.num_frames:
            most = int(shares.argmax())
            if self.num_frames > 1 and shares[most] >= STRIKING / self.num_frames:
                return f"{percent(float(shares[most]))} of its evidence lies in frame {most + 1}, the rest is spread."
            return "Its evidence is spread over all frames."
        share = percent(held)
        first, last = start + 1, end + 1
        return f"{share} of its evidence lies in {f'frame {first}' if first == last else f'frames {first}–{last}'}."

    def card(self, network: str, classes: Sequence[str]) -> dict[str, str]:
        """What a reader must know to judge the picture, in words."""
        steps, height, width = self.map.shape
        cells = f"{steps} x {height} x {width} cells, interpolated linearly to the frames"
        rival = "" if self.contrast is None else f" rather than {classes[self.contrast]}"
        facts = {
            "network": network,
            "layer": self.layer,
            "class": f"{classes[self.target]}{rival}",
            "method": self.method,
            "convention": self.convention,
            "map": cells,
            "time": _time_mapping(steps, self.num_frames),
            "raw maximum": three_digits(self.maximum),
            "normalisation": "none: there is no evidence for this class" if self.is_empty else "once per clip",
        }
        return facts | ({"besides": self.told} if self.told else {})


def _time_mapping(steps: int, frames: int) -> str:
    if steps == frames:
        return f"{steps} steps for {frames} frames, one each" if frames > 1 else "1 step for 1 frame"
    if steps == 1:
        return f"1 step for all {frames} frames"
    return f"{steps} steps for {frames} frames, one for every {three_digits(frames / steps)}, interpolated linearly"


def preselect_layer(shapes: Mapping[str, tuple[int, int, int]]) -> str:
    """The last block whose map (T', H', W') has at least 7 x 7 cells; if none has, the last of those with most cells.

    Raises ValueError if there is no block.
    """
    if not shapes:
        raise ValueError("Evidence is read from the output of a block; this network has none.")
    fine = [name for name, (_, height, width) in shapes.items() if min(height, width) >= SMALLEST_MAP]
    if fine:
        return fine[-1]
    most = max(height * width for _, height, width in shapes.values())
    return [name for name, (_, height, width) in shapes.items() if height * width == most][-1]


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """One class in the ranking of a prediction."""

    index: int
    name: str
    probability: float
    """Softmax over all classes, in [0, 1]."""


def top_classes(logits: Float[Tensor, "*n c"], classes: tuple[str, ...], k: int = 5) -> list[ClassScore]:
    """The k most probable classes of one clip, best first; all of them if there are fewer.

    Raises ValueError unless the logits are those of one clip, one for each class, and NotNumbersError where they give
    no probabilities.
    """
    if logits.numel() != len(classes):
        raise ValueError(f"One clip has {len(classes)} logits, one for each class; got {tuple(logits.shape)}.")
    probabilities = logits.detach().flatten().double().softmax(dim=0)
    if not probabilities.isfinite().all():
        raise NotNumbersError("The network's answer is not a number, so no class is likelier than another.")
    values, indices = probabilities.topk(min(k, len(classes)))
    pairs = zip(indices.tolist(), values.tolist(), strict=True)
    return [ClassScore(index=index, name=classes[index], probability=value) for index, value in pairs]
