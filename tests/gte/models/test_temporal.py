"""The temporal operators against plain loops, against torch's Conv3d and against numbers worked out by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gte.models.designs import GroupedTemporalEnhancement
from gte.models.shift import LearnableTemporalShift, fold, temporal_shift, temporal_shift_weight, unfold
from gte.models.temporal import SpatioTemporalConv


def shift_by_loop(clip: Tensor, outputs: int) -> Tensor:
    """A temporal shift, one output and one frame after the other: the first half reads ahead, the second back."""
    batch, channels, frames, height, width = clip.shape
    shifted = torch.zeros(batch, outputs, frames, height, width)
    for output in range(outputs):
        step = 1 if output < outputs // 2 else -1
        for frame in range(frames):
            if 0 <= frame + step < frames:
                shifted[:, output, frame] = clip[:, output % channels, frame + step]
    return shifted


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 4), (8, 8), (4, 8), (3, 10), (1, 2)])
@pytest.mark.parametrize("frames", [1, 2, 8])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last_3d])
def test_lts_at_initialisation_is_a_temporal_shift_bit_for_bit(inputs, outputs, frames, memory_format):
    clip = torch.randn(2, inputs, frames, 5, 7).contiguous(memory_format=memory_format)
    shift = LearnableTemporalShift(inputs, outputs)
    shifted = unfold(shift(fold(clip), frames), frames)
    assert torch.equal(shifted, shift_by_loop(clip, outputs))


def test_lts_at_initialisation_is_what_tsm_does_to_its_shifted_channels():
    clip = torch.randn(2, 8, 5, 3, 3)
    by_lts = unfold(LearnableTemporalShift(8, 8)(fold(clip), 5), 5)
    assert torch.equal(by_lts, temporal_shift(clip, 4))


def test_lts_weighs_previous_current_and_next_frame_by_its_three_taps():
    shift = LearnableTemporalShift(1, 2)
    with torch.no_grad():
        shift.weight[0, 0, :, 0] = torch.tensor([2.0, 3.0, 5.0])
    clip = torch.tensor([1.0, 10.0, 100.0]).view(1, 1, 3, 1, 1)
    shifted = unfold(shift(fold(clip), 3), 3)
    # Frame 0: 3·1 + 5·10; frame 1: 2·1 + 3·10 + 5·100; frame 2: 2·10 + 3·100.
    assert shifted[0, 0].flatten().tolist() == [53.0, 532.0, 320.0]
    # Output 1 still looks back.
    assert shifted[0, 1].flatten().tolist() == [0.0, 1.0, 10.0]


def test_trained_lts_equals_a_3d_convolution_without_bias():
    shift = LearnableTemporalShift(6, 4)
    nn.init.normal_(shift.weight)
    clip = torch.randn(2, 6, 5, 4, 3)
    expected = functional.conv3d(clip, shift.weight[..., None], padding=(1, 0, 0))
    torch.testing.assert_close(unfold(shift(fold(clip), 5), 5), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_spatio_temporal_convolution_equals_conv3d(frames, stride):
    conv = SpatioTemporalConv(3, 4, stride)
    clip = torch.randn(2, 3, frames, 7, 6, requires_grad=True)
    ours = unfold(conv(fold(clip), frames), frames)
    theirs = functional.conv3d(clip, conv.kernel, stride=(1, stride, stride), padding=1)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    (ours_gradient,) = torch.autograd.grad(ours.square().sum(), clip, retain_graph=True)
    (theirs_gradient,) = torch.autograd.grad(theirs.square().sum(), clip)
    torch.testing.assert_close(ours_gradient, theirs_gradient, rtol=1e-4, atol=1e-4)


def test_folding_and_lts_on_channels_last_memory_are_views():
    clip = torch.randn(2, 6, 4, 5, 3).contiguous(memory_format=torch.channels_last_3d)
    frames = fold(clip)
    assert frames.data_ptr() == clip.data_ptr()
    assert frames.is_contiguous(memory_format=torch.channels_last)
    assert unfold(frames, 4).data_ptr() == clip.data_ptr()
    # The half that the temporal path reads is viewed too, with its pixels flattened.
    assert unfold(frames[:, 3:], 4).flatten(3).data_ptr() == clip[:, 3:].data_ptr()


def test_temporal_shift_moves_the_first_channels_ahead_and_the_next_back():
    clip = torch.arange(1.0, 13.0).view(1, 4, 3, 1, 1)
    assert temporal_shift(clip, 1).flatten(2).squeeze(0).tolist() == [
        [2.0, 3.0, 0.0],
        [0.0, 4.0, 5.0],
        [7.0, 8.0, 9.0],
        [10.0, 11.0, 12.0],
    ]


def test_the_gradient_of_a_temporal_shift_is_that_of_finite_differences():
    clip = torch.randn(1, 5, 3, 1, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: temporal_shift(x, 2), clip)
    assert torch.autograd.gradgradcheck(lambda x: temporal_shift(x, 2), clip)


def test_temporal_shift_of_more_than_all_channels_is_refused():
    with pytest.raises(ValueError, match="at most half of the channels each way; got 3 of 4"):
        temporal_shift(torch.zeros(1, 4, 2, 1, 1), 3)


def test_shift_weight_with_an_odd_number_of_outputs_is_refused():
    with pytest.raises(ValueError, match=r"even number of outputs.*got 3"):
        temporal_shift_weight(3, 4)


@pytest.mark.parametrize(
    ("share", "rule"), [(0.0, "between 0 and 1"), (1.0, "between 0 and 1"), (1 / 128, "whole number")]
)
def test_a_temporal_share_that_leaves_a_path_without_channels_is_refused(share, rule):
    with pytest.raises(ValueError, match=rule):
        GroupedTemporalEnhancement(temporal_share=share).build_conv2(64, 1)


def test_a_temporal_share_with_one_direction_missing_is_refused():
    with pytest.raises(ValueError, match="both directions exist"):
        GroupedTemporalEnhancement(temporal_share=3 / 64).build_conv2(64, 1)
