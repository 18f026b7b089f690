"""What all pages share: errors as sentences, links that ask in vain, and the shared keys in the address."""

import gc
import logging
import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from app import layout, url_state

TIMEOUT_SECONDS = 60
LONG_COLLECTION = 0.1
"""Seconds; with what the app imports in it, a collection takes more than twice as long."""


def opened(script: Callable[..., None], *args: object, address: dict[str, str] | None = None) -> AppTest:
    at = AppTest.from_function(script, args=args, default_timeout=TIMEOUT_SECONDS)
    for key, value in (address or {}).items():
        at.query_params[key] = value
    return at.run()


def failing_page(error: "Exception") -> None:

    from app import layout

    def render() -> None:
        raise error

    layout.draw_page("p", "Title", "Which <b>?", render)


def layer_page(options: "list[str]") -> None:
    import streamlit as st

    from app import layout, url_state

    def render() -> None:
        start = url_state.start(url_state.LAYER, options, default="layer1.1")
        layer = st.selectbox("Layer", options, index=start, key=url_state.LAYER.name, bind="query-params")
        st.text(layer)

    layout.draw_page("p", "Title", "Which?", render)


LAYERS = ["layer1.0", "layer1.1", "layer2.0"]


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


def test_a_page_opens_on_the_default_without_a_link() -> None:
    at = opened(layer_page, LAYERS)
    assert at.text[0].value == "layer1.1"
    assert not at.warning


@pytest.mark.parametrize("layer", LAYERS)
def test_a_link_opens_every_option_even_the_first_and_the_default(layer: str) -> None:
    at = opened(layer_page, LAYERS, address={"layer": layer})
    assert at.text[0].value == layer
    assert not at.warning


def test_a_link_to_what_does_not_exist_says_so_and_shows_the_default() -> None:
    at = opened(layer_page, LAYERS, address={"layer": "layer9.9"})
    assert at.text[0].value == "layer1.1"
    assert [warning.value for warning in at.warning] == [
        "The link asks for the layer “layer9.9”, which is not here; “layer1.1” is shown instead."
    ]


def test_the_notice_stays_until_something_else_is_chosen() -> None:
    at = opened(layer_page, LAYERS, address={"layer": "layer9.9"})
    assert at.run().warning
    assert not at.selectbox[0].select("layer2.0").run().warning


def test_a_choice_that_is_no_option_any_more_gives_way_to_the_default() -> None:
    def page() -> None:
        import streamlit as st

        from app import url_state

        options = ["layer1.0", "layer1.1", "layer2.0"][: st.session_state.get("many", 3)]
        start = url_state.start(url_state.LAYER, options, default="layer1.1")
        st.text(st.selectbox("Layer", options, index=start, key=url_state.LAYER.name, bind="query-params"))

    at = opened(page)
    assert at.selectbox[0].select("layer2.0").run().text[0].value == "layer2.0"
    at.session_state["many"] = 2
    assert at.run().text[0].value == "layer1.1"


def test_options_without_the_default_are_refused() -> None:
    with pytest.raises(ValueError, match="no layer to choose"):
        url_state.start(url_state.LAYER, [], default="layer1.0")
    with pytest.raises(ValueError, match="default layer must be one of a, b; got c"):
        url_state.start(url_state.LAYER, ["a", "b"], default="c")


def test_what_is_imported_is_taken_out_of_the_collection_that_follows_every_run_once():
    layout.spare_the_collector.clear()
    try:
        layout.spare_the_collector()
        spared = gc.get_freeze_count()
        assert spared > 0
        layout.spare_the_collector()
        assert gc.get_freeze_count() <= spared
        started = time.perf_counter()
        gc.collect()
        assert time.perf_counter() - started < LONG_COLLECTION
    finally:
        gc.unfreeze()
        layout.spare_the_collector.clear()
