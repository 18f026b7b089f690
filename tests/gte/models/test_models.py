"""Contracts over the whole table of networks, and the laws and counts that hold for some of them."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from gte.models import MODELS, ClipShape, build, configure, to_channels_last
from gte.models.outputs import block_outputs, recording
from gte.models.resnet import ResNetConfig
from gte.models.shift import shift_layers
from tests.tiny import LARGE, NETWORKS, tiny_clip, tiny_options

TINY = {"depth": 26, "base_width": 16, "num_classes": 5, "dropout": 0.0}

# 174 classes; the temporal share where the network has one; parameters in millions, with the digits they are known in.
REFERENCE_PARAMS = [
    ("c2d", None, 23.865),
    ("tsm", None, 23.865),
    ("c3d", None, 46.499),
    ("gst", 1 / 4, 21.035),
    ("gte", 1 / 2, 19.149),
    ("gte", 1 / 4, 17.970),
    ("gte", 1 / 8, 17.911),
    ("gte_fixed_shift", 1 / 4, 17.499),
    ("gte_no_conv2d", 1 / 4, 17.263),
    ("gte_shared", 1 / 4, 17.499),
    ("gte_depthwise", 1 / 4, 17.501),
    ("gst_large", 1 / 4, 29.523),
    ("i3d", None, 32.524),
    ("p3d", None, 27.645),
]


@pytest.fixture(params=NETWORKS)
def name(request) -> str:
    return request.param


@pytest.fixture
def model(name) -> nn.Module:
    torch.manual_seed(0)
    return build(name, **tiny_options(name, 5))


@pytest.fixture
def clip(name) -> Tensor:
    """Two clips, or one where a pass takes a second."""
    return clips(1 if name in LARGE else 2, tiny_clip(name))


def clips(number: int, shape: ClipShape) -> Tensor:
    return torch.rand(number, 3, shape.frames, shape.height, shape.width)


def test_logits_are_one_row_per_clip(name, model):
    with torch.no_grad():
        assert model(clips(2, tiny_clip(name))).shape == (2, 5)


@pytest.mark.parametrize("extra", [0, 1, 2, 7])
def test_the_smallest_clip_works_and_so_does_any_larger_number_of_frames(name, model, extra):
    smallest = MODELS[name].smallest
    clip = clips(1, replace(smallest, frames=smallest.frames + extra))
    with torch.no_grad():
        assert model.eval()(clip).isfinite().all()


def test_a_gradient_reaches_every_parameter(model, clip):
    model(clip).square().sum().backward()
    without = [
        name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert without == []


def test_memory_format_does_not_change_the_answer(model, clip):
    model.eval()
    with torch.no_grad():
        plain = model(clip)
        last = to_channels_last(model)(clip.contiguous(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-5 * plain.abs().max().item())


def test_a_saved_state_gives_the_same_answer_in_a_new_network(name, model, clip):
    twin = build(name, **tiny_options(name, 5))
    twin.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(model.eval()(clip), twin.eval()(clip))


def block_shapes(model: nn.Module, clip: Tensor) -> dict[str, tuple[int, ...]]:
    """The shape of every block's output, in the order in which the blocks ran."""
    with torch.no_grad(), recording(block_outputs(model)) as outputs:
        model(clip)
    return {name: tuple(out.shape) for name, out in outputs.items()}


def test_blocks_are_seen_as_clips_by_hooks_in_the_order_in_which_they_run(model, clip):
    shapes = block_shapes(model, clip)
    assert list(shapes) == list(block_outputs(model))
    assert len(shapes) >= 8
    for shape in shapes.values():
        assert len(shape) == 5
        assert shape[0] == len(clip)
        assert all(0 < cells <= pixels for cells, pixels in zip(shape[2:], clip.shape[2:], strict=True))


@pytest.mark.parametrize("name", [name for name, config in MODELS.items() if isinstance(config, ResNetConfig)])
def test_blocks_of_a_resnet_keep_every_frame_and_are_named_by_stage_and_number(model, clip):
    shapes = block_shapes(model, clip)
    assert list(shapes) == [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert shapes["layer1.0"] == (2, 64, 4, 8, 10)
    assert shapes["layer4.1"] == (2, 512, 4, 1, 2)


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def test_options_rebuild_the_same_network(name, model):
    assert shapes(build(name, **configure(name, **tiny_options(name, 5)).options())) == shapes(model)


@pytest.mark.parametrize("side", ["frames", "height", "width"])
def test_a_clip_that_is_too_small_is_refused_with_the_rule(name, model, side):
    smallest = MODELS[name].smallest
    too_small = replace(smallest, **{side: getattr(smallest, side) - 1})
    with pytest.raises(ValueError, match=f"at least {smallest}; got {too_small}. Give more frames or a larger size"):
        model(clips(1, too_small))


def test_a_clip_of_another_form_is_refused_with_the_rule(model):
    with pytest.raises(ValueError, match=r"A clip is \(N, 3, T, H, W\) in \[0, 1\]; got \(3, 4, 32, 32\)"):
        model(torch.rand(3, 4, 32, 32))
    with pytest.raises(ValueError, match=r"A clip is \(N, 3, T, H, W\) in \[0, 1\]; got \(1, 1, 4, 32, 32\)"):
        model(torch.rand(1, 1, 4, 32, 32))


@pytest.mark.parametrize("name", MODELS)
def test_every_row_says_who_proposed_it_and_takes_its_native_clip(name):
    config = MODELS[name]
    assert config.label
    assert config.paper
    assert config.note
    assert config.native.covers(config.smallest)
    with torch.device("meta"), torch.no_grad():
        assert config.build().eval()(clips(1, config.native)).shape == (1, 174)


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


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "c2d"])
def test_the_order_of_frames_changes_what_every_temporal_network_answers(name, model):
    shape = tiny_clip(name)
    clip = clips(1 if name in LARGE else 2, replace(shape, frames=max(8, shape.frames)))
    # In training mode every layer is rescaled by its batch; untrained and in evaluation mode little arrives at the end.
    with torch.no_grad():
        answers, reversed_answers = model.train()(clip), model(clip.flip(2))
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
        (
            "gte",
            {"base_width": 12, "temporal_share": 0.25},
            "an even number of temporal channels, so that both directions exist; got 1/4 of 12 channels, which is 3",
        ),
        ("gst", {"base_width": 5, "temporal_share": 0.2}, "must be even to be split in halves"),
        ("tsm", {"base_width": 12}, "shift_division must divide the 12 channels"),
        ("tsm", {"shift_division": 1}, "shift_division must be at least 2"),
        ("slowfast_4x16", {"base_width": 12}, "base_width must be a multiple of 8, .*; got 12"),
        ("slowfast_8x8", {"depth": 34}, "depth must be one of 26, 50, 101; got 34"),
        ("c3d_original", {"depth": 50}, "C3D, original takes the options base_width, .*; got depth"),
        ("r2plus1d", {"base_width": 16}, r"R\(2\+1\)D-18 takes the options num_classes; got base_width"),
        ("s3d", {"dropout": -1}, "dropout must be at least 0 and less than 1"),
    ],
)
def test_an_unknown_name_option_or_value_is_refused_with_the_rule(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, **options)
