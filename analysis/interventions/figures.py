"""Figures of changes of time and of kernels."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Int, UInt8
from plotly.subplots import make_subplots

from analysis.attribution.strip_figure import frames_figure
from analysis.formatting import block_names, percent, three_digits
from analysis.interventions.accuracy import change_label
from analysis.interventions.effects import Effect, classes_of_interest, role_of
from analysis.interventions.kernel_edits import SETTINGS
from analysis.interventions.layer_ablation import ALL_LAYERS, NO_DIFFERENCE, verdict
from analysis.plotting import style
from analysis.plotting.rows import ROW_PITCH, clickable_rows, every_name, lay_out_rows, mark_row, row_bars, where

ROW = 22
"""Height in pixels of a class in a panel of answers."""
PANEL_HEAD = 28
HEAD_AND_FOOT = 104
"""The legend above all panels, and the axis below."""
ROLE_MARKS: Mapping[str, str] = {"true": " (true)", "reversed": " (reversed)", "": ""}


def answers_before_and_after(effects: Sequence[Effect], after: str) -> go.Figure:
    """The most probable classes of each network, one panel each: a ring before the change, a dot after it.

    `after` is the label of the dots. The networks have the same classes. The customdata of a mark, and of its whole
    row, begin with the class.
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
        figure.add_trace(clickable_rows(names, [effects[0].classes[index] for index in chosen], end=1), row=row, col=1)
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
                    [effect.classes[index], percent(value), three_digits(float(logits[index]))]
                    for value, index in zip(values, chosen, strict=True)
                ],
                hovertemplate=f"<b>%{{y}}</b>, {label}: %{{customdata[1]}}, logit %{{customdata[2]}}<extra></extra>",
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
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


Frames = tuple[UInt8[np.ndarray, "t h w 3"], Int[np.ndarray, " t"]]
"""Frames given to a network, and their numbers in the clip."""

CLIP_AS_FILMED, NETWORK_AS_TRAINED = "as filmed", "as trained"
"""Labels of rows before a change."""
NOT_GIVEN = "·"
"""Label of a frame that the network is not given of the original clip."""


def positions_as_filmed(before: Int[np.ndarray, " t"], after: Int[np.ndarray, " t2"]) -> list[str]:
    """Return for each frame after a change its position before it, from 1: the first, if it is given several times."""
    positions: dict[int, str] = {}
    for position, frame in enumerate(before.tolist(), start=1):
        positions.setdefault(frame, str(position))
    return [positions.get(frame, NOT_GIVEN) for frame in after.tolist()]


def frames_before_and_after(before: Frames, after: Frames, words: str, width: float) -> go.Figure:
    """The frames as filmed and after a change of time, `words`, with their positions as filmed."""
    names = [positions_as_filmed(before[1], numbers) for _, numbers in (before, after)]
    return frames_figure([CLIP_AS_FILMED, words], [before[0], after[0]], names, width)


def setting_bars(table: pd.DataFrame, num_classes: int, marked: str) -> go.Figure:
    """The accuracy in each setting except the blend, one of them highlighted; the dotted line is chance.

    Each bar, and its whole row, carries the label of its setting.
    """
    table = where(table, (table["setting"] != "blend").to_numpy())
    names = [SETTINGS[setting].label for setting in table["setting"]]
    colours = [style.ACCENT if setting == marked else style.NEUTRAL for setting in table["setting"]]
    bars = row_bars(
        names,
        table["top1"],
        marker={"color": colours},
        hover="<b>%{y}</b>: %{text} correct",
        customdata=[[name] for name in names],
        numbers=[percent(share) for share in table["top1"]],
    )
    figure = lay_out_rows(go.Figure([bars, clickable_rows(names, names, end=1)]), names, size="medium")
    figure.update_layout(margin_t=8, showlegend=False, barmode="overlay")
    figure.update_xaxes(title_text="top-1 accuracy", range=[0, 1.14], **style.percent_ticks(0, 0.5, 1))
    figure.add_vline(x=1 / num_classes, line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL}, layer="below")
    return figure


def losses_of_layer(table: pd.DataFrame, layer: str) -> go.Figure:
    """The clips lost by each replacement of one layer, with 95 % intervals, from `layer_ablation`."""
    rows = _questions(table, [layer])
    names = [SETTINGS[setting].label for setting in rows["setting"]]
    figure = go.Figure(_losses(names, rows))
    lay_out_rows(figure, names, size="medium")
    figure.update_layout(margin_t=8, showlegend=False, height=ROW_PITCH * 2 * len(names) + 70)
    _count_clips(figure, rows)
    return figure.update_xaxes(title_text=f"clips lost of {rows['num_clips'].iloc[0]}")


def losses_by_layer(table: pd.DataFrame, marked: str | None = None) -> go.Figure:
    """The clips lost by each replacement of each layer, with 95 % intervals, from `layer_ablation`.

    There is a panel for each question, and one with an axis of its own for all layers together. A dot is filled where
    the difference is significant, and carries the name of its row. The row of the layer `marked` has a band.
    """
    layers = [layer for layer in dict.fromkeys(table["layer"]) if layer != ALL_LAYERS]
    names = block_names(layers) | {ALL_LAYERS: ALL_LAYERS}
    groups = [layers, *([[ALL_LAYERS]] if ALL_LAYERS in set(table["layer"]) else [])]
    settings = list(dict.fromkeys(_questions(table, layers)["setting"]))
    figure = make_subplots(
        rows=len(groups),
        cols=len(settings),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.14,
        row_heights=[len(layers) + 1, 2][: len(groups)],
        subplot_titles=[SETTINGS[setting].label for setting in settings],
    )
    for row, group in enumerate(groups, start=1):
        rows = _questions(table, group)
        for column, setting in enumerate(settings, start=1):
            asked = where(rows, (rows["setting"] == setting).to_numpy())
            figure.add_trace(_losses([names[layer] for layer in asked["layer"]], asked), row=row, col=column)
        _count_clips(figure, rows, row)
        order = [names[layer] for layer in group]
        figure.update_yaxes(categoryorder="array", categoryarray=order, row=row, **every_name(order))
    style.style(figure, categories="y")
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=8)
    figure.update_layout(height=ROW_PITCH * (len(layers) + 3) + 150, margin_t=32, showlegend=False)
    figure.update_annotations(font_size=style.FONT_SIZE)
    middle = len(settings) // 2 + 1
    title = f"clips lost of {table['num_clips'].iloc[0]}"
    figure.update_xaxes(title_text=title, row=len(groups), col=middle)
    return mark_row(figure, layers, marked)


def _questions(table: pd.DataFrame, layers: Sequence[str]) -> pd.DataFrame:
    """The rows of these layers that ask a question."""
    asked = (table["setting"] != "learned") & table["layer"].isin(layers)
    return where(table, asked.to_numpy())


def _losses(names: Sequence[str], rows: pd.DataFrame) -> go.Scatter:
    """A dot with its interval for each row, filled where the difference is significant."""
    losses = (rows["lost"] - rows["gained"]).to_numpy()
    significant = [verdict(row) != NO_DIFFERENCE for row in rows.to_dict("records")]
    return go.Scatter(
        x=losses,
        y=list(names),
        mode="markers",
        marker={
            "size": 10,
            "color": [style.ACCENT if found else style.TRANSPARENT for found in significant],
            "line": {"width": 2, "color": [style.ACCENT if found else style.NEUTRAL for found in significant]},
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": rows["high"].to_numpy() - losses,
            "arrayminus": losses - rows["low"].to_numpy(),
            "color": style.NEUTRAL,
            "thickness": 1.5,
            "width": 4,
        },
        customdata=[
            [
                name,
                row["lost"],
                row["gained"],
                three_digits(round(row["low"])),
                three_digits(round(row["high"])),
                verdict(row),
            ]
            for name, row in zip(names, rows.to_dict("records"), strict=True)
        ],
        hovertemplate="<b>%{y}</b>: %{customdata[1]} lost, %{customdata[2]} gained<br>"
        "95 %: %{customdata[3]} to %{customdata[4]} clips, %{customdata[5]}<extra></extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def _count_clips(figure: go.Figure, rows: pd.DataFrame, row: int | None = None) -> None:
    """Give the axes of a row of panels one range, with a line at no loss."""
    low, high = min(0.0, rows["low"].min()), max(1.0, rows["high"].max())
    margin = 0.06 * (high - low)
    figure.update_xaxes(
        range=[low - margin, high + margin], zeroline=True, zerolinewidth=1.5, zerolinecolor=style.NEUTRAL, row=row
    )


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
    """Clips answered with the true class, the reversed class and others, per network and change of time.

    Each bar carries its `change_label`.
    """
    networks = list(dict.fromkeys(table["network"]))
    figure = make_subplots(cols=len(networks), shared_yaxes=True, horizontal_spacing=0.08, subplot_titles=networks)
    for column, network in enumerate(networks, start=1):
        rows = where(table, (table["network"] == network).to_numpy())
        parts = [
            ("true class", rows["right"], {"color": style.ACCENT}),
            ("reversed class", rows["twin"], style.HATCHED),
            ("other class", rows["num_clips"] - rows["right"] - rows["twin"], style.patterned(".")),
        ]
        for name, values, marker in parts if max(table["with_twin"]) > 0 else (parts[0], parts[2]):
            figure.add_trace(
                row_bars(
                    rows["change"],
                    values / rows["num_clips"],
                    name=name,
                    marker=marker,
                    hover=f"<b>%{{y}}</b>: %{{x:.1%}} of the clips, {name}",
                    customdata=[[change_label(network, change)] for change in rows["change"]],
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
