"""Blocks as graphs read off the networks, and their drawings."""

import sys
import threading
import xml.etree.ElementTree as ElementTree

import pytest
import torch
from torch import Tensor, nn

from analysis.block_diagram import graph as block_graph
from analysis.block_diagram import svg as block_diagrams
from analysis.block_diagram.graph import BlockGraph, trace
from analysis.block_diagram.layout import arrange, in_words
from analysis.block_diagram.recorder import Edge, Operator, Recorder
from analysis.plotting import style
from gte.cli import run_command
from gte.models import MODELS, ClipShape, configure
from gte.models.temporal import temporal_layers
from tests.analysis.snippets import last_value
from tests.tiny import tiny_clip, tiny_options

PAPER = ClipShape(8, 224, 224)
SVG = "{http://www.w3.org/2000/svg}"


def tiny_graph(name: str, block: str = "") -> BlockGraph:
    return trace(name, tiny_options(name), tiny_clip(name), block)


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_gte_block_splits_shifts_and_concatenates_as_table_1_says():
    graph = trace("gte", {}, PAPER, "layer3.1")
    assert [(one.kind, one.label, one.inputs, one.outputs) for one in graph.operators] == [
        ("input", "in", 0, 1024),
        ("layer", "1×1×1 conv", 1024, 256),
        ("split", "Split in halves", 256, 128),
        ("layer", "1×3×3 conv", 128, 192),
        ("layer", "LTS 3×1×1", 128, 64),
        ("layer", "1×3×3 conv", 64, 64),
        ("concat", "Concatenate", 256, 256),
        ("layer", "1×1×1 conv", 256, 1024),
        ("join", "+", 1024, 1024),
        ("output", "out", 1024, 1024),
    ]
    assert len(graph.edges) == 11
    assert Edge(4, 5, (64, 8, 14, 14)) in graph.edges
    assert Edge(0, 8, (1024, 8, 14, 14)) in graph.edges  # the shortcut
    assert [one.label for one in graph.operators if one.temporal] == ["LTS 3×1×1"]
    assert graph.operators[4].parameters == 128 * 64 * 3
    assert graph.operators[6].followers == ("BatchNorm", "ReLU")
    assert graph.operators[6].parameters == 2 * 256


def test_the_stride_is_written_on_the_convolutions_and_on_the_shortcut_not_on_the_shift():
    graph = trace("gte", {}, PAPER, "layer3.0")
    strided = {one.path for one in graph.operators if one.stride == (1, 2, 2)}
    assert strided == {"conv2.spatial", "conv2.temporal.conv", "downsample.0"}
    [shift] = [place for place, one in enumerate(graph.operators) if one.temporal]
    assert [edge.shape for edge in graph.edges if shift in (edge.source, edge.target)] == [
        (128, 8, 28, 28),
        (64, 8, 28, 28),
    ]


def test_a_tsm_block_shifts_in_front_of_its_entrance_and_the_shortcut_goes_round_it():
    graph = trace("tsm", {}, PAPER, "layer1.1")
    assert [one.label for one in graph.operators] == [
        "in",
        "Temporal shift, 32 each way",
        "1×1×1 conv",
        "1×3×3 conv",
        "1×1×1 conv",
        "+",
        "out",
    ]
    shift = graph.operators[1]
    assert (shift.temporal, shift.parameters, shift.outputs) == (True, 0, 256)
    assert [(edge.source, edge.target) for edge in graph.edges if edge.source == 0] == [(0, 1), (0, 5)]
    assert len(graph.edges) == 7


def test_a_shift_that_carries_the_stride_reads_every_second_pixel():
    labels = [one.label for one in trace("gte_no_conv2d", {}, PAPER, "layer2.0").operators]
    assert labels.index("Every 2nd pixel") + 1 == labels.index("LTS 3×1×1")


@pytest.mark.parametrize("name", MODELS)
def test_every_network_is_drawn_with_its_shapes_and_all_its_parameters(name):
    graph = tiny_graph(name)
    network = configure(name, **tiny_options(name)).build().get_submodule(graph.block)
    assert graph.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert sum(one.parameters for one in graph.operators) == graph.parameters
    mixing = {one.path for one in graph.operators if one.temporal and one.parameters}
    frozen = name == "gte_fixed_shift"
    assert frozen or mixing == set(temporal_layers(network))
    assert any(one.temporal for one in graph.operators) == (name != "c2d")
    for look in block_diagrams.LOOKS.values():
        written = texts(block_diagrams.draw(graph, look))
        assert {in_words(edge.shape) for edge in graph.edges} <= set(written)
        assert all(any(one.label in text for text in written) for one in graph.operators[1:-1])


@pytest.mark.parametrize("name", ["gte", "tsm"])
def test_every_block_of_a_network_can_be_drawn(name):
    for block in block_graph.blocks_of(name, tiny_options(name)):
        graph = tiny_graph(name, block)
        assert sum(one.parameters for one in graph.operators) == graph.parameters
        ElementTree.fromstring(block_diagrams.draw(graph))


@pytest.mark.parametrize("name", MODELS)
def test_no_two_operators_overlap_and_none_lies_outside(name):
    layout = arrange(tiny_graph(name))
    boxes = layout.boxes
    for number, one in enumerate(boxes):
        assert one.x - one.width / 2 >= -1e-6
        assert one.x + one.width / 2 <= layout.width + 1e-6
        assert 0 <= one.top < one.bottom <= layout.height + 1e-6
        for other in boxes[:number]:
            beside = abs(one.x - other.x) >= (one.width + other.width) / 2
            assert beside or one.bottom <= other.top or other.bottom <= one.top


def test_branches_that_exchange_tensors_are_drawn_in_rows():
    layers = ["a", "b", "c", "d"]
    operators = (
        Operator(kind="input", label="in"),
        *(Operator(kind="layer", label=label, inputs=4, outputs=4) for label in layers),
        Operator(kind="join", label="+"),
        Operator(kind="output", label="out"),
    )
    shape = (4, 2, 8, 8)
    pairs = [(0, 1), (0, 2), (1, 3), (2, 3), (1, 4), (3, 5), (4, 5), (5, 6)]
    graph = BlockGraph(
        network="new",
        label="New",
        block="0",
        clip=PAPER,
        at_native=False,
        operators=operators,
        edges=tuple(Edge(source, target, shape) for source, target in pairs),
        parameters=0,
    )
    boxes = arrange(graph).boxes
    assert boxes[1].top == boxes[2].top < boxes[3].top == boxes[4].top < boxes[5].top
    assert set(layers) <= set(texts(block_diagrams.draw(graph)))


class Gate(nn.Module):
    """An operator that no row of the table has: it weighs channels by a mean over everything."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4, 1, 1, 1))
        self.mix = nn.Conv3d(4, 4, (3, 1, 1), padding=(1, 0, 0))

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.mix(x) * self.scale)
        return x * gate


def test_an_unknown_operator_is_recognised_with_its_parameters():
    block = Gate()
    with Recorder(block) as recorder:
        block(torch.rand(1, 4, 3, 5, 5))
    labels = [one.label for one in recorder.operators]
    assert labels == ["in", "3×1×1 conv", "mul", "sigmoid", "×", "out"]
    assert sum(one.parameters for one in recorder.operators) == sum(one.numel() for one in block.parameters())


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_saved_drawing_needs_nothing_from_elsewhere(look):
    svg = block_diagrams.draw(tiny_graph("gte"), block_diagrams.LOOKS[look])
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert not {element.tag for element in root.iter()} & {f"{SVG}image", f"{SVG}use", f"{SVG}style", f"{SVG}script"}
    assert "href" not in svg
    assert "url(" not in svg
    assert "currentColor" not in svg
    assert root.find(f"{SVG}rect") is not None  # its own paper
    assert "LTS" in root.attrib["aria-label"]


def test_a_drawing_for_the_page_takes_the_page_s_colour_and_font():
    svg = block_diagrams.draw(tiny_graph("gte"), block_diagrams.LOOKS["page"])
    root = ElementTree.fromstring(svg)
    assert root.find(f"{SVG}rect") is None
    colours = {element.attrib.get(kind) for element in root.iter() for kind in ("fill", "stroke")}
    assert colours == {None, "none", "currentColor", style.TEMPORAL_COST, "#FFFFFF"}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_on_the_accent_can_be_read():
    light, dark = luminance(block_diagrams.ON_ACCENT), luminance(block_diagrams.ACCENT)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("name", "depth", "block"),
    [
        ("gte", 50, "layer3.1"),
        ("c2d", 50, "layer3.1"),
        # At this depth every second block alone shifts.
        ("tsm", 101, "layer3.8"),
        # Of two pathways the one that holds most of the network.
        ("slowfast_8x8", 50, "slow.layer3.1"),
    ],
)
def test_the_block_that_opens_is_plain_and_mixes_frames(name, depth, block):
    assert block_graph.typical_block(name, {"depth": depth}) == block


def test_a_network_that_takes_no_clip_so_small_is_drawn_at_its_own():
    graph = trace("c3d_original", {"base_width": 8}, ClipShape(8, 32, 32))
    assert (graph.at_native, graph.clip) == (True, MODELS["c3d_original"].native)


def test_a_block_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=r"The blocks of GTE are layer1.0, .*; got layer9.9"):
        trace("gte", {}, PAPER, "layer9.9")


def test_readers_that_draw_at_once_get_equal_graphs():
    found: list[BlockGraph] = []
    threads = [threading.Thread(target=lambda: found.append(tiny_graph("gte"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_the_finding_names_what_reads_other_frames():
    assert block_diagrams.finding(trace("gte", {}, PAPER)) == (
        "In layer3.1 of GTE, LTS 3×1×1 (128 → 64) reads other frames, with 24,576 of its 809,984 parameters."
    )
    # The 3x3x3 alone has 1,769,472, as Table 1 says.
    assert block_diagrams.finding(trace("c3d", {}, PAPER)).endswith(
        "reads other frames, with 1,769,984 of its 2,296,832 parameters, those of BatchNorm included."
    )
    assert "(288 → 128) and 3×1×1 conv (288 → 128) read other frames" in block_diagrams.finding(
        trace("r2plus1d", {}, PAPER)
    )
    assert block_diagrams.finding(trace("tsm", {}, PAPER)).endswith("reads other frames, with none of its parameters.")
    assert block_diagrams.finding(trace("c2d", {}, PAPER)).startswith("No operator in layer3.1 of C2D reads")


def test_the_table_has_a_row_for_each_operator_and_the_snippet_draws_the_same(tmp_path):
    graph = tiny_graph("gte")
    table = block_diagrams.table(graph)
    assert len(table) == len(graph.operators) - 2
    assert sum(table["parameters"].tolist()) == graph.parameters
    code = block_diagrams.snippet(graph, tiny_options("gte"))
    assert last_value(code) == block_diagrams.draw(graph)


def shell(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["block_diagrams", *arguments])
    run_command(block_diagrams.main, prog="python -m analysis.block_diagram")


def test_the_command_writes_a_file_and_says_what_is_in_it(tmp_path, monkeypatch, capsys):
    out = tmp_path / "gte.svg"
    shell(monkeypatch, "gte", "--out", str(out), "--look", "dark", "--depth", "26", "--size", "64")
    assert ElementTree.parse(out).getroot().tag == f"{SVG}svg"
    assert "GTE, block layer" in capsys.readouterr().err
    shell(monkeypatch, "c2d", "--block", "layer1.0")
    assert capsys.readouterr().out.startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["r2d2"], "The networks are c2d, "),
        (["gte", "--block", "layer9.9"], "The blocks of GTE are layer1.0, "),
        (["gte", "--frames", "0"], "--frames and --size must be at least 1; got 0 and 224."),
        (["gte", "--temporal-share", "2"], "temporal_share must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_one_sentence(arguments, sentence, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        shell(monkeypatch, *arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(f"analysis.block_diagram: {sentence}")
