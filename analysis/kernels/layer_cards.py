"""The cards of one layer: its weights, its outputs one by one and together, their independence and frequencies."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.formatting import KIND_WORDS, block_name, percent, three_digits
from analysis.kernels.cards import TAPS_READ, View
from analysis.kernels.drift import Reading, drift_parts
from analysis.kernels.figures_one_layer import (
    MOST_CELLS,
    MOST_CURVES,
    corner_shares,
    frequency_curves,
    output_stem,
    singular_values,
    tap_triangle,
    weight_maps,
)
from analysis.kernels.outputs import order_of, outputs_table, tap_names
from analysis.kernels.spectrum import (
    BANDS,
    band,
    effective_rank,
    frequency_response,
    output_singular_values,
    temporal_singular_values,
)
from analysis.kernels.taps import UNDEFINED, own_inputs
from analysis.plotting.call import Call, Named
from analysis.plotting.card import Card
from gte.kernel_history import KernelHistory


def layer_in_full(history: KernelHistory, view: View) -> list[Card]:
    """One layer's weights and one output.

    Empty where the weights of the snapshot hold values that are not numbers.
    """
    if not np.isfinite(history.weights[view.snapshot]).all():
        return []
    read = view.history(history)

    def outputs(name: str, reading: Reading) -> Named:
        return Named(name, Call(outputs_table, read, view.snapshot, reading))

    chosen = outputs("outputs", view.reading)
    table: pd.DataFrame = chosen.value
    num_taps = history.weights.shape[3]
    block = block_name(history.layer)
    output = min(view.output, len(table) - 1)
    panels = {"summed over its inputs": outputs("summed", "summed")}
    if own_inputs(history.initial) is not None:
        panels["its own input alone"] = outputs("own", "own")
    return [
        Card(
            key="maps",
            title=f"The weights of {block}",
            sentence=_maps_sentence(history, view.snapshot) + _coarse_sentence(history),
            call=Call(weight_maps, read, view.snapshot, Call(order_of, chosen, view.order)),
            definition=(
                "A map of outputs (rows, sorted as chosen) x inputs (columns) for each tap: the initialisation W₀, the "
                "weight W at the snapshot, and their difference. All have one colour scale, green above zero, purple "
                "below; its ends are the largest change, so that what W₀ began with saturates. Of weights larger than "
                f"{MOST_CELLS} x {MOST_CELLS} a cell stands for several and shows the one farthest "
                "from zero; hover tells which."
            ),
        ),
        Card(
            key="output",
            title=f"Output {output} of {block}",
            sentence=_output_sentence(table.iloc[output].to_dict()),
            call=Call(output_stem, panels, output, num_taps),
            definition=(
                "The taps of one output: summed over its inputs, its answer to a signal that all channels share, and, "
                "where it began with one input, for that input alone. Solid at the snapshot, hollow at the start."
            ),
            table=table,
        ),
    ]


def triangle(history: KernelHistory, view: View) -> list[Card]:
    """One layer's outputs between past, present and future, for a report: on the page the barcode draws them.

    Empty as `layer_in_full` is.
    """
    if not np.isfinite(history.weights[view.snapshot]).all():
        return []
    outputs = Named("outputs", Call(outputs_table, view.history(history), view.snapshot, view.reading))
    table: pd.DataFrame = outputs.value
    num_taps, block = history.weights.shape[3], block_name(history.layer)
    return [
        Card(
            key="triangle",
            title=f"The outputs of {block} between past, present and future",
            sentence=_triangle_sentence(block, table, num_taps),
            call=Call(tap_triangle, outputs, num_taps, min(view.output, len(table) - 1)),
            definition=(
                f"Each point is an output, its taps read {TAPS_READ[view.reading]}; its place is given by |a₁|, |a₂|, "
                "|a₃| as shares of their sum (of longer kernels: all past, the present, all coming taps). A thin line "
                "leads from its place at the initialisation. The colour is the direction of the centre of mass."
            ),
        )
    ]


def spectrum(history: KernelHistory, view: View) -> list[Card]:
    """One layer's singular values and frequency response; empty as `layer_in_full` is."""
    if not np.isfinite(history.weights[view.snapshot]).all():
        return []
    output = min(view.output, history.weights.shape[1] - 1)
    return [
        Card(
            key="spectrum",
            title="How many of them are independent?",
            sentence=_rank_sentence(history, view.snapshot),
            call=Call(singular_values, view.history(history), view.snapshot),
            definition=(
                "Singular values of the weight in two shapes. **(C_out·C_in) x taps**: one value above zero would mean "
                "that every pair of channels has the same temporal filter, up to a factor. **C_out x (taps·C_in)**: as "
                "many values above zero as there are independent outputs. The effective number is (Σ σ²)² / Σ σ⁴."
            ),
        ),
        Card(
            key="frequency",
            title="Which frequencies pass?",
            sentence=_frequency_sentence(history, view.snapshot) + _drawn_sentence(history),
            call=Call(frequency_curves, view.history(history), view.snapshot, output),
            definition=(
                "Of all inputs of an output at once, so *Taps* changes nothing here, and an output whose summed taps "
                "are of the kind *differencing* may be of another band. "
                "The response of an output to f cycles per frame is √(Σᵢ |Hᵢ(f)|²), Hᵢ(f) = Σₖ wᵢₖ exp(2πi f k), "
                "from 0 to half the frame rate, as a share of its largest. **All-pass**: nowhere below 0.8. "
                "**Low-pass**: more power in the lowest third than in the highest, by a tenth. **Differencing**: the "
                "other way round. **Uneven**: all else."
            ),
        ),
    ]


def _maps_sentence(history: KernelHistory, snapshot: int) -> str:
    start, weight = history.initial, history.weights[snapshot]
    names = tap_names(weight.shape[2])
    change = weight if start is None else weight - start
    size = np.nan_to_num(np.abs(change), nan=0, posinf=0, neginf=0)
    if not size.any():
        return "At this snapshot the weights are those of the initialisation."
    output, source, tap, _ = np.unravel_index(int(size.argmax()), size.shape)
    value = three_digits(float(change[output, source, tap, 0])).replace("-", "−")
    largest = f"{value}, from input {source} at {names[tap]} to output {output}"
    if start is None:
        return f"The largest weight is {largest}; how the layer began is unknown."
    parts = drift_parts(weight[None], start)[0]
    mixing = float(parts[2] / parts.sum())
    return (
        f"{percent(mixing)} of the squared change lies in channels that the output did not read at the start; the "
        f"largest is {largest}."
    )


def _coarse_sentence(history: KernelHistory) -> str:
    """What a cell of the heat maps stands for, where it is more than one weight."""
    tall, wide = (max(1, math.ceil(side / MOST_CELLS)) for side in history.weights.shape[1:3])
    if tall == wide == 1:
        return ""
    return f" A cell stands for {tall} x {wide} weights and shows the one farthest from zero."


def _drawn_sentence(history: KernelHistory) -> str:
    """Which outputs have a curve, where not all have."""
    step = math.ceil(history.weights.shape[1] / MOST_CURVES)
    return f" One output in {step} is drawn." if step > 1 else ""


def _output_sentence(row: Mapping[Any, Any]) -> str:
    now = KIND_WORDS.get(row["kind"], UNDEFINED)
    if "kind0" not in row:
        return f"Output {row['output']}: {now}, its centre of mass at {three_digits(row['centre_of_mass'])} frames."
    before = KIND_WORDS.get(row["kind0"], UNDEFINED)
    change = f"{now}, as at the start" if now == before else f"{before} at the start, {now} here"
    return f"Output {row['output']}: {change}; it moved by {percent(row['drift'])} of its initial weight."


def _triangle_sentence(block: str, table: pd.DataFrame, num_taps: int) -> str:
    def present(suffix: str) -> int:
        return int((corner_shares(table, num_taps, suffix)[:, 1] > 0.5).sum())

    sentence = f"{present('')} of {len(table)} outputs of {block} put most of their weight on the present"
    return f"{sentence}; at the start {present('0') or 'none'} did." if "kind0" in table else f"{sentence}."


def _rank_sentence(history: KernelHistory, snapshot: int) -> str:
    def ranks(index: int) -> tuple[float, float]:
        weight = history.weights[index]
        return (
            effective_rank(temporal_singular_values(weight)),
            effective_rank(output_singular_values(weight)),
        )

    filters, outputs = ranks(snapshot)
    most = history.weights.shape[3], min(history.weights.shape[1], history.weights.shape[2] * history.weights.shape[3])
    sentence = (
        f"Effectively {three_digits(filters)} of {most[0]} temporal filters and {three_digits(outputs)} of {most[1]} "
        "outputs are independent"
    )
    if not history.starts_known:
        return f"{sentence}."
    filters0, outputs0 = ranks(0)
    return f"{sentence}; at the start {three_digits(filters0)} and {three_digits(outputs0)}."


def _frequency_sentence(history: KernelHistory, snapshot: int) -> str:
    def counts(index: int) -> dict[str, int]:
        bands = band(frequency_response(history.weights[index])[1])
        return {name: int((bands == name).sum()) for name in BANDS}

    now = counts(snapshot)
    words = [f"{count} are {name}" for name, count in now.items() if count]
    sentence = f"Of {sum(now.values())} outputs, each over all its inputs, {', '.join(words)}"
    if not history.starts_known:
        return f"{sentence}."
    return f"{sentence}; at the start {counts(0)['all-pass']} were all-pass."
