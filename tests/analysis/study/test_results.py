"""Results of the study: what follows from answers, by hand; files that are missing or damaged give a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.study.results import load
from analysis.study.tables import markdown, rows_table, runs_table
from gte.errors import GteError
from tests.analysis.study.made_up import run, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def rewritten(folder: Path, **changes: object) -> Path:
    path = folder / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def test_four_answers_by_hand(tmp_path):
    # Clips 0 and 1 are "moves left" and "approaches"; 2 and 3 are their reversals.
    labels = [0, 4, 1, 5]
    entry = run("gte", 0, np.array(labels), 1.0) | {"answers": [0, 5, 1, 4], "top1": 0.5}
    write(tmp_path)
    study = load(rewritten(tmp_path, labels=labels, runs=[entry]))
    assert study is not None
    [item] = study.runs
    assert item.reversed_to_twin == 1.0
    assert item.right.tolist() == [True, False, True, False]
    assert item.right_by_pair[0] == 1.0
    assert item.right_by_pair[2] == 0.0
    assert np.isnan(item.right_by_pair[1])
    assert item.confusion[4, 5] == item.confusion[5, 4] == 1
    assert study.clips.scenes.tolist() == [0, 1, 0, 1]
    assert study.clips.name_of((0, 1)) == "moves left / right"
    assert study.clips.name_of((4, 5)) == "approaches / recedes"


def test_a_network_that_gives_a_clip_and_its_reversal_one_answer_never_turns_it(folder):
    study = load(folder)
    assert study is not None
    runs = runs_table(study)
    assert (runs.loc[runs["row"] == "c2d", "reversed_to_twin"] == 0).all()
    assert (runs.loc[runs["row"] != "c2d", "reversed_to_twin"] > 0.3).all()


def test_rows_are_means_over_seeds_and_cost_is_counted(folder):
    study = load(folder)
    assert study is not None
    rows = rows_table(runs_table(study)).set_index("row")
    gte = [item.top1 for item in study.rows["gte"]]
    assert rows.loc["gte", ["top1", "top1_low", "top1_high"]].tolist() == [np.mean(gte), min(gte), max(gte)]
    assert rows.loc["gte", "params"] < rows.loc["gst", "params"] < rows.loc["c2d", "params"]
    assert rows.loc["tsm", "macs_conv_linear"] == rows.loc["c2d", "macs_conv_linear"]
    assert len(markdown(rows.reset_index()).splitlines()) == len(rows) + 2


def test_without_results_there_are_none(tmp_path):
    assert load(tmp_path) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"labels": [0]},
        {"runs": []},
        {"runs": [{}]},
        {"twins": None},
        {"twins": [0]},
        {"twins": [99] * 14},
        {"classes": "left"},
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(folder, changes):
    with pytest.raises(GteError, match="of the study is damaged"):
        load(rewritten(folder, **changes))
    (folder / "results.json").write_text("{")
    with pytest.raises(GteError, match="is damaged"):
        load(folder)
