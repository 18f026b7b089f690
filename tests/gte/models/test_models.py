"""Contracts over the whole table of networks, and the laws and counts that hold for some of them."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from gte.models import MODELS, build, configure, to_channels_last
from gte.models.outputs import block_outputs
from gte.models.shift import shift_layers

TINY = {"depth": 26, "base_width": 16, "num_classes": 5, "dropout": 0.0}
CLIP = (2, 3, 4, 32, 40)

# 174 classes; the temporal share where the network has one; parameters in millions, with the digits they are known in.
REFERENCE_PARAMS = [
    ("c2d", None, 23.865),
    ("tsm", None, 23.865),
    ("c3d", None, 46.499),
    ("gst", 1 / 4, 21.035),
    ("gte", 1 / 2, 19.149),
    ("gte", 1 / 4, 17.970),
    ("gte", 1 / 8, 17.911),
]


@pytest.fixture(params=MODELS)
def model(request) -> nn.Module:
    torch.manual_seed(0)
    return build(request.param, **TINY)


def test_logits_are_one_row_per_clip(model):
    assert model(torch.rand(CLIP)).shape == (2, 5)


@pytest.mark.parametrize("frames", [1, 2, 3, 8])
def test_any_number_of_frames_works(model, frames):
    assert model.eval()(torch.rand(1, 3, frames, 32, 32)).isfinite().all()


def test_a_gradient_reaches_every_parameter(model):
    model(torch.rand(CLIP)).square().sum().backward()
    without = [
        name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert without == []


def test_memory_format_does_not_change_the_answer(model):
    clip = torch.rand(CLIP)
    model.eval()
    with torch.no_grad():
        plain = model(clip)
        last = to_channels_last(model)(clip.contiguous(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-5 * plain.abs().max().item())


def test_a_saved_state_gives_the_same_answer_in_a_new_network(model, request):
    name = request.node.callspec.params["model"]
    twin = build(name, **TINY)
    twin.load_state_dict(model.state_dict())
    clip = torch.rand(CLIP)
    with torch.no_grad():
        assert torch.equal(model.eval()(clip), twin.eval()(clip))


def note_shape(shapes: dict[str, tuple[int, ...]], name: str, module: nn.Module, inputs: object, out: Tensor) -> None:
    shapes[name] = tuple(out.shape)


def test_blocks_are_seen_as_clips_by_hooks(model):
    shapes: dict[str, tuple[int, ...]] = {}
    handles = [
        module.register_forward_hook(partial(note_shape, shapes, name)) for name, module in block_outputs(model).items()
    ]
    model(torch.rand(CLIP))
    for handle in handles:
        handle.remove()
    assert list(shapes) == [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert shapes["layer1.0"] == (2, 64, 4, 8, 10)
    assert shapes["layer4.1"] == (2, 512, 4, 1, 2)


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def test_options_rebuild_the_same_network(model, request):
    name = request.node.callspec.params["model"]
    assert shapes(build(name, **configure(name, **TINY).options())) == shapes(model)


def test_a_clip_that_is_too_small_or_of_another_form_is_refused_with_the_rule(model):
    with pytest.raises(ValueError, match="at least 1 x 32 x 32; got 4 x 16 x 32"):
        model(torch.rand(1, 3, 4, 16, 32))
    with pytest.raises(ValueError, match=r"A clip is \(N, 3, T, H, W\)"):
        model(torch.rand(3, 4, 32, 32))


@pytest.mark.parametrize(("name", "share", "millions"), REFERENCE_PARAMS)
def test_parameter_counts_are_the_reference_ones(name, share, millions):
    options = {} if share is None else {"temporal_share": share}
    with torch.device("meta"):
        network = build(name, num_classes=174, **options)
    params = sum(parameter.numel() for parameter in network.parameters())
    assert round(params / 1e6, 3) == millions


def test_the_order_of_frames_does_not_change_what_c2d_answers():
    network = build("c2d", **TINY).eval()
    clip = torch.rand(4, 3, 8, 32, 32)
    with torch.no_grad():
        answers, reversed_answers = network(clip), network(clip.flip(2))
    assert (answers - reversed_answers).abs().max() <= 1e-5 * answers.abs().max()


@pytest.mark.parametrize("name", sorted(MODELS.keys() - {"c2d"}))
def test_the_order_of_frames_changes_what_every_temporal_network_answers(name):
    torch.manual_seed(0)
    network = build(name, **TINY).eval()
    clip = torch.rand(4, 3, 8, 32, 32)
    with torch.no_grad():
        answers, reversed_answers = network(clip), network(clip.flip(2))
    assert (answers - reversed_answers).abs().max() > 1e-4 * answers.abs().max()


def test_gte_has_an_lts_layer_in_every_block_and_c2d_has_none():
    assert list(shift_layers(build("gte", **TINY))) == [
        f"layer{stage}.{block}.conv2.temporal.shift" for stage in (1, 2, 3, 4) for block in (0, 1)
    ]
    assert not shift_layers(build("c2d", **TINY))


def test_a_network_averages_the_logits_of_its_frames():
    network = build("c2d", **TINY).eval()
    clip = torch.rand(1, 3, 3, 32, 32)
    with torch.no_grad():
        frame_logits = torch.cat([network(clip[:, :, [frame]]) for frame in range(3)])
        torch.testing.assert_close(network(clip), frame_logits.mean(0, keepdim=True), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet", {}, "The networks are c2d, tsm, c3d, gst, gte, .*; got resnet"),
        ("c2d", {"temporal_share": 0.5}, "C2D takes the options .*; got temporal_share"),
        ("gte", {"width": 64}, "GTE takes the options .*; got width"),
        ("c2d", {"depth": 34}, "depth must be one of 26, 50, 101; got 34"),
        ("c2d", {"num_classes": 0}, "num_classes must be a whole number of at least 1; got 0"),
        ("c2d", {"dropout": 1.0}, "dropout must be at least 0 and less than 1"),
        ("gte", {"temporal_share": 1.0}, "between 0 and 1"),
        ("gte", {"base_width": 6, "temporal_share": 0.25}, "whole number of channels"),
        ("gte", {"base_width": 12, "temporal_share": 0.25}, "must be even, so that both directions exist"),
        ("gst", {"base_width": 5, "temporal_share": 0.2}, "must be even to be split in halves"),
        ("tsm", {"base_width": 12}, "shift_division must divide the 12 channels"),
        ("tsm", {"shift_division": 1}, "shift_division must be at least 2"),
    ],
)
def test_an_unknown_name_option_or_value_is_refused_with_the_rule(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, **options)
