"""What networks take on the clock beside what they count."""

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
    for (x, y), text, side in _labels(list(zip(passes, times, strict=True)), rows, longest, highest):
        figure.add_annotation(x=x, y=y, text=text, showarrow=False, xanchor=side, xshift=9 if side == "left" else -9)
    return figure


def _labels(
    points: list[tuple[float, float]], rows: list[dict], longest: float, highest: float
) -> list[tuple[tuple[float, float], str, str]]:
    """Names beside their points: on the left where a name on the right would stand on another point or name."""
    taken: list[tuple[float, float]] = []
    labels = []
    for (x, y), row in sorted(zip(points, rows, strict=True), key=lambda pair: -pair[0][1]):
        name = f"{row['label']}{' *' if row['at_native'] else ''}"
        reach = 0.022 * len(name) + 0.03
        right = (x / longest, x / longest + reach)
        crowded = any(abs(y / highest - v) < 0.055 and right[0] - reach < u < right[1] + reach / 2 for u, v in taken)
        labels.append(((x, y), name, "right" if crowded else "left"))
        taken.append((x / longest, y / highest))
    return labels
