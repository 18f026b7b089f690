"""Evidence for one class over the frames of a clip, and its description in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor, nn

from analysis.attribution.placement import place
from analysis.formatting import join_words, percent, three_digits
from gte.models.cell_grids import CellAxis, CellGrid

MIN_MAP_SIDE = 7
"""Height and width, in cells, below which a map is too coarse to be preselected."""

MAIN_SHARE = 2 / 3
"""Minimum share of the evidence in the frames that `Evidence.finding` names."""

NOTEWORTHY = 1.15
"""Minimum evidence in the frames that `Evidence.finding` names, as a multiple of an even share."""

EVEN = 0.75, 1.25
"""Evidence of every frame, as multiples of an even share, between which it is called evenly spread."""


class NotNumbersError(ValueError):
    """The output of a network, or its evidence, contains values that are not finite numbers."""


WEIGHTING = "weighting"
PEAK = "peak value"
"""Entries of `Evidence.card`."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Evidence for one class over the time and space of a layer; never negative."""

    map: Float[Tensor, "t h w"]
    """Values before normalisation, T' x H' x W'."""
    target: int
    """Index of the class."""
    layer: str
    """The block, such as "layer3.1"; "the pixels" or "the frames" for methods that use no block."""
    method: str
    """Key of the method in METHODS."""
    label: str
    """Name of the method."""
    convention: str
    """How the method was applied, in words."""
    grid: CellGrid
    """Where the cells are in the clip."""
    contrast: int | None = None
    """Index of the class to contrast with; None for evidence for the class alone."""
    refusal: str = ""
    """Why the method cannot say anything about this clip, as a sentence; empty if it can."""
    note: str = ""
    """Further results of the method, in sentences: negative evidence, residuals."""

    @property
    def num_frames(self) -> int:
        """T, the frames of the clip given to the network."""
        return self.grid[0].size

    @property
    def maximum(self) -> float:
        """The largest value before normalisation; 0 if there is no evidence."""
        return float(self.map.max())

    @property
    def is_empty(self) -> bool:
        """True if there is no evidence for the class; then there is nothing to normalise or to locate."""
        return self.maximum == 0

    def frame_shares(self) -> Float[Tensor, " {self.num_frames}"]:
        """Share of the evidence in each of the clip's T frames: sums to 1, or all zeros if there is none.

        If T' differs from T, the sums of the T' steps are interpolated linearly between the frames of their centres.
        """
        steps = self.map.double().sum(dim=(1, 2))
        frames = self.grid[0].weights(self.num_frames, len(steps)).double() @ steps
        total = frames.sum()
        return (frames / total if total > 0 else frames).float()

    def placed(self) -> Float[Tensor, "t2 h2 w2"]:
        """The evidence on the clip's frames and pixels, not normalised; each cell is where its centre is."""
        return place(self.map, self.grid)

    def upsampled(
        self, frames: int, height: int, width: int, *, maximum: float | None = None
    ) -> Float[Tensor, "{frames} {height} {width}"]:
        """Interpolate the evidence to points spread evenly over the clip, in [0, 1]; normalised once per clip.

        1 corresponds to `maximum`, by default the maximum of this evidence; pass one number for a shared scale. Larger
        values are clipped. Without evidence all values are 0.
        """
        top = self.maximum if maximum is None else maximum
        if not top > 0:
            return torch.zeros(frames, height, width)
        # Divided first: the square of a tiny value must not vanish in the interpolation.
        return place(self.map / top, self.grid, (frames, height, width)).clamp(0, 1)

    def main_frames(self) -> tuple[int, int]:
        """First and last of the shortest run of frames with two thirds of the evidence; all frames if it is empty."""
        shares = self.frame_shares().double()
        for length in range(1, self.num_frames):
            windows = shares.unfold(0, length, 1).sum(dim=1)
            first = int(windows.argmax())
            # A share of exactly two thirds must not be lost in rounding.
            if windows[first] >= MAIN_SHARE - 1e-6:
                return first, first + length - 1
        return 0, self.num_frames - 1

    def finding(self) -> str:
        """One sentence on when in the clip the evidence occurs, compared with an even spread; frames count from 1."""
        if self.refusal:
            return self.refusal
        if self.is_empty:
            return f"{self.label} finds no evidence for this class in {self.layer}; another method or layer may."
        if self.num_frames == 1:
            return "The clip has one frame, which has all of its evidence."
        shares = self.frame_shares()
        multiples = shares * self.num_frames
        least, most = float(multiples.min()), float(multiples.max())
        if EVEN[0] <= least and most <= EVEN[1]:
            return f"Its evidence is evenly spread: {least:.1f} to {most:.1f} times an even share in each frame."
        start, end = self.main_frames()
        share = float(shares[start : end + 1].sum())
        multiple = share * self.num_frames / (end + 1 - start)
        frames = f"frame {start + 1}" if start == end else f"frames {start + 1}–{end + 1}"
        # Six of eight frames contain three quarters of any even evidence, which says nothing about them. Nor does a
        # peak say anything about frames next to it with less than an even share.
        if multiple < NOTEWORTHY or float(multiples[start : end + 1].min()) < EVEN[0]:
            peak = int(shares.argmax())
            share, multiple, frames = float(shares[peak]), most, f"frame {peak + 1}, its peak"
        return f"{percent(share)} of its evidence is in {frames}: {multiple:.1f} times an even share."

    def card(self, network: str, classes: Sequence[str]) -> dict[str, str]:
        """The facts needed to judge the map, in words."""
        steps, height, width = self.map.shape
        time, rows, columns = self.grid
        apart = f"{three_digits(rows.stride)} x {three_digits(columns.stride)} pixels"
        cells = f"{steps} x {height} x {width} cells, {apart} apart, interpolated linearly between their centres"
        contrast = "" if self.contrast is None else f" rather than {classes[self.contrast]}"
        facts = {
            "network": network,
            "layer": self.layer,
            "class": f"{classes[self.target]}{contrast}",
            "method": self.label,
            WEIGHTING: self.convention,
            "map": cells,
            "time": _time_mapping(steps, time),
            PEAK: three_digits(self.maximum),
            "normalisation": "none: no evidence by this method" if self.is_empty else "once per clip",
        }
        return facts | ({"note": self.note} if self.note else {})


Explain = Callable[[nn.Module, Float[Tensor, "1 3 t h w"], int], Evidence]
"""(network, clip, class) to its evidence, with method and layer chosen beforehand."""


def rank_correlation(first: Float[Tensor, "t h w"], second: Float[Tensor, "t h w"]) -> float:
    """Spearman's rank correlation of two maps, cell by cell.

    A constant map, such as one without evidence, has no ranks; its correlation with any other map is 0.
    """
    if first.min() == first.max() or second.min() == second.max():
        return 0.0
    return float(spearmanr(first.flatten().numpy(), second.flatten().numpy()).statistic)


def _time_mapping(steps: int, time: CellAxis) -> str:
    frames = time.size
    if steps == frames:
        return f"{steps} steps for {frames} frames, one each" if frames > 1 else "1 step for 1 frame"
    if steps == 1:
        return f"1 step for all {frames} frames"
    centres = join_words([three_digits(1 + centre) for centre in time.centres(steps).tolist()])
    return f"{steps} steps for {frames} frames, centred on frames {centres}, interpolated linearly between them"


def preselect_layer(shapes: Mapping[str, tuple[int, int, int]]) -> str:
    """The last block whose map (T', H', W') has at least 7 x 7 cells; if there is none, the last with the most cells.

    Raises ValueError if there is no block.
    """
    if not shapes:
        raise ValueError("Evidence is computed on the output of a block; this network has none.")
    fine = [name for name, (_, height, width) in shapes.items() if min(height, width) >= MIN_MAP_SIDE]
    if fine:
        return fine[-1]
    num_cells = max(height * width for _, height, width in shapes.values())
    return [name for name, (_, height, width) in shapes.items() if height * width == num_cells][-1]


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """One class of a ranked prediction."""

    index: int
    name: str
    probability: float
    """Softmax over all classes, in [0, 1]."""


def top_classes(logits: Float[Tensor, "*n c"], classes: tuple[str, ...], k: int = 5) -> list[ClassScore]:
    """The k most probable classes of one clip, best first; all of them if there are fewer.

    Raises ValueError unless there is one logit per class, and NotNumbersError if the probabilities are not finite.
    """
    if logits.numel() != len(classes):
        raise ValueError(f"One clip has {len(classes)} logits, one for each class; got {tuple(logits.shape)}.")
    probabilities = logits.detach().flatten().double().softmax(dim=0)
    if not probabilities.isfinite().all():
        raise NotNumbersError("The output of the network is not a number, so classes cannot be ranked.")
    values, indices = probabilities.topk(min(k, len(classes)))
    pairs = zip(indices.tolist(), values.tolist(), strict=True)
    return [ClassScore(index=index, name=classes[index], probability=value) for index, value in pairs]
