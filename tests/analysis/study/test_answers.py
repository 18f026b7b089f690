"""Sentences on answers claim what the answers show, also where these were made the other way round."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.study.answers import (
    confusion_finding,
    curves_finding,
    curves_table,
    pairs_finding,
    reversal_finding,
    reversal_table,
)
from analysis.study.results import Study, load
from analysis.study.tables import runs_table
from tests.analysis.study.made_up import write

TWIN = {"wrong answers are the reversed class": True, "wrong answers are another class": False}


def study_of(folder: Path, answers, rows=("gte", "gte", "gte")) -> Study:
    """A study of these rows whose answers are `answers(labels, seed)`."""
    path = write(folder, {"gte": 0.5, "c2d": 0.5})
    content = json.loads(path.read_text())
    labels = np.array(content["labels"])
    content["runs"] = content["runs"][: len(rows)]
    for seed, (run, row) in enumerate(zip(content["runs"], rows, strict=True)):
        given = answers(labels, seed)
        run |= {"row": row, "answers": given.tolist(), "top1": float((given == labels).mean())}
    path.write_text(json.dumps(content))
    study = load(folder)
    assert study is not None
    return study


def wrong_on(pair: int, to_twin: bool = True):
    """Answers that are wrong for one pair of classes alone."""
    return lambda labels, _seed: np.where(labels // 2 == pair, labels ^ 1 if to_twin else (labels + 2) % 14, labels)


def test_the_hardest_pair_is_named_only_if_all_trainings_agree(tmp_path):
    agreed = pairs_finding(study_of(tmp_path, wrong_on(3)))
    assert agreed.startswith("GTE is right least often for turns clockwise / counter-clockwise in all 3 trainings (0 %")
    assert "would agree in 2.04 % of the cases" in agreed
    differing = pairs_finding(study_of(tmp_path, lambda labels, seed: wrong_on(seed)(labels, seed)))
    assert differing.startswith("Which pair of classes is hardest for GTE differs between its 3 trainings.")
    assert differing.endswith("Guessing gives 7.14 %, and a network without the order of frames 50 % at most.")
    single = pairs_finding(study_of(tmp_path, wrong_on(3), rows=("gte",)))
    assert "in one training; another may differ." in single


@pytest.mark.parametrize("case", TWIN)
def test_wrong_answers_are_counted_as_reversed_only_if_they_are(case, tmp_path):
    sentence = confusion_finding(study_of(tmp_path, wrong_on(0, to_twin=TWIN[case])), "gte")
    share = "100 %" if TWIN[case] else "0 %"
    assert sentence == (
        f"Of the wrong answers of GTE, {share} are the reversed class; one of 13 wrong classes at "
        "random would be 7.69 %."
    )
    assert confusion_finding(study_of(tmp_path, lambda labels, _seed: labels), "gte") == "GTE has no wrong answer."


def test_answers_that_turn_with_the_clip_are_told_from_those_that_stay(tmp_path):
    turning = reversal_finding(reversal_table(study_of(tmp_path, lambda labels, _seed: labels)))
    assert turning == "GTE's answer turns to the reversed class for 100 % of the clips."
    staying = study_of(tmp_path, lambda labels, _seed: labels // 2 * 2, rows=("gte", "c2d"))
    assert reversal_finding(reversal_table(staying)) == (
        "GTE's answer turns to the reversed class for 0 % of the clips; C2D's for 0 %, as it must: it averages over "
        "frames, whose order it does not know."
    )
    # What cannot be is not explained away.
    assert "as it must" not in reversal_finding(reversal_table(study_of(tmp_path, lambda labels, _: labels, ("c2d",))))


def test_what_was_spent_is_listed_from_the_least(tmp_path):
    write(tmp_path, {"c3d": 0.9, "gte": 0.9})
    study = load(tmp_path)
    assert study is not None
    table = curves_table(study, runs_table(study), ("gte", "c3d"))
    sentence = curves_finding(table)
    assert sentence.index("GTE") < sentence.index("C3D")
    assert curves_finding(table.assign(macs_spent=-table["macs_spent"])).index("C3D") < sentence.index("C3D")
    assert curves_finding(pd.DataFrame()) == "None of these trainings has a finished epoch."
