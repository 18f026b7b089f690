"""Evidence over time and one direction of the picture: the other direction is averaged, or its largest value taken."""

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
    "mean": lambda found, dim: found.mean(dim=dim),
    "maximum": lambda found, dim: found.amax(dim=dim),
}
"""What becomes of the direction that is not drawn."""

ROOM = 40
"""Pixels above and below the rows of maps."""
ROW = 230
"""Pixels of one network's maps."""
MOST_TICKS = 8
"""Numbers along a side of a map, which is narrow where two stand side by side in a narrow window."""


def has_places(evidence: Evidence) -> bool:
    """True if there is evidence, and it says where in the picture it lies: else there is no slice to draw."""
    return not evidence.is_empty and evidence.map[0].numel() > 1


def slice_of(evidence: Evidence, side: Side, reduction: str) -> Float[Tensor, "t s"]:
    """The raw evidence over T' steps and the cells of one side: x keeps columns, y keeps rows."""
    return REDUCTIONS[reduction](evidence.map, 1 if side == "x" else 2)


def space_time(names: Sequence[str], found: Sequence[Evidence], reduction: str, *, shared: bool) -> go.Figure:
    """x against t and y against t for each network, a row for each; every cell is one of the block, not interpolated.

    Each axis runs as in the picture: x to the right with time downwards, y downwards with time to the right. Colours go
    from 0 to the largest value of all, or with `shared` false of each network's two maps.
    """
    slices = [{side: slice_of(one, side, reduction) for side in ("x", "y")} for one in found]
    largest = [max(float(part.max()) for part in both.values()) for both in slices]
    figure = make_subplots(
        rows=len(found),
        cols=2,
        horizontal_spacing=0.1,
        vertical_spacing=0.36 / len(found),
        subplot_titles=[f"{name}: {side} against t" for name in names for side in ("x", "y")],
    )
    for row, (name, both) in enumerate(zip(names, slices, strict=True), start=1):
        top = max(largest) if shared else largest[row - 1]
        for column, side in enumerate(both, start=1):
            values = both[side] if side == "x" else both[side].T
            step, cell = ("y", "x") if side == "x" else ("x", "y")
            figure.add_trace(
                go.Heatmap(
                    z=values.numpy(),
                    x0=1,
                    y0=1,
                    zmin=0,
                    # Where there is no evidence at all every value is 0, which any scale shows as nothing.
                    zmax=top or 1,
                    colorscale=style.EVIDENCE_SCALE,
                    showscale=row == 1 and column == 2,
                    colorbar={
                        # In words, because with a scale each the numbers of one network are not those of another.
                        "tickvals": [0, top or 1],
                        "ticktext": ["0", "largest<br>of all" if shared else "largest<br>of each"],
                        "tickfont": {"size": style.FONT_SIZE},
                        "thickness": 12,
                    },
                    hovertemplate=f"<b>{name}</b>, step %{{{step}}}, {side} %{{{cell}}}: %{{z:.3g}}<extra></extra>",
                ),
                row=row,
                col=column,
            )
    style.style(figure)
    figure.update_layout(height=ROOM * 2 + ROW * len(found), margin_t=ROOM, margin_b=ROOM)
    figure.update_annotations(font_size=style.FONT_SIZE)
    for row, both in enumerate(slices, start=1):
        for column, (steps, cells) in enumerate((part.shape for part in both.values()), start=1):
            across, down = (cells, steps) if column == 1 else (steps, cells)
            place = {"row": row, "col": column, "showgrid": False, "zeroline": False, "tick0": 1}
            figure.update_xaxes(dtick=-(-across // MOST_TICKS), tickangle=0, **place)
            figure.update_yaxes(dtick=-(-down // MOST_TICKS), autorange="reversed", **place)
    figure.update_xaxes(title_text="x, cells", row=len(found), col=1)
    figure.update_xaxes(title_text="t, steps", row=len(found), col=2)
    figure.update_yaxes(title_text="t, steps", col=1)
    figure.update_yaxes(title_text="y, cells", col=2)
    return figure


def moves_finding(name: str, evidence: Evidence) -> str:
    """One sentence on where the evidence stands along x when it begins and when it ends, in parts of the width."""
    if evidence.is_empty:
        return f"{name} has no evidence for this class in {evidence.layer}."
    if not has_places(evidence):
        return f"The evidence of {name} is one number a frame: {evidence.method} says when and not where."
    across = evidence.map.double().sum(dim=1)  # (t, w)
    with_any = across.sum(dim=1).nonzero()[:, 0]
    place = (torch.arange(across.shape[1]) + 0.5) / across.shape[1]
    first, last = (float((across[step] * place).sum() / across[step].sum()) for step in (with_any[0], with_any[-1]))
    return (
        f"The middle of {name}'s evidence stands at {100 * first:.0f} % of the width at first and at "
        f"{100 * last:.0f} % at last."
    )
