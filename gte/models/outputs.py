"""Outputs of blocks and of other modules: where hooks attach, and how outputs are recorded."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn


class BlockOutput(nn.Identity):
    """Passes on the output of a block in its (N, C, T', H', W') view; hooks attach here and nowhere else."""


def block_outputs(model: nn.Module) -> Mapping[str, BlockOutput]:
    """By block name ("layer3.1"), in the order in which they run, the modules whose output is (N, C, T', H', W')."""
    return {
        name.removesuffix(".output"): module
        for name, module in model.named_modules()
        if isinstance(module, BlockOutput)
    }


@contextmanager
def recording(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Record the outputs of modules, by name, in the order in which they run; a later pass replaces an earlier one's.

    The hooks are removed at the end of the block, after an error too.
    """
    outputs: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.enter_context(
                module.register_forward_hook(lambda _module, _inputs, out, name=name: outputs.update({name: out}))
            )
        yield outputs
