"""The command `python -m analysis.study`: JSON, the table of the README, and sentences."""

import json

import pytest

from analysis.study.__main__ import main
from gte.errors import GteError
from tests.analysis.study.made_up import write


def test_json_has_a_run_for_each_training_and_the_recordings(tmp_path, capsys):
    write(tmp_path)
    main(tmp_path, json=True)
    result = json.loads(capsys.readouterr().out)
    runs = result["runs"]
    assert {run["data"] for run in runs} == {"motionpairs-hard", "nagoya-fir16"}
    assert len(runs) == 25 + 12
    [first, *_] = [run for run in runs if run["network"] == "gte" and run["row"] == "gte"]
    assert {"seed", "top1", "reversed_to_twin", "params", "macs_conv_linear"} <= set(first)
    assert all(isinstance(first[name], int) for name in ("seed", "params", "macs_conv_linear", "frames"))
    assert all(run["reversed_to_twin"] == 0 for run in runs if run["row"] == "c2d" and run["data"] != "nagoya-fir16")


def test_markdown_has_a_row_for_each_network(tmp_path, capsys):
    write(tmp_path)
    main(tmp_path, markdown=True)
    assert sum(line.startswith("| GTE") for line in capsys.readouterr().out.splitlines()) == 8


def test_sentences_name_the_real_recordings(tmp_path, capsys):
    write(tmp_path, {"gte": 0.9})
    main(tmp_path)
    text = capsys.readouterr().out
    assert "On real recordings GTE" in text
    assert "3 of " in text


def test_without_results_or_with_two_forms_it_says_why(tmp_path):
    with pytest.raises(GteError, match="make study"):
        main(tmp_path)
    with pytest.raises(ValueError, match="--json and --markdown"):
        main(tmp_path, json=True, markdown=True)
