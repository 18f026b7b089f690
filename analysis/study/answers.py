"""Tables of the answers: by pair of classes, by class, of reversed clips; and of accuracy over training."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.formatting import join_words, large_count, percent
from analysis.study.results import Run, Study

TRAINING_STEP = 3
"""MACs of a training step as multiples of those of a forward pass: the backward pass takes about two of them."""


def pairs_table(study: Study) -> pd.DataFrame:
    """Return one row per network and pair of classes: the share of right answers, over the seeds."""
    names = [study.clips.name_of(pair) for pair in study.clips.pairs]
    return pd.DataFrame(
        [
            {"row": row, "label": runs[0].label, "pair": name, "top1": share}
            for row, runs in study.rows.items()
            for name, share in zip(names, np.mean([run.right_by_pair for run in runs], axis=0).tolist(), strict=True)
        ]
    )


def pairs_finding(study: Study, row: str = "gte") -> str:
    """Name the pair of classes that a network is wrong about most, if it is the same one in every training.

    Then what guessing gives, and what can be reached without the order of frames.
    """
    runs = study.rows.get(row)
    if not runs:
        return ""
    count = len(study.clips.classes)
    guessing = f"Guessing gives {percent(1 / count)}, and a network without the order of frames 50 % at most."
    names = [study.clips.name_of(pair) for pair in study.clips.pairs]
    lowest = [names[int(np.nanargmin(run.right_by_pair))] for run in runs]
    label = runs[0].label
    if len(runs) == 1:
        return f"{label} is right least often for {lowest[0]}, in one training; another may differ. {guessing}"
    if len(set(lowest)) == 1:
        shares = join_words([percent(float(np.nanmin(run.right_by_pair))) for run in runs])
        chance = len(names) ** (1 - len(runs))
        return (
            f"{label} is right least often for {lowest[0]} in all {len(runs)} trainings ({shares}); if all pairs were "
            f"alike, they would agree in {percent(chance)} of the cases. {guessing}"
        )
    return f"Which pair of classes is hardest for {label} differs between its {len(runs)} trainings. {guessing}"


def confusion_table(study: Study, row: str) -> pd.DataFrame:
    """Return the share of the clips of each class that a network gives each class, over its seeds.

    Raises KeyError for a row without a run.
    """
    counts = sum((run.confusion for run in study.rows[row]), np.zeros((1, 1), dtype=int))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    classes = study.clips.classes
    return pd.DataFrame(
        [
            {"class": classes[label], "answer": classes[answer], "clips": int(counts[label, answer]), "share": share}
            for label, line in enumerate(shares.tolist())
            for answer, share in enumerate(line)
        ]
    )


def confusion_finding(study: Study, row: str) -> str:
    """Say how many of a network's wrong answers are the reversed class. Raises KeyError for a row without a run."""
    runs = study.rows[row]
    wrong = sum(int((~run.right).sum()) for run in runs)
    turned = sum(int((run.answers == study.clips.twins[study.clips.labels]).sum()) for run in runs)
    if not wrong:
        return f"{runs[0].label} has no wrong answer."
    others = len(study.clips.classes) - 1
    return (
        f"Of the wrong answers of {runs[0].label}, {percent(turned / wrong)} are the reversed class; one of {others} "
        f"wrong classes at random would be {percent(1 / others)}."
    )


def reversal_table(study: Study) -> pd.DataFrame:
    """Return, for each network, what its answer becomes when a clip is reversed, as shares of the clips.

    Columns: row, label, turned (to the reversed class of the answer), same, other (any other class), over the seeds.
    """
    rows = []
    for row, runs in study.rows.items():
        turned = float(np.mean([run.reversed_to_twin for run in runs]))
        same = float(np.mean([_same(run) for run in runs]))
        rows.append({"row": row, "label": runs[0].label, "turned": turned, "same": same, "other": 1 - turned - same})
    return pd.DataFrame(rows)


def _same(run: Run) -> float:
    return float((run.answers[run.clips.reversal] == run.answers).mean())


def reversal_finding(table: pd.DataFrame) -> str:
    """Say how often GTE's answer turns with the clip, and C2D's, which never can."""
    rows = {row["row"]: row for row in table.to_dict("records")}
    parts = []
    if "gte" in rows:
        parts.append(f"GTE's answer turns to the reversed class for {percent(rows['gte']['turned'])} of the clips")
    if "c2d" in rows:
        turned = rows["c2d"]["turned"]
        why = ", as it must: it averages over frames, whose order it does not know" if turned == 0 else ""
        parts.append(f"C2D's for {percent(turned)}{why}")
    return f"{'; '.join(parts)}." if parts else ""


def curves_table(study: Study, runs: pd.DataFrame, rows: Sequence[str]) -> pd.DataFrame:
    """Return the accuracy on the validation clips after each epoch of some rows' trainings, and what was spent by then.

    Takes `tables.runs_table`. Columns: row, label, seed, epoch, val_top1, clips_seen, macs_spent: clips times the MACs
    of one clip forwards, times TRAINING_STEP.
    """
    macs = dict(zip(runs["checkpoint"], runs["macs_conv_linear"], strict=True))
    table = []
    for run in study.runs:
        last = run.metrics[-1]["step"] if run.metrics and run.row in rows else 0
        for entry in run.metrics if last else ():
            clips = run.clips_seen * entry["step"] / last
            table.append(
                {
                    "row": run.row,
                    "label": run.label,
                    "seed": run.seed,
                    "epoch": entry["epoch"],
                    "val_top1": entry["val_top1"],
                    "clips_seen": round(clips),
                    "macs_spent": clips * macs[f"study/{run.name}"] * TRAINING_STEP,
                }
            )
    columns = ("row", "label", "seed", "epoch", "val_top1", "clips_seen", "macs_spent")
    return pd.DataFrame(table, columns=pd.Index(columns))


def curves_finding(table: pd.DataFrame) -> str:
    """Say what each network has spent at the end, the least first."""
    if table.empty:
        return "None of these trainings has a finished epoch."
    spent: dict[str, float] = {}
    for row in table.to_dict("records"):
        spent[row["label"]] = max(row["macs_spent"], spent.get(row["label"], 0.0))
    parts = [f"{label} {large_count(macs)}" for label, macs in sorted(spent.items(), key=lambda item: item[1])]
    return f"For the same number of clips the trainings spent, in MACs: {', '.join(parts)}."
