"""What training did to the kernels over time of a network: where each output looks, and how far it moved.

A learnable shift is a dense convolution over three frames. At its initialisation half of the outputs read the next
frame ("look ahead") and half the previous one ("look back"). Here every output's kernel is reduced to its effective
taps and sorted into looks back, stays or looks ahead, for every snapshot that training left. Other networks have
kernels over three frames or more, in space too, over which they are summed; where nobody knows how a layer began,
everything that compares with its beginning is NaN.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from analysis.palette import DIRECTION_VERBS, DIRECTION_WORDS, DIRECTIONS, Direction
from analysis.wording import block_name, block_names, percent, three_digits
from gte import checkpoint, cli
from gte.checkpoint import KernelHistory

UNDEFINED = "undefined"
"""The direction of a kernel that holds NaN or infinity."""

THRESHOLD = 1 / 3
"""Frames between the present and the centre of mass of an output that looks away: a third of [-1, 1] for each class.

It is the same for kernels of more taps: an output that reads the next frame alone looks ahead, however far it could.
"""

NO_KERNELS = (
    "has no kernels over time: a hard shift (TSM), or no mixing of frames at all (C2D), leaves nothing to learn."
)
"""What is said of such a network, behind its name."""


def effective_taps(weight: Float[Tensor, "*s o i k 1"]) -> Float[Tensor, "*s o k"]:
    """Each output's kernel over time, summed over its inputs: its answer to a signal that all channels share.

    The k taps are those of frames t-k//2 to t+k//2; of three, t-1, t and t+1. Weights of opposite sign cancel, while
    many small ones of one sign add up: an output can change its direction although the one large weight that it
    started with hardly moved.
    """
    return weight.squeeze(-1).sum(dim=-2)


def centre_of_mass(taps: Float[Tensor, "*s o k"]) -> Float[Tensor, "*s o"]:
    """Where in time each output looks, in frames of its layer's input: sum(j |a_j|) / sum |a_j|, j from -k//2 to k//2.

    -1 reads the previous frame alone, 1 the next one alone. A kernel of zeros favours neither: 0. NaN stays NaN.
    Raises ValueError for an even number of taps, which has none for the present.
    """
    num_taps = taps.shape[-1]
    if num_taps % 2 == 0:
        raise ValueError(f"A kernel over time has an odd number of taps, the present in the middle; got {num_taps}.")
    size = taps.double().abs()
    mass = size.sum(dim=-1)
    offsets = torch.arange(num_taps, dtype=torch.float64) - num_taps // 2
    moment = (size * offsets).sum(dim=-1)
    return torch.where(mass == 0, torch.zeros_like(mass), moment / mass)


def direction(taps: Float[Tensor, "*s o k"], threshold: float = THRESHOLD) -> Shaped[np.ndarray, "*s o"]:
    """ "back", "stay" or "ahead" for each output, by its centre of mass c of |a|: back if c < -1/3, ahead if c > 1/3.

    What lies exactly on a threshold stays. A kernel of zeros looks nowhere and counts as "stay"; `summarise` counts
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


def summarise(histories: Sequence[KernelHistory]) -> pd.DataFrame:
    """One row per layer and snapshot, in the order given.

    Columns: layer (module path), block (its short name), step, outputs; back, stay, ahead (shares of the outputs) and
    back0, stay0, ahead0 (at the initialisation); left_back, left_stay, left_ahead (shares of all outputs that began in
    that class and are in another one now); turned (their sum); silent, undefined (numbers of outputs); centre_of_mass
    (mean, in frames); drift |W - W0| / |W0| and cosine of W and W0 (both NaN where they are not defined). Where the
    initialisation is unknown, all columns that compare with it are NaN. No two layers share a short name.
    """
    if not histories:
        return pd.DataFrame(columns=pd.Index(_COLUMNS))
    table = pd.concat([pd.DataFrame(_measure(history)) for history in histories], ignore_index=True)
    names = block_names([history.layer for history in histories])
    return table.assign(block=[names[layer] for layer in table["layer"]])


_COLUMNS = (
    *("layer", "block", "step", "outputs"),
    *DIRECTIONS,
    *(f"{name}0" for name in DIRECTIONS),
    *(f"left_{name}" for name in DIRECTIONS),
    *("turned", "silent", "undefined", "centre_of_mass", "drift", "cosine"),
)


def _measure(history: KernelHistory) -> dict[str, list]:
    """The columns of `summarise` for one layer, one value per snapshot."""
    weights = history.weights.float()
    steps = history.steps.tolist()
    taps = effective_taps(weights)
    now = direction(taps)  # (snapshots, outputs)
    repeat = len(steps)
    columns: dict[str, list] = {
        "layer": [history.layer] * repeat,
        "block": [block_name(history.layer)] * repeat,
        "step": steps,
        "outputs": [now.shape[1]] * repeat,
    }
    columns |= {name: (now == name).mean(axis=1).tolist() for name in DIRECTIONS}
    columns |= _comparison(weights, now, history.initial)
    columns |= {
        "silent": (taps == 0).all(dim=-1).sum(dim=-1).tolist(),
        "undefined": (now == UNDEFINED).sum(axis=1).tolist(),
        "centre_of_mass": centre_of_mass(taps).mean(dim=-1).tolist(),
    }
    return {name: columns[name] for name in _COLUMNS}


_COMPARISONS = (
    *(f"{name}0" for name in DIRECTIONS),
    *(f"left_{name}" for name in DIRECTIONS),
    *("turned", "drift", "cosine"),
)


def _comparison(
    weights: Float[Tensor, "s o i k 1"], now: Shaped[np.ndarray, "s o"], start: Float[Tensor, "o i k 1"] | None
) -> dict[str, list]:
    """Those columns that compare each snapshot with the initialisation."""
    if start is None:
        return {name: [math.nan] * len(weights) for name in _COMPARISONS}
    initial = direction(effective_taps(start.float()))  # (outputs,)
    drift, cosine = _movement(weights, start.float())
    left = {name: ((initial == name) & (now != name)).mean(axis=1) for name in DIRECTIONS}
    columns: dict[str, list] = {f"{name}0": [float((initial == name).mean())] * len(weights) for name in DIRECTIONS}
    columns |= {f"left_{name}": left[name].tolist() for name in DIRECTIONS}
    turned = (now != initial).mean(axis=1)
    return columns | {"turned": turned.tolist(), "drift": drift.tolist(), "cosine": cosine.tolist()}


def _movement(
    weights: Float[Tensor, "s o i k 1"], initial: Float[Tensor, "o i k 1"]
) -> tuple[Float[Tensor, " s"], Float[Tensor, " s"]]:
    """Relative distance |W - W0| / |W0| and cosine to the initialisation, per snapshot."""
    flat, origin = weights.flatten(1), initial.flatten()  # (snapshots, o*i*k) and (o*i*k,)
    norm, norm_origin = torch.linalg.vector_norm(flat, dim=1), torch.linalg.vector_norm(origin)
    drift = torch.linalg.vector_norm(flat - origin, dim=1) / norm_origin
    # Rounding puts the cosine of a vector with itself a hair above one.
    cosine = (flat @ origin / (norm * norm_origin)).clamp(-1, 1)
    return drift, cosine


def at_the_end(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of `summarise` for the last snapshot of each layer, in order of depth."""
    return summary.groupby("layer", sort=False).tail(1)


def block_names_of(summary: pd.DataFrame) -> dict[str, str]:
    """The short name of every layer of `summarise`, in its order."""
    return dict(zip(summary["layer"].tolist(), summary["block"].tolist(), strict=True))


def knows_course(summary: pd.DataFrame) -> bool:
    """True if the layers' way through training is known: where they began, and at which step they were elsewhere."""
    return bool((summary["step"].to_numpy(dtype=int)[knows_start(summary)] > 0).any())


def knows_start(rows: pd.DataFrame) -> Bool[np.ndarray, " r"]:
    """For each row of `summarise`, False if nobody knows how its layer began."""
    return rows["back0"].notna().to_numpy(dtype=bool)


def most_moved(summary: pd.DataFrame) -> str:
    """The layer with the largest drift at the end; the first one where none has a drift that is a number.

    Where no initialisation is known it is the layer that `drift_finding` names. Raises ValueError if there is no layer.
    """
    last = at_the_end(summary)
    if last.empty:
        raise ValueError("This checkpoint has no kernels over time, so none of them moved.")
    if not knows_start(last).any():
        return str(_looks_away_most(last)[0]["layer"])
    drift = last["drift"].fillna(-1.0)
    return str(last.loc[drift.idxmax(), "layer"])


def drift_finding(summary: pd.DataFrame) -> str:
    """One to three sentences on the last snapshot of each layer of `summarise`: what moved most, and what it did.

    Where the initialisation is unknown it says so, and what the layers do now.
    """
    if summary.empty:
        return f"This network {NO_KERNELS}"
    last = at_the_end(summary)
    drift_missing = np.isnan(last["drift"].to_numpy(dtype=float)) & knows_start(last)
    is_broken = last["undefined"].to_numpy(dtype=int).astype(bool) | drift_missing
    if is_broken.all():
        return "No drift can be told: the weights of every layer hold values that are not numbers."
    broken, whole = _where(last, is_broken), _where(last, ~is_broken)
    known, unknown = _where(whole, knows_start(whole)), _where(whole, ~knows_start(whole))
    if known.empty:
        finding = f"How the layers began is unknown, and so is their drift. {_as_it_is(unknown)}"
    else:
        finding = _most_moved(known)
        if len(unknown):
            finding += f" How {', '.join(unknown['block'])} began is unknown."
    if len(broken):
        names = ", ".join(broken["block"])
        return f"The weights of {names} hold values that are not numbers; of the others, {_lower(finding)}"
    return finding


def _where(rows: pd.DataFrame, mask: Bool[np.ndarray, " r"]) -> pd.DataFrame:
    return rows.take(np.flatnonzero(mask).tolist())


def _lower(finding: str) -> str:
    """A sentence as it goes on behind a comma; the names of layers stay as they are."""
    return finding[0].lower() + finding[1:]


SIDES: tuple[Direction, ...] = ("back", "ahead")


def _looks_away_most(last: pd.DataFrame) -> tuple[dict[str, Any], Direction]:
    """The row and the direction, back or ahead, in which most of the layer's outputs look."""
    rows = [{str(name): value for name, value in row.items()} for row in last.to_dict("records")]
    side: Direction = max(SIDES, key=lambda side: max(row[side] for row in rows))
    return max(rows, key=lambda row: row[side]), side


def _as_it_is(last: pd.DataFrame) -> str:
    row, side = _looks_away_most(last)
    if row[side] == 0:
        return "Every output stays in the present."
    verb = DIRECTION_WORDS[side]
    if len(last) == 1:
        return f"{percent(row[side])} of the outputs of {row['block']} {DIRECTION_VERBS[side]}."
    return f"{row['block']} {verb} most: {percent(row[side])} of its outputs."


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
        return f"{subject}: {percent(left[name])} of its outputs no longer {DIRECTION_VERBS[name]}."
    if only:
        return f"{subject}, yet every output still looks where it began."
    return f"{subject}, by {percent(row['drift'])} of its initial weight, yet every output still looks where it began."


def main(ckpt: Path, json: bool = False) -> None:
    """Print, per layer, where the outputs of its kernels over time look and how far they drifted.

    Kernels that span space as well are summed over it. What nobody knows is "unknown", in JSON null.

    Args:
        ckpt: A .safetensors file written by gte.train or gte.convert.
        json: Print a list of objects on standard output.
    """
    summary = at_the_end(summarise(checkpoint.load_histories(ckpt)))
    rows = [{str(name): value for name, value in row.items()} for row in summary.to_dict("records")]
    if json:
        cli.print_json(rows)
        return
    if rows:
        print(_as_text(rows))
    cli.say(drift_finding(summary))


def _as_text(rows: list[dict[str, Any]]) -> str:
    width = max(12, 2 + max(len(row["block"]) for row in rows))
    titles = f"{'outputs':>9}{'looks back':>20}{'stays':>16}{'looks ahead':>20}{'drift':>10}{'cosine':>9}"
    lines = [f"{'layer':<{width}}{titles}"]
    for row in rows:
        unknown = math.isnan(row["back0"])
        shares = [
            percent(row[name]) if unknown else f"{percent(row[f'{name}0'])} → {percent(row[name])}"
            for name in DIRECTIONS
        ]
        drift, cosine = ("unknown" if unknown else three_digits(row[name]) for name in ("drift", "cosine"))
        lines.append(
            f"{row['block']:<{width}}{row['outputs']:>9}{shares[0]:>20}{shares[1]:>16}{shares[2]:>20}"
            f"{drift:>10}{cosine:>9}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.kernels")
