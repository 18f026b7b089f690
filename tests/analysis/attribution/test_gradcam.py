"""Evidence: Grad-CAM worked out by hand on a toy network, its laws on real ones, and what it leaves behind."""

import pytest
import torch
from captum.attr import LayerGradCam

from analysis.attribution.evidence import preselect_layer, top_classes
from analysis.attribution.gradcam import grad_cam, map_shapes
from gte.models import ClipShape, build, to_channels_last
from gte.models.outputs import block_outputs, recording
from tests.analysis.attribution.toys import CLIP, TINY, TOY_CLIP, Toy, assert_unchanged, evidence, state_of
from tests.tiny import NETWORKS, tiny_clip, tiny_model, tiny_options


def test_weights_per_clip_are_gradients_averaged_over_time_and_space_with_relu():
    toy = Toy().eval()
    found = grad_cam(toy, TOY_CLIP, 1, "layer")
    # Means of the gradients: 2 and -1. 2 (1, 2) - (3, 0) = (-1, 4), and 2 (3, 4) - (1, 5) = (5, 3).
    assert found.tolist() == [[[0, 4]], [[5, 3]]]


def test_weights_per_frame_are_gradients_averaged_over_space_alone_with_relu():
    toy = Toy().eval()
    found = grad_cam(toy, TOY_CLIP, 1, "layer", per_frame=True)
    # Means in the first frame: 2 and -2, in the second: 2 and 0. 2 (1, 2) - 2 (3, 0) = (-4, 4), and 2 (3, 4) = (6, 8).
    assert found.tolist() == [[[0, 4]], [[6, 8]]]


@pytest.mark.parametrize("per_frame", [False, True])
def test_a_class_that_nothing_speaks_for_has_no_evidence(per_frame):
    toy = Toy().eval()
    assert grad_cam(toy, TOY_CLIP, 0, "layer", per_frame=per_frame).tolist() == [[[0, 0]], [[0, 0]]]


def test_a_contrast_takes_the_gradients_of_the_difference_of_two_logits():
    toy = Toy().eval()
    found = grad_cam(toy, TOY_CLIP, 0, "layer", contrast=1)
    # Nothing speaks for class 0, but what speaks against class 1 does: means -2 and 1, so (1, -4) and (-5, -3).
    assert found.tolist() == [[[1, 0]], [[0, 0]]]


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return {name: to_channels_last(build(name, **TINY).eval()) for name in ("gte", "c2d")}


@pytest.fixture
def clip():
    return torch.rand(1, 3, CLIP.frames, CLIP.height, CLIP.width)


def by_a_plain_loop(activation, gradient, per_frame):
    """Grad-CAM of one clip, channel by channel and frame by frame."""
    expected = torch.zeros(activation.shape[2:])
    for channel in range(activation.shape[1]):
        for frame in range(activation.shape[2]):
            averaged = gradient[0, channel, frame] if per_frame else gradient[0, channel]
            expected[frame] += averaged.mean() * activation[0, channel, frame]
    return expected.relu()


@pytest.mark.parametrize("name", NETWORKS)
def test_grad_cam_equals_a_plain_loop_over_channels(name):
    network, target, shape = to_channels_last(tiny_model(name, 5).eval()), 3, tiny_clip(name)
    clip = torch.rand(1, 3, shape.frames, shape.height, shape.width)
    shapes = map_shapes(name, tiny_options(name, 5), shape)
    assert list(shapes) == list(block_outputs(network))
    nothing_found = True
    for layer in (next(iter(shapes)), preselect_layer(shapes)):
        with recording(block_outputs(network)) as outputs:
            logits = network(clip)
        activation = outputs[layer]
        (gradient,) = torch.autograd.grad(logits[0, target], activation)
        for per_frame in (False, True):
            expected = by_a_plain_loop(activation.detach(), gradient, per_frame)
            evidence = grad_cam(network, clip, target, layer, per_frame=per_frame)
            torch.testing.assert_close(evidence, expected, atol=1e-6 * expected.abs().max().item(), rtol=1e-4)
            assert evidence.shape == shapes[layer]
            nothing_found &= not evidence.any()
    assert not nothing_found


@pytest.mark.parametrize("name", ["slowfast_4x16", "slowfast_8x8"])
def test_both_pathways_of_slowfast_are_offered_and_the_slow_one_is_preselected(name):
    frames, slow_frames = ClipShape(32, 224, 224), {"slowfast_4x16": 4, "slowfast_8x8": 8}[name]
    shapes = map_shapes(name, {}, frames)
    assert (shapes["fast.layer4.2"], shapes["slow.layer4.2"]) == ((32, 7, 7), (slow_frames, 7, 7))
    assert preselect_layer(shapes) == "slow.layer4.2"


@pytest.mark.parametrize("per_frame", [False, True])
def test_c2d_finds_the_same_evidence_in_a_reversed_clip_in_reversed_order(per_frame, networks, clip):
    forward, backward = (
        grad_cam(networks["c2d"], seen, 1, "layer3.1", per_frame=per_frame) for seen in (clip, clip.flip(2))
    )
    torch.testing.assert_close(backward.flip(0), forward, atol=1e-6 * forward.max().item(), rtol=1e-4)


@pytest.mark.parametrize("per_frame", [False, True])
def test_a_network_whose_parameters_are_frozen_stays_so_and_gives_the_same_evidence(per_frame, clip):
    network = build("gte", **TINY).eval()
    learnable = grad_cam(network, clip, 0, "layer2.0", per_frame=per_frame)
    network.requires_grad_(False)
    frozen = grad_cam(network, clip, 0, "layer2.0", per_frame=per_frame)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(frozen, learnable)


@pytest.mark.parametrize("per_frame", [False, True])
def test_nothing_stays_behind_when_the_network_fails_half_way(per_frame, networks, clip):
    network = networks["gte"]
    before = state_of(network)
    with pytest.raises(ValueError, match="The classes are numbered 0 to 4; got 5"):
        grad_cam(network, clip, 5, "layer2.0", per_frame=per_frame)
    with pytest.raises(ValueError, match="at least 1 x 32 x 32"):
        grad_cam(network, clip[..., :16], 0, "layer2.0", per_frame=per_frame)
    assert_unchanged(network, before)
    assert torch.is_grad_enabled()


def test_impossible_choices_are_refused_with_the_rule(networks, clip):
    with pytest.raises(ValueError, match=r"layer1.0, layer1.1, .*; got conv1"):
        grad_cam(networks["gte"], clip, 0, "conv1")
    with pytest.raises(ValueError, match="evaluation mode"):
        grad_cam(build("gte", **TINY), clip, 0, "layer1.0")


@pytest.mark.parametrize("contrast", [None, 2])
def test_grad_cam_equals_captum_s(contrast, networks, clip):
    network = networks["gte"]
    module = block_outputs(network)["layer2.1"]

    def score(pixels):
        logits = network(pixels)
        return logits[:, 1] - (0 if contrast is None else logits[:, contrast])

    expected = LayerGradCam(score, module).attribute(clip, relu_attributions=True)
    assert isinstance(expected, torch.Tensor)
    found = grad_cam(network, clip, 1, "layer2.1", contrast=contrast)
    torch.testing.assert_close(found, expected.detach()[0, 0], atol=1e-6 * expected.max().item(), rtol=1e-4)


def test_map_shapes_are_those_of_the_evidence(networks, clip):
    shapes = map_shapes("gte", TINY, CLIP)
    assert list(shapes) == list(block_outputs(networks["gte"]))
    assert shapes["layer1.0"] == (4, 8, 8)
    for layer in ("layer1.0", "layer2.1", "layer4.1"):
        assert grad_cam(networks["gte"], clip, 0, layer).shape == shapes[layer]


def test_preselected_layer_is_the_last_with_a_map_of_at_least_7_by_7():
    assert preselect_layer(map_shapes("gte", TINY, ClipShape(2, 112, 112))) == "layer3.1"
    assert preselect_layer({"a": (8, 14, 14), "b": (8, 7, 7), "c": (8, 7, 6)}) == "b"


def test_preselected_layer_of_a_small_clip_is_the_last_of_the_finest():
    assert preselect_layer({"a": (4, 6, 6), "b": (4, 6, 6), "c": (4, 3, 3)}) == "b"
    with pytest.raises(ValueError, match="has none"):
        preselect_layer({})


def test_frame_shares_sum_to_one():
    shares = evidence([[[1, 0], [1, 0]], [[0, 0], [0, 0]], [[3, 1], [1, 1]]]).frame_shares()
    assert shares.tolist() == [0.25, 0, 0.75]


def test_frame_shares_of_a_coarser_map_are_interpolated_in_time():
    found = evidence([[[1.0]], [[3.0]]], num_frames=4)
    # Two steps over four frames: 1, 1 + 2/4, 3 - 2/4, 3, of 8.
    assert found.frame_shares().tolist() == [0.125, 0.1875, 0.3125, 0.375]
    words = "2 steps for 4 frames, centred on frames 1.5 and 3.5, interpolated linearly between them"
    assert found.card("net", ("a", "b"))["time"] == words


def test_upsampled_evidence_is_normalised_once_per_clip_and_not_per_frame():
    found = evidence([[[1.0]], [[4.0]]])
    assert found.upsampled(2, 2, 2).amax(dim=(1, 2)).tolist() == [0.25, 1]
    # Between two steps of a coarser map it is interpolated.
    assert found.upsampled(4, 1, 1).flatten().tolist() == [0.25, 0.4375, 0.8125, 1]


def test_upsampled_evidence_on_a_shared_scale_keeps_the_proportion_and_clips():
    found = evidence([[[1.0]], [[4.0]]])
    assert found.upsampled(2, 1, 1, maximum=8).flatten().tolist() == [0.125, 0.5]
    assert found.upsampled(2, 1, 1, maximum=2).flatten().tolist() == [0.5, 1]


def test_evidence_too_small_to_be_squared_is_still_normalised():
    assert evidence([[[1e-38]], [[4e-38]]]).upsampled(2, 1, 1).flatten().tolist() == pytest.approx([0.25, 1])


def test_no_evidence_is_said_and_gives_zeros_instead_of_nan():
    nothing = evidence([[[0.0]], [[0.0]]])
    assert nothing.is_empty
    assert nothing.frame_shares().tolist() == [0, 0]
    assert not nothing.upsampled(2, 3, 3).any()
    assert nothing.finding() == "Grad-CAM finds no evidence for this class in layer3.1; another method or layer may."
    card = nothing.card("net", ("a", "b"))
    assert (card["peak value"], card["normalisation"]) == ("0", "none: no evidence by this method")


@pytest.mark.parametrize(
    ("per_frame", "sentence"),
    [
        ([1, 1, 6, 5, 1, 1], "73.3 % of its evidence is in frames 3–4: 2.2 times an even share."),
        ([0, 0, 0, 9], "100 % of its evidence is in frame 4: 4.0 times an even share."),
        ([2, 1], "66.7 % of its evidence is in frame 1: 1.3 times an even share."),
        ([1, 1, 1], "Its evidence is evenly spread: 1.0 to 1.0 times an even share in each frame."),
        # Five of these eight frames hold what two thirds ask for, hardly more than five of any eight.
        ([3, 3, 3, 3, 3, 1, 3, 3], "13.6 % of its evidence is in frame 1, its peak: 1.1 times an even share."),
        ([3, 1, 1, 1, 1, 1, 1, 5], "35.7 % of its evidence is in frame 8, its peak: 2.9 times an even share."),
        ([1, 0, 1], "50 % of its evidence is in frame 1, its peak: 1.5 times an even share."),
        # Six of these eight frames hold 75.5 %, and would of any even evidence hold 75 %.
        ([1, 1, 1, 1.05, 1, 1, 1, 1], "Its evidence is evenly spread: 1.0 to 1.0 times an even share in each frame."),
        ([1], "The clip has one frame, which has all of its evidence."),
    ],
)
def test_finding_names_the_fewest_frames_with_two_thirds_of_the_evidence_and_an_even_share(per_frame, sentence):
    assert evidence([[[float(value)]] for value in per_frame]).finding() == sentence


def test_card_says_in_words_what_was_asked_and_how():
    assert evidence([[[0.0, 12.345]]] * 8).card("gte-tiny", ("moves left", "moves right")) == {
        "network": "gte-tiny",
        "layer": "layer3.1",
        "class": "moves right",
        "method": "Grad-CAM",
        "weighting": "in one way",
        "map": "8 x 1 x 2 cells, 1 x 1 pixels apart, interpolated linearly between their centres",
        "time": "8 steps for 8 frames, one each",
        "peak value": "12.3",
        "normalisation": "once per clip",
    }


def test_top_classes_are_ranked_by_probability():
    logits = torch.tensor([[0.0, 2.0, 1.0]]).log()
    first, second = top_classes(logits, ("a", "b", "c"), k=2)
    assert (first.index, first.name, first.probability) == (1, "b", pytest.approx(2 / 3))
    assert (second.index, second.name, second.probability) == (2, "c", pytest.approx(1 / 3))
    assert [score.name for score in top_classes(logits[0], ("a", "b", "c"))] == ["b", "c", "a"]


def test_top_classes_refuse_logits_of_several_clips_or_of_another_network():
    with pytest.raises(ValueError, match="One clip has 3 logits"):
        top_classes(torch.zeros(2, 3), ("a", "b", "c"))
    with pytest.raises(ValueError, match="One clip has 2 logits"):
        top_classes(torch.zeros(3), ("a", "b"))
