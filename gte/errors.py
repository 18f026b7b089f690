"""Exceptions of the project; the text of each is one sentence: the rule, the value, the way out."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

MAX_NAMED = 10
"""Number of keys that a message names before it counts the rest."""


class GteError(Exception):
    """An input cannot be used; shown as its sentence, never as a traceback."""


class CheckpointError(GteError):
    """A file is no checkpoint of this project, is cut short, or asks for something unknown here."""


class WeightsError(GteError):
    """A file of another project cannot be opened safely, or holds no weights that a network here can take."""


class VideoError(GteError):
    """A video cannot be opened, holds no frame, or ends before the requested frames."""


class DatasetError(GteError):
    """A data set is not on this machine, or its annotations cannot be used."""


class SplitError(DatasetError):
    """A data set has no such split on this machine, or it was published without labels."""


class SequenceError(VideoError):
    """A folder or archive holds several sequences of images, and none or an unknown one is chosen."""

    def __init__(self, message: str, choices: Sequence[str]) -> None:
        super().__init__(message)
        self.choices = tuple(choices)
        """Names of the sequences."""


class MeasurementError(GteError):
    """A measurement in a process of its own was refused, or the process ended before it had a result."""


class DrawingError(GteError):
    """Figures cannot be drawn as files: no browser is there, or it failed."""


def sentence(error: Exception) -> str:
    """One line that a person can read; an OSError keeps its file name but not its number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split())


def listed(keys: Iterable[Any]) -> str:
    """Return all keys as one text, without characters that cannot be printed."""
    return ", ".join(printable(str(key)) for key in keys)


def some_of(keys: Collection[Any]) -> str:
    """Return the first ten keys as one text, and the number of the others."""
    more = len(keys) - MAX_NAMED
    return listed(list(keys)[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def printable(text: str) -> str:
    """Return a text without control characters and halves of characters."""
    return "".join(character for character in text if character.isprintable())
