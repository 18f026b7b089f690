"""Chart of measured time against counted MACs."""

import pandas as pd
import plotly.graph_objects as go

from analysis.formatting import large_count, three_digits
from analysis.plotting import style
from analysis.plotting.label_placement import places


def time_against_macs(table: pd.DataFrame, reference: str = "c2d") -> go.Figure:
    """Draw milliseconds of each network of `table.table` over its MACs in one pass, with the quartiles as whiskers.

    The line goes from the origin through the network `reference`: the time of the MACs at its rate. A network above it
    waits for more than arithmetic. Networks without a time or a count have no mark; nor has a network at its native
    clip while others are at the chosen one, because it would squeeze those into a corner.
    """
    known = table.dropna(subset=["milliseconds", "macs"]).to_dict("records")
    rows = [row for row in known if not row["at_native"]] or known
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
                line={"color": style.NEUTRAL, "width": 1.5, "dash": "dot"},
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
                "color": style.NEUTRAL,
                "thickness": 1.5,
            },
            mode="markers",
            marker={"color": style.ACCENT, "size": 10},
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
    style.style(figure)
    highest = 1.2 * max([*(float(row["high"]) for row in rows), 1e-6])
    figure.update_xaxes(title_text="G MACs in one pass, counted", range=[0, longest], rangemode="tozero")
    figure.update_yaxes(title_text="milliseconds, measured", range=[0, highest])
    labels = [f"{row['label']}{' *' if row['at_native'] else ''}" for row in rows]
    spots = [(macs / longest, time / highest) for macs, time in zip(passes, times, strict=True)]
    for x, y, label, place in zip(passes, times, labels, places(spots, labels), strict=True):
        figure.add_annotation(
            x=x, y=y, text=label, showarrow=False, xanchor=place.side, xshift=place.right, yshift=place.up
        )
    return figure
