"""What is chosen travels in the address and from page to page, and what a link asks for that does not exist is told.

A page binds its widget to the address and lets this module find where it starts:

    start = state.start(state.LAYER, layers, default=moved_most)
    layer = st.selectbox("Layer", layers, index=start, key=state.LAYER.name, bind="query-params")

The default is given as `index`, not written into the session: the widget leaves its default out of the address, and a
link to the first option would otherwise be indistinguishable from no link.

The keys of SUBJECT belong to every page. Streamlit strikes from the address of the next page whatever a widget of the
last one was bound to, even where the link itself asks for it, and forgets widgets that a page does not draw. So what a
reader chose is kept here, under no widget's key, and put back when a page that shows it is opened.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import parse_qs

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx


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
COMPARE = Key("compare", "checkpoint to compare with")
TAPS = Key("taps", "reading of the taps")
SORT = Key("sort", "order of the outputs")
OUTPUT = Key("output", "output")
STEP = Key("step", "step")
FORM = Key("form", "form of the kernels")
FORMAT = Key("format", "format of figures")
STRETCH = Key("stretch", "stretch of the clip")
METHOD = Key("method", "method")
AGAINST = Key("against", "class to compare with")

SUBJECT = (CKPT, CLIP, LAYER)
"""What the reader looks at: chosen on one page, it is shown on the next, unless a link asks for something else."""

MOST_CHARACTERS = 80
"""Of what a link asks for in vain, in a sentence."""

Value = TypeVar("Value")

_PAGE = "state: the page of the last run"
_CHECKED = "state: keys whose link was checked"
_MISSING = "state: links to what does not exist"
_CHOSEN = "state: what the reader chose of the subject"
_SHOWN = "state: what the page showed of the subject"
_WISHED = "state: what the next run is to show of the subject"
_ARRIVED = "state: this run is the first of its page, or a step back or forward"
_TABS = "state: the tab that was open last, by page"


@dataclass(frozen=True)
class _Missing:
    noun: str
    asked: str
    shown: str | None
    """What is shown instead, as its widget's value; None where no widget holds it."""
    instead: str = ""
    """The same as a sentence, where no widget holds it or the widget has other words for it; empty where the page shows
    that by itself."""

    def replacement(self) -> str:
        """The end of the sentence: what is shown instead."""
        if self.instead:
            return f"; {self.instead}"
        return "" if self.shown is None else f"; “{self.shown}” is shown instead"


def arrive(page: str) -> None:
    """Note the page of this run; call it before anything is drawn.

    When the page is another one than before, or the reader goes back or forward, links and the subject count anew.
    """
    context = get_script_run_ctx()
    went_back = context is not None and context.is_history_navigation
    st.session_state[_ARRIVED] = page != st.session_state.get(_PAGE) or went_back
    if not st.session_state[_ARRIVED]:
        return
    st.session_state[_PAGE] = page
    st.session_state.setdefault(_CHECKED, set()).difference_update(key.name for key in SUBJECT)
    st.session_state[_MISSING] = {}


def start(key: Key, options: Sequence[str], default: str, also: Mapping[str, str] = MappingProxyType({})) -> int:
    """Return the `index` for the widget of `key`; call it right above the widget.

    `also` has further names by which a link may ask for an option of the subject.

    On the first opening it notes a value in the address that is not among the options. A value that an earlier choice
    left over, and that is no option any more, gives way to the default. Raises ValueError if there are no options or
    the default is none of them.
    """
    if not options:
        raise ValueError(f"There is no {key.noun} to choose from.")
    if default not in options:
        raise ValueError(f"The default {key.noun} must be one of {', '.join(options)}; got {default}.")
    if key in SUBJECT:
        _put_back(key, options, default, also)
    elif _is_first(key):
        _note_missing(key, st.query_params.get_all(key.name), options, default)
    if key.name in st.session_state and st.session_state[key.name] not in options:
        st.session_state[key.name] = default
    if key in SUBJECT:
        _shown()[key.name] = st.session_state.get(key.name, default)
    return list(options).index(default)


def _put_back(key: Key, options: Sequence[str], default: str, also: Mapping[str, str]) -> None:
    """Have the widget show what a link asks for, else what the reader chose; later, note what the reader chooses."""
    value = st.session_state.get(key.name)
    wished = st.session_state.get(_WISHED, {}).pop(key.name, None)
    if wished in options:
        _is_first(key)
        choose(key, wished)
        _show(key, wished, default)
        return
    if not _is_first(key) and value is not None:
        # What this page itself fell back to is nobody's choice.
        if value in options and value != _shown().get(key.name):
            choose(key, value)
        return
    # Also where the widget comes back after another tab, which has no use for it: Streamlit has forgotten it then.
    wanted = _wanted(key, options, default, also)
    if wanted is not None:
        _show(key, wanted, default)
    elif value is not None:
        # Another page's default, which Streamlit has kept.
        _show(key, default, default)


def _wanted(
    key: Key, options: Collection[str], default: str | None, also: Mapping[str, str] = MappingProxyType({})
) -> str | None:
    """What a link asks for, or else what the reader chose; None if it is not among the options."""
    chosen = chosen_of(key)
    asked = _asked(key)
    if asked is not None and asked not in options:
        asked = also.get(asked, asked)
    if asked is not None and asked in options:
        choose(key, asked)
        return asked
    wanted = chosen if chosen in options else None
    # An address that still carries what was chosen on the page before asks for nothing.
    if asked is not None and asked != chosen:
        _note_missing(key, [asked], options, default if default is None or wanted is None else wanted)
    return wanted


def _asked(key: Key) -> str | None:
    """The value in the address as it came, before Streamlit struck anything from it.

    A link's own values stand behind those that the page before left there.
    """
    context = get_script_run_ctx()
    values = parse_qs(context.query_string).get(key.name) if context else None
    return values[-1] if values else None


def _show(key: Key, value: str, default: str) -> None:
    """Give the widget of `key`, which is about to be drawn, a value, and the address as well."""
    st.session_state[key.name] = value
    context = get_script_run_ctx()
    if context is None:
        return
    # st.query_params refuses keys that are bound, as after a step back on the same page. Where a reader has stepped
    # back, the widget reads what the run began with and nothing else, so that is set as well.
    with context.session_state.query_params() as address:
        if value == default:
            address.remove_param(key.name)
        elif address.get_all(key.name) != [value]:
            address.set_corrected_value(key.name, value, "string_value")
        address.set_initial_query_params_from_current()


def only_what_is_here(key: Key, options: Collection[str]) -> None:
    """Have the widget of `key`, which is about to be drawn and takes several, open without what is not here.

    Streamlit would drop all that a link asks for where one of it does not exist.
    """
    asked = st.query_params.get_all(key.name)
    here = [value for value in asked if value in options]
    # An empty value is how Streamlit writes that nothing is chosen.
    if not _is_first(key) or asked in (here, [""]):
        return
    _note_missing(key, asked, options, _in_words(here))
    st.session_state[key.name] = here
    context = get_script_run_ctx()
    if context is None:
        return
    with context.session_state.query_params() as address:
        address.set_corrected_value(key.name, here, "string_array_value")
        address.set_initial_query_params_from_current()


def return_to_tab(key: Key, tabs: Sequence[str], wanted: str | None = None) -> None:
    """On arrival, have the tabs that are about to be drawn open where the link asks, at `wanted`, or as they were left.

    Streamlit strikes the open tab from the address where the page before had tabs of the same key.
    """
    if not st.session_state.get(_ARRIVED):
        return
    left = st.session_state.get(_TABS, {}).get(st.session_state[_PAGE])
    tab = next((tab for tab in (_asked(key), wanted, left) if tab in tabs), None)
    if tab is not None:
        _show(key, tab, tabs[0])


def keep_tab(tab: str) -> None:
    """Note the open tab of this page, to which `return_to_tab` returns."""
    st.session_state.setdefault(_TABS, {})[st.session_state.get(_PAGE)] = tab


def carried(key: Key, options: Collection[str]) -> str | None:
    """What the subject is on a page that has no widget for `key`; it stands in the address. None if it is no option."""
    if _is_first(key):
        _wanted(key, options, None)
    chosen = chosen_of(key)
    value = chosen if chosen in options else None
    write(key, value)
    return value


def chosen_of(key: Key) -> str | None:
    """What the reader chose of the subject on any page of this visit."""
    return st.session_state.get(_CHOSEN, {}).get(key.name)


def choose(key: Key, value: str) -> None:
    """Make this the subject, where a page's own widget chooses it."""
    st.session_state.setdefault(_CHOSEN, {})[key.name] = value


def wish(key: Key, value: str) -> None:
    """Have the next run show this, where the widget of `key` may stand already; `st.rerun()` is the caller's."""
    st.session_state.setdefault(_WISHED, {})[key.name] = value


def _shown() -> dict[str, str]:
    return st.session_state.setdefault(_SHOWN, {})


def _is_first(key: Key) -> bool:
    """True once for each key, and again after an arrival for those of the subject."""
    seen: set[str] = st.session_state.setdefault(_CHECKED, set())
    if key.name in seen:
        return False
    seen.add(key.name)
    return True


def _note_missing(key: Key, asked: Sequence[str], taken: Collection[str], shown: str | None, instead: str = "") -> None:
    vain = [value for value in asked if value not in taken]
    if vain:
        missing: dict[str, _Missing] = st.session_state.setdefault(_MISSING, {})
        missing[key.name] = _Missing(key.noun, vain[-1], shown, instead)


def checked(key: Key, draw: Callable[[], Value]) -> Value:
    """Draw a widget that has no list of names, a number or a choice of several, and note what its link asks in vain.

    Streamlit replaces a value that the widget does not take by its default, in silence.
    """
    asked = st.query_params.get_all(key.name) if _is_first(key) else []
    value = draw()
    if isinstance(value, list | tuple) and asked == [""]:
        # So Streamlit writes that nothing is chosen.
        asked = []
    taken = [str(part) for part in value] if isinstance(value, list | tuple) else [str(value)]
    if isinstance(value, bool):
        # As Streamlit writes it.
        taken = [str(value).lower()]
    _note_missing(key, asked, taken, _in_words(value))
    return value


def number(key: Key, most: int, instead: str) -> int | None:
    """A whole number from 0 to `most` that a link asks for, where no widget holds it; None if it asks for none.

    On the first opening it notes a value that is none of them; `instead` says what is shown then.
    """
    asked = _unheld(key, lambda text: text.isdecimal() and int(text) <= most, instead)
    return None if asked is None else int(asked)


def span(key: Key, most: int, instead: str) -> tuple[int, int] | None:
    """Two whole numbers from 1 to `most` that a link asks for as "5-20", as `number` is for one."""

    def fits(text: str) -> bool:
        first, dash, last = text.partition("-")
        return bool(dash) and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= most

    asked = _unheld(key, fits, instead)
    if asked is None:
        return None
    first, _, last = asked.partition("-")
    return int(first), int(last)


def first_time(key: Key, options: Collection[str], default: str, words: str) -> str | None:
    """What a link asks for, on the first opening alone, where the widget of `key` writes more than the link's word.

    It notes what is not among the options; the widget then shows the default, for which it has `words`.
    """
    asked = st.query_params.get(key.name)
    if not _is_first(key) or asked is None:
        return None
    if asked in options:
        return asked
    _note_missing(key, [asked], options, default, f"“{words}” is shown instead")
    return None


def one_of(key: Key, options: Collection[str], instead: str) -> str | None:
    """One of some words that a link asks for, as `number` is for numbers."""
    return _unheld(key, lambda text: text in options, instead)


def _unheld(key: Key, fits: Callable[[str], bool], instead: str) -> str | None:
    """What a link asks for, where no widget holds it; None if it asks for nothing, or for what does not fit."""
    asked = st.query_params.get(key.name)
    if asked is None:
        return None
    first = _is_first(key)
    if fits(asked):
        return asked
    if first:
        _note_missing(key, [asked], (), None, instead)
    return None


def write(key: Key, value: object) -> None:
    """Keep in the address what no widget holds; None takes it out."""
    if value is not None:
        # What the link asked for in vain has been replaced by a choice.
        st.session_state.get(_MISSING, {}).pop(key.name, None)
    if value is None:
        st.query_params.pop(key.name, None)
    elif st.query_params.get_all(key.name) != [str(value)]:
        st.query_params[key.name] = str(value)


def not_found() -> list[str]:
    """One sentence for each link value that does not exist here, as long as its replacement is what is shown."""
    missing: dict[str, _Missing] = st.session_state.get(_MISSING, {})
    return [
        f"The link asks for the {entry.noun} “{_shortened(entry.asked)}”, which is not here{entry.replacement()}."
        for name, entry in missing.items()
        if entry.shown is None or _in_words(st.session_state.get(name)) == entry.shown
    ]


def _shortened(asked: str) -> str:
    return asked if len(asked) <= MOST_CHARACTERS else f"{asked[:MOST_CHARACTERS]}…"


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return (", ".join(map(str, value)) or "nothing") if isinstance(value, list | tuple) else str(value)
