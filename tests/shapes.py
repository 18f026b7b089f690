"""The checker that reads the shapes in the signatures of `gte` and `analysis` while tests run."""

from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""As everywhere else in Python, an int is good enough where a float is asked for."""


def checked(defined: Any) -> Any:
    """Let beartype check every call of a function or class; one whose signature names a protocol stays as it is.

    Whether an object keeps to a protocol cannot be asked while running; pyright holds those.
    """
    try:
        return CHECK(defined)
    except BeartypeDecorHintPep3119Exception:
        return defined
