"""Errors as sentences, the header, escaped text, and what is kept out of garbage collection."""

import logging
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from app import layout

TIMEOUT_SECONDS = 60


def opened(script: Callable[..., None], *args: object) -> AppTest:
    return AppTest.from_function(script, args=args, default_timeout=TIMEOUT_SECONDS).run()


def failing_page(error: "Exception") -> None:

    from app import layout

    def render() -> None:
        raise error

    layout.draw_page("p", "Title", "Which <b>?", lambda: render)


def test_what_a_person_can_mend_is_shown_as_its_own_sentence() -> None:
    at = opened(failing_page, ValueError("t must leave every branch channels; got 1."))
    assert [error.value for error in at.error] == ["t must leave every branch channels; got 1."]
    assert not at.exception


def test_an_operating_system_error_keeps_its_file_and_loses_its_number() -> None:
    at = opened(failing_page, FileNotFoundError(2, "No such file or directory", "clip.mp4"))
    assert at.error[0].value == "No such file or directory: clip.mp4"


def test_a_defect_is_logged_and_told_without_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="app.layout"):
        at = opened(failing_page, KeyError("secret"))
    (shown,) = at.exception
    assert shown.message == layout.DEFECT
    assert "secret" not in shown.message
    assert not shown.stack_trace
    assert "secret" in caplog.text


def test_the_header_escapes_what_it_is_given() -> None:
    at = opened(failing_page, ValueError("none"))
    assert any("Which &lt;b&gt;?" in html.value for html in at.html)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("gte_tiny.safetensors", "gte_tiny.safetensors"),
        ("a *star*, [link] and `code`", r"a \*star\*, \[link\] and \`code\`"),
        ("__init__ costs $5", r"\_\_init\_\_ costs \$5"),
        ("16:9 :red", r"16\:9 \:red"),
    ],
)
def test_markdown_in_names_is_shown_as_it_is(text: str, escaped: str) -> None:
    assert layout.plain(text) == escaped
