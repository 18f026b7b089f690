"""Shift kernels: what training did to the learnable shifts of a checkpoint, layer by layer and over time."""

import pandas as pd
import streamlit as st

from analysis import figures, kernels, palette
from analysis.wording import block_name, percent
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
"""


def render() -> None:
    """Draw the page below its header."""
    found = widgets.checkpoints_or_stop()
    pick_checkpoint, pick_layer, facts = st.columns([2, 2, 4], vertical_alignment="bottom")
    with pick_checkpoint:
        header = widgets.pick_checkpoint(found)
    if not header.layers:
        st.info(f"{scaffold.plain(header.name)} has no learnable shifts; `make train-demo` trains a network that has.")
        return
    summary = resources.kernel_summary(header)
    with pick_layer:
        layer = widgets.pick_layer(header, default=kernels.most_moved(summary))
    with facts:
        st.caption(scaffold.plain(_facts(header)))
    scaffold.finding(kernels.drift_finding(summary))
    _layers_and_kernels(header, summary, layer)
    _views(header, summary, layer)


def _facts(header: CheckpointHeader) -> str:
    accuracy = f", {percent(header.metrics[-1]['val_top1'])} in validation" if header.metrics else ""
    return f"{header.model} on {header.dataset}, {header.step:,} steps{accuracy}. Click a row to open its layer."


def _layers_and_kernels(header: CheckpointHeader, summary: pd.DataFrame, layer: str) -> None:
    """The layers on the left at the snapshot that the scrubber of the kernels on the right was released at."""
    left, right = st.columns([7, 5], gap="medium")
    taps, steps = resources.layer_taps(header, layer)
    snapshot = -1
    with right, scaffold.errors_as_sentences():
        snapshot = kernel_barcode(
            taps, steps, title=f"{block_name(layer)}, {taps.shape[1]} outputs", key=f"barcode {header.path} {layer}"
        ).snapshot
    with left:
        st.plotly_chart(
            figures.direction_shares(summary, snapshot, layer),
            key="layers",
            on_select=_open_clicked_layer,
            selection_mode="points",
            config=palette.PLOTLY_CONFIG,
        )


def _open_clicked_layer() -> None:
    points = st.session_state["layers"].selection.points
    # A second click on the same bar deselects it: nothing is to be opened then.
    if points:
        st.session_state[state.LAYER.name] = block_name(points[0]["customdata"][0])


def _views(header: CheckpointHeader, summary: pd.DataFrame, layer: str) -> None:
    over_training, table, reading = st.tabs(VIEWS, key=state.VIEW.name, on_change="rerun", bind="query-params")
    if over_training.open:
        with over_training:
            st.plotly_chart(figures.drift_over_training(summary, layer), key="drift", config=palette.PLOTLY_CONFIG)
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
