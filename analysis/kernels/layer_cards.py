"""Cards on one layer: its weights, its output channels, their independence and their frequencies."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from analysis.formatting import KIND_VERBS, block_name, percent, three_digits
from analysis.kernels.cards import View
from analysis.kernels.drift import drift_parts
from analysis.kernels.figures_one_layer import (
    MAX_CELLS,
    MAX_CURVES,
    corner_shares,
    frequency_curves,
    output_stem,
    singular_values,
    tap_triangle,
    weight_maps,
)
from analysis.kernels.outputs import order_of, outputs_table, tap_names
from analysis.kernels.readings import READING_DEFINITIONS
from analysis.kernels.spectrum import (
    BANDS,
    band,
    effective_rank,
    frequency_response,
    output_singular_values,
    temporal_singular_values,
)
from analysis.kernels.taps import own_inputs
from analysis.plotting.call import Call, Named
from analysis.plotting.card import Card
from gte.checkpoint import load_history
from gte.kernel_history import KernelHistory


def layer_in_full(history: KernelHistory, view: View) -> list[Card]:
    """The weights of a layer and one of its output channels.

    Empty if the weights of the snapshot contain NaN or infinity.
    """
    if not np.isfinite(history.weights[view.snapshot]).all():
        return []
    kernels = view.history(history)

    def outputs(name: str, *how: Any) -> Named:
        return Named(name, Call(outputs_table, kernels, view.snapshot, *how))

    chosen = outputs("outputs", *view.how())
    table: pd.DataFrame = chosen.value
    num_taps = history.weights.shape[3]
    block = block_name(history.layer)
    output = min(view.output, len(table) - 1)
    panels = {"energy over input channels": outputs("energy", "energy")}
    if own_inputs(history.initial) is not None:
        panels["own channel only"] = outputs("own", "own")
    panels["sum over input channels"] = outputs("summed", "summed")
    if view.reading == "inputs":
        panels["by real inputs"] = chosen
    return [
        Card(
            key="maps",
            title=f"The weights of {block}",
            sentence=_maps_sentence(history, view.snapshot) + _coarse_sentence(history),
            call=Call(weight_maps, kernels, view.snapshot, Call(order_of, chosen, view.order)),
            definition=(
                "A heat map of output channels (rows, sorted as chosen) × input channels (columns) for each tap: W₀ "
                "before training, W at the snapshot, and their difference. All share one colour scale, green above "
                "zero, purple below, which ends at the largest change, so that the weights of W₀ saturate. For weights "
                f"larger than {MAX_CELLS} × {MAX_CELLS} a cell stands for several and shows the one farthest from "
                "zero; its hover text says which."
            ),
        ),
        Card(
            key="output",
            title=f"Output channel {output} of {block}",
            sentence=_output_sentence(table.iloc[output].to_dict()),
            call=Call(output_stem, panels, output, num_taps),
            definition=(
                "The taps of one output channel by each reading of the weights: the root of the energy over its input "
                "channels, which has no sign; its own channel only, where it reads one before training; and the sum, "
                "which is its response to a signal that all channels share. Filled: at the snapshot; hollow: before "
                "training."
            ),
            table=table,
        ),
    ]


def triangle(history: KernelHistory, view: View) -> list[Card]:
    """The output channels of a layer between past, present and future, for a report.

    On the page the barcode draws them.

    Empty as `layer_in_full` is.
    """
    if not np.isfinite(history.weights[view.snapshot]).all():
        return []
    outputs = Named("outputs", Call(outputs_table, view.history(history), view.snapshot, *view.how()))
    table: pd.DataFrame = outputs.value
    num_taps, block = history.weights.shape[3], block_name(history.layer)
    return [
        Card(
            key="triangle",
            title=f"The output channels of {block} between past, present and future",
            sentence=_triangle_sentence(block, table, num_taps),
            call=Call(tap_triangle, outputs, num_taps, min(view.output, len(table) - 1)),
            definition=(
                "Each point is an output channel; its position is given by the sizes of its taps as shares of their "
                f"sum, each tap {READING_DEFINITIONS[view.reading]} (of longer kernels: all past taps, the current "
                "one, all future taps). A thin line leads from its position before training. The marks are the six "
                "kinds; what combines frames has no hue."
            ),
        )
    ]


def spectrum(
    history: KernelHistory,
    view: View,
    name: str = "",
    others: Mapping[str, tuple[str, KernelHistory]] = MappingProxyType({}),
) -> list[Card]:
    """The singular values and the frequency response of a layer; empty as `layer_in_full` is.

    `others` has, by the names of further checkpoints, their files as code names them and the same layer of theirs, with
    kernels of the same length; `name` is that of the checkpoint itself.
    """
    if not np.isfinite(history.weights[view.snapshot]).all():
        return []
    output = min(view.output, history.weights.shape[1] - 1)
    calls = {other: Call(load_history, path, history.layer) for other, (path, _) in others.items()}
    overlaid = Named("others", calls, {other: kernels for other, (_, kernels) in others.items()})
    names = (name, overlaid) if others else ()
    return [
        Card(
            key="spectrum",
            title="How many filters are independent?",
            sentence=_rank_sentence(history, view.snapshot),
            call=Call(singular_values, view.history(history), view.snapshot, *names),
            definition=(
                "Singular values of the weight in two shapes. **(C_out·C_in) × taps**: if only one value is above "
                "zero, every pair of channels has the same temporal filter, up to a factor. **C_out × (taps·C_in)**: "
                "as many values above zero as there are independent output channels. The effective number is (Σ σ²)² "
                "/ Σ σ⁴. Dashed: the chosen layer of checkpoints to compare with, after training."
            ),
        ),
        Card(
            key="frequency",
            title="Which frequencies pass?",
            sentence=_frequency_sentence(history, view.snapshot) + _drawn_sentence(history),
            call=Call(frequency_curves, view.history(history), view.snapshot, output, *names),
            definition=(
                "Computed over all input channels at once, so *Kernel* changes nothing here, and an output channel "
                "whose summed taps subtract frames may belong to another band. "
                "The response of an output channel to f cycles per frame is √(Σᵢ |Hᵢ(f)|²), "
                "Hᵢ(f) = Σₖ wᵢₖ exp(2πi f k), from 0 to half the frame rate, as a share of its maximum. **All-pass**: "
                "never below 0.8. **Low-pass**: more power in the lowest third than in the highest, by a tenth. "
                "**High-pass**: the reverse. **Uneven**: everything else. With checkpoints to compare with, the "
                "response of all output channels together, √(Σₒᵢ |Hₒᵢ(f)|²), is drawn as well: solid of this one, "
                "dashed of the others after training."
            ),
        ),
    ]


def _maps_sentence(history: KernelHistory, snapshot: int) -> str:
    start, weight = history.initial, history.weights[snapshot]
    names = tap_names(weight.shape[2])
    change = weight if start is None else weight - start
    size = np.nan_to_num(np.abs(change), nan=0, posinf=0, neginf=0)
    if not size.any():
        return "At this snapshot the weights are those before training."
    output, source, tap, _ = np.unravel_index(int(size.argmax()), size.shape)
    value = three_digits(float(change[output, source, tap, 0]))
    frame = names[tap].replace("-", "−")
    largest = f"{value}, from input channel {source} at {frame} to output channel {output}"
    if start is None:
        return f"The largest weight is {largest}; the weights before training are unknown."
    parts, counts = drift_parts(weight[None], start)
    mixing = float(parts[0, 2] / parts[0].sum())
    return (
        f"{percent(mixing)} of the squared change is in weights to input channels that the output channel did not "
        f"read before training, which are {percent(counts[2] / counts.sum())} of the weights; the largest change is "
        f"{largest}."
    )


def _coarse_sentence(history: KernelHistory) -> str:
    """Say what a cell of the heat maps stands for, if it is more than one weight."""
    tall, wide = (max(1, math.ceil(side / MAX_CELLS)) for side in history.weights.shape[1:3])
    if tall == wide == 1:
        return ""
    return f" A cell stands for {tall} × {wide} weights and shows the one farthest from zero."


def _drawn_sentence(history: KernelHistory) -> str:
    """Say which output channels have a curve, if not all have."""
    step = math.ceil(history.weights.shape[1] / MAX_CURVES)
    return f" One output channel in {step} is drawn." if step > 1 else ""


def _output_sentence(row: Mapping[Any, Any]) -> str:
    now, _, past = KIND_VERBS[row["kind"]]
    if "kind0" not in row:
        return (
            f"Output channel {row['output']} {now}; its centre of mass is {three_digits(row['centre_of_mass'])} frames."
        )
    before = KIND_VERBS[row["kind0"]][2]
    change = f"{now}, as before training" if past == before else f"{before} before training and now {now}"
    return f"Output channel {row['output']} {change}; its drift is {three_digits(row['drift'])}."


def _triangle_sentence(block: str, table: pd.DataFrame, num_taps: int) -> str:
    def present(suffix: str) -> int:
        return int((corner_shares(table, num_taps, suffix)[:, 1] > 0.5).sum())

    channels = "output channel" if len(table) == 1 else "output channels"
    sentence = f"{present('')} of {len(table)} {channels} of {block} put over half of their weight on the current frame"
    return f"{sentence}; before training {present('0') or 'none'} did." if "kind0" in table else f"{sentence}."


def _rank_sentence(history: KernelHistory, snapshot: int) -> str:
    def ranks(index: int) -> tuple[float, float]:
        weight = history.weights[index]
        return (
            effective_rank(temporal_singular_values(weight)),
            effective_rank(output_singular_values(weight)),
        )

    filters, outputs = ranks(snapshot)
    largest = (
        history.weights.shape[3],
        min(history.weights.shape[1], history.weights.shape[2] * history.weights.shape[3]),
    )
    sentence = (
        f"Effectively {three_digits(filters)} of {largest[0]} temporal filters and {three_digits(outputs)} of "
        f"{largest[1]} output channel{'' if largest[1] == 1 else 's'} are independent"
    )
    if not history.starts_known:
        return f"{sentence}."
    filters0, outputs0 = ranks(0)
    return f"{sentence}; before training {three_digits(filters0)} and {three_digits(outputs0)}."


def _frequency_sentence(history: KernelHistory, snapshot: int) -> str:
    def counts(index: int) -> dict[str, int]:
        bands = band(frequency_response(history.weights[index])[1])
        return {name: int((bands == name).sum()) for name in BANDS}

    now = counts(snapshot)
    words = [f"{count} {'is' if count == 1 else 'are'} {name}" for name, count in now.items() if count]
    channels = "output channel" if sum(now.values()) == 1 else "output channels"
    sentence = f"Of {sum(now.values())} {channels}, each over all its input channels, {', '.join(words)}"
    if not history.starts_known:
        return f"{sentence}."
    before = counts(0)["all-pass"]
    return f"{sentence}; before training {before} {'was' if before == 1 else 'were'} all-pass."
