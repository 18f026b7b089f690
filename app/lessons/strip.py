"""The strip of the lesson that is open, above whatever page the reader is on."""

import streamlit as st

from app import layout, navigation, steps, url_keys, url_state
from app.lessons import available
from app.navigation import PAGES

_GOING = "lessons: the step to which a button leads, until its address is read"
LEAVE = 0
"""In place of a number of a step."""


def draw(page: str) -> bool | None:
    """Draw the strip of the lesson in the address or of the visit, and return False if the page is to stay hidden.

    Returns None if the lesson does not exist.
    A step that is asked for by lesson and number alone opens in its state, whatever page the address names.
    """
    going = st.session_state.get(_GOING)
    if going == LEAVE:
        del st.session_state[_GOING]
        _leave(page)
    arrived = url_state.link_names(url_keys.AT)
    lessons = available.lessons()
    name = url_state.resolve(url_keys.LESSON, None, url_state.one_of(lessons))
    if name is None:
        files = tuple(f"{wanted}.toml" for wanted in url_state.parameters().get(url_keys.LESSON.name, ()))
        for problem in available.problems():
            if problem.startswith(files):
                st.warning(layout.plain(problem))
        return None
    lesson = lessons[name]
    number = url_state.resolve(url_keys.AT, 1, url_state.between(1, len(lesson.steps)), of=name) or 1
    if going not in (None, number):
        _go(lesson.steps[going - 1].page, lesson.address(name, going))
    st.session_state.pop(_GOING, None)
    step = lesson.steps[number - 1]
    if arrived:
        is_short = not url_state.unread_link() and url_state.parameters()[url_keys.AT.name][-1] == str(number)
        if is_short and (step.state or step.page != page):
            _go(step.page, lesson.address(name, number))
        # What earlier steps or the reader have set does not belong to this one.
        url_state.forget(but=(url_keys.LESSON, url_keys.AT, url_keys.PRESENT))
    shown = [step.shown for step in lesson.steps]
    turn = _going_to
    may_see = steps.draw(shown, number, name=name, title=lesson.title, turn=turn, leave=lambda: turn(LEAVE))
    for key in step.hide:
        st.html(f"<style>.st-key-{key} {{ display: none; }}</style>")
    if page != step.page:
        title = f"This step is on the page {PAGES[step.page].title}"
        navigation.link(PAGES[step.page], title, **lesson.address(name, number))
        return True
    return may_see


def _going_to(number: int) -> None:
    st.session_state[_GOING] = number


def _go(page: str, query: dict[str, list[str]]) -> None:
    url_state.go(navigation.target(PAGES[page]), query)


def _leave(page: str) -> None:
    """Stay on the page as it is, without the lesson."""
    url_state.choose(url_keys.LESSON, None)
    ours = (url_keys.LESSON.name, url_keys.AT.name)
    _go(page, {name: texts for name, texts in url_state.parameters().items() if name not in ours})
