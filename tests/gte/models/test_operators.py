"""Contracts over every temporal operator that a network of the table has."""

import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gte.models import MODELS, build
from gte.models.operator import TemporalKernel, TemporalOperator
from gte.models.resnet import Bottleneck, ResNetConfig
from gte.models.temporal import kernel_shape, mixes_frames, temporal_layers, time_kernel
from tests.tiny import tiny_options

FRAMES = 5


@dataclass
class Case:
    """An operator with random weights, in evaluation mode, and the number of channels that it reads."""

    operator: TemporalOperator
    channels: int = 0

    def frames(self, **options: Any) -> Tensor:
        return torch.rand(FRAMES, self.channels, 5, 5, **options)


def cases() -> dict[str, Case]:
    """Every operator in the second block of each ResNet of the table."""
    noted: dict[str, Case] = {}

    def note(name: str, module: nn.Module, inputs: tuple[Tensor, int]) -> None:
        noted[name].channels = inputs[0].shape[1]

    for name, config in MODELS.items():
        if isinstance(config, ResNetConfig):
            torch.manual_seed(0)
            block = build(name, **tiny_options(name)).get_submodule("layer1.1").eval()
            assert isinstance(block, Bottleneck)
            for tensor in block.state_dict().values():
                if tensor.is_floating_point():
                    nn.init.uniform_(tensor, 0.5, 1.5)
            for path, module in block.named_modules():
                if isinstance(module, TemporalOperator):
                    noted[f"{name}: {path}"] = Case(module)
                    module.register_forward_pre_hook(partial(note, f"{name}: {path}"))
            with torch.no_grad():
                block(torch.rand(FRAMES, block.conv3.out_channels, 5, 5), FRAMES)
    return noted


CASES = cases()
KERNELS = [name for name, case in CASES.items() if isinstance(case.operator, TemporalKernel)]


@pytest.fixture(params=CASES)
def case(request) -> Case:
    return copy.deepcopy(CASES[request.param])


@pytest.fixture(params=KERNELS)
def kernel_case(request) -> tuple[Case, TemporalKernel]:
    case = copy.deepcopy(CASES[request.param])
    assert isinstance(case.operator, TemporalKernel)
    return case, case.operator


def reads(case: Case) -> Tensor:
    """Which frames, rows and columns of the input count for the middle of the output."""
    frames = case.frames(requires_grad=True)
    case.operator(frames, FRAMES)[FRAMES // 2, :, 2, 2].sum().backward()
    assert frames.grad is not None
    return frames.grad.abs().sum(1) > 0


def test_an_operator_reads_other_frames_exactly_if_it_or_a_part_says_so(case):
    assert (reads(case).any((1, 2)).sum() > 1) == any(map(mixes_frames, case.operator.modules()))


def test_the_kernel_shape_is_what_the_middle_of_the_output_depends_on(kernel_case):
    case, operator = kernel_case
    extent = tuple(int(reads(case).any(dim=others).sum()) for others in ((1, 2), (0, 2), (0, 1)))
    assert extent == operator.kernel_shape == kernel_shape(operator)


def test_a_weight_with_the_operator_s_own_kernel_is_its_own_weight(kernel_case):
    _, operator = kernel_case
    assert torch.equal(operator.weight_with(operator.kernel), operator.weight)


def test_the_time_kernel_is_the_kernel_summed_over_space(kernel_case):
    _, operator = kernel_case
    expected = operator.kernel.flatten(3).sum(3)
    torch.testing.assert_close(time_kernel(operator).squeeze(3), expected, rtol=1e-6, atol=0)


def test_a_mirrored_kernel_answers_the_reversed_clip_in_reverse(kernel_case):
    case, operator = kernel_case
    frames = case.frames()
    with torch.no_grad():
        expected = operator(frames, FRAMES)
        operator.weight.copy_(operator.weight_with(operator.kernel.flip(2)))
        answer = operator(frames.flip(0), FRAMES).flip(0)
    torch.testing.assert_close(answer, expected, rtol=1e-5, atol=1e-5)


def test_an_initial_kernel_has_the_shape_of_the_kernel(kernel_case):
    _, operator = kernel_case
    initial = operator.initial_kernel()
    assert initial is None or initial.shape == operator.kernel.shape


def test_absorbing_scales_and_shifts_the_outputs_or_changes_nothing(case):
    operator, frames = case.operator, case.frames()
    before = copy.deepcopy(operator.state_dict())
    with torch.no_grad():
        expected = operator(frames, FRAMES)
        scale, shift = torch.rand(expected.shape[1]) + 0.5, torch.rand(expected.shape[1])
        if operator.absorb(scale, shift):
            expected = expected * scale[:, None, None] + shift[:, None, None]
        else:
            assert all(torch.equal(tensor, before[key]) for key, tensor in operator.state_dict().items())
        torch.testing.assert_close(operator(frames, FRAMES), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, config in MODELS.items() if isinstance(config, ResNetConfig)])
def test_an_inflated_state_has_names_and_shapes_of_the_operator_s_own(name):
    block = build(name, **tiny_options(name)).get_submodule("layer1.1")
    assert isinstance(block, Bottleneck)
    width, out = block.conv3.in_channels, block.conv3.out_channels
    for operator, weight in (
        (block.conv1, torch.rand(width, out, 1, 1)),
        (block.conv2, torch.rand(width, width, 3, 3)),
    ):
        own = {key: tensor.shape for key, tensor in operator.state_dict().items()}
        inflated = {key: tensor.shape for key, tensor in operator.inflate(weight).items()}
        assert inflated == {key: own[key] for key in inflated}


def test_temporal_layers_are_the_operators_with_a_kernel_over_frames():
    for case in CASES.values():
        inside = [module for module in case.operator.modules() if isinstance(module, TemporalKernel)]
        assert list(temporal_layers(case.operator).values()) == inside


def test_an_operator_that_lacks_an_answer_cannot_be_built():
    class Silent(TemporalOperator):
        def forward(self, x: Tensor, num_frames: int) -> Tensor:
            return x

    with pytest.raises(TypeError, match=r"absorb.*inflate"):
        type.__call__(Silent)  # as pyright would refuse Silent()
