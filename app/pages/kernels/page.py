"""The page Shift kernels: the temporal kernels of a checkpoint, layer by layer and over the training."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.formatting import percent
from analysis.kernels.cards import View
from analysis.kernels.drift import NO_KERNELS
from analysis.kernels.outputs import Order, order_of, outputs_table, snapshot_at
from analysis.kernels.readings import Reading
from analysis.kernels.summary import block_names_of, most_moved, rows_of
from app import cache, checkpoints, layout, navigation, paper, uploads, url_keys, url_state, widgets
from app.components.kernel_barcode import FORMS, LayerShares, kernel_barcode
from app.navigation import LAYER_ABLATION, PAGES
from app.pages.kernels import channel, tabs
from app.pages.kernels.cache import first_screen_figures, kernel_headline, offer_moments, opening, set_opening
from gte.checkpoint_header import CheckpointHeader
from gte.data import label_of
from gte.models import MODELS

READINGS: Mapping[str, Reading] = {
    "energy over inputs": "energy",
    "own channel only": "own",
    "sum over inputs": "summed",
    "weighted by real inputs": "inputs",
}
ORDERS: Mapping[str, Order] = {"index": "index", "drift": "drift", "direction": "shift", "size": "norm"}

READINGS_HELP = """
An output channel has a kernel of three taps for every input channel. This chooses how they become one: the **energy**
over the input channels, √Σᵢ wᵢₖ² for each tap, which cannot cancel; its **own channel**, the one that it reads before
training; the **sum** over the input channels, its response to a signal that all of them share; or weighted by the
power of the **real inputs**.

By the sum many small weights of one sign add up, and weights of opposite sign cancel: it can change although the one
large weight that the output channel started with hardly did. The headline says what holds by each reading.
"""
FIGURES_HELP = """
A **learnable temporal shift** (LTS) is a convolution over three frames, `out[t] = a1·in[t-1] + a2·in[t] + a3·in[t+1]`,
with three weights for every pair of an output channel and an input channel. Before training it is a hard shift: the
first half of the output channels read only the next frame, the second half only the previous one.

**Left**, for each layer the shares of its output channels that *look back*, read *now* or *look ahead*, because one
tap has more than half of their weight, and apart of those that *combine frames*: they *subtract* (the taps cancel: the
response to a still input is below a third of the weight), *average* (it is at least two thirds) or are *mixed*. The
outline is before training. **Drift** is |W − W₀| / |W₀|, with W₀ the weights before training.

**Right**, the kernels of one layer: a row for each output channel, a column for each tap; hatched taps are negative.

**By chance**: next to shares and changes is the range that changes of random direction and of the same size give.

Kernels of five or seven taps reach two or three frames in each direction. Frames are those of the layer's input; deeper
layers of a network with temporal strides have fewer.
"""
SUMMED = "This kernel also spans space: each tap is the sum over its rows and columns."
NO_START = "The weights of this layer before training are unknown, so it has no outline."


def render() -> None:
    """Draw the page below its header."""
    available = widgets.checkpoints_or_stop()
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    uploads.show_upload_result()
    with controls:
        header = widgets.pick_checkpoint(available, width=175)
        name = next(name for name, other in available.items() if other is header)
        summary = cache.kernel_summary(header)
        if summary.empty:
            uploads.upload_checkpoint()
    if summary.empty:
        st.info(layout.plain(f"{header.name} {NO_KERNELS}"))
        _hard_shifts(header, controls)
        return
    names = block_names_of(summary)
    with controls:
        layer = widgets.pick_layer(names, default=most_moved(summary), width=130)
        reading = _pick_reading(header)
        order = ORDERS[widgets.pick(url_keys.SORT, "Sort by", list(ORDERS), width=110)]
        others = tabs.pick_others(available, name)
        export = st.popover("Export")
        uploads.upload_checkpoint()
    if reading == "inputs" and offer_moments(header) is None:
        st.caption("Until the inputs are measured the kernels are shown by energy over inputs.")
        reading = "energy"
    moments = cache.moments(header) if reading == "inputs" else None
    summary = cache.kernel_summary(header, reading)
    # The finding is above the scrubber, whose snapshot it describes.
    finding = st.container()
    path = checkpoints.path_in_code(header)
    view = _first_screen(header, summary, View(path=path, layer=layer, reading=reading, order=order, moments=moments))
    with finding:
        headline = kernel_headline(header, view.reading, view.snapshot)
        layout.finding(headline.finding)
        st.caption(layout.plain(f"{headline.others} {_facts(header, layer)}".strip()), help=FIGURES_HELP)
    with export:
        tabs.export(header, name, summary, view)
    if header.layers:
        question = f"Does {names[layer]} matter?"
        navigation.link(PAGES["whatif"], question, experiment=LAYER_ABLATION, ckpt=name, layer=names[layer])
    tabs.draw(header, name, summary, view, {other: available[other] for other in others})
    with export:
        paper.offer(PAGES["kernels"].title, header.name, others=first_screen_figures(header, view))


def _hard_shifts(header: CheckpointHeader, controls: DeltaGenerator) -> None:
    """Draw what there is to see of a network whose layers over frames learn no kernels, if it has any."""
    names = channel.names_of(header)
    if not names:
        return
    layers = {name: layer for layer, name in names.items()}
    layer = url_state.resolve(url_keys.LAYER, next(iter(layers)), url_state.one_of(layers, names))
    st.subheader(channel.FOLLOW, anchor=False)
    with layout.errors_as_sentences():
        channel.draw(header, layers[str(layer)])
    with controls, st.popover("Export"):
        paper.offer(PAGES["kernels"].title, header.name)


def _pick_reading(header: CheckpointHeader) -> Reading:
    # Only in a learnable shift does each output read one input before training.
    options = [name for name, reading in READINGS.items() if header.layers or reading not in ("own", "inputs")]
    return READINGS[widgets.pick(url_keys.TAPS, "Kernel", options, width=230, help=READINGS_HELP)]


def _facts(header: CheckpointHeader, layer: str) -> str:
    accuracy = f", validation accuracy {percent(header.metrics[-1]['val_top1'])}" if header.metrics else ""
    dataset = label_of(header.dataset)
    trained = f"trained on {dataset}, {header.step:,} steps{accuracy}" if dataset else "trained elsewhere"
    label = MODELS[header.model].label
    return f"{label}, {trained}. In the state_dict: {layer}. Click a row to open its layer or output channel."


def _first_screen(header: CheckpointHeader, summary: pd.DataFrame, view: View) -> View:
    """Draw all layers on the left and the kernels of one on the right, and return the selection."""
    taps = cache.layer_taps(header, view.layer, view.reading)
    names = block_names_of(summary)
    steps = tuple(taps.steps.tolist())
    num_outputs = taps.weights.shape[1]
    # Streamlit refuses a component whose key has two underscores in a row, as the name of a folder may.
    key = f"barcode {header.path}".replace("_", "-_")
    path = str(header.path)
    largest = max(summary["step"].tolist())
    step = url_state.resolve(
        url_keys.STEP, None, url_state.between(0, largest), of=path, instead="the last step is shown"
    )
    form = url_state.resolve(url_keys.FORM, None, url_state.one_of(FORMS), of=path, instead=f"{FORMS[0]} are shown")
    output = url_state.resolve(
        url_keys.OUTPUT,
        None,
        url_state.between(0, num_outputs - 1),
        instead=f"{names[view.layer]} has the output channels 0 to {num_outputs - 1}",
    )
    # The component opens on these; while it is on the page, it knows better what is chosen.
    if key not in st.session_state:
        first_form = FORMS[FORMS.index(form)] if form in FORMS else FORMS[0]
        set_opening(path, snapshot_at(steps, -1 if step is None else step), first_form)
    first, form = opening(path)
    with layout.errors_as_sentences():
        choice = kernel_barcode(
            taps.weights[..., 0],
            steps,
            title=f"{names[view.layer]}, {num_outputs} output channels",
            key=key,
            snapshot=min(first, len(steps) - 1),
            shares=LayerShares.from_rows(rows_of(summary), selected=names[view.layer]),
            starts_known=taps.starts_known,
            order=_order(header, view, key, min(first, len(steps) - 1)),
            output=output,
            form=form,
            on_layer=lambda block: _open(block, names),
        )
        for applies, text in ((taps.spans_space, SUMMED), (not taps.starts_known, NO_START)):
            if applies:
                st.caption(text)
        last = len(steps) - 1
        snapshot = choice.snapshot if last else 0
        url_state.choose(url_keys.STEP, None if snapshot == last else steps[snapshot], of=path)
        url_state.choose(url_keys.OUTPUT, choice.output)
        url_state.choose(url_keys.FORM, None if choice.form == FORMS[0] else choice.form, of=path)
        return View(
            path=view.path,
            layer=view.layer,
            snapshot=snapshot,
            reading=view.reading,
            order=view.order,
            output=choice.output or 0,
            moments=view.moments,
        )
    return view


def _order(header: CheckpointHeader, view: View, key: str, first: int) -> list[int] | None:
    """Return the outputs of the layer as sorted at the snapshot where the scrubber was last released."""
    if view.order == "index":
        return None
    history = cache.history(header, view.layer)
    snapshot = st.session_state[key]["snapshot"] if key in st.session_state else first
    table = outputs_table(history, min(int(snapshot), len(history.steps) - 1), view.reading, view.moments)
    return order_of(table, view.order).tolist()


def _open(block: str, names: Mapping[str, str]) -> None:
    if block in names.values():
        url_state.choose(url_keys.LAYER, block)
        # Output channel 7 of another layer is another channel.
        url_state.choose(url_keys.OUTPUT, None)
