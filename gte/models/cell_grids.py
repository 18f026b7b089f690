"""Grids of cells: where the cells of a block's output are in the clip, in time and space."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from gte.models.config import ClipShape
from gte.models.outputs import block_outputs, recording


@dataclass(frozen=True, kw_only=True)
class CellAxis:
    """Where cells are along one axis of a clip."""

    size: int
    """Frames or pixels of the clip along this axis."""
    first: float
    """Centre of cell 0, in frames or pixels counted from 0; with paddings of half a kernel it is 0."""
    stride: float
    """Frames or pixels from one cell to the next."""

    def centres(self, num_cells: int) -> Float[Tensor, " {num_cells}"]:
        """Return the centre of each cell, in frames or pixels counted from 0."""
        return self.first + self.stride * torch.arange(num_cells, dtype=torch.float64)

    def edges(self, num_cells: int) -> Float[Tensor, " {num_cells}+1"]:
        """Return the borders between the points nearest to each cell, from one end of the clip to the other."""
        between = self.centres(num_cells)[1:] - self.stride / 2
        ends = torch.tensor([-0.5, self.size - 0.5], dtype=torch.float64)
        return torch.cat([ends[:1], between.clamp(-0.5, self.size - 0.5), ends[1:]])

    def weights(self, num_points: int, num_cells: int) -> Float[Tensor, "{num_points} {num_cells}"]:
        """Return the weights of linear interpolation between cells, for points spread evenly over the clip.

        With as many points as frames or pixels, each is one of them. Beyond the outermost centres the nearest cell
        counts.
        """
        points = (torch.arange(num_points, dtype=torch.float64) + 0.5) * self.size / num_points - 0.5
        places = ((points - self.first) / self.stride).clamp(0, num_cells - 1)
        return (1 - (places[:, None] - torch.arange(num_cells)).abs()).relu().float()


CellGrid = tuple[CellAxis, CellAxis, CellAxis]
"""Time, rows and columns."""


def even_grid(cells: Sequence[int], clip: Sequence[int]) -> CellGrid:
    """Return the grid of cells (t, h, w) that divide a clip (T, H, W) evenly, without gaps or overlaps."""
    time, rows, columns = (
        CellAxis(size=size, first=(size / count - 1) / 2, stride=size / count)
        for count, size in zip(cells, clip, strict=True)
    )
    return time, rows, columns


def block_grids(model: nn.Module, clip: ClipShape) -> dict[str, CellGrid]:
    """Return the grid of each block's output, in order of depth.

    Strides, kernels and paddings of a path from the block back to the clip are composed, as Araujo, Norris and Sim
    2019 ("Computing Receptive Fields of Convolutional Neural Networks", Distill) do; all paths of a block have the same
    centre, or its cells would have none. Traced on the meta device: nothing is computed. Raises ValueError for a clip
    that is too small.
    """
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    weightless = {
        name: torch.empty_like(tensor, device="meta", requires_grad=False) for name, tensor in tensors.items()
    }
    pixels = torch.zeros(1, 3, clip.frames, clip.height, clip.width, device="meta", requires_grad=True)
    with torch.enable_grad(), recording(block_outputs(model)) as outputs:
        functional_call(model, weightless, (pixels,))
    return {block: _trace(output, pixels.shape[2:]) for block, output in outputs.items()}


def _trace(output: Tensor, clip: Sequence[int]) -> CellGrid:
    """Follow autograd's graph to the clip, the only leaf with a gradient."""
    first, stride = [0.0, 0.0, 0.0], [1, 1, 1]
    node: Any = output.grad_fn
    while node is not None:
        for axis, (step, shift) in _sampling(node).items():
            first[axis] = first[axis] * step + shift
            stride[axis] *= step
        node = next((before for before, _ in node.next_functions if before is not None), None)
    time, rows, columns = (
        CellAxis(size=size, first=start, stride=step) for size, start, step in zip(clip, first, stride, strict=True)
    )
    return time, rows, columns


def _sampling(node: Any) -> dict[int, tuple[int, float]]:
    """Return by axis (0 time, 1 rows, 2 columns) the stride of an operation and the centre of what its cell 0 reads.

    Operations with one kernel over frames and pixels folded into one axis have stride 1 and centre 0 there.
    """
    is_slice = node.name() == "SliceBackward0"
    # A view has a stride as well, of memory.
    if not is_slice and not hasattr(node, "_saved_padding"):
        return {}
    # The names under which autograd documents what an operation saved for its gradient.
    saved = {name.removeprefix("_saved_"): name for name in dir(node) if name.startswith("_saved_")}

    def read(name: str) -> Any:
        return getattr(node, saved[name])

    if is_slice:
        dim, last_dim = read("dim"), len(read("self_sym_sizes")) - 1
        # A slice without a step shifts frames among channels, as TSM does both ways.
        return {2 + dim - last_dim: (read("step"), read("start"))} if dim >= 2 and read("step") > 1 else {}
    kernel = read("kernel_size") if "kernel_size" in saved else read("weight").shape[2:]
    dilation = read("dilation") if "dilation" in saved else (1,) * len(kernel)
    axes = range(3 - len(kernel), 3)
    reach = zip(axes, kernel, read("stride") or kernel, read("padding"), dilation, strict=True)
    return {axis: (step, apart * (size - 1) / 2 - padding) for axis, size, step, padding, apart in reach}
