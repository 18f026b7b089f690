"""`python -m analysis.complexity`: what it counts, the forms that it prints, and what it refuses."""

import json
import sys
from functools import partial

import pytest

from analysis.complexity import __main__
from gte import cli
from gte.models import MODELS
from tests.analysis.tiny_counts import TINY, tiny_count

run_tiny = partial(__main__.main, depth=26, base_width=16, num_classes=5, size=32)


def test_command_prints_a_list_of_objects_as_json(capsys):
    run_tiny(models=("gte", "c2d"), json=True, frames=4)
    printed = capsys.readouterr()
    gte, c2d = json.loads(printed.out)
    assert (gte["name"], c2d["name"], printed.err) == ("gte", "c2d", "")
    for row in (gte, c2d):
        for number in ("params", "macs_conv_linear", "macs", "macs_temporal", "agrees", "uncounted"):
            assert row[number] == getattr(tiny_count(row["name"]), number)
    assert gte["clip"] == {"frames": 4, "height": 32, "width": 32}
    assert not gte["at_native"]
    assert gte["options"] == {**TINY, "dropout": 0.3, "temporal_share": 0.25, "identity_share": 0.0}


def test_command_prints_rows_with_and_without_a_count(capsys):
    run_tiny(models=("gte", "c2d"), temporal_share=0.3, csv=True, frames=1)
    header, gte, c2d = capsys.readouterr().out.splitlines()
    assert header.startswith(
        "name,label,frames [frames],height [pixels],width [pixels],at_native,params [count],macs_conv_linear [MACs],"
    )
    assert gte.startswith("gte,GTE,1,32,32,,,,,")
    assert c2d.startswith("c2d,C2D,1,32,32,False,")
    run_tiny(models=("gte", "c2d"), temporal_share=0.3, frames=1)
    c2d, gte = capsys.readouterr().out.splitlines()
    assert c2d.startswith("C2D")
    assert "torch agrees" in c2d
    assert gte.startswith("GTE   The temporal share t must")


def test_command_says_what_it_counted_at_a_native_clip(capsys):
    run_tiny(models=("c3d_original", "c2d"), frames=4)
    original, c2d = capsys.readouterr().out.splitlines()
    assert original.startswith("C3D, original   ")
    assert original.endswith("; torch agrees; counted at its native clip 16 x 112 x 112")
    assert c2d.startswith("C2D             ")
    assert c2d.endswith("; torch agrees")
    run_tiny(models=("c3d_original",), frames=4, json=True)
    (original,) = json.loads(capsys.readouterr().out)
    assert original["at_native"]
    assert original["clip"] == {"frames": 16, "height": 112, "width": 112}


@pytest.mark.parametrize(
    ("models", "names"),
    [
        ([], ["c2d", "tsm", "c3d", "gst", "gte"]),
        (["--models", "i3d"], ["i3d"]),
        (["--models", "all"], list(MODELS)),
        (["--models", "gte", "all"], list(MODELS)),
    ],
)
def test_command_counts_the_networks_of_table_1_or_those_named_or_all(models, names, monkeypatch):
    asked = []

    def note_names(names, options, clip, counter):
        asked.extend(names)
        return [tiny_count("c2d")]

    monkeypatch.setattr(__main__, "count_each", note_names)
    monkeypatch.setattr(sys, "argv", ["complexity", *models])
    cli.run_command(__main__.main, prog="python -m analysis.complexity")
    assert asked == names


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--models", "gte", "r2d2"], f"--models takes {', '.join(MODELS)}, or all; got r2d2."),
        (["--temporal-share", "nan"], "--temporal-share must be a finite number, such as 0.25; got nan."),
        (["--temporal-share", "-inf"], "--temporal-share must be a finite number, such as 0.25; got -inf."),
        (["--json", "--csv"], "Choose one form of output; got both --json and --csv."),
        (["--depth", "27", "--json"], "depth must be one of 26, 50, 101; got 27."),
    ],
)
def test_command_refuses_bad_input_with_one_sentence_and_status_2(arguments, sentence, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["complexity", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.run_command(__main__.main, prog="python -m analysis.complexity")
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out) == (2, "")
    assert printed.err == f"analysis.complexity: {sentence}\n"
