"""What figures with a row per layer or network share: their height, names, hover texts and the mark of a row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Bool

from analysis.plotting import style

ROW_PITCH = 20
"""Pixels that a row needs for its name to be read."""


def where(rows: pd.DataFrame, mask: Bool[np.ndarray, " r"]) -> pd.DataFrame:
    """The rows for which the mask is true."""
    return rows.take(np.flatnonzero(mask).tolist())


def height_for(num_rows: int) -> int:
    """A chart's height, and more of it where its rows would be too close to read."""
    return max(style.CHART_HEIGHTS["large"], ROW_PITCH * num_rows + style.MARGINS["t"] + 50)


def every_name(names: Sequence[str]) -> dict[str, Any]:
    """Ticks of an axis of categories that leave none out."""
    return {"tickmode": "array", "tickvals": list(names)}


def customdata(rows: pd.DataFrame, *columns: Any) -> list[list[str]]:
    """Per mark: the layer's full path, then the texts of its hover label."""
    return [list(entry) for entry in zip(rows["layer"], *columns, strict=True)]


def mark_row(figure: go.Figure, keys: Sequence[str], selected: str | None) -> go.Figure:
    """Lay a band behind the selected row, across all panels."""
    if selected in keys:
        row = keys.index(selected)
        figure.add_shape(
            type="rect",
            xref="paper",
            x0=0,
            x1=1,
            yref="y",
            y0=row - 0.5,
            y1=row + 0.5,
            fillcolor=style.ROW_BAND,
            line_width=0,
            layer="below",
        )
    return figure
