"""URL state: links, choices that travel, notices for values that do not exist, and one meaning for each name."""

import ast
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import layout, url_keys, url_state, widgets
from app.navigation import PAGES
from app.url_keys import EACH_PAGE, KEYS, SUBJECT, Key
from tests.app.opening import SMALL, go_to, open_page, sentences, url_of

APP = Path(layout.__file__).parent
SOURCES = [path for path in sorted(APP.rglob("*.py")) if path.name not in ("url_state.py", "url_keys.py")]


def several_pages() -> None:
    """A page with layers, one with other layers and another default, and one that compares."""
    import streamlit as st

    from app import layout, url_keys, widgets

    options = {"one": ["a", "b", "c"], "two": ["b", "c", "d"], "three": []}
    page = st.session_state["page"]

    def draw_right(text: str) -> None:
        st.markdown(text)

    def body() -> None:
        if page == "three":
            st.text(", ".join(widgets.pick_several(url_keys.COMPARE, "Compare", ["x", "y"])))
            return
        st.text(widgets.pick(url_keys.LAYER, "Layer", options[page], default=options[page][-1]))
        widgets.draw_tabs({"left": lambda _: None, "right": draw_right}, "the right tab")

    layout.draw_page(page, "Title", "Which?", lambda: body)


def opened(page: str = "one", /, **url: str | list[str]) -> AppTest:
    at = AppTest.from_function(several_pages, default_timeout=60)
    return arrived(at, page, **url)


def arrived(at: AppTest, page: str, /, **url: str | list[str]) -> AppTest:
    """Open a page in the same visit, as a link with these parameters or the browser's Back does."""
    at.query_params.clear()
    for name, value in url.items():
        at.query_params[name] = value
    at.session_state["page"] = page
    return at.run()


def shown(at: AppTest) -> str:
    assert not at.exception
    return at.text[0].value


def test_a_page_opens_on_the_default_without_a_link():
    at = opened()
    assert shown(at) == "c"
    assert not at.warning


@pytest.mark.parametrize("layer", ["a", "b", "c"])
def test_a_link_opens_every_option_even_the_first_and_the_default(layer):
    at = opened(layer=layer)
    assert shown(at) == layer
    assert url_of(at)["layer"] == [layer]
    assert not at.warning


def test_a_link_to_what_does_not_exist_says_what_is_shown_instead_until_something_is_chosen():
    at = opened(layer="z")
    assert shown(at) == "c"
    assert [warning.value for warning in at.warning] == [
        "The link asks for the layer “z”, which is not here; “c” is shown instead."
    ]
    assert at.run().warning
    assert not at.selectbox[0].select("a").run().warning


def test_of_several_values_those_that_exist_are_chosen():
    at = opened("three", compare=["x", "z"])
    assert shown(at) == "x"
    assert "“z”, which is not here; “x” is shown instead" in at.warning[0].value
    assert url_of(at)["compare"] == ["x"]


def test_the_subject_goes_with_the_reader_and_a_default_does_not():
    at = opened()
    assert shown(arrived(at, "two")) == "d"
    assert shown(at.selectbox[0].select("b").run()) == "b"
    assert shown(arrived(at, "one")) == "b"
    assert url_of(at)["layer"] == ["b"]


def test_a_choice_that_a_page_does_not_have_waits_for_one_that_does():
    at = opened(layer="a")
    assert shown(arrived(at, "two")) == "d"
    assert not at.warning
    assert shown(arrived(at, "one")) == "a"


def test_a_link_wins_over_what_was_chosen():
    at = opened(layer="a")
    assert shown(arrived(at, "two", layer="b")) == "b"
    assert shown(arrived(at, "one", layer="nowhere")) == "b"
    assert "“nowhere”, which is not here; “b” is shown instead" in at.warning[0].value


def test_a_step_back_shows_what_the_page_showed_also_where_that_was_the_default():
    at = opened()
    before = url_of(at)
    arrived(at, "two")
    at.selectbox[0].select("b").run()
    assert shown(arrived(at, "one", **before)) == "c"


def test_each_page_opens_on_the_tab_that_was_left_open():
    at = opened(view="right")
    assert [text.value for text in at.markdown] == ["the right tab"]
    assert not arrived(at, "two").markdown
    assert [text.value for text in arrived(at, "one").markdown] == ["the right tab"]
    assert url_of(at)["view"] == ["right"]


def test_what_no_widget_has_asked_for_stays_in_the_url():
    assert url_of(opened(step="7"))["step"] == ["7"]


def test_a_run_of_the_same_visit_reads_no_link_again():
    at = opened(layer="a")
    at.selectbox[0].select("b").run()
    assert shown(at.run()) == "b"


def test_a_picker_without_options_is_refused():
    with pytest.raises(ValueError, match="no layer to choose"):
        widgets.pick(url_keys.LAYER, "Layer", [])


def test_a_name_has_one_meaning():
    with pytest.raises(ValueError, match="“layer” is the layer already"):
        Key("layer", "floor", SUBJECT, url_keys.text)
    assert all(name == key.name and key.page in {SUBJECT, EACH_PAGE, *PAGES} for name, key in KEYS.items())


def test_test_clips_of_what_if_and_clips_of_architectures_are_two_keys(two_networks):
    """The failure that a walk over the pages found: both were named `clips`, one a text and one a number."""
    at = open_page("whatif", experiment="Which layers matter?", test_clips="140")
    assert at.selectbox(key="test_clips").value == "140"
    go_to(at, "architectures", **SMALL)
    assert not at.exception
    assert at.number_input(key="clips").value == 1
    assert sentences(at) == []


def attributes(tree: ast.AST, module: str) -> set[str]:
    """The names that a file uses of a module."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_no_other_file_touches_the_url_and_a_page_uses_its_own_keys(path):
    tree = ast.parse(path.read_text())
    assert not attributes(tree, "st") & {"query_params", "switch_page"}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not {"Key", "url_keys.Key"} & {ast.unparse(call.func) for call in calls}
    arguments = {ast.unparse(keyword) for call in calls for keyword in call.keywords}
    assert not {argument for argument in arguments if argument.startswith("bind=")}
    places = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    for name in KEYS:
        assert f"key={name!r}" not in arguments
        assert f"st.session_state[{name!r}]" not in places
    folder, *parts = path.relative_to(APP).parts
    if folder == "pages":
        page = parts[0].removesuffix(".py").replace("_", "")
        used = [getattr(url_keys, name) for name in attributes(tree, "url_keys") if name.isupper()]
        assert {key.page for key in used} <= {page, SUBJECT, EACH_PAGE}


def test_the_url_s_module_uses_public_interfaces_of_streamlit_alone():
    tree = ast.parse(Path(url_state.__file__).read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imported if "streamlit" in ast.unparse(node)] == ["import streamlit as st"]
    assert attributes(tree, "st") == {"session_state", "query_params", "html", "switch_page", "Page"}
