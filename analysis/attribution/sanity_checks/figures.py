"""Figures of the sanity checks of evidence."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.attribution.methods import METHODS
from analysis.attribution.sanity_checks.deletion_insertion import WAYS, DeletionInsertion
from analysis.attribution.sanity_checks.frame_order import FrameOrder
from analysis.attribution.sanity_checks.localization import RIVALS, Localization
from analysis.attribution.sanity_checks.verdict import RHO, in_words, mean_of, signed
from analysis.attribution.sanity_checks.weight_randomization import KEPT, Randomisation
from analysis.formatting import percent
from analysis.plotting import style
from analysis.plotting.rows import lay_out_rows, row_bars
from analysis.statistics import Interval

HALF = 0.5
"""End of an axis of shares and areas where all fit; else it is 1."""
ROW_OFFSET = 0.16
"""Distance of the two marks of a row from its middle, in rows."""


def randomisation_curve(result: Randomisation) -> go.Figure:
    """|ρ| with the original map at each stage, with its 95 % interval over clips, and the share of empty maps.

    The stage that decides has a filled mark; what is to its right destroys the block itself.
    """
    stages = [stage for stage in range(len(result.parts)) if (~np.isnan(result.by_clip(stage))).sum() > 1]
    parts = [result.parts[stage] for stage in stages]
    means, intervals = zip(*(mean_of(result.by_clip(stage)) for stage in stages), strict=True) if stages else ((), ())
    figure = go.Figure()
    figure.add_bar(
        name="share of empty maps",
        x=list(result.parts),
        y=[result.empty_share(stage) for stage in range(len(result.parts))],
        marker=style.HATCHED,
        hovertemplate="down to %{x}: %{y:.0%} of the maps are empty<extra></extra>",
    )
    figure.add_scatter(
        name=f"{RHO} with the original map",
        x=parts,
        y=means,
        error_y=_error_bars(means, intervals),
        mode="lines+markers",
        line={"color": style.ACCENT, "width": 2},
        marker={
            "size": 10,
            "symbol": ["circle" if stage == result.decisive else "circle-open" for stage in stages],
        },
        customdata=[in_words(*pair) for pair in zip(means, intervals, strict=True)],
        hovertemplate=f"down to %{{x}}: {RHO} %{{customdata}}<extra></extra>",
    )
    style.style(figure, size="medium", categories="x")
    figure.update_layout(margin_t=8, legend_y=1.12)
    figure.update_xaxes(
        title_text="weights randomised down to",
        tickangle=-45,
        showgrid=False,
        categoryorder="array",
        categoryarray=list(result.parts),
    )
    figure.update_yaxes(title_text=f"{RHO}, share", range=[0, 1.05], tickvals=[0, 0.5, 1])
    figure.add_hline(y=KEPT, line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL}, layer="below")
    return figure


def advantages(result: DeletionInsertion) -> go.Figure:
    """By how much the evidence beats each rival, in deletion and in insertion, with paired 95 % intervals."""
    differences = result.differences()
    names = list(differences)
    ends = [abs(end) for ways in differences.values() for _, interval in ways.values() for end in interval]
    end = HALF if max(ends, default=0.0) < HALF else 1
    figure = go.Figure()
    for way, offset, symbol in zip(WAYS, (-ROW_OFFSET, ROW_OFFSET), ("circle", "circle-open"), strict=True):
        values = [differences[name][way] for name in names]
        means = [mean for mean, _ in values]
        figure.add_scatter(
            name=way,
            x=means,
            y=[place + offset for place in range(len(names))],
            error_x=_error_bars(means, [interval for _, interval in values]),
            mode="markers",
            marker={"size": 10, "symbol": symbol, "color": style.ACCENT, "line_width": 2},
            customdata=[[name, signed(*value)] for name, value in zip(names, values, strict=True)],
            hovertemplate=f"{way}, against %{{customdata[0]}}: %{{customdata[1]}}<extra></extra>",
        )
    style.style(figure, size="medium")
    figure.update_layout(margin_t=8, legend_y=1.12)
    figure.update_xaxes(
        title_text="area won by the evidence",
        # The same for most networks, so that their figures can be compared.
        range=[-end, end],
        zeroline=True,
        zerolinewidth=2,
    )
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        # Without the counts in brackets, which the sentence has.
        ticktext=[name.partition(" (")[0] for name in names],
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        ticklabelstandoff=8,
    )
    return figure


def deletion_curves(result: DeletionInsertion, method: str) -> go.Figure:
    """The probability of the class of one clip while pixels are deleted and inserted."""
    titles = {"deletion": "deletion: should fall fast", "insertion": "insertion: should rise fast"}
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.14, subplot_titles=[titles[w] for w in WAYS])
    dashes = ("solid", "dash", "dashdot", "dot")
    for row in range(len(WAYS)):
        curves = result.probabilities[0, :, row]
        random = [curve for curve in curves[1 + len(result.rivals) :] if not np.isnan(curve).any()]
        band = [*np.max(random, axis=0), *np.min(random, axis=0)[::-1]] if random else []
        figure.add_scatter(
            x=[*result.shares, *result.shares[::-1]] if random else [],
            y=band,
            fill="toself",
            fillcolor=style.ROW_BAND,
            line={"width": 0},
            name="random weights, range",
            legendgroup="random",
            showlegend=row == 0,
            hoverinfo="skip",
            row=row + 1,
            col=1,
        )
        for place, name in reversed(list(enumerate((method, *result.rivals)))):
            figure.add_scatter(
                x=result.shares,
                y=curves[place],
                mode="lines",
                name=name,
                line={
                    "color": style.NEUTRAL if place else style.ACCENT,
                    "width": 1.5 if place else 3,
                    "dash": dashes[place],
                },
                legendgroup=name,
                showlegend=row == 0,
                hovertemplate=f"{name}: %{{y:.1%}} at %{{x:.0%}} of the pixels<extra></extra>",
                row=row + 1,
                col=1,
            )
    style.style(figure)
    figure.update_layout(legend_y=1.06, margin_t=72, margin_r=24)
    figure.update_annotations(font_size=style.FONT_SIZE)
    # Slightly wider than the data: otherwise the last label has no room and is left out.
    figure.update_xaxes(range=[-0.02, 1.02], zeroline=False, **style.percent_ticks(0, 0.5, 1))
    figure.update_xaxes(title_text="pixels changed, strongest evidence first", row=2, col=1)
    figure.update_yaxes(range=[0, 1.03], title_text="probability", **style.percent_ticks(0, 0.5, 1))
    return figure


def frame_order_dots(result: FrameOrder) -> go.Figure:
    """|ρ| of every clip after shuffling and of the rivals, and the means with their 95 % intervals."""
    rows = {"shuffled": result.correlations} | result.rivals
    figure = go.Figure()
    for place, (name, values) in enumerate(rows.items()):
        known = values[~np.isnan(values)]
        figure.add_scatter(
            name=f"{name}, one clip",
            x=known,
            y=[place + ROW_OFFSET] * len(known),
            mode="markers",
            marker={"size": 8, "symbol": "circle-open", "color": style.NEUTRAL, "line_width": 2},
            hovertemplate=f"one clip: {RHO} = %{{x:.2f}}<extra></extra>",
        )
        if len(known) > 1:
            mean, interval = mean_of(known)
            figure.add_scatter(
                name=f"{name}, mean",
                x=[mean],
                y=[place - ROW_OFFSET],
                error_x=_error_bars([mean], [interval]),
                mode="markers",
                marker={"size": 11, "color": style.NEUTRAL if place else style.ACCENT},
                hovertemplate=f"mean {RHO} {in_words(mean, interval)}<extra></extra>",
            )
    style.style(figure, size="medium")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(title_text=f"{RHO} of the maps with the original ones", range=[-0.02, 1.03])
    labels = [name.replace(" ", "<br>", 1) for name in rows]
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=labels, range=[len(rows) - 0.5, -0.5], showgrid=False)
    return figure


def localization_bars(result: Localization) -> go.Figure:
    """The share on the moving object for each method and rival, with 95 % intervals; the dotted line is chance."""
    summary = result.summary()
    names = [row["method"] for row in summary]
    hovers = {row["method"]: f"{percent(row['share'])} on the object" for row in summary}
    for rival in RIVALS:
        for name, item in result.differences(rival).items():
            hovers[METHODS[name].label] += f"<br>{signed(item.mean, item.interval)} against {rival}"
    num_methods = len(summary) - len(RIVALS)
    bars = row_bars(
        names,
        [row["share"] for row in summary],
        marker={"color": [style.ACCENT] * num_methods + [style.NEUTRAL] * len(RIVALS)},
        hover="<b>%{y}</b>: %{customdata}",
        customdata=list(hovers.values()),
    )
    bars.error_x = _error_bars(
        [row["share"] for row in summary], [Interval(row["low"], row["high"]) for row in summary]
    )
    figure = lay_out_rows(go.Figure(bars), names, size="medium")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(
        title_text="evidence on the object", rangemode="tozero", **style.percent_ticks(0, 0.2, 0.4, 0.6, 0.8, 1)
    )
    figure.add_vline(x=result.chance, line={"dash": "dot", "width": 2, "color": style.NEUTRAL})
    return figure


def _error_bars(means: Sequence[float], intervals: Sequence[Interval]) -> dict[str, object]:
    return {
        "array": [interval.high - mean for mean, interval in zip(means, intervals, strict=True)],
        "arrayminus": [mean - interval.low for mean, interval in zip(means, intervals, strict=True)],
        "color": style.NEUTRAL,
        "thickness": 2,
    }
