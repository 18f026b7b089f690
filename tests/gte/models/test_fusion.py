"""Fused networks: the same answers, no BatchNorm left where one can go, the original as it was."""

import copy
from dataclasses import astuple

import pytest
import torch
from torch import nn
from torch.func import functional_call

from gte.models import block_outputs, build, fuse
from gte.models.fusion import BATCH_NORMS, LaidOutConv, SplitBottleneck
from tests.tiny import NETWORKS, tiny_clip, tiny_options


def trained(name: str) -> nn.Module:
    """A network whose BatchNorms all do something, in eval mode."""
    network = build(name, **tiny_options(name))
    for module in network.modules():
        if isinstance(module, BATCH_NORMS):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fused_network_gives_the_same_logits_and_leaves_the_original_as_it_was(name):
    network = trained(name)
    before = copy.deepcopy(network.state_dict())
    clip = torch.rand(2, 3, *astuple(tiny_clip(name)))
    with torch.no_grad():
        expected = network(clip)
        answer = fuse(network)(clip)
    torch.testing.assert_close(answer, expected, rtol=0, atol=1e-5 * expected.abs().max().item())
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


def test_a_fused_network_answers_with_a_gradient_as_without():
    fused = fuse(trained("gte"))
    clip = torch.rand(2, 3, *astuple(tiny_clip("gte")), requires_grad=True)
    with torch.no_grad():
        expected = fused(clip)
    answer = fused(clip)
    answer.sum().backward()
    torch.testing.assert_close(answer, expected, rtol=0, atol=1e-6 * expected.abs().max().item())
    assert clip.grad is not None
    assert clip.grad.abs().sum() > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_no_batch_norm_is_left_but_behind_a_shift_alone(name):
    left = [path for path, module in fuse(trained(name)).named_modules() if isinstance(module, BATCH_NORMS)]
    # LTS has no bias to fold the BatchNorm's into.
    stay = [f"layer{stage}.{block}.bn2" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert left == (stay if name == "gte_no_conv2d" else [])


@pytest.mark.parametrize("name", ["gte", "gst"])
def test_the_entrance_of_a_block_that_splits_becomes_two_convolutions(name):
    network = trained(name)
    fused = fuse(network)
    block, split = network.get_submodule("layer2.1"), fused.get_submodule("layer2.1")
    assert isinstance(split, SplitBottleneck)
    assert split.still.weight.shape == split.moving.weight.shape
    assert split.still.out_channels * 2 == block.get_submodule("conv1").out_channels
    assert list(block_outputs(fused)) == list(block_outputs(network))


def test_the_exit_of_a_block_takes_its_shortcut_s_convolution_over():
    fused = fuse(trained("gte"))
    first, second = fused.get_submodule("layer2.0"), fused.get_submodule("layer2.1")
    # 32 channels in the middle of the second stage's bottlenecks, 64 from the stage before.
    assert first.get_parameter("exit.weight").shape == (128, 32 + 64, 1, 1)
    assert second.get_parameter("exit.weight").shape == (128, 32, 1, 1)
    assert not [path for path, _ in fused.named_modules() if "downsample" in path]


def test_a_network_in_training_mode_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"in evaluation mode.*Call eval\(\)"):
        fuse(build("gte", **tiny_options("gte")))


def test_a_weight_laid_out_once_follows_its_changes_other_sizes_and_copies():
    fused = fuse(trained("gte"))
    small, large = torch.rand(1, 3, 4, 32, 40), torch.rand(2, 3, 4, 48, 48)
    conv = next(module for module in fused.modules() if isinstance(module, LaidOutConv))
    with torch.no_grad():
        first = fused(small)
        conv.weight *= 2
        for clip in (small, large, small):
            # A copy has laid out nothing yet.
            torch.testing.assert_close(fused(clip), copy.deepcopy(fused)(clip), rtol=1e-5, atol=1e-5)
        assert not torch.allclose(fused(small), first, rtol=1e-3)
        conv.weight /= 2
        torch.testing.assert_close(fused(small), first, rtol=1e-5, atol=1e-5)
        silent = functional_call(fused, {name: torch.zeros_like(w) for name, w in fused.named_parameters()}, (small,))
        assert not silent.any()
        torch.testing.assert_close(fused(small), first, rtol=1e-5, atol=1e-5)
