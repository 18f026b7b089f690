"""Importance of layers next to their drift: clips lost when the kernels of one layer are replaced."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.formatting import join_words, three_digits
from analysis.kernels.cards import View
from analysis.kernels.summary import at_snapshot
from analysis.plotting import style
from analysis.plotting.call import Call, Named
from analysis.plotting.card import Card
from analysis.plotting.label_placement import places
from analysis.statistics import SIGNIFICANT

Losses = Mapping[str, Mapping[str, Sequence[float]]]
"""By a layer's path and the setting of its kernels: clips lost minus gained, the 95 % interval, all clips, and p."""

SETTINGS: Final[Mapping[str, str]] = {
    "initial": "reset to untrained",
    "present": "current frame only",
    "zero": "zeroed",
}


def importance_table(summary: pd.DataFrame, losses: Losses) -> pd.DataFrame:
    """Return one row per layer and setting: layer, block, drift at the end, setting, and the values of `Losses`."""
    rows = at_snapshot(summary, -1).to_dict("records")
    return pd.DataFrame(
        [
            {
                "layer": row["layer"],
                "block": row["block"],
                "drift": row["drift"],
                "setting": setting,
                **dict(zip(("lost", "low", "high", "num_clips", "p_holm"), losses[row["layer"]][setting], strict=True)),
            }
            for row in rows
            for setting in SETTINGS
            if setting in losses.get(row["layer"], {})
        ],
        columns=pd.Index(["layer", "block", "drift", "setting", "lost", "low", "high", "num_clips", "p_holm"]),
    )


def importance_by_drift(table: pd.DataFrame, selected: str | None = None) -> go.Figure:
    """Draw the clips lost against the drift of each layer of `importance_table`, a panel for each setting."""
    figure = make_subplots(
        cols=len(SETTINGS), shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=list(SETTINGS.values())
    )
    for column, setting in enumerate(SETTINGS, start=1):
        rows = [row for row in table.to_dict("records") if row["setting"] == setting]
        figure.add_trace(
            go.Scatter(
                x=[row["drift"] for row in rows],
                y=[row["lost"] for row in rows],
                mode="markers",
                marker={
                    "size": 9,
                    "color": [style.ACCENT if row["layer"] == selected else style.NEUTRAL for row in rows],
                },
                error_y={
                    "type": "data",
                    "array": [max(0.0, row["high"] - row["lost"]) for row in rows],
                    "arrayminus": [max(0.0, row["lost"] - row["low"]) for row in rows],
                    "symmetric": False,
                    "thickness": 1.5,
                    "color": style.NEUTRAL,
                },
                customdata=[[row["layer"], row["block"]] for row in rows],
                hovertemplate="<b>%{customdata[1]}</b>: drift %{x:.3f}, %{y} clips lost<extra></extra>",
                showlegend=False,
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
            ),
            row=1,
            col=column,
        )
    style.style(figure)
    width, (low, high) = _ranges(table)
    figure.update_xaxes(range=[0, width], zeroline=False, showgrid=False)
    figure.update_yaxes(range=[low, high])
    rows = [row for row in table.to_dict("records") if row["drift"] == row["drift"]]
    panels = [list(SETTINGS).index(row["setting"]) for row in rows]
    names = _names(rows, selected)
    spots = [
        ((panel + row["drift"] / width) / len(SETTINGS), (row["lost"] - low) / (high - low))
        for panel, row in zip(panels, rows, strict=True)
    ]
    for panel, row, name, place in zip(panels, rows, names, places(spots, names), strict=True):
        if not name:
            continue
        figure.add_annotation(
            x=row["drift"],
            y=row["lost"],
            text=name,
            showarrow=False,
            xanchor=place.side,
            xshift=place.right,
            yshift=place.up,
            row=1,
            col=panel + 1,
        )
    figure.update_xaxes(title_text="drift |W − W₀| / |W₀|", row=1, col=2)
    figure.update_yaxes(title_text="clips lost", row=1, col=1)
    return figure.update_yaxes(zeroline=True, zerolinecolor=style.NEUTRAL)


def _ranges(table: pd.DataFrame) -> tuple[float, tuple[float, float]]:
    """The end of the axis of drift, and both ends of that of clips lost, with room for names."""
    known = table[table["drift"].notna()]
    lost = [0.0, 1.0, *known["low"], *known["high"], *known["lost"]]
    margin = 0.1 * (max(lost) - min(lost))
    return 1.35 * max([*known["drift"], 1e-6]), (min(lost) - margin, max(lost) + margin)


def _names(rows: Sequence[Mapping[Any, Any]], selected: str | None) -> list[str]:
    """The name at each point: of the chosen layer, of the one with the largest drift, and of losses above chance.

    The others have none, and say theirs under the pointer.
    """
    largest = max((row["drift"] for row in rows), default=0.0)
    return [
        row["block"]
        if row["layer"] == selected or row["drift"] == largest or (row["lost"] > 0 and row["p_holm"] <= SIGNIFICANT)
        else ""
        for row in rows
    ]


def importance(summary: pd.DataFrame, losses: Losses, view: View) -> Card | None:
    """Clips lost against drift. None if the drift or the losses of every layer are unknown."""
    plain = {layer: {setting: tuple(loss) for setting, loss in of.items()} for layer, of in losses.items()}
    table = Named("table", Call(importance_table, view.summary(summary), plain))
    rows: pd.DataFrame = table.value
    if rows["drift"].dropna().empty:
        return None
    return Card(
        key="importance",
        title="Do the layers that drifted matter?",
        sentence=_sentence([row for row in rows.to_dict("records") if row["drift"] == row["drift"]]),
        call=Call(importance_by_drift, table, view.layer),
        definition=(
            "Named: the chosen layer, the one with the largest drift, and every loss above chance. "
            "Drift says how far the weights moved and not what they are worth. For each layer alone its kernels are "
            "reset to the untrained shift (does what it learned matter?), reduced to the current frame (does it need "
            "other frames?) or zeroed (does the network need the path?). **Clips lost**: clips that become wrong "
            "minus those that become right, with the 95 % interval over scenes. A loss is above "
            "chance if it is significant at 5 %, corrected for all questions asked (Holm)."
        ),
        table=rows,
        clickable=True,
    )


def _sentence(rows: Sequence[Mapping[Any, Any]]) -> str:
    """What is lost without the layer with the largest drift, and every significant loss."""
    largest = max(rows, key=lambda row: row["drift"])
    of = [row for row in rows if row["layer"] == largest["layer"]]
    listed = join_words([f"{row['lost']:.0f} ({SETTINGS[row['setting']]})" for row in of])
    sentence = f"{largest['block']} has a drift of {three_digits(largest['drift'])}; "
    sentence += f"of {largest['num_clips']} clips it loses {listed}."
    found: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: -row["lost"]):
        if row["lost"] > 0 and row["p_holm"] <= SIGNIFICANT:
            found.setdefault(row["setting"], []).append(f"{row['block']} ({row['lost']:.0f})")
    words = [f"{SETTINGS[setting]} {join_words(names)}" for setting, names in found.items()]
    return f"{sentence} " + (
        f"Losses above chance: {'; '.join(words)}." if words else "No layer's loss is above chance."
    )
