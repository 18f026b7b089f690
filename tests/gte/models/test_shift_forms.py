"""The other forms of the learnable shift, and the designs built from them, against plain loops and Conv3d."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gte.models import build
from gte.models.designs import (
    GroupedSpatioTemporalLarge,
    GroupedTemporalEnhancement,
    Separable,
    WithDepthwiseShift,
    WithFixedShift,
    WithoutConv2d,
    WithSharedShift,
)
from gte.models.shift import (
    DepthwiseTemporalShift,
    FixedTemporalShift,
    LearnableTemporalShift,
    SharedTemporalShift,
    fold,
    shift_directions,
    shift_layers,
    temporal_shift,
    unfold,
)
from gte.models.temporal import (
    ShiftAlone,
    ShiftedFrameConv,
    SideBySideConv,
    SpatialThenTemporal,
    SpatioTemporalConv,
    TemporalConv,
    temporal_layers,
    time_kernel,
)

FORMS = [LearnableTemporalShift, FixedTemporalShift, DepthwiseTemporalShift, SharedTemporalShift]
TINY = {"depth": 26, "base_width": 16, "num_classes": 3, "dropout": 0.0}


def depthwise_by_loop(clip: Tensor, kernels: Tensor) -> Tensor:
    """Each output's own three taps on the input that it reads, one frame after the other."""
    batch, channels, frames, height, width = clip.shape
    mixed = torch.zeros(batch, len(kernels), frames, height, width)
    for output, taps in enumerate(kernels.reshape(-1, 3).tolist()):
        for frame in range(frames):
            for step, tap in zip((-1, 0, 1), taps, strict=True):
                if 0 <= frame + step < frames:
                    mixed[:, output, frame] += tap * clip[:, output % channels, frame + step]
    return mixed


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("inputs", "outputs"), [(8, 4), (8, 8), (4, 8)])
def test_every_form_is_the_hard_shift_before_training_bit_for_bit(form, inputs, outputs):
    clip = torch.randn(2, inputs, 4, 3, 5)
    shifted = unfold(form(inputs, outputs)(fold(clip), 4), 4)
    channels = torch.arange(outputs) % inputs
    assert torch.equal(shifted, temporal_shift(clip[:, channels], outputs // 2))


@pytest.mark.parametrize("form", FORMS)
def test_an_identity_share_of_a_half_leaves_a_quarter_for_each_direction(form):
    clip = torch.randn(2, 8, 4, 3, 5)
    shifted = unfold(form(8, 8, identity_share=0.5)(fold(clip), 4), 4)
    assert torch.equal(shifted, temporal_shift(clip, 2))
    assert torch.equal(shifted[:, 4:], clip[:, 4:])


def test_directions_come_ahead_first_then_back_then_those_that_stay():
    assert shift_directions(8, 0.5).tolist() == [2, 2, 0, 0, 1, 1, 1, 1]
    assert shift_directions(4).tolist() == [2, 2, 0, 0]


@pytest.mark.parametrize("share", [0.25, 0.4])
def test_an_identity_share_that_leaves_an_odd_number_to_shift_is_refused(share):
    with pytest.raises(ValueError, match="even number of outputs that shift"):
        shift_directions(4, share)
    with pytest.raises(ValueError, match="both directions exist"):
        GroupedTemporalEnhancement(identity_share=share).build_conv2(16, 1)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_an_identity_share_outside_its_range_is_refused(share):
    with pytest.raises(ValueError, match="identity_share must be at least 0 and less than 1"):
        GroupedTemporalEnhancement(identity_share=share)


def test_a_trained_depthwise_shift_is_its_kernels_one_output_at_a_time():
    shift = DepthwiseTemporalShift(3, 8)
    nn.init.normal_(shift.weight)
    clip = torch.randn(2, 3, 5, 2, 3)
    expected = depthwise_by_loop(clip, shift.weight.detach())
    torch.testing.assert_close(unfold(shift(fold(clip), 5), 5), expected, rtol=1e-5, atol=1e-6)


def test_a_trained_shared_shift_has_six_numbers_one_kernel_for_each_direction():
    shift = SharedTemporalShift(8, 8, identity_share=0.5)
    nn.init.normal_(shift.weight)
    assert shift.weight.numel() == 6
    clip = torch.randn(2, 8, 5, 2, 3)
    ahead, back = shift.weight.detach().reshape(2, 3)
    stay = torch.tensor([0.0, 1.0, 0.0])
    kernels = torch.stack([ahead, ahead, back, back, stay, stay, stay, stay])
    mixed = unfold(shift(fold(clip), 5), 5)
    torch.testing.assert_close(mixed, depthwise_by_loop(clip, kernels), rtol=1e-5, atol=1e-6)


def test_a_fixed_shift_is_saved_and_does_not_learn():
    network = build("gte_fixed_shift", **TINY)
    layers = shift_layers(network)
    assert len(layers) == 8
    assert all(f"{name}.weight" in network.state_dict() for name in layers)
    assert not [name for name, _ in network.named_parameters() if name.endswith("shift.weight")]


@pytest.mark.parametrize("stride", [1, 2])
def test_a_shift_alone_reads_every_stride_th_pixel_as_a_3d_convolution_does(stride):
    shift = LearnableTemporalShift(6, 4)
    nn.init.normal_(shift.weight)
    clip = torch.randn(2, 6, 5, 7, 6)
    expected = functional.conv3d(clip, shift.weight[..., None], stride=(1, stride, stride), padding=(1, 0, 0))
    mixed = unfold(ShiftAlone(shift, stride)(fold(clip), 5), 5)
    torch.testing.assert_close(mixed, expected, rtol=1e-5, atol=1e-6)


def test_a_temporal_convolution_equals_conv3d():
    conv = TemporalConv(6, 4)
    clip = torch.randn(2, 6, 5, 4, 3)
    expected = functional.conv3d(clip, conv.weight[..., None], padding=(1, 0, 0))
    torch.testing.assert_close(unfold(conv(fold(clip), 5), 5), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_separable_design_is_two_3d_convolutions_with_batch_norm_and_relu_between(stride):
    conv = Separable().build_conv2(6, stride).eval()
    assert isinstance(conv, SpatialThenTemporal)
    assert conv.bn.running_mean is not None
    assert conv.bn.running_var is not None
    nn.init.uniform_(conv.bn.running_mean, -0.2, 0.2)
    nn.init.uniform_(conv.bn.running_var, 0.5, 2)
    clip = torch.randn(2, 6, 5, 7, 6)
    still = functional.conv3d(clip, conv.spatial.weight[:, :, None], stride=(1, stride, stride), padding=(0, 1, 1))
    between = functional.batch_norm(
        still, conv.bn.running_mean, conv.bn.running_var, conv.bn.weight, conv.bn.bias
    ).relu()
    expected = functional.conv3d(between, conv.temporal.weight[..., None], padding=(1, 0, 0))
    torch.testing.assert_close(unfold(conv(fold(clip), 5), 5), expected, rtol=1e-5, atol=1e-5)


def test_both_paths_of_gst_large_read_all_channels():
    conv = GroupedSpatioTemporalLarge(temporal_share=1 / 4).build_conv2(8, 1)
    assert isinstance(conv, SideBySideConv)
    assert isinstance(conv.temporal, SpatioTemporalConv)
    clip = torch.randn(2, 8, 3, 4, 4)
    still = functional.conv3d(clip, conv.spatial.weight[:, :, None], padding=(0, 1, 1))
    moving = functional.conv3d(clip, conv.temporal.kernel, padding=1)
    expected = torch.cat([still, moving], 1)
    torch.testing.assert_close(unfold(conv(fold(clip), 3), 3), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("design", "channels"),
    [
        # Halves of 8 channels: 3x3 from 8 to 12, the shift from 8 to 4, and behind it 3x3 from 4 to 4.
        (GroupedTemporalEnhancement, 9 * 8 * 12 + 3 * 8 * 4 + 9 * 4 * 4),
        (WithFixedShift, 9 * 8 * 12 + 9 * 4 * 4),
        (WithSharedShift, 9 * 8 * 12 + 6 + 9 * 4 * 4),
        (WithDepthwiseShift, 9 * 8 * 12 + 3 * 4 + 9 * 4 * 4),
        (WithoutConv2d, 9 * 8 * 12 + 3 * 8 * 4),
    ],
)
def test_each_form_of_gte_learns_as_many_numbers_as_counted_by_hand(design, channels):
    conv = design(temporal_share=1 / 4).build_conv2(16, 1)
    assert sum(parameter.numel() for parameter in conv.parameters()) == channels


@pytest.mark.parametrize("name", ["gst", "gst_large", "gte", "gte_shared", "gte_depthwise", "gte_no_conv2d"])
@pytest.mark.parametrize("share", [1 / 2, 1 / 4, 1 / 8, 1 / 16])
def test_the_temporal_share_is_the_share_of_outputs_that_the_temporal_path_makes(name, share):
    conv = build(name, **TINY | {"base_width": 32}, temporal_share=share).get_submodule("layer1.0.conv2")
    x = torch.randn(4, 32, 6, 6)
    temporal = conv.get_submodule("temporal")(x if name == "gst_large" else x[:, 16:], 4)
    assert temporal.shape[1] == share * conv(x, 4).shape[1]


@pytest.mark.parametrize(("depth", "shifted"), [(50, "all"), (101, "every second")])
def test_tsm_shifts_every_block_and_of_a_deep_network_every_second_one(depth, shifted):
    with torch.device("meta"):
        network = build("tsm", depth=depth)
    for stage in (1, 2, 3, 4):
        blocks = list(network.get_submodule(f"layer{stage}").children())
        found = [isinstance(block.get_submodule("conv1"), ShiftedFrameConv) for block in blocks]
        assert found == [shifted == "all" or number % 2 == 0 for number in range(len(blocks))]


@pytest.mark.parametrize("name", ["c3d", "gst", "gst_large", "i3d", "p3d", "gte", "gte_no_conv2d"])
def test_the_time_kernel_is_a_layer_s_answer_to_what_does_not_vary_in_space(name):
    network = build(name, **TINY)
    for layer in temporal_layers(network).values():
        kernel = time_kernel(layer)
        clip = torch.randn(1, kernel.shape[1], 5, 1, 1).expand(-1, -1, -1, 5, 5)
        answer = unfold(layer(fold(clip), 5), 5)
        expected = functional.conv2d(clip[:, :, :, 2, 2, None], kernel, padding=(1, 0))
        # The middle pixel of an inner frame sees no border; with a stride it is still in the middle.
        middle = answer.shape[-1] // 2
        torch.testing.assert_close(
            answer[:, :, :, middle, middle], expected[..., 0], rtol=1e-4, atol=1e-4 * expected.abs().max().item()
        )


def test_a_layer_without_a_kernel_over_frames_has_no_time_kernel():
    with pytest.raises(ValueError, match="kernel over frames was expected; got ReLU"):
        time_kernel(nn.ReLU())
