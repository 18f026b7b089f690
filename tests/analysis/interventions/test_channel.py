"""One output channel: taps by hand, maps against plain loops and hooks, edits against changed weights, sentences."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from analysis.interventions.channel import (
    Edit,
    answer,
    bases_of,
    edited_row,
    follow,
    input_channels,
    layers_over_frames,
    num_kernels,
    observe,
    row_of,
    silence_each,
    taps_of,
    with_taps,
)
from analysis.interventions.channel_film import Film, Strip, effect_in_words, greys, null_in_words, scale_in_words
from analysis.interventions.effects import Effect
from gte.models import build, temporal_layers
from gte.models.operator import TemporalKernel
from gte.models.outputs import recording
from gte.models.shift import shift_layers
from tests.tiny import tiny_clip, tiny_options

WITH_LAYERS = ("gte", "gte_shared", "gte_depthwise", "gte_no_conv2d", "tsm", "gst", "c3d", "i3d", "p3d")


def moved(name: str) -> tuple[nn.Module, str, Tensor]:
    """A network whose kernels have left their start, the path of its second layer over frames, and a clip."""
    torch.manual_seed(0)
    model = build(name, **tiny_options(name)).eval()
    with torch.no_grad():
        for layer in shift_layers(model).values():
            layer.weight += 0.3 * torch.randn_like(layer.weight)
    shape = tiny_clip(name)
    return model, list(layers_over_frames(model))[1], torch.rand(1, 3, shape.frames, shape.height, shape.width)


ROW = torch.tensor([[3.0, 0.0, 0.0], [4.0, 0.0, -2.0]])[..., None]
"""Two inputs, three taps: the slices have the sizes 5, 0 and 2, and the second input is the strongest."""


def test_a_tap_is_the_size_of_a_slice_with_the_sign_of_the_strongest_input():
    assert taps_of(ROW).tolist() == [5, 0, -2]


def test_new_taps_scale_their_slices_and_a_slice_of_zeros_takes_the_shape_of_the_largest():
    changed = with_taps(ROW, (10, 1, -2))
    assert changed[..., 0].T.tolist() == [pytest.approx([6, 8]), pytest.approx([0.6, 0.8]), [0, -2]]
    assert taps_of(with_taps(ROW, (0, 0, 2))).tolist() == [0, 0, 2]
    with pytest.raises(ValueError, match="3 taps; got 2"):
        with_taps(ROW, (1, 2))


def test_a_kernel_of_zeros_has_no_shape_to_take():
    assert not with_taps(torch.zeros(2, 3, 1), (1, 1, 1)).any()


@pytest.mark.parametrize("edit", [Edit(), Edit("mirrored"), Edit(taps=(0.5, 0, -1)), Edit("untrained", (1, 2.25, 3))])
def test_an_edit_survives_its_text(edit):
    assert Edit.parse(str(edit)) == edit


@pytest.mark.parametrize("text", ["", "sideways", "1", "1,nan,0", "1,1e9,0", "1,,0"])
def test_other_texts_are_no_edits(text):
    with pytest.raises(ValueError, match="An edit is a kernel"):
        Edit.parse(text)


@pytest.mark.parametrize("name", ["gte", "gst", "c3d", "i3d"])
def test_new_taps_give_the_answer_of_the_changed_weight_and_leave_the_network_alone(name):
    model, path, clip = moved(name)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    layer = temporal_layers(model)[path]
    assert isinstance(layer, TemporalKernel)
    row = edited_row(layer, 2, Edit(taps=(0.2, -1, 0.7)))
    kernel = layer.kernel.detach().clone()
    kernel[2] = row
    expected = functional_call(model, {f"{path}.weight": layer.weight_with(kernel)}, (clip,))[0]
    assert torch.equal(answer(model, path, clip, 2, row), expected)
    assert not torch.equal(expected, model(clip)[0])
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", WITH_LAYERS)
def test_without_an_edit_and_with_taps_as_shown_the_logits_are_the_same_bit_for_bit(name):
    model, path, clip = moved(name)
    layer = layers_over_frames(model)[path]
    with torch.no_grad():
        expected = model(clip)[0]
    assert torch.equal(observe(model, path, clip).logits, expected)
    row = row_of(layer, 1)
    assert torch.equal(with_taps(row, taps_of(row).tolist()), row)
    assert torch.equal(answer(model, path, clip, 1, row), expected)


@pytest.mark.parametrize("name", WITH_LAYERS)
def test_a_silenced_output_has_a_map_of_zeros_and_the_others_keep_theirs(name):
    model, path, clip = moved(name)
    trained = observe(model, path, clip)
    row = torch.zeros_like(row_of(layers_over_frames(model)[path], 1))
    silenced = observe(model, path, clip, 1, row)
    changed = (silenced.outputs != trained.outputs).any(dim=0).flatten(1).any(dim=1).nonzero().flatten()
    channel = follow(model, path, clip, 1, trained).channel
    assert channel in changed.tolist()
    assert not silenced.outputs[:, changed].any()
    assert len(changed) == (trained.outputs.shape[1] // 2 if name == "gte_shared" else 1)


def test_the_maps_are_those_of_hooks_on_the_layer_and_the_next_convolutions():
    model, path, clip = moved("gte")
    after = path.replace(".shift", ".conv")
    watched = {name: model.get_submodule(name) for name in (path, after)}
    with torch.no_grad(), recording(watched) as outputs:
        model(clip)
    trained = observe(model, path, clip)
    assert torch.equal(trained.outputs, outputs[path])
    assert torch.equal(trained.after[after], outputs[after])
    followed = follow(model, path, clip, 3, trained)
    assert followed.after is not None
    assert followed.after[0] == after


def test_the_output_of_a_learnable_shift_is_the_sum_over_inputs_of_weights_times_shifted_inputs():
    model, path, clip = moved("gte")
    trained, weight = observe(model, path, clip), temporal_layers(model)[path].weight[2, :, :, 0].detach()
    num_frames = len(trained.inputs)
    for t in range(num_frames):
        expected = torch.zeros_like(trained.outputs[t, 2])
        for channel, taps in enumerate(weight):
            for tap, source in zip(taps, (t - 1, t, t + 1), strict=True):
                if 0 <= source < num_frames:
                    expected += tap * trained.inputs[source, channel]
        torch.testing.assert_close(trained.outputs[t, 2], expected, rtol=1e-5, atol=1e-6)


def test_a_channel_of_a_hard_shift_with_other_taps_is_the_sum_of_the_shifted_frames():
    model, path, clip = moved("tsm")
    layer = layers_over_frames(model)[path]
    assert taps_of(row_of(layer, 0)).tolist() == [0, 0, 1]
    assert bases_of(layer) == ("trained", "mirrored")
    changed = observe(model, path, clip, 0, edited_row(layer, 0, Edit(taps=(2, 0, -1))))
    x = changed.inputs[:, 0]
    expected = torch.zeros_like(x)
    expected[1:] += 2 * x[:-1]
    expected[:-1] -= x[1:]
    torch.testing.assert_close(changed.outputs[:, 0], expected)


def test_the_inputs_are_the_strongest_by_weight_and_map():
    model, path, clip = moved("gte")
    trained, layer = observe(model, path, clip), layers_over_frames(model)[path]
    norms = [float(row_of(layer, 0)[i].norm() * trained.inputs[:, i].norm()) for i in range(trained.inputs.shape[1])]
    best = sorted(range(len(norms)), key=lambda i: -norms[i])
    assert list(follow(model, path, clip, 0, trained).inputs) == best[:2]
    with pytest.raises(ValueError, match="output channels 0 to"):
        follow(model, path, clip, 99, trained)


@pytest.mark.parametrize("name", ["gte_shared", "gte_depthwise", "tsm"])
def test_a_kernel_with_one_input_says_which(name):
    model, path, clip = moved(name)
    layer, trained = layers_over_frames(model)[path], observe(model, path, clip)
    assert num_kernels(layer, trained.outputs.shape[1]) == (2 if name == "gte_shared" else trained.outputs.shape[1])
    assert len(input_channels(layer, 1, trained.inputs.shape[1])) == 1


def test_a_network_of_frames_alone_has_no_layer_to_follow():
    assert not layers_over_frames(build("c2d", **tiny_options("c2d")))


def film(after: list[float], edit: Edit, taps: tuple[float, ...]) -> Film:
    """A film of two classes, whose probability of "b" was 90 %."""
    before = torch.tensor([0.0, math.log(9)])
    maps = np.array([[[0.0, 1.0]], [[-4.0, 2.0]]], dtype=np.float32)
    return Film(
        layer="layer1.0",
        output=12,
        edit=edit,
        taps=taps,
        frames=np.zeros((2, 8, 8, 3), dtype=np.uint8),
        strips=[Strip(role="output", label="output 12", note="after the shift", maps=maps)],
        scale=4.0,
        effect=Effect(network="n", classes=("a", "b"), twins=(1, 0), before=before, after=torch.tensor(after)),
    )


def test_the_effect_is_the_probability_before_and_after_with_the_taps():
    assert effect_in_words(film([0.0, math.log(1.5)], Edit(taps=(0, 1, 0)), (0, 1, 0))) == (
        "P(b) 90 % → 60 % with the taps of output channel 12 at (0, 1, 0)."
    )
    same = effect_in_words(film([0.0, math.log(9)], Edit("mirrored"), (0, 0, 1)))
    assert same == "P(b) stays at 90 % with output channel 12 mirrored in time: nothing changes."
    silenced = effect_in_words(film([1.0, 0.0], Edit(taps=(0, 0, 0)), (0, 0, 0)))
    assert silenced.endswith("with output channel 12 silenced. The prediction is now “a”, 73.1 %.")


def test_the_null_is_the_effect_of_silencing_other_channels():
    edited = film([0.0, math.log(1.5)], Edit(taps=(0, 1, 0)), (0, 1, 0))
    # Probabilities of "b": 90 %, 80 % and 25 %, which are changes by 0, 10 and 65 points.
    others = torch.tensor([[0.0, math.log(9)], [0.0, math.log(4)], [math.log(3), 0.0]])
    assert null_in_words(edited, others) == (
        "By comparison: silencing one of 3 other output channels of this layer changes it by 10 percentage points in "
        "the median, by 65 at most; 1 of the 3 change it as much as this edit, or more."
    )
    assert null_in_words(edited, others[:1]) == (
        "By comparison: silencing one of 1 other output channels of this layer changes it by less than 0.01 percentage "
        "points; none of them changes it as much as this edit."
    )


def test_silencing_each_is_silencing_one_after_the_other():
    model, path, clip = moved("gte")
    zeros = torch.zeros_like(row_of(layers_over_frames(model)[path], 0))
    expected = torch.stack([answer(model, path, clip, output, zeros) for output in (0, 2)])
    assert torch.equal(silence_each(model, path, clip, (0, 2)), expected)


def test_greys_show_zero_as_mid_grey_and_a_quarter_of_the_scale_half_way_to_white():
    [painted] = {
        tuple(row) for row in greys(np.array([[[-4.0, 0.0, 1.0, 9.0]]], np.float32), 4.0)[0, :, ::64, 0].tolist()
    }
    assert painted == (0, 128, 191, 255)
    assert "black −4, grey 0, white 4" in scale_in_words(film([0.0, 0.0], Edit(), (0, 0, 1)))
