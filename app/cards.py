"""Cards on a page: title, sentence, figure, and an expander with definition, code and numbers."""

from collections.abc import Callable, Mapping

import streamlit as st

from analysis.plotting import style
from analysis.plotting.card import Card, CardWithCode
from app import layout


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
    st.subheader(card.title, anchor=False)
    st.markdown(layout.plain(card.sentence))
    key = f"card {of} {card.key} {card.title}"
    st.plotly_chart(
        card.figure,
        key=key,
        on_select=(lambda: _clicked(key, on_click)) if on_click else "ignore",
        selection_mode="points",
        config=dict(config),
        alt=card.sentence,
    )
    with st.expander("Definition, formula and code"):
        st.markdown(card.definition)
        st.code(card.code, "python")
        if card.table is not None:
            st.download_button(
                "Numbers (CSV)",
                card.table.to_csv(index=False),
                f"{file_name or card.key}.csv",
                "text/csv",
                key=f"csv {key}",
                on_click="ignore",
            )


def _clicked(key: str, on_click: Callable[[str], None]) -> None:
    points = st.session_state[key].selection.points
    # A second click on the same mark deselects it, and chooses nothing.
    if points:
        on_click(points[0]["customdata"][0])
