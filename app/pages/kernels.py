"""Shift kernels: what training did to the kernels over time of a checkpoint, layer by layer and over time."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from analysis import figures, kernels, palette
from analysis.wording import percent
from app import resources, scaffold, state, widgets
from app.components import kernel_barcode
from gte.checkpoint import CheckpointHeader

VIEWS = ("Over training", "Table", "How to read this")

READING = """
A **learnable temporal shift** (LTS) is a convolution over three frames: `out[t] = a1·in[t-1] + a2·in[t] + a3·in[t+1]`,
with three numbers for every pair of an output and an input channel. Training starts it as a hard shift: the first half
of the outputs read the next frame alone, the second half the previous one.

- **Effective taps** of an output are its a1, a2, a3 summed over the inputs: its answer to a signal that all channels
  share.
- An output's **centre of mass** is Σ k·|aₖ| / Σ |aₖ| with k = −1, 0, 1, in frames. Below −1/3 it *looks back*, above
  1/3 it *looks ahead*, between them it *stays*.
- Small weights of one sign from many inputs add up in the effective taps. A layer whose cosine to its initialisation is
  near 1 (see the table) still spends most of its weight where it began, whatever its outputs answer to a shared signal.
- **Drift** of a layer is |W − W₀| / |W₀|, with W₀ its initialisation.
- The outline behind the bars is the initialisation.

**Other networks** have kernels over time as well: GST and C3D, I3D, P3D, R(2+1)D, S3D, SlowFast.

- A kernel that spans space too (3x3x3) is summed over its rows and columns: its answer to what does not vary in space.
  Drift and cosine are those of the sums.
- Kernels of five or seven taps reach two or three frames each way, k = −3 … 3. The thresholds stay a third of a frame:
  an output that reads the next frame alone looks ahead, however far it could. Frames are those of the layer's input,
  which a network with temporal strides has fewer of in its depth.
- Of these layers a file knows the start and the end, not the way between. The start of a checkpoint from elsewhere is
  **unknown**: then there is no outline and no drift.
"""

SUMMED = "This kernel spans space as well: each tap is the sum over its rows and columns."
NO_START = "How this layer began is unknown, so no outline marks it."
ENDS_ALONE = "Of these layers the file knows the two ends alone; what lies between them is not in it."
NO_COURSE = "This file holds no course of a training: {why}. The bars above show what the layers are now."


def render() -> None:
    """Draw the page below its header."""
    found = widgets.checkpoints_or_stop()
    pick_checkpoint, pick_layer, facts = st.columns([2, 2, 4], vertical_alignment="bottom")
    with pick_checkpoint:
        header = widgets.pick_checkpoint(found)
    summary = resources.kernel_summary(header)
    if summary.empty:
        st.info(scaffold.plain(f"{header.name} {kernels.NO_KERNELS}"))
        return
    with pick_layer:
        layer = widgets.pick_layer(kernels.block_names_of(summary), default=kernels.most_moved(summary))
    with facts:
        st.caption(scaffold.plain(_facts(header)))
    scaffold.finding(kernels.drift_finding(summary))
    _layers_and_kernels(header, summary, layer)
    _views(header, summary, layer)


def _facts(header: CheckpointHeader) -> str:
    accuracy = f", {percent(header.metrics[-1]['val_top1'])} in validation" if header.metrics else ""
    trained = f"on {header.dataset}, {header.step:,} steps{accuracy}" if header.dataset else "trained elsewhere"
    return f"{header.model}, {trained}. Click a row to open its layer."


def _layers_and_kernels(header: CheckpointHeader, summary: pd.DataFrame, layer: str) -> None:
    """The layers on the left at the snapshot that the scrubber of the kernels on the right was released at."""
    left, right = st.columns([7, 5], gap="medium")
    kernel = resources.layer_taps(header, layer)
    name = kernels.block_names_of(summary)[layer]
    snapshot = -1
    with right, scaffold.errors_as_sentences():
        choice = kernel_barcode(
            kernel.taps,
            kernel.steps,
            title=f"{name}, {kernel.taps.shape[1]} outputs",
            key=f"barcode {header.path} {layer}",
            starts_known=kernel.starts_known,
        )
        # Where other layers have a start, one without shows them as they are now.
        snapshot = choice.snapshot if len(kernel.steps) > 1 else -1
        for told, text in ((kernel.spans_space, SUMMED), (not kernel.starts_known, NO_START)):
            if told:
                st.caption(text)
    with left:
        st.plotly_chart(
            figures.direction_shares(summary, snapshot, layer),
            # Another checkpoint is another figure: a click on the one before must not be taken for one on this.
            key=f"layers {header.path}",
            on_select=lambda: _open_clicked_layer(f"layers {header.path}", kernels.block_names_of(summary)),
            selection_mode="points",
            config=palette.PLOTLY_CONFIG,
        )


def _open_clicked_layer(key: str, names: Mapping[str, str]) -> None:
    points = st.session_state[key].selection.points
    # A second click on the same bar deselects it: nothing is to be opened then.
    if points:
        st.session_state[state.LAYER.name] = names[points[0]["customdata"][0]]


def _views(header: CheckpointHeader, summary: pd.DataFrame, layer: str) -> None:
    over_training, table, reading = st.tabs(VIEWS, key=state.VIEW.name, on_change="rerun", bind="query-params")
    if over_training.open:
        with over_training:
            if kernels.knows_course(summary):
                st.plotly_chart(figures.drift_over_training(summary, layer), key="drift", config=palette.PLOTLY_CONFIG)
                if not header.layers:
                    st.caption(ENDS_ALONE)
            else:
                began = kernels.knows_start(summary).any()
                st.info(
                    NO_COURSE.format(why="no step of it is counted" if began else "how the layers began is unknown")
                )
    if table.open:
        with table:
            rows = kernels.at_the_end(summary)
            st.dataframe(rows, hide_index=True)
            st.download_button(
                "Download as CSV",
                summary.to_csv(index=False),
                f"{header.name}-kernels.csv",
                "text/csv",
                on_click="ignore",
            )
    if reading.open:
        reading.markdown(READING)
