"""Function calls stated once, to be run and to be printed as a snippet of Python."""

import builtins
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import numpy as np

LINE_LENGTH: Final = 100
"""Characters of a line of a snippet; a longer call gets a line for each argument."""

_NOT_GIVEN: Final = object()


class Call:
    """A call of `function`, a public one of a module or a class.

    Arguments are plain values, dataclasses of them, `Named` values, `Part`s, further calls, and lists, tuples and
    mappings of all these.
    """

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs

    def run(self) -> Any:
        """Call the function with the values of its arguments."""
        kwargs = {name: evaluate(value) for name, value in self.kwargs.items()}
        return self.function(*(evaluate(value) for value in self.args), **kwargs)

    def code(self) -> str:
        """Return Python that can be run by itself: imports, a line for each named value, and the call at the end.

        Raises TypeError for an argument that has no notation, such as a tensor without a name, and ValueError if two
        different values have one name.
        """
        writer = _Writer()
        last = _lines(writer.tree(self))
        imports = [
            f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(writer.imports.items())
        ]
        return "\n".join([*imports, *([""] if imports else []), *writer.statements, *last])


@dataclass(frozen=True)
class Named:
    """A value that has a name and a line of its own in a snippet."""

    name: str
    source: Any
    """How the snippet makes the value: a `Call`, or anything that an argument of one can be."""
    known: Any = _NOT_GIVEN
    """The value, where there is one already."""

    @cached_property
    def value(self) -> Any:
        """The value that is known, or what the source gives, computed once."""
        return evaluate(self.source) if self.known is _NOT_GIVEN else self.known


@dataclass(frozen=True)
class Part:
    """An attribute (a string) or an item (a number) of a value."""

    owner: Call | Named
    key: str | int


def evaluate(value: Any) -> Any:
    """Return what an argument of a `Call` stands for."""
    match value:
        case Call():
            return value.run()
        case Named():
            return value.value
        case Part(owner, str(attribute)):
            return getattr(evaluate(owner), attribute)
        case Part(owner, key):
            return evaluate(owner)[key]
        case list():
            return [evaluate(item) for item in value]
        case tuple():
            return tuple(evaluate(item) for item in value)
        case dict():
            return {key: evaluate(item) for key, item in value.items()}
        case _:
            return value


@dataclass(frozen=True)
class _Group:
    """Text in brackets: what opens it, its items, what closes it."""

    opening: str
    items: Sequence[tuple[str, "_Tree"]]
    """Each with what comes before it, such as `name=`."""
    closing: str


_Tree = str | _Group


class _Writer:
    """The imports and statements that the values written so far need."""

    def __init__(self) -> None:
        self.imports: dict[str, set[str]] = {}
        self.statements: list[str] = []
        self._named: dict[str, str] = {}

    def tree(self, value: Any) -> _Tree:
        """The notation of a value."""
        match value:
            case Named():
                return self._define(value)
            case Part(owner, str(attribute)):
                return f"{_flat(self.tree(owner))}.{attribute}"
            case Part(owner, key):
                return f"{_flat(self.tree(owner))}[{key}]"
            case Call():
                positional = [("", self.tree(item)) for item in value.args]
                keywords = [(f"{name}=", self.tree(item)) for name, item in value.kwargs.items()]
                return _Group(f"{self._imported(value.function)}(", positional + keywords, ")")
            case list():
                return _Group("[", [("", self.tree(item)) for item in value], "]")
            case tuple():
                return _Group("(", [("", self.tree(item)) for item in value], ",)" if len(value) == 1 else ")")
            case Mapping():
                return _Group("{", [(f"{key!r}: ", self.tree(item)) for key, item in value.items()], "}")
            case np.generic():
                return repr(value.item())
            case Fraction():
                self._imported(Fraction)
                return repr(value)
            case None | bool() | int() | float() | str() | slice() | range():
                return repr(value)
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
                return self.tree(Call(type(value), **_set_fields(value)))
            case _ if callable(value) and hasattr(value, "__qualname__"):
                return self._imported(value)
            case _:
                raise TypeError(f"A {type(value).__name__} has no notation in Python; give it as a Named with a Call.")

    def _imported(self, function: Callable[..., Any]) -> str:
        if function.__module__ != builtins.__name__:
            self.imports.setdefault(function.__module__, set()).add(function.__qualname__.split(".")[0])
        return function.__qualname__

    def _define(self, value: Named) -> str:
        lines = _lines(self.tree(value.source), f"{value.name} = ")
        statement = "\n".join(lines)
        known = self._named.setdefault(value.name, statement)
        if known != statement:
            raise ValueError(f"Two values of a snippet are called {value.name}: {known} and {statement}.")
        if statement not in self.statements:
            self.statements.append(statement)
        return value.name


def _set_fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults."""
    fields = {field.name: (getattr(value, field.name), field) for field in dataclasses.fields(value) if field.init}
    return {name: item for name, (item, field) in fields.items() if not _is_default(item, field)}


def _is_default(value: object, field: dataclasses.Field[Any]) -> bool:
    if field.default_factory is not dataclasses.MISSING:
        return value == field.default_factory()
    return field.default is not dataclasses.MISSING and value == field.default


def _flat(tree: _Tree) -> str:
    if isinstance(tree, str):
        return tree
    return f"{tree.opening}{', '.join(before + _flat(item) for before, item in tree.items)}{tree.closing}"


def _lines(tree: _Tree, before: str = "", after: str = "", indent: str = "") -> list[str]:
    """One line, or a line for each item where one would be too long."""
    line = f"{indent}{before}{_flat(tree)}{after}"
    if isinstance(tree, str) or len(line) <= LINE_LENGTH:
        return [line]
    inner = [text for name, item in tree.items for text in _lines(item, name, ",", f"{indent}    ")]
    return [f"{indent}{before}{tree.opening}", *inner, f"{indent}{tree.closing.lstrip(',')}{after}"]
