"""Cost of a network by layer: one `Layer` for each module that has parameters or arithmetic itself.

The layers add up to the whole, exactly: the MACs of a module itself are those that fvcore counts in it, less those of
its children.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from torch import Tensor, nn

from analysis.formatting import block_name
from gte.models import ClipShape
from gte.models.shift import TAPS

Kind = Literal["temporal", "spatial", "pointwise", "norm", "head"]
"""Role of an operator: mix frames, mix pixels, mix channels alone, normalise or pool, classify."""

KINDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "temporal": "temporal",
        "spatial": "spatial",
        "pointwise": "1x1",
        "norm": "BatchNorm and pooling",
        "head": "classifier",
    }
)
"""The kinds, in the order in which figures stack them, and their names."""

HEAD: Final = "head"
STEM: Final = "stem"

NUMBERED_PAIR = re.compile(r"(conv\d+)[ab]")
"""The convolutions of the original C3D, which are in no block: conv3a and conv3b are one stage."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One module of a network and its cost for one clip."""

    path: str
    """As in the state_dict; empty for arithmetic outside of any module."""
    kind: Kind
    in_channels: int
    out_channels: int
    kernel: tuple[int, int, int] | None
    """Frames, rows and columns; None where there is no kernel."""
    input_size: ClipShape
    """Frames, height and width of the input; of features without pixels, height and width are 1."""
    output_size: ClipShape
    """Frames, height and width of the output."""
    params: int
    """Learnable numbers of the module itself, without its children's."""
    macs: int
    """Multiply-accumulates that fvcore counts in the module itself."""

    @property
    def stage(self) -> str:
        """Return the part of the network that it belongs to: "stem", "layer3", "fast.layer3", "head"."""
        if self.kind == "head":
            return HEAD
        parts = self.path.split(".")
        numbers = [place for place, part in enumerate(parts) if part.isdigit()]
        if numbers:
            return ".".join(parts[: numbers[0]])
        *outer, name = parts
        if name == "avgpool":
            return HEAD
        if pair := NUMBERED_PAIR.fullmatch(name):
            return ".".join([*outer, pair[1]])
        return ".".join([*outer, STEM])

    @property
    def block(self) -> str:
        """Return the block of its stage: "layer3.1"; a stage without blocks is one block."""
        if any(part.isdigit() for part in self.path.split(".")) and self.kind != "head":
            return block_name(self.path)
        return self.path if NUMBERED_PAIR.fullmatch(self.path) else self.stage


def kind_of(path: str, module: nn.Module, temporal: Collection[str]) -> Kind:
    """Return the role of a module; `temporal` has the paths of those whose kernel spans several frames."""
    if path in temporal:
        return "temporal"
    # S3D's classifier is a 1x1x1 convolution.
    if isinstance(module, nn.Linear) or path.partition(".")[0] == "classifier":
        return "head"
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        return "pointwise" if max(module.kernel_size) == 1 else "spatial"
    return "norm"


@dataclass
class Shapes:
    """Shapes of the last input and output of a module."""

    input_size: tuple[int, ...]
    output_size: tuple[int, ...]


@contextmanager
def watched(model: nn.Module) -> Iterator[dict[str, Shapes]]:
    """Record, while the block runs, the shapes of the input and the output of every module."""
    seen: dict[str, Shapes] = {}

    def note(path: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor):
                seen[path] = Shapes(tuple(inputs[0].shape), tuple(output.shape))

        return hook

    with ExitStack() as hooks:
        for path, module in model.named_modules():
            hooks.callback(module.register_forward_hook(note(path)).remove)
        yield seen


def layers_of(
    model: nn.Module, shapes: Mapping[str, Shapes], macs: Mapping[str, int], temporal: Collection[str]
) -> tuple[Layer, ...]:
    """Return the layers of a network in the order of its modules.

    `macs` are those that fvcore counts in each module, children included.
    """
    layers = []
    for path, module in model.named_modules():
        children = [f"{path}.{name}".lstrip(".") for name, _ in module.named_children()]
        macs_itself = int(macs.get(path, 0)) - sum(int(macs.get(child, 0)) for child in children)
        params = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        if not macs_itself and not params:
            continue
        channels_in, input_size = _as_clip(shapes[path].input_size)
        channels_out, output_size = _as_clip(shapes[path].output_size)
        layers.append(
            Layer(
                path=path,
                kind=kind_of(path, module, temporal),
                in_channels=channels_in,
                out_channels=channels_out,
                kernel=_kernel(module, path in temporal),
                input_size=input_size,
                output_size=output_size,
                params=params,
                macs=macs_itself,
            )
        )
    return tuple(layers)


def _as_clip(shape: tuple[int, ...]) -> tuple[int, ClipShape]:
    """Return channels, and frames, height and width of one clip; its frames may be the batch dimension."""
    if len(shape) == 5:  # (1, c, t, h, w)
        return shape[1], ClipShape(*shape[2:])
    frames, channels, *pixels = shape  # (t, c, h, w) or (t, c)
    return channels, ClipShape(frames, *(pixels or (1, 1)))


def _kernel(module: nn.Module, temporal: bool) -> tuple[int, int, int] | None:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or weight.dim() < 4:
        return None
    if weight.dim() == 5:
        taps, rows, columns = weight.shape[2:]
    elif not temporal:
        taps, (rows, columns) = 1, weight.shape[2:]
    elif weight.shape[3] == 1:  # (o, i, taps, 1)
        taps, rows, columns = weight.shape[2], 1, 1
    else:  # the taps lie one below the other, (taps·o, i, rows, columns)
        taps, rows, columns = TAPS, *weight.shape[2:]
    return int(taps), int(rows), int(columns)
