"""Table 1 of Liu et al.: the cost of the operator that replaces a 3x3 convolution, by formula and as built.

C_i channels come in, C_o go out, a kernel spans k_T frames and k x k pixels, and t is the share of the outputs that the
temporal path makes. The formulas count parameters; times the output's positions they are MACs, without the stride.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import pandas as pd
from torch import nn

from analysis.formatting import join_words, three_digits
from gte.models import on_meta_device
from gte.models.shift import (
    TAPS,
    DepthwiseTemporalShift,
    FixedTemporalShift,
    LearnableTemporalShift,
    SharedTemporalShift,
)
from gte.models.temporal import FrameConv, SpatioTemporalConv, TemporalConv


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers of one operator."""

    in_channels: int = 256
    """C_i, even, so that it can be split in halves."""
    out_channels: int = 256
    """C_o."""
    kernel: int = 3
    """k, rows and columns; odd."""
    taps: int = 3
    """k_T, frames; odd."""
    share: Fraction = Fraction(1, 4)
    """t; t times C_o is an even number of channels, so that both directions exist, and not all of them."""

    def __post_init__(self) -> None:
        if self.in_channels < 2 or self.in_channels % 2:
            raise ValueError(f"C_i must be even and at least 2, to be split in halves; got {self.in_channels}.")
        for name, value in {"k": self.kernel, "k_T": self.taps}.items():
            if value < 1 or value % 2 == 0:
                raise ValueError(f"{name} must be odd and at least 1, so that an output has a middle; got {value}.")
        outputs = self.share * self.out_channels
        if outputs.denominator != 1 or outputs % 2 or not 0 < outputs < self.out_channels:
            raise ValueError(
                "t times C_o must be an even number of channels, at least two and not all; "
                f"got {self.share} x {self.out_channels}."
            )

    @property
    def half(self) -> int:
        """C_i / 2."""
        return self.in_channels // 2

    @property
    def temporal(self) -> int:
        """t C_o."""
        return int(self.share * self.out_channels)

    @property
    def spatial(self) -> int:
        """(1 - t) C_o."""
        return self.out_channels - self.temporal

    @property
    def area(self) -> int:
        """k_H k_W."""
        return self.kernel**2

    @property
    def as_here(self) -> bool:
        """Return whether the project's operators, written for three taps and 3x3 pixels, can be built."""
        return self.kernel == TAPS == self.taps


Part = Mapping[str, nn.Module]


@dataclass(frozen=True, kw_only=True)
class Operator:
    """A row of Table 1, or of ours below it."""

    label: str
    formula: str
    """As text, in C_i, C_o, k, k_T and t."""
    count: Callable[[Numbers], int]
    """The formula's value: parameters."""
    build: Callable[[Numbers], Part]
    """Builds the modules of the network, on the default device."""
    in_table_1: bool = False
    """True for the paper's four rows."""
    temporal: tuple[str, ...] = field(default=())
    """The names of the modules whose kernel spans frames."""
    note: str = ""


def _frames(inputs: int, outputs: int, numbers: Numbers) -> nn.Module:
    """1 x k x k."""
    return FrameConv(inputs, outputs, kernel_size=numbers.kernel)


def _cube(inputs: int, outputs: int, numbers: Numbers) -> nn.Module:
    """k_T x k x k."""
    if numbers.as_here:
        return SpatioTemporalConv(inputs, outputs)
    return nn.Conv3d(inputs, outputs, (numbers.taps, numbers.kernel, numbers.kernel), bias=False)


def _time(inputs: int, outputs: int, numbers: Numbers) -> nn.Module:
    """k_T x 1 x 1."""
    if numbers.taps == TAPS:
        return TemporalConv(inputs, outputs)
    return nn.Conv3d(inputs, outputs, (numbers.taps, 1, 1), bias=False)


def _shift(inputs: int, outputs: int, numbers: Numbers) -> nn.Module:
    """LTS."""
    return LearnableTemporalShift(inputs, outputs) if numbers.taps == TAPS else _time(inputs, outputs, numbers)


def _shared(inputs: int, outputs: int, numbers: Numbers) -> nn.Module:
    """LTS with one kernel for each direction."""
    if numbers.taps == TAPS:
        return SharedTemporalShift(inputs, outputs)
    return nn.Conv3d(2, 2, (numbers.taps, 1, 1), groups=2, bias=False)


def _depthwise(inputs: int, outputs: int, numbers: Numbers) -> nn.Module:
    """LTS with one kernel for each output."""
    if numbers.taps == TAPS:
        return DepthwiseTemporalShift(inputs, outputs)
    return nn.Conv3d(outputs, outputs, (numbers.taps, 1, 1), groups=outputs, bias=False)


def _fixed(inputs: int, outputs: int, numbers: Numbers) -> nn.Module:
    """LTS that never learns: its kernel, whatever its taps, is no parameter."""
    return FixedTemporalShift(inputs, outputs)


def _with_conv2d(shift: Callable[[int, int, Numbers], nn.Module]) -> Callable[[Numbers], Part]:
    """Build GTE with this form of LTS: the 2D convolution after it reads and returns t C_o channels."""
    return lambda n: {
        "spatial": _frames(n.half, n.spatial, n),
        "shift": shift(n.half, n.temporal, n),
        "conv": _frames(n.temporal, n.temporal, n),
    }


def _as_built(n: Numbers) -> int:
    return n.area * (n.half * n.spatial + n.temporal**2)


OPERATORS: Mapping[str, Operator] = {
    "c2d": Operator(
        label="C2D",
        formula="k² C_i C_o",
        count=lambda n: n.area * n.in_channels * n.out_channels,
        build=lambda n: {"conv": _frames(n.in_channels, n.out_channels, n)},
        in_table_1=True,
        note="TSM has the same: a hard shift has no parameter.",
    ),
    "c3d": Operator(
        label="C3D",
        formula="k_T k² C_i C_o",
        count=lambda n: n.taps * n.area * n.in_channels * n.out_channels,
        build=lambda n: {"conv": _cube(n.in_channels, n.out_channels, n)},
        in_table_1=True,
        temporal=("conv",),
    ),
    "gst": Operator(
        label="GST",
        formula="(1 - t + t k_T) k² C_i C_o / 2",
        count=lambda n: n.area * n.half * (n.spatial + n.temporal * n.taps),
        build=lambda n: {"spatial": _frames(n.half, n.spatial, n), "temporal": _cube(n.half, n.temporal, n)},
        in_table_1=True,
        temporal=("temporal",),
    ),
    "gte": Operator(
        label="GTE, the paper's formula",
        formula="(k² + t k_T) C_i C_o / 2",
        count=lambda n: n.half * (n.area * n.out_channels + n.temporal * n.taps),
        build=_with_conv2d(_shift),
        in_table_1=True,
        temporal=("shift",),
        note="It takes the 2D convolution after LTS as C_i/2 to t C_o; as built it reads the output of LTS, t C_o.",
    ),
    "gte_as_built": Operator(
        label="GTE, as built",
        formula="((1 - t) k² + t k_T) C_i C_o / 2 + k² t² C_o²",
        count=lambda n: _as_built(n) + n.half * n.temporal * n.taps,
        build=_with_conv2d(_shift),
        temporal=("shift",),
    ),
    "gte_fixed_shift": Operator(
        label="GTE, fixed shift",
        formula="(1 - t) k² C_i C_o / 2 + k² t² C_o²",
        count=_as_built,
        build=_with_conv2d(_fixed),
        temporal=("shift",),
    ),
    "gte_shared": Operator(
        label="GTE, shared shift",
        formula="(1 - t) k² C_i C_o / 2 + k² t² C_o² + 2 k_T",
        count=lambda n: _as_built(n) + 2 * n.taps,
        build=_with_conv2d(_shared),
        temporal=("shift",),
    ),
    "gte_depthwise": Operator(
        label="GTE, depthwise shift",
        formula="(1 - t) k² C_i C_o / 2 + k² t² C_o² + t k_T C_o",
        count=lambda n: _as_built(n) + n.temporal * n.taps,
        build=_with_conv2d(_depthwise),
        temporal=("shift",),
    ),
    "gte_no_conv2d": Operator(
        label="GTE, no 2D conv",
        formula="((1 - t) k² + t k_T) C_i C_o / 2",
        count=lambda n: n.half * (n.area * n.spatial + n.temporal * n.taps),
        build=lambda n: {"spatial": _frames(n.half, n.spatial, n), "shift": _shift(n.half, n.temporal, n)},
        temporal=("shift",),
    ),
    "gst_large": Operator(
        label="GST-Large",
        formula="(1 - t + t k_T) k² C_i C_o",
        count=lambda n: n.area * n.in_channels * (n.spatial + n.temporal * n.taps),
        build=lambda n: {
            "spatial": _frames(n.in_channels, n.spatial, n),
            "temporal": _cube(n.in_channels, n.temporal, n),
        },
        temporal=("temporal",),
    ),
    "i3d": Operator(
        label="I3D",
        formula="k_T C_i C_o",
        count=lambda n: n.taps * n.in_channels * n.out_channels,
        build=lambda n: {"conv": _time(n.in_channels, n.out_channels, n)},
        temporal=("conv",),
        note="Instead of the 1x1 convolution at the entrance of a block, which has C_i C_o; the 3x3 stays as in C2D.",
    ),
    "p3d": Operator(
        label="P3D",
        formula="k² C_i C_o + 2 C_o + k_T C_o²",
        count=lambda n: n.area * n.in_channels * n.out_channels + 2 * n.out_channels + n.taps * n.out_channels**2,
        build=lambda n: {
            "spatial": _frames(n.in_channels, n.out_channels, n),
            "bn": nn.BatchNorm2d(n.out_channels),
            "temporal": _time(n.out_channels, n.out_channels, n),
        },
        temporal=("temporal",),
        note="2 C_o are those of the BatchNorm between the two.",
    ),
}
"""Every row, the paper's four first and in its order."""

COMPARED_WITH_C2D: Mapping[str, str] = {"c3d": "C3D", "gst": "GST", "gte_as_built": "GTE as built"}
"""Operators that a sentence compares with C2D, and their names there."""


@dataclass(frozen=True)
class Built:
    """Parameters of an operator that was built."""

    params: int
    temporal: int
    """Those in kernels over frames."""


def built(operator: Operator, numbers: Numbers) -> Built:
    """Build the operator, on tensors without memory, and count its parameters."""
    with on_meta_device():
        modules = operator.build(numbers)
    counts = {name: sum(parameter.numel() for parameter in module.parameters()) for name, module in modules.items()}
    return Built(sum(counts.values()), sum(counts[name] for name in operator.temporal))


def put_in(formula: str, numbers: Numbers) -> str:
    """Write a formula with numbers instead of its letters: "(3² + 1/4 · 3) · 256 · 256 / 2"."""
    values = {
        "C_i": str(numbers.in_channels),
        "C_o": str(numbers.out_channels),
        "k_T": str(numbers.taps),
        "k": str(numbers.kernel),
        "t²": f"({numbers.share})²",
        "t": str(numbers.share),
    }
    letters = re.compile("|".join(values))
    # Neighbours are multiplied; between two numbers that needs a sign.
    with_signs = re.sub(r"(?<=[\w²)]) (?=[\w(])", " · ", formula)
    return letters.sub(lambda letter: values[letter[0]], with_signs)


def formula_table(numbers: Numbers) -> pd.DataFrame:
    """Return each row's formula, its value, the parameters as built, and their difference (0 where they agree).

    `worked` is the formula with numbers instead of its letters, `of_c2d` its value as a share of C2D's.
    """
    rows, plain = [], OPERATORS["c2d"].count(numbers)
    for name, operator in OPERATORS.items():
        counted, value = built(operator, numbers), operator.count(numbers)
        rows.append(
            {
                "name": name,
                "label": operator.label,
                "in_table_1": operator.in_table_1,
                "formula": operator.formula,
                "worked": put_in(operator.formula, numbers),
                "value": value,
                "built": counted.params,
                "built_temporal": counted.temporal,
                "difference": value - counted.params,
                "of_c2d": value / plain,
                "note": operator.note,
            }
        )
    return pd.DataFrame(rows)


def formulas_finding(table: pd.DataFrame) -> str:
    """Compare the parameters of Table 1's operators with C2D's, from a `formula_table`."""
    rows = {row["name"]: row for row in table.to_dict("records")}
    comparisons = [
        f"{label} has {three_digits(rows[name]['of_c2d'])} times as many" for name, label in COMPARED_WITH_C2D.items()
    ]
    return f"For the 3x3 convolution C2D and TSM have {rows['c2d']['value']:,} parameters; {join_words(comparisons)}."


def gte_explanation(numbers: Numbers) -> str:
    """Explain why the paper's formula for GTE and the block as built differ, or say that they agree."""
    formula, block = OPERATORS["gte"].count(numbers), built(OPERATORS["gte"], numbers).params
    agree_at = Fraction(numbers.in_channels, 2 * numbers.out_channels)
    place = f"t = C_i / (2 C_o) = {agree_at}"
    if formula == block:
        return f"At {place} the paper's formula for GTE and the block as built agree: {block:,} parameters."
    where = f"only at {place}" if agree_at < 1 else f"at no t, since C_i / (2 C_o) = {agree_at}"
    return (
        f"The paper's formula for GTE gives {formula:,}, the block as built has {block:,}. The formula takes the 2D "
        f"convolution after LTS as C_i/2 to t C_o, {numbers.half} to {numbers.temporal}; as built it reads the output "
        f"of LTS, {numbers.temporal} to {numbers.temporal}. They agree {where}."
    )
