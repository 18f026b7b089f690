"""Where hooks attach: the output of a block, seen as a clip, in every network of the table."""

from collections.abc import Mapping

from torch import nn


class BlockOutput(nn.Identity):
    """Passes what a block gives, in its (N, C, T', H', W') view; hooks attach here and nowhere else."""


def block_outputs(model: nn.Module) -> Mapping[str, BlockOutput]:
    """By block name ("layer3.1"), in the order in which they run, the modules whose output is (N, C, T', H', W')."""
    return {
        name.removesuffix(".output"): module
        for name, module in model.named_modules()
        if isinstance(module, BlockOutput)
    }
