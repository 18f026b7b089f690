"""Changed kernels: what they are, that only the call sees them, and the sentence on whether a layer is needed."""

import pandas as pd
import pytest
import torch

from analysis import interventions
from analysis.interventions import SETTINGS, answers, changes, is_it_needed, kernels_set_to, need_finding, top1
from gte.data import open_dataset
from gte.models import build
from gte.models.shift import shift_layers
from tests.tiny import tiny_options

FORMS = ("gte", "gte_fixed_shift", "gte_shared", "gte_depthwise")


def moved(name="gte"):
    """A network whose shifts have left their start."""
    model = build(name, **tiny_options(name)).eval()
    with torch.no_grad():
        for layer in shift_layers(model).values():
            layer.weight += 0.3 * torch.randn_like(layer.weight)
    return model


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_lts_can_be_set_to_everything(name):
    for layer in shift_layers(moved(name)).values():
        weights = {setting: kernels_set_to(layer, setting) for setting in SETTINGS}
        assert all(weight.shape == layer.weight.shape for weight in weights.values())
        assert torch.equal(weights["learned"], layer.weight)
        assert not weights["zero"].any()
        # One tap of one in each kernel, at its frame or at the present.
        assert torch.equal(weights["initial"].sum(dim=2), weights["identity"].sum(dim=2))
        assert not weights["identity"][:, :, [0, 2]].any()
        assert set(weights["initial"].sum(dim=(1, 2, 3)).tolist()) == {1}


def test_the_initial_kernels_are_those_that_the_layer_was_built_with():
    torch.manual_seed(0)
    fresh = build("gte", **tiny_options("gte"))
    for layer in shift_layers(fresh).values():
        assert torch.equal(kernels_set_to(layer, "initial"), layer.weight)


def test_a_call_with_changed_kernels_answers_as_a_network_that_has_them():
    model = moved()
    clips = torch.rand(11, 3, 4, 32, 32)  # more than a batch
    layer, shift = next(iter(shift_layers(model).items()))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    changed = answers(model, clips, changes(model, [layer], "zero"))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    with torch.no_grad():
        shift.weight.zero_()
        torch.testing.assert_close(changed, model(clips), rtol=1e-5, atol=1e-5)
    assert not torch.equal(changed, answers(moved(), clips, {}))


def test_what_is_no_shift_of_the_network_cannot_be_set():
    with pytest.raises(KeyError):
        changes(moved(), ["layer1.0.conv1"], "zero")


def test_accuracy_is_the_share_of_clips_whose_likeliest_class_is_theirs():
    logits = torch.tensor([[2.0, 1], [0, 1], [3, 1], [0, 5]])
    assert top1(logits, torch.tensor([0, 1, 1, 0])) == 0.5


def test_every_layer_is_asked_about_in_every_setting_and_alone():
    model = moved()
    layers = list(shift_layers(model))[:2]
    clips, labels = torch.rand(6, 3, 4, 32, 32), torch.arange(6) % 3
    table = is_it_needed(model, layers, clips, labels)
    assert list(zip(table["layer"], table["setting"], strict=True)) == [
        (one, what) for one in layers for what in SETTINGS
    ]
    whole = top1(answers(model, clips, {}), labels)
    assert set(table.loc[table["setting"] == "learned", "top1"]) == {whole}
    zero = top1(answers(model, clips, changes(model, [layers[1]], "zero")), labels)
    assert table.loc[(table["layer"] == layers[1]) & (table["setting"] == "zero"), "top1"].tolist() == [zero]


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        (
            (0.9, 0.9, 0.9, 0.9),
            "layer1.0 is not needed here: with anything else the network is right on no fewer than 9",
        ),
        ((0.9, 0.5, 0.7, 0.6), "right on 9 of 10 clips, with the shift that it began with on 5."),
        ((0.9, 0.8, 0.7, 0.2), "with none of it on 2, with the shift that it began with on 8."),
        ((0.9, 0.8, 0.1, 0.2), "with no shift on 1, with the shift that it began with on 8."),
    ],
)
def test_the_finding_names_the_worst_that_can_be_done_to_a_layer(scores, told):
    table = pd.DataFrame({"setting": SETTINGS, "top1": scores})
    assert told in need_finding(table, "layer1.0", 10)


def test_the_clips_that_are_asked_about_hold_each_class_equally_often():
    clips = open_dataset("motionpairs", "test", 32)
    labels = [clips.label(index) for index in range(4 * len(clips.classes))]
    assert {labels.count(label) for label in range(len(clips.classes))} == {4}
    assert len(interventions.SETTING_WORDS) == len(SETTINGS)
