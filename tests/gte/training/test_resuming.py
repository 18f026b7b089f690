"""A resumed run repeats the one that was cut, wherever that was, and nothing that was saved is lost."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gte.checkpoint_header import read_header
from gte.data.motionpairs.dataset import MotionPairs
from gte.errors import GteError
from gte.files import claim
from gte.train import describe_interruption, train
from gte.train_config import TrainConfig
from gte.training.run import LOCK_FILE, Run, RunInUse
from gte.training.stopping import Stopped
from tests.tiny import tiny_training

pytestmark = pytest.mark.usefixtures("short_validation")


def restored(config: TrainConfig) -> Run:
    run = Run(replace(config, resume=True))
    run.restore()
    return run


def check_equal(one: Run, other: Run) -> None:
    """Fail unless two finished runs have the same weights, moments, kernel snapshots and metrics, bit for bit."""
    for key, tensor in one.model.state_dict().items():
        assert torch.equal(other.model.state_dict()[key], tensor), key
    for ours, theirs in zip(one.optimizer.state.values(), other.optimizer.state.values(), strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    for key, tensor in one.snapshots.recorded().items():
        assert torch.equal(other.snapshots.recorded()[key], tensor), key
    names = ("epoch", "step", "lr", "train_loss", "train_top1", "val_loss", "val_top1")
    assert [[entry[name] for name in names] for entry in one.metrics] == [
        [entry[name] for name in names] for entry in other.metrics
    ]


@pytest.mark.parametrize("model", ["gte", "c2d"])
def test_a_run_that_is_cut_after_each_save_ends_as_one_that_was_not_cut(config, monkeypatch, model):
    whole = replace(config, model=model, optimizer="adamw", out=config.out / "whole", save_minutes=0)
    train(whole)

    cut = replace(whole, out=config.out / "cut", save_minutes=1e-9)
    save = Run.save

    def save_then_stop(run: Run) -> None:
        save(run)
        raise KeyboardInterrupt

    steps = []
    for _ in range(7):  # before and after the evaluation at the end of each epoch, too
        with monkeypatch.context() as patch:
            patch.setattr(Run, "save", save_then_stop)
            with pytest.raises(KeyboardInterrupt):
                train(replace(cut, resume=bool(steps)))
        steps.append(restored(cut).step)
    assert steps == [0, 1, 2, 2, 3, 4, 4]
    train(replace(cut, resume=True))
    check_equal(restored(whole), restored(cut))


KILLS = """
import os, random, signal, sys, time
from dataclasses import replace
from pathlib import Path
import torch
from gte.data.motionpairs import dataset
from gte.train import train
from gte.train_config import TrainConfig

torch.set_num_threads(1)
dataset.SPLITS.update(train=64, val=2)
folder = Path(sys.argv[1])
whole = TrainConfig(
    out=folder / "whole", model_options=("depth=26", "base_width=16", "dropout=0.5"), num_frames=2, size=32,
    clips_per_epoch=16, epochs=3, batch_size=4, num_workers=0, save_minutes=1e-9,
)

def start(config):
    child = os.fork()
    if not child:
        train(config)
        os._exit(0)
    return child

started = time.monotonic()
assert os.waitpid(start(whole), 0)[1] == 0
seconds = time.monotonic() - started
cut = replace(whole, out=folder / "cut")
moment = random.Random(0)
kills = 0
while kills < 6:
    child = start(replace(cut, resume=kills > 0))
    while not (cut.out / "resume.pt").exists():
        time.sleep(0.001)
    time.sleep(moment.uniform(0.02, 0.3) * seconds)
    os.kill(child, signal.SIGKILL)
    kills += os.waitpid(child, 0)[1] == signal.SIGKILL
    if (cut.out / "metrics.jsonl").exists() and (cut.out / "metrics.jsonl").read_text().count("\\n") == 3:
        break
assert os.waitpid(start(replace(cut, resume=True)), 0)[1] == 0
print(kills)
"""
"""Processes that each continue the same run and are killed at random moments; they are forked, for a quick start."""


@pytest.mark.slow
def test_a_run_that_is_killed_at_random_moments_ends_as_one_that_was_not(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLS, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 2
    whole, cut = (
        tiny_training(
            tmp_path / name,
            model_options=("depth=26", "base_width=16", "dropout=0.5"),
            clips_per_epoch=16,
            epochs=3,
        )
        for name in ("whole", "cut")
    )
    check_equal(restored(whole), restored(cut))
    files = [".lock", "cut.safetensors", "metrics.jsonl", "resume.pt"]
    assert sorted(file.name for file in cut.out.iterdir()) == files


def test_a_run_cut_between_its_files_writes_the_checkpoint_on_resuming(config, monkeypatch):
    def stop(run: Run) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save_results", stop)
        with pytest.raises(KeyboardInterrupt):
            train(replace(config, epochs=1))
    checkpoint = config.out / "run.safetensors"
    assert not checkpoint.exists()
    train(replace(config, epochs=1, resume=True))
    assert read_header(checkpoint).step == 2


@pytest.fixture
def takes_ctrl_c() -> Iterator[None]:
    """Tests that a shell starts in the background ignore Ctrl-C otherwise."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.mark.usefixtures("takes_ctrl_c")
@pytest.mark.parametrize(
    ("number", "clip", "step"),
    [(signal.SIGINT, 0, 1), (signal.SIGTERM, 5, 2), (signal.SIGTERM, 9, 2), (signal.SIGINT, 11, 3)],
)
def test_a_signal_stops_a_run_after_the_step_or_within_the_evaluation_and_saves_it(
    config, monkeypatch, number, clip, step
):
    """Of each epoch the clips 0 to 7 are for training and 8 and 9 for evaluation."""
    whole = replace(config, out=config.out / "whole")
    train(whole)
    frames, opened = MotionPairs.frames, iter(range(100))

    def frames_and_signal(*arguments, **options):
        if next(opened) == clip:
            os.kill(os.getpid(), number)
        return frames(*arguments, **options)

    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(MotionPairs, "frames", frames_and_signal)
        with pytest.raises(Stopped) as stopped:
            train(config)
    assert stopped.value.status == 128 + number
    assert f"resume.pt holds the run up to step {step}, in epoch {2 if clip > 9 else 1} of 2;" in str(stopped.value)
    assert signal.getsignal(number) == before
    train(replace(config, resume=True))
    check_equal(restored(whole), restored(config))


COMMAND = """
from gte.data.motionpairs import dataset
from gte.train import main, run_command

dataset.SPLITS["val"] = 2
if __name__ == "__main__":
    run_command(main, prog="python -m gte.train")
"""
"""The command with a short validation."""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_command_and_its_workers_saves_and_gives_its_status(tmp_path, number):
    out, script = tmp_path / "run", tmp_path / "command.py"
    script.write_text(COMMAND)
    settings = ["--size", "32", "--num-frames", "2", "--batch-size", "4", "--clips-per-epoch", "8", "--epochs", "500"]
    # Where the tests run in the background, a shell has told them to ignore Ctrl-C, and so would the command.
    with subprocess.Popen(
        [sys.executable, str(script), "tiny", "--out", str(out), *settings],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stderr
        for line in process.stderr:
            if "epoch 1:" in line:
                break
        os.killpg(process.pid, number)
        _, printed = process.communicate(timeout=60)
    assert process.returncode == 128 + number, printed
    assert f"Stopped by {'Ctrl-C' if number == signal.SIGINT else 'SIGTERM'}. {out}/resume.pt holds the run" in printed
    assert "--resume" in printed
    assert "Traceback" not in printed
    assert read_header(out / "run.safetensors").metrics


def test_an_interruption_that_is_not_saved_names_what_was_saved_before(config):
    assert describe_interruption(config) == "Stopped before anything was saved."
    train(replace(config, epochs=1))
    assert "holds the run up to step 2; continue it with the same command and --resume" in describe_interruption(config)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("kib", [2, 200])
def test_a_full_disk_leaves_what_was_saved_and_is_reported(config, monkeypatch, steps, kib):
    """After one step the resume file is the next that is written, after two, an epoch, the checkpoint."""
    config = replace(config, save_minutes=1e-9)
    save = Run.save

    def save_then_stop(run: Run) -> None:
        save(run)
        if len(run.metrics) == steps - 1 and run.step == steps:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", save_then_stop)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    kept = {file.name: file.read_bytes() for file in config.out.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kib * 1024, limits[1]))
    try:
        with pytest.raises(GteError, match="File too large") as failed:
            train(replace(config, resume=True))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert f"so the run stops at step 2. What was saved of it, up to step {steps}, is intact" in str(failed.value)
    assert {file.name: file.read_bytes() for file in config.out.iterdir()} == kept


def test_a_folder_that_cannot_be_written_to_is_reported_before_the_first_step(config, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(MotionPairs, "frames", None)
    with pytest.raises(
        GteError, match=r"cannot be written to \(Not a directory: .*\); choose another folder with --out"
    ):
        train(replace(config, out=tmp_path / "file" / "run"))


def test_a_folder_with_a_run_is_not_overwritten(config):
    train(replace(config, epochs=1))
    with pytest.raises(GteError, match="already holds a run; continue it with --resume"):
        train(replace(config, epochs=1))


def test_a_folder_in_which_another_process_trains_is_left_to_it(config):
    with claim(config.out / LOCK_FILE), pytest.raises(RunInUse, match=r"Another process trains in .*; wait for it"):
        train(config)
    train(config)


def test_a_run_that_made_no_step_may_be_started_again(config, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(MotionPairs, "frames", None)
        with pytest.raises(TypeError):
            train(config)
    assert restored(config).step == 0
    train(replace(config, lr=0.1))


def test_resuming_without_a_run_says_so(config):
    with pytest.raises(GteError, match="nothing to resume"):
        train(replace(config, resume=True))


def test_a_lost_resume_file_is_named_and_the_checkpoint_kept(config):
    path = train(replace(config, epochs=1))
    (config.out / "resume.pt").unlink()
    kept = path.read_bytes()
    with pytest.raises(GteError, match=r"resume\.pt is missing, .*; run\.safetensors is intact: .* --pretrained"):
        train(replace(config, epochs=1, resume=True))
    with pytest.raises(GteError, match="already holds a run; choose another --out"):
        train(replace(config, epochs=1))
    assert path.read_bytes() == kept


def test_resuming_with_other_settings_names_them(config):
    train(replace(config, epochs=1))
    with pytest.raises(GteError, match=r"other settings \(batch_size\)"):
        train(replace(config, epochs=1, lr=0.5, batch_size=2, resume=True))


def test_a_run_is_continued_with_another_learning_rate_and_says_from_where_on(config):
    train(replace(config, epochs=1, lr=0.01, schedule="step"))
    path = train(replace(config, epochs=2, lr=0.002, schedule="step", resume=True))
    header = read_header(path)
    assert [entry["lr"] for entry in header.metrics] == [0.01, 0.002]
    assert header.training["lr"] == 0.002
    assert "From step 3 on --lr is 0.002, and was 0.01 before. Prolonged after epoch 1" in str(
        header.environment["start"]
    )


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("cosine", "schedule of 4 epochs, 0.005 at first (of 2 epochs it would be 0) and 0 at the end"),
        ("step", "schedule of 4 epochs, 0.001 at first (of 2 epochs it would be 0.001) and 0.0001 at the end"),
    ],
)
def test_a_finished_run_is_prolonged_along_the_schedule_of_its_new_length(config, schedule, rates):
    config = replace(config, schedule=schedule, lr_decay_epochs=(1, 3))
    train(config)
    before = restored(config)
    path = train(replace(config, epochs=4, resume=True))
    header = read_header(path)
    assert (header.step, len(header.metrics), header.training["epochs"]) == (8, 4, 4)
    start = str(header.environment["start"])
    assert start.startswith(
        "Prolonged after epoch 2 from 2 to 4 epochs: from there on the learning rate is that of the"
    )
    assert start.endswith(f"{schedule} {rates}.")
    assert list(header.metrics[:2]) == before.metrics
    steps = restored(replace(config, epochs=4)).snapshots.steps
    assert steps == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    with pytest.raises(GteError, match=r"other settings \(epochs\)"):
        train(replace(config, resume=True))


def test_a_data_set_that_has_changed_is_not_resumed(config, monkeypatch):
    train(replace(config, epochs=1))
    monkeypatch.setattr("gte.data.motionpairs.dataset.SPLITS", {"train": 60, "val": 2, "test": 28})
    with pytest.raises(GteError, match="began with 64 training clips, and the data set now has 60"):
        train(replace(config, epochs=1, resume=True))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 not a zip"])
def test_a_damaged_resume_file_is_named(config, content):
    config.out.mkdir(parents=True)
    (config.out / "resume.pt").write_bytes(content)
    with pytest.raises(GteError, match=r"resume\.pt is damaged"):
        train(replace(config, resume=True))
