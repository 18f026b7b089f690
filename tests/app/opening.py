"""Pages run without a browser, and what they say."""

from streamlit.testing.v1 import AppTest

SMALL = {"depth": "26", "frames": "2", "size": "32", "classes": "10"}


def open_page(key: str, **query: str | list[str]) -> AppTest:
    """Run one page by itself, as its address with these parameters would."""

    def script(key: str) -> None:
        import streamlit as st

        from app.navigation import PAGES, streamlit_page

        st.navigation([streamlit_page(spec, default=spec.key == key) for spec in PAGES.values()]).run()

    at = AppTest.from_function(script, args=(key,), default_timeout=240)
    for name, value in query.items():
        at.query_params[name] = value
    return at.run()


def sentences(at: AppTest) -> list[str]:
    """What the page tells the reader outside its figures."""
    return [element.value for kind in (at.error, at.warning, at.info) for element in kind]


def finding(at: AppTest) -> str:
    """The page's one sentence written from the data."""
    return " ".join(element.proto.body for element in at.get("html") if 'class="finding"' in element.proto.body)
