"""Changed kernels: their values, that only the call has them, and the law of reversed kernels."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from analysis.attribution.gradcam import grad_cam
from analysis.interventions.accuracy import Network, every_step, settings_accuracy
from analysis.interventions.kernel_edits import (
    SETTINGS,
    ChangedNetwork,
    answers,
    changes,
    kernels_set_to,
    mirror_law,
    mixes_frames,
    settings_for,
    stored_starts,
)
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import layer_ablation
from gte import checkpoint
from gte.kernel_snapshots import KernelSnapshots, initial_kernels
from gte.models import build, temporal_layers
from gte.models.shift import LearnableTemporalShift, shift_layers
from gte.models.temporal import SpatioTemporalConv
from tests.tiny import save_tiny, tiny_clip, tiny_header, tiny_options

FORMS = ("gte", "gte_fixed_shift", "gte_shared", "gte_depthwise", "gte_no_conv2d")
FOREIGN = ("c3d", "gst", "gst_large", "i3d", "p3d")


def moved(name: str = "gte") -> nn.Module:
    """A network whose kernels over time have left their start."""
    model = build(name, **tiny_options(name)).eval()
    with torch.no_grad():
        for layer in shift_layers(model).values():
            layer.weight += 0.3 * torch.randn_like(layer.weight)
    return model


MIXING = ("unmixed", "own_reset")
"""Settings of kernels that mix channels."""


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_lts_can_be_set_to_everything_that_its_kernels_have(name):
    model = moved(name)
    has_one_input = name in ("gte_shared", "gte_depthwise")
    settings = [setting for setting in SETTINGS if not (has_one_input and setting in MIXING)]
    assert settings_for(model) == settings
    for layer in shift_layers(model).values():
        weights = {setting: kernels_set_to(layer, setting) for setting in settings}
        assert all(weight.shape == layer.weight.shape for weight in weights.values())
        assert torch.equal(weights["learned"], layer.weight)
        assert not weights["zero"].any()
        # One tap of one in each kernel, at its frame or at the present.
        assert torch.equal(weights["initial"].sum(dim=2), weights["identity"].sum(dim=2))
        assert not weights["identity"][:, :, [0, 2]].any()
        assert set(weights["initial"].sum(dim=(1, 2, 3)).tolist()) == {1}
        assert torch.equal(weights["present"][:, :, 1], layer.weight.detach().sum(dim=2))
        assert not weights["present"][:, :, [0, 2]].any()


def test_mixing_and_own_taps_are_removed_and_put_back_apart():
    # Four outputs of two inputs: outputs 0 and 2 read input 0, 1 and 3 input 1; the first half looks ahead.
    layer = LearnableTemporalShift(2, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(1.0, 25).view(4, 2, 3, 1))
    unmixed, reset = (kernels_set_to(layer, setting)[..., 0].tolist() for setting in MIXING)
    none, ahead, back = [0, 0, 0], [0, 0, 1], [1, 0, 0]
    assert unmixed == [[[1, 2, 3], none], [none, [10, 11, 12]], [[13, 14, 15], none], [none, [22, 23, 24]]]
    assert reset == [[ahead, [4, 5, 6]], [[7, 8, 9], ahead], [back, [16, 17, 18]], [[19, 20, 21], back]]


def test_kernels_without_an_input_of_their_own_have_no_mixing_to_remove():
    layer = next(iter(shift_layers(moved("gte_depthwise")).values()))
    with pytest.raises(ValueError, match="no setting 'mixing removed': their outputs had no single input"):
        kernels_set_to(layer, "unmixed")


def test_mirrored_taps_stand_in_the_opposite_order():
    layer = next(iter(shift_layers(moved()).values()))
    with torch.no_grad():
        layer.weight[0, 0, :, 0] = torch.tensor([1.0, 2.0, 3.0])
    assert kernels_set_to(layer, "mirrored")[0, 0, :, 0].tolist() == [3, 2, 1]


def test_a_blend_goes_from_the_start_through_what_was_learned_and_beyond():
    layer = next(iter(shift_layers(moved()).values()))
    start, learned = kernels_set_to(layer, "initial"), layer.weight.detach()
    for blend in (0, 0.5, 1, 1.5):
        torch.testing.assert_close(kernels_set_to(layer, "blend", blend), start + blend * (learned - start))
    with pytest.raises(ValueError, match=r"between 0 and 1\.5; got 2"):
        kernels_set_to(layer, "blend", 2)
    with pytest.raises(ValueError, match="set to learned, initial"):
        kernels_set_to(layer, "random")


@pytest.mark.parametrize("name", FOREIGN)
def test_other_kernels_over_time_are_mirrored_and_have_no_start(name):
    model = moved(name)
    assert settings_for(model) == ["learned", "present", "zero", "mirrored"]
    layer = next(iter(temporal_layers(model).values()))
    mirrored = kernels_set_to(layer, "mirrored")
    kernel = layer.kernel if isinstance(layer, SpatioTemporalConv) else layer.weight
    taps = mirrored.chunk(3) if isinstance(layer, SpatioTemporalConv) else mirrored.unbind(2)
    assert isinstance(kernel, torch.Tensor)
    assert all(torch.equal(one, kernel.select(2, 2 - tap)) for tap, one in enumerate(taps))
    with pytest.raises(ValueError, match="neither the layer nor its file has them before training"):
        kernels_set_to(layer, "initial")


@pytest.mark.parametrize("name", [*FORMS, *FOREIGN])
def test_mirroring_every_kernel_undoes_a_reversed_clip(name):
    law = mirror_law(moved(name), torch.rand(1, 3, 4, 32, 32))
    assert not law.exception
    assert law.difference <= 1e-5
    assert law.reversed_alone > 10 * law.difference
    assert law.finding().startswith("Reversing every kernel undoes the reversed clip")


def test_networks_outside_of_the_law_are_said_to_be():
    clip = torch.rand(1, 3, 4, 32, 32)
    tsm = mirror_law(moved("tsm"), clip)
    assert "hard shift of this network is not a kernel" in tsm.finding()
    assert tsm.difference > 1e-5
    assert "no temporal kernels" in mirror_law(moved("c2d"), clip).finding()
    assert [mixes_frames(moved(name)) for name in ("c2d", "tsm", "gte", "c3d")] == [False, True, True, True]
    assert settings_for(moved("c2d")) == []


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


def test_evidence_of_a_changed_network_is_that_of_one_that_has_the_kernels():
    model = moved()
    clip = torch.rand(1, 3, 4, 32, 32)
    changed = changes(model, shift_layers(model), "mirrored")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = grad_cam(ChangedNetwork(model, changed), clip, 0, "layer2.0")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    model.load_state_dict(changed, strict=False)
    torch.testing.assert_close(found, grad_cam(model, clip, 0, "layer2.0"), rtol=1e-5, atol=1e-7)


def test_others_who_hold_the_lock_never_see_changed_kernels():
    model, lock = moved(), threading.Lock()
    clip = torch.rand(1, 3, 4, 32, 32)
    changed = changes(model, shift_layers(model), "zero")
    expected = [answers(model, clip, weights) for weights in ({}, changed)]

    def ask(number: int) -> bool:
        weights = changed if number % 2 else {}
        with lock:
            found = answers(model, clip, weights)
        return torch.allclose(found, expected[number % 2], atol=1e-6)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(32)))


def test_eight_threads_that_change_one_network_answer_as_one_and_leave_it_bit_for_bit():
    model, lock = moved(), threading.Lock()
    network = Network(name="shared", model=model, lock=lock)
    clips = LabelledClips(dataset="motionpairs", num_clips=2, num_frames=4, size=32)
    layers = list(temporal_layers(model))
    clip = torch.rand(1, 3, 4, 32, 32)
    before = {key: value.clone() for key, value in model.state_dict().items()}

    def ask(number: int) -> list[float]:
        """One of every kind of experiment."""
        match number % 4:
            case 0:
                return layer_ablation(network, layers[:1], clips)["right"].tolist()
            case 1:
                steps = every_step(["zero", "blend"])
                return settings_accuracy(network, layers, steps, clips)["unchanged"].tolist()
            case 2:
                with lock:
                    return mirror_law(model, clip).mirrored.tolist()
            case _:
                with lock:
                    changed = changes(model, layers[:1], "mirrored")
                    return grad_cam(ChangedNetwork(model, changed), clip, 0, "layer2.0").sum(dim=(1, 2)).tolist()

    alone = [ask(number) for number in range(4)]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(ask, range(16)))
    for number, found in enumerate(together):
        assert found == pytest.approx(alone[number % 4], rel=1e-5, abs=1e-6)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_network_is_left_as_it_was_also_where_a_call_fails(setting):
    model = moved()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    changed = changes(model, temporal_layers(model), setting, 0.5)
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        answers(model, torch.rand(1, 2, 4, 32, 32), changed)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(parameter.grad is not None for parameter in model.parameters())


def test_a_stored_start_makes_the_settings_that_need_one_possible(tmp_path):
    model = moved("i3d")
    starts = initial_kernels(model)
    header = tiny_header(tmp_path / "i3d.safetensors", "i3d", model, step=3)
    with torch.no_grad():
        for layer in temporal_layers(model).values():
            assert isinstance(layer.weight, torch.Tensor)
            layer.weight += 0.1 * torch.randn_like(layer.weight)
    checkpoint.save(header.path, header, model, KernelSnapshots.start(model), kernel_init=starts)
    read = stored_starts(header.path)
    assert set(read) == set(temporal_layers(model))
    # Each output starts with many inputs, so none is its own.
    assert settings_for(model, starts=read) == [setting for setting in SETTINGS if setting not in MIXING]
    layer, start = next(iter(read.items()))
    learned = temporal_layers(model)[layer].weight
    assert isinstance(learned, torch.Tensor)
    [initial], [half], [still] = (
        changes(model, [layer], setting, 0.5, read).values() for setting in ("initial", "blend", "identity")
    )
    assert torch.equal(initial.flatten(), start.flatten())
    torch.testing.assert_close(half, (initial + learned.detach()) / 2)
    assert torch.equal(still[:, :, 1], initial.sum(dim=2))
    network = Network(name="i3d", model=model, starts=read)
    clips = LabelledClips(dataset="motionpairs", num_clips=2, num_frames=4, size=32)
    assert layer_ablation(network, [layer], clips)["setting"].tolist() == ["learned", "initial", "present", "zero"]


def test_of_kernels_that_span_space_no_start_is_stored(tmp_path):
    model = moved("c3d")
    header = tiny_header(tmp_path / "c3d.safetensors", "c3d", model, step=3)
    checkpoint.save(header.path, header, model, KernelSnapshots.start(model), kernel_init=initial_kernels(model))
    assert stored_starts(header.path) == {}
    assert stored_starts(save_tiny(tmp_path / "gte.safetensors", "gte")) == {}


@pytest.mark.parametrize("name", ["slowfast_4x16", "c3d_original"])
def test_kernels_of_other_lengths_and_networks_of_one_kind_of_layer_are_changed(name):
    model, shape = build(name, **tiny_options(name)).eval(), tiny_clip(name)
    clip = torch.rand(1, 3, shape.frames, shape.height, shape.width)
    for layer, module in temporal_layers(model).items():
        mirrored, still = kernels_set_to(module, "mirrored"), kernels_set_to(module, "present")
        assert isinstance(module.weight, torch.Tensor)
        assert torch.equal(mirrored.flip(2), module.weight), layer
        middle = module.weight.shape[2] // 2
        assert torch.equal(still.sum(dim=2), still[:, :, middle])
    law = mirror_law(model, clip)
    assert "which may differ between the two ends" in law.finding()


def test_what_has_no_kernel_over_time_cannot_be_set():
    with pytest.raises(KeyError):
        changes(moved(), ["layer1.0.conv1"], "zero")
