"""Cards on a page: title with its definition as help, sentence, figure, and an expander with code and numbers."""

from collections.abc import Callable, Mapping

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from analysis.plotting import style
from analysis.plotting.card import Card, CardWithCode
from analysis.plotting.figure_pack import PaperFigure, from_card
from app import layout, paper, presenter, widgets


def draw(
    card: Card | CardWithCode,
    on_click: Callable[[str], None] | None = None,
    *,
    of: str = "",
    file_name: str | None = None,
    config: Mapping[str, object] = style.PLOTLY_CONFIG,
) -> None:
    """Draw a card; `on_click` is called with the first entry of the customdata of a clicked mark.

    `of` distinguishes cards with the same key on one page. `file_name` is the name of the CSV file, by default the key.
    `config` is Plotly's.
    """
    key = f"card {of} {card.key} {card.title}"
    paper.add(from_card(card), key)
    st.subheader(card.title, anchor=False, help=card.definition)
    st.markdown(layout.plain(card.sentence))
    _plot(card.figure, card.sentence, key, on_click, config)
    code_and_numbers(card.code, card.table, f"{file_name or card.key}.csv", key=key)


def code_and_numbers(code: str, table: pd.DataFrame | None, file_name: str, *, key: str) -> None:
    """Draw an expander with the lines that make a figure, and its numbers as CSV."""
    with st.expander("Code and numbers"):
        st.code(code, "python")
        if table is not None:
            widgets.download_csv("Numbers (CSV)", table, file_name, key=key)


def draw_figure(card: Card, *, key: str, on_click: Callable[[str], None] | None = None) -> None:
    """Draw the figure of a card whose words the page shows elsewhere; `on_click` as in `draw`."""
    paper.add(from_card(card), key)
    _plot(card.figure, card.sentence, key, on_click, style.PLOTLY_CONFIG)


def chart(
    figure: go.Figure,
    title: str,
    caption: str,
    *,
    key: str,
    on_click: Callable[[str], None] | None = None,
    definition: str = "",
    code: str = "",
) -> None:
    """Draw a figure without a card.

    `title` names its files in a figure pack, which also has `definition` and `code`; `caption` is read out by screen
    readers. `on_click` as in `draw`.
    """
    drawn = PaperFigure(title=title, caption=caption, draw=lambda _width: figure, definition=definition, code=code)
    paper.add(drawn, key)
    _plot(figure, caption, key, on_click, style.PLOTLY_CONFIG)


def _plot(
    figure: go.Figure, alt: str, key: str, on_click: Callable[[str], None] | None, config: Mapping[str, object]
) -> None:
    st.plotly_chart(
        style.enlarged(figure, presenter.SCALE) if presenter.is_on() else figure,
        key=key,
        on_select=(lambda: _clicked(key, on_click)) if on_click else "ignore",
        selection_mode="points",
        config=dict(config),
        alt=alt,
    )


def _clicked(key: str, on_click: Callable[[str], None]) -> None:
    points = st.session_state[key].selection.points
    # A second click on the same mark deselects it, and chooses nothing.
    if points:
        on_click(points[0]["customdata"][0])
