"""Every lesson that ships, walked from its first step to its last, with the networks that ship."""

import pytest
from msgspec.structs import replace
from streamlit.testing.v1 import AppTest

from app.lessons import available
from app.lessons.schema import Lesson
from tests.app.lessons.test_strip import opened, press
from tests.app.opening import SMALL, captions, finding, markdown, sentences


def with_small_networks(lesson: Lesson) -> Lesson:
    """The lesson, in which the networks whose cost is counted are small ones, which takes a tenth of the time."""
    steps = [replace(step, state=step.state | SMALL) if step.page == "architectures" else step for step in lesson.steps]
    return replace(lesson, steps=tuple(steps))


@pytest.mark.slow
@pytest.mark.parametrize("name", available.lessons())
def test_every_step_shows_its_page_in_its_state(app: AppTest, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = with_small_networks(available.lessons()[name])
    monkeypatch.setattr(available, "lessons", lambda: {name: lesson})
    opened(app, lesson=name, at="1")
    for number, step in enumerate(lesson.steps, start=1):
        assert f"step {number} of {len(lesson.steps)}" in captions(app)
        assert step.text in markdown(app)
        if step.question:
            assert not finding(app)
            press(app, step.right or step.choices[0])
            assert step.look in markdown(app)
        assert not app.exception
        assert not app.error
        assert not [text for text in sentences(app) if "which is not here" in text]
        assert step.page == "start" or finding(app)
        if number < len(lesson.steps):
            press(app, "Next")


def test_every_lesson_can_be_read() -> None:
    assert not available.problems()
    assert len(available.lessons()) == len(list(available.FOLDER.glob("*.toml"))) == 4
