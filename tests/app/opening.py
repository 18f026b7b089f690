"""Pages run without a browser, and what they say."""

import re
from urllib.parse import parse_qs

from streamlit.testing.v1 import AppTest

from app import jobs

SMALL = {"depth": "26", "frames": "2", "size": "32", "classes": "10"}

SECONDS = 120
"""Time for a job."""


def open_page(key: str, **query: str | list[str]) -> AppTest:
    """Run one page by itself, as its address with these parameters would."""

    def script(key: str) -> None:
        import streamlit as st

        from app.navigation import PAGES, show, streamlit_page

        key = st.session_state.get("test: the page", key)
        # Links need the pages to be known; AppTest itself stays on the page with which it began.
        st.navigation([streamlit_page(spec, default=spec.key == key) for spec in PAGES.values()])
        show(PAGES[key])

    at = AppTest.from_function(script, args=(key,), default_timeout=240)
    return go_to(at, key, **query)


def go_to(at: AppTest, key: str, **query: str | list[str]) -> AppTest:
    """Go to a page in the same visit, as a link with these parameters or the browser's Back does."""
    at.session_state["test: the page"] = key
    at.query_params.clear()
    for name, value in query.items():
        at.query_params[name] = value
    return at.run()


def sentences(at: AppTest) -> list[str]:
    """What the page tells the reader outside its figures."""
    return [element.value for kind in (at.error, at.warning, at.info) for element in kind]


def finding(at: AppTest) -> str:
    """The page's one sentence written from the data."""
    return " ".join(element.proto.body for element in at.get("html") if 'class="finding"' in element.proto.body)


def url_of(at: AppTest) -> dict[str, list[str]]:
    """The parameters that the page has put into the URL; AppTest runs no script in a browser."""
    [script] = [element.proto.body for element in at.get("html") if "replaceState" in element.proto.body]
    [query] = re.findall(r'new URLSearchParams\("(.*)"\)', script)
    return parse_qs(query, keep_blank_values=True)


def with_results(at: AppTest) -> AppTest:
    """Run the page again when its jobs are done."""
    for job in list(jobs.queue().jobs.values()):
        assert job.over.wait(SECONDS)
    return at.run()


def captions(at: AppTest) -> str:
    return " ".join(element.value for element in at.caption)


def markdown(at: AppTest) -> str:
    """The text of the page, and what the titles of its cards say when they are pointed at."""
    texts = [*(element.value for element in at.markdown), *(title.proto.help for title in at.subheader)]
    return " ".join(texts).replace("\\", "")
