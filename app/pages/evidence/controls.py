"""The controls of the evidence page alone: class and contrast, layer, method, networks, scale."""

from collections.abc import Mapping, Sequence

import streamlit as st

from analysis.attribution import METHODS
from analysis.attribution.evidence import ClassScore, preselect_layer
from analysis.formatting import block_name
from app import cache, url_keys, url_state, widgets
from app.clips import Filmed, Source
from gte.checkpoint_header import CheckpointHeader

PREDICTED = "as predicted"
NOTHING = "no other"
SHARED_SCALE = "one for all"
OWN_SCALE = "one each"
MOST_NETWORKS = 4
MOST_LIKELY = 5
"""Classes that come first in the list, with bars."""
BARS = "▁▂▃▄▅▆▇█"
"""From no probability to all of it."""
_SUBJECT = "evidence: the checkpoint on top"
_BROUGHT = "evidence: the checkpoint that the reader came with"


def pick_networks(found: Mapping[str, CheckpointHeader]) -> list[str]:
    """The networks to compare, on top the checkpoint that the reader comes with."""
    names = list(found)
    subject = url_state.resolve(url_keys.CKPT, None, url_state.one_of(names))
    if subject != st.session_state.get(_SUBJECT):
        st.session_state[_SUBJECT] = st.session_state[_BROUGHT] = subject
        # A link's own networks win; those of an earlier visit to this page are another subject's.
        if not url_state.link_names(url_keys.NETWORKS):
            url_state.choose(url_keys.NETWORKS, None)
    default = _to_compare(found, st.session_state.get(_BROUGHT))
    chosen = widgets.pick_several(url_keys.NETWORKS, "Networks", names, default)
    picked = [name for name in names if name in chosen]
    if len(picked) > MOST_NETWORKS:
        st.caption(f"The first {MOST_NETWORKS} are drawn: more could not be read.")
    # Whoever takes the subject away, or chooses others from the start, goes on with the first that is left.
    if picked and subject not in picked and picked != default:
        subject = st.session_state[_SUBJECT] = picked[0]
        url_state.choose(url_keys.CKPT, subject)
    picked.sort(key=lambda name: name != subject)
    url_state.put(url_keys.CKPT, next(iter(picked), subject))
    return picked[:MOST_NETWORKS]


def _to_compare(found: Mapping[str, CheckpointHeader], subject: str | None) -> list[str]:
    """A checkpoint and a network that ships and has the same classes; without a subject, the first two that ship."""
    shipped = [name for name in found if "/" not in name][:2] or list(found)[:1]
    if subject is None or subject not in found:
        return shipped
    same = [name for name in shipped if name != subject and found[name].classes == found[subject].classes]
    return [subject, *same][:2]


def pick_scale() -> bool:
    """True for one scale of the evidence for all networks."""
    return widgets.pick_segment(url_keys.SCALE, "Scale of the evidence", (SHARED_SCALE, OWN_SCALE)) == SHARED_SCALE


def pick_method() -> str:
    """One of the methods; the slow ones say so."""
    words = {name: f"{row.label}{' (slow)' if row.speed == 'slow' else ''}" for name, row in METHODS.items()}
    method = widgets.pick(url_keys.METHOD, "Method", list(words), words=words)
    st.caption(METHODS[method].note)
    return method


def pick_class(header: CheckpointHeader, scores: Sequence[ClassScore]) -> int | None:
    """The class that is asked about, the likeliest first, with bars; None for the one that is predicted."""
    likely = [score.name for score in scores[:MOST_LIKELY]]
    options = [PREDICTED, *likely, *(name for name in header.classes if name not in likely)]
    words = {score.name: _with_bar(score) for score in scores[:MOST_LIKELY]}
    chosen = widgets.pick(url_keys.CLASS, "Class", options, default=PREDICTED, words=words)
    return None if chosen == PREDICTED else header.classes.index(chosen)


def _with_bar(score: ClassScore) -> str:
    # In front of the name, because a narrow box cuts what stands behind it.
    return f"{BARS[round((len(BARS) - 1) * score.probability)]} {100 * score.probability:.0f} % {score.name}"


def pick_contrast(header: CheckpointHeader) -> int | None:
    """A second class, rather than which the first is asked about; None for no other."""
    options = [NOTHING, *header.classes]
    chosen = widgets.pick(url_keys.CONTRAST, "Rather than", options, default=NOTHING)
    return None if chosen == NOTHING else header.classes.index(chosen)


def pick_block(header: CheckpointHeader) -> str:
    """A block, with the cells of its output in time, height and width."""
    shapes = cache.map_shapes(header)
    words = {block: f"{block} · {' x '.join(map(str, shape))}" for block, shape in shapes.items()}
    in_full = {layer: block_name(layer) for layer in cache.temporal_layers(header)}
    return widgets.pick(
        url_keys.LAYER,
        "Layer · T' x H' x W'",
        list(shapes),
        default=preselect_layer(shapes),
        words=words,
        aliases=in_full,
    )


def is_real(source: Source) -> bool:
    """True for a clip that was filmed, or comes from nobody knows where."""
    return isinstance(source, Filmed)
