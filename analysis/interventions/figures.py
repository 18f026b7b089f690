"""Figures of changes of time and of kernels."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.formatting import block_names, percent, three_digits
from analysis.interventions.effects import Effect, classes_of_interest, role_of
from analysis.interventions.kernel_edits import SETTINGS
from analysis.plotting import style
from analysis.plotting.rows import ROW_PITCH, lay_out_rows, row_bars, where

ROW = 22
"""Height in pixels of a class in a panel of answers."""
PANEL_HEAD = 28
HEAD_AND_FOOT = 104
"""The legend above all panels, and the axis below."""
ROLE_MARKS: Mapping[str, str] = {"true": " (true)", "reversed": " (reversed)", "": ""}


def answers_before_and_after(effects: Sequence[Effect], after: str) -> go.Figure:
    """The most probable classes of each network, one panel each: a ring before the change, a dot after it.

    `after` is the label of the dots. The networks have the same classes.
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
        for values, logits, label, marker in (
            (before, effect.before, "before", ring),
            (now, effect.after, after, dot),
        ):
            figure.add_scatter(
                x=values,
                y=names,
                name=label,
                mode="markers",
                marker=marker,
                cliponaxis=False,
                customdata=[
                    [percent(value), three_digits(float(logits[index]))]
                    for value, index in zip(values, chosen, strict=True)
                ],
                hovertemplate=f"<b>%{{y}}</b>, {label}: %{{customdata[0]}}, logit %{{customdata[1]}}<extra></extra>",
                legendgroup=label,
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
    figure.update_xaxes(range=[-0.02, 1.02], **style.percent_ticks(0, 0.5, 1))
    figure.update_xaxes(title_text="probability", row=len(effects), col=1)
    figure.update_yaxes(autorange="reversed", ticklabelstandoff=8)
    return figure


def _accuracy_bars(names: Sequence[str], shares: Sequence[float], colours: Sequence[str]) -> go.Bar:
    numbers = [percent(share) for share in shares]
    return row_bars(
        names, shares, marker={"color": list(colours)}, hover="<b>%{y}</b>: %{text} correct", numbers=numbers
    )


def setting_bars(table: pd.DataFrame, num_classes: int, marked: str) -> go.Figure:
    """The accuracy in each setting except the blend, one of them highlighted; the dotted line is chance."""
    table = where(table, (table["setting"] != "blend").to_numpy())
    names = [SETTINGS[setting].label for setting in table["setting"]]
    colours = [style.ACCENT if setting == marked else style.NEUTRAL for setting in table["setting"]]
    figure = lay_out_rows(go.Figure(_accuracy_bars(names, table["top1"].tolist(), colours)), names, size="medium")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(title_text="top-1 accuracy", range=[0, 1.14], **style.percent_ticks(0, 0.5, 1))
    figure.add_vline(x=1 / num_classes, line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL}, layer="below")
    return figure


def damage_by_layer(table: pd.DataFrame, num_classes: int) -> go.Figure:
    """The accuracy with each layer alone replaced, lowest first, one panel per setting; the dotted line is chance."""
    names = block_names(dict.fromkeys(table["layer"]))
    changed = where(table, (table["setting"] != "learned").to_numpy())
    settings = list(dict.fromkeys(changed["setting"]))
    lowest = {layer: changed["top1"][changed["layer"] == layer].min() for layer in changed["layer"]}
    order = sorted(lowest, key=lambda layer: lowest[layer])
    rows = [names[layer] for layer in order]
    figure = make_subplots(
        cols=len(settings),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=[SETTINGS[s].label for s in settings],
    )
    for column, setting in enumerate(settings, start=1):
        in_setting = where(changed, (changed["setting"] == setting).to_numpy())
        top1 = dict(zip(in_setting["layer"], in_setting["top1"], strict=True))
        shares = [float(top1[layer]) for layer in order]
        figure.add_trace(_accuracy_bars(rows, shares, [style.NEUTRAL] * len(rows)), row=1, col=column)
        figure.add_shape(
            x0=1 / num_classes,
            x1=1 / num_classes,
            y0=0,
            y1=1,
            xref="x" if column == 1 else f"x{column}",
            yref="paper",
            line={"dash": "dot", "color": style.NEUTRAL},
        )
    lay_out_rows(figure, rows, size="medium")
    height = max(style.CHART_HEIGHTS["medium"], ROW_PITCH * len(order) + 100)
    figure.update_layout(height=height, margin_t=32, showlegend=False)
    figure.update_annotations(font_size=style.FONT_SIZE)
    figure.update_xaxes(range=[0, 1.25], **style.percent_ticks(0, 0.5, 1))
    return figure


def blend_curve(table: pd.DataFrame, blend: float, num_classes: int) -> go.Figure:
    """Accuracy over the blend of untrained (0) and trained kernels (1), with a line at `blend` and one at chance."""
    rows = where(table, (table["setting"] == "blend").to_numpy())
    figure = go.Figure(
        go.Scatter(
            x=rows["blend"],
            y=rows["top1"],
            mode="lines+markers",
            line={"color": style.ACCENT},
            hovertemplate="blend %{x}: %{y:.1%} correct<extra></extra>",
        )
    )
    style.style(figure, size="medium")
    figure.update_layout(margin_t=8, showlegend=False)
    figure.update_xaxes(title_text="blend: 0 is untrained, 1 trained", dtick=0.25, zeroline=False)
    figure.update_yaxes(title_text="top-1 accuracy", range=[0, 1.05], **style.percent_ticks(0, 0.25, 0.5, 0.75, 1))
    figure.add_hline(y=1 / num_classes, line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL})
    figure.add_vline(x=blend, line={"width": 1.5, "color": style.NEUTRAL})
    return figure


def accuracy_by_change(table: pd.DataFrame) -> go.Figure:
    """Clips answered with the true class, the reversed class and others, per network and change of time."""
    networks = list(dict.fromkeys(table["network"]))
    figure = make_subplots(cols=len(networks), shared_yaxes=True, horizontal_spacing=0.08, subplot_titles=networks)
    for column, network in enumerate(networks, start=1):
        rows = where(table, (table["network"] == network).to_numpy())
        for name, values, marker in (
            ("true class", rows["right"], {"color": style.ACCENT}),
            ("reversed class", rows["twin"], style.HATCHED),
            ("other class", rows["num_clips"] - rows["right"] - rows["twin"], style.patterned(".")),
        ):
            figure.add_trace(
                row_bars(
                    rows["change"],
                    values / rows["num_clips"],
                    name=name,
                    marker=marker,
                    hover=f"<b>%{{y}}</b>: %{{x:.1%}} of the clips, {name}",
                    legend_group=name,
                    in_legend=column == 1,
                ),
                row=1,
                col=column,
            )
    lay_out_rows(figure, list(dict.fromkeys(table["change"])))
    figure.update_layout(height=style.CHART_HEIGHTS["medium"] + 60, barmode="stack", margin_t=72)
    figure.update_layout(legend={"y": 1, "yref": "container", "yanchor": "top"})
    figure.update_annotations(font_size=style.FONT_SIZE)
    figure.update_xaxes(range=[0, 1], **style.percent_ticks(0, 0.5, 1), title_text="share of the clips")
    return figure
