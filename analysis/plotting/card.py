"""A figure with all that a reader needs beside it: a sentence from the data, its definition, and how to make it."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go


@dataclass(frozen=True, kw_only=True)
class Card:
    """One figure and its words, for a page, a report or a notebook."""

    key: str
    """Short name, unique on a page; files are named after it."""
    title: str
    sentence: str
    """What to look for, written from the data."""
    figure: go.Figure
    definition: str
    """What is drawn, with formulas, as Markdown without HTML or TeX."""
    code: str
    """Python that makes the figure from the checkpoint's file, as the last line's value."""
    table: pd.DataFrame | None = None
    """The numbers behind the figure, where they are not the layers' table."""
    clickable: bool = False
    """True if each mark carries its layer as customdata."""
