"""Rows of a figure, one for each layer, network or class: bars, names, height, and the mark of a row."""

from collections.abc import Iterable, Mapping, Sequence
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


def row_bars(
    names: Iterable[str],
    values: Iterable[float],
    *,
    marker: Mapping[str, Any],
    hover: str,
    name: str | None = None,
    base: Iterable[float] | None = None,
    customdata: Sequence[Any] | None = None,
    numbers: Sequence[str] | None = None,
    legend_group: str | None = None,
    in_legend: bool = True,
) -> go.Bar:
    """Return horizontal bars, one for each name, that look alike whether they are selected or not.

    `hover` is plotly's hovertemplate; without one nothing is shown. `base` is where each bar begins, zero if not given;
    `numbers` are written at the ends of the bars. `name` stands in the legend, and bars of one `legend_group` are
    switched on and off together.
    """
    written = {"text": list(numbers), "textposition": "outside", "cliponaxis": False} if numbers is not None else {}
    return go.Bar(
        name=name,
        y=list(names),
        x=list(values),
        base=None if base is None else list(base),
        orientation="h",
        marker=dict(marker),
        customdata=customdata,
        hovertemplate=f"{hover}<extra></extra>" if hover else None,
        hoverinfo=None if hover else "skip",
        legendgroup=legend_group,
        showlegend=in_legend and name is not None,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        **written,
    )


def clickable_rows(names: Iterable[str], keys: Iterable[object], end: float) -> go.Bar:
    """Return invisible bars from 0 to `end`, so that a click anywhere in a row counts, of a bar of length 0 as well.

    The customdata of each is its key. A figure's points leave them out, as they draw nothing.
    """
    names = list(names)
    rows = row_bars(
        names, [end] * len(names), marker={"color": style.TRANSPARENT}, hover="", customdata=[[key] for key in keys]
    )
    # Without a label, but not skipped: what is skipped cannot be clicked.
    return rows.update(opacity=0, hoverinfo="none", width=1)


def lay_out_rows(figure: go.Figure, names: Sequence[str], *, size: style.ChartSize = "large") -> go.Figure:
    """Style a figure whose y axes have a row for each of `names`, the first on top, and return it.

    A large figure grows until each name can be read.
    """
    style.style(figure, size=size, categories="y")
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        ticklabelstandoff=8,
        categoryorder="array",
        categoryarray=list(names),
        **every_name(names),
    )
    return figure.update_layout(height=height_for(len(names)), bargap=0.3) if size == "large" else figure


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
