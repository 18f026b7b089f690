"""Start: three sliders shift a picture of time; below it what training did, and cards that lead on."""

from collections.abc import Mapping

import streamlit as st

from analysis.kernels.drift import read_taps
from analysis.kernels.summary import block_names_of, drift_finding, most_moved
from app import cache, checkpoints, layout, navigation, widgets
from app.clips import dataset_clip
from app.components.kernel_barcode import LayerShares, kernel_barcode
from app.components.shift_toy import shift_toy
from gte.checkpoint_header import CheckpointHeader
from gte.models import MODELS

TOY_CLIP = ("motionpairs", 29)
"""A ball that moves right: alone, in front of a calm background, so that a shift by one frame is seen at once."""
TOY_FRAMES = 8
TOY_SIZE = 64

SHIPPED = "gte-tiny"
KERNELS_HEIGHT = 260

CARDS = {
    "kernels": "Every learned kernel of a checkpoint, layer by layer, and how it drifted while it was trained.",
    "evidence": "Grad-CAM over the frames of a clip, one of ours or a video of yours, GTE above C2D.",
    "whatif": "A clip played backwards, GTE above C2D; kernels mirrored, blended, silenced; what each layer is worth.",
    "architectures": f"Parameters and multiply-accumulates of {len(MODELS)} networks, counted on the real modules.",
    "library": "The checkpoints that are here and the runs that made them; open one of yours.",
}


def render() -> None:
    """Draw the page below its header."""
    shift_toy(dataset_clip(*TOY_CLIP, TOY_FRAMES, TOY_SIZE).frames, key="toy")
    with layout.errors_as_sentences():
        _training()
    st.header("Where to go from here")
    navigation.cards(CARDS)


def _training() -> None:
    """What training did to the shifts of a shipped checkpoint."""
    found, _ = checkpoints.list_checkpoints()
    name = pick(found)
    if name is None:
        st.info(widgets.NO_CHECKPOINT)
        return
    header = found[name]
    summary = cache.kernel_summary(header)
    layer = most_moved(summary)
    history = cache.layer_taps(header, layer)
    names = block_names_of(summary)
    st.header(f"What training did to {layout.plain(name)}")
    layout.finding(drift_finding(summary))
    kernel_barcode(
        read_taps(history),
        history.steps.tolist(),
        title=f"The kernels of {names[layer]}",
        key="training",
        shares=LayerShares.from_summary(summary, selected=names[layer]),
        height=KERNELS_HEIGHT,
    )


def pick(found: Mapping[str, CheckpointHeader]) -> str | None:
    """The shipped checkpoint with learnable shifts, or else the first that has some; None where there is none."""
    shifting = [name for name, header in found.items() if header.layers]
    return SHIPPED if SHIPPED in shifting else next(iter(shifting), None)
