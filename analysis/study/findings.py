"""Sentences on the study, written from its results."""

from collections.abc import Sequence

import pandas as pd

from analysis.formatting import join_words, percent, three_digits
from analysis.study.comparisons import Comparison, names_by_verdict

SELECTED = "gte"


def headline(rows: pd.DataFrame, comparisons: Sequence[Comparison]) -> str:
    """Say what GTE reaches and needs, and which networks its trainings tell it from.

    Takes `tables.rows_table` and `comparisons.compare`. Without GTE it names the most accurate network alone.
    """
    by_name = {row["row"]: row for row in rows.to_dict("records")}
    selected = by_name.get(SELECTED)
    if selected is None:
        best = max(by_name.values(), key=lambda row: row["top1"])
        return f"The highest accuracy so far is {percent(best['top1'])} ({best['label']}); GTE is not trained yet."
    share, macs = percent(selected["top1"]), three_digits(selected["macs_conv_linear"] / 1e6)
    above, below, unclear = (
        names_by_verdict(comparisons, verdict, SELECTED) for verdict in ("shown", "opposite", "cannot tell")
    )
    parts = [f"more often than {join_words(above)}"] if above else []
    parts += [f"less often than {join_words(below)}"] if below else []
    text = f"GTE, with {macs} M MACs, is right for {share} of the test clips{': ' if parts else ''}{', '.join(parts)}"
    trainings = "these trainings" if max(row["seeds"] for row in by_name.values()) > 1 else "one training of each"
    return f"{text}; {trainings} cannot tell it from {join_words(unclear)}." if unclear else f"{text}."
