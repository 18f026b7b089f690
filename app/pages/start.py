"""Start: a kernel to set by hand, what training did to the kernels of a network, and links to the other pages."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from analysis.kernels.drift import Row, largest_drift_layer, measure_drift
from analysis.kernels.headline import headline_of
from analysis.kernels.readings import reduced
from app import checkpoints, imports, layout, navigation
from app.components.kernel_barcode import LayerShares, kernel_barcode
from app.components.shift_toy import shift_toy
from app.hashing import HASH_FUNCS
from gte.checkpoint_header import CheckpointHeader
from gte.kernel_history import KernelHistory, read_lts_histories

TOY_CLIP = Path(__file__).parents[1] / "assets" / "toy_clip.npy"
"""Eight frames of a ball that moves right, test clip 29 of MotionPairs at 64 x 64 pixels: alone, in front of a calm
background, so that a shift by one frame is seen at once. Kept in a file, because rendering them takes OpenCV, and the
first page would wait for it; a test compares them with the data set."""

SHIPPED = "gte-tiny"
KERNELS_HEIGHT = 260

CARDS = {
    "kernels": "Every learned kernel of a checkpoint, layer by layer, and its drift during training.",
    "evidence": "Grad-CAM over the frames of a clip, one of ours or a video of yours, GTE and C2D side by side.",
    "whatif": "A clip played backwards, GTE and C2D side by side; kernels reversed, blended, zeroed; layers replaced.",
    "results": "Fifteen networks trained alike: accuracy against cost, and which of the paper's claims hold.",
    "architectures": "Parameters and multiply-accumulates of every network, counted on the PyTorch models.",
    "library": "The checkpoints on this server and the runs that made them; open your own.",
}


def render() -> None:
    """Draw the page below its header."""
    shift_toy(np.load(TOY_CLIP), key="toy")
    with layout.errors_as_sentences():
        _training()
    st.header("Where to go next")
    navigation.cards(CARDS)


def _training() -> None:
    """Draw what training did to the kernels of a shipped checkpoint."""
    headers, _ = checkpoints.list_checkpoints()
    name = pick(headers)
    if name is None:
        st.info(checkpoints.NO_CHECKPOINT)
        return
    rows, histories, headline = _kernels(headers[name])
    layer = largest_drift_layer(rows)
    history = next(history for history in histories if history.layer == layer)
    block = next(row["block"] for row in rows if row["layer"] == layer)
    st.header(f"What training did to {layout.plain(name)}")
    layout.finding(headline)
    kernel_barcode(
        history.weights[..., 0],
        history.steps.tolist(),
        title=f"The kernels of {block}",
        key="training",
        shares=LayerShares.from_rows(rows, selected=block),
        height=KERNELS_HEIGHT,
    )


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=HASH_FUNCS)
def _kernels(header: CheckpointHeader) -> tuple[list[Row], list[KernelHistory], str]:
    """Measure every layer of a checkpoint, reduce its kernels, and write the headline; nobody writes to them."""
    # Without PyTorch, which the first page must not wait for; only a network knows how its outputs share kernels.
    histories = read_lts_histories(header) or imports.load("gte.checkpoint").load_histories(header.path)
    return measure_drift(histories), [reduced(history) for history in histories], headline_of(histories)


def pick(headers: Mapping[str, CheckpointHeader]) -> str | None:
    """The shipped checkpoint with learnable shifts, or else the first that has some; None where there is none."""
    shifting = [name for name, header in headers.items() if header.layers]
    return SHIPPED if SHIPPED in shifting else next(iter(shifting), None)
