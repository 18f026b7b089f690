"""What a change of a network does to its answers."""

import pandas as pd
import plotly.graph_objects as go

from analysis import palette
from analysis.interventions import SETTING_WORDS
from analysis.wording import percent


def need_bars(table: pd.DataFrame, chance: float) -> go.Figure:
    """One layer's rows of `interventions.is_it_needed`; the dotted line is what guessing gives."""
    rows = table.to_dict("records")
    figure = go.Figure(
        go.Bar(
            y=[SETTING_WORDS[row["setting"]] for row in rows],
            x=[row["top1"] for row in rows],
            orientation="h",
            marker={"color": [palette.ACCENT if row["setting"] == "learned" else palette.NEUTRAL for row in rows]},
            text=[percent(row["top1"]) for row in rows],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="<b>%{y}</b>: %{text} right<extra></extra>",
        )
    )
    palette.style(figure, size="medium", categories="y")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(title_text="top-1 accuracy", range=[0, 1.14], tickvals=[0, 0.5, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=8)
    figure.add_vline(x=chance, line={"dash": "dot", "width": 1.5, "color": palette.NEUTRAL}, layer="below")
    return figure
