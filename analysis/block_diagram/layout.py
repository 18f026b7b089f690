"""Layout of a block diagram: operators one below the other, branches side by side, in pixels.

A block is a chain with a fork wherever one tensor goes several ways, up to the operator where all of them meet again.
Branches that exchange tensors are set in rows by depth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from analysis.block_diagram.graph import BlockGraph
from analysis.block_diagram.recorder import Edge, Operator, Shape

TITLE_SIZE = 14
"""Height of an operator's name."""
TEXT_SIZE = 13
"""Height of all other text."""
CHARACTER = 0.59
"""Width of an average character, as a part of the text's height; a little too wide to be safe."""
BOLD = 1.1
"""Factor by which bold text is wider."""

BOX_HEIGHT, BAR_HEIGHT, JOIN_SIZE, END_HEIGHT = 37, 22, 20, 14
MIN_WIDTH = 96
LABELLED_GAP, PLAIN_GAP = 26, 16
"""Between two operators, with and without a shape on the line."""
ARROW = 6
"""Length of the head of an arrow, which no text may cover."""
BEND = 10
"""From an operator to the horizontal part of a line that leaves or enters it."""
LANE_GAP = 18
EMPTY_LANE = 14
"""Half of the width of a line without an operator."""


@dataclass(frozen=True)
class Box:
    """An operator on the drawing: its axis, its upper edge and its size."""

    x: float
    top: float
    width: float
    height: float

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


@dataclass(frozen=True)
class Line:
    """A tensor on the drawing: the corners of its line, and the position of its shape, if it is written."""

    points: tuple[tuple[float, float], ...]
    text: str = ""
    text_x: float = 0.0
    text_y: float = 0.0


@dataclass(frozen=True)
class Layout:
    """Positions of everything on a drawing."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    """One for each operator of the graph."""
    lines: tuple[Line, ...]
    """One for each edge of the graph."""


@dataclass
class _Fork:
    """Branches between an operator and the operator where they meet."""

    source: int
    target: int
    branches: list[tuple[Edge, "_Chain"]]


@dataclass
class _Rows:
    """Operators whose branches are entangled, by depth."""

    source: int
    target: int
    rows: list[list[int]]


_Element = int | _Fork | _Rows
_Chain = list[_Element]


@dataclass(frozen=True)
class _Size:
    left: float
    right: float
    height: float


def in_words(shape: Shape) -> str:
    """Write a shape."""
    return " × ".join(map(str, shape))


def lines_of(operator: Operator) -> tuple[str, str]:
    """Return the two lines in an operator's box: its name, and its channels and followers."""
    steps = sorted(set(operator.stride) - {1})
    stride = ""
    if steps:
        square = operator.stride[1] == operator.stride[2] and operator.stride[0] == 1
        stride = f", stride {operator.stride[1] if square else '×'.join(map(str, operator.stride))}"
    followers = [{"BatchNorm": "BN"}.get(name, name) for name in operator.followers]
    return operator.label + stride, " · ".join([f"{operator.inputs} → {operator.outputs}", *followers])


def arrange(graph: BlockGraph) -> Layout:
    """Place every operator and every tensor of a block."""
    return _Arranger(graph).layout()


def text_width(text: str, size: int) -> float:
    """Estimate the width of a text; fonts differ."""
    return CHARACTER * size * len(text)


@dataclass
class _Arranger:
    graph: BlockGraph
    boxes: dict[int, Box] = field(default_factory=dict)
    lanes: dict[Edge, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.last = len(self.graph.operators) - 1
        self.out = [[edge for edge in self.graph.edges if edge.source == place] for place in range(self.last + 1)]
        self.meeting = self._meetings()

    def layout(self) -> Layout:
        chain = self._chain(0, None)
        size = self._size_of_chain(chain)
        self._place_chain(chain, size.left, 0.0)
        for place, operator in enumerate(self.graph.operators):
            if operator.kind in ("split", "concat"):
                self.boxes[place] = self._bar(place)
        boxes = tuple(self.boxes[place] for place in range(self.last + 1))
        width = max(size.left + size.right, *(box.x + box.width / 2 for box in boxes))
        return Layout(width, size.height, boxes, tuple(self._line(edge) for edge in self.graph.edges))

    def _meetings(self) -> list[int]:
        """Return for each operator the next one on every path from it."""
        passed: list[set[int]] = [set() for _ in self.out]
        meetings = [self.last] * len(self.out)
        for place in reversed(range(len(self.out))):
            common = set.intersection(*(passed[edge.target] for edge in self.out[place])) if self.out[place] else set()
            if common:
                meetings[place] = min(common)
            passed[place] = common | {place}
        return meetings

    def _chain(self, start: int, stop: int | None) -> _Chain:
        chain: _Chain = []
        place = start
        while place != stop:
            chain.append(place)
            if not self.out[place]:
                break
            target = self.meeting[place]
            if len(self.out[place]) > 1:
                chain.append(self._between(place, target))
            place = target
        return chain

    def _between(self, source: int, target: int) -> _Fork | _Rows:
        reached = [self._reached(edge.target, target) for edge in self.out[source]]
        everything = set.union(*reached)
        if sum(map(len, reached)) > len(everything):
            depth = {source: 0}
            for place in sorted(everything):
                depth[place] = 1 + max(depth.get(edge.source, 0) for edge in self.graph.edges if edge.target == place)
            levels = sorted({depth[place] for place in everything})
            return _Rows(
                source, target, [[place for place in sorted(everything) if depth[place] == at] for at in levels]
            )
        branches = [(edge, self._chain(edge.target, target)) for edge in self.out[source]]
        # Lines without an operator are on the right, where readers expect a shortcut.
        return _Fork(source, target, sorted(branches, key=lambda branch: not branch[1]))

    def _reached(self, start: int, stop: int) -> set[int]:
        if start == stop:
            return set()
        return {start}.union(*(self._reached(edge.target, stop) for edge in self.out[start]))

    def _operator_size(self, place: int) -> tuple[float, float]:
        operator = self.graph.operators[place]
        name, below = lines_of(operator)
        match operator.kind:
            case "input" | "output":
                return text_width(self._end_text(place), TEXT_SIZE), END_HEIGHT
            case "join":
                return JOIN_SIZE, JOIN_SIZE
            case "split" | "concat":
                return text_width(bar_text(operator), TEXT_SIZE) + 24, BAR_HEIGHT
        needed = max(BOLD * text_width(name, TITLE_SIZE), text_width(below, TEXT_SIZE)) + 22
        return max(MIN_WIDTH, needed), BOX_HEIGHT

    def _end_text(self, place: int) -> str:
        edges = [edge for edge in self.graph.edges if place in (edge.source, edge.target)]
        return in_words(edges[0].shape) if edges else ""

    def _text(self, edge: Edge) -> str:
        """Return the text on a line: its shape, unless that is written right next to it."""
        ends = {self.graph.operators[edge.source].kind, self.graph.operators[edge.target].kind}
        if ends & {"input", "output"}:
            return ""
        first = next(other for other in self.out[edge.source] if other.shape == edge.shape)
        is_split = self.graph.operators[edge.source].kind == "split"
        return in_words(edge.shape) if is_split or edge == first else ""

    def _gap(self, edges: Sequence[Edge]) -> float:
        return LABELLED_GAP if any(self._text(edge) for edge in edges) else PLAIN_GAP

    def _size_of_chain(self, chain: _Chain) -> _Size:
        if not chain:
            return _Size(EMPTY_LANE, EMPTY_LANE, 0.0)
        sizes = [self._size(element) for element in chain]
        height = sum(size.height for size in sizes) + sum(self._gaps(chain))
        return _Size(max(size.left for size in sizes), max(size.right for size in sizes), height)

    def _gaps(self, chain: _Chain) -> list[float]:
        """Return the gap below every element but the last; a fork includes its gaps."""
        return [
            self._gap(self.out[element]) if isinstance(element, int) and isinstance(below, int) else 0.0
            for element, below in pairwise(chain)
        ]

    def _size(self, element: _Element) -> _Size:
        if isinstance(element, int):
            width, height = self._operator_size(element)
            texts = [self._text(edge) for edge in self.graph.edges if element in (edge.source, edge.target)]
            half_width = width / 2
            if len(self.out[element]) == 1:
                half_width = max(half_width, *(text_width(text, TEXT_SIZE) / 2 for text in texts))
            return _Size(half_width, half_width, height)
        gaps = sum(self._fork_gaps(element))
        if isinstance(element, _Rows):
            widths = [
                sum(self._operator_size(place)[0] for place in row) + LANE_GAP * (len(row) - 1) for row in element.rows
            ]
            height = gaps + len(element.rows) * (BOX_HEIGHT + LABELLED_GAP) - LABELLED_GAP
            return _Size(max(widths) / 2, max(widths) / 2, height)
        axes, width = self._axes(element)
        tallest = max(self._size_of_chain(chain).height for _, chain in element.branches)
        left = self._shift_of_axis(element, axes, width)
        return _Size(left, width - left, gaps + tallest)

    def _fork_gaps(self, fork: _Fork | _Rows) -> tuple[float, float]:
        """Return the gaps above and below the branches."""
        above = self._gap(self.out[fork.source])
        if self.graph.operators[fork.source].kind != "split":
            above += BEND
        into = [edge for edge in self.graph.edges if edge.target == fork.target and edge.source != fork.source]
        return above, self._gap(into)

    def _axes(self, fork: _Fork) -> tuple[list[float], float]:
        """Return the axis of every branch, from the left edge of all, and their total width."""
        axes: list[float] = []
        right = 0.0
        for edge, chain in fork.branches:
            size = self._size_of_chain(chain)
            half = text_width(self._text(edge), TEXT_SIZE) / 2
            left = max(size.left, half)
            axes.append(right + left)
            right += left + max(size.right, half) + LANE_GAP
        return axes, right - LANE_GAP

    def _shift_of_axis(self, fork: _Fork, axes: Sequence[float], width: float) -> float:
        """Return the distance of a fork's axis from its left edge: its only branch with operators, or the middle."""
        busy = [axis for axis, (_, chain) in zip(axes, fork.branches, strict=True) if chain]
        return busy[0] if len(busy) == 1 else width / 2

    def _place_chain(self, chain: _Chain, x: float, top: float) -> None:
        for element, gap in zip(chain, [*self._gaps(chain), 0.0], strict=False):
            self._place(element, x, top)
            if isinstance(element, int) and gap:
                self.lanes |= dict.fromkeys(self.out[element], x)
            top += self._size(element).height + gap

    def _place(self, element: _Element, x: float, top: float) -> None:
        if isinstance(element, int):
            self.boxes[element] = Box(x, top, *self._operator_size(element))
            return
        above, below = self._fork_gaps(element)
        inner = self._size(element).height - above - below
        if isinstance(element, _Rows):
            for number, row in enumerate(element.rows):
                widths = [self._operator_size(place)[0] for place in row]
                left = x - (sum(widths) + LANE_GAP * (len(row) - 1)) / 2
                for place, width in zip(row, widths, strict=True):
                    at = top + above + number * (BOX_HEIGHT + LABELLED_GAP)
                    self.boxes[place] = Box(left + width / 2, at, *self._operator_size(place))
                    left += width + LANE_GAP
            return
        axes, width = self._axes(element)
        left = x - self._shift_of_axis(element, axes, width)
        for axis, (edge, chain) in zip(axes, element.branches, strict=True):
            self.lanes[edge] = left + axis
            self._place_chain(chain, left + axis, top + above + (inner - self._size_of_chain(chain).height) / 2)
            self.lanes |= {
                out: left + axis
                for place in chain
                if isinstance(place, int)
                for out in self.out[place]
                if out.target == element.target
            }

    def _bar(self, place: int) -> Box:
        """Return the box of a split or a concatenation, as wide as its lines are apart."""
        box = self.boxes[place]
        lanes = [axis for edge, axis in self.lanes.items() if place in (edge.source, edge.target)]
        reach = max([box.width / 2, *(abs(axis - box.x) + LANE_GAP for axis in lanes)])
        return Box(box.x, box.top, 2 * reach, box.height)

    def _line(self, edge: Edge) -> Line:
        source, target = self.boxes[edge.source], self.boxes[edge.target]
        kinds = self.graph.operators[edge.source].kind, self.graph.operators[edge.target].kind
        lane = self.lanes.get(edge)
        if lane is None:  # among entangled branches
            middle = ((source.x + target.x) / 2, (source.bottom + target.top) / 2)
            return Line(((source.x, source.bottom), (target.x, target.top)), self._text(edge), *middle)
        if kinds[0] == "split" or abs(source.x - lane) < 1:
            points = [(lane, source.bottom)]
        else:
            points = [(source.x, source.bottom), (source.x, source.bottom + BEND), (lane, source.bottom + BEND)]
        from_y = points[-1][1]
        if kinds[1] == "concat" or abs(target.x - lane) < 1:
            points.append((lane, target.top))
        elif kinds[1] == "join":
            side = target.x + (target.width / 2 if lane > target.x else -target.width / 2)
            points += [(lane, target.middle), (side, target.middle)]
        else:
            points += [(lane, target.top - BEND), (target.x, target.top - BEND), (target.x, target.top)]
        to_y = next(y for x, y in reversed(points) if x == lane)
        if points[-1] == (lane, to_y):
            to_y -= ARROW
        return Line(tuple(points), self._text(edge), lane, (from_y + to_y) / 2)


def bar_text(operator: Operator) -> str:
    """Return the text on a split or a concatenation."""
    followers = [{"BatchNorm": "BN"}.get(name, name) for name in operator.followers]
    return " · ".join([operator.label, *followers])
