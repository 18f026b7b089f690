"""Costs that papers and repositories print, each with who prints it, next to what is counted here.

They are in `reported_cost.csv`, one line each. One row alone is computed and not printed: Table 1's formula for a whole
network.
"""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from analysis.complexity.counting import count_by_torch
from analysis.complexity.formulas import OPERATORS, Numbers
from analysis.formatting import large_count
from gte.models import ClipShape, Options, configure, on_meta_device
from gte.models.designs import GroupedSpatioTemporal
from gte.models.resnet import Bottleneck, ResNetConfig

PAPER = "Liu et al."

Quantity = Literal["params", "macs"]

UNITS: Mapping[str, float] = {"params": 1e6, "macs": 1e9}
"""Units of printed figures: millions of parameters, thousand millions of MACs."""

PAPER_CLIP = ClipShape(8, 224, 224)
"""Our reading of the clip that the paper counts: it states 8 frames, and neither 224 pixels nor t = 1/4, which together
give its 25.3 G (t = 1/8: 25.09)."""

CLOSE = 0.03
"""The relative difference up to which a figure counts as close."""


@dataclass(frozen=True, kw_only=True)
class ReportedCost:
    """One printed figure of complexity."""

    what: str
    who: str
    where: str
    network: str
    quantity: Quantity
    value: float
    digits: int
    """Printed decimals, in units of the quantity."""
    options: Options
    clip: ClipShape
    note: str
    """Why ours differs, if it does."""


def _read(row: Mapping[str, str]) -> ReportedCost:
    """Read a line of the file; an option that it leaves empty keeps its default."""
    quantity: Quantity = "params" if row["quantity"] == "params" else "macs"
    kinds = {"depth": int, "num_classes": int, "temporal_share": float}
    size = int(row["size"])
    return ReportedCost(
        **{name: row[name] for name in ("what", "who", "where", "network", "note")},
        quantity=quantity,
        value=float(round(float(row["printed"]) * UNITS[quantity])),
        digits=len(row["printed"].partition(".")[2]),
        options={name: kind(row[name]) for name, kind in kinds.items() if row[name]},
        clip=ClipShape(int(row["frames"]), size, size),
    )


COST_FILE = Path(__file__).parent / "reported_cost.csv"

COSTS: tuple[ReportedCost, ...] = tuple(map(_read, csv.DictReader(COST_FILE.read_text("utf-8").splitlines())))
"""Printed figures of complexity, the paper's first."""

GTE_RANGE = tuple(figure.value for figure in COSTS if (figure.network, figure.quantity) == ("gte", "params"))
"""Parameters of GTE with more and with fewer temporal channels, as the paper's text (section 3.2) has them."""

FORMULA = "GTE, by Table 1's formula"


def paper_check() -> pd.DataFrame:
    """Compare each printed figure with what is counted here: relative difference, verdict, and a note.

    Columns `reported` and `counted` are parameters or MACs of convolutions and linear layers, `printed` is the reported
    figure in its own digits. Verdicts: "same" where ours rounds to what is printed, "close" up to 3 %, else "differs".
    One row is computed and not printed, FORMULA; it follows the figures of GTE.
    """
    rows = [_checked_row(figure) for figure in COSTS]
    rows.insert(sum(figure.network == "gte" for figure in COSTS), _formula_row())
    return pd.DataFrame(rows)


def _checked_row(figure: ReportedCost) -> dict[str, Any]:
    counted = count_by_torch(figure.network, figure.options, figure.clip)
    ours = counted.params if figure.quantity == "params" else counted.macs_conv_linear
    return _row(figure.what, figure.who, figure.where, figure.quantity, figure.value, figure.digits, ours, figure.note)


def _row(
    what: str, who: str, where: str, quantity: Quantity, reported: float, digits: int, counted: int, note: str
) -> dict[str, Any]:
    return {
        "what": what,
        "who": who,
        "where": where,
        "quantity": quantity,
        "reported": reported,
        "printed": printed(reported, quantity, digits),
        "counted": counted,
        "difference": counted / reported - 1,
        "verdict": verdict_of(counted, reported, quantity, digits),
        "note": note,
    }


def verdict_of(ours: float, reported: float, quantity: Quantity, digits: int) -> str:
    """Say whether ours rounds to the printed figure ("same"), is within 3 % of it ("close"), or "differs"."""
    unit = UNITS[quantity]
    if round(ours / unit, digits) == round(reported / unit, digits):
        return "same"
    return "close" if abs(ours / reported - 1) <= CLOSE else "differs"


def printed(value: float, quantity: Quantity, digits: int) -> str:
    """Write a figure in the digits in which it is printed: "33 G", "18.0 M"."""
    return f"{value / UNITS[quantity]:.{digits}f} {'M' if quantity == 'params' else 'G'}"


def _formula_row() -> dict[str, Any]:
    """Compare the network as built with one in which every 3x3 costs what Table 1's formula for GTE gives."""
    note = (
        "The formula takes the 2D convolution after LTS as C_i/2 to t C_o. As built, t = 1/4 gives 17.97 M, which "
        "rounds to the text's 18.0."
    )
    counted = count_by_torch("gte", {}, PAPER_CLIP).params
    where = "Table 1, computed for all blocks"
    return _row(FORMULA, PAPER, where, "params", float(parameters_by_formula()), 2, counted, note)


def parameters_by_formula() -> int:
    """Count the parameters of GTE, ResNet-50, t = 1/4, if every 3x3 cost what the paper's Table 1 gives for it."""
    config = configure("gte")
    assert isinstance(config, ResNetConfig)
    assert isinstance(config.temporal, GroupedSpatioTemporal)
    with on_meta_device():
        model = config.build()
    total = sum(parameter.numel() for parameter in model.parameters())
    for module in model.modules():
        if isinstance(module, Bottleneck):
            width = module.bn2.num_features
            total -= sum(parameter.numel() for parameter in module.conv2.parameters())
            total += OPERATORS["gte"].count(Numbers(in_channels=width, out_channels=width))
    return total


def check_finding(table: pd.DataFrame) -> str:
    """Say how many printed figures agree and which differ, and what the formula gives."""
    rows = table.to_dict("records")
    printed_rows = [row for row in rows if row["what"] != FORMULA]
    counts = Counter(row["verdict"] for row in printed_rows)
    differing = "; ".join(_against_ours(row) for row in printed_rows if row["verdict"] == "differs")
    formula = [f" Computed, not printed: {_against_ours(row)}." for row in rows if row["what"] == FORMULA]
    return (
        f"Of {len(printed_rows)} printed figures {counts['same']} are the same to the printed digit and "
        f"{counts['close']} within 3 %; {counts['differs']} differ{f' ({differing})' if differing else ''}."
        + "".join(formula)
    )


def _against_ours(row: Mapping[Any, Any]) -> str:
    return f"{row['what']}: {row['printed']} against {large_count(row['counted'])} counted here"
