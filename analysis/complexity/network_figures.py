"""What networks cost."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from analysis.formatting import COST_UNITS, large_count, three_digits
from analysis.plotting import style
from analysis.plotting.rows import every_name, height_for, mark_row

NATIVE_MARK = "*"
"""Stands behind the name of a network that was counted at its native clip, because it cannot take the chosen one."""


FEW_MARK = "†"
"""Stands behind the name of a network that sees far less of the clip than of its publication's, as its note says."""


def mark_of(row: Mapping[Any, Any]) -> str:
    """What stands behind a network's name in a row of `complexity.table`; empty for most."""
    if is_native(row):
        return NATIVE_MARK
    return FEW_MARK if row["note"] else ""


def is_native(row: Mapping[Any, Any]) -> bool:
    """True for a row of `complexity.table` whose clip is not the one that was asked for."""
    return not pd.isna(row["at_native"]) and bool(row["at_native"])


def cost_bars(
    table: pd.DataFrame, reference: str = "c2d", selected: str | None = None, *, flops_per_mac: int = 1
) -> go.Figure:
    """What each network of `complexity.table` costs, cheapest first: solid what is spent on time, hatched all else.

    The dotted line and the factors compare with the network `reference`. `flops_per_mac` = 2 shows FLOPs instead of
    MACs. A network that was counted at its native clip is marked and stands below the others, with its number and that
    clip in place of a bar; one with a note is marked as well; one without a count keeps its row. Every bar carries its
    network's name as customdata.
    """
    table = table.sort_values("macs_conv_linear", kind="stable", na_position="last")
    rows: list[dict[Any, Any]] = [
        row | {"label": f"{row['label']} {mark_of(row)}".rstrip()}
        for row in sorted(table.to_dict("records"), key=is_native)
    ]
    counted = [row for row in rows if not pd.isna(row["macs_conv_linear"]) and not is_native(row)]
    unit = COST_UNITS[flops_per_mac]
    costs = {row["name"]: float(row["macs_conv_linear"]) * flops_per_mac for row in counted}
    temporal = {row["name"]: float(row["macs_temporal"]) * flops_per_mac for row in counted}
    rest = {name: cost - temporal[name] for name, cost in costs.items()}
    figure = go.Figure()
    figure.add_trace(_cost_part(counted, rest, "all other parts", unit, style.HATCHED))
    figure.add_trace(_cost_part(counted, temporal, "mixing frames", unit, _SOLID))
    style.style(figure, categories="y")
    longest = max(costs.values(), default=1.0)
    views = max((row["views"] for row in counted), default=1)
    figure.update_xaxes(
        title_text=f"{unit} per clip" if views == 1 else f"{unit} of all {views} views",
        range=[0, 1.03 * longest],
        domain=[0, 0.64],
        tickformat="~s",
        zeroline=True,
    )
    labels = [row["label"] for row in rows]
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        ticklabelstandoff=8,
        categoryorder="array",
        categoryarray=labels,
        **every_name(labels),
    )
    figure.update_layout(barmode="stack", bargap=0.35, legend_traceorder="normal", height=height_for(len(rows)))
    compared = costs.get(reference)
    for row in rows:
        if is_native(row):
            clip = f"at {row['frames']} x {row['height']} x {row['width']}"
            _write_in_row(figure, row["label"], 0.01, clip, "left")
            cost = float(row["macs_conv_linear"]) * flops_per_mac
            _write_in_row(figure, row["label"], 0.82, large_count(cost), "right")
            continue
        cost = costs.get(row["name"])
        if cost is None:
            _write_in_row(figure, row["label"], 0.01, "not counted", "left")
            continue
        # The numbers stand in columns beside the bars, where no line crosses them.
        _write_in_row(figure, row["label"], 0.82, large_count(cost), "right")
        if compared:
            _write_in_row(figure, row["label"], 0.99, f"{three_digits(cost / compared)}x", "right")
    if compared:
        # Across the bars alone: in the rows below them stand texts.
        figure.add_shape(
            type="line",
            x0=compared,
            x1=compared,
            yref="y",
            y0=-0.5,
            y1=len(counted) - 0.5,
            line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL},
            layer="below",
        )
    return mark_row(figure, [row["name"] for row in rows], selected)


def _write_in_row(figure: go.Figure, label: str, x: float, text: str, side: Literal["left", "right"]) -> None:
    figure.add_annotation(text=text, xref="paper", x=x, y=label, xanchor=side, showarrow=False)


_SOLID = {"color": style.TEMPORAL_COST, "line": {"width": 0}}


def _cost_part(
    counted: Sequence[Mapping[Any, Any]], part: Mapping[str, float], name: str, unit: str, marker: dict[str, Any]
) -> go.Bar:
    return go.Bar(
        name=name,
        y=[row["label"] for row in counted],
        x=[part[row["name"]] for row in counted],
        orientation="h",
        marker=marker,
        customdata=[
            [row["name"], large_count(part[row["name"]]), large_count(row["params"]), large_count(row["macs"])]
            for row in counted
        ],
        hovertemplate=(
            f"<b>%{{y}}</b>, {name}: %{{customdata[1]}} {unit}<br>"
            "%{customdata[2]} parameters; %{customdata[3]} MACs with BatchNorm and pooling<extra></extra>"
        ),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
