"""Tables of counts: a row for each network, for each part of one, for each layer of a block."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Literal

import pandas as pd

from analysis.complexity.counting import Complexity, Uncountable
from analysis.complexity.layers import KINDS, Kind, Layer
from analysis.formatting import COST_UNITS, join_words, large_count, percent, three_digits

SELECTED, REFERENCE = "gte", "c2d"
"""The network of this project, and the one that it is compared with."""

NUMBERS = ("params", "macs_conv_linear", "macs", "macs_temporal", "macs_torch")
_COLUMNS = (
    "name",
    "label",
    "frames",
    "height",
    "width",
    "at_native",
    *NUMBERS,
    "agrees",
    "uncounted",
    "reason",
    "note",
    "views",
    "with_head",
)


def table(counts: Iterable[Complexity | Uncountable]) -> pd.DataFrame:
    """Return one row per network: names, clip, parameters, MACs, uncounted operators, or why there is no count.

    `at_native` is true where the clip is the network's native one and not the chosen one; `note` says where the network
    sees far less of the clip than in its publication.
    """
    rows = []
    for item in counts:
        row = as_plain(item)
        row |= row.pop("clip")
        row["uncounted"] = ", ".join(f"{kind} x {times}" for kind, times in (row["uncounted"] or {}).items())
        rows.append(row)
    frame = pd.DataFrame(rows, columns=pd.Index(_COLUMNS))
    kinds = dict.fromkeys((*NUMBERS, "views"), "Int64") | dict.fromkeys(("agrees", "at_native", "with_head"), "boolean")
    return frame.astype(kinds)


def as_plain(item: Complexity | Uncountable) -> dict[str, Any]:
    """Return a row as plain numbers, texts and dictionaries; numbers are None where there is no count."""
    row: dict[str, Any] = {"name": item.name, "label": item.label}
    others = ("agrees", "at_native", "views", "with_head")
    if isinstance(item, Complexity):
        row |= {column: getattr(item, column) for column in (*NUMBERS, *others)}
        row |= {"uncounted": dict(item.uncounted), "reason": None, "note": item.note}
    else:
        row |= dict.fromkeys((*NUMBERS, *others, "uncounted")) | {"reason": item.reason, "note": ""}
    return row | {"clip": asdict(item.clip), "options": dict(item.options)}


Level = Literal["stage", "block", "path"]
"""Parts of a network: its stages, their blocks, or single layers."""


def parts(item: Complexity, level: Level = "stage", of: str | None = None) -> pd.DataFrame:
    """Return the cost by part: one row for each part and kind of operator, in the order of the modules.

    Columns: part, kind, params, macs, share (of the network's MACs). `of` keeps the parts of one stage or, at the
    level "path", of one block or stage. With `of` absent the MACs add up to `item.macs` and the parameters to
    `item.params`, exactly. Raises ValueError if the network has no such stage or block.
    """
    kept = [layer for layer in item.layers if of in (None, layer.stage, layer.block)]
    if not kept:
        raise ValueError(f"The stages of {item.label} are {', '.join(stages(item))}; got {of}.")
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for layer in kept:
        part = getattr(layer, level)
        row = rows.setdefault((part, layer.kind), {"part": part, "kind": layer.kind, "params": 0, "macs": 0})
        row["params"] += layer.params
        row["macs"] += layer.macs
    frame = pd.DataFrame(list(rows.values()), columns=pd.Index(["part", "kind", "params", "macs"]))
    frame["share"] = frame["macs"] / max(item.macs, 1)
    return frame


def stages(item: Complexity) -> list[str]:
    """Return the stages of a network, in the order of its modules."""
    return list(dict.fromkeys(layer.stage for layer in item.layers))


def blocks(item: Complexity, stage: str | None = None) -> list[str]:
    """Return the blocks of a network or of one of its stages, in the order of its modules."""
    return list(dict.fromkeys(layer.block for layer in item.layers if stage in (None, layer.stage)))


def block_table(item: Complexity, block: str) -> pd.DataFrame:
    """Return every layer of a block: role, C_i, C_o, kernel, resolution, parameters, MACs, share of the network.

    Raises ValueError if the network has no such block.
    """
    kept = [layer for layer in item.layers if layer.block == block]
    if not kept:
        raise ValueError(f"The blocks of {item.label} are {', '.join(blocks(item))}; got {block}.")
    return pd.DataFrame(
        [
            {
                "layer": _inside(layer, block),
                "role": KINDS[layer.kind],
                "C_i": layer.in_channels,
                "C_o": layer.out_channels,
                "kernel": "x".join(map(str, layer.kernel)) if layer.kernel else "",
                "input_size": str(layer.input_size),
                "output_size": str(layer.output_size),
                "params": layer.params,
                "macs": layer.macs,
                "share": layer.macs / max(item.macs, 1),
            }
            for layer in kept
        ]
    )


def layer_table(item: Complexity) -> pd.DataFrame:
    """Return every layer of a network: the `block_table` of each block, with columns for network and block."""
    frames = []
    for block in blocks(item):
        frame = block_table(item, block)
        frame.insert(0, "network", item.name)
        frame.insert(1, "block", block)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def block_finding(item: Complexity, block: str, flops_per_mac: int = 1) -> str:
    """Say what a block costs as a whole. Raises ValueError if the network has no such block."""
    rows = block_table(item, block).to_dict("records")
    params, macs = (sum(row[column] for row in rows) for column in ("params", "macs"))
    unit = COST_UNITS[flops_per_mac]
    return (
        f"Together {large_count(params)} parameters and {large_count(macs * flops_per_mac)} {unit}, "
        f"{percent(macs / max(item.macs, 1))} of {item.label}'s."
    )


def _inside(layer: Layer, block: str) -> str:
    return layer.path.removeprefix(f"{block}.") or layer.path


def parts_finding(item: Complexity, flops_per_mac: int = 1) -> str:
    """Name the stage and the kind of operator that cost most, and the temporal part."""
    unit = COST_UNITS[flops_per_mac]
    by_stage: Counter[str] = Counter()
    by_kind: Counter[Kind] = Counter()
    for layer in item.layers:
        by_stage[layer.stage] += layer.macs
        by_kind[layer.kind] += layer.macs
    (stage, stage_macs), (kind, kind_macs) = by_stage.most_common(1)[0], by_kind.most_common(1)[0]
    spent = by_kind["temporal"]
    temporal_part = f"temporal kernels take {percent(spent / item.macs)}" if spent else "none of it is temporal"
    most = "" if kind == "temporal" else f"; {KINDS[kind]} takes {percent(kind_macs / item.macs)}"
    return (
        f"Of {item.label}'s {large_count(item.macs * flops_per_mac)} {unit}, BatchNorm and pooling included, {stage} "
        f"takes {percent(stage_macs / item.macs)}{most}; {temporal_part}."
    )


def stage_finding(item: Complexity, stage: str, flops_per_mac: int = 1) -> str:
    """Say what a stage costs, and what part of that is temporal. Raises ValueError for an unknown stage."""
    rows = parts(item, "block", of=stage).to_dict("records")
    macs = sum(row["macs"] for row in rows)
    temporal = sum(row["macs"] for row in rows if row["kind"] == "temporal")
    unit = COST_UNITS[flops_per_mac]
    share = f"{percent(temporal / macs)} of that temporal" if temporal else "none of it temporal"
    cost = large_count(macs * flops_per_mac)
    return f"{stage} takes {cost} {unit}, {percent(macs / item.macs)} of {item.label}, {share}."


def costs_finding(counts: Iterable[Complexity | Uncountable], flops_per_mac: int = 1) -> str:
    """Compare GTE with C2D where both are counted, else the network with fewest MACs with the one with most."""
    counted = [item for item in counts if isinstance(item, Complexity)]
    if not counted:
        return "None of these networks can be counted with these numbers; the reasons are below."
    by_name = {item.name: item for item in counted if not item.at_native}
    unit = COST_UNITS[flops_per_mac]

    def cost(item: Complexity) -> str:
        return large_count(item.macs_conv_linear * flops_per_mac)

    gte, c2d = by_name.get(SELECTED), by_name.get(REFERENCE)
    if gte is not None and c2d is not None:
        return (
            f"GTE needs {cost(gte)} {unit}, {three_digits(gte.macs_conv_linear / c2d.macs_conv_linear)} times C2D's, "
            f"and {large_count(gte.params)} parameters, {three_digits(gte.params / c2d.params)} times C2D's."
        )
    # A network that hardly sees the clip is no cheap one.
    without_note = [item for item in by_name.values() if not item.note]
    comparable = sorted(without_note or by_name.values() or counted, key=lambda item: item.macs_conv_linear)
    dearest = comparable[-1]
    cheapest = [item for item in comparable if item.macs_conv_linear == comparable[0].macs_conv_linear]
    if len(comparable) == 1:
        return f"{dearest.label} needs {cost(dearest)} {unit} and {large_count(dearest.params)} parameters."
    names = join_words([item.label for item in cheapest])
    needs, each = ("need", " each") if len(cheapest) > 1 else ("needs", "")
    finding = f"{names} {needs} {cost(cheapest[0])} {unit}{each}"
    if dearest in cheapest:
        return f"{finding}."
    return f"{finding}, the fewest of these, and {dearest.label} {cost(dearest)}."
