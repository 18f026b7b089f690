"""A toy network, toy evidence, and what an attribution must leave as it was."""

import torch
from torch import nn

from analysis.attribution.evidence import Evidence
from gte.models import ClipShape
from gte.models.cell_grids import even_grid
from gte.models.outputs import BlockOutput

TINY = {"depth": 26, "base_width": 16, "num_classes": 5}
CLIP = ClipShape(4, 32, 32)


class Toy(nn.Module):
    """Logits that are linear in a layer of two channels, two frames and 1 x 2 pixels: the gradients are the weights."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.layer = BlockOutput()
        by_channel = [[[[1.0, 3.0]], [[2.0, 2.0]]], [[[-2.0, -2.0]], [[-1.0, 1.0]]]]
        self.weight = nn.Parameter(torch.stack([torch.zeros(2, 2, 1, 2), torch.tensor(by_channel)]))

    def forward(self, clip):
        return torch.einsum("nctHw,kctHw->nk", self.layer(clip * self.scale), self.weight)


TOY_CLIP = torch.tensor([[[[[1.0, 2.0]], [[3.0, 4.0]]], [[[3.0, 0.0]], [[1.0, 5.0]]]]])


def state_of(network):
    """Everything that an attribution could leave behind."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "hooks": sum(len(getattr(module, kind)) for module in network.modules() for kind in hooks),
        "gradients": [name for name, parameter in network.named_parameters() if parameter.grad is not None],
        "requires_grad": [parameter.requires_grad for parameter in network.parameters()],
        "training": [module.training for module in network.modules()],
        "numbers": {name: tensor.clone() for name, tensor in network.state_dict().items()},
    }


def assert_unchanged(network, before):
    after = state_of(network)
    numbers = before["numbers"]
    assert after["hooks"] == 0
    assert not after["gradients"]
    assert [after[key] for key in ("requires_grad", "training")] == [
        before[key] for key in ("requires_grad", "training")
    ]
    assert all(torch.equal(tensor, numbers[name]) for name, tensor in after["numbers"].items())


def evidence(values, num_frames=None):
    steps = torch.tensor(values, dtype=torch.float32)
    return Evidence(
        map=steps,
        target=1,
        layer="layer3.1",
        method="gradcam",
        label="Grad-CAM",
        convention="in one way",
        grid=even_grid(steps.shape, (num_frames or len(steps), *steps.shape[1:])),
    )
