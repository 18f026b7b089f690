"""URL state: read from the URL on arrival, kept for the visit, and written back after drawing.

A page asks for a key's value right above its widget, and the widget reports changes:

    layer = url_state.show(url_keys.LAYER, default, url_state.one_of(layers))
    st.selectbox("Layer", layers, key="layer", on_change=url_state.keep, args=(url_keys.LAYER,))

What a link asks for and what the reader chooses are choices. They are kept under no widget's key, because Streamlit
forgets the widgets that a page does not draw. Where there is no choice, or the page does not have it, the default is
shown, which is nobody's choice and is not carried to other pages.

No widget is bound to the URL, and `st.query_params` is only read: each change of the URL by Streamlit's server is a new
step of the browser's history, so that Back would return to the same page. A script replaces the URL instead.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlencode

import streamlit as st

from app.url_keys import EACH_PAGE, KEYS, SUBJECT, Key, as_texts

MAX_CHARACTERS = 80
"""Of a link's value in a sentence."""

Value = TypeVar("Value")
Number = TypeVar("Number", int, float)

Url = dict[str, list[str]]


@dataclass
class _State:
    """Of one visitor, for the visit of one page unless it says otherwise."""

    page: str = ""
    visit: int = 0
    """Number of page visits so far."""
    link: Url = field(default_factory=dict)
    """Of the URL on arrival, what no widget has asked for yet."""
    url: Url = field(default_factory=dict)
    """What this run shows."""
    seen: list[Url] = field(default_factory=list)
    """The URLs of this visit."""
    choices: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What links asked for and the reader chose on all pages, by name and scope."""
    missing: dict[str, str] = field(default_factory=dict)
    """A sentence for each value of the link that does not exist, by name."""


def _state() -> _State:
    return st.session_state.setdefault("url_state", _State())


def arrive(page: str) -> None:
    """Read the URL if this run is the first of a page visit; call it before anything is drawn."""
    state = _state()
    state.url = {}
    url = parameters()
    if page == state.page and url in state.seen:
        return
    state.page, state.link, state.seen, state.missing = page, dict(url), [url], {}
    state.visit += 1
    for name in KEYS:
        st.session_state.pop(name, None)


def write() -> None:
    """Have the browser show the URL of what was drawn; call it after everything is drawn."""
    state = _state()
    url = state.link | state.url
    if url not in state.seen:
        state.seen.append(url)
    # The number of the visit makes the text another one on every arrival: the browser runs the same text only once.
    st.html(
        f"""<script data-visit="{state.visit}">{{
        const query = new URLSearchParams("{urlencode(url, doseq=True)}");
        for (const [name, value] of new URLSearchParams(location.search))
            if (name.startsWith("embed")) query.append(name, value);
        history.replaceState(history.state, "", location.pathname + (query.size ? "?" + query : "") + location.hash);
        }}</script>""",
        unsafe_allow_javascript=True,
    )


def resolve(
    key: Key[Value],
    default: Value | None,
    accept: Callable[[Value], Value | None],
    *,
    of: str = "",
    instead: str = "",
    words: Callable[[Any], str] | None = None,
) -> Value | None:
    """Return what the link asks for, else what was chosen, else `default`, and put it into the URL.

    `accept` returns the option for a value, of several values those that exist, or None. A choice `of` a clip or a
    checkpoint holds for it alone. Where the link's value does not exist, the sentence says `instead`, or the value in
    `words`.
    """
    state = _state()
    slot = _slot(key, of)
    missing = None
    if key.name in state.link:
        texts = state.link.pop(key.name)
        wanted = _read(key, texts)
        taken = None if wanted is None else _existing(wanted, accept)
        if taken is not None:
            state.choices[slot] = taken
        if taken is None or isinstance(taken, list):
            missing = next((text for text in reversed(texts) if text not in (taken or [""])), None)
    chosen = state.choices.get(slot)
    value = None if chosen is None else _existing(chosen, accept)
    value = default if value is None else value
    if missing is not None:
        shown = instead or ("" if value is None else f"“{(words or _readable)(value)}” is shown instead")
        state.missing[key.name] = _sentence(key, missing, shown)
    # The subject is written even where it is the default, so that a step back shows it and not what was chosen since.
    put(key, None if value == default and key.page not in (SUBJECT, EACH_PAGE) else value)
    return value


def show(
    key: Key[Value],
    default: Value,
    accept: Callable[[Value], Value | None],
    words: Callable[[Any], str] | None = None,
    *,
    of: str = "",
) -> Value:
    """Have the widget of `key`, which is about to be drawn, show the value that `resolve` finds, and return it."""
    value = resolve(key, default, accept, of=of, words=words)
    assert value is not None
    if key.name not in st.session_state or st.session_state[key.name] != value:
        st.session_state[key.name] = value
    return value


def keep(key: Key[Any], of: str = "") -> None:
    """Take what the reader set the widget of `key` to as the choice; the widget's `on_change`."""
    choose(key, st.session_state[key.name], of)


def choose(key: Key[Value], value: Value | None, of: str = "") -> None:
    """Make this the choice: the next run shows it, and the URL where everything is drawn; None forgets the choice."""
    state = _state()
    slot = _slot(key, of)
    if value is None:
        state.choices.pop(slot, None)
    else:
        state.choices[slot] = value
        state.missing.pop(key.name, None)
    put(key, value)


def put(key: Key[Value], value: Value | None) -> None:
    """Put what is shown into the URL; None takes it out."""
    url = _state().url
    if value is None:
        url.pop(key.name, None)
    else:
        url[key.name] = as_texts(value)


def link_names(key: Key[Any]) -> bool:
    """True if the link has a value for the key that no widget has asked for yet."""
    return key.name in _state().link


def unread_link() -> Collection[str]:
    """The names in the link whose values no widget has asked for yet."""
    return _state().link.keys()


def is_chosen(key: Key[Any]) -> bool:
    """True if the link or the reader has chosen a value for the key, whatever it is of."""
    return link_names(key) or any(name == key.name for name, _ in _state().choices)


def forget(*, but: Collection[Key[Any]]) -> None:
    """Forget all choices but those of these keys."""
    state, kept = _state(), {key.name for key in but}
    state.choices = {slot: value for slot, value in state.choices.items() if slot[0] in kept}


def parameters() -> Url:
    """The parameters of the URL, as this run was asked for with them."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def go(page: st.Page, url: Mapping[str, Sequence[str]]) -> NoReturn:
    """End this run and open a page with these parameters, even if this visit has shown them before."""
    _state().seen.clear()
    st.switch_page(page, query_params=url)


def not_found() -> list[str]:
    """One sentence for each value of the link that does not exist, until something else is chosen."""
    return list(_state().missing.values())


def one_of(options: Collection[str], aliases: Mapping[str, str] = MappingProxyType({})) -> Callable[[str], str | None]:
    """Accept the options, and further names by which a link may ask for them."""

    def accept(text: str) -> str | None:
        return next((name for name in (text, aliases.get(text)) if name in options), None)

    return accept


def some_of(options: Collection[str]) -> Callable[[list[str]], list[str]]:
    """Accept those values that are options."""
    return lambda values: [value for value in values if value in options]


def between(least: Number, most: Number) -> Callable[[Number], Number | None]:
    """Accept numbers from `least` to `most`."""
    return lambda number: number if least <= number <= most else None


def _readable(value: object) -> str:
    """The value as a sentence has it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return (", ".join(value) or "nothing") if isinstance(value, list) else str(value)


def _slot(key: Key[Any], of: str) -> tuple[str, str]:
    """Under what a choice is kept: for every page, for this page, or for the clip or checkpoint that it is of."""
    return key.name, of or (_state().page if key.page == EACH_PAGE else "")


def _read(key: Key[Value], texts: list[str]) -> Value | None:
    try:
        return key.read(texts)
    except ValueError:
        return None


def _existing(value: Value, accept: Callable[[Value], Value | None]) -> Value | None:
    """The accepted value; of several none of which exists, None and not an empty choice."""
    accepted = accept(value)
    return accepted if accepted or accepted == value else None


def _sentence(key: Key[Any], text: str, shown: str) -> str:
    text = text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"
    return f"The link asks for the {key.noun} “{text}”, which is not here{f'; {shown}' if shown else ''}."
