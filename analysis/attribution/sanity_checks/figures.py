"""Whether evidence can be believed: what destroyed weights, removed pixels, other orders and the truth say of it."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.attribution.sanity_checks.deletion_insertion import ITSELF, WAYS
from analysis.attribution.sanity_checks.weight_randomization import KEPT, LOST
from analysis.formatting import percent
from analysis.plotting import style


def randomisation_curve(stages: pd.DataFrame) -> go.Figure:
    """`Randomisation.by_stage`: what is left of the map as the weights go, the range of the seeds as bars."""
    figure = go.Figure(
        go.Scatter(
            x=stages["destroyed"],
            y=stages["mean"],
            error_y={
                "array": stages["max"] - stages["mean"],
                "arrayminus": stages["mean"] - stages["min"],
                "color": style.NEUTRAL,
                "thickness": 1.5,
            },
            mode="lines+markers",
            line={"color": style.ACCENT, "width": 2},
            marker={"size": 7},
            hovertemplate="weights down to %{x}: %{y:.2f}<extra></extra>",
        )
    )
    style.style(figure, size="medium", categories="x")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(title_text="weights destroyed down to", tickangle=-45, showgrid=False)
    figure.update_yaxes(
        title_text="rank correlation",
        range=[min(-0.55, float(stages["min"].to_numpy(float).min()) - 0.05), 1.1],
        tickvals=[-1, -0.5, 0, 0.5, 1],
        zeroline=True,
    )
    for limit in (LOST, KEPT):
        figure.add_hline(y=limit, line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL}, layer="below")
    return figure


def removal_curves(table: pd.DataFrame, method: str) -> go.Figure:
    """`Removal.table`: the probability while pixels go and come, the evidence's own curve over its random rivals'."""
    titles = {"deletion": "deletion: should fall fast", "insertion": "insertion: should rise fast"}
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.14, subplot_titles=[titles[w] for w in WAYS])
    for row, way in enumerate(WAYS, start=1):
        curves = list(table.loc[table["way"] == way].groupby("order", sort=False))
        # The evidence last, so that it lies on top.
        for number, (order, curve) in enumerate(sorted(curves, key=lambda pair: pair[0] == ITSELF)):
            own = order == ITSELF
            figure.add_trace(
                go.Scatter(
                    x=curve["share"],
                    y=curve["probability"],
                    mode="lines",
                    name=method if own else "weighed by chance",
                    line={
                        "color": style.ACCENT if own else style.NEUTRAL,
                        "width": 3 if own else 1.2,
                        "dash": "solid" if own else "dot",
                    },
                    legendgroup=str(own),
                    showlegend=row == 1 and (own or number == 0),
                    hovertemplate=f"{method if own else order}: %{{y:.1%}} at %{{x:.0%}} of the pixels<extra></extra>",
                ),
                row=row,
                col=1,
            )
    style.style(figure)
    figure.update_layout(legend_y=1.06, margin_t=72, margin_r=24)
    figure.update_annotations(font_size=style.FONT_SIZE)
    # A little beyond the ends, where the last label would find no room and be left out.
    figure.update_xaxes(range=[-0.02, 1.02], tickvals=[0, 0.5, 1], tickformat=".0%", zeroline=False)
    figure.update_xaxes(title_text="pixels changed, strongest evidence first", row=2, col=1)
    figure.update_yaxes(range=[0, 1.03], tickvals=[0, 0.5, 1], tickformat=".0%", title_text="probability")
    return figure


def hit_bars(summary: pd.DataFrame, chance: float, largest: float) -> go.Figure:
    """`Hits.summary`: the evidence on the mover by method, the middle half of the clips as bars; chance is dotted.

    `largest` is the end of the axis, one for figures that are compared.
    """
    baseline = summary["method"] == "RandomCAM"
    figure = go.Figure(
        go.Bar(
            y=summary["method"],
            x=summary["share"],
            orientation="h",
            marker={"color": [style.NEUTRAL if flag else style.ACCENT for flag in baseline]},
            error_x={
                "array": (summary["high"] - summary["share"]).clip(lower=0),
                "arrayminus": (summary["share"] - summary["low"]).clip(lower=0),
                "color": style.NEUTRAL,
                "thickness": 2,
            },
            customdata=[percent(share) for share in summary["share"]],
            hovertemplate="<b>%{y}</b>: %{customdata} on the mover<extra></extra>",
        )
    )
    style.style(figure, size="medium", categories="y")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(title_text="share of the evidence on the mover", range=[0, largest], tickformat=".0%")
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=8)
    figure.add_vline(x=chance, line={"dash": "dot", "width": 2, "color": style.NEUTRAL})
    return figure


def axis_end(summaries: Mapping[str, pd.DataFrame]) -> float:
    """Where an axis ends that holds the bars of all summaries."""
    return 1.05 * max(float(summary[["high", "share"]].max().max()) for summary in summaries.values())
