"""Weights from elsewhere that cannot be converted: one sentence says why, names every key, and nothing is written."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from gte import cli, convert
from gte.convert import ConvertOptions
from gte.errors import WeightsError
from tests.published import BLOCKS, Gst, Mmaction, flat_resnet, tsm_repository
from tests.tiny import save_tiny

pytestmark = pytest.mark.usefixtures("opened_here")


def test_a_shift_that_stands_elsewhere_than_here_is_an_error_that_names_the_blocks(tmp_path):
    theirs = tsm_repository(BLOCKS, 4)
    state = theirs.state_dict()
    state["base_model.layer2.1.conv1.weight"] = state.pop("base_model.layer2.1.conv1.net.weight")
    save_file(state, tmp_path / "odd-theirs.safetensors")
    message = r"it lacks base_model\.layer2\.1\.conv1\.net\.weight; left over is base_model\.layer2\.1\.conv1\.weight;"
    with pytest.raises(WeightsError, match=message):
        convert.convert(tmp_path / "odd-theirs.safetensors", tmp_path / "odd.safetensors")


def test_a_deviation_of_zero_in_the_file_is_refused(tmp_path):
    own = {"data_preprocessor.mean": torch.ones(3), "data_preprocessor.std": torch.zeros(3)}
    save_file({**own, **Mmaction(num_frames=4).state_dict()}, tmp_path / "mm-theirs.safetensors")
    with pytest.raises(WeightsError, match=r"data_preprocessor\.std must be above 0"):
        convert.convert(tmp_path / "mm-theirs.safetensors", tmp_path / "mm.safetensors")


def drop(state: dict[str, Tensor]) -> None:
    for key in [key for key in state if key.endswith("bn1.bias")]:
        del state[key]


def add(state: dict[str, Tensor]) -> None:
    state["base_model.layer3.1.nl.theta.weight"] = torch.zeros(3)


def widen(state: dict[str, Tensor]) -> None:
    state["base_model.conv1.weight"] = torch.zeros(16, 10, 7, 7)


def behead(state: dict[str, Tensor]) -> None:
    del state["new_fc.weight"]


def lengthen(state: dict[str, Tensor]) -> None:
    for key, tensor in list(state.items()):
        if key.startswith("base_model.layer2.1."):
            state[key.replace("layer2.1.", "layer2.2.")] = tensor.clone()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop, r"it lacks base_model\.bn1\.bias, base_model\.layer1\.0\.bn1\.bias, .*; give a file of this network"),
        (add, r"left over is base_model\.layer3\.1\.nl\.theta\.weight; give"),
        (widen, r"base_model\.conv1\.weight \(16 x 10 x 7 x 7 and not 16 x 3 x 7 x 7\)"),
        (behead, r"it lacks new_fc\.weight; give"),
        (lengthen, r"its stages have 2, 3, 2, 2 blocks, and the ResNets here have 2, 2, 2, 2 \(depth 26\)"),
    ],
)
def test_a_missing_or_surplus_key_is_an_error_that_lists_it_and_nothing_is_written(tmp_path, damage, message):
    state = tsm_repository(BLOCKS, 4).state_dict()
    damage(state)
    save_file(state, tmp_path / "tsm-theirs.safetensors")
    target = tmp_path / "tsm.safetensors"
    target.write_text("what was there")
    with pytest.raises(WeightsError, match=message):
        convert.convert(tmp_path / "tsm-theirs.safetensors", target)
    assert target.read_text() == "what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tsm-theirs.safetensors", "tsm.safetensors"]


@pytest.mark.parametrize("wrapped", [True, False])
def test_what_is_no_tensor_in_a_state_dict_is_left_over_as_a_key_is(tmp_path, wrapped):
    surplus = {"head.weight": [1.0, 2.0], "epoch": 3, "arch": "r26", "empty": {}}
    surplus |= {} if wrapped else {"optimizer": {"lr": 0.1}}
    state = tsm_repository(BLOCKS, 4).state_dict() | surplus
    torch.save({"state_dict": state} if wrapped else state, tmp_path / "theirs.pth")
    with pytest.raises(WeightsError) as refused:
        convert.convert(tmp_path / "theirs.pth", tmp_path / "tsm.safetensors")
    _, _, left = str(refused.value).partition("left over are ")
    assert sorted(left.partition(";")[0].split(", ")) == sorted(f"{key} (no tensor)" for key in surplus)


def test_other_tensors_beside_a_state_dict_are_refused(tmp_path):
    state = tsm_repository(BLOCKS, 4).state_dict()
    torch.save({"state_dict": state, "fc2.weight": torch.zeros(2), "epoch": 3}, tmp_path / "theirs.pth")
    with pytest.raises(WeightsError, match=r"outside of its state_dict it holds other tensors, .*: fc2\.weight; save"):
        convert.convert(tmp_path / "theirs.pth", tmp_path / "tsm.safetensors")


@pytest.mark.parametrize("model", [None, "gte"])
def test_a_file_with_numbers_that_are_not_finite_ends_the_command_with_their_names(
    tmp_path, monkeypatch, capsys, model
):
    state = flat_resnet(BLOCKS).state_dict()
    state["layer3.1.bn2.running_var"][0] = float("inf")
    state["fc.weight"][0, 0] = float("nan")
    torch.save(state, tmp_path / "r26.pth")
    arguments = ["convert", str(tmp_path / "r26.pth"), "--to", str(tmp_path / "r26.safetensors")]
    monkeypatch.setattr("sys.argv", arguments + (["--model", model] if model else []))
    with pytest.raises(SystemExit) as stop:
        cli.run_command(convert.main, prog="python -m gte.convert")
    assert stop.value.code == 2
    assert "cannot be converted: NaN or infinity is in layer3.1.bn2.running_var, fc.weight; " in capsys.readouterr().err
    assert not (tmp_path / "r26.safetensors").exists()


def test_a_training_of_ours_that_diverged_is_refused(tmp_path):
    state = {"config": "{}", "metrics": "[]", "step": 3, "model": {"fc.bias": torch.tensor([0.0, float("nan")])}}
    torch.save(state, tmp_path / "resume.pt")
    with pytest.raises(WeightsError, match=r"NaN or infinity is in model/fc\.bias: the training diverged"):
        convert.convert(tmp_path / "resume.pt", tmp_path / "resume.safetensors")


def test_a_gst_that_the_table_cannot_express_is_refused(tmp_path):
    save_file(Gst(alpha=4, beta=4).state_dict(), tmp_path / "gst-theirs.safetensors")
    with pytest.raises(WeightsError, match="read 4 and 4 of 16 channels, and GST here reads half of them"):
        convert.convert(tmp_path / "gst-theirs.safetensors", tmp_path / "gst.safetensors")


def test_a_file_that_fits_no_layout_is_told_what_is_recognised_and_what_it_holds(tmp_path):
    save_file({f"encoder.{index}.weight": torch.zeros(2) for index in range(12)}, tmp_path / "other-theirs.safetensors")
    message = (
        r"no layout fits; recognised are TSM's repository: TSM, .* but its tensors are encoder\.0\.weight, .* 2 more"
    )
    with pytest.raises(WeightsError, match=message):
        convert.convert(tmp_path / "other-theirs.safetensors", tmp_path / "other.safetensors")


@pytest.fixture(scope="module")
def tsn_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tsn") / "tsn-theirs.safetensors"
    save_file(tsm_repository(BLOCKS, 4, shifts=False).state_dict(), path)
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shift_division": 4}, "--shift-division is for TSM alone, and this is TSM's repository: TSN, for .* c2d;"),
        ({"model": "gte"}, "names its network itself; leave out --model"),
        ({"size": 16}, "cannot be converted: C2D takes clips of at least 1 x 32 x 32; got 8 x 16 x 16"),
    ],
)
def test_an_option_that_does_not_fit_the_file_is_refused(tsn_file, tmp_path, options, message):
    with pytest.raises(WeightsError, match=message):
        convert.convert(tsn_file, tmp_path / "tsn.safetensors", ConvertOptions(**options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 0}, "frames must be at least 1; got 0"),
        ({"mean": (123.7, 116.3, 103.5)}, r"colours in \[0, 1\]; got 123.7 116.3 103.5. Divide"),
        ({"std": (0.2, 0.0, 0.2)}, "above 0; got 0.2 0 0.2"),
        ({"std": (0.2, float("nan"), 0.2)}, r"colours in \[0, 1\]"),
    ],
)
def test_an_impossible_option_states_the_rule(options, message):
    with pytest.raises(ValueError, match=message):
        ConvertOptions(**options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a\nb\nc\nd\n", "it has 5 classes, and names.txt must name each .* 4 names on 4 lines"),
        (b"a\n\nc\nd\ne\n", "4 names on 5 lines"),
        (b"\xff\xfe\x00", "names.txt is not"),
    ],
)
def test_names_that_do_not_fit_are_refused(tsn_file, tmp_path, text, message):
    names = tmp_path / "names.txt"
    names.write_bytes(text)
    with pytest.raises(WeightsError, match=message):
        convert.convert(tsn_file, tmp_path / "tsn.safetensors", ConvertOptions(classes_from=names))


def test_pictures_do_not_start_a_network_that_is_no_resnet(tmp_path):
    save_file(flat_resnet(BLOCKS).state_dict(), tmp_path / "r26-theirs.safetensors")
    for name, message in [
        ("s3d", "cannot be converted: 2D weights fit the ResNets of the table, c2d"),
        ("resnet", "cannot be converted: the networks are c2d, .*; got resnet"),
    ]:
        with pytest.raises(WeightsError, match=message):
            convert.convert(
                tmp_path / "r26-theirs.safetensors", tmp_path / "r26.safetensors", ConvertOptions(model=name)
            )


def test_a_shift_division_for_a_resnet_that_is_made_no_tsm_is_refused(tmp_path):
    save_file(flat_resnet(BLOCKS).state_dict(), tmp_path / "r26-theirs.safetensors")
    for name in (None, "gte"):
        with pytest.raises(WeightsError, match=rf"for TSM alone, .* torchvision: ResNet, .* {name or 'c2d'}; leave it"):
            convert.convert(
                tmp_path / "r26-theirs.safetensors",
                tmp_path / "r26.safetensors",
                ConvertOptions(model=name, shift_division=4),
            )


def test_a_checkpoint_of_ours_needs_no_conversion_and_the_target_is_named_as_one(tmp_path):
    ours = save_tiny(tmp_path / "ours.safetensors", "gte")
    with pytest.raises(WeightsError, match="is a checkpoint of this project already"):
        convert.convert(ours, tmp_path / "again.safetensors")
    with pytest.raises(WeightsError, match=r"is a \.safetensors file; got again\.pth"):
        convert.convert(ours, tmp_path / "again.pth")


def test_a_damaged_training_of_ours_is_said_to_be_one(tmp_path):
    state = {"config": json.dumps({"model": "gte"}), "metrics": "[]", "step": 3, "model": {"x": torch.zeros(1)}}
    torch.save(state, tmp_path / "resume.pt")
    with pytest.raises(WeightsError, match=r"a training by gte\.train, but damaged"):
        convert.convert(tmp_path / "resume.pt", tmp_path / "resume.safetensors")


def test_the_command_ends_with_one_sentence_and_status_2_on_a_file_of_something_else(tmp_path, monkeypatch, capsys):
    (tmp_path / "text.pth").write_text("no weights")
    monkeypatch.setattr("sys.argv", ["convert", str(tmp_path / "text.pth"), "--to", str(tmp_path / "t.safetensors")])
    with pytest.raises(SystemExit) as stop:
        cli.run_command(convert.main, prog="python -m gte.convert")
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gte.convert: text.pth is no file of tensors that torch can read")
    assert len(err.splitlines()) == 1
