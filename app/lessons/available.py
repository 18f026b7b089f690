"""The lessons of this server: those of the project and those of its owner, and the links that open them."""

import html
import os
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from app import layout, navigation
from app.lessons import schema
from app.lessons.schema import Lesson, LessonError
from gte.files import Stamp, stamp

FOLDER = Path(__file__).parent
VARIABLE = "GTE_LESSONS"
"""Name of the environment's folder with lessons of the server's owner."""


def lessons() -> Mapping[str, Lesson]:
    """Return each lesson that can be read, by the name of its file without its ending."""
    return {name: item for name, item in _files().items() if isinstance(item, Lesson)}


def problems() -> list[str]:
    """Return one sentence for each file that is no lesson."""
    return [item for item in _files().values() if isinstance(item, str)]


def _files() -> dict[str, Lesson | str]:
    """All files by name, with the lesson or why there is none."""
    files = {path.stem: _read(path, stamp(path)) for path in sorted(FOLDER.glob("*.toml"))}
    if named := os.environ.get(VARIABLE, ""):
        folder = Path(named).expanduser()
        if not folder.is_dir():
            return files | {named: f"{VARIABLE} names the folder of your lessons; {named} is none."}
        for path in sorted(folder.glob("*.toml")):
            if path.stem in files:
                files[str(path)] = f"{path.name}: a lesson of this project has this name; rename the file."
            else:
                files[path.stem] = _read(path, stamp(path))
    return files


@st.cache_resource(max_entries=128, show_spinner=False)
def _read(path: Path, _stamp: Stamp) -> Lesson | str:
    try:
        return schema.read(path)
    except LessonError as error:
        return str(error)


def cards() -> None:
    """Draw a card for each lesson, its title as a link to its first step, and why a file is none."""
    shown = lessons()
    with st.container(key="lesson-cards"), st.grid(max(len(shown), 1), min_column_width=200):
        for name, lesson in shown.items():
            with st.container(border=True, height="stretch", gap="xsmall"):
                page = lesson.steps[0].page
                navigation.link(navigation.PAGES[page], layout.plain(lesson.title), **lesson.address(name, 1))
                minutes = f"{len(lesson.steps)} steps, {lesson.minutes} minutes. {lesson.audience}"
                st.html(f'<p class="card"><b>{html.escape(lesson.about)}</b> {html.escape(minutes)}</p>')
    for problem in problems():
        st.warning(layout.plain(problem))
