"""Film strips as figures for a paper: frames with their evidence, and the share of the evidence in each frame."""

import base64
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, UInt8

from analysis.attribution.overlay import overlay
from analysis.formatting import percent
from analysis.plotting import style
from gte.data.opencv import cv2

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
        side = (width + GAP) / len(images) - GAP
        height = side * images.shape[1] / images.shape[2]
        _write(figure, 0, top + LINE / 2, f"<b>{label}</b>", "left")
        top += LINE
        grown = np.stack([cv2.resize(cells.astype(np.float32), images.shape[2:0:-1]) for cells in maps])
        painted = overlay(images, np.clip(grown, 0, 1))
        for number, (frame, share) in enumerate(zip(painted, row, strict=True)):
            left = number * (side + GAP)
            _write(figure, left + side / 2, top + LINE / 2, str(number + 1), "center")
            _image(figure, frame, left, top + LINE, side, height)
            foot = top + LINE + height + GAP + BAR_HEIGHT
            tall = BAR_HEIGHT * share / longest if longest > 0 else 0.0
            _box(figure, left, foot - tall, left + side, foot, style.NEUTRAL)
        top = top + LINE + height + GAP + BAR_HEIGHT
        if (most := max(row)) > 0:
            middle = (row.index(most) + 0.5) * (side + GAP)
            _write(figure, min(max(middle, LINE), width - LINE), top + LINE / 2, percent(most), "center")
        top += LINE
    _write(figure, 0, top + LINE / 2, "bars: share of the evidence", "left")
    top += LINE
    _write(figure, 0, top + LINE / 2, "0", "left")
    _image(figure, _scale(), LINE, top + (LINE - SCALE_HEIGHT) / 2, SCALE_WIDTH, SCALE_HEIGHT)
    _write(figure, LINE + SCALE_WIDTH + GAP, top + LINE / 2, scale_label, "left")
    total = top + LINE
    figure.update_xaxes(range=[0, width], visible=False)
    figure.update_yaxes(range=[total, 0], visible=False)
    return figure.update_layout(height=total, margin=dict.fromkeys("lrtb", 0), font={"size": style.FONT_SIZE})


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
