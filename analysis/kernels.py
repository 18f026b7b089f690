"""What training did to the learnable temporal shifts: where each output looks in time, and how far it moved.

A learnable shift is a dense convolution over three frames. At its initialisation half of the outputs read the next
frame ("look ahead") and half the previous one ("look back"). Here every output's kernel is reduced to its three
effective taps and sorted into looks back, stays or looks ahead, for every snapshot that training left.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from analysis.palette import DIRECTION_WORDS, DIRECTIONS
from analysis.wording import block_name, percent, three_digits
from gte import checkpoint, cli
from gte.checkpoint import KernelHistory

UNDEFINED = "undefined"
"""The direction of a kernel that holds NaN or infinity."""

THRESHOLD = 1 / 3
"""Frames between the present and the centre of mass of an output that looks away: a third of [-1, 1] for each class."""


def effective_taps(weight: Float[Tensor, "*s o i 3 1"]) -> Float[Tensor, "*s o 3"]:
    """Each output's kernel over time, summed over its inputs: its answer to a signal that all channels share.

    The taps are those of frames t-1, t and t+1. Weights of opposite sign cancel, while many small ones of one sign add
    up: an output can change its direction although the one large weight that it started with hardly moved.
    """
    return weight.squeeze(-1).sum(dim=-2)


def centre_of_mass(taps: Float[Tensor, "*s o 3"]) -> Float[Tensor, "*s o"]:
    """Where in time each output looks, in frames: sum(k |a_k|) / sum |a_k| with k = -1, 0, 1.

    -1 reads the previous frame alone, 1 the next one alone. A kernel of zeros favours neither: 0. NaN stays NaN.
    """
    size = taps.double().abs()
    mass = size.sum(dim=-1)
    moment = size[..., 2] - size[..., 0]
    return torch.where(mass == 0, torch.zeros_like(mass), moment / mass)


def direction(taps: Float[Tensor, "*s o 3"], threshold: float = THRESHOLD) -> Shaped[np.ndarray, "*s o"]:
    """ "back", "stay" or "ahead" for each output, by its centre of mass c of |a|: back if c < -1/3, ahead if c > 1/3.

    What lies exactly on a threshold stays. A kernel of zeros looks nowhere and counts as "stay"; `layer_summary` counts
    those as `silent` as well. A kernel with NaN or infinity is "undefined" and belongs to none of the three.
    """
    centre = centre_of_mass(taps).numpy()
    names = np.select(
        [~np.isfinite(centre), _beyond(-centre, threshold), _beyond(centre, threshold)],
        [UNDEFINED, "back", "ahead"],
        default="stay",
    )
    return np.asarray(names)


def _beyond(centre: np.ndarray, threshold: float) -> np.ndarray:
    # (0, 2, 1) has its centre at exactly 1/3; the quotient of two rounded sums must not decide its class.
    return centre > threshold + 1e-6


def layer_summary(history: KernelHistory, snapshot: int = -1) -> dict[str, Any]:
    """One row of `summarise`, for one layer at one snapshot (negative counts from the last)."""
    chosen = int(np.arange(len(history.weights))[snapshot])
    rows = _measure(history, slice(chosen, chosen + 1))
    return {name: values[0] for name, values in rows.items()}


def summarise(histories: Sequence[KernelHistory]) -> pd.DataFrame:
    """One row per layer and snapshot, in the order given.

    Columns: layer (module path), block (its short name), step, outputs; back, stay, ahead (shares of the outputs) and
    back0, stay0, ahead0 (at the initialisation); left_back, left_stay, left_ahead (shares of all outputs that began in
    that class and are in another one now); turned (their sum); silent, undefined (numbers of outputs); centre_of_mass
    (mean, in frames); drift |W - W0| / |W0| and cosine of W and W0 (both NaN where they are not defined).
    """
    if not histories:
        return pd.DataFrame(columns=pd.Index(_COLUMNS))
    return pd.concat([pd.DataFrame(_measure(history)) for history in histories], ignore_index=True)


_COLUMNS = (
    *("layer", "block", "step", "outputs"),
    *DIRECTIONS,
    *(f"{name}0" for name in DIRECTIONS),
    *(f"left_{name}" for name in DIRECTIONS),
    *("turned", "silent", "undefined", "centre_of_mass", "drift", "cosine"),
)


def _measure(history: KernelHistory, snapshots: slice = slice(None)) -> dict[str, list]:
    """The columns of `summarise` for the chosen snapshots of one layer, one value per snapshot."""
    weights = history.weights[snapshots].float()
    steps = np.asarray(history.steps)[snapshots]
    taps = effective_taps(weights)
    now = direction(taps)  # (snapshots, outputs)
    initial = direction(effective_taps(history.initial.float()))  # (outputs,)
    drift, cosine = _movement(weights, history.initial.float())
    left = {name: ((initial == name) & (now != name)).mean(axis=1) for name in DIRECTIONS}
    repeat = len(steps)
    columns: dict[str, list] = {
        "layer": [history.layer] * repeat,
        "block": [block_name(history.layer)] * repeat,
        "step": [int(step) for step in steps],
        "outputs": [now.shape[1]] * repeat,
    }
    columns |= {name: (now == name).mean(axis=1).tolist() for name in DIRECTIONS}
    columns |= {f"{name}0": [float((initial == name).mean())] * repeat for name in DIRECTIONS}
    columns |= {f"left_{name}": left[name].tolist() for name in DIRECTIONS}
    columns |= {
        "turned": (now != initial).mean(axis=1).tolist(),
        "silent": (taps == 0).all(dim=-1).sum(dim=-1).tolist(),
        "undefined": (now == UNDEFINED).sum(axis=1).tolist(),
        "centre_of_mass": centre_of_mass(taps).mean(dim=-1).tolist(),
        "drift": drift.tolist(),
        "cosine": cosine.tolist(),
    }
    return columns


def _movement(
    weights: Float[Tensor, "s o i 3 1"], initial: Float[Tensor, "o i 3 1"]
) -> tuple[Float[Tensor, " s"], Float[Tensor, " s"]]:
    """Relative distance |W - W0| / |W0| and cosine to the initialisation, per snapshot."""
    flat, origin = weights.flatten(1), initial.flatten()  # (snapshots, o*i*3) and (o*i*3,)
    norm, norm_origin = torch.linalg.vector_norm(flat, dim=1), torch.linalg.vector_norm(origin)
    drift = torch.linalg.vector_norm(flat - origin, dim=1) / norm_origin
    # Rounding puts the cosine of a vector with itself a hair above one.
    cosine = (flat @ origin / (norm * norm_origin)).clamp(-1, 1)
    return drift, cosine


def at_the_end(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of `summarise` for the last snapshot of each layer, in order of depth."""
    return summary.groupby("layer", sort=False).tail(1)


def most_moved(summary: pd.DataFrame) -> str:
    """The layer with the largest drift at the end; the first one where none has a drift that is a number.

    Raises ValueError if there is no layer.
    """
    last = at_the_end(summary)
    if last.empty:
        raise ValueError("This checkpoint has no learnable shifts, so none of them moved.")
    drift = last["drift"].fillna(-1.0)
    return str(last.loc[drift.idxmax(), "layer"])


def drift_finding(summary: pd.DataFrame) -> str:
    """One or two sentences on the last snapshot of each layer of `summarise`: what moved most, and what it did."""
    if summary.empty:
        return "This checkpoint has no learnable shifts."
    last = at_the_end(summary)
    broken = last[last["undefined"].gt(0) | last["drift"].isna()]
    if len(broken) == len(last):
        return "No drift can be told: the weights of every layer hold values that are not numbers."
    if len(broken):
        names = ", ".join(broken["block"])
        finding = _most_moved(last.drop(broken.index))
        return f"The weights of {names} hold values that are not numbers; of the others, {finding}"
    return _most_moved(last)


def _most_moved(last: pd.DataFrame) -> str:
    row = last.loc[last["drift"].idxmax()]
    block, only = row["block"], len(last) == 1
    if row["drift"] == 0:
        return (
            f"{block} has not moved from its initialisation." if only else "No layer has moved from its initialisation."
        )
    subject = f"{block} moved by {percent(row['drift'])} of its initial weight" if only else f"{block} moved most"
    left = {name: float(row[f"left_{name}"]) for name in DIRECTIONS}
    name = max(DIRECTIONS, key=lambda direction: left[direction])
    if left[name] > 0:
        verb = DIRECTION_WORDS[name].replace("looks", "look").replace("stays", "stay")
        return f"{subject}: {percent(left[name])} of its outputs no longer {verb}."
    if only:
        return f"{subject}, yet every output still looks where it began."
    return f"{subject}, by {percent(row['drift'])} of its initial weight, yet every output still looks where it began."


def main(ckpt: Path, json: bool = False) -> None:
    """Print, per layer, where the outputs of the learnable shifts look in time and how far they drifted.

    Args:
        ckpt: A .safetensors file written by gte.train.
        json: Print a list of objects on standard output.
    """
    rows = [layer_summary(history) for history in checkpoint.load_histories(ckpt)]
    if json:
        cli.print_json(rows)
        return
    print(_as_text(rows))
    cli.say(drift_finding(pd.DataFrame(rows, columns=pd.Index(_COLUMNS))))


def _as_text(rows: list[dict[str, Any]]) -> str:
    lines = [f"{'layer':<12}{'outputs':>9}{'looks back':>20}{'stays':>16}{'looks ahead':>20}{'drift':>10}{'cosine':>9}"]
    for row in rows:
        shares = [f"{percent(row[f'{name}0'])} → {percent(row[name])}" for name in DIRECTIONS]
        drift, cosine = three_digits(row["drift"]), three_digits(row["cosine"])
        lines.append(
            f"{row['block']:<12}{row['outputs']:>9}{shares[0]:>20}{shares[1]:>16}{shares[2]:>20}{drift:>10}{cosine:>9}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.kernels")
