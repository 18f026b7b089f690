"""State_dicts from elsewhere: what of a file is one, and that every key that does not fit is named."""

import re

import pytest
import torch
from torch import Tensor
from torchvision.models import resnet18, resnet34, resnet152

from gte.errors import MAX_NAMED, WeightsError, some_of
from gte.models.resnet import STAGE_DEPTHS
from gte.weights.published import LAYOUTS, load_published, recognise
from gte.weights.state_dicts import check_fit, contents_of
from tests.published import BLOCKS, CLASSES, DEEP, WIDTH, Gst, Mmaction, flat_resnet, tsm_repository

FLAT = flat_resnet(BLOCKS).state_dict()
TSM = tsm_repository(BLOCKS, 4).state_dict()


def loaded(state: dict[str, Tensor], strays: tuple[str, ...] = ()) -> None:
    load_published(recognise(state, strays), state, strays=strays)


def refusal(state: dict[str, Tensor], strays: tuple[str, ...] = ()) -> str:
    with pytest.raises(WeightsError) as refused:
        loaded(state, strays)
    return str(refused.value)


def without(state: dict[str, Tensor], pattern: str) -> tuple[dict[str, Tensor], list[str]]:
    """A state_dict without the keys that match, and those keys but for BatchNorm's counters."""
    gone = [key for key in state if re.search(pattern, key)]
    return {key: state[key] for key in state if key not in gone}, [key for key in gone if "num_batches" not in key]


END = "; give a file of this network as its publisher wrote it."


@pytest.mark.parametrize("front", ["", "module.", "state_dict/", "state_dict/module.", "model/"])
def test_a_state_dict_may_come_bare_or_wrapped(front):
    state = {"conv1.weight": torch.zeros(1), "module.weight": torch.zeros(1)}
    beside = {"best_prec1": torch.zeros(1), "meta/loss": torch.zeros(1)} if "/" in front else {}
    facts = {"epoch", "meta/seed", f"{front}name"} if "/" in front else {"name"}
    contents = contents_of({f"{front}{key}": tensor for key, tensor in state.items()} | beside, facts)
    assert contents.state == state
    assert contents.strays == ("name",)
    assert set(contents.others) == ({"epoch", "best_prec1", "meta"} if "/" in front else set())


def test_tensors_beside_the_state_dict_are_an_error_that_names_their_entries():
    wrapped = {"state_dict/conv1.weight": torch.zeros(1), "optimizer/0": torch.zeros(1)}
    extra = {"extra.weight": torch.zeros(1), "ema/conv1.weight": torch.zeros(1), "ema/bn1.weight": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r": extra\.weight, ema \(2 tensors\); save the state_dict alone\."):
        contents_of(wrapped | extra, ())


def test_one_key_without_what_stands_before_the_others_is_left_over():
    state = {f"module.{key}": tensor for key, tensor in FLAT.items()} | {"extra": torch.zeros(1)}
    assert refusal(contents_of(state, ()).state) == f"left over is extra{END}"
    state = {f"module.{key}": tensor for key, tensor in FLAT.items()} | {"fc.bias": torch.zeros(CLASSES)}
    assert refusal(contents_of(state, ()).state) == f"left over is module.fc.bias{END}"


STATES = {
    "resnet": FLAT,
    "resnet-101": flat_resnet(DEEP).state_dict(),
    "tsm": TSM,
    "gst": Gst(alpha=8).state_dict(),
    "gst-large": Gst(alpha=4, beta=1).state_dict(),
    "mmaction2 tsm": Mmaction(num_frames=4).state_dict(),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize(
    "pattern",
    [
        r"(^|\.)conv1\.",
        r"layer1\.0\.conv1\.((conv|net)\.)*weight",
        r"layer1\.0\.conv3\.",
        r"layer1\.0\.",
        r"layer2\.1\.",
        r"layer4\.\d+\.",
        r"(bn|bn3|bn1)\.",
        r"(new_|cls_head\.)?fc",
        r"fc(_cls)?\.weight",
        r"conv2\.(conv\.)?weight|Tconv",
        r"layer1\.0\.(conv2|Tconv)",
        r"(^|base_model\.|backbone\.)(conv1|bn1)\.",
    ],
)
def test_every_missing_key_is_named_and_nothing_else(name, pattern):
    """Those as well that a file is recognised or measured by: one of them, a block, a stage, a kind of layer."""
    state, gone = without(STATES[name], pattern)
    assert gone
    message = refusal(state)
    assert message.startswith("it lacks ")
    assert message.endswith(END)
    assert sorted(message.removeprefix("it lacks ").removesuffix(END).split(", ")) == sorted(gone)


@pytest.mark.parametrize("count", [1, MAX_NAMED + 2])
def test_every_surplus_key_is_named_what_is_no_tensor_as_well(count):
    extra = [f"head.{index}.weight" for index in range(count)]
    verb = "is" if count == 1 else "are"
    assert refusal({**FLAT, **{key: torch.zeros(2) for key in extra}}) == f"left over {verb} {', '.join(extra)}{END}"
    marked = ", ".join(f"{key} (no tensor)" for key in extra)
    assert refusal(FLAT, tuple(extra)) == f"left over {verb} {marked}{END}"


def test_a_block_that_is_there_in_part_does_not_make_another_network():
    assert refusal(FLAT | {"layer2.2.theta": torch.zeros(1)}) == f"left over is layer2.2.theta{END}"


def test_a_key_of_no_tensor_is_said_to_be_none_and_not_to_be_missing():
    state, gone = without(FLAT, r"^fc|^layer1\.0\.conv1")
    message = refusal(state, ("fc.weight", "layer1.0.conv1.weight"))
    assert message == f"it lacks fc.bias; no tensors are layer1.0.conv1.weight, fc.weight{END}"
    assert len(gone) == 3
    # Nor is a dictionary in its place.
    state, _ = without(FLAT, r"^fc\.weight")
    assert refusal(state | {"fc.weight/values": torch.zeros(1)}) == f"no tensor is fc.weight{END}"


def test_counters_that_are_no_tensors_or_that_nobody_has_do_not_matter():
    loaded(FLAT | {"nl.num_batches_tracked": torch.tensor(3)}, ("bn9.num_batches_tracked",))


@pytest.mark.parametrize("make", [resnet18, resnet34])
@pytest.mark.parametrize("front", ["", "base_model."])
def test_a_resnet_of_basic_blocks_is_said_to_be_one(make, front):
    state = {f"{front}{key}": tensor for key, tensor in make().state_dict().items()}
    message = refusal(state)
    assert message == (
        "it is a ResNet of basic blocks, such as ResNet-18 and -34, which is not among the networks here; give one of "
        f"bottlenecks: {', '.join(f'ResNet-{depth}' for depth in STAGE_DEPTHS)}."
    )


def test_a_deeper_resnet_is_said_to_have_other_stages():
    assert refusal(resnet152().state_dict()) == (
        "its stages have 3, 8, 36, 3 blocks, and the ResNets here have 2, 2, 2, 2 (depth 26); 3, 4, 6, 3 (depth 50); "
        "3, 4, 23, 3 (depth 101); give one of those."
    )


def test_a_few_keys_of_a_network_are_not_recognised_as_one():
    assert refusal({"layer1.0.conv1.weight": torch.zeros(64, 64, 1, 1)}).startswith("no layout fits")
    assert refusal({}, ("weights",)).endswith("but it holds no tensors.")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_tensors_with_numbers_that_are_not_finite_are_named_up_to_ten(value):
    state = {key: tensor.clone() for key, tensor in FLAT.items()}
    state["fc.bias"][3] = value
    assert refusal(state) == f"NaN or infinity is in fc.bias{END}"
    for key in state:
        if "bn3.bias" in key or "bn2.bias" in key:
            state[key][0] = value
    message = refusal(state)
    assert message.count("bn") == MAX_NAMED
    assert f" and {2 * sum(BLOCKS) + 1 - MAX_NAMED} more{END}" in message


@pytest.mark.parametrize("spare", ["data_preprocessor.mean", "data_preprocessor.std"])
def test_a_normalisation_of_no_numbers_is_refused(spare):
    layout = next(layout for layout in LAYOUTS if layout.spare)
    own = {key: torch.tensor([100.0, 110.0, 120.0]) for key in layout.spare}
    own[spare][1] = float("nan")
    with pytest.raises(WeightsError, match=rf"NaN or infinity is in {re.escape(spare)};"):
        layout.normalization(own)


def test_half_of_a_normalisation_is_refused_and_not_replaced():
    layout = next(layout for layout in LAYOUTS if layout.spare)
    with pytest.raises(
        WeightsError, match=r"only a part of the input's normalisation; give data_preprocessor\.mean and"
    ):
        layout.normalization({"data_preprocessor.mean": torch.tensor([100.0, 110.0, 120.0])})


def test_whole_numbers_in_place_of_weights_are_named():
    whole = {"fc.weight": torch.ones(CLASSES, 32 * WIDTH, dtype=torch.int64), "fc.bias": torch.ones(CLASSES).bool()}
    assert refusal(FLAT | whole) == f"of whole numbers are fc.weight (int64), fc.bias (bool){END}"


@pytest.mark.parametrize(
    "strange",
    [
        {"conv1.weight": torch.zeros(2**40, 0, 7, 7)},
        {"conv1.weight": torch.zeros(0, 3, 7, 7)},
        {"conv1.weight": torch.tensor(1.0), "fc.weight": torch.tensor(1.0)},
        {"fc.weight": torch.zeros(2**61, 0)},
    ],
)
def test_shapes_that_no_network_has_are_refused_in_a_sentence(strange):
    assert refusal(FLAT | strange)


@pytest.mark.parametrize("shape", [(0, 0, 0, 0, 0), (12, 8, 0, 3, 3)])
def test_kernels_without_numbers_are_refused_in_a_sentence(shape):
    state = Gst(alpha=4).state_dict()
    assert refusal(state | {f"base_model.layer1.0.{name}.weight": torch.zeros(shape) for name in ("conv2", "Tconv")})


def test_what_a_file_makes_a_sentence_say_can_be_printed():
    assert some_of(["a\x1b[2J\nb", "\ud800c"]) == "a[2Jb, c"
    with pytest.raises(WeightsError, match="left over is a b;"):
        check_fit({}, {"a b": torch.zeros(1)})
