"""What training did to the kernels over time of a network, layer by layer and snapshot by snapshot.

A learnable shift is a dense convolution over three frames. At its initialisation half of the outputs read the next
frame ("look ahead") and half the previous one ("look back"). Here every output's kernel is reduced to a few taps and
sorted, for every snapshot that training left. Other networks have kernels over three frames or more, in space too, over
which they are summed; where nobody knows how a layer began, everything that compares with its beginning is NaN.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from analysis.formatting import (
    DIRECTION_VERBS,
    DIRECTION_WORDS,
    DIRECTIONS,
    Direction,
    block_name,
    block_names,
    percent,
)
from analysis.kernels.taps import (
    KINDS,
    UNDEFINED,
    centre_of_mass,
    direction,
    effective_taps,
    kind,
    own_inputs,
    own_taps,
)
from gte.kernel_history import KernelHistory

NO_KERNELS = (
    "has no kernels over time: a hard shift (TSM), or no mixing of frames at all (C2D), leaves nothing to learn."
)
"""What is said of such a network, behind its name."""

Reading = Literal["summed", "own"]
"""Which taps of an output are read: summed over its inputs, or those for the one input that it began with."""
READINGS: Final[tuple[Reading, ...]] = get_args(Reading)


def read_taps(history: KernelHistory, reading: Reading = "summed") -> Float[Tensor, "s o k"]:
    """The taps of every output at each snapshot. A layer whose outputs began with no input of their own is summed."""
    weights = history.weights.float()
    own = own_inputs(history.initial) if reading == "own" else None
    return effective_taps(weights) if own is None else own_taps(weights, own)


def reduced(history: KernelHistory, reading: Reading = "summed") -> KernelHistory:
    """The history of the taps alone, as of a layer with one input: small, and read in the same way."""
    return replace(history, weights=read_taps(history, reading)[:, :, None, :, None])


def summarise(histories: Sequence[KernelHistory], reading: Reading = "summed") -> pd.DataFrame:
    """One row per layer and snapshot, in the order given.

    Columns: layer (module path), block (its short name), step, outputs; back, stay, ahead (shares of the outputs) and
    back0, stay0, ahead0 (at the initialisation); left_back, left_stay, left_ahead (shares of all outputs that began in
    that class and are in another one now); turned (their sum); silent, undefined (numbers of outputs); centre_of_mass
    and centre_of_mass0 (means, in frames); for each of KINDS kind_... and kind0_... (shares of the outputs by the finer
    sorting); drift |W - W0| / |W0| and cosine of W and W0 (both NaN where they are not defined), and of |W - W0|^2 the
    shares drift_tap, drift_softening and drift_mixing, as `drift_parts` has them. Where the initialisation is unknown,
    all columns that compare with it are NaN. No two layers share a short name. Drift does not depend on the reading.
    """
    if not histories:
        return pd.DataFrame(columns=pd.Index(_COLUMNS))
    table = pd.concat([pd.DataFrame(_measure(history, reading)) for history in histories], ignore_index=True)
    names = block_names([history.layer for history in histories])
    return table.assign(block=[names[layer] for layer in table["layer"]])


DRIFT_PARTS: Final = ("drift_tap", "drift_softening", "drift_mixing")

_STARTS = (*(f"{name}0" for name in DIRECTIONS), *(f"left_{name}" for name in DIRECTIONS), "turned")
_KINDS = tuple(f"kind_{name}" for name in KINDS)
_STARTING_KINDS = tuple(f"kind0_{name}" for name in KINDS)
_COMPARISONS = (*_STARTS, "centre_of_mass0", *_STARTING_KINDS, "drift", "cosine", *DRIFT_PARTS)
"""The columns that compare with the initialisation."""

_COLUMNS = (
    *("layer", "block", "step", "outputs"),
    *DIRECTIONS,
    *_STARTS,
    *("silent", "undefined", "centre_of_mass", "centre_of_mass0"),
    *_KINDS,
    *_STARTING_KINDS,
    *("drift", "cosine"),
    *DRIFT_PARTS,
)


def _measure(history: KernelHistory, reading: Reading) -> dict[str, list]:
    """The columns of `summarise` for one layer, one value per snapshot."""
    steps = history.steps.tolist()
    taps = read_taps(history, reading)
    now, kinds = direction(taps), kind(taps)  # (snapshots, outputs)
    repeat = len(steps)
    columns: dict[str, list] = {
        "layer": [history.layer] * repeat,
        "block": [block_name(history.layer)] * repeat,
        "step": steps,
        "outputs": [now.shape[1]] * repeat,
        "silent": (taps == 0).all(dim=-1).sum(dim=-1).tolist(),
        "undefined": (now == UNDEFINED).sum(axis=1).tolist(),
        "centre_of_mass": centre_of_mass(taps).mean(dim=-1).tolist(),
    }
    columns |= {name: (now == name).mean(axis=1).tolist() for name in DIRECTIONS}
    columns |= {f"kind_{name}": (kinds == name).mean(axis=1).tolist() for name in KINDS}
    start = history.initial
    if start is None:
        columns |= {name: [math.nan] * repeat for name in _COMPARISONS}
    else:
        columns |= _changes(taps, now) | _movement(history.weights.float(), start.float())
    return {name: columns[name] for name in _COLUMNS}


def _changes(taps: Float[Tensor, "s o k"], now: Shaped[np.ndarray, "s o"]) -> dict[str, list]:
    """Those columns that compare the directions of each snapshot with those of the first, the initialisation."""
    repeat = len(taps)
    initial = now[0]
    left = {name: ((initial == name) & (now != name)).mean(axis=1) for name in DIRECTIONS}
    columns: dict[str, list] = {f"{name}0": [float((initial == name).mean())] * repeat for name in DIRECTIONS}
    columns |= {f"left_{name}": left[name].tolist() for name in DIRECTIONS}
    columns |= {f"kind0_{name}": [float((kind(taps[0]) == name).mean())] * repeat for name in KINDS}
    centre = float(centre_of_mass(taps[0]).mean())
    return columns | {"turned": (now != initial).mean(axis=1).tolist(), "centre_of_mass0": [centre] * repeat}


def _movement(weights: Float[Tensor, "s o i k 1"], initial: Float[Tensor, "o i k 1"]) -> dict[str, list]:
    """Relative distance |W - W0| / |W0|, its parts, and cosine to the initialisation, per snapshot."""
    flat, origin = weights.flatten(1), initial.flatten()  # (snapshots, o*i*k) and (o*i*k,)
    norm, norm_origin = torch.linalg.vector_norm(flat, dim=1), torch.linalg.vector_norm(origin)
    parts = drift_parts(weights, initial)
    drift = parts.sum(dim=1).sqrt() / norm_origin
    # Rounding puts the cosine of a vector with itself a hair above one.
    cosine = (flat @ origin / (norm * norm_origin)).clamp(-1, 1)
    shares = torch.where(parts.sum(dim=1, keepdim=True) == 0, 0, parts / parts.sum(dim=1, keepdim=True))
    columns = {"drift": drift.tolist(), "cosine": cosine.tolist()}
    return columns | {name: share.tolist() for name, share in zip(DRIFT_PARTS, shares.T, strict=True)}


def drift_parts(weights: Float[Tensor, "s o i k 1"], initial: Float[Tensor, "o i k 1"]) -> Float[Tensor, "s 3"]:
    """|W - W0|^2 of each snapshot in three parts, which add up to it.

    Along the taps that the initialisation has; onto the other taps of the inputs that it reads (the hard shift
    softens); onto inputs that it does not read (channels mix).
    """
    change = (weights - initial).square().double()
    has_tap = initial != 0
    reads = has_tap.any(dim=2, keepdim=True).expand_as(has_tap)
    masks = (has_tap, reads & ~has_tap, ~reads)
    return torch.stack([(change * mask).flatten(1).sum(dim=1) for mask in masks], dim=1).float()


def at_the_end(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of `summarise` for the last snapshot of each layer, in order of depth."""
    return summary.groupby("layer", sort=False).tail(1)


def at_snapshot(summary: pd.DataFrame, snapshot: int) -> pd.DataFrame:
    """One row of `summarise` per layer, of a snapshot, or of the last where a layer has fewer.

    Negative numbers count from the last. Raises IndexError for a snapshot that no layer has.
    """
    parts = [part for _, part in summary.groupby("layer", sort=False)]
    longest = max(map(len, parts), default=0)
    if parts and not -longest <= snapshot < longest:
        raise IndexError(f"The layers have {longest} snapshots; got {snapshot}.")
    place = range(longest)[snapshot] if parts else 0
    return pd.concat([summary.iloc[:0], *(part.iloc[[min(place, len(part) - 1)]] for part in parts)])


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


def drift_finding(summary: pd.DataFrame, snapshot: int = -1) -> str:
    """One to three sentences on a snapshot of each layer of `summarise`: what moved most, and what it did.

    Where the initialisation is unknown it says so, and what the layers do now. A snapshot before the last is named by
    its step. Raises IndexError for a snapshot that no layer has.
    """
    if summary.empty:
        return f"This network {NO_KERNELS}"
    rows = at_snapshot(summary, snapshot)
    when = max(rows["step"].tolist())
    if when == max(summary["step"].tolist()):
        return _finding(rows)
    return f"At step {when:,}: {_finding(rows)}"


def _finding(last: pd.DataFrame) -> str:
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
