"""What a network answers when its learnable shifts are set to something else: whether a layer's kernels are needed.

Changed kernels are handed over for a single call; the network itself keeps its own.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call

from gte.models.shift import TAPS, LearnableTemporalShift, shift_layers

Setting = Literal["learned", "initial", "identity", "zero"]
SETTINGS: Final[tuple[Setting, ...]] = get_args(Setting)
"""What the kernels of a layer can be set to."""

SETTING_WORDS: Final[Mapping[Setting, str]] = {
    "learned": "as learned",
    "initial": "the initial shift",
    "identity": "no shift: each output reads its input's own frame",
    "zero": "nothing: the temporal path is silent",
}

BATCH = 8
"""Clips that a network answers at a time."""


def kernels_set_to(layer: LearnableTemporalShift, setting: Setting) -> Tensor:
    """A weight for the layer, of the shape of its own.

    "initial": what it began with; "identity": the same with every tap moved to the present; "zero": zeros.
    """
    weight = layer.weight.detach()
    initial = layer.initial_weight(weight.shape[1]).to(weight)
    match setting:
        case "learned":
            return weight
        case "initial":
            return initial
        case "identity":
            still = torch.zeros_like(initial)
            still[:, :, TAPS // 2] = initial.sum(dim=2)
            return still
        case "zero":
            return torch.zeros_like(weight)


def changes(model: nn.Module, layers: Sequence[str], setting: Setting) -> dict[str, Tensor]:
    """The weights of these learnable shifts in a setting, by their names in the state_dict.

    Raises KeyError for what is no learnable shift of the network.
    """
    shifts = shift_layers(model)
    return {f"{layer}.weight": kernels_set_to(shifts[layer], setting) for layer in layers}


def answers(
    model: nn.Module, clips: Float[Tensor, "n 3 t h w"], changed: Mapping[str, Tensor]
) -> Float[Tensor, "n classes"]:
    """Logits with some weights replaced for this call. No other call may use the network meanwhile."""
    with torch.no_grad():
        return torch.cat([functional_call(model, dict(changed), (batch,)) for batch in clips.split(BATCH)])


def top1(logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> float:
    """The share of clips whose most probable class is their own."""
    return float((logits.argmax(dim=1) == labels).float().mean())


def is_it_needed(
    model: nn.Module, layers: Sequence[str], clips: Float[Tensor, "n 3 t h w"], labels: Int[Tensor, " n"]
) -> pd.DataFrame:
    """The accuracy on labelled clips when each of the layers alone is set to something else.

    Rows: layer, setting (the first is "learned"), top1. The network is left as it was, bit for bit.
    """
    whole = top1(answers(model, clips, {}), labels)
    return pd.DataFrame(
        [
            {
                "layer": layer,
                "setting": setting,
                "top1": whole
                if setting == "learned"
                else top1(answers(model, clips, changes(model, [layer], setting)), labels),
            }
            for layer in layers
            for setting in SETTINGS
        ]
    )


def need_finding(table: pd.DataFrame, block: str, num_clips: int) -> str:
    """One sentence on one layer's rows of `is_it_needed`."""
    scores = dict(zip(table["setting"], table["top1"], strict=True))
    whole, worst = scores["learned"], min(SETTINGS[1:], key=lambda setting: scores[setting])

    def clips(share: float) -> str:
        return f"{round(share * num_clips)} of {num_clips} clips"

    if scores[worst] >= whole:
        return f"{block} is not needed here: with anything else the network is right on no fewer than {clips(whole)}."
    initial = scores["initial"]
    sentence = f"{block} is needed: as learned the network is right on {clips(whole)}"
    if worst == "initial":
        return f"{sentence}, with the shift that it began with on {round(initial * num_clips)}."
    word = {"identity": "with no shift", "zero": "with none of it"}[worst]
    return (
        f"{sentence}, {word} on {round(scores[worst] * num_clips)}, with the shift that it began with on "
        f"{round(initial * num_clips)}."
    )
