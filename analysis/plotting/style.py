"""The colours of the app and the one look of its plotly figures.

Only the direction of time has hue; everything else is neutral plus one accent. Every colour holds on a white
and on a #14181D page, with a contrast of at least 3.5 : 1, so that no figure needs to know the theme.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb, sequential

from analysis.formatting import Direction, percent

BACK: Final = "#1F6FC4"
NOW: Final = "#808A96"
AHEAD: Final = "#D9660F"
DIRECTION_COLOURS: Final[Mapping[Direction, str]] = MappingProxyType({"back": BACK, "now": NOW, "ahead": AHEAD})
DIRECTION_GLYPHS: Final[Mapping[Direction, str]] = MappingProxyType({"back": "◀", "now": "●", "ahead": "▶"})
KIND_GLYPHS: Final[Mapping[str, str]] = MappingProxyType(
    {**DIRECTION_GLYPHS, "averages": "+", "subtracts": "−", "mixed": "◇"}
)
"""A glyph for each kind of output channel: the three that combine frames have no hue."""

WEIGHT_NEGATIVE: Final = "#9A4FB5"
WEIGHT_POSITIVE: Final = "#2C9A55"

TEMPORAL_COST: Final = "#12807A"
"""The temporal part of a cost, drawn solid; the other parts are NEUTRAL and hatched."""

NEUTRAL: Final = "#808A96"
"""Marks that are neither a direction nor the accent: curves, outlines, reference lines, hatched parts."""

ACCENT: Final = TEMPORAL_COST
"""The one accent where a figure must point at something; the theme's primary colour is close to it."""

OVERLAID: Final[Mapping[str, Any]] = MappingProxyType({"color": ACCENT, "width": 2, "dash": "dash"})
"""The line of a checkpoint that is compared with the one that is drawn solid."""

ROW_BAND: Final = "rgba(128, 138, 150, 0.22)"
"""The band behind a selected row, visible on both themes."""


TRANSPARENT: Final = "rgba(0, 0, 0, 0)"

KIND_MARKERS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        **{name: {"color": colour} for name, colour in DIRECTION_COLOURS.items()},
        "averages": {"color": NEUTRAL, "symbol": "cross"},
        "subtracts": {"color": NEUTRAL, "symbol": "line-ew-open", "line": {"width": 2.5}},
        "mixed": {"color": NEUTRAL, "symbol": "diamond-open"},
    }
)
"""Plotly's marker of an output channel of each kind."""


def patterned(shape: Literal["/", "x", ".", "-"]) -> dict[str, Any]:
    """A plotly marker in the neutral colour that a pattern tells from other neutral ones, on both themes."""
    return {
        "color": TRANSPARENT,
        "pattern": {"shape": shape, "fgcolor": NEUTRAL, "bgcolor": TRANSPARENT, "size": 7, "solidity": 0.35},
        "line": {"width": 1, "color": NEUTRAL},
    }


def faded(colour: str, alpha: float) -> str:
    """Return a #RRGGBB colour as an rgba() string.

    Raises ValueError unless `alpha` lies in [0, 1].
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie between 0 and 1; got {alpha}.")
    red, green, blue = hex_to_rgb(colour)
    # Without an exponent, which is no number to plotly.
    return f"rgba({red}, {green}, {blue}, {round(alpha, 3):g})"


HATCHED: Final[dict[str, Any]] = patterned("/")
"""The marker of what is neither the accent nor a direction, where solid neutral stands for something else."""

WEIGHT_SCALE: Final[list[list[float | str]]] = [
    [0.0, faded(WEIGHT_NEGATIVE, 1)],
    [0.5, faded(NEUTRAL, 0)],
    [1.0, faded(WEIGHT_POSITIVE, 1)],
]
"""For signed weights: diverging through a transparent middle; give it zmid=0 and one symmetric range."""

MAGMA: Final[tuple[str, ...]] = tuple(sequential.Magma)
"""Ten stops from dark to light, the colours of evidence."""

EVIDENCE_SCALE: Final[list[list[float | str]]] = [
    [step / (len(MAGMA) - 1), faded(colour, step / (len(MAGMA) - 1))] for step, colour in enumerate(MAGMA)
]
"""For evidence: magma with alpha = value, so that no evidence lets the page or the frame through."""

ChartSize = Literal["large", "medium", "small"]
CHART_HEIGHTS: Final[Mapping[ChartSize, int]] = MappingProxyType({"large": 430, "medium": 250, "small": 110})
"""Heights of charts in CSS pixels; a page uses no others, so that figures align from page to page."""

FONT_SIZE: Final = 14
"""Of every text in a chart, in CSS pixels; readable on a projector."""

MARGINS: Final[Mapping[str, int]] = MappingProxyType({"l": 8, "r": 8, "t": 56, "b": 40})

PLOTLY_CONFIG: Final[dict[str, object]] = {
    "displaylogo": False,
    # Removed one by one: a list of the wanted ones would also drop the fullscreen button that Streamlit adds.
    "modeBarButtonsToRemove": [
        "zoom2d",
        "pan2d",
        "select2d",
        "lasso2d",
        "zoomIn2d",
        "zoomOut2d",
        "autoScale2d",
        "resetScale2d",
    ],
    "toImageButtonOptions": {"format": "svg"},
}
"""The `config` of every st.plotly_chart: only the download (as SVG) and the fullscreen button stay."""


FORMATS: Final = ("SVG", "PNG")
"""What a figure's download button can save."""


def percent_ticks(*shares: float) -> dict[str, Any]:
    """Return the ticks of an axis of shares, labelled as text writes them: 0.5 is "50 %"."""
    return {"tickvals": shares, "ticktext": [percent(share) for share in shares]}


def plotly_config(form: str) -> dict[str, object]:
    """PLOTLY_CONFIG whose download button saves one of FORMATS; pixels are doubled, for slides."""
    return PLOTLY_CONFIG | {"toImageButtonOptions": {"format": form.lower(), "scale": 2 if form == "PNG" else 1}}


def style(figure: go.Figure, *, size: ChartSize = "large", categories: Literal["x", "y", "xy", ""] = "") -> go.Figure:
    """Give `figure` the look that all charts share, and return it.

    `categories` names the axes that carry names: without it plotly reads layer "1.0" as the number 1. Colours
    of background and text stay unset, so that the theme of the app supplies them. What a figure needs
    otherwise it sets after this call.
    """
    # In one update, because each costs milliseconds: axes are those that the figure's panels have, one if it has none.
    text = {"tickfont": {"size": FONT_SIZE}, "title": {"font": {"size": FONT_SIZE}}, "automargin": True}
    axes = {
        key: text | ({"type": "category"} if key[0] in categories else {})
        for key in {"xaxis", "yaxis", *figure.layout.to_plotly_json()}
        if key.startswith(("xaxis", "yaxis"))
    }
    figure.update_layout(
        axes,
        height=CHART_HEIGHTS[size],
        margin=dict(MARGINS),
        font={"size": FONT_SIZE},
        # At the very top, so that the legend fits between it and the plot.
        title={"x": 0, "xanchor": "left", "y": 1, "yanchor": "top", "pad": {"t": 4}, "font": {"size": 18}},
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": FONT_SIZE},
            "title": {"text": ""},
            "traceorder": "normal",
        },
        hoverlabel={"font": {"size": FONT_SIZE}},
        # A stray drag would zoom, and no button is left to undo it.
        dragmode=False,
        bargap=0.25,
    )
    return figure


def enlarged(figure: go.Figure, scale: float) -> go.Figure:
    """Return a copy of `figure` whose type, marks, margins and height are `scale` times as large, for a projector."""
    drawn = figure.to_plotly_json()
    _enlarge_sizes(drawn, scale)
    layout = drawn["layout"]
    layout["margin"] = {side: scale * pixels for side, pixels in (MARGINS | layout.get("margin", {})).items()}
    if "height" in layout:
        layout["height"] *= scale
    return go.Figure(drawn)


def _enlarge_sizes(part: object, scale: float) -> None:
    """Multiply the sizes of all fonts and marks within `part` of a figure."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name.endswith(("font", "marker")) and "size" in value:
                value["size"] = (scale * np.asarray(value["size"])).tolist()
            _enlarge_sizes(value, scale)
    elif isinstance(part, (list, tuple)):
        for value in part:
            _enlarge_sizes(value, scale)
