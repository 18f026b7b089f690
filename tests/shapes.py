"""The shapes in the signatures of `gte` and `analysis`, checked at every call while tests run."""

import dataclasses
import inspect
from typing import Any, get_args

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeError))
"""As everywhere else in Python, an int is good enough where a float is asked for."""

_one_meaning_for_each_name = jaxtyping.jaxtyped(typechecker=None)


def check_everywhere() -> None:
    """Check the shapes in signatures of all that is imported from now on."""
    # From there jaxtyping's import hook takes the decorator of every function and class. Its own checks each argument
    # twice, and types without a shape as well, which pyright does: it takes a quarter of the time of all tests.
    jaxtyping.jaxtyped = lambda typechecker: checked
    jaxtyping.install_import_hook(["gte", "analysis"], None)


def checked(defined: Any) -> Any:
    """Let every call of a function or method, and every making of a dataclass, be checked if its signature has shapes.

    Whether an object keeps to a protocol cannot be asked while running: a signature that names one stays as it is.
    """
    if inspect.isclass(defined):
        if dataclasses.is_dataclass(defined):
            defined.__init__ = checked(defined.__init__)
        return defined
    if not has_shapes(defined):
        return defined
    try:
        return _one_meaning_for_each_name(CHECK(defined))
    except BeartypeDecorHintPep3119Exception:
        return defined


def has_shapes(defined: Any) -> bool:
    """True if the signature of a function, method or property names the shape of an array."""
    function = defined.fget if isinstance(defined, property) else getattr(defined, "__func__", defined)
    return any(map(_names_shape, function.__annotations__.values()))


def _names_shape(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    return any(map(_names_shape, get_args(annotation)))
