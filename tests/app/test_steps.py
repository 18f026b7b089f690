"""The strip of steps: number, text, question, and what the buttons call."""

import pytest
from streamlit.testing.v1 import AppTest

from app.steps import Step
from tests.app.opening import markdown


def walked() -> None:
    import streamlit as st

    from app import steps

    def turn(number: int) -> None:
        st.session_state["number"] = number

    three = [
        steps.Step(text="Look."),
        steps.Step(text="Guess.", question="Which?", choices=("a", "b"), right="b", look="See the *bars*."),
        steps.Step(text="The end."),
    ]
    number = st.session_state.setdefault("number", 1)
    if steps.draw(three, number, name="test", title="A lesson", turn=turn, leave=lambda: turn(1)):
        st.text("the page")


@pytest.fixture
def at() -> AppTest:
    return AppTest.from_function(walked).run()


def press(at: AppTest, label: str) -> AppTest:
    return next(button for button in at.button if button.label == label).click().run()


def test_a_step_says_its_number_and_its_text(at: AppTest) -> None:
    assert at.caption[0].value == "A lesson · step 1 of 3"
    assert "Look." in markdown(at)
    assert at.text[0].value == "the page"


def test_back_and_next_turn_the_steps_and_end_at_both_ends(at: AppTest) -> None:
    disabled = []
    for label in ("Next", "Next", "Back", "Back"):
        disabled.append([button.label for button in at.button if button.disabled])
        press(at, label)
    assert disabled == [["Back"], [], ["Next"], []]
    assert at.session_state["number"] == 1


def test_the_page_waits_until_a_choice_is_made_and_the_strip_then_says_which(at: AppTest) -> None:
    press(at, "Next")
    assert not at.text
    press(at, "a")
    assert at.text[0].value == "the page"
    assert "You chose “a”. It is “b”. See the *bars*." in markdown(at)


def test_a_choice_holds_for_the_visit(at: AppTest) -> None:
    press(press(at, "Next"), "b")
    press(press(at, "Next"), "Back")
    assert "You chose “b”. That is right." in markdown(at)


def test_the_buttons_have_the_arrow_keys(at: AppTest) -> None:
    assert {button.label: button.proto.shortcut for button in at.button} == {
        "Back": "left",
        "Next": "right",
        "Leave": "",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"question": "Which?"}, "A question has choices"),
        ({"choices": ("a",)}, "choices have a question"),
        ({"question": "Which?", "choices": ("a", "b"), "right": "c"}, "one of a, b; got c"),
    ],
)
def test_a_step_whose_question_cannot_be_answered_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Step(text="Guess.", **options)
