"""The headline on the kernels of a network: what its output channels do, by which reading, and what changed."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from analysis.formatting import DIRECTIONS, KIND_VERBS, join_words, three_digits
from analysis.kernels.chance import Range, chances_of, total
from analysis.kernels.drift import NO_KERNELS, Row, is_start_known, measure_drift, rows_at
from analysis.kernels.readings import READING_WORDS, READINGS, WEIGHT_READINGS, Moments, Reading
from gte.kernel_history import KernelHistory

GROUPS: Final = (*DIRECTIONS, "combined")
"""What the first screen tells apart: three directions, and what combines several frames."""
GERUNDS: Final[Mapping[str, str]] = {
    "back": "looking back",
    "now": "reading the current frame",
    "ahead": "looking ahead",
    "combined": "combining frames",
}
NO_CHANGE: Final = "Training changed none, by any reading"
MAX_NAMES: Final = 2
"""Layers that a sentence names; of more it gives the number."""

Readings = Mapping[Reading, Sequence[Row]]
ChanceOf = Callable[[Reading], Range | None]
"""The range of the number of outputs, of all layers, that do something else after a random change of the same size."""


@dataclass(frozen=True)
class Headline:
    """Sentences on the kernels of a network."""

    finding: str
    """What holds by one reading."""
    others: str = ""
    """What training changed by the other readings; empty where they say nothing further."""
    text: str = ""
    """Both in one; empty where it is the finding."""

    def __str__(self) -> str:
        return self.text or self.finding


def describe_kernels(
    readings: Readings, reading: Reading = "energy", snapshot: int = -1, chance: ChanceOf = lambda _: None
) -> Headline:
    """Describe a snapshot in one to four sentences: what outputs do by a reading, and what changed by each.

    The largest drift is named where the chosen reading sees no other change.

    `readings` has the rows of `measure_drift` for each reading, among them the chosen one. A snapshot before the last
    is named by its step. Raises IndexError for a snapshot that no layer has.
    """
    rows = readings[reading]
    if not rows:
        return Headline(f"This network {NO_KERNELS}")
    chosen = rows_at(rows, snapshot)
    whole = [row for row in chosen if not is_broken(row)]
    step = max(row["step"] for row in chosen)
    when = "" if step == max(row["step"] for row in rows) else f"At step {step:,}: "
    if not whole:
        return Headline(f"{when}Nothing can be said: the weights of every layer contain NaN or infinity.")
    known = [row for row in whole if is_start_known(row)]
    now, rest = _now(whole, reading), []
    change, others_change = "", ""
    if known:
        layers = {row["layer"] for row in known}
        others: Readings = {
            name: [row for row in rows_at(other, snapshot) if row["layer"] in layers]
            for name, other in readings.items()
        }
        change, others_change = _changes(others, reading, chance, has_all_layers=len(known) == len(chosen))
        if not any(row["changed"] for row in others[reading]):
            rest.append(largest_drift_in_words(known))
    if unknown := [row["block"] for row in whole if not is_start_known(row)]:
        of = f" of {_names(unknown)}" if known else ""
        rest.append(f"The weights{of} before training are unknown, and so is what training changed there.")
    if broken := [row["block"] for row in chosen if is_broken(row)]:
        rest.append(f"The weights of {_names(broken)} contain NaN or infinity.")
    if not others_change:
        return Headline(when + " ".join([now, *([f"{change}."] if change else []), *rest]))
    return Headline(
        finding=when + " ".join([now, f"By this reading {change[0].lower()}{change[1:]}.", *rest]),
        others=f"What training changed by other readings: {others_change}.",
        text=when + " ".join([now, f"{change}; {others_change}.", *rest]),
    )


def headline_of(
    histories: Sequence[KernelHistory],
    reading: Reading = "energy",
    snapshot: int = -1,
    moments: Moments | None = None,
) -> str:
    """Return the text of `describe_kernels` by every reading; by real inputs if `moments` are given."""

    def chance(name: Reading) -> Range | None:
        chances = chances_of(histories, snapshot, name, moments)
        return total(list(chances.values())).num_changed if chances else None

    if snapshot == -1:  # the snapshots in between take most of the time
        histories = [_ends(history) for history in histories]
    names = WEIGHT_READINGS if moments is None else READINGS
    readings: Readings = {name: measure_drift(histories, name, moments) for name in names}
    return str(describe_kernels(readings, reading, snapshot, chance))


def _ends(history: KernelHistory) -> KernelHistory:
    ends = sorted({0, len(history.steps) - 1})
    return replace(history, steps=history.steps[ends], weights=history.weights[ends])


def is_broken(row: Row) -> bool:
    """Return True if a layer's weights contain NaN or infinity."""
    return bool(row["undefined"]) or (math.isnan(row["drift"]) and is_start_known(row))


def count_of(rows: Sequence[Row], name: str) -> int:
    """Return how many outputs of the layers are of a kind or group, from its share of each."""
    return sum(round(row[name] * row["outputs"]) for row in rows)


def outputs_in_words(number: int, name: str, when: Literal["now", "before"] = "now") -> str:
    """Return "3 look back", "1 looks back" for outputs of a kind or group, or what they did before training."""
    one, several, past = KIND_VERBS[name]
    verb = past.replace("was ", "were ") if when == "before" else several
    return f"{number} {verb if number != 1 else past if when == 'before' else one}"


def _names(blocks: Sequence[str]) -> str:
    return join_words(blocks) if len(blocks) <= MAX_NAMES else f"{len(blocks)} layers"


def _now(rows: Sequence[Row], reading: Reading) -> str:
    outputs = sum(row["outputs"] for row in rows)
    counts = {group: count_of(rows, group) for group in GROUPS} | {"silent": sum(row["silent"] for row in rows)}
    words = [outputs_in_words(number, group) for group, number in counts.items() if number]
    opening = READING_WORDS[reading][0].upper() + READING_WORDS[reading][1:]
    number, verb = words[0].split(" ", 1)
    words[0] = f"{number} of {outputs:,} output channel{'' if outputs == 1 else 's'} {verb}"
    return f"{opening}, {join_words(words)}{_leaders(rows)}."


def _leaders(rows: Sequence[Row]) -> str:
    """Say in which layers looking back, now, ahead or combining has the largest count among several layers."""
    if len(rows) == 1:
        return ""
    leading: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        counts = {group: count_of([row], group) for group in GROUPS}
        largest = max(counts.values())
        leading.setdefault(tuple(g for g in GROUPS if largest and counts[g] == largest), []).append(row["block"])
    if len(leading) == 1:
        [groups] = leading
        if len(groups) < 2:
            return ""
        return ", equally many in every layer"
    alone = {groups[0]: blocks for groups, blocks in leading.items() if len(groups) == 1}
    words = [f"{GERUNDS[group]} in {_names(alone[group])}" for group in GROUPS if group in alone]
    return f"; the largest count is {join_words(words)}" if words else ""


def _changes(readings: Readings, reading: Reading, chance: ChanceOf, *, has_all_layers: bool) -> tuple[str, str]:
    """Say what how many outputs do was changed, by the chosen reading and by the others, without full stops.

    Where only other readings see a change it says how many outputs combine frames by them, if the rows have all
    layers.
    """
    numbers: dict[Reading, int] = {name: sum(row["changed"] for row in rows) for name, rows in readings.items()}
    if not any(numbers.values()):
        return NO_CHANGE, ""

    combined = {name: count_of(rows, "combined") for name, rows in readings.items()}

    def compared(name: Reading) -> str:
        # Drawn only where there is something to compare, because the first page waits for it.
        drawn = chance(name) if numbers[name] else None
        words = []
        if drawn is not None:
            words = [f"{'no more than by chance,' if numbers[name] <= drawn.high else 'by chance'} {drawn.in_words()}"]
        if numbers[name] and not numbers[reading] and has_all_layers and combined[name] != combined[reading]:
            combines = outputs_in_words(combined[name], "combined") if combined[name] else "none combines frames"
            words.append(f"{combines}{_largest_count(readings[name], 'combined')}")
        return f" ({'; '.join(words)})" if words else ""

    number = numbers[reading]
    does = "does" if number == 1 else "do"
    sentence = f"Training changed what {number} {does}{compared(reading)}" if number else "Training changed none"
    if moves := _moves(readings[reading]):
        sentence += f": {moves}"
    by_count: dict[str, list[str]] = {}
    for name in sorted(readings, key=lambda name: not numbers[name]):
        if name != reading:
            by_count.setdefault(f"{numbers[name] or 'none'}{compared(name)}", []).append(READING_WORDS[name])
    return sentence, ", ".join(f"{' and '.join(names)} {count}" for count, names in by_count.items())


def _largest_count(rows: Sequence[Row], group: str) -> str:
    """Say which layer has the largest number of the outputs of a group, if one alone has it."""
    counts = {row["block"]: count_of([row], group) for row in rows}
    largest = max(counts.values())
    blocks = [block for block, count in counts.items() if count == largest]
    if len(counts) == 1 or len(blocks) > 1 or not largest:
        return ""
    return f", {largest} of them in {blocks[0]}" if largest < sum(counts.values()) else f" in {blocks[0]}"


def _moves(rows: Sequence[Row]) -> str:
    """How many outputs stopped and began looking back and ahead, or reading the current frame, in counts."""
    words = []
    for name in DIRECTIONS:
        before = count_of(rows, f"{name}0")
        stopped, began = (sum(row[f"{verb}_{name}"] for row in rows) for verb in ("stopped", "began"))
        # Where none did so before, the counts of now say how many began.
        if before and (stopped or began):
            joined = f" ({began} began)" if began else ""
            words.append(f"{stopped or 'none'} of {before}{'' if words else ' stopped'} {GERUNDS[name]}{joined}")
    return ", ".join(words)


def largest_drift_in_words(rows: Sequence[Mapping[Any, Any]]) -> str:
    """Name the layer with the largest drift, if one has it."""
    largest = max(rows, key=lambda row: row["drift"])
    if len(rows) == 1:
        return f"{largest['block']} has a drift of {three_digits(largest['drift'])}."
    if largest["drift"] == 0:
        return "No layer has drifted."
    if all(math.isclose(row["drift"], largest["drift"], rel_tol=1e-3) for row in rows):
        return f"Every layer has a drift of {three_digits(largest['drift'])}."
    return f"{largest['block']} has the largest drift, {three_digits(largest['drift'])}."
