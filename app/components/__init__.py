"""Components of our own, where Streamlit has none: each draws in the browser, without a message a move."""

from app.components.block_diagram import block_diagram
from app.components.film_strip import StripRow, film_strip
from app.components.kernel_barcode import FORMS, KernelChoice, LayerShares, kernel_barcode
from app.components.shift_toy import shift_toy
from app.components.whole_clip import whole_clip

__all__ = [
    "FORMS",
    "KernelChoice",
    "LayerShares",
    "StripRow",
    "block_diagram",
    "film_strip",
    "kernel_barcode",
    "shift_toy",
    "whole_clip",
]
