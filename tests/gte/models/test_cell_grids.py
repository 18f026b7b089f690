"""Grids of cells: worked out by hand, and compared with centres that gradients measure in every network."""

import pytest
import torch
from torch import Tensor, nn

from gte.models import MODELS, ClipShape, block_outputs, build, recording
from gte.models.cell_grids import CellAxis, block_grids, even_grid
from gte.models.outputs import BlockOutput
from gte.models.shift import fold, unfold
from tests.tiny import tiny_options


def test_the_weights_interpolate_between_centres_and_keep_the_outermost_cells_beyond_them():
    axis = CellAxis(size=6, first=0.0, stride=4)
    assert axis.weights(6, 2)[:, 1].tolist() == [0, 0.25, 0.5, 0.75, 1, 1]
    assert axis.weights(3, 2)[:, 1].tolist() == [0.125, 0.625, 1]
    assert axis.edges(2).tolist() == [-0.5, 2, 5.5]
    assert axis.weights(6, 1).flatten().tolist() == [1] * 6


def test_an_even_grid_divides_the_clip():
    time, rows, columns = even_grid((2, 1, 4), (4, 6, 8))
    assert time.centres(2).tolist() == [0.5, 2.5]
    assert rows.centres(1).tolist() == [2.5]
    assert columns.edges(4).tolist() == [-0.5, 1.5, 3.5, 5.5, 7.5]


class Pooling(nn.Module):
    """Reads every second frame from the second on, and pools without padding."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 2, (1, 3, 3), stride=(1, 2, 1), padding=(0, 1, 0))
        self.pool = nn.MaxPool3d((1, 2, 3))
        self.wide = nn.Conv2d(2, 2, (1, 3), dilation=(1, 2))
        self.layer = BlockOutput()

    def forward(self, clip: Tensor) -> Tensor:
        frames = fold(self.pool(self.conv(clip[:, :, 1::2])))
        return self.layer(unfold(self.wide(frames), clip.shape[2] // 2))


def test_strides_kernels_paddings_dilation_and_slices_are_composed():
    time, rows, columns = block_grids(Pooling(), ClipShape(8, 16, 32))["layer"]
    assert time == CellAxis(size=8, first=1, stride=2)
    # Rows: a padded 3 with stride 2 has its first centre on 0; the pool reads two of its cells, on 0 and 2.
    assert rows == CellAxis(size=16, first=1, stride=4)
    # Columns: an unpadded 3 starts on 1, the pool on 1 + 1, and two cells of 3 pixels further is the middle tap.
    assert columns == CellAxis(size=32, first=8, stride=3)


def test_a_network_is_traced_without_a_hook_or_a_changed_weight():
    network = build("gte", **tiny_options("gte")).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    block_grids(network, ClipShape(4, 32, 32))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())


LENGTHS = (64, 256, 256)
"""Frames, rows and columns along the axis that is measured."""
SHORT, SHORT_S3D = (9, 17, 17), (21, 81, 81)
"""Along the other axes: the least that the pools take."""


@pytest.mark.slow
@pytest.mark.parametrize("axis", range(3), ids=["time", "rows", "columns"])
@pytest.mark.parametrize("name", MODELS)
def test_a_cell_of_every_block_is_centred_where_the_gradients_to_the_clip_are(name, axis):
    sides = list(SHORT_S3D if name == "s3d" else SHORT)
    sides[axis] = LENGTHS[axis]
    shape = ClipShape(*sides)
    network = with_equal_weights(build(name, **tiny_options(name)))
    pixels = torch.ones(1, 3, shape.frames, shape.height, shape.width, requires_grad=True)
    with recording(block_outputs(network)) as outputs:
        network(pixels)
    grids = block_grids(network, shape)
    assert list(grids) == list(outputs)
    for block, output in outputs.items():
        num_cells = output.shape[2 + axis]
        # Far enough from the ends for what lies beyond them, and not in the middle, where any even grid has a cell.
        cell = 3 * num_cells // 8
        (gradient,) = torch.autograd.grad(output.select(2 + axis, cell).sum(), pixels, retain_graph=True)
        weights = gradient.abs().sum([dim for dim in range(5) if dim != 2 + axis]).double()
        measured = float((weights * torch.arange(len(weights))).sum() / weights.sum())
        grid = grids[block][axis]
        assert float(grid.centres(num_cells)[cell]) == pytest.approx(measured, abs=0.05 * grid.stride), block


def with_equal_weights(network: nn.Module) -> nn.Module:
    """Give every kernel equal, positive weights and average in pools, so that a gradient is as wide as what is read."""
    network.eval()
    object.__setattr__(network, "smallest", ClipShape(1, 1, 1))
    network.normalize = nn.Identity()
    for module in list(network.modules()):
        for name, part in module.named_children():
            match part:
                case nn.MaxPool2d():
                    setattr(module, name, nn.AvgPool2d(part.kernel_size, part.stride, part.padding, part.ceil_mode))
                case nn.MaxPool3d():
                    setattr(module, name, nn.AvgPool3d(part.kernel_size, part.stride, part.padding, part.ceil_mode))
                case nn.AvgPool3d():
                    setattr(module, name, nn.AdaptiveAvgPool3d(1))
    for parameter in network.parameters():
        if parameter.dim() > 2:
            nn.init.constant_(parameter, 1 / parameter[0].numel())
    return network
