"""Classes that a mirror or a reversal of time exchanges, found by their names."""

import re
from collections.abc import Iterable, Mapping, Sequence

MIRRORED_WORDS = {"left": "right", "clockwise": "counterclockwise"}


def mirrored_classes(classes: Sequence[str]) -> dict[str, str] | None:
    """Return, for each class with a direction in its name, the class of its mirror image.

    Left and right change places, and so do clockwise and counterclockwise. None if a class has no such partner: its
    mirrored clips would be of no class. "Right out" is no direction.
    """
    exchanged = MIRRORED_WORDS | {second: first for first, second in MIRRORED_WORDS.items()}
    pattern = re.compile(rf"\b(?!right out)({'|'.join(exchanged)})\b", re.IGNORECASE)

    def opposite(match: re.Match[str]) -> str:
        word = exchanged[match[0].lower()]
        return word.capitalize() if match[0][0].isupper() else word

    pairs = {name: pattern.sub(opposite, name) for name in classes if pattern.search(name)}
    return pairs if set(pairs.values()) <= set(classes) else None


def both_ways(pairs: Iterable[tuple[str, str]], classes: Sequence[str]) -> Mapping[str, str]:
    """Return pairs as a mapping in both directions, of those of which both classes are there."""
    known = [(first, second) for first, second in pairs if first in classes and second in classes]
    return {first: second for pair in known for first, second in (pair, pair[::-1])}
