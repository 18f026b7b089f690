"""Scenes of the story on Start that ask networks, and so need PyTorch: imported when they are shown."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st
from jaxtyping import Float64, UInt8
from torch import Tensor

from analysis import own_clips
from analysis.formatting import three_digits
from analysis.interventions.effects import Effect, logits_in_double, theorem
from analysis.interventions.kernel_edits import SETTINGS, mixes_frames
from analysis.interventions.layer_ablation import removal, removal_finding
from app import ablation, cache, checkpoints, layout, navigation
from app.hashing import HASH_FUNCS
from app.navigation import KERNEL_EDITS, PAGES, TIME_EDITS
from app.pages.start.bars import Bar, draw_bars
from gte.checkpoint_header import CheckpointHeader
from gte.data.loading import to_clip

FRAME_BY_FRAME = ("c2d-tiny", "c2d")
SHIFTED = ("gte-tiny", "gte")
"""The shipped checkpoint that is asked, and the network of another that is asked where it is not here."""

NO_NETWORKS = (
    "There is no {network} here that knows “{first}” and “{second}”; `make train-demo` trains one in about half an "
    "hour."
)


def draw_answers(frames: UInt8[np.ndarray, "t h w 3"], classes: Sequence[str], label: str) -> None:
    """Draw what a C2D and a GTE answer to a clip of the class `label` forwards and backwards: probabilities of classes.

    They are computed in double precision, whose rounding errors are far below the digits that are shown.
    """
    headers, _ = checkpoints.list_checkpoints()
    groups: dict[str, Mapping[str, Sequence[Bar]]] = {}
    for stem, network in (FRAME_BY_FRAME, SHIFTED):
        name = pick(headers, stem, network, classes)
        if name is None:
            st.info(NO_NETWORKS.format(network=network.upper(), first=classes[0], second=classes[1]))
            continue
        header = headers[name]
        both = [_logits(header, frames[::step]) for step in (1, -1)]
        effect = Effect(
            network=name,
            classes=header.classes,
            twins=header.twins,
            before=both[0],
            after=both[1],
            shown=header.classes.index(label),
            mixes_frames=_mixes_frames(header),
        )
        shares = [logits.softmax(0) for logits in both]
        places = {word: header.classes.index(word) for word in classes}
        groups[theorem(effect, reordered=True) or effect.finding()] = {
            word: [Bar(float(share[place]), f"{float(share[place]):.8f}") for share in shares]
            for word, place in places.items()
        }
    if groups:
        draw_bars("probability of", ["forwards", "backwards"], groups)
        st.caption("Computed now by both networks, in double precision.")
        navigation.link(PAGES["whatif"], "Play other clips backwards", experiment=TIME_EDITS)


def draw_removed(name: str, header: CheckpointHeader) -> None:
    """Draw the accuracy of a network as trained and with its kernels replaced in all layers."""
    clips = ablation.labelled_clips(header)
    table = ablation.stored_table(header, clips)
    if table is None and (reason := own_clips.why_no_labels(header)):
        st.info(layout.plain(reason))
        return
    if table is None:
        table = ablation.offer_table(name, header, clips, "Take the kernels away")
    if table is None:
        return
    rows = removal(table)
    layout.finding(removal_finding(table))
    num_clips = rows[0]["num_clips"]
    right = {SETTINGS[row["setting"]].label: row["right"] for row in rows} | {"chance": num_clips / len(header.classes)}
    bars = {label: [Bar(count / num_clips, f"{three_digits(count)} of {num_clips}")] for label, count in right.items()}
    draw_bars("kernels", [f"clips that {name} gets right"], {"": bars})
    st.caption("p: the probability of such a loss if the kernels made no difference, by McNemar's exact test.")
    navigation.link(PAGES["whatif"], "Change the kernels yourself", experiment=KERNEL_EDITS, ckpt=name)


def pick(headers: Mapping[str, CheckpointHeader], stem: str, network: str, classes: Sequence[str]) -> str | None:
    """Return the shipped checkpoint, or else the first of the network, that knows the classes; None if none does."""
    knowing = [name for name, header in headers.items() if set(classes) <= set(header.classes)]
    return stem if stem in knowing else next((name for name in knowing if headers[name].model == network), None)


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def _mixes_frames(header: CheckpointHeader) -> bool:
    with cache.model_of(header) as model:
        return mixes_frames(model)


@st.cache_data(max_entries=16, show_spinner="Running the network", hash_funcs=HASH_FUNCS)
def _logits(header: CheckpointHeader, frames: UInt8[np.ndarray, "t h w 3"]) -> Float64[Tensor, " classes"]:
    with cache.model_of(header) as model:
        return logits_in_double(model, to_clip(np.ascontiguousarray(frames)))
