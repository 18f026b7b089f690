"""What the kernels over time of a network can be set to, and what it then answers.

Changed kernels are handed over for a single call; the network itself keeps its own. A new setting is one entry of
SETTINGS.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from analysis.interventions.effects import ROUNDING, Effect, in_powers_of_ten, relative_difference
from gte import checkpoint
from gte.checkpoint_header import read_header
from gte.models import temporal, temporal_layers
from gte.models.operator import TemporalKernel
from gte.models.resnet import VideoResNet

BATCH = 8
"""Clips that a network answers at a time."""
TAP_DIM = 2
"""The dimension of a kernel that holds its taps."""
MOST_BLEND: Final = 1.5

Kernel = Float[Tensor, "o i k *space"]
Starts = Mapping[str, Tensor]
"""What layers began with, by their paths, where it stands in a file and not in the layer itself."""
NO_STARTS: Final[Starts] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """The kernels of one layer, (outputs, inputs, taps, and 1 or rows and columns)."""

    learned: Kernel
    initial: Kernel | None
    """What training began with; None where the layer does not say."""

    @property
    def start(self) -> Kernel:
        """What training began with. Raises ValueError where the layer does not say."""
        if self.initial is None:
            raise ValueError(
                "How these kernels began is known neither to the layer nor to its file; choose a setting that needs no "
                "start."
            )
        return self.initial


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A row of the table of what kernels can be set to."""

    label: str
    """For a control and for a row of a figure."""
    words: str
    """As a sentence says it after "with"."""
    rule: str
    """What the kernels become, in one sentence."""
    kernel: Callable[[Kernels, float], Kernel]
    """(kernels, blend) to the new ones; blend matters where `takes_blend`."""
    needs_start: bool = False
    """True if it is made of the kernels that training began with, which are not known of every layer."""
    takes_blend: bool = False

    def told(self, blend: float) -> str:
        """The setting and, where it takes one, the blend: "blend 0.5"."""
        return f"{self.label} {blend:g}" if self.takes_blend else self.label


def _at_present(kernel: Kernel) -> Kernel:
    """Every tap of each kernel moved to the present and added up."""
    still = torch.zeros_like(kernel)
    still[:, :, kernel.shape[TAP_DIM] // 2] = kernel.sum(dim=TAP_DIM)
    return still


SETTINGS: Final[Mapping[str, Setting]] = {
    "learned": Setting(
        label="as learned",
        words="its learned kernels",
        rule="The kernels as training left them.",
        kernel=lambda kernels, blend: kernels.learned,
    ),
    "initial": Setting(
        label="initial shift",
        words="the initial shift",
        rule="The kernels that training began with: of a learnable shift the hard shift, in which half of the outputs "
        "read the next frame and half the previous one.",
        kernel=lambda kernels, blend: kernels.start,
        needs_start=True,
    ),
    "identity": Setting(
        label="no shift",
        words="no shift",
        rule="Identity: each output reads the inputs that it began with, one for a learnable shift, in the frame "
        "itself.",
        kernel=lambda kernels, blend: _at_present(kernels.start),
        needs_start=True,
    ),
    "present": Setting(
        label="present alone",
        words="the taps summed at the present",
        rule="The learned taps of each kernel are added up at the present frame: channels mix as learned, no frame "
        "looks at another, and a clip that stands still gives the same inside of the clip.",
        kernel=lambda kernels, blend: _at_present(kernels.learned),
    ),
    "zero": Setting(
        label="nothing",
        words="nothing",
        rule="Zeros: the path through these kernels is silent, in 3D convolutions space included.",
        kernel=lambda kernels, blend: torch.zeros_like(kernels.learned),
    ),
    "mirrored": Setting(
        label="mirrored in time",
        words="the kernels mirrored in time",
        rule="The taps of every kernel in the opposite order: (a1, a2, a3) becomes (a3, a2, a1).",
        kernel=lambda kernels, blend: kernels.learned.flip(TAP_DIM),
    ),
    "blend": Setting(
        label="blend",
        words="a blend of the initial shift and the learned kernels",
        rule="W₀ + b·(W − W₀), with the initial W₀ and the learned W: b = 0 is the start, 1 what was learned, and "
        "above 1 training goes on in a straight line.",
        kernel=lambda kernels, blend: torch.lerp(kernels.start, kernels.learned, blend),
        needs_start=True,
        takes_blend=True,
    ),
}


def stored_starts(path: Path | str) -> dict[str, Tensor]:
    """What the temporal layers of a checkpoint that are no learnable shifts began with, where its file says so.

    Of kernels that span space the file knows the sums over space alone, which are no start to go back to.
    """
    header = read_header(path)
    if not set(checkpoint.temporal_layers_of(header)) - set(header.layers):
        return {}
    return {
        history.layer: torch.from_numpy(history.initial)
        for history in checkpoint.load_histories(path)
        if history.initial is not None and history.layer not in header.layers and not history.spans_space
    }


def kernels_of(layer: nn.Module, start: Tensor | None = None) -> Kernels:
    """The kernels of a layer that spans several frames, of any form, taps in the third dimension.

    `start` is what it began with, where the layer itself does not know.
    """
    match layer:
        case TemporalKernel():
            learned, initial = layer.kernel.detach(), layer.initial_kernel()
        case nn.Conv3d():
            learned, initial = layer.weight.detach(), None
        case _:
            raise ValueError(f"A layer with a kernel over frames was expected; got {type(layer).__name__}.")
    if initial is None and start is not None:
        initial = start.reshape(learned.shape).to(learned)
    return Kernels(learned=learned, initial=initial)


def kernels_set_to(layer: nn.Module, setting: str, blend: float = 1.0, start: Tensor | None = None) -> Tensor:
    """A weight for a layer that spans several frames, of the shape and memory format of its own.

    `start` is what it began with, where the layer itself does not know. Raises ValueError for an unknown setting, one
    that the layer does not have, and a blend outside of [0, 1.5].
    """
    if setting not in SETTINGS:
        raise ValueError(f"Kernels can be set to {', '.join(SETTINGS)}; got {setting!r}.")
    if not 0 <= blend <= MOST_BLEND:
        raise ValueError(f"A blend lies between 0 and {MOST_BLEND:g}; got {blend:g}.")
    kernel = SETTINGS[setting].kernel(kernels_of(layer, start), blend)
    if isinstance(layer, TemporalKernel):
        return layer.weight_with(kernel)
    assert isinstance(layer, nn.Conv3d)
    return torch.empty_like(layer.weight.detach()).copy_(kernel)


def changes(
    model: nn.Module, layers: Iterable[str], setting: str, blend: float = 1.0, starts: Starts = NO_STARTS
) -> dict[str, Tensor]:
    """The weights of these layers in a setting, by their names in the state_dict.

    They are made of the weights that the network has now, so it needs its lock: a call with others hands them over.
    Raises KeyError for what has no kernel over time in the network, ValueError as `kernels_set_to` does.
    """
    modules = temporal_layers(model)
    return {f"{layer}.weight": kernels_set_to(modules[layer], setting, blend, starts.get(layer)) for layer in layers}


def knows_start(model: nn.Module, layer: str, starts: Starts = NO_STARTS) -> bool:
    """True if it is known what the kernels of a temporal layer began with."""
    module = temporal_layers(model)[layer]
    return layer in starts or (isinstance(module, TemporalKernel) and module.initial_kernel() is not None)


def settings_for(model: nn.Module, layers: Iterable[str] | None = None, starts: Starts = NO_STARTS) -> list[str]:
    """The settings that each of these temporal layers has, or every one of the network; none if there is no layer."""
    names = list(temporal_layers(model) if layers is None else layers)
    known = all(knows_start(model, layer, starts) for layer in names)
    return [name for name, setting in SETTINGS.items() if names and (known or not setting.needs_start)]


def answers(
    model: nn.Module, clips: Float[Tensor, "n 3 t h w"], changed: Mapping[str, Tensor]
) -> Float[Tensor, "n classes"]:
    """Logits with some weights replaced for this call. No other call may use the network meanwhile."""
    with torch.no_grad():
        return torch.cat([functional_call(model, dict(changed), (batch,)) for batch in clips.split(BATCH)])


class ChangedNetwork(nn.Module):
    """A network whose every call has some weights replaced, for what asks a module: hooks attach to its own blocks."""

    def __init__(self, model: nn.Module, changed: Mapping[str, Tensor]) -> None:
        super().__init__()
        # The same blocks under the same names; the network itself is called, so it is kept apart from them.
        for name, child in model.named_children():
            self.add_module(name, child)
        self._network = (model,)
        self._changed = dict(changed)
        self.training = model.training

    def forward(self, clip: Float[Tensor, "n 3 t h w"]) -> Float[Tensor, "n classes"]:
        return functional_call(self._network[0], self._changed, (clip,))


def mixes_frames(model: nn.Module) -> bool:
    """False for a network that averages over frames without mixing them, so that no order changes its answer."""
    return any(map(temporal.mixes_frames, model.modules())) or not isinstance(model, VideoResNet)


def why_no_mirror(model: nn.Module) -> str:
    """Why mirroring the kernels of a network does not undo a reversed clip, in a sentence; empty where it does."""
    if any(temporal.mixes_frames(module) and temporal.kernel_shape(module) is None for module in model.modules()):
        return "The hard shift of this network is no kernel, so mirroring leaves it as it is."
    if not temporal_layers(model):
        return "This network has no kernels over time to mirror."
    if not isinstance(model, VideoResNet):
        return "This network skips or pools frames on its way, which need not be the same from both ends."
    return ""


@dataclass(frozen=True, kw_only=True)
class MirrorLaw:
    """What a network answers to a clip, to the clip reversed, and mirrored in time to the clip reversed."""

    straight: Float[Tensor, " c"]
    backwards: Float[Tensor, " c"]
    """To the reversed clip."""
    mirrored: Float[Tensor, " c"]
    """To the reversed clip with every kernel mirrored."""
    exception: str
    """Why the first and the last need not be equal, in a sentence; empty where they must."""

    @property
    def difference(self) -> float:
        """The largest difference of the logits that the law is about, in parts of the largest logit."""
        return relative_difference(self.straight, self.mirrored)

    @property
    def reversed_alone(self) -> float:
        """The same for the reversed clip without mirroring: what there was to undo."""
        return relative_difference(self.straight, self.backwards)

    def effects(self, classes: tuple[str, ...], twins: tuple[int, ...], shown: int | None) -> list[Effect]:
        """What reversal alone did to the answer to a clip that shows a class, and what both together did."""
        answered = {"reversed": self.backwards, "reversed, kernels mirrored": self.mirrored}
        return [
            Effect(network=name, classes=classes, twins=twins, before=self.straight, after=after, shown=shown)
            for name, after in answered.items()
        ]

    def finding(self) -> str:
        """One sentence on what came out."""
        undone = f"{in_powers_of_ten(self.difference)} of their scale"
        alone = in_powers_of_ten(self.reversed_alone)
        if self.exception:
            return f"{self.exception} Mirrored and reversed, its logits differ by {undone}; reversed alone by {alone}."
        if self.difference <= ROUNDING:
            return (
                f"Mirroring every kernel undoes the reversal: the logits differ by {undone}, which is rounding. "
                f"Reversed alone they differ by {alone}."
            )
        return f"Mirrored and reversed, the logits differ by {undone}, more than rounding; reversed alone by {alone}."


def mirror_law(model: nn.Module, clip: Float[Tensor, "1 3 t h w"]) -> MirrorLaw:
    """Mirror every kernel over time and reverse the clip; padding is symmetric, so nothing else tells the two apart.

    The network is left as it was. Raises NotNumbersError where the answers are no numbers.
    """
    reversed_clip = clip.flip(2)
    law = MirrorLaw(
        straight=answers(model, clip, {})[0],
        backwards=answers(model, reversed_clip, {})[0],
        mirrored=answers(model, reversed_clip, changes(model, temporal_layers(model), "mirrored"))[0],
        exception=why_no_mirror(model),
    )
    relative_difference(law.backwards, law.mirrored)
    return law
