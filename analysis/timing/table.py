"""A measurement as a table beside the counted MACs, and the sentence that it leads to."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.formatting import in_a_row, three_digits
from analysis.timing.plan import Measurement

REFERENCE = "c2d"

FEWEST_ROUNDS = 5
"""With fewer, the middle half of the rounds says nothing of what is chance."""
MOST_APART = 1.5
"""Of a network's ratios in the rounds, the upper quartile over the lower; beyond it nothing is concluded from them."""


def reference_of(measurement: Measurement) -> str:
    """The network that the others are compared with: C2D, or where it was not measured the first at the chosen clip."""
    names = [item.name for item in sorted(measurement.timed, key=lambda item: item.at_native)]
    return REFERENCE if REFERENCE in names else names[0]


def table(measurement: Measurement, macs: Mapping[str, int]) -> pd.DataFrame:
    """One row for each network in the order of the plan.

    `milliseconds` is the median over the rounds, `low` and `high` are the quartiles; `time_ratio` is the median of the
    ratios to the reference within each round, with its quartiles; `time_per_mac` is that ratio over the ratio of the
    MACs, 1 for a network that does arithmetic as fast as the reference. `macs` are counted, for one clip. A network
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
    """The selected network's time beside its MACs, and which networks clearly lie above the reference's rate.

    Clearly: the middle half of the rounds' ratios says so, of at least FEWEST_ROUNDS that are no further apart than
    MOST_APART.
    """
    rows = {row["name"]: row for row in table(measurement, macs).dropna(subset=["time_ratio"]).to_dict("records")}
    name = reference_of(measurement)
    base = rows.pop(name)
    speed = f"{base['label']} takes {three_digits(base['milliseconds'])} ms a pass"
    # At another clip a network does other work: its rate is no word about its design.
    compared = {key: row for key, row in rows.items() if not pd.isna(row["mac_ratio"]) and not row["at_native"]}
    if not compared:
        return f"{speed}."
    chosen = compared.get(selected) or max(compared.values(), key=lambda row: row["time_per_mac"])
    told = (
        f"{speed}. {chosen['label']} takes {three_digits(chosen['time_ratio'])} of that, "
        f"for {three_digits(chosen['mac_ratio'])} of the MACs."
    )
    if measurement.plan.rounds < FEWEST_ROUNDS:
        return told
    if not _is_steady(chosen):
        return (
            f"{told} In the middle half of the rounds it took from {three_digits(chosen['time_ratio_low'])} to "
            f"{three_digits(chosen['time_ratio_high'])} of it: the machine was busy with something else, so measure "
            "again."
        )
    compared = {key: row for key, row in compared.items() if _is_steady(row)}
    above = [row["label"] for row in compared.values() if row["time_ratio_low"] > row["mac_ratio"]]
    if above:
        verb = "takes" if len(above) == 1 else "take"
        told += (
            f" {in_a_row(above)} {verb} longer than {'its' if len(above) == 1 else 'their'} MACs would at "
            f"{base['label']}'s rate, which points to memory traffic and overheads rather than arithmetic."
        )
    below = [row["label"] for row in compared.values() if row["time_ratio_high"] < row["mac_ratio"]]
    if below:
        told += f" {in_a_row(below)} {'does' if len(below) == 1 else 'do'} more MACs in a second than {base['label']}."
    return told


def _is_steady(row: Mapping[Any, Any]) -> bool:
    return row["time_ratio_high"] <= MOST_APART * row["time_ratio_low"]


def what_was_measured(measurement: Measurement) -> str:
    """Machine, versions and settings in one line."""
    plan = measurement.plan
    return (
        f"Measured {measurement.date.replace('T', ' ').removesuffix('+00:00')} UTC on {measurement.machine}: "
        f"{plan.threads} thread{'s' if plan.threads > 1 else ''}, torch {measurement.torch_version}, "
        f"evaluation mode, {'fused' if plan.fused else 'not fused'}, batch {plan.batch}, clip {plan.clip}, "
        f"{plan.rounds} round{'s' if plan.rounds > 1 else ''} in which all networks take turns."
    )
