"""Film strips as figures for a paper: frames with their evidence, and the share of the evidence in each frame."""

import base64
import html
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, UInt8

from analysis.attribution.overlay import overlay
from analysis.formatting import percent
from analysis.plotting import style
from gte.data.opencv import cv2

MAP_SIDE = 40
"""Cells to a side of the maps over the frames of a strip, which are enlarged smoothly."""
GAP = 3
"""Pixels between frames."""
LINE = 20
"""Pixels of a line of text."""
BAR_HEIGHT = 26
"""Pixels of the longest bar."""
SCALE_WIDTH, SCALE_HEIGHT = 90, 10
"""Pixels of the scale of colours."""


def strip_figure(
    labels: Sequence[str],
    frames: Sequence[UInt8[np.ndarray, "t _ _ 3"]],
    evidence: Sequence[Float[np.ndarray, "t _ _"]],
    shares: Sequence[Sequence[float]],
    width: float,
    scale_label: str = "maximum",
) -> go.Figure:
    """Draw a row of frames for each label, `width` pixels wide: frame numbers, frames, and bars of their shares.

    The frames keep their pixels, with evidence in [0, 1] over them. The bars of all rows have one scale, and the
    largest of a row is written at it. Units of the axes are pixels.
    """
    figure = go.Figure()
    longest = max((max(row) for row in shares), default=0.0)
    top = 0.0
    for label, images, maps, row in zip(labels, frames, evidence, shares, strict=True):
        grown = np.stack([cv2.resize(cells.astype(np.float32), images.shape[2:0:-1]) for cells in maps])
        names = [str(number) for number in range(1, len(images) + 1)]
        foot = _frames(figure, label, overlay(images, np.clip(grown, 0, 1)), names, top, width) + BAR_HEIGHT
        pitch = (width + GAP) / len(row)
        for number, share in enumerate(row):
            tall = BAR_HEIGHT * share / longest if longest > 0 else 0.0
            _box(figure, number * pitch, foot - tall, (number + 1) * pitch - GAP, foot, style.NEUTRAL)
        if (most := max(row)) > 0:
            middle = (row.index(most) + 0.5) * pitch
            _write(figure, min(max(middle, LINE), width - LINE), foot + LINE / 2, percent(most), "center")
        top = foot + LINE
    _write(figure, 0, top + LINE / 2, "bars: share of the evidence", "left")
    top += LINE
    _write(figure, 0, top + LINE / 2, "0", "left")
    _image(figure, _scale(), LINE, top + (LINE - SCALE_HEIGHT) / 2, SCALE_WIDTH, SCALE_HEIGHT)
    _write(figure, LINE + SCALE_WIDTH + GAP, top + LINE / 2, scale_label, "left")
    return _in_pixels(figure, width, top + LINE)


def frames_figure(
    labels: Sequence[str],
    frames: Sequence[UInt8[np.ndarray, "t _ _ 3"]],
    names: Sequence[Sequence[str]],
    width: float,
) -> go.Figure:
    """Draw a row of frames for each label, `width` pixels wide, each frame with its name above it."""
    figure, top = go.Figure(), 0.0
    for label, images, above in zip(labels, frames, names, strict=True):
        top = _frames(figure, label, images, above, top, width)
    return _in_pixels(figure, width, top)


def _frames(
    figure: go.Figure,
    label: str,
    images: UInt8[np.ndarray, "t h w 3"],
    names: Sequence[str],
    top: float,
    width: float,
) -> float:
    """Draw a label and frames with their names; return where the row ends."""
    side = (width + GAP) / len(images) - GAP
    height = side * images.shape[1] / images.shape[2]
    _write(figure, 0, top + LINE / 2, f"<b>{html.escape(label)}</b>", "left")
    for number, (frame, name) in enumerate(zip(images, names, strict=True)):
        left = number * (side + GAP)
        _write(figure, left + side / 2, top + 1.5 * LINE, name, "center")
        _image(figure, frame, left, top + 2 * LINE, side, height)
    return top + 2 * LINE + height + GAP


def _in_pixels(figure: go.Figure, width: float, height: float) -> go.Figure:
    """Give the figure axes in pixels, from the upper left corner, that are not drawn."""
    figure.update_xaxes(range=[0, width], visible=False)
    figure.update_yaxes(range=[height, 0], visible=False)
    return figure.update_layout(height=height, margin=dict.fromkeys("lrtb", 0), font={"size": style.FONT_SIZE})


def strip_table(
    labels: Sequence[str],
    evidence: Sequence[Float[np.ndarray, "t _ _"]],
    shares: Sequence[Sequence[float]],
    frame_names: Sequence[str],
) -> pd.DataFrame:
    """Return a row for each frame of each row of a strip: row, frame, frame_name, frame_share and maximum."""
    return pd.DataFrame(
        [
            {
                "row": label,
                "frame": number + 1,
                "frame_name": frame_names[number],
                "frame_share": row[number],
                "maximum": float(maps[number].max()),
            }
            for label, maps, row in zip(labels, evidence, shares, strict=True)
            for number in range(len(row))
        ]
    )


def _write(figure: go.Figure, x: float, y: float, text: str, side: str) -> None:
    figure.add_annotation(x=x, y=y, text=text, xanchor=side, yanchor="middle", showarrow=False, borderpad=0)


def _box(figure: go.Figure, x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
    figure.add_shape(type="rect", x0=x0, x1=x1, y0=y0, y1=y1, fillcolor=colour, line_width=0)


def _image(
    figure: go.Figure, image: UInt8[np.ndarray, "h w 3"], x: float, y: float, width: float, height: float
) -> None:
    _, png = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    source = f"data:image/png;base64,{base64.b64encode(png.tobytes()).decode('ascii')}"
    figure.add_layout_image(
        source=source, xref="x", yref="y", x=x, y=y, sizex=width, sizey=height, sizing="stretch", layer="above"
    )


def _scale() -> UInt8[np.ndarray, "1 256 3"]:
    """The colours of evidence from 0 to 1, as they look on white."""
    values = np.linspace(0, 1, 256)[None, None]
    return overlay(np.full((1, 1, 256, 3), 255, np.uint8), values)[0]
