"""The table of pages, in the order of a reader's questions, and the links between them."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st

from app import imports, layout, presenter, url_keys, url_state


@dataclass(frozen=True, kw_only=True)
class PageSpec:
    """A page of the app: one entry of `PAGES`."""

    key: str
    title: str
    """In the navigation, on cards and in the browser's tab."""

    url_path: str
    """Path of the page's address; the first page of the table is at / alone."""

    question: str
    """The question that the page answers, next to its title and on its card."""

    module: str
    """Module whose `render()` draws the page below its header; imported when the page is opened."""

    heading: str = ""
    """The title on the page itself, where it differs."""


PAGES: dict[str, PageSpec] = {
    "start": PageSpec(
        key="start",
        title="Start",
        heading="What is a learnable shift?",
        url_path="start",
        question="Each output frame is a weighted sum of the previous, the current and the next frame. Training "
        "learns the weights; here you set them.",
        module="app.pages.start.page",
    ),
    "kernels": PageSpec(
        key="kernels",
        title="Shift kernels",
        url_path="kernels",
        question="What did training do to the kernels?",
        module="app.pages.kernels.page",
    ),
    "evidence": PageSpec(
        key="evidence",
        title="Evidence",
        url_path="evidence",
        question="Which pixels and frames matter?",
        module="app.pages.evidence.page",
    ),
    "whatif": PageSpec(
        key="whatif",
        title="What if",
        url_path="whatif",
        question="Does frame order matter? Do the kernels?",
        module="app.pages.what_if.page",
    ),
    "train": PageSpec(
        key="train",
        title="Train live",
        url_path="train",
        question="What does a network learn in a minute?",
        module="app.pages.train.page",
    ),
    "results": PageSpec(
        key="results",
        title="Results",
        url_path="results",
        question="Does it pay?",
        module="app.pages.results.page",
    ),
    "architectures": PageSpec(
        key="architectures",
        title="Architectures",
        url_path="architectures",
        question="What does temporal modelling cost?",
        module="app.pages.architectures.page",
    ),
    "library": PageSpec(
        key="library",
        title="Library",
        url_path="library",
        question="Your checkpoints",
        module="app.pages.library",
    ),
}

TIME_EDITS = "Change time"
KERNEL_EDITS = "Change the network"
LAYER_ABLATION = "Which layers matter?"
"""The tabs of the page What if, which links from other pages open as `experiment=...`."""


def streamlit_page(spec: PageSpec, *, default: bool = False) -> st.Page:
    """Return the page as Streamlit's navigation takes it, header and error handling included."""
    return st.Page(partial(show, spec), title=spec.title, url_path=spec.url_path, default=default)


def show(spec: PageSpec) -> None:
    """Import a page's module and draw the page; go to another one if an arrow key of presenter mode led there."""
    if page := presenter.begin():
        url_state.go(target(PAGES[page]), {url_keys.PRESENT.name: ["true"]})
    layout.draw_page(
        spec.key,
        spec.heading or spec.title,
        spec.question,
        lambda: imports.load(spec.module).render,
        partial(_lesson, spec),
        list(PAGES),
    )


def _lesson(spec: PageSpec) -> bool | None:
    """Draw the strip of the lesson if one is open, and return False while its question hides the page."""
    if not url_state.is_chosen(url_keys.LESSON):
        return None
    # Lessons link to pages, so that they are imported by name, as pages are.
    return imports.load("app.lessons.strip").draw(spec.key)


def target(spec: PageSpec) -> st.Page:
    """Return the page as a link to it or a button that leads to it takes it."""
    return streamlit_page(spec, default=spec is next(iter(PAGES.values())))


def link(spec: PageSpec, label: str | None = None, **chosen: str | list[str]) -> None:
    """A link to another page; `chosen` sets its keys, as in `link(PAGES["kernels"], "Open this layer", layer=name)`."""
    st.page_link(
        target(spec),
        label=label or spec.title,
        icon=":material/arrow_forward:",
        icon_position="right",
        query_params=chosen or None,
    )


def cards(texts: Mapping[str, str]) -> None:
    """Draw a card for each page that has a text: its name as a link, its question, and the text."""
    with st.container(key="cards"), st.grid(4, min_column_width=240):
        for key, text in texts.items():
            with st.container(border=True, height="stretch", gap="xsmall"):
                link(PAGES[key])
                st.html(f'<p class="card"><b>{html.escape(PAGES[key].question)}</b> {html.escape(text)}</p>')
