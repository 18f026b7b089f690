"""The browser tests' own eyes: a page that fails fails its test, and no test looks before a rerun is over."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import harness

SCRIPT = """
import time

import plotly.graph_objects as go
import streamlit as st

st.set_page_config(layout="wide")
st.title("Title")
st.header("Header")
st.subheader("Subheader")
if st.button("Fail"):
    raise RuntimeError("a secret of the house")
seconds = st.number_input("Seconds", value=0.0)
time.sleep(seconds)
st.write(f"Slept for {seconds:g} s")
st.plotly_chart(go.Figure(go.Bar(x=["a", "b"], y=[1, 2])))
"""

COLOURS = {"light": ("rgb(255, 255, 255)", "rgb(15, 18, 22)"), "dark": ("rgb(20, 24, 29)", "rgb(232, 236, 240)")}
"""Page and text, by theme: #FFFFFF and #0F1216, #14181D and #E8ECF0."""


@pytest.fixture(scope="module")
def toy(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    folder = tmp_path_factory.mktemp("toy")
    shutil.copytree(harness.ROOT / ".streamlit", folder / ".streamlit")
    script = folder / "toy.py"
    script.write_text(SCRIPT)
    with harness.serve(script) as server:
        yield server


def style(page: Page, selector: str, name: str) -> str:
    return page.eval_on_selector(selector, f"element => getComputedStyle(element)[{name!r}]")


def press(page: Page, button: str) -> None:
    with harness.rerun(page):
        page.get_by_role("button", name=button).click()


def fail_and_load_again(browser: Browser, toy: harness.Server) -> None:
    with harness.watched_page(browser, toy) as page:
        harness.open_page(page)
        press(page, "Fail")
        shown = page.inner_text("body")
        if "secret" in shown or "Traceback" in shown:
            raise RuntimeError(f"The reader was shown {shown}")
        harness.open_page(page)
        if page.locator('[data-testid="stException"]').count() > 0:
            raise RuntimeError("The failure is still shown.")


def evaluate(browser: Browser, toy: harness.Server, javascript: str) -> None:
    with harness.watched_page(browser, toy) as page:
        harness.open_page(page)
        page.evaluate(javascript)
        page.wait_for_timeout(100)


def test_a_script_that_fails_tells_the_reader_nothing_and_the_test_everything_even_when_it_recovers(
    browser: Browser, toy: harness.Server
) -> None:
    with pytest.raises(AssertionError, match=r"(?s)A script failed.*The server printed.*secret of the house") as caught:
        fail_and_load_again(browser, toy)
    assert "toy.py" in str(caught.value)


def test_javascript_that_throws_fails_the_test(browser: Browser, toy: harness.Server) -> None:
    with pytest.raises(AssertionError, match=r"JavaScript failed: .*lost"):
        evaluate(browser, toy, "setTimeout(() => { throw new Error('lost'); })")


def test_a_request_to_another_server_fails_the_test(browser: Browser, toy: harness.Server) -> None:
    with pytest.raises(AssertionError, match="another server"):
        evaluate(browser, toy, "fetch('http://127.0.0.1:9/').catch(() => null)")


def test_a_rerun_is_waited_for_until_its_last_line(browser: Browser, toy: harness.Server) -> None:
    with harness.watched_page(browser, toy) as page:
        harness.open_page(page)
        for seconds in ("1.2", "0.4", "0"):
            with harness.rerun(page):
                page.get_by_label("Seconds").fill(seconds)
                page.get_by_label("Seconds").press("Enter")
            assert page.get_by_text(re.compile("^Slept")).inner_text() == f"Slept for {seconds} s"


def test_an_action_that_reruns_nothing_is_reported(browser: Browser, toy: harness.Server) -> None:
    with harness.watched_page(browser, toy) as page:
        harness.open_page(page)
        with pytest.raises(AssertionError, match="No rerun"), harness.rerun(page, timeout_seconds=0.5):
            page.get_by_role("heading", name="Title").click()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_follows_the_browser_and_has_the_agreed_colours_and_sizes(
    browser: Browser, toy: harness.Server, theme: harness.Theme
) -> None:
    with harness.watched_page(browser, toy, theme=theme) as page:
        harness.open_page(page)
        app = '[data-testid="stApp"]'
        assert (style(page, app, "backgroundColor"), style(page, app, "color")) == COLOURS[theme]
        assert [style(page, heading, "fontSize") for heading in ("h1", "h2", "h3")] == ["28px", "22px", "18px"]
        assert {style(page, heading, "fontWeight") for heading in ("h1", "h2", "h3")} == {"600"}
        assert style(page, "html", "fontSize") == "16px"
        assert page.locator(".js-plotly-plot .main-svg").count() > 0


def test_an_app_that_cannot_start_is_reported_with_what_it_printed(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="ended with status"),
        harness.serve(tmp_path / "nothing_here.py"),
    ):
        pass
