"""What is chosen travels in the address: the keys that pages share, and what a link asks for that does not exist.

A page binds its widget to the address and lets this module find where it starts:

    start = state.start(state.LAYER, layers, default=moved_most)
    layer = st.selectbox("Layer", layers, index=start, key=state.LAYER.name, bind="query-params")

The default is given as `index`, not written into the session: the widget leaves its default out of the address, and a
link to the first option would otherwise be indistinguishable from no link.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st


@dataclass(frozen=True)
class Key:
    """A widget's key, which is also its name in the address."""

    name: str
    noun: str
    """What it chooses, as a sentence calls it."""


CKPT = Key("ckpt", "checkpoint")
CLIP = Key("clip", "clip")
LAYER = Key("layer", "layer")
VIEW = Key("view", "view")
CLASS = Key("class", "class")
COMPARE = Key("compare", "checkpoint to compare")
TAPS = Key("taps", "reading of the taps")
SORT = Key("sort", "order of the outputs")
OUTPUT = Key("output", "output")
STEP = Key("step", "step")
FORMAT = Key("format", "format of figures")

Value = TypeVar("Value")

_CHECKED = "state: keys whose link was checked"
_MISSING = "state: links to what does not exist"


@dataclass(frozen=True)
class _Missing:
    noun: str
    asked: str
    shown: str


def start(key: Key, options: Sequence[str], default: str) -> int:
    """Return the `index` for the widget of `key`; call it right above the widget.

    On the first opening it notes a value in the address that is not among the options. A value that an earlier choice
    left over, and that is no option any more, gives way to the default. Raises ValueError if there are no options or
    the default is none of them.
    """
    if not options:
        raise ValueError(f"There is no {key.noun} to choose from.")
    if default not in options:
        raise ValueError(f"The default {key.noun} must be one of {', '.join(options)}; got {default}.")
    checked: set[str] = st.session_state.setdefault(_CHECKED, set())
    if key.name not in checked:
        checked.add(key.name)
        asked = [value for value in st.query_params.get_all(key.name) if value not in options]
        if asked:
            missing: dict[str, _Missing] = st.session_state.setdefault(_MISSING, {})
            missing[key.name] = _Missing(key.noun, asked[-1], default)
    if key.name in st.session_state and st.session_state[key.name] not in options:
        st.session_state[key.name] = default
    return list(options).index(default)


def checked(key: Key, draw: Callable[[], Value]) -> Value:
    """Draw a widget that has no list of names, a number or a choice of several, and note what its link asks in vain.

    Streamlit replaces a value that the widget does not take by its default, in silence.
    """
    seen: set[str] = st.session_state.setdefault(_CHECKED, set())
    asked = [] if key.name in seen else st.query_params.get_all(key.name)
    seen.add(key.name)
    value = draw()
    taken = [str(part) for part in value] if isinstance(value, list | tuple) else [str(value)]
    vain = [text for text in asked if text not in taken]
    if vain:
        missing: dict[str, _Missing] = st.session_state.setdefault(_MISSING, {})
        missing[key.name] = _Missing(key.noun, vain[-1], _in_words(value))
    return value


def number(key: Key, most: int) -> int | None:
    """A whole number from 0 to `most` that a link asks for, where no widget holds it; None if it asks for none.

    On the first opening it notes a value that is none of them.
    """
    asked = st.query_params.get(key.name)
    if asked is None:
        return None
    fits = asked.isdecimal() and int(asked) <= most
    seen: set[str] = st.session_state.setdefault(_CHECKED, set())
    if not fits and key.name not in seen:
        missing: dict[str, _Missing] = st.session_state.setdefault(_MISSING, {})
        missing[key.name] = _Missing(key.noun, asked, _in_words(None))
    seen.add(key.name)
    return int(asked) if fits else None


def write(key: Key, value: object) -> None:
    """Keep in the address what no widget holds; None takes it out."""
    if value is None:
        st.query_params.pop(key.name, None)
    elif st.query_params.get(key.name) != str(value):
        st.query_params[key.name] = str(value)


def not_found() -> list[str]:
    """One sentence for each link value that does not exist here, as long as its replacement is what is shown."""
    missing: dict[str, _Missing] = st.session_state.get(_MISSING, {})
    return [
        f"The link asks for the {entry.noun} “{entry.asked}”, which is not here; “{entry.shown}” is shown instead."
        for name, entry in missing.items()
        if _in_words(st.session_state.get(name)) == entry.shown
    ]


def _in_words(value: object) -> str:
    return (", ".join(map(str, value)) or "nothing") if isinstance(value, list | tuple) else str(value)
