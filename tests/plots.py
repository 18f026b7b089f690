"""What a plotly figure draws, for tests that look at its marks."""

from typing import Any

import plotly.graph_objects as go


def traces(figure: go.Figure) -> list[Any]:
    """The traces of a figure in drawing order; plotly's own type of `figure.data` knows none of their attributes."""
    return list(figure.data)
