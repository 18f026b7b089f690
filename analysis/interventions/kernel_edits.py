"""Settings of temporal kernels, and the answers of a network with them.

Changed kernels are passed to a single call; the network keeps its own. A new setting is one entry of SETTINGS.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.func import functional_call

from analysis.interventions.effects import ROUNDING, Effect, in_powers_of_ten, relative_difference
from gte import checkpoint
from gte.checkpoint_header import read_header
from gte.models import temporal, temporal_layers
from gte.models.operator import TemporalKernel
from gte.models.resnet import VideoResNet

BATCH = 8
"""Clips per forward pass."""
TAP_DIM = 2
"""The dimension of the taps of a kernel."""
MAX_BLEND: Final = 1.5

Kernel = Float[Tensor, "o i k *space"]
Starts = Mapping[str, Tensor]
"""Kernels before training, by the path of their layer, for layers that do not know them."""
NO_STARTS: Final[Starts] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """The kernels of one layer, (outputs, inputs, taps, and 1 or rows and columns)."""

    learned: Kernel
    initial: Kernel | None
    """The kernels before training; None if they are unknown."""

    @property
    def start(self) -> Kernel:
        """The kernels before training, where they are known."""
        assert self.initial is not None
        return self.initial


@dataclass(frozen=True, kw_only=True)
class Setting:
    """An entry of the table of settings."""

    label: str
    """For a control and a row of a figure."""
    words: str
    """For a sentence, after "with"."""
    rule: str
    """The new kernels, in one sentence."""
    kernel: Callable[[Kernels, float], Kernel]
    """(kernels, blend) to the new kernels; blend matters if `takes_blend`."""
    fits: Callable[[Kernels], bool] = lambda kernels: True
    """False for kernels that cannot be set to it, such as those whose values before training are unknown."""
    takes_blend: bool = False

    def in_words(self, blend: float) -> str:
        """The setting and, if it takes one, the blend: "blend 0.5"."""
        return f"{self.label} {blend:g}" if self.takes_blend else self.label


def _start_is_known(kernels: Kernels) -> bool:
    return kernels.initial is not None


def _own_inputs(kernels: Kernels) -> Bool[Tensor, "o i"]:
    """Inputs that an output reads before training."""
    return (kernels.start != 0).flatten(TAP_DIM).any(TAP_DIM)


def _mixes_channels(kernels: Kernels) -> bool:
    """True if each output read one input before training, its own, and can read others after it."""
    return kernels.initial is not None and kernels.start.shape[1] > 1 and bool((_own_inputs(kernels).sum(1) == 1).all())


def _with_own(kernels: Kernels, own: Kernel, others: Kernel) -> Kernel:
    """Take each output's weights for its own input from one kernel, and those for other inputs from another."""
    mask = _own_inputs(kernels)
    return torch.where(mask.view(*mask.shape, *[1] * (own.dim() - TAP_DIM)), own, others)


def _at_current_frame(kernel: Kernel) -> Kernel:
    """Sum the taps of each kernel at the current frame."""
    summed = torch.zeros_like(kernel)
    summed[:, :, kernel.shape[TAP_DIM] // 2] = kernel.sum(dim=TAP_DIM)
    return summed


SETTINGS: Final[Mapping[str, Setting]] = {
    "learned": Setting(
        label="as trained",
        words="its trained kernels",
        rule="The kernels after training.",
        kernel=lambda kernels, blend: kernels.learned,
    ),
    "initial": Setting(
        label="untrained shift",
        words="the untrained shift",
        rule="The kernels before training: for a learnable shift the hard shift, in which half of the outputs read the "
        "next frame and half the previous one.",
        kernel=lambda kernels, blend: kernels.start,
        fits=_start_is_known,
    ),
    "identity": Setting(
        label="no shift",
        words="no shift",
        rule="Identity: each output reads its original inputs, one for a learnable shift, in the current frame.",
        kernel=lambda kernels, blend: _at_current_frame(kernels.start),
        fits=_start_is_known,
    ),
    "present": Setting(
        label="current frame only",
        words="the current frame only",
        rule="The trained weights of each kernel are summed at the current frame: channels mix as trained, frames do "
        "not, and a still clip gives the same result, except at its ends.",
        kernel=lambda kernels, blend: _at_current_frame(kernels.learned),
    ),
    "zero": Setting(
        label="zeroed",
        words="zeroed kernels",
        rule="The kernels are zero, and the path through them outputs zeros; in 3D convolutions this includes space.",
        kernel=lambda kernels, blend: torch.zeros_like(kernels.learned),
    ),
    "mirrored": Setting(
        label="reversed in time",
        words="kernels reversed in time",
        rule="The taps of every kernel in reverse order: (a1, a2, a3) becomes (a3, a2, a1).",
        kernel=lambda kernels, blend: kernels.learned.flip(TAP_DIM),
    ),
    "unmixed": Setting(
        label="mixing removed",
        words="mixing removed",
        rule="Each output keeps the trained taps for its own input, the one that the untrained shift reads; its "
        "weights to all other inputs are zero.",
        kernel=lambda kernels, blend: _with_own(kernels, kernels.learned, torch.zeros_like(kernels.learned)),
        fits=_mixes_channels,
    ),
    "own_reset": Setting(
        label="own taps reset",
        words="own taps reset",
        rule="Each output reads its own input by the untrained shift again; its trained weights to all other inputs "
        "are kept.",
        kernel=lambda kernels, blend: _with_own(kernels, kernels.start, kernels.learned),
        fits=_mixes_channels,
    ),
    "blend": Setting(
        label="blend",
        words="a blend of untrained and trained kernels",
        rule="W₀ + b·(W − W₀), with W₀ before and W after training: b = 0 is before training, 1 after training, and "
        "above 1 the change continues in a straight line.",
        kernel=lambda kernels, blend: torch.lerp(kernels.start, kernels.learned, blend),
        fits=_start_is_known,
        takes_blend=True,
    ),
}


def stored_starts(path: Path | str) -> dict[str, Tensor]:
    """The kernels before training of temporal layers other than learnable shifts, as far as the file has them.

    For kernels that span space the file has sums over space only, which cannot be restored.
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
    """The kernels of a temporal layer of any form, with the taps in the third dimension.

    `start` has the kernels before training if the layer does not know them.
    """
    match layer:
        case TemporalKernel():
            learned, initial = layer.kernel.detach(), layer.initial_kernel()
        case nn.Conv3d():
            learned, initial = layer.weight.detach(), None
        case _:
            raise ValueError(f"A layer with a temporal kernel was expected; got {type(layer).__name__}.")
    if initial is None and start is not None:
        initial = start.reshape(learned.shape).to(learned)
    return Kernels(learned=learned, initial=initial)


def kernels_set_to(layer: nn.Module, setting: str, blend: float = 1.0, start: Tensor | None = None) -> Tensor:
    """A weight for a temporal layer in a setting, in the shape and memory format of its weight.

    `start` has the kernels before training if the layer does not know them. Raises ValueError for an unknown setting,
    one that the layer does not have, and a blend outside [0, 1.5].
    """
    if setting not in SETTINGS:
        raise ValueError(f"Kernels can be set to {', '.join(SETTINGS)}; got {setting!r}.")
    if not 0 <= blend <= MAX_BLEND:
        raise ValueError(f"A blend is between 0 and {MAX_BLEND:g}; got {blend:g}.")
    kernels = kernels_of(layer, start)
    if not SETTINGS[setting].fits(kernels):
        raise ValueError(_why_not(setting, kernels))
    kernel = SETTINGS[setting].kernel(kernels, blend)
    if isinstance(layer, TemporalKernel):
        return layer.weight_with(kernel)
    assert isinstance(layer, nn.Conv3d)
    return torch.empty_like(layer.weight.detach()).copy_(kernel)


def _why_not(setting: str, kernels: Kernels) -> str:
    if kernels.initial is None:
        reason = "neither the layer nor its file has them before training"
    else:
        reason = "their outputs had no single input of their own before training, or have no other one"
    return f"These kernels have no setting {SETTINGS[setting].label!r}: {reason}. Choose another setting."


def changes(
    model: nn.Module, layers: Iterable[str], setting: str, blend: float = 1.0, starts: Starts = NO_STARTS
) -> dict[str, Tensor]:
    """The weights of these layers in a setting, by their names in the state_dict.

    They depend on the present weights of the network, so a shared network needs its lock. Raises KeyError for layers
    without a temporal kernel, ValueError as `kernels_set_to` does.
    """
    modules = temporal_layers(model)
    return {f"{layer}.weight": kernels_set_to(modules[layer], setting, blend, starts.get(layer)) for layer in layers}


def settings_for(model: nn.Module, layers: Iterable[str] | None = None, starts: Starts = NO_STARTS) -> list[str]:
    """The settings that all of these temporal layers have, by default every layer; none if there is no layer."""
    modules = temporal_layers(model)
    kernels = [kernels_of(modules[name], starts.get(name)) for name in (modules if layers is None else layers)]
    return [name for name, setting in SETTINGS.items() if kernels and all(map(setting.fits, kernels))]


def answers(
    model: nn.Module, clips: Float[Tensor, "n 3 t h w"], changed: Mapping[str, Tensor]
) -> Float[Tensor, "n classes"]:
    """Logits with some weights replaced for this call. The network must not be used by others meanwhile."""
    with torch.no_grad():
        return torch.cat([functional_call(model, dict(changed), (batch,)) for batch in clips.split(BATCH)])


class ChangedNetwork(nn.Module):
    """A network with some weights replaced in every call; hooks attach to its blocks."""

    def __init__(self, model: nn.Module, changed: Mapping[str, Tensor]) -> None:
        super().__init__()
        # The same blocks under the same names; the network itself is called, so it is stored outside the modules.
        for name, child in model.named_children():
            self.add_module(name, child)
        self._network = (model,)
        self._changed = dict(changed)
        self.training = model.training

    def forward(self, clip: Float[Tensor, "n 3 t h w"]) -> Float[Tensor, "n classes"]:
        return functional_call(self._network[0], self._changed, (clip,))


def mixes_frames(model: nn.Module) -> bool:
    """False for a network that averages over frames without mixing them, so that it cannot see their order."""
    return any(map(temporal.mixes_frames, model.modules())) or not isinstance(model, VideoResNet)


def why_no_mirror(model: nn.Module) -> str:
    """Why reversing the kernels of a network does not undo a reversed clip, in a sentence; empty if it does."""
    if any(temporal.mixes_frames(module) and temporal.kernel_shape(module) is None for module in model.modules()):
        return "The hard shift of this network is not a kernel, so it cannot be reversed."
    if not temporal_layers(model):
        return "This network has no temporal kernels to reverse."
    if not isinstance(model, VideoResNet):
        return "This network skips or pools frames, which may differ between the two ends of the clip."
    return ""


@dataclass(frozen=True, kw_only=True)
class MirrorLaw:
    """The answers of a network to a clip, to the reversed clip, and with reversed kernels to the reversed clip."""

    straight: Float[Tensor, " c"]
    backwards: Float[Tensor, " c"]
    """For the reversed clip."""
    mirrored: Float[Tensor, " c"]
    """For the reversed clip with every kernel reversed in time."""
    exception: str
    """Why the first and the last may differ, in a sentence; empty if they must be equal."""

    @property
    def difference(self) -> float:
        """The largest difference between the first and the last logits, relative to the largest logit."""
        return relative_difference(self.straight, self.mirrored)

    @property
    def reversed_alone(self) -> float:
        """The same for the reversed clip with the original kernels."""
        return relative_difference(self.straight, self.backwards)

    def effects(self, classes: tuple[str, ...], twins: tuple[int, ...], shown: int | None) -> list[Effect]:
        """The effects of reversing the clip, and of reversing the kernels as well."""
        logits = {"reversed clip": self.backwards, "reversed clip and kernels": self.mirrored}
        return [
            Effect(network=name, classes=classes, twins=twins, before=self.straight, after=after, shown=shown)
            for name, after in logits.items()
        ]

    def finding(self) -> str:
        """One sentence on the result."""
        both = f"{in_powers_of_ten(self.difference)} of the largest"
        clip = in_powers_of_ten(self.reversed_alone)
        if self.exception:
            return f"{self.exception} With both reversed the logits differ by {both}; with only the clip by {clip}."
        if max(self.difference, self.reversed_alone) <= ROUNDING:
            return f"The reversed clip has the same logits already (difference {clip}), so there is nothing to undo."
        if self.difference <= ROUNDING:
            return (
                f"Reversing every kernel undoes the reversed clip: the logits differ by {both} (rounding error). With "
                f"only the clip reversed they differ by {clip}."
            )
        return f"With both reversed the logits differ by {both}, more than rounding; with only the clip by {clip}."


def mirror_law(model: nn.Module, clip: Float[Tensor, "1 3 t h w"]) -> MirrorLaw:
    """Reverse every temporal kernel and the clip; padding is symmetric, so the answer should be the original one.

    The network is left unchanged. Raises NotNumbersError if the answers are not finite.
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
