"""A drawing in SVG that takes the page's own colour and font; Streamlit's own ways to show one take neither."""

from streamlit.components.v2 import component

from app.components._source import read

_diagram = component(
    "block_diagram",
    html=read("block_diagram/block_diagram.html"),
    css=read("common.css", "block_diagram/block_diagram.css"),
    js=read("block_diagram/block_diagram.js"),
)


def block_diagram(svg: str, *, key: str) -> None:
    """Show a drawing of `analysis.block_diagram.svg`, in its look for the page; nothing is sent back."""
    _diagram(key=key, data={"svg": svg})
