"""Charts of cost: of networks, of their parts, of Table 1's operators, and against t."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.complexity.layers import KINDS, Kind
from analysis.formatting import COST_UNITS, large_count, percent, three_digits
from analysis.plotting import style
from analysis.plotting.rows import lay_out_rows, mark_row, row_bars

SOLID: Final[dict[str, Any]] = {"color": style.TEMPORAL_COST, "line": {"width": 0}}

MARKERS: Final[Mapping[Kind, dict[str, Any]]] = {
    "temporal": SOLID,
    "spatial": style.patterned("/"),
    "pointwise": style.patterned("."),
    "norm": style.patterned("x"),
    "head": style.patterned("-"),
}
"""The temporal part is solid; the patterns distinguish the others."""

NATIVE_MARK: Final = "*"
"""After the name of a network that was counted at its native clip, because it cannot take the chosen one."""

NOTE_MARK: Final = "†"
"""After the name of a network that sees far less of the clip than in its publication, as its note says."""


def mark_of(row: Mapping[Any, Any]) -> str:
    """Return the mark after a network's name in a row of `tables.table`; empty for most."""
    if is_native(row):
        return NATIVE_MARK
    return NOTE_MARK if row["note"] else ""


def is_native(row: Mapping[Any, Any]) -> bool:
    """Return whether the clip of a row of `tables.table` is the network's native one and not the chosen one."""
    return not pd.isna(row["at_native"]) and bool(row["at_native"])


def cost_bars(
    table: pd.DataFrame, reference: str = "c2d", selected: str | None = None, *, flops_per_mac: int = 1
) -> go.Figure:
    """Draw the cost of each network of `tables.table`, cheapest first: temporal part solid, everything else hatched.

    The dotted line and the factors compare with the network `reference`. `flops_per_mac` = 2 shows FLOPs instead of
    MACs. A network that was counted at its native clip is marked and comes last, with its number and that clip instead
    of a bar; one with a note is marked as well; one without a count keeps its row. Every bar carries its network's name
    as customdata.
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
    figure.add_trace(_cost_part(counted, rest, "everything else", unit, style.HATCHED))
    figure.add_trace(_cost_part(counted, temporal, "temporal", unit, SOLID))
    lay_out_rows(figure, [row["label"] for row in rows])
    views = max((row["views"] for row in counted), default=1)
    figure.update_xaxes(
        title_text=f"{unit} per clip" if views == 1 else f"{unit} of all {views} views",
        range=[0, 1.03 * max(costs.values(), default=1.0)],
        domain=[0, 0.64],
        tickformat="~s",
        zeroline=True,
    )
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    compared = costs.get(reference)
    for row in rows:
        if is_native(row):
            clip = f"at {row['frames']} x {row['height']} x {row['width']}"
            _write_in_row(figure, row["label"], 0.01, clip, "left")
            cost = float(row["macs_conv_linear"]) * flops_per_mac
            _write_in_row(figure, row["label"], 0.82, large_count(cost))
            continue
        cost = costs.get(row["name"])
        if cost is None:
            _write_in_row(figure, row["label"], 0.01, "not counted", "left")
            continue
        # The numbers are in columns next to the bars, where no line crosses them.
        _write_in_row(figure, row["label"], 0.82, large_count(cost))
        if compared:
            _write_in_row(figure, row["label"], 0.99, f"{three_digits(cost / compared)}x")
    if compared:
        # Across the bars alone: in the rows below them are texts.
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


def _write_in_row(figure: go.Figure, label: str, x: float, text: str, side: Literal["left", "right"] = "right") -> None:
    figure.add_annotation(text=text, xref="paper", x=x, y=label, xanchor=side, showarrow=False)


def _cost_part(
    counted: Sequence[Mapping[Any, Any]], part: Mapping[str, float], name: str, unit: str, marker: dict[str, Any]
) -> go.Bar:
    return row_bars(
        [row["label"] for row in counted],
        [part[row["name"]] for row in counted],
        name=name,
        marker=marker,
        customdata=[
            [row["name"], large_count(part[row["name"]]), large_count(row["params"]), large_count(row["macs"])]
            for row in counted
        ],
        hover=(
            f"<b>%{{y}}</b>, {name}: %{{customdata[1]}} {unit}<br>"
            "%{customdata[2]} parameters; %{customdata[3]} MACs with BatchNorm and pooling"
        ),
    )


def part_bars(parts: pd.DataFrame, selected: str | None = None, *, flops_per_mac: int = 1) -> go.Figure:
    """Draw `tables.parts`: a row for each part, in the order of the network, stacked by kind of operator.

    Next to each row are its cost and its share. Every bar carries its part as customdata.
    """
    rows = parts.to_dict("records")
    names: list[str] = list(dict.fromkeys(row["part"] for row in rows))
    unit = COST_UNITS[flops_per_mac]
    figure = go.Figure()
    for kind, title in KINDS.items():
        of_kind = [row for row in rows if row["kind"] == kind and row["macs"]]
        if not of_kind:
            continue
        costs = [row["macs"] * flops_per_mac for row in of_kind]
        figure.add_trace(
            row_bars(
                [row["part"] for row in of_kind],
                costs,
                name=title,
                marker=MARKERS[kind],
                customdata=[
                    [row["part"], large_count(cost), percent(row["share"]), large_count(row["params"])]
                    for row, cost in zip(of_kind, costs, strict=True)
                ],
                hover=(
                    f"<b>%{{y}}</b>, {title}: %{{customdata[1]}} {unit}, %{{customdata[2]}} of the network<br>"
                    "%{customdata[3]} parameters"
                ),
            )
        )
    lay_out_rows(figure, names)
    totals = {name: sum(row["macs"] for row in rows if row["part"] == name) for name in names}
    shares = {name: sum(row["share"] for row in rows if row["part"] == name) for name in names}
    figure.update_xaxes(
        title_text=unit,
        range=[0, 1.03 * flops_per_mac * max(totals.values(), default=1) or 1],
        domain=[0, 0.66],
        tickformat="~s",
        zeroline=True,
    )
    figure.update_layout(barmode="stack")
    for name in names:
        _write_in_row(figure, name, 0.84, large_count(totals[name] * flops_per_mac))
        _write_in_row(figure, name, 0.99, percent(shares[name]))
    return mark_row(figure, names, selected)


def formula_bars(table: pd.DataFrame) -> go.Figure:
    """Draw `formulas.formula_table`: a bar for what was built, its temporal part solid; a diamond for the formula."""
    rows = table.to_dict("records")
    labels = [row["label"] for row in rows]
    figure = go.Figure()
    for name, values, marker in (
        ("built, within frames", [row["built"] - row["built_temporal"] for row in rows], style.HATCHED),
        ("built, kernels over frames", [row["built_temporal"] for row in rows], SOLID),
    ):
        hover = f"<b>%{{y}}</b>, {name}: %{{x:,}} parameters"
        figure.add_trace(row_bars(labels, values, name=name, marker=marker, hover=hover))
    figure.add_trace(
        go.Scatter(
            name="by formula",
            y=labels,
            x=[row["value"] for row in rows],
            mode="markers",
            marker={
                "symbol": "diamond-open",
                "size": 13,
                "color": style.NEUTRAL,
                "line": {"width": 2.5, "color": style.NEUTRAL},
            },
            customdata=[[row["formula"]] for row in rows],
            hovertemplate="<b>%{y}</b>: %{customdata[0]} = %{x:,}<extra></extra>",
        )
    )
    lay_out_rows(figure, labels)
    figure.update_xaxes(title_text="parameters", tickformat="~s", rangemode="tozero")
    return figure.update_layout(barmode="stack")


CURVES: Final[Mapping[str, dict[str, Any]]] = {
    "gte": {"color": style.ACCENT, "width": 3},
    "gst": {"color": style.NEUTRAL, "width": 2, "dash": "dash"},
}


def share_curves(
    table: pd.DataFrame, chosen: float | None = None, reported: Sequence[float] = (), *, flops_per_mac: int = 1
) -> go.Figure:
    """Draw `sweep.sweep`: parameters on the left, MACs on the right, against t.

    Dotted lines are `reported` parameters of GTE; `chosen` is the t of the page.
    """
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.16)
    views = max(table["views"], default=1)
    unit = COST_UNITS[flops_per_mac]
    titles = ("parameters", f"{unit} per clip" if views == 1 else f"{unit} of all {views} views")
    for name in dict.fromkeys(table["name"]):
        rows = [row for row in table.to_dict("records") if row["name"] == name]
        for panel, column in enumerate(("params", "macs"), start=1):
            factor = flops_per_mac if column == "macs" else 1
            figure.add_trace(
                go.Scatter(
                    name=rows[0]["label"],
                    legendgroup=name,
                    showlegend=panel == 1,
                    x=[row["share"] for row in rows],
                    y=[row[column] * factor for row in rows],
                    mode="lines+markers",
                    line=CURVES.get(name, {"color": style.NEUTRAL}),
                    marker={"size": 5},
                    customdata=[[row["t"], large_count(row[column] * factor)] for row in rows],
                    hovertemplate=f"<b>{rows[0]['label']}</b>, t = %{{customdata[0]}}: %{{customdata[1]}}"
                    "<extra></extra>",
                ),
                row=1,
                col=panel,
            )
    style.style(figure)
    for panel, title in enumerate(titles, start=1):
        figure.update_xaxes(title_text="t, the temporal share", range=[0, 1], row=1, col=panel)
        figure.update_yaxes(title_text=title, tickformat="~s", row=1, col=panel)
        if chosen is not None:
            figure.add_shape(
                type="line",
                x0=chosen,
                x1=chosen,
                y0=0,
                y1=1,
                yref="y domain",
                line={"width": 8, "color": style.ROW_BAND},
                layer="below",
                row=1,
                col=panel,
            )
    for number, value in enumerate(reported):
        figure.add_trace(
            go.Scatter(
                name="GTE, reported",
                legendgroup="reported",
                showlegend=number == 0,
                x=[0, 1],
                y=[value, value],
                mode="lines",
                line={"dash": "dot", "width": 1.5, "color": style.NEUTRAL},
                hoverinfo="skip",
            ),
            row=1,
            col=1,
        )
        # Outside of the panel, where no curve crosses it.
        figure.add_annotation(
            text=f"{value / 1e6:.1f} M",
            x=1,
            xref="x domain",
            y=value,
            xanchor="left",
            showarrow=False,
            row=1,
            col=1,
        )
    return figure
