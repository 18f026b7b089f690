"""Recorded outputs, in the order of the run, and the hooks that stay behind: none."""

import pytest
import torch
from torch import nn

from gte.models.outputs import recording


@pytest.fixture
def network():
    return nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))


def num_hooks(network):
    return sum(len(module._forward_hooks) for module in network.modules())


def test_the_outputs_of_the_latest_pass_are_recorded_in_the_order_of_the_run(network):
    with recording({"last": network[2], "first": network[0]}) as outputs:
        network(torch.ones(1, 2, 2))
        answer = network(torch.tensor([[[-1.0, 2.0], [3.0, -4.0]]]))
    assert list(outputs) == ["first", "last"]
    assert outputs["first"].tolist() == [[[0, 2], [3, 0]]]
    assert outputs["last"] is answer
    network(torch.ones(1, 2, 2))
    assert outputs["last"] is answer


def test_no_hook_survives_an_error(network):
    with pytest.raises(RuntimeError, match="shapes"), recording(dict(network.named_modules())):
        network(torch.ones(1, 3, 3))
    assert num_hooks(network) == 0
