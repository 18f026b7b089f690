"""What networks take on the clock beside what they count."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from analysis import palette
from analysis.wording import large_count, three_digits


def time_against_macs(table: pd.DataFrame, reference: str = "c2d") -> go.Figure:
    """Milliseconds of each network of `timing.table.table` over its MACs in one pass, with the quartiles as whiskers.

    The line leads from the origin through the network `reference`: what the MACs would take at its rate. A network
    above it waits for more than arithmetic. Networks without a time or a count have no mark.
    """
    known = table.dropna(subset=["milliseconds", "macs"])
    rows = known.to_dict("records")
    passes = [float(row["macs"]) * row["batch"] / 1e9 for row in rows]
    times = [float(row["milliseconds"]) for row in rows]
    figure = go.Figure()
    rate = next(
        (time / macs for row, macs, time in zip(rows, passes, times, strict=True) if row["name"] == reference), 0
    )
    longest = 1.15 * max(passes, default=1.0)
    if rate:
        label = next(row["label"] for row in rows if row["name"] == reference)
        figure.add_trace(
            go.Scatter(
                x=[0, longest],
                y=[0, rate * longest],
                mode="lines",
                line={"color": palette.NEUTRAL, "width": 1.5, "dash": "dot"},
                name=f"its MACs at {label}'s rate",
                hoverinfo="skip",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=passes,
            y=times,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [float(row["high"]) - time for row, time in zip(rows, times, strict=True)],
                "arrayminus": [time - float(row["low"]) for row, time in zip(rows, times, strict=True)],
                "color": palette.NEUTRAL,
                "thickness": 1.5,
            },
            mode="markers",
            marker={"color": palette.ACCENT, "size": 10},
            customdata=[
                [row["label"], large_count(float(row["macs"]) * row["batch"]), three_digits(row["time_ratio"])]
                for row in rows
            ],
            hovertemplate=(
                "<b>%{customdata[0]}</b>: %{y:.1f} ms, %{customdata[1]} MACs<br>"
                "%{customdata[2]} of the reference's time<extra></extra>"
            ),
            name="median of the rounds, quartiles as whiskers",
        )
    )
    palette.style(figure)
    highest = 1.2 * max([*(float(row["high"]) for row in rows), 1e-6])
    figure.update_xaxes(title_text="G MACs in one pass, counted", range=[0, longest], rangemode="tozero")
    figure.update_yaxes(title_text="milliseconds, measured", range=[0, highest])
    labels = [f"{row['label']}{' *' if row['at_native'] else ''}" for row in rows]
    spots = [(macs / longest, time / highest) for macs, time in zip(passes, times, strict=True)]
    for x, y, label, place in zip(passes, times, labels, _places(spots, labels), strict=True):
        side, rise = place
        figure.add_annotation(
            x=x, y=y, text=label, showarrow=False, xanchor=side, xshift=9 if side == "left" else -9, yshift=rise
        )
    return figure


Side = Literal["left", "right"]
"""Which end of a name stands at its point."""

PLACES: tuple[tuple[Side, int], ...] = (
    ("left", 0),
    ("right", 0),
    ("right", 16),
    ("left", -16),
    ("left", 16),
    ("right", -16),
    ("right", 32),
    ("left", -32),
)
"""Where a name may stand beside its point, the best first: the side, and how many pixels above it."""
PLOT_WIDTH, PLOT_HEIGHT = 560, 330
"""Pixels of the plot in a narrow window, in which names need most room."""


def _places(spots: Sequence[tuple[float, float]], labels: Sequence[str]) -> list[tuple[Side, int]]:
    """A place for each name on which no point and no other name lies; `spots` are parts of the plot's sides."""
    points = [(x * PLOT_WIDTH, y * PLOT_HEIGHT) for x, y in spots]
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    places = []
    for (x, y), label in zip(points, labels, strict=True):
        width = 8 * len(label)
        boxes = {
            place: (
                x + 9 if place[0] == "left" else x - 9 - width,
                y + place[1] - 8,
                x + 9 + width if place[0] == "left" else x - 9,
                y + place[1] + 8,
            )
            for place in PLACES
        }
        free = (place for place, box in boxes.items() if not any(_overlap(box, other) for other in taken))
        chosen = next(free, PLACES[0])
        taken.append(boxes[chosen])
        places.append(chosen)
    return places


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """True if two boxes (left, lower, right, upper) share a point."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
