"""The benchmark runs, names what it measures, and refuses what it cannot do; its times are nobody's business here."""

import sys

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from gte.cli import run_command
from tests import bench, bench_gradcam, bench_startup

SMALL = {"rounds": 1, "frames": 2, "size": 32, "depth": 26, "threads": 1}


@pytest.mark.slow
def test_every_part_prints_a_row_for_each_network_with_its_ratio_to_the_2d_one(capsys):
    bench.main(models=("c2d", "gte"), parts=("inference", "training", "memory", "profile", "counting"), **SMALL)
    lines = capsys.readouterr().out.splitlines()
    for name in ("2D fused", "c2d", "c2d fused", "gte", "gte fused"):
        (inference,) = [line for line in lines if line.startswith(f"{name:<22}")][:1]
        assert float(inference.split(" ms ")[1].split()[0]) > 0
    for name in ("2D", "c2d", "gte"):
        assert any(line.startswith(name) and " MB " in line for line in lines)
        assert any(line.startswith(f"{name:<16} 1x1") for line in lines)
    assert float(next(line for line in lines if line.startswith("all of them")).split(" ms ")[2].split()[0]) > 0
    assert any(line.startswith(f"{'gte':<16} LTS") for line in lines)
    assert not any(line.startswith(f"{'c2d':<16} LTS") for line in lines)


def test_a_shift_alone_is_measured_in_every_stage_both_ways(capsys):
    bench.main(parts=("shift",), rounds=1, frames=2, size=32, threads=1)
    lines = capsys.readouterr().out.splitlines()
    assert [sum(line.startswith(f"{stage}, ") for line in lines) for stage in (1, 2, 3, 4)] == [2, 2, 2, 2]


@pytest.mark.slow
def test_grad_cam_is_measured_against_a_pass_each_way_and_another_library(capsys):
    bench.main(models=("gte",), parts=("gradcam",), **SMALL)
    lines = capsys.readouterr().out.splitlines()
    for name in ("grad_cam / a pass each way", "grad_cam, on the clip's grid / pytorch-grad-cam"):
        assert [float(line.removeprefix(name).split()[0]) > 0 for line in lines if line.startswith(name)] == [True] * 2


def test_the_grad_cams_that_are_compared_find_the_same():
    setting = bench_gradcam.Setting(
        name="gte", clip=bench.ClipShape(4, 32, 32), options={"depth": 26, "base_width": 16}
    )
    _, jobs = bench_gradcam.jobs(setting)
    ours, theirs = jobs[bench_gradcam.OURS](), jobs[bench_gradcam.THEIRS]()
    assert isinstance(ours, torch.Tensor)
    assert isinstance(theirs, np.ndarray)

    # It stretches each map from its least to its largest value, before it is enlarged and behind.
    def stretched(found):
        return (found - found.min()) / np.ptp(found)

    factors = [size / cells for size, cells in zip((4, 32, 32), ours.shape, strict=True)]
    enlarged = zoom(stretched(ours.numpy()), factors)
    np.testing.assert_allclose(theirs[0], stretched(enlarged.clip(0)), atol=1e-3)


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


def test_start_up_times_are_printed_with_their_ratio_in_each_round(capsys):
    seconds = {"this app": [3.0, 2.0, 4.0], "empty Streamlit app": [2.0, 2.0, 2.0], "TensorBoard": [2.0, 3.0, 3.0]}
    bench_startup.print_startup({name: np.array(times) for name, times in seconds.items()})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-6:-3] for line in lines[3:]] == [
        ["3.00", "s", "1.50"],
        ["2.00", "s", "1.00"],
        ["3.00", "s", "1.50"],
    ]
