"""Table of a measurement with the counted MACs, and its finding."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.formatting import join_words, three_digits
from analysis.timing.plan import Measurement

REFERENCE = "c2d"

MIN_ROUNDS = 5
"""With fewer, the middle half of the rounds does not separate effects from noise."""
MAX_SPREAD = 1.5
"""Upper quartile over lower quartile of a network's ratios; nothing is concluded from a larger spread."""


def reference_of(measurement: Measurement) -> str:
    """Return the network that the others are compared with: C2D, or else the first measured at the chosen clip."""
    names = [item.name for item in sorted(measurement.timed, key=lambda item: item.at_native)]
    return REFERENCE if REFERENCE in names else names[0]


def table(measurement: Measurement, macs: Mapping[str, int]) -> pd.DataFrame:
    """Return one row for each network in the order of the plan.

    `milliseconds` is the median over the rounds, `low` and `high` are the quartiles; `time_ratio` is the median of the
    ratios to the reference within each round, with its quartiles; `time_per_mac` is that ratio over the ratio of the
    MACs, 1 for a network with as many MACs a second as the reference. `macs` are counted, for one clip. A network
    that was not timed keeps its row with the reason.
    """
    plan = measurement.plan
    reference = next((item for item in measurement.timed if item.name == reference_of(measurement)), None)
    assert reference is not None
    rows = []
    for item in measurement.timed:
        low, middle, high = np.percentile(1000 * np.array(item.seconds), [25, 50, 75])
        ratios = np.array(item.seconds) / np.array(reference.seconds)
        ratio_low, ratio, ratio_high = np.percentile(ratios, [25, 50, 75])
        count, base = macs.get(item.name), macs.get(reference.name)
        mac_ratio = count / base if count and base else None
        rows.append(
            {
                "name": item.name,
                "label": item.label,
                "clip": str(item.clip),
                "at_native": item.at_native,
                "milliseconds": middle,
                "low": low,
                "high": high,
                "time_ratio": ratio,
                "time_ratio_low": ratio_low,
                "time_ratio_high": ratio_high,
                "macs": count,
                "mac_ratio": mac_ratio,
                "time_per_mac": ratio / mac_ratio if mac_ratio else None,
                "training_megabytes": None if item.peak_bytes is None else item.peak_bytes / 1e6,
                "note": item.note,
            }
        )
    rows += [{"name": item.name, "label": item.label, "note": item.reason} for item in measurement.untimed]
    frame = pd.DataFrame(rows)
    for column in ("macs", "mac_ratio", "time_per_mac", "training_megabytes"):
        frame[column] = frame[column].astype("Float64")
    facts = {
        "rounds": plan.rounds,
        "batch": plan.batch,
        "threads": plan.threads,
        "fused": plan.fused,
        "machine": measurement.machine,
        "torch": measurement.torch_version,
        "date": measurement.date,
    }
    return frame.assign(**facts)


def finding(measurement: Measurement, macs: Mapping[str, int], selected: str = "gte") -> str:
    """Compare the selected network's time and MACs with the reference's, and name networks that are clearly slower.

    Clearly: the middle half of the ratios says so, of at least MIN_ROUNDS with a spread of at most MAX_SPREAD.
    """
    rows = {row["name"]: row for row in table(measurement, macs).dropna(subset=["time_ratio"]).to_dict("records")}
    name = reference_of(measurement)
    base = rows.pop(name)
    speed = f"{base['label']} takes {three_digits(base['milliseconds'])} ms per pass"
    # With another clip a network does other work: its rate says nothing about its design.
    compared = {key: row for key, row in rows.items() if not pd.isna(row["mac_ratio"]) and not row["at_native"]}
    if not compared:
        return f"{speed}."
    chosen = compared.get(selected) or max(compared.values(), key=lambda row: row["time_per_mac"])
    text = (
        f"{speed}. {chosen['label']} takes {three_digits(chosen['time_ratio'])} times as long, "
        f"for {three_digits(chosen['mac_ratio'])} times the MACs."
    )
    if measurement.plan.rounds < MIN_ROUNDS:
        return text
    if not _is_steady(chosen):
        return (
            f"{text} In the middle half of the rounds it took from {three_digits(chosen['time_ratio_low'])} to "
            f"{three_digits(chosen['time_ratio_high'])} times as long: the machine was busy with something else, so "
            "measure again."
        )
    compared = {key: row for key, row in compared.items() if _is_steady(row)}
    above = [row["label"] for row in compared.values() if row["time_ratio_low"] > row["mac_ratio"]]
    if above:
        verb = "takes" if len(above) == 1 else "take"
        text += (
            f" {join_words(above)} {verb} longer than {'its' if len(above) == 1 else 'their'} MACs would at "
            f"{base['label']}'s rate."
        )
    below = [row["label"] for row in compared.values() if row["time_ratio_high"] < row["mac_ratio"]]
    if below:
        text += f" {join_words(below)} {'does' if len(below) == 1 else 'do'} more MACs per second than {base['label']}."
    return text


def _is_steady(row: Mapping[Any, Any]) -> bool:
    return row["time_ratio_high"] <= MAX_SPREAD * row["time_ratio_low"]


def what_was_measured(measurement: Measurement) -> str:
    """Write machine, versions and settings in one line."""
    plan = measurement.plan
    return (
        f"Measured {measurement.date.replace('T', ' ').removesuffix('+00:00')} UTC on {measurement.machine}: "
        f"{plan.threads} thread{'s' if plan.threads > 1 else ''}, torch {measurement.torch_version}, "
        f"evaluation mode, {'fused' if plan.fused else 'not fused'}, batch {plan.batch}, clip {plan.clip}, "
        f"{plan.rounds} round{'s' if plan.rounds > 1 else ''} in which all networks take turns."
    )
