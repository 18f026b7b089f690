"""What a change of the clip or of the kernels does to an answer: before and after, in numbers and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from jaxtyping import Float
from torch import Tensor

from analysis.attribution.evidence import Evidence, NotNumbersError, rank_correlation
from analysis.formatting import percent, three_digits

ROUNDING: Final = 1e-5
"""Differences of logits up to this part of their scale come of the order in which numbers are added."""
ALIKE: Final = 0.8
UNLIKE: Final = 0.4
"""Rank correlations of two maps of evidence from which on one keeps its places, and below which it lies elsewhere."""
SEEN: Final = 0.01
"""Smaller moves of a probability cannot be seen in a figure."""
MOST_CLASSES = 5


def relative_difference(before: Float[Tensor, "*n c"], after: Float[Tensor, "*n c"]) -> float:
    """The largest difference of two answers, in parts of the largest logit of the first.

    Raises NotNumbersError where one of them holds values that are none.
    """
    if not (before.isfinite().all() and after.isfinite().all()):
        raise NotNumbersError("The network's answer is not a number, so nothing can be compared with it.")
    largest = float((before - after).abs().max())
    scale = float(before.abs().max())
    return largest / scale if scale else float(largest > 0)


def in_powers_of_ten(share: float) -> str:
    """A share for people: as a percentage from a thousandth on, below it as a power of ten, "4.2 · 10⁻⁸"."""
    if share == 0 or share >= 1e-3:
        return percent(share)
    digits, exponent = f"{share:.1e}".split("e-")
    raised = str(int(exponent)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits} · 10⁻{raised}"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One network's answers to a clip before and after a change."""

    network: str
    classes: tuple[str, ...]
    twins: tuple[int, ...]
    """For each class the one that a reversed clip belongs to, or -1."""
    before: Float[Tensor, " c"]
    after: Float[Tensor, " c"]
    shown: int | None = None
    """The class that the unchanged clip shows, where that is known."""
    mixes_frames: bool = True
    """False for a network that averages over frames without mixing them."""

    def __post_init__(self) -> None:
        relative_difference(self.before, self.after)

    @property
    def difference(self) -> float:
        """The largest difference of the logits, in parts of the largest."""
        return relative_difference(self.before, self.after)

    @property
    def twin(self) -> int:
        """The class that the clip shows reversed; without a known clip, the twin of the answer before; -1 if none."""
        return self.twins[int(self.before.argmax()) if self.shown is None else self.shown]

    @property
    def turns_to_twin(self) -> bool:
        """True if the answer after the change is the twin of the one before."""
        return int(self.after.argmax()) == self.twins[int(self.before.argmax())]

    def finding(self) -> str:
        """One sentence on what became of the answer."""
        (first, was), (then, now) = (_likeliest(logits) for logits in (self.before, self.after))
        if self.difference == 0:
            return f"{self.network} stays at “{self.classes[first]}” {percent(now)}: its logits do not move at all."
        if self.difference <= ROUNDING:
            parts = in_powers_of_ten(self.difference)
            return (
                f"{self.network} stays at “{self.classes[first]}” {percent(now)}: its logits move by {parts} of their "
                "scale, which is rounding."
            )
        if first == then:
            return f"{self.network} stays with “{self.classes[first]}”, {percent(was)} before and {percent(now)} after."
        twin = ", its twin" if self.turns_to_twin else ""
        return (
            f"{self.network} turns from “{self.classes[first]}” {percent(was)} to “{self.classes[then]}” "
            f"{percent(now)}{twin}."
        )


def _likeliest(logits: Float[Tensor, " c"]) -> tuple[int, float]:
    probability, index = logits.double().softmax(dim=0).max(dim=0)
    return int(index), float(probability)


def theorem(effect: Effect, reordered: bool) -> str:
    """What the theorem of networks that do not mix frames says of a change of time; empty for other networks."""
    if effect.mixes_frames:
        return ""
    if not reordered:
        return (
            f"{effect.network} averages over frames without mixing them, so no order changes its answer. Here it is "
            "shown other frames than before, of which that says nothing: its logits move by "
            f"{in_powers_of_ten(effect.difference)} of their scale."
        )
    if effect.difference <= ROUNDING:
        return (
            f"No order changes the answer of {effect.network} beyond rounding: it averages over frames without mixing "
            "them, and a sum does not depend on the order of its parts."
        )
    return (
        f"{effect.network} averages over frames without mixing them, so its answer should stay; it moved by "
        f"{in_powers_of_ten(effect.difference)} of its scale, which is more than rounding."
    )


def what_to_see(effects: Sequence[Effect]) -> str:
    """Where the figure of these answers has its dots against its rings, in a sentence for each network."""
    drawn = classes_of_interest(effects)
    return " ".join(_dots(effect, drawn) for effect in effects)


def _dots(effect: Effect, drawn: Sequence[int]) -> str:
    before, after = (logits.double().softmax(0) for logits in (effect.before, effect.after))
    moves = {effect.classes[index]: float(after[index] - before[index]) for index in drawn}
    highest, lowest = max(moves, key=lambda name: moves[name]), min(moves, key=lambda name: moves[name])
    if max(moves[highest], -moves[lowest]) < SEEN:
        return f"{effect.network}: every dot lies in its ring."
    parts = []
    if moves[highest] >= SEEN:
        parts.append(f"“{highest}” goes {_points(moves[highest])} to the right")
    if moves[lowest] <= -SEEN:
        parts.append(f"“{lowest}” {'' if parts else 'goes '}{_points(-moves[lowest])} to the left")
    return f"{effect.network}: from ring to dot {' and '.join(parts)}."


def _points(share: float) -> str:
    count = three_digits(100 * share)
    return f"{count} percentage point{'' if count == '1' else 's'}"


def classes_of_interest(effects: Sequence[Effect], most: int = MOST_CLASSES) -> list[int]:
    """The classes that a figure shows: what the clip shows, its twin, then the likeliest of any network.

    Ordered by the highest probability that any network gives them, before or after.
    """
    highest = [
        max(float(logits.double().softmax(0)[index]) for effect in effects for logits in (effect.before, effect.after))
        for index in range(len(effects[0].classes))
    ]
    asked = {effects[0].shown, effects[0].twin} - {None, -1}
    ranked = sorted(range(len(highest)), key=lambda index: (index not in asked, -highest[index]))
    return sorted(ranked[:most], key=lambda index: -highest[index])


def role_of(effect: Effect, index: int) -> str:
    """ "shown" for the class of the unchanged clip, "twin" for the class of the clip reversed, else empty."""
    return "shown" if index == effect.shown else "twin" if index == effect.twin else ""


def effects_table(effects: Sequence[Effect]) -> pd.DataFrame:
    """Every class of every network: network, class, role, and its probability and logit before and after."""
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
    """One sentence on what became of the evidence for a class: where it lies and how strong it is."""
    if before.is_empty or after.is_empty:
        if before.is_empty and after.is_empty:
            return "There is no evidence before and none after."
        return "There was no evidence before." if before.is_empty else "Nothing is left of the evidence."
    alike = rank_correlation(before.map, after.map)
    place = "keeps its places" if alike >= ALIKE else "lies elsewhere" if alike < UNLIKE else "moves in part"
    times = three_digits(after.maximum / before.maximum)
    strength = "what it was" if times == "1" else f"{times} times what it was"
    return f"The evidence {place} (rank correlation {three_digits(alike)}), and its largest value is {strength}."
