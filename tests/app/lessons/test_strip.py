"""The lesson that is open: its strip, its buttons, its links, and a teacher's own folder."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import checkpoints
from tests.app.opening import captions, markdown, sentences, url_of

OWN = """
title = "My own"
about = "Why?"
minutes = 5
audience = "For everyone."

[[steps]]
page = "start"
text = "See the toy."
state = {view = "x"}

[[steps]]
page = "library"
text = "Guess."
hide = ["rows"]
question = "Which?"
choices = ["a", "b"]
look = "See the list."

[[steps]]
page = "start"
text = "The end."
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders) -> Path:
    """A teacher's folder with one lesson."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "mine.toml").write_text(OWN)
    monkeypatch.setenv("GTE_LESSONS", str(folder))
    return folder


def opened(app: AppTest, **query: str) -> AppTest:
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def test_a_lesson_and_a_number_alone_open_the_step(app, own):
    opened(app, lesson="mine", at="1")
    assert "My own · step 1 of 3" in captions(app)
    assert "See the toy." in markdown(app)
    assert url_of(app) == {"lesson": ["mine"], "at": ["1"], "view": ["x"]}


def test_next_leads_to_the_page_of_the_next_step(app, own):
    press(opened(app, lesson="mine", at="1"), "Next")
    assert "step 2 of 3" in captions(app)
    assert url_of(app) == {"lesson": ["mine"], "at": ["2"]}


def test_a_question_hides_the_page_until_a_choice_is_made(app, own):
    opened(app, lesson="mine", at="2")
    assert not sentences(app)
    assert any(".st-key-rows { display: none; }" in html.value for html in app.html)
    press(app, "b")
    assert "You chose “b”. See the list." in markdown(app)
    assert sentences(app) == [checkpoints.NO_CHECKPOINT]


def test_leaving_takes_the_strip_and_the_lesson_s_keys_away(app, own):
    press(opened(app, lesson="mine", at="3"), "Leave")
    assert "My own" not in captions(app)
    assert url_of(app) == {}


def test_an_unknown_lesson_and_an_unknown_step_give_the_usual_sentence(app, own):
    assert "the lesson “theirs”, which is not here" in " ".join(sentences(opened(app, lesson="theirs", at="2")))
    app.query_params["at"] = "9"
    app.query_params["lesson"] = "mine"
    assert "the step of the lesson “9”, which is not here; “1” is shown instead" in " ".join(sentences(app.run()))


def test_a_bad_file_gives_a_sentence_and_leaves_the_other_lessons(app, own):
    (own / "bad.toml").write_text("title = 1\n")
    app.run()
    assert "bad.toml, title: expected text, got a whole number; correct this in the file." in sentences(app)
    titles = [link.proto.label for link in app.get("page_link")]
    assert {"My own", "Why one frame is not enough"} <= set(titles)


def test_a_folder_that_is_none_is_said(app, folders, monkeypatch):
    monkeypatch.setenv("GTE_LESSONS", "/nowhere")
    assert "GTE_LESSONS names the folder of your lessons; /nowhere is none." in sentences(app.run())
