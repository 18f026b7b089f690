"""Cost against t, the temporal share: parameters and MACs of GST and GTE for every t that they can take."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import pandas as pd

from analysis.complexity.counting import count_by_torch
from analysis.complexity.published import GTE_RANGE, printed
from analysis.formatting import COST_UNITS, join_words, large_count
from gte.models import ClipShape, Options, applicable, configure
from gte.models.designs import GroupedSpatioTemporal
from gte.models.resnet import ResNetConfig

SWEPT = ("gst", "gte")

PRINTED_DIGITS = 1
"""Decimals, in millions, of the parameters that the paper reports over t."""

OPTIONS_IN_WORDS = {"depth": "depth {:g}", "base_width": "width {:g}", "num_classes": "{:g} classes"}

CONTRADICTION = (
    f"The paper's text says that parameters rise from {' to '.join(printed(n, 'params', 1) for n in GTE_RANGE)} as the "
    "temporal channels decrease; by its own Table 1 they fall all the way, and as built until t = 5/32."
)

_COLUMNS = ("name", "label", "share", "t", "params", "macs", "views", "with_head")

MAX_STEPS = 32
"""Most steps of t from 0 to 1: more cannot be distinguished in a figure."""


def valid_shares(name: str, options: Options) -> list[Fraction]:
    """Return every t, in steps of 1/32 or of one channel, that all blocks of a network can take.

    Raises ValueError if the network has no t or the options are impossible.
    """
    config = configure(name, **{key: value for key, value in options.items() if key != "temporal_share"})
    if not isinstance(config, ResNetConfig) or not isinstance(config.temporal, GroupedSpatioTemporal):
        raise ValueError(f"{config.label} has no temporal share t; choose one of {', '.join(SWEPT)}.")
    steps = min(MAX_STEPS, config.base_width)
    shares = []
    for step in range(1, steps):
        share = Fraction(step, steps)
        try:
            design = configure(name, **applicable(name, {**options, "temporal_share": float(share)}))
            assert isinstance(design, ResNetConfig)
            # The stages double the width, so that what fits the first fits all.
            design.temporal.build_conv2(config.base_width, 1)
        except ValueError:
            continue
        shares.append(share)
    return shares


def sweep(
    options: Options,
    clip: ClipShape,
    names: Sequence[str] = SWEPT,
    report: Callable[[float, str], None] = lambda part, text: None,
    *,
    views: int = 1,
    with_head: bool = True,
) -> pd.DataFrame:
    """Count each network at each t: name, label, share, t (as a written fraction), params, macs, views, with_head.

    torch's formulas count, on tensors without memory; `views` and `with_head` are those of `per_video`. Raises
    ValueError for a clip that is too small, and unless `views` is at least 1.
    """
    wanted = [(name, share) for name in names for share in valid_shares(name, applicable(name, options))]
    rows = []
    for number, (name, share) in enumerate(wanted):
        report(number / len(wanted), f"{name}, t = {share}")
        chosen = applicable(name, {**options, "temporal_share": float(share)})
        counted = count_by_torch(name, chosen, clip).per_video(views=views, with_head=with_head)
        label = configure(name).label
        rows.append(
            {
                "name": name,
                "label": label,
                "share": float(share),
                "t": str(share),
                "params": counted.params,
                "macs": counted.macs_conv_linear,
                "views": views,
                "with_head": with_head,
            }
        )
    return pd.DataFrame(rows, columns=pd.Index(_COLUMNS))


def reported_range(options: Options, with_head: bool = True) -> tuple[float, ...]:
    """Return the parameters of GTE that the paper reports; nothing for another network than its own, t apart."""
    return () if _deviations(options, with_head) else GTE_RANGE


def why_not_compared(options: Options, with_head: bool = True) -> str:
    """Say why the paper's figures are not shown for comparison; empty where they are."""
    deviations = _deviations(options, with_head)
    if not deviations:
        return ""
    fewest, most = (printed(value, "params", PRINTED_DIGITS) for value in GTE_RANGE)
    ours = configure("gte").options()
    setting = join_words([text.format(ours[name]) for name, text in OPTIONS_IN_WORDS.items()])
    return (
        f"The paper's {fewest} to {most} are for ResNet-50 on Something-Something V1. They are compared with "
        f"{setting}, the classifier counted, and not with {join_words(deviations)}."
    )


def _deviations(options: Options, with_head: bool) -> list[str]:
    """Name everything that changes parameters and is not as in the paper."""
    chosen, ours = applicable("gte", options), configure("gte").options()
    changed = [name for name in chosen if name != "temporal_share" and chosen[name] != ours[name]]
    deviations = [OPTIONS_IN_WORDS.get(name, f"{name} {{:g}}").format(chosen[name]) for name in changed]
    return deviations if with_head else [*deviations, "a network without its classifier"]


def sweep_finding(
    table: pd.DataFrame, reported: Sequence[float] = (), not_compared: str = "", *, flops_per_mac: int = 1
) -> str:
    """Say how the cost of GTE changes with t, and which t give the reported parameters as printed, if there are any.

    `not_compared` is a sentence instead of the reported parameters.
    """
    gte = [row for row in table.to_dict("records") if row["name"] == "gte"]
    if not gte:
        return "With these numbers no t leaves GTE an even number of temporal channels."
    first, last = gte[0], gte[-1]
    least = min(gte, key=lambda row: row["params"])
    ends = [f"{large_count(row['params'])} at t = {row['t']}" for row in (first, last) if row is not least]
    return " ".join(
        [
            f"GTE has the fewest parameters, {large_count(least['params'])}, at t = {least['t']}"
            f"{f'; it has {join_words(ends)}' if ends else ''}.",
            _macs_between(gte, flops_per_mac),
            *(_met(gte, value) for value in reported),
            *([CONTRADICTION] if reported else []),
            *filter(None, [not_compared]),
        ]
    )


def _macs_between(rows: Sequence[dict[Any, Any]], flops_per_mac: int) -> str:
    unit = COST_UNITS[flops_per_mac]
    least, most = (choose(rows, key=lambda row: row["macs"]) for choose in (min, max))
    views = rows[0]["views"]
    seen = f" for all {views} views of a video" if views > 1 else ""
    return (
        f"It needs from {large_count(least['macs'] * flops_per_mac)} {unit} at t = {least['t']} to "
        f"{large_count(most['macs'] * flops_per_mac)} at t = {most['t']}{seen}."
    )


def _met(rows: Sequence[dict[Any, Any]], value: float) -> str:
    """Name the t at which the parameters round to a printed figure, or else the two nearest to it."""
    text = printed(value, "params", PRINTED_DIGITS)
    there = [row["t"] for row in rows if printed(row["params"], "params", PRINTED_DIGITS) == text]
    if there:
        return f"The reported {text} is reached at t = {join_words(there)}."
    near = sorted(sorted(rows, key=lambda row: abs(row["params"] - value))[:2], key=lambda row: row["params"])
    sides = [f"{row['t']} ({large_count(row['params'])})" for row in near]
    return f"The reported {text} is reached at no t; nearest are t = {join_words(sides)}."
