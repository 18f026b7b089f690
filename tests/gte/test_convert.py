"""Published checkpoints: reference networks in their publishers' layouts, written here anew, answer as ours do.

They are in `tests/published.py`.
"""

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.video import r2plus1d_18, s3d

from gte import cli, convert
from gte.checkpoint import load_histories, load_model
from gte.checkpoint_header import read_header
from gte.convert import ConvertOptions
from gte.models import configure, temporal_layers
from gte.models.shift import shift_layers
from gte.train import train
from tests.published import (
    BLOCKS,
    CLASSES,
    DEEP,
    MEAN,
    STD,
    WIDTH,
    Gst,
    Mmaction,
    flat_resnet,
    normalised,
    randomised,
    tsm_repository,
)
from tests.tiny import tiny_training

pytestmark = pytest.mark.usefixtures("opened_here")


def assert_same_answers(
    theirs: nn.Module, path: Path, num_frames: int = 4, size: int = 64, mean=MEAN, std=STD, whole: bool = True
) -> None:
    """Logits equal to a hundred thousandth of the largest."""
    ours, _ = load_model(path)
    clip = torch.rand(2 if whole else 1, 3, num_frames, size, size)
    with torch.no_grad():
        expected = theirs(normalised(clip, mean, std))
        torch.testing.assert_close(ours(clip), expected, rtol=0, atol=1e-5 * expected.abs().max().item())


def parallel(network: nn.Module) -> dict[str, Tensor]:
    """The state_dict that nn.DataParallel gives."""
    return {f"module.{key}": tensor for key, tensor in network.state_dict().items()}


PUBLISHED: dict[str, tuple[Callable[[], nn.Module], str, str, dict[str, float]]] = {
    "tsm": (lambda: tsm_repository(BLOCKS, 4), "TSM's repository: TSM", "tsm", {"shift_division": 8}),
    "tsn": (lambda: tsm_repository(BLOCKS, 4, shifts=False), "TSM's repository: TSN", "c2d", {}),
    "gst": (lambda: Gst(alpha=4), "GST's repository: GST", "gst", {"temporal_share": 1 / 4}),
    "gst, alpha 8": (lambda: Gst(alpha=8), "GST's repository: GST", "gst", {"temporal_share": 1 / 8}),
    "gst-large": (lambda: Gst(alpha=4, beta=1), "GST's repository: GST", "gst_large", {"temporal_share": 1 / 4}),
    "mmaction2 tsm": (lambda: Mmaction(num_frames=4), "mmaction2: TSM", "tsm", {"shift_division": 8}),
    "mmaction2 tsn": (lambda: Mmaction(num_frames=None), "mmaction2: TSN", "c2d", {}),
}


@pytest.fixture(params=PUBLISHED)
def published(request) -> tuple[nn.Module, str, str, dict[str, float]]:
    make, label, name, options = PUBLISHED[request.param]
    return randomised(make()), label, name, options


def test_a_published_checkpoint_answers_as_its_publisher_s_network(published, tmp_path):
    theirs, label, name, options = published
    source, target = tmp_path / "published.safetensors", tmp_path / "ours.safetensors"
    save_file(parallel(theirs), source)
    message = convert.convert(source, target)
    assert message.startswith(
        f"published.safetensors was recognised as {label}, for the network {name} (depth 26, base_width 16"
    )
    assert message.endswith("nothing is at random.")
    assert_same_answers(theirs, target)
    header = read_header(target)
    assert header.model == name
    assert header.options.items() >= options.items()
    assert (header.num_frames, header.size, header.dataset, header.step) == (8, 224, "", 0)
    assert header.classes == tuple(f"class {index}" for index in range(CLASSES))
    assert header.twins == (-1,) * CLASSES
    assert hashlib.sha256(source.read_bytes()).hexdigest() in header.environment["source"]
    # How a published kernel began is not in the file.
    assert all(history.initial is None for history in load_histories(target))


def test_files_from_before_torch_1_6_and_safetensors_are_read_as_well(tmp_path):
    theirs = randomised(tsm_repository(BLOCKS, 4))
    state = {"state_dict": parallel(theirs), "epoch": 3, "arch": "resnet50", "best_prec1": torch.tensor(61.2)}
    torch.save(state, tmp_path / "old.pth.tar", _use_new_zipfile_serialization=False)
    save_file(theirs.state_dict(), tmp_path / "new.safetensors")
    for source in ("old.pth.tar", "new.safetensors"):
        convert.convert(tmp_path / source, tmp_path / "ours.safetensors")
        assert_same_answers(theirs, tmp_path / "ours.safetensors")


def test_in_a_deep_resnet_every_second_block_is_shifted(tmp_path):
    theirs = randomised(tsm_repository(DEEP, 4))
    save_file(parallel(theirs), tmp_path / "deep-theirs.safetensors")
    assert "depth 101" in convert.convert(tmp_path / "deep-theirs.safetensors", tmp_path / "deep.safetensors")
    assert_same_answers(theirs, tmp_path / "deep.safetensors")


def test_the_shift_division_is_an_option_and_changes_the_answer(tmp_path):
    theirs = randomised(tsm_repository(BLOCKS, 4, division=4))
    save_file(theirs.state_dict(), tmp_path / "four-theirs.safetensors")
    target = tmp_path / "four.safetensors"
    convert.convert(tmp_path / "four-theirs.safetensors", target, ConvertOptions(shift_division=4))
    assert_same_answers(theirs, target)
    convert.convert(tmp_path / "four-theirs.safetensors", target)
    with pytest.raises(AssertionError):
        assert_same_answers(theirs, target)


def test_a_classifier_without_dropout_sits_in_the_base_model(tmp_path):
    theirs = randomised(tsm_repository(BLOCKS, 4))
    state = {key.replace("new_fc.", "base_model.fc."): tensor for key, tensor in theirs.state_dict().items()}
    save_file(state, tmp_path / "tsm-theirs.safetensors")
    convert.convert(tmp_path / "tsm-theirs.safetensors", tmp_path / "tsm.safetensors")
    assert_same_answers(theirs, tmp_path / "tsm.safetensors")


def test_torchvision_s_resnet_is_c2d(tmp_path):
    theirs = randomised(flat_resnet(BLOCKS))
    save_file(theirs.state_dict(), tmp_path / "r26-theirs.safetensors")
    message = convert.convert(tmp_path / "r26-theirs.safetensors", tmp_path / "r26.safetensors")
    assert "torchvision: ResNet, for the network c2d" in message
    ours, _ = load_model(tmp_path / "r26.safetensors")
    frame = torch.rand(1, 3, 1, 64, 64)
    with torch.no_grad():
        expected = theirs(normalised(frame)[:, :, 0])
        torch.testing.assert_close(ours(frame), expected, rtol=0, atol=1e-5 * expected.abs().max().item())


def test_a_thousand_classes_are_imagenet_s(tmp_path):
    theirs = flat_resnet(BLOCKS)
    theirs.fc = nn.Linear(32 * WIDTH, 1000)
    save_file(theirs.state_dict(), tmp_path / "r26-theirs.safetensors")
    convert.convert(tmp_path / "r26-theirs.safetensors", tmp_path / "r26.safetensors")
    classes = read_header(tmp_path / "r26.safetensors").classes
    assert (classes[0], classes[281]) == ("tench", "tabby")


@pytest.mark.parametrize("name", ["gte", "i3d", "tsm"])
def test_weights_for_pictures_start_any_resnet_of_the_table(tmp_path, name):
    save_file(randomised(flat_resnet(BLOCKS)).state_dict(), tmp_path / "r26-theirs.safetensors")
    target = tmp_path / f"{name}.safetensors"
    message = convert.convert(tmp_path / "r26-theirs.safetensors", target, ConvertOptions(model=name))
    model, header = load_model(target)
    assert f"for the network {name} (" in message
    assert header.layers == tuple(shift_layers(model))
    assert ("LTS is the temporal shift" in message) == bool(header.layers)
    histories = load_histories(target)
    assert [history.layer for history in histories] == list(temporal_layers(model))
    # Nothing has trained since: what it began with is what it is.
    for history in histories:
        assert history.initial is not None
        assert np.array_equal(history.initial, history.weights[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "name", "frames", "size"), [(r2plus1d_18, "r2plus1d", 16, 112), (s3d, "s3d", 64, 224)]
)
def test_torchvision_s_video_networks_are_rows_of_the_table(tmp_path, make, name, frames, size):
    theirs = randomised(make(num_classes=400))
    save_file(theirs.state_dict(), tmp_path / "video-theirs.safetensors")
    convert.convert(tmp_path / "video-theirs.safetensors", tmp_path / "video.safetensors")
    header = read_header(tmp_path / "video.safetensors")
    assert (header.model, header.num_frames, header.size) == (name, frames, size)
    assert header.classes[0] == "abseiling"
    mean, std = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)
    clip = (16, 64) if name == "r2plus1d" else (16, 224)
    assert_same_answers(theirs, tmp_path / "video.safetensors", *clip, mean=mean, std=std, whole=False)


def test_normalisation_frames_size_and_names_are_options(tmp_path):
    theirs = randomised(tsm_repository(BLOCKS, 4))
    save_file(theirs.state_dict(), tmp_path / "tsm-theirs.safetensors")
    names = tmp_path / "names.txt"
    names.write_text("pushing\nPulling something\nлевый\nd\ne\n\n", encoding="utf-8")
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    target = tmp_path / "tsm.safetensors"
    convert.convert(
        tmp_path / "tsm-theirs.safetensors",
        target,
        ConvertOptions(classes_from=names, mean=mean, std=std, frames=16, size=96),
    )
    header = read_header(target)
    assert (header.num_frames, header.size) == (16, 96)
    assert header.classes == ("pushing", "Pulling something", "левый", "d", "e")
    assert_same_answers(theirs, target, mean=mean, std=std)


def test_mmaction2_s_own_normalisation_is_taken_where_the_file_holds_it(tmp_path):
    theirs = randomised(Mmaction(num_frames=4))
    mean, std = (0.3, 0.4, 0.5), (0.5, 0.25, 0.2)
    own = {
        "data_preprocessor.mean": 255 * torch.tensor(mean).view(3, 1, 1),
        "data_preprocessor.std": 255 * torch.tensor(std).view(3, 1, 1),
    }
    save_file({**own, **theirs.state_dict()}, tmp_path / "mm-theirs.safetensors")
    convert.convert(tmp_path / "mm-theirs.safetensors", tmp_path / "mm.safetensors")
    assert_same_answers(theirs, tmp_path / "mm.safetensors", mean=mean, std=std)


def test_what_publishers_leave_beside_their_weights_is_left_aside_and_said_to_be(tmp_path):
    theirs = randomised(Gst(alpha=4))
    beside = {"args": argparse.Namespace(lr=0.1), "best": np.float64(61.5) * 2, "log": np.zeros(3), "empty": {}}
    beside |= {"best_prec1": torch.tensor(61.5), "meta": {"seed": 3, "loss": torch.zeros(2)}}
    torch.save(
        {"state_dict": theirs.state_dict(), "optimizer": {"state": {0: torch.zeros(3)}}, **beside}, tmp_path / "g.pth"
    )
    message = convert.convert(tmp_path / "g.pth", tmp_path / "g.safetensors")
    _, _, aside = message.removesuffix(".").partition("nothing is at random; ignored are ")
    assert sorted(aside.split(", ")) == sorted([*beside, "optimizer"])
    assert_same_answers(theirs, tmp_path / "g.safetensors")


def test_what_safetensors_say_about_a_file_is_no_entry_of_it(tmp_path):
    save_file(Gst(alpha=4).state_dict(), tmp_path / "gst-theirs.safetensors", {"format": "pt", "config": "{}"})
    message = convert.convert(tmp_path / "gst-theirs.safetensors", tmp_path / "gst.safetensors")
    assert message.endswith("; nothing is at random.")


NAMES = ["falling", "левый", "c", "d", "e"]


@pytest.mark.parametrize(
    ("meta", "entry"),
    [
        ({"dataset_meta": {"classes": tuple(NAMES)}, "seed": 3}, "meta/dataset_meta/classes"),
        ({"CLASSES": NAMES, "seed": 3}, "meta/CLASSES"),
        ({"CLASSES": NAMES[:4], "seed": 3}, ""),
        ({"CLASSES": [*NAMES[:4], " "], "seed": 3}, ""),
    ],
)
def test_class_names_in_the_file_are_taken_if_they_are_as_many_as_the_outputs(tmp_path, meta, entry):
    source, target = tmp_path / "mm.pth", tmp_path / "mm.safetensors"
    torch.save({"meta": meta, "state_dict": Mmaction(num_frames=4).state_dict()}, source)
    message = convert.convert(source, target)
    if entry:
        assert message.endswith(f"; its classes are named as {entry} in the file says; ignored is the rest of meta.")
        assert read_header(target).classes == tuple(NAMES)
    else:
        assert message.endswith("nothing is at random; ignored is meta.")
        assert read_header(target).classes[0] == "class 0"


def test_class_names_that_are_given_come_before_those_in_the_file(tmp_path):
    source, target = tmp_path / "mm.pth", tmp_path / "mm.safetensors"
    torch.save({"meta": {"CLASSES": NAMES}, "state_dict": Mmaction(num_frames=4).state_dict()}, source)
    assert convert.convert(source, target).endswith("; its classes are named as meta/CLASSES in the file says.")
    (tmp_path / "names.txt").write_text("v\nw\nx\ny\nz\n")
    message = convert.convert(source, target, ConvertOptions(classes_from=tmp_path / "names.txt"))
    assert message.endswith("nothing is at random; ignored is meta.")
    assert read_header(target).classes == tuple("vwxyz")


def test_counters_of_batchnorm_may_be_missing(tmp_path):
    theirs = randomised(Gst(alpha=4))
    state = {key: tensor for key, tensor in theirs.state_dict().items() if not key.endswith("num_batches_tracked")}
    save_file(state, tmp_path / "gst-theirs.safetensors")
    convert.convert(tmp_path / "gst-theirs.safetensors", tmp_path / "gst.safetensors")
    assert_same_answers(theirs, tmp_path / "gst.safetensors")


@pytest.mark.parametrize("name", ["gte", "c3d"])
def test_a_training_of_ours_is_the_checkpoint_that_it_wrote(tmp_path, monkeypatch, name):
    monkeypatch.setattr("gte.data.motionpairs.dataset.SPLITS", {"train": 64, "val": 14, "test": 28})
    run = tiny_training(tmp_path / "run", model=name, model_options=("depth=26", "base_width=16"))
    written = train(run)
    target = tmp_path / "again.safetensors"
    assert convert.convert(run.out / "resume.pt", target) == (
        f"resume.pt was recognised as a training of {name} by gte.train."
    )
    again, before = read_header(target), read_header(written)
    for fact in (
        "model",
        "options",
        "dataset",
        "classes",
        "twins",
        "num_frames",
        "size",
        "step",
        "training",
        "metrics",
    ):
        assert getattr(again, fact) == getattr(before, fact), fact
    for one, other in zip(load_histories(target), load_histories(written), strict=True):
        assert np.array_equal(one.steps, other.steps)
        assert np.array_equal(one.weights, other.weights)
    states = [load_model(path)[0].state_dict() for path in (target, written)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_the_command_says_what_it_recognised_and_writes_a_checkpoint(tmp_path, monkeypatch, capsys):
    tsn_file = tmp_path / "tsn-theirs.safetensors"
    save_file(tsm_repository(BLOCKS, 4, shifts=False).state_dict(), tsn_file)
    target = tmp_path / "tsn.safetensors"
    arguments = ["convert", tsn_file, "--to", target, "--mean", 0.5, 0.5, 0.5, "--frames", 3]
    monkeypatch.setattr("sys.argv", [str(argument) for argument in arguments])
    cli.run_command(convert.main, prog="python -m gte.convert")
    out, err = capsys.readouterr()
    assert out == ""
    assert "tsn-theirs.safetensors was recognised as TSM's repository: TSN, for the network c2d" in err
    assert read_header(target).num_frames == 3
    model, _ = load_model(target)
    assert model.state_dict()["normalize.mean"].flatten().tolist() == [0.5, 0.5, 0.5]


def test_the_same_weights_at_another_share_of_gst_are_another_network(tmp_path):
    save_file(Gst(alpha=2).state_dict(), tmp_path / "gst-theirs.safetensors")
    convert.convert(tmp_path / "gst-theirs.safetensors", tmp_path / "gst.safetensors")
    header = read_header(tmp_path / "gst.safetensors")
    assert header.options == configure("gst", **header.options).options()
    assert header.options["temporal_share"] == 1 / 2
