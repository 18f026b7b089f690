"""One output channel of a layer over frames: its taps, its feature maps in a clip, and the answer with other taps."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from analysis.interventions.kernel_edits import TAP_DIM, kernels_of
from analysis.progress import Report, no_report
from gte.models import temporal_layers
from gte.models.operator import TemporalKernel
from gte.models.shift import (
    TAPS,
    DepthwiseTemporalShift,
    LearnableTemporalShift,
    SharedTemporalShift,
    convolve_in_time,
)
from gte.models.temporal import HardTemporalShift, kernel_shape

NUM_INPUTS: Final = 2
"""Input channels that are shown."""
NUM_CONVOLUTIONS: Final = 4
"""Convolutions after the layer among which the first that reads the channel is sought."""
MAX_TAP: Final = 100.0
"""Largest tap of an edit; far above those of any network."""

LayerOverFrames = TemporalKernel | nn.Conv3d | HardTemporalShift
Row = Float[Tensor, "i k *space"]
"""The kernel of one output channel: inputs, taps, and rows and columns if it spans space."""
Base = Literal["trained", "untrained", "mirrored"]
BASES: Final[tuple[Base, ...]] = get_args(Base)


@dataclass(frozen=True)
class Edit:
    """Other taps for one output channel."""

    base: Base = "trained"
    """The kernel whose slices are scaled: as trained, before training, or as trained and reversed in time."""
    taps: tuple[float, ...] | None = None
    """The new taps, those of past frames first; None leaves the kernel as it is."""

    @classmethod
    def parse(cls, text: str) -> "Edit":
        """Read "mirrored", "0,1,0" or "mirrored,0,1,0". Raises ValueError for anything else."""
        first, *others = text.split(",")
        base: Base | None = next((base for base in BASES if base == first), None)
        try:
            numbers = [float(word) for word in (others if base else [first, *others])]
        except ValueError:
            numbers = [math.nan]
        if len(numbers) == 1 or not all(abs(number) <= MAX_TAP for number in numbers):
            raise ValueError(
                f"An edit is a kernel ({', '.join(BASES)}), taps up to {MAX_TAP:g}, or both; got {text!r}."
            )
        return cls(base or "trained", tuple(numbers) or None)

    def __str__(self) -> str:
        numbers = [f"{tap:g}" for tap in rounded(self.taps or ())]
        return ",".join(([] if self.base == "trained" and numbers else [self.base]) + numbers)


def rounded(taps: Iterable[float]) -> tuple[float, ...]:
    """Round taps to the four digits that a control shows and a link carries."""
    return tuple(float(f"{tap:.4g}") for tap in taps)


def layers_over_frames(model: nn.Module) -> dict[str, LayerOverFrames]:
    """Return the layers with a kernel over frames and the hard shifts, by their paths, in order of depth."""
    kernels = temporal_layers(model)
    return {
        name: module if isinstance(module, HardTemporalShift) else kernels[name]
        for name, module in model.named_modules()
        if name in kernels or isinstance(module, HardTemporalShift)
    }


def bases_of(layer: LayerOverFrames, start: Tensor | None = None) -> tuple[Base, ...]:
    """Return the kernels from which an edit of a layer can begin; `start` as in `kernels_of`."""
    is_known = not isinstance(layer, HardTemporalShift) and kernels_of(layer, start).initial is not None
    return BASES if is_known else ("trained", "mirrored")


def row_of(layer: LayerOverFrames, output: int, base: Base = "trained", start: Tensor | None = None) -> Row:
    """Return the kernel of an output channel; a hard shift reads one frame of its own channel.

    Raises ValueError for kernels before training that are not known.
    """
    if isinstance(layer, HardTemporalShift):
        row = torch.zeros(1, TAPS, 1)
        row[0, 2 if output < layer.num_shifted else 0 if output < 2 * layer.num_shifted else 1] = 1
        return row.flip(1) if base == "mirrored" else row
    kernels = kernels_of(layer, start)
    if base == "untrained":
        if kernels.initial is None:
            raise ValueError("The kernel before training is not known; choose the trained one, or taps of your own.")
        return kernels.initial[output]
    row = kernels.learned[output]
    return row.flip(TAP_DIM - 1) if base == "mirrored" else row


def _sizes(slices: Float[Tensor, "i k *space"]) -> Float[Tensor, " k"]:
    return slices.transpose(0, 1).flatten(1).norm(dim=1)


def strongest_input(row: Row) -> int:
    """Return the input channel with the largest weights."""
    return int(row.flatten(1).norm(dim=1).argmax())


def taps_of(row: Row) -> Float[Tensor, " k"]:
    """Return the taps of a kernel: the norm of each slice over inputs and space, with its strongest input's sign.

    Of a kernel with one input and without space they are its weights.
    """
    strongest = row[strongest_input(row)].flatten(1).sum(1)
    return torch.where(strongest < 0, -1.0, 1.0).to(row) * _sizes(row)


def with_taps(row: Row, taps: Sequence[float]) -> Row:
    """Scale each slice of a kernel so that these become its taps; a slice of zeros takes the shape of the largest.

    Slices that keep their tap, in four digits, keep their weights bit for bit. Raises ValueError for another number of
    taps.
    """
    before = taps_of(row)
    shown = rounded(before.tolist())
    if len(taps) != len(before):
        raise ValueError(f"The kernel has {len(before)} taps; got {len(taps)}.")
    largest = int(before.abs().argmax())
    changed = row.clone()
    for place, tap in enumerate(taps):
        model = place if before[place] != 0 else largest
        if before[model] != 0 and rounded([tap])[0] != shown[place]:
            changed[:, place] = row[:, model] * (tap / before[model])
    return changed


def edited_row(layer: LayerOverFrames, output: int, edit: Edit, start: Tensor | None = None) -> Row:
    """Return the kernel of an output channel after an edit. Raises ValueError as `row_of` and `with_taps` do."""
    row = row_of(layer, output, edit.base, start)
    return row if edit.taps is None else with_taps(row, edit.taps)


def channels_of(layer: LayerOverFrames, output: int) -> range:
    """Return the channels of the layer's output that a kernel makes: one, or all of a direction that share it."""
    if not isinstance(layer, SharedTemporalShift):
        return range(output, output + 1)
    shared = (layer.out_channels - round(layer.identity_share * layer.out_channels)) // 2
    return range(output * shared, (output + 1) * shared)


def input_channels(layer: LayerOverFrames, output: int, num_inputs: int) -> list[int]:
    """Return the channels of the layer's input that the inputs of an output's kernel are."""
    match layer:
        case HardTemporalShift():
            return [output]
        case DepthwiseTemporalShift():
            return [channels_of(layer, output)[0] % num_inputs]
        case _:
            return list(range(num_inputs))


def noun_of(layer: nn.Module) -> str:
    """Name a layer: "shift", or a convolution by its kernel, without the frames where it reads one: "3×3"."""
    if isinstance(layer, HardTemporalShift | LearnableTemporalShift):
        return "shift"
    frames, *space = kernel_shape(layer) or (1, 1, 1)
    return f"{'×'.join(map(str, [frames, *space] if frames > 1 else space))} convolution"


def describe(layer: LayerOverFrames, output: int) -> str:
    """Say in a sentence or two what the taps of an output channel are."""
    num_shared = len(channels_of(layer, output))
    match layer:
        case HardTemporalShift():
            return (
                "A hard shift has no weights: each channel reads one frame, and other taps ask what would happen if it "
                "read others."
            )
        case SharedTemporalShift():
            return f"This kernel is shared by {num_shared} output channels; the first of them is drawn."
        case DepthwiseTemporalShift():
            return "This output channel reads one input channel, by three weights."
    num_inputs, _, *space = kernels_of(layer).learned.shape[1:]
    place = "" if max(space, default=1) == 1 else f", {space[0]} × {space[-1]} weights for each"
    return (
        f"The channel is a sum over {num_inputs} input channels{place}; a tap is the size of the slice of this kernel "
        "for one frame, and to drag it scales the slice."
        + ("" if getattr(layer, "bias", None) is None else " Its bias stays.")
    )


def num_kernels(layer: LayerOverFrames, num_channels: int) -> int:
    """Return the output channels that can be followed; `num_channels` is that of the layer's output."""
    return num_channels if isinstance(layer, HardTemporalShift) else len(kernels_of(layer).learned)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """The answer of a network to a clip, and the maps before and after a layer."""

    logits: Float[Tensor, " c"]
    inputs: Float[Tensor, "t i h w"]
    outputs: Float[Tensor, "t2 o h2 w2"]
    after: Mapping[str, Float[Tensor, "t3 p h3 w3"]]
    """The outputs of the next convolutions, by their paths."""


def _by_frame(maps: Tensor) -> Float[Tensor, "t c h w"]:
    """Copy the maps of one clip, folded or not."""
    return (maps if maps.dim() == 4 else maps[0].transpose(0, 1)).detach().clone()


@contextmanager
def _recording(model: nn.Module, layer: str) -> Iterator[dict[str, Tensor]]:
    """Record what a layer and the next convolutions read and give; "input" is the layer's input."""
    maps: dict[str, Tensor] = {}

    def record_layer(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        maps["input"], maps[layer] = _by_frame(inputs[0]), _by_frame(output)

    def record_next(name: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        if layer in maps and len(maps) < 2 + NUM_CONVOLUTIONS:
            maps[name] = _by_frame(output)

    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if name == layer:
                hooks.enter_context(module.register_forward_hook(record_layer))
            elif isinstance(module, nn.Conv2d | nn.Conv3d):
                hooks.enter_context(module.register_forward_hook(partial(record_next, name)))
        yield maps


@contextmanager
def _changed(layer: LayerOverFrames, path: str, output: int, row: Row | None) -> Iterator[dict[str, Tensor]]:
    """Yield the weights to replace for a call; a hard shift has none, so a hook replaces the channel's map."""
    if row is None:
        yield {}
    elif not isinstance(layer, HardTemporalShift):
        kernel = kernels_of(layer).learned.clone()
        kernel[output] = row
        weight = layer.weight_with(kernel) if isinstance(layer, TemporalKernel) else kernel
        yield {f"{path}.weight": weight}
    else:

        def replace(_module: nn.Module, inputs: tuple[Tensor, int], shifted: Tensor) -> Tensor:
            (x, num_frames), changed = inputs, shifted.clone()
            changed[:, output : output + 1] = convolve_in_time(x[:, output : output + 1], row[None], num_frames)
            return changed

        with layer.register_forward_hook(replace):
            yield {}


def answer(
    model: nn.Module, path: str, clip: Float[Tensor, "1 3 t h w"], output: int, row: Row | None
) -> Float[Tensor, " c"]:
    """Return the logits for a clip with another kernel for one output channel, or with None the network's own.

    The network keeps its kernels, and must not be used by others meanwhile.
    """
    with torch.no_grad(), _changed(layers_over_frames(model)[path], path, output, row) as weights:
        return functional_call(model, weights, (clip,))[0]


def observe(
    model: nn.Module, path: str, clip: Float[Tensor, "1 3 t h w"], output: int = 0, row: Row | None = None
) -> Pass:
    """Return the answer as `answer` does, with the maps around the layer."""
    layer = layers_over_frames(model)[path]
    with torch.no_grad(), _changed(layer, path, output, row) as weights, _recording(model, path) as maps:
        logits = functional_call(model, weights, (clip,))[0]
    inputs, outputs = maps.pop("input"), maps.pop(path)
    return Pass(logits=logits, inputs=inputs, outputs=outputs, after=maps)


@dataclass(frozen=True, kw_only=True)
class Followed:
    """An output channel of a layer with the channels before and after it."""

    output: int
    channel: int
    """Of the layer's output; differs from `output` where several channels share a kernel."""
    inputs: tuple[int, ...]
    """Channels of the layer's input, the strongest first."""
    after: tuple[str, int] | None
    """The first convolution that reads the channel, and its channel that does so most; None where none does."""
    noun: str
    """What the layer is: "shift", "3×3×3 convolution"."""
    noun_after: str
    """What the convolution is: "3×3 convolution"; empty where none reads the channel."""


def follow(
    model: nn.Module, path: str, clip: Float[Tensor, "1 3 t h w"], output: int, trained: Pass, count: int = NUM_INPUTS
) -> Followed:
    """Find the channels to show with an output channel, for one clip; `trained` is the pass as trained.

    An input is as strong as the norm of its weights times that of its map. The channel after it is the one whose map
    changes most when the output channel is silenced. Raises ValueError for an output that the layer does not have.
    """
    layer = layers_over_frames(model)[path]
    total = num_kernels(layer, trained.outputs.shape[1])
    if not 0 <= output < total:
        raise ValueError(f"The layer has the output channels 0 to {total - 1}; got {output}.")
    row = row_of(layer, output)
    channels = torch.tensor(input_channels(layer, output, trained.inputs.shape[1]))
    maps = trained.inputs[:, channels].transpose(0, 1).flatten(1)
    strength = row.flatten(1).norm(dim=1) * maps.norm(dim=1)
    strongest = strength.argsort(descending=True, stable=True)[:count]
    inputs = [int(channels[place]) for place in strongest if strength[place] > 0] or [int(channels[strongest[0]])]
    silenced = observe(model, path, clip, output, torch.zeros_like(row))
    after = None
    for name, maps in trained.after.items():
        change = (silenced.after[name] - maps).transpose(0, 1).flatten(1).norm(dim=1)
        if change.max() > 0:
            after = name, int(change.argmax())
            break
    return Followed(
        output=output,
        channel=channels_of(layer, output)[0],
        inputs=tuple(inputs),
        after=after,
        noun=noun_of(layer),
        noun_after=noun_of(model.get_submodule(after[0])) if after else "",
    )


def silence_each(
    model: nn.Module,
    path: str,
    clip: Float[Tensor, "1 3 t h w"],
    outputs: Sequence[int],
    report: Report = no_report,
) -> Float[Tensor, "n c"]:
    """Return the logits with each of these output channels silenced alone: the null of an edit."""
    layer = layers_over_frames(model)[path]
    logits = []
    for place, output in enumerate(outputs):
        report(place / len(outputs), f"output channel {output}")
        logits.append(answer(model, path, clip, output, torch.zeros_like(row_of(layer, output))))
    return torch.stack(logits)
