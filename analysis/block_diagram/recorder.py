"""Recorder of the operations inside one block: layers by hooks; splits, concatenations and additions between them by
torch's function mode, which sees this thread alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gte.models.operator import TemporalOperator
from gte.models.temporal import kernel_shape, mixes_frames

Shape = tuple[int, int, int, int]
"""Channels, frames, height, width of one clip."""

Kind = Literal["input", "output", "layer", "split", "concat", "join"]
"""layer: whatever computes or moves; split, concat: of channels; join: of two tensors of one shape, as in a sum."""

NOUNS: Mapping[type[nn.Module], str] = {
    nn.MaxPool2d: "max pool",
    nn.MaxPool3d: "max pool",
    nn.AvgPool2d: "mean pool",
    nn.AvgPool3d: "mean pool",
}
"""Names of torch's layers whose class name is unclear; temporal operators name themselves."""

FOLLOWERS: Mapping[type[nn.Module] | str, str] = {
    nn.BatchNorm2d: "BatchNorm",
    nn.BatchNorm3d: "BatchNorm",
    nn.ReLU: "ReLU",
    nn.Dropout: "dropout",
    "relu": "ReLU",
    "relu_": "ReLU",
}
"""Layers and functions that change no shape and get no box: they are named with the operator that they follow."""

PASSED_BY = (nn.Identity,)
"""Layers that do nothing; block outputs are among them."""

SPLITS = ("chunk", "split", "tensor_split", "unsafe_chunk", "unsafe_split")
CONCATS = ("cat", "concat", "concatenate")
JOINS: Mapping[str, str] = {
    "add": "+",
    "add_": "+",
    "__add__": "+",
    "__radd__": "+",
    "__iadd__": "+",
    "mul": "×",
    "mul_": "×",
    "__mul__": "×",
    "__rmul__": "×",
    "__imul__": "×",
}
VIEWS = (
    "clone",
    "contiguous",
    "detach",
    "flatten",
    "permute",
    "reshape",
    "squeeze",
    "to",
    "transpose",
    "unflatten",
    "unsqueeze",
    "view",
)
"""Functions that return the same values with another order of dimensions or memory."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One step inside a block."""

    kind: Kind
    label: str
    """Displayed name: "1×3×3 conv", "LTS 3×1×1", "+"."""
    path: str = ""
    """The layer's path inside the block; empty for functions."""
    layer: str = ""
    """The class of the layer."""
    inputs: int = 0
    """Input channels."""
    outputs: int = 0
    """Output channels."""
    stride: tuple[int, int, int] = (1, 1, 1)
    """Over frames, rows and columns."""
    parameters: int = 0
    """Learnable numbers, followers included."""
    temporal: bool = False
    """True if an output frame reads other input frames."""
    followers: tuple[str, ...] = ()
    """Operations that follow directly: BatchNorm, ReLU."""


@dataclass(frozen=True)
class Edge:
    """A tensor between two operators, which are given by their position in the order of execution."""

    source: int
    target: int
    shape: Shape


@dataclass
class _Value:
    """A tensor, kept so that no other takes its id, and the operator that returned it."""

    tensor: Tensor
    source: int
    shape: Shape


@dataclass
class Recorder(TorchFunctionMode):
    """Records the operations inside one block while its network runs once, in this thread."""

    block: nn.Module
    operators: list[Operator] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._values: dict[int, _Value] = {}
        self._inside = False
        self._running: nn.Module | None = None
        """The layer whose inner operations are not recorded."""
        self._uncounted = {id(parameter): parameter.numel() for parameter in self.block.parameters()}
        self._owners = {
            id(parameter): (path, module)
            for path, module in self.block.named_modules()
            for parameter in module.parameters(recurse=False)
        }
        self._watch()

    def _watch(self) -> None:
        self.block.register_forward_pre_hook(self._enter)
        self.block.register_forward_hook(self._leave)
        for path, module in self.block.named_modules():
            if module is self.block or any(True for _ in module.children()) or isinstance(module, PASSED_BY):
                continue
            module.register_forward_pre_hook(self._start)
            module.register_forward_hook(self._finish(path))

    def _enter(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._inside = True
        [tensor] = _tensors(inputs)
        self._add(Operator(kind="input", label="in"), (), [tensor])

    def _leave(self, module: nn.Module, inputs: tuple[Any, ...], out: Tensor) -> None:
        self._inside = False
        self._add(Operator(kind="output", label="out"), self._known((out,)), [])

    def _start(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._running = module
        # Looked up now: an in-place layer changes the meaning of its input.
        self._read = self._known(inputs)

    def _finish(self, path: str) -> Callable[[nn.Module, tuple[Any, ...], Tensor], None]:
        def note(module: nn.Module, inputs: tuple[Any, ...], out: Tensor) -> None:
            self._running = None
            self._add(self._described(path, module, module.parameters()), self._read, [out])

        return note

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if not self._inside or self._running is not None:
            return func(*args, **given)
        read = self._known((*args, *given.values()))
        out = func(*args, **given)
        results = list(_tensors((out,)))
        if read and results:
            self._note_function(func.__name__, (*args, *given.values()), read, results)
        return out

    def _note_function(self, name: str, args: Sequence[Any], read: list[_Value], results: list[Tensor]) -> None:
        shape = _shape(results[0])
        if name in VIEWS or (name == "__getitem__" and shape == read[0].shape):
            for result in results:
                self._values[id(result)] = replace(read[0], tensor=result)
        elif name in SPLITS:
            halves = "Split in halves" if len(results) == 2 else f"Split in {len(results)}"
            self._add(Operator(kind="split", label=halves), read, results)
        elif name in CONCATS:
            self._add(Operator(kind="concat", label="Concatenate"), read, results)
        elif name in JOINS and len(read) > 1:
            self._add(Operator(kind="join", label=JOINS[name]), read, results)
        elif name == "__getitem__":
            self._add(Operator(kind="layer", label=_selection(read[0].shape, shape)), read, results)
        else:
            parameters = [arg for arg in args if isinstance(arg, nn.Parameter)]
            path, owner = next((self._owners[id(item)] for item in parameters if id(item) in self._owners), ("", None))
            label = FOLLOWERS.get(name, name.strip("_").replace("_", " "))
            if owner is None:
                self._add(Operator(kind="layer", label=label), read, results)
                return
            described = self._described(path, owner, parameters)
            # A layer without a kernel that does several things gets a box for each.
            self._add(described if kernel_shape(owner) else replace(described, label=label), read, results)

    def _described(self, path: str, module: nn.Module, parameters: Iterable[nn.Parameter]) -> Operator:
        return Operator(
            kind="layer",
            label=_label(module),
            path=path,
            layer=type(module).__name__,
            stride=_stride(module),
            parameters=sum(self._uncounted.pop(id(parameter), 0) for parameter in parameters),
            temporal=mixes_frames(module),
        )

    def _known(self, args: Sequence[Any]) -> list[_Value]:
        return [self._values[id(tensor)] for tensor in _tensors(args) if id(tensor) in self._values]

    def _add(self, operator: Operator, read: Sequence[_Value], results: Sequence[Tensor]) -> None:
        place = len(self.operators)
        shapes = [_shape(result) for result in results]
        self.operators.append(
            replace(
                operator,
                inputs=sum(value.shape[0] for value in read) if operator.kind == "concat" else _channels(read),
                outputs=shapes[0][0] if shapes else _channels(read),
            )
        )
        self.edges += [Edge(value.source, place, value.shape) for value in read]
        for result, shape in zip(results, shapes, strict=True):
            self._values[id(result)] = _Value(result, place, shape)


def _channels(read: Sequence[_Value]) -> int:
    return read[0].shape[0] if read else 0


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    """Return the tensors among some values, those in lists included."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _shape(tensor: Tensor) -> Shape:
    """Return channels, frames, height, width of one clip, or of its frames in the batch dimension."""
    if tensor.dim() == 5:
        _, channels, frames, height, width = tensor.shape
    else:
        frames, channels, height, width = (*tensor.shape, 1, 1)[:4]
    return channels, frames, height, width


def _selection(before: Shape, after: Shape) -> str:
    """Name a selection from a tensor."""
    if before[:2] == after[:2]:
        step = round(before[2] / after[2])
        return f"Every {({2: '2nd', 3: '3rd'}).get(step, f'{step}th')} pixel"
    return "Some channels" if before[1:] == after[1:] else "Some frames" if before[0] == after[0] else "A part"


def _label(layer: nn.Module) -> str:
    kernel = kernel_shape(layer)
    noun = layer.noun if isinstance(layer, TemporalOperator) else ""
    name = NOUNS.get(type(layer)) or FOLLOWERS.get(type(layer)) or noun
    if kernel is None:
        return name or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(layer).__name__)
    size = "×".join(map(str, kernel))
    return f"{noun} {size}" if noun else f"{size} {name or 'conv'}"


def _stride(layer: nn.Module) -> tuple[int, int, int]:
    """Return the stride over frames, rows and columns; layers of single frames have 1 over frames."""
    stride = getattr(layer, "stride", 1)
    if isinstance(stride, int):
        is_3d = isinstance(layer, nn.MaxPool3d | nn.AvgPool3d)
        return (stride if is_3d else 1), stride, stride
    frames, rows, columns = (1, *stride)[-3:]
    return frames, rows, columns
