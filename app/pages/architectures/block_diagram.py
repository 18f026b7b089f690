"""Block diagram on the page Architectures: choice of network and block, the drawing, and its download."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.block_diagram import graph as block_graph
from analysis.block_diagram import svg
from analysis.block_diagram.graph import BlockGraph
from analysis.plotting.figure_pack import PaperFigure
from app import cache, layout, paper, url_keys, url_state, widgets
from app.components.block_diagram import block_diagram
from gte.errors import sentence
from gte.models import MODELS, ClipShape, applicable

SHOWN_FIRST = "gte"

SLIDES = {"light": "SVG for light slides", "dark": "SVG for dark slides"}
"""Downloads, by the look of the drawing."""

LAYERS_PLACE = "layers-of-the-block"
"""Key of the container with the layers of a block, to which a click on a box scrolls."""

CLICK = "Click a box to see what it costs."

NATIVE = "{label} takes no clip as small as {clip}; the shapes are those of its native clip, {native}."

NO_BLOCK = "{label} has no block to draw with these numbers; the reason is above."


def show(name: str) -> None:
    """Draw this network in the next run."""
    url_state.choose(url_keys.DIAGRAM, MODELS[name].label)


def render(
    names: Sequence[str],
    options: Mapping[str, int | float],
    clip: ClipShape,
    reasons: Collection[str] = (),
    on_layer: Mapping[str, Callable[[str, str], None]] = MappingProxyType({}),
) -> str:
    """Draw one block of a network; opens on GTE, or on the first of `names` where GTE is none of them.

    `options` that a network does not have are left out; `reasons` are those that the page has given already why a
    network cannot have them. `on_layer` has a function for each network whose boxes can be clicked; it gets the block
    and the layer in it. Returns the network that is drawn.
    """
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        name = _pick_network(names)
    # A network that cannot have these options leaves the rest of the page as it is.
    with layout.errors_as_sentences():
        try:
            _render(name, tuple(applicable(name, options).items()), clip, controls, on_layer.get(name))
        except ValueError as error:
            if sentence(error) not in reasons:
                raise
            st.caption(layout.plain(NO_BLOCK.format(label=MODELS[name].label)))
    return name


def _render(
    name: str,
    options: cache.Options,
    clip: ClipShape,
    controls: DeltaGenerator,
    on_layer: Callable[[str, str], None] | None,
) -> None:
    with controls:
        block = _pick_block(name, options)
        graph = _graph(name, options, clip, block)
        _save(graph)
    block_diagram(
        svg.draw(graph, svg.LOOKS["page"]),
        key=f"diagram of {name}",
        on_layer=(lambda layer: on_layer(block, layer)) if on_layer else None,
        scroll_to=LAYERS_PLACE,
    )
    legend = f"{svg.AXES}; {svg.SOLID}. {svg.finding(graph)}"
    if graph.at_native:
        legend += " " + NATIVE.format(label=graph.label, clip=clip, native=graph.clip)
    st.caption(layout.plain(f"{legend} {CLICK}" if on_layer else legend))
    with st.expander("Definition, numbers and code"):
        st.markdown(svg.DEFINITION)
        table = svg.table(graph)
        st.dataframe(table, hide_index=True, height="content")
        st.code(svg.snippet(graph, dict(options)), "python")
        widgets.download_csv("Table (CSV)", table, f"{graph.network}-{graph.block}.csv", key="block table")
    drawn = PaperFigure(
        title=f"One block of {graph.label}, {graph.block}",
        caption=legend,
        draw=lambda _width: svg.draw(graph, svg.LOOKS["paper"]),
        definition=svg.DEFINITION,
        code=svg.snippet(graph, dict(options)),
        table=table,
    )
    paper.add(drawn, "block diagram")


def _pick_network(names: Sequence[str]) -> str:
    labels = {config.label: name for name, config in MODELS.items()}
    first = SHOWN_FIRST if SHOWN_FIRST in names or not names else names[0]
    label = _pick(url_keys.DIAGRAM, "Network of the diagram", list(labels), MODELS[first].label)
    return labels[label]


def _pick_block(name: str, options: cache.Options) -> str:
    blocks, typical = _blocks(name, options)
    return _pick(url_keys.DRAWN, "Block of the diagram", list(blocks), typical)


def _pick(key: url_keys.Key[str], label: str, options: Sequence[str], default: str) -> str:
    return widgets.pick(key, label, options, default, label_visibility="collapsed", width=190)


@st.cache_data(max_entries=256, show_spinner=False)
def _blocks(name: str, options: cache.Options) -> tuple[tuple[str, ...], str]:
    return block_graph.blocks_of(name, dict(options)), block_graph.typical_block(name, dict(options))


def typical_block(name: str, options: Mapping[str, int | float]) -> str:
    """Return the most typical block of a network."""
    return _blocks(name, tuple(options.items()))[1]


@st.cache_data(max_entries=256, show_spinner="Reading the network")
def _graph(name: str, options: cache.Options, clip: ClipShape, block: str) -> BlockGraph:
    return block_graph.trace(name, dict(options), clip, block)


def _save(graph: BlockGraph) -> None:
    with st.popover("Save", icon=":material/download:"):
        for look, label in SLIDES.items():
            st.download_button(
                label,
                svg.draw(graph, svg.LOOKS[look]),
                f"{graph.network}-{graph.block}-{look}.svg",
                "image/svg+xml",
                key=f"save {look}",
                on_click="ignore",
                width="stretch",
            )
        st.caption(f"`python -m analysis.block_diagram {graph.network} --block {graph.block} --out block.svg`")
