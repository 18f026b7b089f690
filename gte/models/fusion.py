"""Fusion of a network for inference: fewer passes over memory, the same logits."""

import copy
from itertools import pairwise
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gte.models.memory import to_channels_last
from gte.models.operator import TemporalOperator, scale_outputs
from gte.models.resnet import Bottleneck
from gte.models.shift import fold, unfold
from gte.models.temporal import FrameConv, SplitConv

BATCH_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)

PLAIN_CONVS = (nn.Conv2d, FrameConv)
"""Convolutions that are torch's own to the letter, but for arguments that they do not use."""


def fuse(model: nn.Module) -> nn.Module:
    """Return a copy for inference alone: every BatchNorm folded into the convolution before it.

    Where a block splits its channels, the 1x1 in front becomes two, so that neither path copies its half out of the
    other's memory, and the 1x1 after the paths takes the shortcut's over. Logits equal the original's within 1e-4 of
    their scale. A BatchNorm after a layer that cannot hold a bias stays, and its block with it. The block outputs stay
    where they are. On a CPU with oneDNN a convolution lays its weight out once for the size of its input, and not at
    every call. Raises ValueError for a network in training mode, whose BatchNorms still change.
    """
    if model.training:
        raise ValueError("Only a network in evaluation mode can be fused; this one is in training mode. Call eval().")
    fused = copy.deepcopy(model)
    with torch.no_grad():
        for module in fused.modules():
            _fold_batch_norms(module)
        for module in list(fused.modules()):
            for name, child in module.named_children():
                if (
                    isinstance(child, Bottleneck)
                    and isinstance(child.conv2, SplitConv)
                    and isinstance(child.bn2, nn.Identity)
                ):
                    setattr(module, name, SplitBottleneck(child))
    fused = to_channels_last(fused)
    if torch.backends.mkldnn.is_available():
        for module in list(fused.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.Conv2d) and type(child) in PLAIN_CONVS:
                    setattr(module, name, LaidOutConv(child))
    return fused


class LaidOutConv(nn.Conv2d):
    """A convolution that keeps its weight in the order that oneDNN wants for the size of input that it saw last.

    torch puts a weight into that order at every call, which in a late stage, with many weights and few pixels, takes a
    quarter of the call. With gradients, or on another device, this is an ordinary convolution.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        pairs = (cast(tuple[int, int], pair) for pair in (conv.kernel_size, conv.stride, conv.padding, conv.dilation))
        super().__init__(conv.in_channels, conv.out_channels, *pairs, groups=conv.groups, device="meta")
        self.weight, self.bias = conv.weight, conv.bias
        self._ordered: tuple[tuple[int, ...], Tensor, int, Tensor] | None = None
        """Shape of the input, the weight and its version, and that weight in order."""
        self.train(conv.training)

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int = 1) -> Float[Tensor, "nt o h2 w2"]:
        plain = (x.device.type, x.dtype, self.weight.dtype) == ("cpu", torch.float32, torch.float32)
        if torch.is_grad_enabled() or not plain or self.weight.is_inference():
            return super().forward(x)
        geometry = (self.padding, self.stride, self.dilation, self.groups)
        weight = self._in_order(x, geometry)
        return torch.ops.mkldnn._convolution_pointwise(x, weight, self.bias, *geometry, "none", [], "")

    def _in_order(self, x: Tensor, geometry: tuple[Any, ...]) -> Tensor:
        """Return the weight in oneDNN's order, computed again if the input's size or the weight has changed."""
        kept, shape = self._ordered, tuple(x.shape)
        if kept is None or kept[0] != shape or kept[1] is not self.weight or kept[2] != self.weight._version:
            ordered = torch.ops.aten.mkldnn_reorder_conv2d_weight(self.weight.detach().to_mkldnn(), *geometry, shape)
            kept = self._ordered = (shape, self.weight, self.weight._version, ordered)
        return kept[3]

    def __getstate__(self) -> dict[str, Any]:
        # oneDNN's tensors can be neither copied nor saved.
        return self.__dict__ | {"_ordered": None}


class SplitBottleneck(nn.Module):
    """A bottleneck around a SplitConv with a pointwise convolution for each half at its entrance and one at its exit.

    Where the shortcut has a convolution, the exit's also reads the block's input: one pass over the output instead of
    three.
    """

    def __init__(self, block: Bottleneck) -> None:
        super().__init__()
        assert isinstance(block.conv1, FrameConv)
        assert isinstance(block.conv2, SplitConv)
        self.still, self.moving = _halves(block.conv1)
        self.conv2, self.relu, self.output = block.conv2, block.relu, block.output
        self.exit = block.conv3
        self.shortcut_stride: int | None = None
        """Stride at which the exit reads the input; None where the input is added unchanged."""
        if block.downsample is not None:
            shortcut = block.downsample[0]
            assert isinstance(shortcut, nn.Conv2d)
            self.exit = _over_both(block.conv3, shortcut)
            self.shortcut_stride = shortcut.stride[0]

    def forward(self, x: Float[Tensor, "nt i h w"], num_frames: int) -> Float[Tensor, "nt o h2 w2"]:
        still, moving = self.relu(self.still(x, num_frames)), self.relu(self.moving(x, num_frames))
        paths = self.conv2.paths(still, moving, num_frames)
        if self.shortcut_stride is None:
            out = self.exit(_rectified(*paths), num_frames)
            out += x
        else:
            # The output of the previous block is rectified already.
            seen = x[:, :, :: self.shortcut_stride, :: self.shortcut_stride]
            out = self.exit(_rectified(*paths, seen), num_frames)
        return fold(self.output(unfold(self.relu(out), num_frames)))


def _rectified(*parts: Float[Tensor, "nt _ h w"]) -> Float[Tensor, "nt _ h w"]:
    """Return the ReLU of the parts, concatenated; each passes through memory once."""
    if torch.is_grad_enabled():
        return functional.relu(torch.cat(parts, dim=1))
    first, sizes = parts[0], [part.shape[1] for part in parts]
    shape = (len(first), sum(sizes), *first.shape[2:])
    whole = torch.empty(shape, dtype=first.dtype, device=first.device, memory_format=torch.channels_last)
    for part, place in zip(parts, whole.split(sizes, dim=1), strict=True):
        torch.clamp_min(part, 0, out=place)
    return whole


def _over_both(conv: FrameConv, shortcut: nn.Conv2d) -> FrameConv:
    """Return one pointwise convolution that reads the inputs of two and returns the sum of their outputs."""
    assert conv.bias is not None
    assert shortcut.bias is not None
    both = FrameConv(conv.in_channels + shortcut.in_channels, conv.out_channels, kernel_size=1)
    both.weight = nn.Parameter(torch.cat([conv.weight, shortcut.weight], dim=1))
    both.bias = nn.Parameter(conv.bias + shortcut.bias)
    return both.eval()


def _halves(conv: FrameConv) -> tuple[FrameConv, FrameConv]:
    """Split a convolution that has a bias into two, for the first and the second half of the outputs."""
    assert conv.bias is not None
    halves = []
    for weight, bias in zip(conv.weight.chunk(2), conv.bias.chunk(2), strict=True):
        half = FrameConv(conv.in_channels, len(weight), kernel_size=1)
        half.weight, half.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
        halves.append(half.eval())
    return halves[0], halves[1]


def _fold_batch_norms(module: nn.Module) -> None:
    """Fold the BatchNorms that a module applies directly after a convolution, and replace them by identities."""
    pairs = list[tuple[str, str]](getattr(module, "NORMALIZED", ()))
    if isinstance(module, nn.Sequential):
        pairs += pairwise(name for name, _ in module.named_children())
    for layer, norm in pairs:
        bn = getattr(module, norm)
        if isinstance(bn, BATCH_NORMS) and _absorb(getattr(module, layer), *_affine(bn)):
            setattr(module, norm, nn.Identity())


def _affine(bn: nn.BatchNorm2d | nn.BatchNorm3d) -> tuple[Float[Tensor, " o"], Float[Tensor, " o"]]:
    """Return the scale and shift of each channel, to which a BatchNorm reduces in evaluation mode."""
    assert bn.running_mean is not None
    assert bn.running_var is not None
    scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    return scale, bn.bias - scale * bn.running_mean


def _absorb(layer: nn.Module, scale: Float[Tensor, " o"], shift: Float[Tensor, " o"]) -> bool:
    """Scale and shift the outputs of a layer by changing its weights; return False, without a change, if impossible."""
    match layer:
        case TemporalOperator():
            return layer.absorb(scale, shift)
        case nn.Sequential():
            return _absorb(layer[-1], scale, shift)
        case nn.Conv2d() | nn.Conv3d():
            scale_outputs(layer, scale, shift)
            return True
    return False
