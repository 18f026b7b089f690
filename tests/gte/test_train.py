"""The trainer: it learns, and says what it cannot do. How runs are stopped and resumed is in training/."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from gte.checkpoint import load_histories, load_model
from gte.checkpoint_header import read_header
from gte.data import DataOptions, open_dataset
from gte.data.loading import EpochBatches, TrainingClips, load
from gte.data.motionpairs.dataset import MotionPairs
from gte.data.opencv import cv2
from gte.errors import GteError
from gte.evaluate import Scores, count_turned, evaluate
from gte.models import MODELS
from gte.train import Run, train
from gte.train_config import PRESETS
from gte.training.checks import check_classes, remarks
from tests.tiny import LARGE, NETWORKS, tiny_options

UP_AND_DOWN = ("moves up", "moves down")

pytestmark = pytest.mark.usefixtures("short_validation")


def test_a_run_leaves_checkpoint_metrics_and_resume_file(config):
    path = train(config)
    assert sorted(file.name for file in config.out.iterdir()) == [
        ".lock",
        "metrics.jsonl",
        "resume.pt",
        "run.safetensors",
    ]
    header = read_header(path)
    lines = [json.loads(line) for line in (config.out / "metrics.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in lines] == [1, 2]
    assert list(header.metrics) == lines
    assert header.step == 4
    assert header.training["lr"] == 0.01
    assert header.environment["revision"]
    for history in load_histories(path):
        assert history.steps.tolist() == [0, 1, 2, 3, 4]
        assert not np.array_equal(history.weights[-1], history.weights[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_table_trains_and_is_read_again(config, name):
    clip = MODELS[name].smallest
    batch_size = 1 if name in LARGE else 2
    tiny = replace(
        config,
        model=name,
        epochs=1,
        # Two steps at a higher rate carry some of them so far that their loss is no number.
        lr=1e-4,
        clips_per_epoch=2 * batch_size,
        batch_size=batch_size,
        num_frames=max(config.num_frames, clip.frames),
        size=max(config.size, clip.height, clip.width),
        model_options=tuple(
            f"{option}={value}" for option, value in tiny_options(name).items() if option != "num_classes"
        ),
    )
    before, after = Run(tiny), train(tiny)
    model, header = load_model(after)
    assert (header.model, header.step, header.num_frames, header.size) == (name, 2, tiny.num_frames, tiny.size)
    still = [key for key, weight in before.model.named_parameters() if torch.equal(weight, model.get_parameter(key))]
    assert still == []


def test_the_start_of_kernels_that_are_no_learnable_shifts_is_noted_and_kept_through_a_resumption(config):
    config = replace(config, model="c3d", epochs=1, model_options=("depth=26", "base_width=16"))
    start = Run(config).kernel_init
    path = train(config)
    train(replace(config, resume=True))
    histories = load_histories(path)
    assert [history.layer for history in histories] == list(start)
    for history in histories:
        assert history.steps.tolist() == [0, 2]
        assert np.array_equal(history.weights[0], start[history.layer].numpy())
        assert not np.array_equal(history.weights[1], start[history.layer].numpy())


def test_a_run_cut_before_starts_were_noted_is_resumed_and_its_starts_are_unknown(config):
    config = replace(config, model="i3d", epochs=1, model_options=("depth=26", "base_width=16"))
    path = train(config)
    resume_file = config.out / "resume.pt"
    state = torch.load(resume_file, weights_only=True)
    del state["kernel_init"]
    torch.save(state, resume_file)
    train(replace(config, resume=True))
    assert [history.starts_known for history in load_histories(path)] == [False] * 8


def test_validation_can_take_few_clips_and_count_the_answers_that_turn_in_reverse(config, monkeypatch):
    monkeypatch.setattr("gte.data.motionpairs.dataset.SPLITS", {"train": 64, "val": 28, "test": 28})
    config = replace(config, epochs=1, val_clips=10, val_reversal=True, data=DataOptions(classes=UP_AND_DOWN))
    turned = {}
    for name in ("c2d", "gte"):
        path = train(replace(config, model=name, out=config.out / name))
        model, header = load_model(path)
        clips = open_dataset(header.dataset, "val", 32)
        forwards, backwards = (
            evaluate(model, clips, num_frames=2, num_clips=10, num_workers=0, reverse=reverse)
            for reverse in (False, True)
        )
        changed, counted = count_turned(forwards, backwards, header.twins)
        turned[name] = changed / counted
        assert (header.classes, header.dataset) == (UP_AND_DOWN, "motionpairs?classes=moves+up&classes=moves+down")
        [entry] = header.metrics
        assert (entry["val_top1"], entry["val_turned"]) == (forwards.top1, turned[name])
    # The mean over frames does not depend on their order.
    assert turned["c2d"] == 0


def test_the_share_that_turns_is_of_the_answers_whose_class_has_a_reversal():
    # Answers 0, 1, 2, 0; in reverse 1, 1, 0, 0. Of 2 there is no reversed class.
    forwards, backwards = (
        Scores(functional.one_hot(torch.tensor(answers), 3).float(), torch.zeros(4, dtype=torch.int64))
        for answers in ([0, 1, 2, 0], [1, 1, 0, 0])
    )
    assert count_turned(forwards, backwards, (1, 0, -1)) == (1, 3)


def test_answers_that_turn_need_classes_with_a_reversal():
    dataset = MotionPairs("train", 32)
    check_classes(dataset, reversal=True)
    dataset.twins = (-1,) * 14
    with pytest.raises(GteError, match="no class that is another's reversal; leave out --val-reversal"):
        check_classes(dataset, reversal=True)


def test_a_device_that_is_not_there_gives_one_sentence(config):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(GteError, match="cuda cannot be used on this machine"):
        train(replace(config, accelerator="cuda"))


def test_batches_show_every_clip_equally_often_and_in_another_order_each_turn():
    batches = list(EpochBatches(12, clips_per_epoch=6, batch_size=3, num_epochs=4, seed=1))
    assert len(batches) == 8
    order = [index for batch in batches for _, index in batch]
    assert sorted(order[:12]) == sorted(order[12:]) == list(range(12))
    assert order[:12] != order[12:]


def test_batches_of_later_epochs_do_not_depend_on_where_a_run_began():
    arguments = {"clips_per_epoch": 6, "batch_size": 3, "num_epochs": 4, "seed": 1}
    assert list(EpochBatches(12, first_step=4, **arguments)) == list(EpochBatches(12, **arguments))[4:]


def test_processes_share_an_epoch_without_overlap():
    alone = list(EpochBatches(24, clips_per_epoch=12, batch_size=6, num_epochs=1))
    shares = [
        list(EpochBatches(24, clips_per_epoch=12, batch_size=3, num_epochs=1, rank=r, world_size=2)) for r in (0, 1)
    ]
    for together, first, second in zip(alone, *shares, strict=True):
        assert sorted(together) == sorted(first + second)


def test_a_training_clip_depends_on_seed_epoch_and_index_alone():
    clips = TrainingClips(open_dataset("motionpairs", "train", 32), 4, seed=0)
    again = TrainingClips(open_dataset("motionpairs", "train", 32), 4, seed=0)
    again[0, 5]
    frames, label, *_ = clips[1, 3]
    same, same_label, *_ = again[1, 3]
    assert np.array_equal(frames, same)
    assert label == same_label
    assert not np.array_equal(frames, clips[2, 3][0])


def test_a_mirrored_training_clip_has_the_mirrored_class():
    dataset = open_dataset("motionpairs", "train", 32)
    clips = TrainingClips(dataset, 4, seed=0)
    left = dataset.classes.index("moves left")
    labels = {clips[epoch, left][1] for epoch in range(8)}
    assert labels == {left, dataset.classes.index("moves right")}


@pytest.mark.slow
def test_workers_do_not_change_the_clips_nor_wait_for_opencv_s_threads():
    # Work for OpenCV's own threads: a forked worker would wait for them for ever.
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (0, 0), 9)
    clips = TrainingClips(open_dataset("motionpairs", "train", 32), 4, seed=0)
    batches = EpochBatches(64, clips_per_epoch=8, batch_size=4, num_epochs=1)
    alone, with_workers = (list(load(clips, batches=batches, num_workers=workers)) for workers in (0, 2))
    for one, other in zip(alone, with_workers, strict=True):
        assert torch.equal(one.frames, other.frames)
        assert torch.equal(one.labels, other.labels)


def test_the_learning_rate_warms_up_and_falls_to_zero_along_a_cosine(config):
    schedule = replace(config, epochs=10, lr=0.2, warmup_epochs=2)
    assert schedule.learning_rate(0) == 0
    assert schedule.learning_rate(1) == pytest.approx(0.1)
    assert schedule.learning_rate(2) == pytest.approx(0.2)
    assert schedule.learning_rate(6) == pytest.approx(0.1)
    assert schedule.learning_rate(10) == pytest.approx(0, abs=1e-12)


PUBLISHED = {
    "paper-something": ("gte", 8, 48, 0.01, 60, (40, 50), 0.3, 3e-4),
    "paper-diving48": ("gte", 16, 48, 0.01, 60, (40, 50), 0.3, 3e-4),
    "tsn": ("c2d", 3, 128, 0.001, 80, (30, 60), 0.8, 5e-4),
    "tsm": ("tsm", 8, 64, 0.01, 50, (20, 40), 0.5, 5e-4),
}
"""Network, frames, clips per step, learning rate, epochs, epochs after which it is divided by ten, dropout, decay."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_preset_has_the_published_numbers(name):
    preset = PRESETS[name][1]
    assert (
        preset.model,
        preset.num_frames,
        preset.batch_size,
        preset.lr,
        preset.epochs,
        preset.lr_decay_epochs,
        preset.options["dropout"],
        preset.weight_decay,
    ) == PUBLISHED[name]
    assert (preset.optimizer, preset.momentum, preset.nesterov, preset.clip_gradients) == ("sgd", 0.9, False, 20)
    assert (preset.pretrained, preset.options["depth"], preset.size) == ("imagenet", 50, 224)


def test_the_paper_s_learning_rate_is_divided_by_ten_after_40_and_50_epochs():
    paper = PRESETS["paper-something"][1]
    assert [paper.learning_rate(epoch) for epoch in (0, 39.9, 40, 50)] == pytest.approx([0.01, 0.01, 1e-3, 1e-4])


def test_the_learning_rate_is_scaled_to_the_clips_of_a_step_where_that_is_wanted(config):
    parallel = replace(config, batch_size=4, accumulate=2, devices=2, num_nodes=3)
    assert parallel.clips_per_step == 48
    assert parallel.learning_rate(0) == 0.01
    scaled = replace(parallel, lr_for_batch=16)
    assert scaled.learning_rate(0) == pytest.approx(0.03)
    assert remarks(scaled, config.open_dataset("train"))[0] == (
        "A step takes 48 clips (4 clips x 2 parts x 2 processes x 3 machines); learning rate 0.03 (0.01 for 16 clips, "
        "scaled in proportion)."
    )


def test_batchnorm_and_biases_do_not_decay(config):
    model = Run(config).model
    decaying, others = config.build_optimizer(model).param_groups
    kinds = {parameter: type(module) for module in model.modules() for parameter in module.parameters(recurse=False)}
    assert decaying["weight_decay"] == config.weight_decay
    assert others["weight_decay"] == 0
    assert nn.BatchNorm2d not in {kinds[parameter] for parameter in decaying["params"]}
    assert {parameter.dim() for parameter in others["params"]} == {1}
    assert {name for name, parameter in model.named_parameters() if parameter.dim() == 1} >= {"fc.bias", "bn1.bias"}


def test_gradients_are_scaled_to_the_largest_norm(config, monkeypatch):
    norms = []
    step = torch.optim.SGD.step

    def measure(optimizer, *arguments):
        gradients = [parameter.grad for group in optimizer.param_groups for parameter in group["params"]]
        norms.append(torch.cat([gradient.flatten() for gradient in gradients]).norm().item())
        return step(optimizer, *arguments)

    monkeypatch.setattr(torch.optim.SGD, "step", measure)
    train(replace(config, epochs=1))
    train(replace(config, epochs=1, clip_gradients=0.01, out=config.out / "cut"))
    assert min(norms[:2]) > 0.1
    assert norms[2:] == pytest.approx([0.01, 0.01], rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1; got 0"),
        ({"lr": -1.0}, "lr must not be negative"),
        ({"lr": float("nan")}, "lr must not be negative"),
        ({"clips_per_epoch": 2}, "at least one batch of 4; got 2"),
        ({"lr_decay_epochs": (50, 40)}, r"must increase; got \(50, 40\)\. Give them as --lr-decay-epochs 40 50"),
        ({"dataset": "mine"}, "The data sets are motionpairs, .*; got mine"),
        ({"model": "resnet"}, "The networks are c2d"),
        ({"model_options": ("depth",)}, "written name=number, as depth=26; got depth"),
        ({"model_options": ("base_width=inf",)}, "a finite number; got base_width=inf"),
        ({"model_options": ("num_classes=5",)}, "num_classes follows from the data set"),
        ({"model_options": ("depth=34",)}, "depth must be one of 26, 50, 101"),
        ({"model_options": ("temporal_share=1",)}, "between 0 and 1"),
        ({"model": "s3d"}, "s3d takes the options dropout; got depth, .*perhaps from the preset.*--model-options"),
        ({"model": "s3d", "model_options": ()}, "S3D takes clips of at least 13 x 209 x 209; got .* Give more frames"),
    ],
)
def test_an_impossible_configuration_states_the_rule(config, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(config, **changes)


@pytest.mark.slow
def test_a_small_network_learns_a_few_clips_by_heart(config, monkeypatch):
    monkeypatch.setattr("gte.data.motionpairs.dataset.SPLITS", {"train": 14, "val": 2, "test": 28})
    path = train(
        replace(config, num_frames=4, clips_per_epoch=14, epochs=20, optimizer="adamw", lr=3e-3, batch_size=14)
    )
    metrics = read_header(path).metrics
    assert metrics[-1]["train_loss"] < 0.5 * metrics[0]["train_loss"]


@pytest.mark.slow
def test_a_wrong_option_on_the_command_line_gives_one_sentence_and_status_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gte.train", "tiny", "--out", str(tmp_path / "run"), "--model-options", "depth=7"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("gte.train: ")
    assert "depth must be one of 26, 50, 101; got 7." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
