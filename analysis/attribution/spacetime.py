"""Evidence over time and one axis of the frame; the other axis is reduced to its mean or maximum."""

from collections.abc import Callable, Sequence
from typing import Literal

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from plotly.subplots import make_subplots
from torch import Tensor

from analysis.attribution.evidence import Evidence
from analysis.plotting import style

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

    Each axis points as in the frame: x to the right with time downwards, y downwards with time to the right. Colours go
    from 0 to the maximum of all networks, or of each network if `shared` is false.
    """
    slices = [{side: slice_of(item, side, reduction) for side in ("x", "y")} for item in evidence]
    maxima = [max(float(part.max()) for part in both.values()) for both in slices]
    figure = make_subplots(
        rows=len(evidence),
        cols=2,
        horizontal_spacing=0.1,
        vertical_spacing=0.36 / len(evidence),
        subplot_titles=[f"{name}: {side} over time" for name in names for side in ("horizontal", "vertical")],
    )
    for row, (name, both) in enumerate(zip(names, slices, strict=True), start=1):
        top = max(maxima) if shared else maxima[row - 1]
        for column, side in enumerate(both, start=1):
            values = both[side] if side == "x" else both[side].T
            step, cell = ("y", "x") if side == "x" else ("x", "y")
            figure.add_trace(
                go.Heatmap(
                    z=values.numpy(),
                    x0=1,
                    y0=1,
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
                    hovertemplate=f"<b>{name}</b>, step %{{{step}}}, {side} %{{{cell}}}: %{{z:.3g}}<extra></extra>",
                ),
                row=row,
                col=column,
            )
    style.style(figure)
    figure.update_layout(height=ROOM * 2 + ROW * len(evidence), margin_t=ROOM, margin_b=ROOM)
    figure.update_annotations(font_size=style.FONT_SIZE)
    for row, both in enumerate(slices, start=1):
        for column, (steps, cells) in enumerate((part.shape for part in both.values()), start=1):
            across, down = (cells, steps) if column == 1 else (steps, cells)
            place = {"row": row, "col": column, "showgrid": False, "zeroline": False, "tick0": 1}
            figure.update_xaxes(dtick=-(-across // MAX_TICKS), tickangle=0, **place)
            figure.update_yaxes(dtick=-(-down // MAX_TICKS), autorange="reversed", **place)
    figure.update_xaxes(title_text="x in cells", row=len(evidence), col=1)
    figure.update_xaxes(title_text="t in steps", row=len(evidence), col=2)
    figure.update_yaxes(title_text="t in steps", col=1)
    figure.update_yaxes(title_text="y in cells", col=2)
    return figure


def moves_finding(name: str, evidence: Evidence) -> str:
    """One sentence on the horizontal position of the evidence at its start and end, in parts of the width."""
    if evidence.is_empty:
        return f"{name} has no evidence for this class in {evidence.layer}."
    if not has_places(evidence):
        return f"The evidence of {name} is one number per frame: {evidence.label} says when, not where."
    across = evidence.map.double().sum(dim=1)  # (t, w)
    with_any = across.sum(dim=1).nonzero()[:, 0]
    position = (torch.arange(across.shape[1]) + 0.5) / across.shape[1]
    first, last = (float((across[step] * position).sum() / across[step].sum()) for step in (with_any[0], with_any[-1]))
    return f"The centre of {name}'s evidence moves from {100 * first:.0f} % to {100 * last:.0f} % of the width."
