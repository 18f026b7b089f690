"""The kernel barcode: one layer's outputs and their taps, scrubbed and played over training in the browser."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from streamlit.components.v2 import component

from analysis import palette
from app.components._source import encode, read

MOST_OUTPUTS = 4096

_barcode = component(
    "kernel_barcode",
    html=read("kernel_barcode.html"),
    css=read("common.css", "kernel_barcode.css"),
    js=read("common.js", "kernel_barcode.js"),
)


@dataclass(frozen=True, kw_only=True)
class LayerShares:
    """For each layer and snapshot the shares of outputs that look back, stay and look ahead."""

    layers: Sequence[str]
    """Names as shown, in network order."""

    shares: Float[np.ndarray, "l s 3"]
    """Between 0 and 1; the three of a layer and snapshot add up to at most 1."""

    selected: str = ""
    """The layer whose kernels stand beside; its row is marked."""

    @classmethod
    def from_summary(cls, summary: pd.DataFrame, selected: str = "") -> "LayerShares":
        """Take them from `analysis.kernels.summarise`, with the layers' short names; so is `selected`.

        Raises ValueError if the layers do not all have the same number of snapshots.
        """
        parts = [part for _, part in summary.groupby("layer", sort=False)]
        if len({len(part) for part in parts}) != 1:
            raise ValueError("The layers of the summary must have equally many snapshots, and there must be one layer.")
        shares = np.stack([part[list(palette.DIRECTIONS)].to_numpy(dtype=np.float32) for part in parts])
        return cls(layers=[str(part["block"].iloc[0]) for part in parts], shares=shares, selected=selected)


@dataclass(frozen=True)
class KernelChoice:
    """What the reader has chosen."""

    snapshot: int
    """Index of the snapshot at which the scrubber was last released."""

    layer: str | None
    """The layer whose row was clicked just now; None in every other rerun."""


def kernel_barcode(
    taps: Float[np.ndarray, "s o k"],
    steps: Sequence[int],
    *,
    title: str,
    key: str,
    snapshot: int = -1,
    shares: LayerShares | None = None,
    height: int = 340,
    starts_known: bool = True,
) -> KernelChoice:
    """Draw one layer's kernels, a row an output and a column a tap (t-1, t, t+1, or more), at one of its snapshots.

    The first snapshot is the initialisation, outlined as a ghost, unless `starts_known` is False. Hue is the direction,
    alpha the size against the largest tap of all snapshots, a hatch marks negative taps. Scrubbing and playing animate
    without a message to the server; the release of the scrubber reruns the page with the new `snapshot`; a single
    snapshot has no scrubber. `snapshot` is the one shown first (negative counts from the last), `height` that of the
    drawing in CSS pixels. Raises ValueError for wrong sizes.
    """
    _check(taps, steps, shares, height)
    if not -len(steps) <= snapshot < len(steps):
        raise ValueError(f"snapshot must be one of the {len(steps)} snapshots; got {snapshot}.")
    first = int(np.arange(len(steps))[snapshot])
    result = _barcode(
        key=key,
        data={
            "taps": encode(np.asarray(taps, dtype=np.float32)),
            "outputs": taps.shape[1],
            "numTaps": taps.shape[2],
            "moments": _moments(steps),
            "startsKnown": starts_known,
            "title": title,
            "snapshot": first,
            "height": height,
            # (snapshots, layers, 3), so that one snapshot is one piece
            "shares": encode(np.asarray(shares.shares, dtype=np.float32).swapaxes(0, 1)) if shares else None,
            "layers": list(shares.layers) if shares else [],
            "layer": shares.selected if shares else "",
            "colours": dict(palette.DIRECTION_COLOURS),
        },
        default={"snapshot": first},
        on_snapshot_change=_rerun,
        on_layer_change=_rerun,
    )
    # A checkpoint with fewer snapshots may have been chosen since the scrubber was released.
    return KernelChoice(min(int(result["snapshot"]), len(steps) - 1), result["layer"])


def _moments(steps: Sequence[int]) -> list[str]:
    """What the scrubber says at each snapshot; of a file that counts no steps, start and end."""
    if list(steps) == [0, 0]:
        return ["at the start", "now"]
    return [f"step {step}" for step in steps]


def _rerun() -> None:
    """The page reads the new value when it runs again; Streamlit wants a callback for every value it hands over."""


def _check(taps: np.ndarray, steps: Sequence[int], shares: LayerShares | None, height: int) -> None:
    if taps.ndim != 3 or taps.shape[-1] < 3 or taps.shape[-1] % 2 == 0:
        raise ValueError(
            f"The barcode takes taps (snapshots, outputs, k), k odd and at least 3, the present in the middle; "
            f"got {taps.shape}."
        )
    if not 1 <= taps.shape[1] <= MOST_OUTPUTS:
        raise ValueError(f"The barcode shows 1 to {MOST_OUTPUTS} outputs; got {taps.shape[1]}.")
    if len(steps) != len(taps) or not len(steps):
        raise ValueError(f"There must be one step for each snapshot; got {len(steps)} steps and {len(taps)} snapshots.")
    if not np.isfinite(taps).all():
        raise ValueError("The taps of this layer hold values that are not numbers, so they cannot be drawn.")
    if height < 120:
        raise ValueError(f"The barcode needs at least 120 pixels of height; got {height}.")
    if shares is not None and shares.shares.shape != (len(shares.layers), len(steps), 3):
        raise ValueError(
            f"The shares must be (layers, snapshots, 3) = ({len(shares.layers)}, {len(steps)}, 3); "
            f"got {shares.shares.shape}."
        )
