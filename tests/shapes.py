"""The checker that reads the shapes in the signatures of `gte` and `analysis` while tests run."""

from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception
from jaxtyping import AbstractArray

CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""As everywhere else in Python, an int is good enough where a float is asked for."""


def checked(defined: Any) -> Any:
    """Let beartype check every call of a function or class; two kinds stay as they are.

    Whether an object keeps to a protocol cannot be asked while running; pyright holds those. A function inside another
    is defined again at each call, and to compile its check takes longer than the call: it is checked if it has shapes.
    """
    if "<locals>" in defined.__qualname__ and not any(map(is_shape, defined.__annotations__.values())):
        return defined
    try:
        return CHECK(defined)
    except BeartypeDecorHintPep3119Exception:
        return defined


def is_shape(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, AbstractArray)
