"""Exceptions of the project; the text of each is one sentence: the rule, the value, the way out."""

from collections.abc import Sequence


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
