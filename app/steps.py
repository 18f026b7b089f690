"""The strip of steps above a page: number, text and question of one step, Back and Next, and their arrow keys."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app import layout, presenter

_NUMBERS = "steps: number of the step that is shown, by name"
_ANSWERS = "steps: choices, by name and number"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a story or lesson. Raises ValueError if the right choice is none of the choices."""

    text: str
    """One or two sentences, in Markdown."""
    question: str = ""
    """What the reader predicts before the page shows it; empty where there is nothing to predict."""
    choices: Sequence[str] = ()
    """The offered answers; the page waits until one is chosen."""
    right: str = ""
    """The choice that the page shows to be true; empty where none is."""
    look: str = ""
    """What to look at, said once a choice is made, in Markdown."""

    def __post_init__(self) -> None:
        if bool(self.question) != bool(self.choices):
            raise ValueError("A question has choices, and choices have a question.")
        if self.right and self.right not in self.choices:
            raise ValueError(f"The right choice is one of {', '.join(self.choices)}; got {self.right}.")


def draw(
    steps: Sequence[Step],
    number: int,
    *,
    name: str,
    turn: Callable[[int], None],
    title: str,
    leave: Callable[[], None] | None = None,
) -> bool:
    """Draw step `number`, counted from 1, and return False while its question waits for a choice.

    The page then draws nothing that gives the answer away. `turn` is called before the next run with the number of the
    step to show; of two quick presses each leads one step further, unless the browser sends them as one. Choices are
    kept for the visit under `name`, which every story and lesson has of its own. Without `leave` there is no button of
    that name.
    """
    step = steps[number - 1]
    st.session_state.setdefault(_NUMBERS, {})[name] = number
    with st.container(key=f"{presenter.KEPT}steps", horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap="xxsmall"):
            st.caption(f"{layout.plain(title)} · step {number} of {len(steps)}")
            st.markdown(step.text)
            chosen = _ask(step, (name, number)) if step.question else None
        with st.container(horizontal=True, width="content", gap="xsmall"):
            for label, by, shortcut, end in (("Back", -1, "Left", 1), ("Next", 1, "Right", len(steps))):
                st.button(
                    label,
                    key=f"steps: {label}",
                    on_click=_turn,
                    args=(name, by, len(steps), turn),
                    disabled=number == end,
                    shortcut=shortcut,
                )
            if leave:
                st.button("Leave", key="steps: Leave", on_click=leave)
    presenter.leave_arrows(*("Left",) * (number > 1), *("Right",) * (number < len(steps)))
    return not step.question or chosen is not None


def _turn(name: str, by: int, count: int, turn: Callable[[int], None]) -> None:
    """Count from the step of the last press, which may not be drawn yet."""
    numbers = st.session_state[_NUMBERS]
    numbers[name] = min(max(numbers[name] + by, 1), count)
    turn(numbers[name])


def _ask(step: Step, place: tuple[str, int]) -> str | None:
    """Draw the question with its choices, or what was chosen, and return that."""
    answers = st.session_state.setdefault(_ANSWERS, {})
    chosen = answers.get(place)
    if chosen not in step.choices:
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.markdown(f"**{step.question}**", width="content")
            for choice in step.choices:
                st.button(
                    layout.plain(choice),
                    key=f"steps: choose {choice}",
                    on_click=answers.update,
                    args=({place: choice},),
                )
        return None
    if not step.right:
        verdict = ""
    elif chosen == step.right:
        verdict = " That is right."
    else:
        verdict = f" It is “{layout.plain(step.right)}”."
    st.markdown(f"**{step.question}** You chose “{layout.plain(chosen)}”.{verdict} {step.look}")
    return chosen
