"""The memory format that the networks run fastest in."""

import torch
from torch import nn


def to_channels_last(model: nn.Module) -> nn.Module:
    """Put the weights of a network into channels-last memory, in place; `Module.to` refuses to mix 4-D and 5-D ones."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in model.parameters():
        if parameter.dim() in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.dim()])
    return model
