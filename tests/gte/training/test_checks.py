"""What cannot train is refused before the first step, and a training that diverges is stopped."""

from dataclasses import replace

import pytest
import torch

from gte.data.motionpairs.dataset import MotionPairs
from gte.errors import GteError
from gte.train import train
from gte.training.checks import divergence, remarks

pytestmark = pytest.mark.usefixtures("short_validation")


def test_a_batch_that_leaves_batchnorm_one_value_is_refused(config, monkeypatch):
    monkeypatch.setattr(MotionPairs, "frames", None)
    single = replace(config, model="c2d", batch_size=1, num_frames=1, clips_per_epoch=8)
    with pytest.raises(GteError, match=r"batches of 1 x 1 x 32 x 32 leave it one in c2d\. Give a larger --batch-size"):
        train(single)
    assert not config.out.exists()


def test_classes_without_training_clips_are_named(config, monkeypatch):
    monkeypatch.setattr("gte.data.motionpairs.dataset.SPLITS", {"train": 8, "val": 2, "test": 28})
    classes = config.open_dataset("train").classes
    with pytest.raises(GteError, match=f"6 of 14 have none: {', '.join(classes[8:13])}, {classes[13]}"):
        train(config)


def test_more_workers_than_cores_are_remarked_on(config, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    dataset = config.open_dataset("train")
    assert len(remarks(replace(config, num_workers=2), dataset)) == 1
    assert remarks(replace(config, num_workers=2, devices=2), dataset)[1] == (
        "4 processes prepare clips, and this machine has 2 CPU cores: more workers than cores slow each other down; "
        "--num-workers 1 is enough."
    )


def test_a_loss_that_is_not_finite_stops_the_run_and_what_was_saved_is_kept(config):
    config = replace(config, lr=1e30, save_minutes=0)
    with pytest.raises(
        GteError, match=r"no finite number at step 2 \(epoch 1\), .* too high, 8\.53553e\+29 here"
    ) as failed:
        train(config)
    assert "the training loss was 2.81 a step before. Try --lr 1e+29, --warmup-epochs 1" in str(failed.value)
    assert {file.name for file in config.out.iterdir()} == {".lock", "resume.pt"}
    train(replace(config, lr=0.01))


def test_weights_that_are_not_finite_are_blamed_where_no_step_was_taken(config):
    text = divergence(replace(config, pretrained="own.pth"), 1, 1, None, 0.1)
    assert text.endswith(
        "No step was taken before, so the learning rate is not to blame; own.pth may hold values that are not finite."
    )
    assert "bf16-mixed" in divergence(replace(config, precision="16-mixed"), 1, 1, None, 0.1)


def test_a_network_that_diverges_in_the_last_step_of_an_epoch_is_not_saved(config, monkeypatch):
    step = torch.optim.SGD.step

    def spoil(optimizer, *arguments):
        step(optimizer, *arguments)
        with torch.no_grad():
            optimizer.param_groups[0]["params"][0].fill_(torch.nan)

    monkeypatch.setattr(torch.optim.SGD, "step", spoil)
    config = replace(config, batch_size=8)
    with pytest.raises(GteError, match="The validation loss is no finite number at step 1"):
        train(config)
    assert not (config.out / "run.safetensors").exists()
