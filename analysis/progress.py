"""Progress of long computations."""

from collections.abc import Callable

Report = Callable[[float, str], None]
"""(part done from 0 to 1, what is being done); an exception that it raises ends the work."""


def no_report(part: float, text: str) -> None:
    """Ignore the progress."""
