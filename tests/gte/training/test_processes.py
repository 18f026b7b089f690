"""Several processes train as one that accumulates their gradients, and speak with one voice."""

import json
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from gte.checkpoint import load_model
from gte.checkpoint_header import read_header
from gte.data.loading import EpochBatches
from gte.models import match_gradient_strides, to_channels_last
from tests.tiny import NETWORKS, tiny_clip, tiny_model

COMMAND = """
import os, signal
from gte.data.motionpairs import dataset
from gte.errors import VideoError
from gte.train import main, run_command

dataset.SPLITS.update(train=64, val=3)
frames, opened = dataset.MotionPairs.frames, iter(range(1000))

def frames_and_signal(*arguments, **options):
    rank, number = os.environ.get("LOCAL_RANK", "0"), next(opened)
    if number == int(os.environ["STOP_AT"]) and rank == "0":
        os.kill(os.getpid(), signal.SIGTERM)
    if number >= 4 and rank == os.environ["FAILS"]:
        raise VideoError(f"process {rank} has lost its disk.")
    return frames(*arguments, **options)

dataset.MotionPairs.frames = frames_and_signal
if __name__ == "__main__":
    run_command(main, prog="python -m gte.train")
"""
"""The command with three clips for validation, of which two processes take two and one.

At the clip STOP_AT, counted in the first process, that process gets SIGTERM. The process FAILS reads four clips alone.
"""


def run(folder: Path, name: str, *more: str, stop_at: int = -1, fails: str = "", status: int = 0) -> tuple[Path, str]:
    """Train for two epochs of two steps of eight clips; return the checkpoint and what was printed.

    It is over only when each of the processes has ended, since all hold the output.
    """
    script = folder / "command.py"
    script.write_text(COMMAND)
    sizes = ["--size", "32", "--num-frames", "2", "--batch-size", "4", "--clips-per-epoch", "16"]
    settings = [*sizes, "--epochs", "2", "--num-workers", "0", "--optimizer", "sgd"]
    done = subprocess.run(
        [sys.executable, str(script), "tiny", "--out", str(folder / name), *settings, *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "OMP_NUM_THREADS": "1",
            "STOP_AT": str(stop_at),
            "FAILS": fails,
        },
    )
    assert done.returncode == status, done.stderr
    return folder / name / f"{name}.safetensors", done.stderr


@pytest.mark.slow
def test_two_processes_train_to_the_weights_of_one_that_accumulates_the_same_halves(tmp_path):
    """But for the running statistics, of which each process has those of its own half."""
    together, printed = run(tmp_path, "together", "--devices", "2")
    alone, _ = run(tmp_path, "alone", "--accumulate", "2")
    weights = dict(load_model(alone)[0].named_parameters())
    for name, parameter in load_model(together)[0].named_parameters():
        torch.testing.assert_close(parameter, weights[name], rtol=0, atol=1e-6)
    for ours, theirs in zip(read_header(together).metrics, read_header(alone).metrics, strict=True):
        assert ours["train_loss"] == pytest.approx(theirs["train_loss"], abs=1e-5)
        assert ours["train_top1"] == theirs["train_top1"]
    assert printed.count("Wrote ") == 1
    assert printed.count("epoch 1:") == 1
    assert printed.count("A step takes 8 clips (4 clips x 2 processes)") == 1
    assert "Warning" not in printed
    lines = (together.parent / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


@pytest.mark.slow
def test_processes_of_which_one_gets_a_signal_all_stop_and_are_resumed_exactly(tmp_path):
    settings = ["--devices", "2", "--model-options", "depth=26", "base_width=16", "dropout=0.5"]
    whole, _ = run(tmp_path, "whole", *settings)
    cut, printed = run(tmp_path, "cut", *settings, stop_at=3, status=143)
    assert printed.count("Stopped by SIGTERM.") == 1
    assert printed.count("resume.pt holds the run up to step 1, in epoch 1 of 2") == 1
    run(tmp_path, "cut", *settings, "--resume")
    weights = load_model(whole)[0].state_dict()
    for name, tensor in load_model(cut)[0].state_dict().items():
        assert torch.equal(tensor, weights[name]), name


@pytest.mark.slow
@pytest.mark.parametrize(("fails", "status"), [("0", 2), ("1", -signal.SIGKILL)])
def test_a_process_that_fails_says_why_and_ends_the_others(tmp_path, fails, status):
    _, printed = run(tmp_path, "run", "--devices", "2", fails=fails, status=status)
    assert printed.count("gte.train: ") == printed.count(f"process {fails} has lost its disk.") == 1
    assert "Traceback" not in printed


def test_processes_and_parts_share_an_epoch_without_overlap():
    settings = {"clips_per_epoch": 16, "batch_size": 2, "num_epochs": 2}
    alone = list(EpochBatches(16, **settings, accumulate=4))
    assert sorted(index for batch in alone[:8] for _, index in batch) == list(range(16))
    shares = [list(EpochBatches(16, **settings, accumulate=2, rank=rank, world_size=2)) for rank in (0, 1)]
    for step in range(4):
        assert shares[0][2 * step : 2 * step + 2] + shares[1][2 * step : 2 * step + 2] == alone[4 * step : 4 * step + 4]
    later = list(EpochBatches(16, **settings, accumulate=4, first_step=3))
    assert later == alone[12:]


@pytest.fixture
def one_process(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(always)
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.usefixtures("one_process")
def test_gradients_have_the_strides_of_their_weights_so_that_none_is_copied(name):
    model = to_channels_last(tiny_model(name)).train()
    match_gradient_strides(model)
    clip = tiny_clip(name)
    frames = torch.rand(2, clip.frames, clip.height, clip.width, 3).permute(0, 4, 1, 2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DistributedDataParallel(model)(frames).sum().backward()
