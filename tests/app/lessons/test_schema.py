"""Files of lessons: what they hold, and the sentence for each fault."""

from pathlib import Path

import pytest

from app.lessons.schema import LessonError, read

HEAD = 'title = "t"\nabout = "Why?"\nminutes = 5\naudience = "For everyone."\n'
STEP = '[[steps]]\npage = "whatif"\ntext = "Look."\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text)
    return path


def test_a_step_leads_to_its_page_in_its_state(tmp_path):
    lesson = read(written(tmp_path, HEAD + STEP + 'state = {clip = "approaches", seed = 3, beside = []}\n'))
    assert lesson.steps[0].page == "whatif"
    assert lesson.address("own", 1) == {
        "lesson": ["own"],
        "at": ["1"],
        "clip": ["approaches"],
        "seed": ["3"],
        "beside": [""],
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD, "own.toml: object missing required field “steps”"),
        (HEAD.replace('"t"', "1") + STEP, "own.toml, title: expected text, got a whole number"),
        (HEAD + STEP.replace("page", "pages"), "own.toml, step 1: object contains unknown field “pages”"),
        (HEAD + STEP + STEP.replace("whatif", "what"), "own.toml, step 2: the pages are start,"),
        (HEAD + STEP + "state = {depth = 50}\n", "got depth"),
        (HEAD + STEP + 'state = {seed = "many"}\n', "own.toml, step 1: seed cannot be many"),
        (HEAD + STEP + 'question = "Which?"\n', "own.toml, step 1: a question has choices"),
        (HEAD + STEP + 'question = "?"\nchoices = ["a"]\nright = "b"\n', "the right choice is one of a; got b"),
        ("title = \n", "own.toml: "),
        ("", "own.toml: object missing required field “title”"),
    ],
)
def test_a_fault_is_one_sentence_with_file_place_and_way_out(tmp_path, text, sentence):
    with pytest.raises(LessonError) as caught:
        read(written(tmp_path, text))
    message = str(caught.value)
    assert sentence in message
    assert message.startswith("own.toml")
    assert message.endswith("; correct this in the file.")


def test_a_file_that_is_no_text_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LessonError, match=r"own\.toml: it is not a text file in UTF-8; save it as one\."):
        read(path)
