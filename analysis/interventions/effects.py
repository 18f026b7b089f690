"""Effects of a change of clip or kernels on the answers of a network, in numbers and in words."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from analysis.attribution.evidence import Evidence, NotNumbersError, rank_correlation
from analysis.formatting import percent, power_of_ten, three_digits

ROUNDING: Final = 1e-5
"""Differences of logits up to this part of the largest are rounding errors, from the order of additions."""
ALIKE: Final = 0.8
UNLIKE: Final = 0.4
"""Rank correlations of two maps from which the evidence keeps its position, and below which it is elsewhere."""
MIN_CHANGE: Final = 0.01
"""Smaller changes of a probability are not visible in a figure."""
MAX_CLASSES = 5


def relative_difference(before: Float[Tensor, "*n c"], after: Float[Tensor, "*n c"]) -> float:
    """The largest difference of two answers, relative to the largest logit of the first.

    Raises NotNumbersError if one of them has values that are not finite.
    """
    if not (before.isfinite().all() and after.isfinite().all()):
        raise NotNumbersError("The output of the network is not a number, so it cannot be compared.")
    largest = float((before - after).abs().max())
    scale = float(before.abs().max())
    return largest / scale if scale else float(largest > 0)


def logits_in_double(model: nn.Module, clip: Float[Tensor, "c t h w"]) -> Float64[Tensor, " classes"]:
    """The logits of a copy of a network in double precision, where rounding is far below the digits of a page."""
    with torch.no_grad():
        return copy.deepcopy(model).double()(clip[None].double())[0]


def in_powers_of_ten(share: float) -> str:
    """A share in words: a percentage from a thousandth on, a power of ten below it, "4.2 · 10⁻⁸"."""
    return percent(share) if share == 0 or share >= 1e-3 else power_of_ten(share)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """The answers of a network to a clip before and after a change."""

    network: str
    classes: tuple[str, ...]
    twins: tuple[int, ...]
    """The reversed class of each class, or -1."""
    before: Float[Tensor, " c"]
    after: Float[Tensor, " c"]
    shown: int | None = None
    """The true class of the unchanged clip, if it is known."""
    mixes_frames: bool = True
    """False for a network that averages over frames without mixing them."""

    def __post_init__(self) -> None:
        relative_difference(self.before, self.after)

    @property
    def difference(self) -> float:
        """The largest difference of the logits, relative to the largest."""
        return relative_difference(self.before, self.after)

    @property
    def twin(self) -> int:
        """The reversed class of the clip, or, if its class is unknown, of the answer before; -1 if there is none."""
        return self.twins[int(self.before.argmax()) if self.shown is None else self.shown]

    @property
    def turns_to_twin(self) -> bool:
        """True if the answer after the change is the reversed class of the one before."""
        return int(self.after.argmax()) == self.twins[int(self.before.argmax())]

    def finding(self) -> str:
        """One sentence on the change of the answer."""
        (first, was), (then, now) = (_most_probable(logits) for logits in (self.before, self.after))
        if self.difference == 0:
            return f"{self.network} stays at “{self.classes[first]}” {percent(now)}: its output is unchanged."
        if self.difference <= ROUNDING:
            return (
                f"{self.network} stays at “{self.classes[first]}” {percent(now)}: its output is unchanged, apart from "
                f"a rounding error of {in_powers_of_ten(self.difference)}."
            )
        if first == then:
            return f"{self.network} stays at “{self.classes[first]}”, {percent(was)} before and {percent(now)} after."
        twin = ", its reversed class" if self.turns_to_twin else ""
        return (
            f"{self.network} changes from “{self.classes[first]}” {percent(was)} to “{self.classes[then]}” "
            f"{percent(now)}{twin}."
        )


def _most_probable(logits: Float[Tensor, " c"]) -> tuple[int, float]:
    probability, index = logits.double().softmax(dim=0).max(dim=0)
    return int(index), float(probability)


def theorem(effect: Effect, reordered: bool) -> str:
    """One sentence on what follows for a network that does not mix frames; empty for other networks."""
    if effect.mixes_frames:
        return ""
    if not reordered:
        return (
            f"{effect.network} averages over frames without mixing them, so it cannot see their order. But this change "
            f"gives it other frames, so its output may change: here by {in_powers_of_ten(effect.difference)} of its "
            "largest logit."
        )
    if effect.difference <= ROUNDING:
        return (
            f"{effect.network} cannot see frame order: it averages over frames without mixing them, and a sum does not "
            "depend on the order of its terms."
        )
    return (
        f"{effect.network} averages over frames without mixing them, so its output should not change; it changed by "
        f"{in_powers_of_ten(effect.difference)} of its largest logit, which is more than rounding error."
    )


def changes_in_words(effects: Sequence[Effect]) -> str:
    """One sentence for each network on the largest changes of probability in its figure."""
    drawn = classes_of_interest(effects)
    return " ".join(_changes(effect, drawn) for effect in effects)


def _changes(effect: Effect, drawn: Sequence[int]) -> str:
    before, after = (logits.double().softmax(0) for logits in (effect.before, effect.after))
    changes = {effect.classes[index]: float(after[index] - before[index]) for index in drawn}
    highest, lowest = max(changes, key=lambda name: changes[name]), min(changes, key=lambda name: changes[name])
    if max(changes[highest], -changes[lowest]) < MIN_CHANGE:
        return f"{effect.network}: nothing changes."
    parts = []
    if changes[highest] >= MIN_CHANGE:
        parts.append(f"“{highest}” rises by {_points(changes[highest])}")
    if changes[lowest] <= -MIN_CHANGE:
        parts.append(f"“{lowest}” falls by {_points(-changes[lowest])}")
    return f"{effect.network}: {' and '.join(parts)}."


def _points(share: float) -> str:
    count = three_digits(100 * share)
    return f"{count} percentage point{'' if count == '1' else 's'}"


def classes_of_interest(effects: Sequence[Effect], maximum: int = MAX_CLASSES) -> list[int]:
    """The classes of a figure: the true class, the reversed class, then the most probable of any network.

    Sorted by the highest probability that any network gives them, before or after.
    """
    highest = [
        max(float(logits.double().softmax(0)[index]) for effect in effects for logits in (effect.before, effect.after))
        for index in range(len(effects[0].classes))
    ]
    first = {effects[0].shown, effects[0].twin} - {None, -1}
    ranked = sorted(range(len(highest)), key=lambda index: (index not in first, -highest[index]))
    return sorted(ranked[:maximum], key=lambda index: -highest[index])


def role_of(effect: Effect, index: int) -> str:
    """ "true" for the true class of the unchanged clip, "reversed" for its reversed class, else empty."""
    return "true" if index == effect.shown else "reversed" if index == effect.twin else ""


def effects_table(effects: Sequence[Effect]) -> pd.DataFrame:
    """All classes of all networks: network, class, role, probability and logit before and after."""
    return pd.DataFrame(
        [
            {
                "network": effect.network,
                "class": name,
                "role": role_of(effect, index),
                "probability_before": float(effect.before.double().softmax(0)[index]),
                "probability_after": float(effect.after.double().softmax(0)[index]),
                "logit_before": float(effect.before[index]),
                "logit_after": float(effect.after[index]),
            }
            for effect in effects
            for index, name in enumerate(effect.classes)
        ]
    )


def evidence_in_words(before: Evidence, after: Evidence) -> str:
    """One sentence on the change of the evidence for a class, in position and strength."""
    if before.is_empty or after.is_empty:
        if before.is_empty and after.is_empty:
            return f"{after.label} finds no evidence, before or after."
        return f"{after.label} finds evidence only {'after' if before.is_empty else 'before'} the change."
    alike = rank_correlation(before.map, after.map)
    position = "keeps its position" if alike >= ALIKE else "is elsewhere" if alike < UNLIKE else "moves partly"
    times = three_digits(after.maximum / before.maximum)
    strength = "unchanged" if times == "1" else f"{times} times the original one"
    return f"The evidence {position} (rank correlation {three_digits(alike)}), and its peak value is {strength}."
