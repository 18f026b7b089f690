"""The cards of the shift-kernel explorer that need whole networks: how far one sees, and how several compare."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis import figures, kernels
from analysis.card import Card
from analysis.figures import PathKind
from analysis.kernel_cards import View
from analysis.kernels import Matching
from analysis.wording import block_name, percent, three_digits
from gte.checkpoint import CheckpointHeader
from gte.models import configure
from gte.models.resnet import ResNetConfig
from gte.snapshots import KernelHistory

LTS_PATH: PathKind = "LTS path only"
KERNEL_PATH: PathKind = "temporal kernels only"


def is_chain(header: CheckpointHeader) -> bool:
    """True if the temporal layers of a network follow one another, so that their reaches add up along a path."""
    return isinstance(configure(header.model), ResNetConfig)


def reach(
    histories: Sequence[KernelHistory], measured: pd.DataFrame, header: CheckpointHeader, view: View, clips: str
) -> Card:
    """How far the network sees. `measured` is `kernels.measured_reach`; `clips` says on what it was measured."""
    path: PathKind = LTS_PATH if header.layers else KERNEL_PATH
    block = block_name(view.layer)
    spreads, profiles = [_spreads(measured, "measured")], [_profile(measured, block, "measured")]
    chain = is_chain(header)
    if chain:
        layers = [history.layer for history in histories]
        ends = {"learned": [history.weights[view.snapshot] for history in histories]}
        if all(history.starts_known for history in histories):
            ends["start"] = [history.weights[0] for history in histories]
        for line, weights in ends.items():
            table = kernels.path_table(layers, [weight.float() for weight in weights])
            table = table.assign(block=table["layer"].map(block_name))
            spreads.append(_spreads(table, line))
            profiles.append(_profile(table, block, line))
    spread, profile = pd.concat(spreads, ignore_index=True), pd.concat(profiles, ignore_index=True)
    left_out = "" if chain else " This network's temporal layers do not follow one another, so no path is drawn."
    return Card(
        key="reach",
        title="How far does the network see?",
        sentence=_reach_sentence(spread, block),
        figure=figures.reach_by_depth(spread, profile, path),
        definition=(
            f"**{path}**: a layer's energy profile is Σₒᵢ wₒᵢₖ² over its taps k, as shares; along the path through the "
            "kernels the profiles are convolved with one another. It leaves out shortcuts and the other paths, which "
            f"pass frames unchanged, and is drawn at the start and at the chosen snapshot.{left_out} **Measured**: the "
            "energy of the gradient of a block's centre frame with respect to every input frame, for the whole network "
            f"as it is now, on {clips}, along random directions of ±1 over the features. The clip ends after a few "
            "frames, the path does not. Reach is √(Σ k² · share), in frames of the input; on the right the shares "
            f"behind {block}."
        ),
        code=view.code(
            "from gte.data import open_dataset, sampling, transforms\n"
            "import torch\n\n"
            "model, header = checkpoint.load_model(path)\n"
            'clips = open_dataset("motionpairs", "test", header.size)\n'
            "which = sampling.segment_indices(clips.num_frames_stored, header.num_frames)\n"
            "pixels = torch.stack([transforms.to_clip(clips.frames(i, which)) for i in range(4)])\n",
            f"kernels.measured_reach(model, pixels, [{block!r}])",
        ),
        table=spread,
    )


def _spreads(table: pd.DataFrame, line: str) -> pd.DataFrame:
    """Reach in frames behind each block of a table of (block, offset, share)."""
    return pd.DataFrame(
        [
            {"line": line, "block": block, "spread": kernels.spread_of(part["offset"].tolist(), part["share"].tolist())}
            for block, part in table.groupby("block", sort=False)
        ],
        columns=pd.Index(["line", "block", "spread"]),
    )


def _profile(table: pd.DataFrame, block: str, line: str) -> pd.DataFrame:
    return table.loc[table["block"] == block, ["offset", "share"]].assign(line=line)


def _reach_sentence(spread: pd.DataFrame, block: str) -> str:
    here = {row["line"]: row["spread"] for row in spread.to_dict("records") if row["block"] == block}
    if "measured" not in here:
        return f"Behind {block} nothing was measured."
    sentence = f"Behind {block} the network sees {three_digits(here['measured'])} frames around the centre one"
    if "learned" not in here:
        return f"{sentence}."
    sentence += f"; along its kernels alone it would be {three_digits(here['learned'])}"
    return f"{sentence}, and was {three_digits(here['start'])} at the start." if "start" in here else f"{sentence}."


def side_by_side(summaries: Sequence[pd.DataFrame], names: Sequence[str], view: View) -> Card:
    """Two or more checkpoints at their last snapshots; the first one's layers are what the others are compared with."""
    table = kernels.differences(summaries)
    return Card(
        key="compare",
        title="How do they compare?",
        sentence=_compare_sentence(table, names),
        figure=figures.shares_side_by_side(summaries, names),
        definition=(
            "Where the outputs of each layer look, by the centre of mass of their taps, at the last snapshot of each "
            "checkpoint; outlines are the initialisations. The table below has the first checkpoint's values, and for "
            "each other one the differences (other minus first) of every layer that all of them have."
        ),
        code=view.code(
            f"paths = {list(names)!r}  # the checkpoints' files\n",
            "summaries = [kernels.summarise(checkpoint.load_histories(one)) for one in paths]\n",
            "figures.shares_side_by_side(summaries, paths)",
        ),
        table=table,
    )


def _compare_sentence(table: pd.DataFrame, names: Sequence[str]) -> str:
    if table.empty:
        return "These networks share no layer by name; the columns stand side by side, and no difference can be told."
    column = "drift (2)"
    rows: list[dict[Any, Any]] = table.dropna(subset=[column]).to_dict("records")
    if not rows:
        return f"How a layer began is unknown in one of them; {names[1]} is drawn beside {names[0]} as it is now."
    row = max(rows, key=lambda row: abs(row[column]))
    if row[column] == 0:
        return f"No layer of {names[1]} drifted more or less than in {names[0]}."
    more = "more" if row[column] > 0 else "less"
    return (
        f"{row['block']} differs most: in {names[1]} it drifted by {percent(abs(row[column]))} of its initial weight "
        f"{more} than in {names[0]}."
    )


def matched(
    first: KernelHistory, second: KernelHistory, matching: Matching, names: tuple[str, str], view: View
) -> Card:
    """One layer of two checkpoints, output by output."""
    one, other = (kernels.outputs_table(history, -1, view.reading) for history in (first, second))
    partners = other.iloc[matching.partner]
    table = pd.DataFrame(
        {
            f"output of {names[0]}": one["output"],
            f"output of {names[1]}": partners["output"].to_numpy(),
            "correlation": matching.correlation if matching.correlation is not None else float("nan"),
            f"kind in {names[0]}": one["kind"],
            f"kind in {names[1]}": partners["kind"].to_numpy(),
            f"centre in {names[0]}": one["centre_of_mass"],
            f"centre in {names[1]}": partners["centre_of_mass"].to_numpy(),
        }
    )
    block = block_name(first.layer)
    same = float((one["kind"].to_numpy() == partners["kind"].to_numpy()).mean())
    if matching.correlation is None:
        how = "matched by number, because both began with the same weights"
    else:
        how = f"matched by their answers to the same clips (mean |correlation| {matching.correlation.mean():.2f})"
    return Card(
        key="matched",
        title=f"Which output of {block} is which?",
        sentence=f"The outputs of {block} are {how}; {percent(same)} of the pairs are of one kind.",
        figure=figures.matched_centres(one, other, matching, names),
        definition=(
            "Each point is an output of the first checkpoint and its partner in the second. With one configuration and "
            "one seed, output 7 of one is output 7 of the other. Otherwise numbers mean nothing, and weights cannot be "
            "compared, because the inputs are permuted as well: then the answers of the layer's outputs to the same "
            "clips are correlated, and partners are chosen one to one so that the sum of |correlation| is largest "
            "(scipy's linear_sum_assignment). The fainter a point, the weaker the correlation. On the dotted line both "
            "look at the same place in time."
        ),
        code=view.code(
            f"paths = {list(names)!r}  # the checkpoints' files\n",
            f"histories = [checkpoint.load_history(one, {first.layer!r}) for one in paths]\n",
            "one, other = (kernels.outputs_table(history) for history in histories)\n",
            'figures.matched_centres(one, other, kernels.by_index(len(one)), ("first", "second"))',
        ),
        table=table,
    )
