"""Scenes of the story on Start that show a checkpoint: imported when they are shown; the first ones need none."""

from collections.abc import Mapping

import streamlit as st

from analysis.kernels.drift import Row, is_start_known, largest_drift_layer, measure_drift, rows_at
from analysis.kernels.headline import largest_drift_in_words
from analysis.kernels.readings import reduced
from app import checkpoints, imports, layout, navigation
from app.components.kernel_barcode import LayerShares, kernel_barcode
from app.hashing import HASH_FUNCS
from app.navigation import PAGES
from gte.checkpoint_header import CheckpointHeader
from gte.kernel_history import KernelHistory, read_lts_histories

SHIPPED = "gte-tiny"
KERNELS_HEIGHT = 260


def draw_training() -> None:
    """Draw what training did to the kernels of a shipped checkpoint."""
    if (shown := _checkpoint()) is None:
        return
    name, header = shown
    rows, histories = _kernels(header)
    layer, last = largest_drift_layer(rows), rows_at(rows)
    history = next(history for history in histories if history.layer == layer)
    block = next(row["block"] for row in rows if row["layer"] == layer)
    if any(map(is_start_known, last)):
        layout.finding(f"{name}: {largest_drift_in_words(last)}")
    kernel_barcode(
        history.weights[..., 0],
        history.steps.tolist(),
        title=f"The kernels of {block}",
        key="training",
        shares=LayerShares.from_rows(rows, selected=block),
        height=KERNELS_HEIGHT,
    )
    st.caption("Drift: the size of the change of the weights, divided by their size before training.")
    navigation.link(PAGES["kernels"], "See every layer", ckpt=name)


def draw_removed() -> None:
    """Draw the accuracy of a network with its kernels, and without them."""
    if shown := _checkpoint():
        imports.load("app.pages.start.networks").draw_removed(*shown)


def _checkpoint() -> tuple[str, CheckpointHeader] | None:
    """Return the checkpoint of these scenes and its name; where there is none, say how to get one."""
    headers, _ = checkpoints.list_checkpoints()
    name = pick(headers)
    if name is None:
        st.info(checkpoints.NO_CHECKPOINT)
        return None
    return name, headers[name]


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=HASH_FUNCS)
def _kernels(header: CheckpointHeader) -> tuple[list[Row], list[KernelHistory]]:
    """Measure every layer of a checkpoint and reduce its kernels; nobody writes to them."""
    # Without PyTorch, which the first page must not wait for; only a network knows how its outputs share kernels.
    histories = read_lts_histories(header) or imports.load("gte.checkpoint").load_histories(header.path)
    return measure_drift(histories), [reduced(history) for history in histories]


def pick(headers: Mapping[str, CheckpointHeader]) -> str | None:
    """The shipped checkpoint with learnable shifts, or else the first that has some; None where there is none."""
    shifting = [name for name, header in headers.items() if header.layers]
    return SHIPPED if SHIPPED in shifting else next(iter(shifting), None)
