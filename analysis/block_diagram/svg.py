"""SVG drawings of blocks, with their table and finding."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
import tyro

from analysis.block_diagram.graph import BlockGraph, trace
from analysis.block_diagram.layout import (
    ARROW,
    TEXT_SIZE,
    TITLE_SIZE,
    Box,
    Layout,
    Line,
    arrange,
    bar_text,
    in_words,
    lines_of,
    text_width,
)
from analysis.block_diagram.recorder import Operator
from analysis.formatting import join_words
from analysis.plotting import style as palette
from analysis.plotting.call import Call, Named
from gte import cli
from gte.models import ClipShape, Options, applicable

MARGIN = 12
EDGE = 2
"""Margin of a drawing without a background."""
HEADING_SIZE = 18
HEADING_HEIGHT, FOOT_HEIGHT = 34, 30
NAME_BASELINE, BELOW_BASELINE = 16, 31
"""Baselines of the two lines in a box, from its upper edge."""
BREAK = 6
"""Free space of a line above and below the middle of its text."""
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif"

AXES = "channels × frames × height × width"
SOLID = "solid: reads other frames"


@dataclass(frozen=True, kw_only=True)
class Look:
    """Colours and surroundings of a drawing."""

    ink: str
    """Lines and text."""
    paper: str | None
    """Background; None for that of the page."""
    fonts: str = FONTS
    framed: bool = True
    """With a heading and an explanation, for a file of its own."""


LOOKS: Mapping[str, Look] = {
    "page": Look(ink="currentColor", paper=None, fonts="inherit", framed=False),
    "light": Look(ink="#0F1216", paper="#FFFFFF"),
    "dark": Look(ink="#E8ECF0", paper="#14181D"),
    "paper": Look(ink="#000000", paper=None, fonts="Arial, Helvetica, sans-serif", framed=False),
}
"""page: in the colour and font of a page; light and dark: files for slides; paper: for a figure with a caption."""

ACCENT, ON_ACCENT = palette.TEMPORAL_COST, "#FFFFFF"


def draw(graph: BlockGraph, look: Look = LOOKS["light"]) -> str:
    """Draw the diagram as self-contained SVG text; screen readers get it as a sentence.

    The group of each box has the path of its layer inside the block as `data-layer`.
    """
    layout = arrange(graph)
    heading = f"{graph.label}, block {graph.block}"
    foot = f"{AXES}; {SOLID}" if any(operator.temporal for operator in graph.operators) else AXES
    above, below = (HEADING_HEIGHT, FOOT_HEIGHT) if look.framed else (0, 0)
    margin = MARGIN if look.framed else EDGE
    needed = layout.width
    if look.framed:
        needed = max(needed, text_width(heading, HEADING_SIZE), text_width(foot, TEXT_SIZE))
    width, height = math.ceil(needed + 2 * margin), math.ceil(layout.height + above + below + 2 * margin)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{html.escape(in_a_sentence(graph))}" font-family="{look.fonts}" color="{look.ink}">',
        f"<title>{html.escape(heading)}</title>",
    ]
    if look.paper is not None:
        parts.append(f'<rect width="{width}" height="{height}" fill="{look.paper}"/>')
    if look.framed:
        parts.append(
            _text(margin, margin + HEADING_SIZE - 3, heading, HEADING_SIZE, look.ink, bold=True, anchor="start")
        )
        parts.append(_text(margin, height - margin - 3, foot, TEXT_SIZE, look.ink, anchor="start"))
    left = margin + (needed - layout.width) / 2
    parts.append(f'<g transform="translate({left:g} {margin + above})">')
    parts += [_line(line, look) for line in layout.lines]
    parts += [_operator(graph, place, layout, look) for place in range(len(graph.operators))]
    parts.append("</g></svg>")
    return "\n".join(parts)


def _text(
    x: float,
    y: float,
    text: str,
    size: int,
    colour: str,
    *,
    bold: bool = False,
    anchor: Literal["start", "middle"] = "middle",
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight} fill="{colour}">'
        f"{html.escape(text)}</text>"
    )


def _line(line: Line, look: Look) -> str:
    pieces = [line.points]
    if line.text:
        # The text interrupts its line, because a page of unknown colour leaves no background for it.
        before = [point for point in line.points if point[1] < line.text_y]
        after = [point for point in line.points if point[1] > line.text_y]
        pieces = [
            (*before, (line.text_x, line.text_y - BREAK)),
            ((line.text_x, line.text_y + BREAK), *after),
        ]
    stroke = f'fill="none" stroke="{look.ink}" stroke-width="1.5" stroke-linejoin="round"'
    drawn = [f'<path d="{_path(piece)}" {stroke}/>' for piece in pieces]
    drawn.append(f'<path d="{_arrow(line.points)}" fill="{look.ink}"/>')
    if line.text:
        drawn.append(_text(line.text_x, line.text_y + TEXT_SIZE * 0.36, line.text, TEXT_SIZE, look.ink))
    return "\n".join(drawn)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _arrow(points: Sequence[tuple[float, float]]) -> str:
    """Return a triangle whose tip is the end of the line."""
    (from_x, from_y), (x, y) = points[-2:]
    length = math.hypot(x - from_x, y - from_y)
    along, across = (x - from_x) / length, (y - from_y) / length
    back_x, back_y = x - ARROW * along, y - ARROW * across
    half = ARROW / 2
    corners = [(x, y), (back_x - half * across, back_y + half * along), (back_x + half * across, back_y - half * along)]
    return _path(corners) + " Z"


def _operator(graph: BlockGraph, place: int, layout: Layout, look: Look) -> str:
    operator, box = graph.operators[place], layout.boxes[place]
    drawn = _shape(graph, place, box, look)
    layer = f' data-layer="{html.escape(operator.path)}"' if operator.path else ""
    return f"<g{layer}><title>{html.escape(details(operator))}</title>{drawn}</g>"


def _shape(graph: BlockGraph, place: int, box: Box, look: Look) -> str:
    operator = graph.operators[place]
    outline = f'fill="{look.paper or "none"}" stroke="{look.ink}" stroke-width="1.5"'
    baseline = box.middle + TEXT_SIZE * 0.36
    if operator.kind in ("input", "output"):
        [shape, *_] = [edge.shape for edge in graph.edges if place in (edge.source, edge.target)]
        return _text(box.x, baseline, in_words(shape), TEXT_SIZE, look.ink, bold=True)
    if operator.kind == "join":
        # Next to the line that leaves it: lines may enter it from either side.
        names = " · ".join(operator.followers)
        names_text = (
            _text(box.x + 8, box.bottom + TEXT_SIZE, names, TEXT_SIZE, look.ink, anchor="start") if names else ""
        )
        circle = f'<circle cx="{box.x:.1f}" cy="{box.middle:.1f}" r="{box.width / 2:g}" {outline}/>'
        return circle + _text(box.x, box.middle + 6, operator.label, 18, look.ink) + names_text
    ink = ON_ACCENT if operator.temporal else look.ink
    style = f'fill="{ACCENT}" stroke="{ACCENT}" stroke-width="1.5"' if operator.temporal else outline
    round_by = 12 if operator.kind in ("split", "concat") else 5
    rect = (
        f'<rect x="{box.x - box.width / 2:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" height="{box.height:g}" '
        f'rx="{round_by}" {style}/>'
    )
    if operator.kind in ("split", "concat"):
        return rect + _text(box.x, baseline, bar_text(operator), TEXT_SIZE, ink)
    name, below = lines_of(operator)
    return (
        rect
        + _text(box.x, box.top + NAME_BASELINE, name, TITLE_SIZE, ink, bold=True)
        + _text(box.x, box.top + BELOW_BASELINE, below, TEXT_SIZE, ink)
    )


def details(operator: Operator) -> str:
    """Describe an operator in full, for its tooltip."""
    what = " ".join(filter(None, [operator.path, f"({operator.layer})" if operator.layer else ""]))
    followers = f", then {', '.join(operator.followers)}" if operator.followers else ""
    learns = f"; {operator.parameters:,} parameters" if operator.parameters else ""
    where = f"{what}: " if what else ""
    return f"{where}{operator.label}, {operator.inputs} to {operator.outputs} channels{followers}{learns}"


def in_a_sentence(graph: BlockGraph) -> str:
    """Describe the diagram for screen readers: every operator with its shape, in the order in which they run."""
    shapes = {edge.source: edge.shape for edge in graph.edges}
    steps = [
        f"{operator.label}{' over other frames' if operator.temporal else ''} to {in_words(shapes[place])}"
        for place, operator in enumerate(graph.operators)
        if operator.kind in ("layer", "concat", "join")
    ]
    return f"Block {graph.block} of {graph.label}: {in_words(shapes[0])} in; " + "; ".join(steps)


def finding(graph: BlockGraph) -> str:
    """Say which operators of the block read other frames."""
    mixing = [operator for operator in graph.operators if operator.temporal]
    descriptions = [f"{operator.label} ({operator.inputs} → {operator.outputs})" for operator in mixing]
    if not mixing:
        return f"No operator in {graph.block} of {graph.label} reads other frames."
    num_learned = sum(operator.parameters for operator in mixing)
    share = f"{num_learned:,} of its {graph.parameters:,} parameters" if num_learned else "none of its parameters"
    normed = ", those of BatchNorm included" if any("BatchNorm" in operator.followers for operator in mixing) else ""
    read = "reads" if len(mixing) == 1 else "read"
    return f"In {graph.block} of {graph.label}, {join_words(descriptions)} {read} other frames, with {share}{normed}."


def table(graph: BlockGraph) -> pd.DataFrame:
    """Return one row for each operator: name, channels, stride, parameters, and shape of its output."""
    shapes = {edge.source: edge.shape for edge in graph.edges}
    return pd.DataFrame(
        [
            {
                "operator": operator.label,
                "path": operator.path,
                "inputs": operator.inputs,
                "outputs": operator.outputs,
                "stride": "×".join(map(str, operator.stride)),
                "then": ", ".join(operator.followers),
                "parameters": operator.parameters,
                "reads_other_frames": operator.temporal,
                "shape": in_words(shapes[place]),
            }
            for place, operator in enumerate(graph.operators)
            if operator.kind not in ("input", "output")
        ]
    )


DEFINITION = f"""
Drawn from the PyTorch model: it is built without memory, runs once on the shape of the chosen clip, and the operators
of one block are recorded. A box is an operator with its kernel (frames × rows × columns), its channels (in → out) and
the operations that follow directly; lines have the shapes of the tensors, {AXES}. Solid operators read other frames.
The parameters of the boxes add up to those of the block.
"""


def snippet(graph: BlockGraph, options: Options) -> str:
    """Return Python that draws the same diagram."""
    return Call(draw, Named("graph", Call(trace, graph.network, options, graph.clip, graph.block))).code()


def main(
    network: Annotated[str, tyro.conf.Positional],
    /,
    *,
    block: str = "",
    out: Path | None = None,
    look: Literal["light", "dark"] = "light",
    frames: int = 8,
    size: int = 224,
    depth: int = 50,
    temporal_share: float = 1 / 4,
    base_width: int = 64,
) -> None:
    """Draw a block of a network as SVG, from the PyTorch module and with the shapes of its tensors.

    Args:
        network: A name in the table of networks.
        block: Name of the block, such as layer3.1; by default the most typical one.
        out: The file; standard output by default.
        look: For light or for dark slides.
        frames: Frames of the input clip.
        size: Height and width of that clip, in pixels.
        depth: Layers of the ResNets: 26, 50 or 101.
        temporal_share: Share of output channels that the temporal path computes, in networks that have one.
        base_width: Channels in the middle of the first stage's bottlenecks.
    """
    if min(frames, size) < 1:
        raise ValueError(f"--frames and --size must be at least 1; got {frames} and {size}.")
    options = {"depth": depth, "temporal_share": temporal_share, "base_width": base_width}
    graph = trace(network, applicable(network, options), ClipShape(frames, size, size), block)
    drawn = draw(graph, LOOKS[look])
    if out is None:
        print(drawn)
        return
    out.write_text(drawn + "\n", encoding="utf-8")
    native = ", its native one, because it takes none as small as the chosen one" if graph.at_native else ""
    cli.say(f"{out}: {graph.label}, block {graph.block}, clip {graph.clip}{native}")
