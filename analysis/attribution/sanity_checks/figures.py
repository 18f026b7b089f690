"""Figures of the sanity checks of evidence."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.attribution.sanity_checks.deletion_insertion import EVIDENCE, WAYS
from analysis.attribution.sanity_checks.weight_randomization import KEPT, LOST
from analysis.formatting import percent
from analysis.plotting import style
from analysis.plotting.rows import lay_out_rows, row_bars


def randomisation_curve(stages: pd.DataFrame) -> go.Figure:
    """`Randomisation.by_stage`: the correlation with the original map, the range of the seeds as error bars."""
    figure = go.Figure(
        go.Scatter(
            x=stages["part"],
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
            hovertemplate="randomised down to %{x}: %{y:.2f}<extra></extra>",
        )
    )
    style.style(figure, size="medium", categories="x")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(title_text="weights randomised down to", tickangle=-45, showgrid=False)
    figure.update_yaxes(
        title_text="rank correlation",
        range=[min(-0.55, float(stages["min"].to_numpy(float).min()) - 0.05), 1.1],
        tickvals=[-1, -0.5, 0, 0.5, 1],
        zeroline=True,
    )
    for limit in (LOST, KEPT):
        figure.add_hline(y=limit, line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL}, layer="below")
    return figure


def deletion_insertion_curves(table: pd.DataFrame, method: str) -> go.Figure:
    """`DeletionInsertion.table`: the probability while pixels are deleted and inserted, with RandomCAMs to compare."""
    titles = {"deletion": "deletion: should fall fast", "insertion": "insertion: should rise fast"}
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.14, subplot_titles=[titles[w] for w in WAYS])
    for row, way in enumerate(WAYS, start=1):
        curves = list(table.loc[table["way"] == way].groupby("order", sort=False))
        # The evidence last, so that it is on top.
        for number, (order, curve) in enumerate(sorted(curves, key=lambda pair: pair[0] == EVIDENCE)):
            is_evidence = order == EVIDENCE
            label = method if is_evidence else order
            figure.add_trace(
                go.Scatter(
                    x=curve["share"],
                    y=curve["probability"],
                    mode="lines",
                    name=method if is_evidence else "random weights",
                    line={
                        "color": style.ACCENT if is_evidence else style.NEUTRAL,
                        "width": 3 if is_evidence else 1.2,
                        "dash": "solid" if is_evidence else "dot",
                    },
                    legendgroup=str(is_evidence),
                    showlegend=row == 1 and (is_evidence or number == 0),
                    hovertemplate=f"{label}: %{{y:.1%}} at %{{x:.0%}} of the pixels<extra></extra>",
                ),
                row=row,
                col=1,
            )
    style.style(figure)
    figure.update_layout(legend_y=1.06, margin_t=72, margin_r=24)
    figure.update_annotations(font_size=style.FONT_SIZE)
    # Slightly wider than the data: otherwise the last label has no room and is left out.
    figure.update_xaxes(range=[-0.02, 1.02], **style.percent_ticks(0, 0.5, 1), zeroline=False)
    figure.update_xaxes(title_text="pixels changed, strongest evidence first", row=2, col=1)
    figure.update_yaxes(range=[0, 1.03], **style.percent_ticks(0, 0.5, 1), title_text="probability")
    return figure


def localization_bars(summary: pd.DataFrame, chance: float, axis_maximum: float) -> go.Figure:
    """`Localization.summary`: the share of evidence on the moving object per method, with its quartiles over the clips.

    The dotted line is chance. Figures that are compared have the same `axis_maximum`.
    """
    baseline = summary["method"] == "RandomCAM"
    bars = row_bars(
        summary["method"],
        summary["share"],
        marker={"color": [style.NEUTRAL if flag else style.ACCENT for flag in baseline]},
        hover="<b>%{y}</b>: %{customdata} on the object",
        customdata=[percent(share) for share in summary["share"]],
    )
    bars.error_x = {
        "array": (summary["high"] - summary["share"]).clip(lower=0),
        "arrayminus": (summary["share"] - summary["low"]).clip(lower=0),
        "color": style.NEUTRAL,
        "thickness": 2,
    }
    figure = lay_out_rows(go.Figure(bars), list(summary["method"]), size="medium")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(title_text="evidence on the moving object", range=[0, axis_maximum])
    figure.update_xaxes(**style.percent_ticks(0, 0.2, 0.4, 0.6, 0.8, 1))
    figure.add_vline(x=chance, line={"dash": "dot", "width": 2, "color": style.NEUTRAL})
    return figure


def axis_maximum(summaries: Mapping[str, pd.DataFrame]) -> float:
    """The maximum of an axis for the bars of all summaries."""
    return 1.05 * max(float(summary[["high", "share"]].max().max()) for summary in summaries.values())
