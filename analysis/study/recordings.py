"""Real recordings: the second, smaller table, of the runs that `checkpoints/fir16.csv` lists."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from analysis.formatting import join_words, percent
from analysis.statistics import SIGNIFICANT, holm, mean_difference
from gte.models import MODELS

FILE: Final = Path(__file__).parents[2] / "checkpoints" / "fir16.csv"
DATA: Final = "nagoya-fir16"
NOTE: Final = (
    "Recordings of people by a sensor of 16 x 16 pixels, seven classes, of which guessing hits one in seven; sitting "
    "down and standing up are each other's reversal. Three trainings of each network, compared by Welch's t-test with "
    "Holm's correction; checkpoints/README.md says how they were trained, and whose the recordings are."
)


def recordings_table(file: Path = FILE) -> pd.DataFrame:
    """Return one row per network: over its seeds, accuracy on all clips, on the pair, and of the pair reversed.

    Columns: network, label, seeds, top1, top1_low, top1_high, of the pair pair_top1, and reversed_given_twin, the share
    of its clips that are given the reversed class of their label when they are shown in reverse. Shares.
    """
    runs = pd.read_csv(file)
    return pd.DataFrame(
        [
            {
                "network": model,
                "label": MODELS[str(model)].label,
                "seeds": len(group),
                "top1": group["top1"].mean(),
                "top1_low": group["top1"].min(),
                "top1_high": group["top1"].max(),
                "pair_top1": group["top1_with_reversed_class"].mean(),
                "reversed_given_twin": group["reversed_clips_given_reversed_class"].mean(),
            }
            for model, group in runs.groupby("model", sort=False)
        ]
    )


def recordings_runs(file: Path = FILE) -> pd.DataFrame:
    """Return one row per training: network, row, seed, data, top1, reversed_given_twin."""
    runs = pd.read_csv(file)
    return pd.DataFrame(
        {
            "network": runs["model"],
            "row": runs["model"],
            "label": [MODELS[name].label for name in runs["model"]],
            "seed": runs["seed"],
            "data": DATA,
            "top1": runs["top1"],
            "loss": runs["loss"],
            "reversed_given_twin": runs["reversed_clips_given_reversed_class"],
        }
    )


def recordings_finding(file: Path = FILE) -> str:
    """Say which networks the trainings tell GTE from, on all clips: Welch's t-test, corrected by Holm's method."""
    runs = pd.read_csv(file)
    values = {str(name): group["top1"].tolist() for name, group in runs.groupby("model", sort=False)}
    others = {name: mean_difference(values["gte"], values[name]) for name in values if name != "gte"}
    known = {name: result for name, result in others.items() if result is not None}
    p_values = holm([result.p_value for result in known.values()])
    groups: dict[str, list[str]] = {"more": [], "less": [], "unclear": []}
    for (name, result), p_value in zip(known.items(), p_values, strict=True):
        side = "unclear" if p_value > SIGNIFICANT else "more" if result.difference > 0 else "less"
        groups[side].append(MODELS[name].label)
    text = f"On real recordings GTE is right for {percent(float(np.mean(values['gte'])))} of the test clips"
    parts = [f"more often than {join_words(groups['more'])}"] if groups["more"] else []
    parts += [f"less often than {join_words(groups['less'])}"] if groups["less"] else []
    text += f"{': ' if parts else ''}{', '.join(parts)}"
    unclear = groups["unclear"]
    return f"{text}; these trainings cannot tell it from {join_words(unclear)}." if unclear else f"{text}."
