"""Parts that every page shares: header, finding, errors as sentences, style."""

import html
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from app import presenter, url_state
from gte.errors import GteError, sentence

logger = logging.getLogger(__name__)

FIGURES = "layout: figures in view, by title"
"""Entry of the session state for the figures that a page has drawn in its last run."""

STYLE = """
<style>
.page-header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 20px; color: inherit; }
.page-header h1 { font-size: 28px; font-weight: 600; line-height: 1.25; margin: 0; padding: 0; }
.page-header p { font-size: 16px; line-height: 1.4; margin: 0; flex: 1 1 420px; max-width: 100ch; }
/* No higher than the title. */
.st-key-presented-header button { min-height: 28px; padding-block: 0; }
.finding { font-size: 18px; font-weight: 600; line-height: 1.4; margin: 0; }
.st-key-cards a, .st-key-lesson-cards a { padding-inline: 0; background: none; }
.st-key-cards a p, .st-key-lesson-cards a p { font-size: 18px; font-weight: 600; }
/* Chips, close to the finding and low, so that the film strips stay in view. */
.st-key-checks { margin-top: -12px; row-gap: 0; }
.st-key-checks button { min-height: 28px; padding-block: 0; }
.card { margin: 0; line-height: 1.4; }
.st-key-presented-steps { padding: 8px 12px; border-radius: 6px; }
.st-key-presented-steps { background: color-mix(in srgb, currentColor 6%, transparent); }
/* As tall as the boxes next to it, so that its label is in line with theirs. */
.st-key-unit button { min-height: 40px; }
.card b { display: block; font-weight: 600; }
/* Streamlit draws ticks, axis titles and labels too faint in the light theme (3.7 : 1). */
.js-plotly-plot .main-svg :is(.cartesianlayer, .infolayer) text { fill: currentColor !important; }
</style>
"""


DEFECT = "this page failed in a way that nobody foresaw. Reload it; the log of the app says more."


class Defect(Exception):
    """Something failed that no reader can mend; the error itself is in the log."""


def draw_page(
    key: str,
    heading: str,
    question: str,
    load: Callable[[], Callable[[], None]],
    strip: Callable[[], bool | None] = lambda: None,
    pages: Sequence[str] = (),
) -> None:
    """Draw a page: style, header, a notice for values of its link that do not exist, and its body.

    `load` returns the function that draws the body. `strip` may draw a strip in place of the title, and returns
    whether the body is drawn below it, or None if there is no strip. `pages` are the keys of all pages in their order.
    """
    url_state.arrive(key)
    st.session_state.pop(FIGURES, None)
    st.html(STYLE)
    # Before a strip looks for what else the link asks for.
    presenter.is_on()
    with_body = None
    with st.container(key=f"{presenter.KEPT}header", horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None), errors_as_sentences():
            with_body = strip()
            if with_body is None:
                title = f"<h1>{html.escape(heading)}</h1><p>{html.escape(question)}</p>"
                st.html(f'<header class="page-header">{title}</header>')
        arrows = st.container(horizontal=True, width="content", gap="small")
        presenter.draw_switch()
    notices = st.container()
    with errors_as_sentences():
        if with_body is not False:
            with notices:
                draw_body = load()
            draw_body()
    if messages := url_state.not_found():
        # In one box: a link to much that is gone would push the page out of sight.
        notices.warning(plain("\n\n".join(messages)))
    presenter.finish(key, pages or [key], arrows)
    url_state.write()


def finding(text: str) -> None:
    """The page's one sentence written from the data."""
    st.html(f'<p class="finding">{html.escape(text)}</p>')


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Show an error of the block as one sentence and go on after it; never a traceback.

    What a person can mend (GteError, ValueError, OSError) is shown in its own words. Anything else is a defect: it
    is logged, and the page says so. The body of a page runs in it already; a fragment needs it for its own reruns.
    """
    try:
        yield
    except (GteError, ValueError, OSError) as error:
        st.error(plain(sentence(error)))
    except Exception:
        logger.exception("A page failed")
        st.exception(Defect(DEFECT))


def plain(text: str) -> str:
    """Escape what Streamlit would read as Markdown, such as a file name with stars or a dollar sign."""
    return re.sub(r"([\\`*\[\]<$~]|(?<![^\W_])_|_(?![^\W_])|:(?=\w))", r"\\\1", text)
