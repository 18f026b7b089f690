"""SVG drawing in the colour and font of the page, which Streamlit's elements for images do not take."""

from streamlit.components.v2 import component

from app.components._source import read

_diagram = component(
    "block_diagram",
    html=read("block_diagram/block_diagram.html"),
    css=read("common.css", "block_diagram/block_diagram.css"),
    js=read("block_diagram/block_diagram.js"),
)


def block_diagram(svg: str, *, key: str) -> None:
    """Show a drawing of `analysis.block_diagram.svg` with the look for pages; nothing is sent back."""
    _diagram(key=key, data={"svg": svg})
