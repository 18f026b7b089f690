"""SVG drawing in the colour and font of the page, which Streamlit's elements for images do not take."""

from collections.abc import Callable

import streamlit as st
from streamlit.components.v2 import component

from app.components._source import read

_diagram = component(
    "block_diagram",
    html=read("block_diagram/block_diagram.html"),
    css=read("common.css", "block_diagram/block_diagram.css"),
    js=read("block_diagram/block_diagram.js"),
)


def block_diagram(
    svg: str, *, key: str, on_layer: Callable[[str], None] | None = None, scroll_to: str | None = None
) -> None:
    """Show a drawing of `analysis.block_diagram.svg` with the look for pages.

    `on_layer` gets the path of the layer whose box was clicked, before the page runs again; the window then scrolls to
    the container with the key `scroll_to`. Without it boxes cannot be clicked.
    """
    _diagram(
        key=key,
        data={"svg": svg, "clickable": on_layer is not None, "scrollTo": scroll_to},
        on_layer_change=lambda: on_layer(st.session_state[key]["layer"]) if on_layer else None,
    )
