"""What a change of time or of a network does to its answers."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.formatting import percent, three_digits
from analysis.interventions import SETTINGS, Effect, classes_of_interest, role_of
from analysis.plotting import style
from analysis.plotting.rows import ROW_PITCH, where

ROW = 22
"""Pixels of a class in a panel of answers."""
PANEL_HEAD = 28
HEAD_AND_FOOT = 104
"""The legend above all panels, and the axis below."""
ROLE_MARKS: Mapping[str, str] = {"shown": " (shown)", "twin": " (its twin)", "": ""}


def answers_before_and_after(effects: Sequence[Effect], after: str) -> go.Figure:
    """The likeliest classes of each network, one panel under another: a ring before the change, a dot after it.

    `after` says what was done, for the legend. The networks have the same classes.
    """
    chosen = classes_of_interest(effects)
    names = [effects[0].classes[index] + ROLE_MARKS[role_of(effects[0], index)] for index in chosen]
    figure = make_subplots(
        rows=len(effects),
        shared_xaxes=True,
        vertical_spacing=0.24 / len(effects),
        subplot_titles=[f"<b>{effect.network}</b>" for effect in effects],
    )
    for row, effect in enumerate(effects, start=1):
        before, now = (
            [float(logits.double().softmax(0)[index]) for index in chosen] for logits in (effect.before, effect.after)
        )
        lines = [value for pair in zip(before, now, strict=True) for value in (*pair, None)]
        figure.add_scatter(
            x=lines,
            y=[name for name in names for _ in range(3)],
            mode="lines",
            line={"color": style.NEUTRAL, "width": 2},
            hoverinfo="skip",
            showlegend=False,
            row=row,
            col=1,
        )
        ring = {"symbol": "circle-open", "size": 15, "color": style.NEUTRAL, "line": {"width": 3}}
        dot = {"symbol": "circle", "size": 9, "color": style.ACCENT}
        for values, logits, told, marker in (
            (before, effect.before, "before", ring),
            (now, effect.after, after, dot),
        ):
            figure.add_scatter(
                x=values,
                y=names,
                name=told,
                mode="markers",
                marker=marker,
                cliponaxis=False,
                customdata=[
                    [percent(value), three_digits(float(logits[index]))]
                    for value, index in zip(values, chosen, strict=True)
                ],
                hovertemplate=f"<b>%{{y}}</b>, {told}: %{{customdata[0]}}, logit %{{customdata[1]}}<extra></extra>",
                legendgroup=told,
                showlegend=row == 1,
                row=row,
                col=1,
            )
    style.style(figure, size="medium", categories="y")
    height = HEAD_AND_FOOT + len(effects) * (len(chosen) * ROW + PANEL_HEAD)
    figure.update_layout(
        height=height, margin_r=24, margin_t=64, legend={"y": 1, "yref": "container", "yanchor": "top"}
    )
    figure.update_annotations(x=0, xanchor="left", font_size=style.FONT_SIZE)
    figure.update_xaxes(range=[-0.02, 1.02], tickvals=[0, 0.5, 1], tickformat=".0%")
    figure.update_xaxes(title_text="probability", row=len(effects), col=1)
    figure.update_yaxes(autorange="reversed", ticklabelstandoff=8)
    return figure


def _bars(names: Sequence[str], shares: Sequence[float], accented: Sequence[bool], chance: float) -> go.Figure:
    figure = go.Figure(
        go.Bar(
            y=list(names),
            x=list(shares),
            orientation="h",
            marker={"color": [style.ACCENT if mark else style.NEUTRAL for mark in accented]},
            text=[percent(share) for share in shares],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="<b>%{y}</b>: %{text} right<extra></extra>",
        )
    )
    style.style(figure, size="medium", categories="y")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(title_text="top-1 accuracy", range=[0, 1.14], tickvals=[0, 0.5, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=8)
    figure.add_vline(x=chance, line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL}, layer="below")
    return figure


def setting_bars(table: pd.DataFrame, chance: float, marked: str) -> go.Figure:
    """The accuracy in each setting but the blend, one of them marked; the dotted line is what guessing gives."""
    table = where(table, (table["setting"] != "blend").to_numpy())
    names = [SETTINGS[setting].label for setting in table["setting"]]
    return _bars(names, table["top1"].tolist(), [setting == marked for setting in table["setting"]], chance)


def damage_by_layer(table: pd.DataFrame, names: Mapping[str, str], chance: float) -> go.Figure:
    """The accuracy with each layer alone set to something else, worst on top, a panel for each setting.

    `names` are the layers' short ones. The dotted line is what guessing gives.
    """
    changed = where(table, (table["setting"] != "learned").to_numpy())
    settings = list(dict.fromkeys(changed["setting"]))
    least = {layer: changed["top1"][changed["layer"] == layer].min() for layer in changed["layer"]}
    order = sorted(least, key=lambda layer: least[layer])
    figure = make_subplots(
        cols=len(settings),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=[SETTINGS[s].label for s in settings],
    )
    for column, setting in enumerate(settings, start=1):
        rows = where(changed, (changed["setting"] == setting).to_numpy())
        top1 = dict(zip(rows["layer"], rows["top1"], strict=True))
        shares = [float(top1[layer]) for layer in order]
        figure.add_bar(
            y=[names[layer] for layer in order],
            x=shares,
            orientation="h",
            marker={"color": style.NEUTRAL},
            text=[percent(share) for share in shares],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="<b>%{y}</b>: %{text} right<extra></extra>",
            row=1,
            col=column,
        )
        axis = "x" if column == 1 else f"x{column}"
        figure.add_shape(
            x0=chance, x1=chance, y0=0, y1=1, xref=axis, yref="paper", line={"dash": "dot", "color": style.NEUTRAL}
        )
    style.style(figure, size="medium", categories="y")
    height = max(style.CHART_HEIGHTS["medium"], ROW_PITCH * len(order) + 100)
    figure.update_layout(height=height, margin_t=32, showlegend=False)
    figure.update_annotations(font_size=style.FONT_SIZE)
    figure.update_xaxes(range=[0, 1.25], tickvals=[0, 0.5, 1], tickformat=".0%")
    figure.update_yaxes(showgrid=False)
    # One axis is turned over; the others follow it.
    figure.update_yaxes(autorange="reversed", ticklabelstandoff=8, row=1, col=1)
    return figure


def blend_curve(table: pd.DataFrame, blend: float, chance: float) -> go.Figure:
    """Accuracy over the blend of the initial shift (0) and what was learned (1); the line marks `blend`."""
    rows = where(table, (table["setting"] == "blend").to_numpy())
    figure = go.Figure(
        go.Scatter(
            x=rows["blend"],
            y=rows["top1"],
            mode="lines+markers",
            line={"color": style.ACCENT},
            hovertemplate="blend %{x}: %{y:.1%} right<extra></extra>",
        )
    )
    style.style(figure, size="medium")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(title_text="blend: 0 is the initial shift, 1 what was learned", dtick=0.25, zeroline=False)
    figure.update_yaxes(title_text="top-1", range=[0, 1.05], tickformat=".0%")
    figure.add_hline(y=chance, line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL})
    figure.add_vline(x=blend, line={"width": 1.5, "color": style.NEUTRAL})
    return figure


def accuracy_by_change(table: pd.DataFrame) -> go.Figure:
    """Clips answered with their own class, with its twin, and otherwise, per network and change of time."""
    networks = list(dict.fromkeys(table["network"]))
    figure = make_subplots(cols=len(networks), shared_yaxes=True, horizontal_spacing=0.08, subplot_titles=networks)
    for column, network in enumerate(networks, start=1):
        rows = where(table, (table["network"] == network).to_numpy())
        for name, values, marker in (
            ("its own class", rows["right"], {"color": style.ACCENT}),
            ("the twin", rows["twin"], style.HATCHED),
            ("another", rows["num_clips"] - rows["right"] - rows["twin"], style.patterned(".")),
        ):
            figure.add_bar(
                y=rows["change"],
                x=values / rows["num_clips"],
                name=name,
                orientation="h",
                marker=marker,
                legendgroup=name,
                showlegend=column == 1,
                hovertemplate=f"<b>%{{y}}</b>: %{{x:.1%}} answered with {name}<extra></extra>",
                row=1,
                col=column,
            )
    style.style(figure, size="large", categories="y")
    figure.update_layout(height=style.CHART_HEIGHTS["medium"] + 60, barmode="stack", margin_t=72)
    figure.update_layout(legend={"y": 1, "yref": "container", "yanchor": "top"})
    figure.update_annotations(font_size=style.FONT_SIZE)
    figure.update_xaxes(range=[0, 1], tickvals=[0, 0.5, 1], tickformat=".0%", title_text="share of the clips")
    figure.update_yaxes(showgrid=False)
    figure.update_yaxes(autorange="reversed", ticklabelstandoff=8, row=1, col=1)
    return figure
