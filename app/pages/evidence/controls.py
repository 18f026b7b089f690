"""Controls of the page Evidence: class and contrast, layer, method, networks, scale."""

from collections.abc import Mapping, Sequence

import streamlit as st

from analysis.attribution.evidence import ClassScore, preselect_layer
from analysis.attribution.methods import METHODS
from analysis.formatting import block_name
from app import cache, url_keys, url_state, widgets
from app.clips import Source, VideoSource
from gte.checkpoint_header import CheckpointHeader

PREDICTED = "predicted"
NOTHING = "none"
SHARED_SCALE = "shared"
SEPARATE_SCALES = "separate"
MAX_NETWORKS = 4
NUM_LIKELY = 5
"""Classes at the top of the list, with bars."""
BARS = "▁▂▃▄▅▆▇█"
"""From probability 0 to 1."""
CLASS_HELP = (
    "Bright regions count *for* the class. Evidence shows what the network used, not what it should have used. The "
    "most probable classes come first."
)
CONTRAST_HELP = "With a class to contrast with, bright regions count for the class *rather than* for that one."
LAYER_HELP = (
    "After each name the size of its map: frames × rows × columns. Evidence is as coarse as this grid. A cell is drawn "
    "where its centre is, by the strides, kernels and paddings before its block; what it reads is wider."
)
_SUBJECT = "evidence: the checkpoint on top"
_BROUGHT = "evidence: the checkpoint that the reader came with"


def pick_networks(checkpoints: Mapping[str, CheckpointHeader]) -> list[str]:
    """The networks to compare, starting with the checkpoint that the visitor comes with."""
    names = list(checkpoints)
    subject = url_state.resolve(url_keys.CKPT, None, url_state.one_of(names))
    if subject != st.session_state.get(_SUBJECT):
        st.session_state[_SUBJECT] = st.session_state[_BROUGHT] = subject
        # A link's own networks win; those of an earlier visit to this page are another subject's.
        if not url_state.link_names(url_keys.NETWORKS):
            url_state.choose(url_keys.NETWORKS, None)
    default = _to_compare(checkpoints, st.session_state.get(_BROUGHT))
    chosen = widgets.pick_several(url_keys.NETWORKS, "Networks", names, default)
    picked = [name for name in names if name in chosen]
    if len(picked) > MAX_NETWORKS:
        st.caption(f"The first {MAX_NETWORKS} are shown; more would be too small to read.")
    # Whoever takes the subject away, or chooses others from the start, goes on with the first that is left.
    if picked and subject not in picked and picked != default:
        subject = st.session_state[_SUBJECT] = picked[0]
        url_state.choose(url_keys.CKPT, subject)
    picked.sort(key=lambda name: name != subject)
    url_state.put(url_keys.CKPT, next(iter(picked), subject))
    return picked[:MAX_NETWORKS]


def _to_compare(checkpoints: Mapping[str, CheckpointHeader], subject: str | None) -> list[str]:
    """A checkpoint, by default the first one that ships, and a shipped network with the same classes."""
    shipped = [name for name in checkpoints if "/" not in name]
    if subject is None or subject not in checkpoints:
        subject = next(iter([*shipped, *checkpoints]), None)
    if subject is None:
        return []
    same = [name for name in shipped if name != subject and checkpoints[name].classes == checkpoints[subject].classes]
    return [subject, *same][:2]


def pick_scale() -> bool:
    """True for a shared scale of the evidence of all networks."""
    return (
        widgets.pick_segment(url_keys.SCALE, "Scale of the evidence", (SHARED_SCALE, SEPARATE_SCALES)) == SHARED_SCALE
    )


def pick_method() -> str:
    """One of the methods; slow ones are marked."""
    words = {name: f"{entry.label}{' (slow)' if entry.speed == 'slow' else ''}" for name, entry in METHODS.items()}
    notes = "\n".join(f"- **{entry.label}.** {entry.note}" for entry in METHODS.values())
    return widgets.pick(url_keys.METHOD, "Method", list(words), words=words, help=notes)


def pick_class(header: CheckpointHeader, scores: Sequence[ClassScore]) -> int | None:
    """The class, the most probable first, with bars; None for the predicted one."""
    likely = [score.name for score in scores[:NUM_LIKELY]]
    options = [PREDICTED, *likely, *(name for name in header.classes if name not in likely)]
    words = {score.name: _with_bar(score) for score in scores[:NUM_LIKELY]}
    chosen = widgets.pick(url_keys.CLASS, "Class", options, default=PREDICTED, words=words, help=CLASS_HELP)
    return None if chosen == PREDICTED else header.classes.index(chosen)


def _with_bar(score: ClassScore) -> str:
    # Before the name, because a narrow box cuts off the end.
    return f"{BARS[round((len(BARS) - 1) * score.probability)]} {100 * score.probability:.0f} % {score.name}"


def pick_contrast(header: CheckpointHeader) -> int | None:
    """A class to contrast with; None for none."""
    options = [NOTHING, *header.classes]
    chosen = widgets.pick(url_keys.CONTRAST, "Contrast with", options, default=NOTHING, help=CONTRAST_HELP)
    return None if chosen == NOTHING else header.classes.index(chosen)


def pick_block(header: CheckpointHeader) -> str:
    """A block, with the frames, rows and columns of its output."""
    shapes = cache.map_shapes(header)
    words = {block: f"{block} · {'×'.join(map(str, shape))}" for block, shape in shapes.items()}
    in_full = {layer: block_name(layer) for layer in cache.temporal_layers(header)}
    return widgets.pick(
        url_keys.LAYER,
        "Layer",
        list(shapes),
        default=preselect_layer(shapes),
        words=words,
        help=LAYER_HELP,
        aliases=in_full,
    )


def is_real(source: Source) -> bool:
    """True for a filmed clip, or one of unknown origin."""
    return isinstance(source, VideoSource)
