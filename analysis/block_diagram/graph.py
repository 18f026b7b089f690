"""Graph of one block of a network: its operators, and the tensors between them.

The network is built without memory and runs once on shapes alone, so that new operators are recognised like any other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from analysis.block_diagram.recorder import FOLLOWERS, Edge, Operator, Recorder
from gte.models import ClipShape, block_outputs, configure, on_meta_device
from gte.models.temporal import kernel_shape, mixes_frames


@dataclass(frozen=True, kw_only=True)
class BlockGraph:
    """The operators of one block in the order in which they run, input first and output last."""

    network: str
    label: str
    """Displayed name of the network."""
    block: str
    clip: ClipShape
    """The input of the whole network."""
    at_native: bool
    """True if the network takes no clip as small as the chosen one and got its native one instead."""
    operators: tuple[Operator, ...]
    edges: tuple[Edge, ...]
    parameters: int
    """Learnable numbers of the block, counted in the module and not in its operators."""


def blocks_of(name: str, options: Mapping[str, int | float]) -> tuple[str, ...]:
    """Return the blocks of a network in the order in which they run.

    Raises ValueError for an unknown network or option, and for values that leave a path without channels.
    """
    return tuple(block_outputs(_on_meta_device(name, options)))


def typical_block(name: str, options: Mapping[str, int | float]) -> str:
    """Return the most typical block of a network: as many temporal operators as any, and otherwise the plainest.

    Of several, the one nearest to the middle of the largest pathway. Raises ValueError as `blocks_of` does.
    """
    network = _on_meta_device(name, options)
    names = list(block_outputs(network))
    pathways = [".".join(block.split(".")[:-2]) for block in names]
    sizes = {
        path: sum(parameter.numel() for parameter in network.get_submodule(path).parameters()) for path in set(pathways)
    }

    def rank(place: int) -> tuple[float, ...]:
        layers = list(network.get_submodule(names[place]).modules())
        mixing = sum(mixes_frames(layer) for layer in layers)
        kernels = sum(kernel_shape(layer) is not None for layer in layers)
        same_pathway = [other for other, path in enumerate(pathways) if path == pathways[place]]
        from_middle = abs(place - sum(same_pathway) / len(same_pathway))
        return -mixing, -sizes[pathways[place]], kernels, from_middle

    return names[min(range(len(names)), key=rank)]


def trace(name: str, options: Mapping[str, int | float], clip: ClipShape, block: str = "") -> BlockGraph:
    """Trace the operators of a block and the shapes between them, for one clip; by default of `typical_block`.

    A network that takes no clip so small gets its native one. Raises ValueError for an unknown network, option or
    block and for values that the network cannot have.
    """
    config = configure(name, **options)
    block = block or typical_block(name, options)
    network = _on_meta_device(name, options).eval()
    if block not in block_outputs(network):
        raise ValueError(f"The blocks of {config.label} are {', '.join(block_outputs(network))}; got {block}.")
    seen = clip if clip.covers(config.smallest) else config.native
    module = network.get_submodule(block)
    with on_meta_device(), torch.no_grad(), Recorder(module) as recorder:
        network(torch.empty(1, 3, seen.frames, seen.height, seen.width))
    operators, edges = _simplified(recorder.operators, recorder.edges)
    return BlockGraph(
        network=name,
        label=config.label,
        block=block,
        clip=seen,
        at_native=seen != clip,
        operators=operators,
        edges=edges,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
    )


def _on_meta_device(name: str, options: Mapping[str, int | float]) -> nn.Module:
    with on_meta_device():
        return configure(name, **options).build()


def _simplified(operators: Sequence[Operator], edges: Sequence[Edge]) -> tuple[tuple[Operator, ...], tuple[Edge, ...]]:
    """Attach followers to the operators that they follow, and leave out operators that the output does not need."""
    nodes = dict(enumerate(operators))
    links = list(edges)
    for place, operator in enumerate(operators):
        into = [edge for edge in links if edge.target == place]
        if operator.label not in FOLLOWERS.values() or len(into) != 1:
            continue
        source = into[0].source
        alone = sum(edge.source == source for edge in links) == 1
        if not alone or nodes[source].kind in ("input", "split"):
            continue
        nodes[source] = replace(
            nodes[source],
            followers=(*nodes[source].followers, operator.label),
            parameters=nodes[source].parameters + operator.parameters,
        )
        del nodes[place]
        links = [
            replace(edge, source=source if edge.source == place else edge.source)
            for edge in links
            if edge.target != place
        ]
    needed = {max(nodes)}
    for edge in sorted(links, key=lambda edge: -edge.target):
        if edge.target in needed:
            needed.add(edge.source)
    kept = sorted(needed)
    renumbered = {place: number for number, place in enumerate(kept)}
    return (
        tuple(nodes[place] for place in kept),
        tuple(
            Edge(renumbered[edge.source], renumbered[edge.target], edge.shape)
            for edge in links
            if edge.source in needed and edge.target in needed
        ),
    )
