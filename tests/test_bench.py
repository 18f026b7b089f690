"""The benchmark runs, names what it measures, and refuses what it cannot do; its times are nobody's business here."""

import sys

import pytest
import torch

from gte.cli import run_command
from tests import bench

SMALL = {"rounds": 1, "frames": 2, "size": 32, "depth": 26}


@pytest.mark.slow
def test_every_part_prints_a_row_for_each_network_with_its_ratio_to_the_2d_one(capsys):
    bench.main(models=("c2d", "gte"), parts=("inference", "training", "memory", "profile"), **SMALL)
    lines = capsys.readouterr().out.splitlines()
    for name in ("2D fused", "c2d", "c2d fused", "gte", "gte fused"):
        (inference,) = [line for line in lines if line.startswith(f"{name:<22}")][:1]
        assert float(inference.split(" ms ")[1].split()[0]) > 0
    for name in ("2D", "c2d", "gte"):
        assert any(line.startswith(name) and " MB " in line for line in lines)
        assert any(line.startswith(f"{name:<16} 1x1") for line in lines)
    assert any(line.startswith(f"{'gte':<16} LTS") for line in lines)
    assert not any(line.startswith(f"{'c2d':<16} LTS") for line in lines)


def test_a_shift_alone_is_measured_in_every_stage_both_ways(capsys):
    bench.main(parts=("shift",), rounds=1, frames=2, size=32)
    lines = capsys.readouterr().out.splitlines()
    assert [sum(line.startswith(f"{stage}, ") for line in lines) for stage in (1, 2, 3, 4)] == [2, 2, 2, 2]


def test_the_shift_and_the_3d_convolution_that_are_compared_do_the_same():
    x = torch.rand(1, 8, 4, 3, 3).contiguous(memory_format=torch.channels_last_3d)
    shift, conv3d = bench.shift_layers_to_compare(8, 4).values()
    torch.testing.assert_close(shift(x), conv3d(x))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rounds", "0"], "--rounds must be at least 1; got 0."),
        (["--depth", "34"], "depth must be one of 26, 50, 101; got 34."),
        (["--models", "r2d2"], "The networks are c2d, "),
    ],
)
def test_what_cannot_be_measured_is_refused_with_one_sentence(arguments, sentence, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as stopped:
        run_command(bench.main, prog="python -m tests.bench")
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(f"tests.bench: {sentence}")


def test_a_network_that_the_clip_is_too_small_for_is_left_out_and_named(capsys):
    assert bench.takes(["c2d", "c3d_original"], bench.ClipShape(8, 64, 64)) == ["c2d"]
    assert "c3d_original is left out: C3D, original takes clips of at least" in capsys.readouterr().err
