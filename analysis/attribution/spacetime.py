"""Evidence over time and one axis of the frame; the other axis is reduced to its mean or maximum."""

from collections.abc import Callable, Sequence
from typing import Literal

import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots
from torch import Tensor

from analysis.attribution.evidence import Evidence
from analysis.plotting import style
from gte.models.cell_grids import CellAxis

Side = Literal["x", "y"]

REDUCTIONS: dict[str, Callable[[Float[Tensor, "t h w"], int], Float[Tensor, "t s"]]] = {
    "mean": lambda evidence, dim: evidence.mean(dim=dim),
    "maximum": lambda evidence, dim: evidence.amax(dim=dim),
}
"""How the cells along the other axis are combined."""

ROOM = 40
"""Pixels above and below the rows of maps."""
ROW = 230
"""Height in pixels of the maps of one network."""
MAX_TICKS = 8
"""Ticks along a side of a map, which is narrow in a narrow window."""


def has_places(evidence: Evidence) -> bool:
    """True if there is evidence with positions in the frame; without them there is no slice to draw."""
    return not evidence.is_empty and evidence.map[0].numel() > 1


def slice_of(evidence: Evidence, side: Side, reduction: str) -> Float[Tensor, "t s"]:
    """The evidence over T' steps and the cells along one axis, x for columns and y for rows."""
    return REDUCTIONS[reduction](evidence.map, 1 if side == "x" else 2)


def space_time(names: Sequence[str], evidence: Sequence[Evidence], reduction: str, *, shared: bool) -> go.Figure:
    """Horizontal and vertical position over time, one row per network; cells are those of the block, not interpolated.

    Every point has the colour of the cell whose centre is nearest. Each axis points as in the frame: x to the right
    with time downwards, y downwards with time to the right. Colours go from 0 to the maximum of all networks, or of
    each network if `shared` is false.
    """
    slices = [{side: slice_of(item, side, reduction) for side in ("x", "y")} for item in evidence]
    maxima = [max(float(part.max()) for part in both.values()) for both in slices]
    figure = make_subplots(
        rows=len(evidence),
        cols=2,
        horizontal_spacing=0.14,
        vertical_spacing=0.36 / len(evidence),
        subplot_titles=[f"{name}: {side} over time" for name in names for side in ("horizontal", "vertical")],
    )
    for row, (name, item, both) in enumerate(zip(names, evidence, slices, strict=True), start=1):
        top = max(maxima) if shared else maxima[row - 1]
        for column, (side, values) in enumerate(both.items(), start=1):
            num_steps, num_cells = values.shape
            time = (1 + item.grid[0].edges(num_steps)).tolist()
            space = _percent_of_side(item.grid[2 if side == "x" else 1], num_cells)
            across = side == "x"
            frame, place = ("y", "x") if across else ("x", "y")
            figure.add_trace(
                go.Heatmap(
                    z=(values if across else values.T).numpy(),
                    x=space if across else time,
                    y=time if across else space,
                    zmin=0,
                    # Without evidence every value is 0, which any scale shows as nothing.
                    zmax=top or 1,
                    colorscale=style.EVIDENCE_SCALE,
                    showscale=row == 1 and column == 2,
                    colorbar={
                        # In words, because with separate scales each network has other numbers.
                        "tickvals": [0, top or 1],
                        "ticktext": ["0", "maximum<br>(all)" if shared else "maximum<br>(each)"],
                        "tickfont": {"size": style.FONT_SIZE},
                        "thickness": 12,
                    },
                    hovertemplate=f"<b>{name}</b>, frame %{{{frame}:.3~g}}, {side} %{{{place}:.0f}} %: "
                    "%{z:.3g}<extra></extra>",
                ),
                row=row,
                col=column,
            )
    style.style(figure)
    figure.update_layout(height=ROOM * 2 + ROW * len(evidence), margin_t=ROOM, margin_b=ROOM)
    figure.update_annotations(font_size=style.FONT_SIZE)
    figure.update_xaxes(showgrid=False, zeroline=False, tickangle=0)
    figure.update_yaxes(showgrid=False, zeroline=False, autorange="reversed")
    sides = {"tickvals": [0, 50, 100], "ticktext": ["0 %", "50 %", "100 %"]}
    figure.update_xaxes(col=1, **sides)
    figure.update_yaxes(col=2, **sides)
    for row, item in enumerate(evidence, start=1):
        apart = -(-item.num_frames // MAX_TICKS)
        figure.update_xaxes(tick0=1, dtick=apart, row=row, col=2)
        figure.update_yaxes(tick0=1, dtick=apart, row=row, col=1)
    figure.update_xaxes(title_text="x in % of the width", row=len(evidence), col=1)
    figure.update_xaxes(title_text="t in frames", row=len(evidence), col=2)
    figure.update_yaxes(title_text="t in frames", col=1)
    figure.update_yaxes(title_text="y in % of the height", col=2)
    return figure


def _percent_of_side(axis: CellAxis, num_cells: int) -> list[float]:
    return (100 * (axis.edges(num_cells) + 0.5) / axis.size).tolist()


def moves_finding(name: str, evidence: Evidence) -> str:
    """One sentence on the horizontal position of the evidence at its start and end, in parts of the width."""
    if evidence.is_empty:
        return f"{name}: {evidence.finding()}"
    if not has_places(evidence):
        return f"The evidence of {name} is one number per frame: {evidence.label} says when, not where."
    across = evidence.map.double().sum(dim=1)  # (t, w)
    with_any = across.sum(dim=1).nonzero()[:, 0]
    columns = evidence.grid[2]
    position = (columns.centres(across.shape[1]) + 0.5) / columns.size
    first, last = (float((across[step] * position).sum() / across[step].sum()) for step in (with_any[0], with_any[-1]))
    return f"The centre of {name}'s evidence moves from {100 * first:.0f} % to {100 * last:.0f} % of the width."
