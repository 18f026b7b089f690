"""Presenter mode: larger type, findings and figures alone, and one view after the other by the arrow keys.

A page with tabs is shown in parts: its first screen, then each tab by itself. The part is in the URL as the mode is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import url_keys, url_state
from app.url_keys import Key

FIRST_SCREEN, TABS = "first screen", "tabs"
"""Parts of a page; of the tabs the open one is shown."""

KEPT = "presented-"
"""Starts the keys of containers whose controls are shown as well."""

SCALE = 1.35
"""Size of charts and their type in presenter mode, compared with otherwise."""

_STYLE = Path(__file__).parent / "presenter.css"
_FOCUS = """
<script data-part="{part}">{{
const main = document.querySelector('[data-testid="stMain"]');
main.tabIndex = -1;
main.scrollTo(0, 0);
main.focus({{ preventScroll: true }});
}}</script>
"""
"""The page begins at its top, and the keys that scroll scroll it."""
_USED_KEYS = """
<script>
document.body.onkeydown = (event) => {
    if (event.defaultPrevented) event.stopPropagation();
};
</script>
"""
"""Streamlit ignores the arrow keys in text boxes and sliders. Figures, tabs and tables use them too and mark the event
as used without stopping it; at the document it would press a button as well. Returns nothing: a handler that returns
false would take each key from what has the focus."""


@dataclass
class _State:
    """Of one visitor."""

    key: Key[str] | None = None
    tabs: Sequence[str] = ()
    """Tabs of this run's page and the key that chooses one."""
    only_tabs: bool = False
    """True if the page has nothing above its tabs."""
    part: str | None = None
    """The part that is shown; None if the page is shown as a whole."""
    has_steps: bool = False
    """True if the page has a strip of steps, whose state it then shows as a whole."""
    taken: Sequence[str] = ()
    """The arrow keys that a strip of steps has: "Left" unless it is at its first step, "Right" unless at its last."""
    go_to: str = ""
    """The page to go to in the next run."""
    comes_from: int | None = None
    """Which part of a page that was reached by an arrow key is shown: its first, 0, or its last, -1."""


def _state() -> _State:
    return st.session_state.setdefault("presenter", _State())


def is_on() -> bool:
    """True in presenter mode."""
    return bool(url_state.resolve(url_keys.PRESENT, None, lambda on: on))


def begin() -> str:
    """Begin a run of a page; return the page to go to instead, if an arrow key led out of this one."""
    state = _state()
    page, state.go_to = state.go_to, ""
    state.key, state.tabs, state.only_tabs, state.part = None, (), False, None
    state.has_steps, state.taken = False, ()
    return page


def draw_switch() -> None:
    """Draw the switch that turns the mode on and off; Escape turns it off."""
    on = is_on()
    st.button(
        "Leave" if on else "Present",
        key="leave" if on else "present this",
        icon=":material/close_fullscreen:" if on else ":material/slideshow:",
        type="tertiary",
        shortcut="Esc" if on else None,
        help=None if on else "Larger type, findings and figures alone; the arrow keys go from view to view.",
        on_click=url_state.choose,
        args=(url_keys.PRESENT, None if on else True),
    )


def part_of(key: Key[str], tabs: Sequence[str], *, only_tabs: bool) -> str | None:
    """Return the part of a page with tabs that is shown; None if everything is, because the mode is off.

    A step of a lesson shows everything as well.
    """
    state = _state()
    if not is_on() or state.has_steps:
        return None
    state.key, state.tabs, state.only_tabs = key, tabs, only_tabs
    parts = [TABS] if only_tabs else [FIRST_SCREEN, TABS]
    if state.comes_from is not None:
        url_state.choose(url_keys.PART, parts[state.comes_from])
        url_state.choose(key, tabs[state.comes_from])
        state.comes_from = None
    # Whoever is sent a view, or turns the mode on, begins with the first screen.
    state.part = url_state.resolve(url_keys.PART, parts[0], url_state.one_of(parts))
    return state.part


def leave_arrows(*keys: str) -> None:
    """Leave these arrow keys, "Left" and "Right", to a strip of steps on this page."""
    state = _state()
    state.has_steps, state.taken = True, keys
    st.html(_USED_KEYS, unsafe_allow_javascript=True)


def finish(page: str, pages: Sequence[str], arrows: DeltaGenerator) -> None:
    """Draw the style of the mode, and the buttons of the arrow keys where no strip of steps has them."""
    if not is_on():
        return
    state = _state()
    state.comes_from = None
    # The open tab; empty for the first screen, and for a page without tabs.
    shown = str(st.session_state[state.key.name]) if state.key and state.part == TABS else ""
    st.html(_STYLE)
    st.html(_FOCUS.format(part=f"{page} {shown}") + _USED_KEYS, unsafe_allow_javascript=True)
    # A lesson ends at its last step; after a story comes the next page.
    if state.has_steps and url_state.is_chosen(url_keys.LESSON):
        return
    stops = [*([] if state.only_tabs else [""]), *state.tabs]
    here, place = stops.index(shown), pages.index(page)
    with arrows:
        for label, key, step in (("Back", "Left", -1), ("Next", "Right", 1)):
            if key in state.taken:
                continue
            if 0 <= here + step < len(stops):
                go = _open(state, stops[here + step])
            elif 0 <= place + step < len(pages):
                go = _go_to(state, pages[place + step], min(0, step))
            else:
                continue
            st.button(label, key=f"presenter {label}", type="tertiary", shortcut=key, on_click=go)


def _open(state: _State, tab: str) -> Callable[[], None]:
    def go() -> None:
        url_state.choose(url_keys.PART, TABS if tab else FIRST_SCREEN)
        if tab and state.key is not None:
            url_state.choose(state.key, tab)

    return go


def _go_to(state: _State, page: str, part: int) -> Callable[[], None]:
    def go() -> None:
        state.go_to, state.comes_from = page, part

    return go
