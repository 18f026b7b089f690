"""Placement: a map of cells on the frames and pixels of its clip, each cell where its centre is."""

from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gte.models import ClipShape
from gte.models.cell_grids import CellGrid, block_grids

_grids: WeakKeyDictionary[nn.Module, dict[ClipShape, dict[str, CellGrid]]] = WeakKeyDictionary()


def grid_of(model: nn.Module, layer: str, clip: ClipShape) -> CellGrid:
    """Return the grid of a block's output; traced once per network and shape of a clip."""
    by_shape = _grids.setdefault(model, {})
    if clip not in by_shape:
        by_shape[clip] = block_grids(model, clip)
    return by_shape[clip][layer]


def place(
    cells: Float[Tensor, "t h w"], grid: CellGrid, size: tuple[int, int, int] | None = None
) -> Float[Tensor, "t2 h2 w2"]:
    """Interpolate a map linearly between the centres of its cells; beyond the outermost ones the nearest cell counts.

    `size` is the number of points (frames, rows, columns), spread evenly over the clip; by default those of the clip.
    """
    frames, rows, columns = (
        axis.weights(points, count)
        for axis, points, count in zip(grid, size or [axis.size for axis in grid], cells.shape, strict=True)
    )
    # Time first and columns last, so that the large products are the last ones.
    in_time = torch.einsum("Tt,thw->Thw", frames, cells.float())
    return (rows @ in_time) @ columns.T
