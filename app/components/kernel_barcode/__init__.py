"""Kernel barcode: shares and drift of every layer, and the kernels of one layer, with a scrubber in the browser."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import streamlit as st
from jaxtyping import Float, Float32, UInt8
from streamlit.components.v2 import component

from analysis.formatting import KIND_WORDS
from analysis.kernels.drift import Row, is_start_known
from analysis.kernels.headline import GROUPS
from analysis.kernels.taps import KINDS, kind, shown_taps
from analysis.plotting import style
from app.components._source import encode, payload, read

MAX_OUTPUTS = 4096

Form = Literal["rows", "triangle"]
"""A row for each output and a column for each tap, or a point for each output between past, present and future."""

FORMS: tuple[Form, ...] = get_args(Form)

_barcode = component(
    "kernel_barcode",
    html=read("kernel_barcode/kernel_barcode.html"),
    css=read("common.css", "kernel_barcode/kernel_barcode.css"),
    js=read(
        "common.js",
        "kernel_barcode/kernel_layers.js",
        "kernel_barcode/kernel_triangle.js",
        "kernel_barcode/kernel_barcode.js",
    ),
)


@dataclass(frozen=True, kw_only=True)
class LayerShares:
    """Shares of the output channels that look back, now and ahead, and that combine frames, and the drift.

    For each layer and snapshot.

    Raises ValueError for parts that do not belong to the same layers and snapshots.
    """

    layers: Sequence[str]
    """Names as shown, in network order."""

    shares: Float[np.ndarray, "l s 4"]
    """Of GROUPS, between 0 and 1; the four of a layer and snapshot add up to at most 1."""

    drift: Float[np.ndarray, "l s"] | None = None
    """|W - W0| / |W0|, NaN where unknown; None draws no drift at all."""

    starts_known: Sequence[bool] = ()
    """Whether the first snapshot of a layer is its initialisation, which is outlined; empty: all are."""

    paths: Sequence[str] = ()
    """Names in full, as in the state_dict, for the line that reads a row out; empty: as shown."""

    selected: str = ""
    """The layer whose kernels are shown; its row is marked."""

    def __post_init__(self) -> None:
        num = len(self.layers)
        if not num:
            raise ValueError("There must be at least one layer.")
        if self.shares.ndim != 3 or self.shares.shape[::2] != (num, len(GROUPS)):
            raise ValueError(
                f"The shares must be (layers, snapshots, {len(GROUPS)}) of {num} layers; got {self.shares.shape}."
            )
        if self.drift is not None and self.drift.shape != self.shares.shape[:2]:
            raise ValueError(
                f"The drift must be (layers, snapshots) = {self.shares.shape[:2]}; got {self.drift.shape}."
            )
        for name, values in (("starts_known", self.starts_known), ("paths", self.paths)):
            if len(values) not in (0, num):
                raise ValueError(f"{name} must have one entry for each of {num} layers, or none; got {len(values)}.")

    @classmethod
    def from_rows(cls, rows: Sequence[Row], selected: str = "") -> "LayerShares":
        """Take them from `analysis.kernels.drift.measure_drift`, with the layers' short names; so is `selected`.

        A layer with fewer snapshots than others stays as it is at its last. Where no drift is known there is none to
        draw. Raises ValueError if there is no layer.
        """
        layers: dict[str, list[Row]] = {}
        for row in rows:
            layers.setdefault(row["layer"], []).append(row)
        if not layers:
            raise ValueError("There must be at least one layer; got no rows.")
        parts = list(layers.values())
        num_snapshots = max(map(len, parts))

        def column(name: str) -> Float32[np.ndarray, "l s"]:
            values = [[row[name] for row in part + part[-1:] * (num_snapshots - len(part))] for part in parts]
            return np.array(values, dtype=np.float32)

        drift = column("drift")
        return cls(
            layers=[part[0]["block"] for part in parts],
            shares=np.stack([column(name) for name in GROUPS], axis=2),
            drift=None if np.isnan(drift).all() else drift,
            starts_known=[all(map(is_start_known, part)) for part in parts],
            paths=list(layers),
            selected=selected,
        )


@dataclass(frozen=True)
class KernelChoice:
    """The reader's selection."""

    snapshot: int
    """Index of the snapshot at which the scrubber was last released."""

    layer: str | None
    """The layer whose row was clicked just now; None in every other rerun."""

    form: Form = "rows"
    """How the kernels are shown."""

    output: int | None = None
    """The output that is selected: by the reader's last click, or by the argument, whichever changed last."""


def kernel_barcode(
    kernels: Float[np.ndarray, "s o r k"],
    steps: Sequence[int],
    *,
    title: str,
    key: str,
    snapshot: int = -1,
    shares: LayerShares | None = None,
    height: int = 340,
    starts_known: bool = True,
    form: Form = "rows",
    order: Sequence[int] | None = None,
    output: int | None = None,
    on_layer: Callable[[str], None] | None = None,
) -> KernelChoice:
    """Draw one layer's kernels at one of its snapshots, and with `shares` every layer next to them.

    `kernels` are of `analysis.kernels.readings.read_kernels`. As rows: an output each, a column a tap (t-1, t, t+1, or
    more). As a triangle: a point for each output, between the past, the present and the future by the sizes of its
    taps, in the mark of its kind. The first snapshot is the one before training, outlined or hollow, unless
    `starts_known` is False. Hue is the direction, alpha the size against the largest tap of all snapshots, a hatch
    marks negative taps. Scrubbing, playing and hovering animate without a message to the server; the
    release of the scrubber and a click on a row, a point or a form rerun the page. A single snapshot has no scrubber.

    `snapshot` is the one shown first (negative counts from the last), `form` the first form. `order` lists the outputs
    from top to bottom; `output` marks one. `on_layer` gets the name of a layer whose row was clicked, before the page
    runs again, when widgets can still be set. A new `title` is another layer: the selection in the one before is
    forgotten. Where `shares` has more snapshots than `taps`, its last one stands beside the last of these. `height` is,
    in CSS pixels, that of the drawings with their captions; scrubber and readout take 70 more.
    Raises ValueError for wrong sizes.
    """
    _check(kernels, steps, shares, height)
    num_outputs, num_taps = kernels.shape[1], kernels.shape[-1]
    _check_choices(num_outputs, form, order, output)
    if not -len(steps) <= snapshot < len(steps):
        raise ValueError(f"snapshot must be one of the {len(steps)} snapshots; got {snapshot}.")
    first = int(np.arange(len(steps))[snapshot])
    # The layer, the argument and the selection are remembered, to know whether the page or a click changed it last.
    before = st.session_state.get(_memory(key), ())
    selected = _within(num_outputs, before[2]) if before[:2] == (title, output) else output
    st.session_state[_memory(key)] = (title, output, selected)
    result = _barcode(
        key=key,
        data=payload(
            {
                "taps": encode(np.asarray(shown_taps(kernels), dtype=np.float32)),
                "kinds": encode(_kind_numbers(kernels)),
                "kindWords": [KIND_WORDS[name] for name in KINDS],
                "kindGlyphs": [style.KIND_GLYPHS[name] for name in KINDS],
                "outputs": num_outputs,
                "numTaps": num_taps,
                "moments": _moments(steps),
                "startsKnown": starts_known,
                "title": title,
                "snapshot": first,
                "height": height,
                "form": form,
                "order": None if order is None else [int(number) for number in order],
                "output": selected,
                "layers": _layers(shares, len(steps)) if shares else None,
                "colours": dict(style.DIRECTION_COLOURS),
            }
        ),
        default={"snapshot": first, "form": form},
        on_snapshot_change=_rerun,
        on_form_change=_rerun,
        on_layer_change=lambda: on_layer(st.session_state[key]["layer"]) if on_layer else None,
        on_output_change=lambda: _select(key),
    )
    # A checkpoint with fewer snapshots may have been chosen since the scrubber was released.
    return KernelChoice(min(int(result["snapshot"]), len(steps) - 1), result["layer"], result["form"], selected)


def _kind_numbers(kernels: Float[np.ndarray, "s o r k"]) -> UInt8[np.ndarray, "s o"]:
    """Return the place of each output's kind in KINDS, after the last where it has none."""
    kinds = kind(kernels)
    return np.select([kinds == name for name in KINDS], range(len(KINDS)), len(KINDS)).astype(np.uint8)


def _memory(key: str) -> str:
    return f"{key}: output"


def _select(key: str) -> None:
    """Remember a click before the page runs again, so that what is sent to the browser is not the selection before."""
    title, output, _ = st.session_state[_memory(key)]
    st.session_state[_memory(key)] = (title, output, st.session_state[key]["output"]["number"])


def _within(num_outputs: int, output: int | None) -> int | None:
    """The selected output; None where it was one of another, larger layer."""
    return output if output is not None and output < num_outputs else None


def _layers(shares: LayerShares, num_snapshots: int) -> dict[str, object]:
    """Return the data of the left drawing at as many snapshots as the kernels have; each snapshot is contiguous."""
    chosen = [*range(num_snapshots - 1), -1]
    drift = shares.drift
    return {
        "names": list(shares.layers),
        "paths": list(shares.paths or shares.layers),
        "startsKnown": [bool(known) for known in shares.starts_known] or [True] * len(shares.layers),
        "selected": shares.selected,
        "shares": encode(shares.shares[:, chosen].swapaxes(0, 1).astype(np.float32)),
        "drift": None if drift is None else encode(drift[:, chosen].T.astype(np.float32)),
    }


def _moments(steps: Sequence[int]) -> list[str]:
    """Return the label of each snapshot; those of a file that counts no steps are before and after training."""
    if list(steps) == [0, 0]:
        return ["before training", "after training"]
    return [f"step {step}" for step in steps]


def _rerun() -> None:
    """The page reads the new value when it runs again; Streamlit wants a callback for every value it hands over."""


def _check(kernels: np.ndarray, steps: Sequence[int], shares: LayerShares | None, height: int) -> None:
    if kernels.ndim != 4 or kernels.shape[-1] < 3 or kernels.shape[-1] % 2 == 0:
        raise ValueError(
            f"The barcode takes kernels (snapshots, outputs, signals, k), k odd and at least 3, the present in the "
            f"middle; got {kernels.shape}."
        )
    if not 1 <= kernels.shape[1] <= MAX_OUTPUTS:
        raise ValueError(f"The barcode shows 1 to {MAX_OUTPUTS} outputs; got {kernels.shape[1]}.")
    if len(steps) != len(kernels) or not len(steps):
        raise ValueError(
            f"There must be one step for each snapshot; got {len(steps)} steps and {len(kernels)} snapshots."
        )
    if not np.isfinite(kernels).all():
        raise ValueError("The taps of this layer contain NaN or infinity, so they cannot be drawn.")
    if height < 120:
        raise ValueError(f"The barcode needs at least 120 pixels of height; got {height}.")
    if shares is not None and shares.shares.shape[1] < len(steps):
        raise ValueError(
            f"The shares must have at least the {len(steps)} snapshots of the kernels; got {shares.shares.shape[1]}."
        )


def _check_choices(num_outputs: int, form: str, order: Sequence[int] | None, output: int | None) -> None:
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}; got {form!r}.")
    if order is not None and sorted(order) != list(range(num_outputs)):
        raise ValueError(f"order must name each of the {num_outputs} outputs once; got {list(order)}.")
    if output is not None and not 0 <= output < num_outputs:
        raise ValueError(f"output must be one of the {num_outputs} outputs, 0 to {num_outputs - 1}; got {output}.")
