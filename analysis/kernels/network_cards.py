"""Cards that need whole networks: the reach of one, and the comparison of several."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd

from analysis.formatting import block_name, percent, three_digits
from analysis.kernels.cards import View
from analysis.kernels.figures_by_layer import PathKind, reach_by_depth, shares_side_by_side
from analysis.kernels.figures_one_layer import matched_centres
from analysis.kernels.first_clips import FirstClips, first_clips
from analysis.kernels.matching import UNTRAINED_NETWORKS, Matching, by_index, by_responses, differences, responses_of
from analysis.kernels.measured_reach import Measured
from analysis.kernels.outputs import outputs_table
from analysis.kernels.reach import even_reach, measured_reach, path_table, spread_of
from analysis.kernels.readings import READING_DEFINITIONS
from analysis.kernels.summary import summarise
from analysis.plotting.call import Call, Named, Part
from analysis.plotting.card import Card
from gte.checkpoint import load_histories, load_history, load_model
from gte.checkpoint_header import CheckpointHeader, read_header
from gte.kernel_history import KernelHistory
from gte.models import configure
from gte.models.resnet import ResNetConfig

LTS_PATH: PathKind = "LTS path only"
KERNEL_PATH: PathKind = "temporal kernels only"


def is_chain(header: CheckpointHeader) -> bool:
    """Return True if the temporal layers of a network follow one another, so that their reaches add up along a path."""
    return isinstance(configure(header.model), ResNetConfig)


def reach(
    histories: Sequence[KernelHistory],
    measured: Measured,
    header: CheckpointHeader,
    view: View,
    name: str = "",
    others: Mapping[str, tuple[str, Measured]] = MappingProxyType({}),
) -> Card:
    """The reach of a network in time.

    `others` has, by the names of further checkpoints, their files as code names them and what was measured of them, on
    clips of as many frames; `name` is that of the checkpoint itself.
    """
    path: PathKind = LTS_PATH if header.layers else KERNEL_PATH
    block = block_name(view.layer)
    file_header = view.header(header)
    pixels = Named("pixels", Call(first_clips, file_header, measured.clips.dataset, measured.clips.count))
    model = Named("model", Part(Call(load_model, Named("path", view.path)), 0))
    by_gradient = Named(
        "measured",
        Call(measured_reach, model, pixels, list(measured.blocks), probes=measured.probes),
        measured.table,
    )
    tables = Named(
        "tables", Call(reach_tables, view.histories(histories), by_gradient, file_header, block, view.snapshot)
    )
    spread: pd.DataFrame = tables.value[0]
    calls = {other: _measured_call(path, result, block) for other, (path, result) in others.items()}
    known = {other: measured_tables(result.table, block) for other, (_, result) in others.items()}
    overlaid = (name, Named("others", calls, known)) if others else ()
    even = even_reach(sorted(set(measured.table["offset"])))
    step, last = (max(int(history.steps[place]) for history in histories) for place in (view.snapshot, -1))
    left_out = (
        "" if is_chain(header) else " This network's temporal layers do not follow one another, so no path is drawn."
    )
    return Card(
        key="reach",
        title="How far does the network see?",
        sentence=_reach_sentence(spread, block, even, None if step == last else step),
        call=Call(reach_by_depth, Part(tables, 0), Part(tables, 1), path, even, *overlaid),
        definition=(
            f"**{path}**: a layer's energy profile is Σₒᵢ wₒᵢₖ² over its taps k, as shares; along the path through the "
            "kernels the profiles are convolved with one another. It leaves out shortcuts and the other paths, which "
            "pass frames unchanged, is cut to the frames of the clip, and is drawn before training and at the chosen "
            f"snapshot.{left_out} **Measured**: "
            "the energy of the gradient of a block's centre frame with respect to every input frame, for the whole "
            f"network with its final weights, on {measured.clips.words}, along {measured.probes} random directions of "
            "±1 over the features; whiskers: the smallest and the largest reach of a single clip. Reach is "
            "√(Σ k² · share), the root mean square (RMS), in frames of the input: the same share in every frame of the "
            f"clip has the reach of the dotted line; on the right the shares after {block}. Dashed: "
            "measured of checkpoints to compare with, each on clips of its own data."
        ),
        table=spread,
    )


def _measured_call(path: str, measured: Measured, block: str) -> Call:
    """The call that measures the reach of a further checkpoint and makes its tables."""
    pixels = Call(first_clips, Call(read_header, path), measured.clips.dataset, measured.clips.count)
    model = Part(Call(load_model, path), 0)
    return Call(
        measured_tables, Call(measured_reach, model, pixels, list(measured.blocks), probes=measured.probes), block
    )


def measured_tables(measured: pd.DataFrame, block: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the part of `reach_tables` that is measured."""
    together = pd.DataFrame(measured.groupby(["block", "offset"], sort=False, as_index=False)["share"].sum())
    clips = [_spreads(part, "measured") for _, part in measured.groupby("clip", sort=False)]
    of_clips = pd.concat(clips).groupby("block", sort=False)["spread"].agg(low="min", high="max")
    return _spreads(together, "measured").join(of_clips, on="block"), _profile(together, block, "measured")


def reach_tables(
    histories: Sequence[KernelHistory], measured: pd.DataFrame, header: CheckpointHeader, block: str, snapshot: int = -1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables that `reach_by_depth` draws: the reach after every block, and the shares of frames after one.

    Along the path at the snapshot and, where known, before training, for networks whose layers follow one another;
    and `measured`, from `measured_reach`.
    """
    spreads, profiles = ([table] for table in measured_tables(measured, block))
    frames = sorted(set(measured["offset"]))
    if is_chain(header):
        layers = [history.layer for history in histories]
        ends = {"learned": [history.weights[snapshot] for history in histories]}
        if all(history.starts_known for history in histories):
            ends["start"] = [history.weights[0] for history in histories]
        for line, weights in ends.items():
            table = path_table(layers, weights)
            table = table[table["offset"].isin(frames)].assign(block=table["layer"].map(block_name))
            table["share"] /= table.groupby("layer", sort=False)["share"].transform("sum")
            spreads.append(_spreads(table, line))
            profiles.append(_profile(table, block, line))
    return pd.concat(spreads, ignore_index=True), pd.concat(profiles, ignore_index=True)


def _spreads(table: pd.DataFrame, line: str) -> pd.DataFrame:
    """Return the reach in frames after each block of a table of (block, offset, share)."""
    return pd.DataFrame(
        [
            {"line": line, "block": block, "spread": spread_of(part["offset"].tolist(), part["share"].tolist())}
            for block, part in table.groupby("block", sort=False)
        ],
        columns=pd.Index(["line", "block", "spread"]),
    )


def _profile(table: pd.DataFrame, block: str, line: str) -> pd.DataFrame:
    return table.loc[table["block"] == block, ["offset", "share"]].assign(line=line)


def _reach_sentence(spread: pd.DataFrame, block: str, even: float, step: int | None) -> str:
    """The reach after a block; `step` is that of the kernels of the path, None for the last, which are measured."""
    here = {row["line"]: row["spread"] for row in spread.to_dict("records") if row["block"] == block}
    if "measured" not in here:
        return f"Nothing was measured after {block}."
    if not all(math.isfinite(reach) for reach in here.values()):
        return f"The reach after {block} cannot be computed: weights before it contain NaN or infinity."
    rows = [row for row in spread.to_dict("records") if row["line"] == "measured" and row["block"] == block]
    low, high = three_digits(rows[0]["low"]), three_digits(rows[0]["high"])
    between = f", {low} to {high} over the clips" if low != high else ""
    after = " with the final weights" if step is not None else ""
    sentence = f"After {block} the measured reach{after} is {three_digits(here['measured'])} frames (RMS){between}"
    if "learned" in here:
        kernels, alone = "kernels" if step is None else f"kernels of step {step:,}", three_digits(here["learned"])
        sentence += f"; the {kernels} alone, cut to the clip, would give {alone}"
        if "start" in here:
            before = three_digits(here["start"])
            sentence += ", as before training" if before == alone else f", and gave {before} before training"
    return f"{sentence}. The same share in every frame of the clip would give {three_digits(even)}."


def side_by_side(summaries: Sequence[pd.DataFrame], paths: Mapping[str, str], view: View) -> Card:
    """Compare two or more checkpoints at their last snapshots; the layers are those of the first.

    `paths` has the file of each checkpoint, as code names it, by the checkpoint's name.
    """
    table = differences(summaries)
    summary_calls = [Call(summarise, Call(load_histories, path), view.reading) for path in paths.values()]
    return Card(
        key="compare",
        title="How do they compare?",
        sentence=_compare_sentence(table, list(paths)),
        call=Call(shares_side_by_side, Named("summaries", summary_calls, list(summaries)), list(paths)),
        definition=(
            "What the output channels of each layer do, at the last snapshot of each checkpoint, a tap being "
            f"{READING_DEFINITIONS[view.reading]}: back, now and ahead are centred on now, and what combines several "
            "frames is apart, hatched; outlines: before training. The table below has the values of the first "
            "checkpoint and, for each other one, the differences (other minus first) for every layer that all of them "
            "have."
        ),
        table=table,
    )


def _compare_sentence(table: pd.DataFrame, names: Sequence[str]) -> str:
    if table.empty:
        return "These networks have no layer of the same name, so no difference can be computed."
    column = "drift (2)"
    rows: list[dict[Any, Any]] = table.dropna(subset=[column]).to_dict("records")
    if not rows:
        return "In one of them the weights before training are unknown, so only what they do now is compared."
    row = max(rows, key=lambda row: abs(row[column]))
    if row[column] == 0:
        return f"Every layer has the same drift in {names[1]} as in {names[0]}."
    first, second = three_digits(row["drift"]), three_digits(row["drift"] + row[column])
    alike = sum(math.isclose(abs(other[column]), abs(row[column]), rel_tol=1e-3) for other in rows)
    one = f", one of {alike} layers that differ alike" if alike > 1 else " has the largest difference"
    return f"{row['block']}{'' if len(rows) == 1 else one}: drift {second} in {names[1]} against {first} in {names[0]}."


def matched(
    first: KernelHistory,
    second: KernelHistory,
    matching: Matching,
    paths: Mapping[str, str],
    view: View,
    clips: FirstClips,
) -> Card:
    """Compare a layer of two checkpoints, output by output; `clips` are those on which they were matched, if any.

    `paths` has the file of each checkpoint, as code names it, by the checkpoint's name.
    """
    names = _two(paths)
    layers = [
        Named(name, Call(load_history, path, first.layer), history)
        for name, path, history in zip(("history", "history2"), paths.values(), (first, second), strict=True)
    ]
    outputs = [
        Named(name, Call(outputs_table, layer, -1, view.reading))
        for name, layer in zip(("outputs", "outputs2"), layers, strict=True)
    ]
    rows: pd.DataFrame = outputs[0].value
    partners = outputs[1].value.iloc[matching.partner]
    table = pd.DataFrame(
        {
            f"output channel of {names[0]}": rows["output"],
            f"output channel of {names[1]}": partners["output"].to_numpy(),
            "correlation": matching.correlation if matching.correlation is not None else float("nan"),
            f"type in {names[0]}": rows["kind"],
            f"type in {names[1]}": partners["kind"].to_numpy(),
            f"centre in {names[0]}": rows["centre_of_mass"],
            f"centre in {names[1]}": partners["centre_of_mass"].to_numpy(),
        }
    )
    block = block_name(first.layer)
    same = float((rows["kind"].to_numpy() == partners["kind"].to_numpy()).mean())
    by_chance = float((rows["kind"].to_numpy()[:, None] == partners["kind"].to_numpy()).mean())
    if matching.correlation is None:
        how = "matched by index, because both started from the same weights"
    else:
        how = f"matched by their responses to the same clips (mean |correlation| {matching.correlation.mean():.2f}"
        if matching.untrained is not None:
            beaten = matching.correlation.mean() > matching.untrained.high
            how += f"{'' if beaten else ', no more than'} {'against' if beaten else 'the'} "
            how += f"{matching.untrained.in_words()} of untrained networks"
        how += ")"
    return Card(
        key="matched",
        title=f"How do the output channels of {block} correspond?",
        sentence=f"The output channels of {block} are {how}; {percent(same)} of the pairs have the same type, and "
        f"{percent(by_chance)} of pairs at random would.",
        call=Call(
            matched_centres, *outputs, Named("matching", _matching(first, matching, clips, paths), matching), names
        ),
        definition=(
            "Each point is an output channel of the first checkpoint and its partner in the second. With the same "
            "configuration and seed, channel 7 of one is channel 7 of the other. Otherwise the index has no meaning, "
            "and weights cannot be compared, because the input channels are permuted as well: then the responses of "
            "the output channels to the same clips are correlated, and partners are chosen one to one so that the sum "
            "of |correlation| is largest (scipy's linear_sum_assignment). Choosing partners makes that sum "
            f"large for any two networks: compare it with that of {UNTRAINED_NETWORKS**2} pairs of untrained networks, "
            "matched in the same way. The fainter a point, the weaker the correlation. On the dotted line both look at "
            "the same point in time."
        ),
        table=table,
    )


def _two(paths: Mapping[str, str]) -> tuple[str, str]:
    first, second = paths
    return first, second


def _matching(history: KernelHistory, matching: Matching, clips: FirstClips, paths: Mapping[str, str]) -> Call:
    """The call that matches the outputs of two networks."""
    if matching.correlation is None:
        return Call(by_index, len(matching.partner))
    pixels = Named(
        "pixels", Call(first_clips, Call(read_header, next(iter(paths.values()))), clips.dataset, clips.count)
    )
    models = [Part(Call(load_model, path), 0) for path in paths.values()]
    return Call(by_responses, *(Call(responses_of, model, history.layer, pixels) for model in models))
