"""Which layers matter: the clips that are lost when the kernels of a layer, or of all, are replaced.

Three replacements ask three questions: does what the layer learned matter, does it need other frames, does the network
need the path through it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor

from analysis.formatting import join_words, p_value_in_words, percent, three_digits
from analysis.interventions.accuracy import ANSWERS, Network, compare_answers, predicted_class, setting_finding
from analysis.interventions.kernel_edits import SETTINGS, changes, settings_for
from analysis.interventions.labelled_clips import LabelledClips, Truth
from analysis.interventions.resumed import ResumedPasses
from analysis.progress import Report, no_report
from analysis.statistics import SIGNIFICANT, holm, smallest_loss
from analysis.stored_results import load_result, save_result
from gte.data.loading import to_clips
from gte.models import temporal_layers

NUM_CLIPS: Final = 280
"""Clips by default, of which a loss of 2 % can be significant; results are stored for so many."""
ALL_LAYERS: Final = "all layers"
"""In the column of layers: all of them are replaced together."""
MAX_NAMES: Final = 3
"""Layers in which something is lost that a sentence names with their counts."""
MATTERS: Final = "matters"
BETTER_WITHOUT: Final = "better without"
NO_DIFFERENCE: Final = "no difference found"
"""Verdicts. A difference that is not found may still be there."""
KIND: Final = "layers"
"""Kind of stored results."""
VERSION: Final = 2
"""Raised when the computation changes, so that stored results are computed again."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about a layer, and what a loss of clips says about it."""

    asks: str
    subject: str
    """What matters if clips are lost, in a sentence."""


QUESTIONS: Final[Mapping[str, Question]] = MappingProxyType(
    {
        "initial": Question(asks="Does what it learned matter?", subject="what it learned"),
        "present": Question(asks="Does it need other frames?", subject="its look at other frames"),
        "zero": Question(asks="Does the network need the path?", subject="the path"),
    }
)
"""By the setting of kernels that asks it."""


class Loss(NamedTuple):
    """Clips that become wrong minus those that become right, with the 95 % interval and the corrected p."""

    lost: int
    low: float
    high: float
    num_clips: int
    p_holm: float


def layer_ablation(
    network: Network, layers: Sequence[str] | None, clips: LabelledClips, report: Report = no_report
) -> pd.DataFrame:
    """The answers to labelled clips when the kernels of each of the layers alone are replaced.

    By default they are every layer and, where there are several, all of them together (`ALL_LAYERS`). Rows: layer,
    setting (the first is "learned"), and the columns of `compare_answers`; `p_holm` is the p-value corrected for all
    rows but the learned ones. The network is left unchanged, bit for bit.
    """
    return _as_table(_answers(network, layers, clips, report), clips)


def _answers(
    network: Network, layers: Sequence[str] | None, clips: LabelledClips, report: Report
) -> dict[tuple[str, str], Int[Tensor, " n"]]:
    """The most probable class of every clip, by layer and setting."""
    model = network.model
    groups: dict[str, tuple[str, ...]] = {
        layer: (layer,) for layer in (temporal_layers(model) if layers is None else layers)
    }
    if layers is None and len(groups) > 1:
        groups[ALL_LAYERS] = tuple(groups)
    changed: dict[tuple[str, str], Mapping[str, Tensor]] = {}
    with network.lock:
        for name, group in groups.items():
            changed[name, "learned"] = {}
            for setting in settings_for(model, group, network.starts):
                if setting in QUESTIONS:
                    changed[name, setting] = changes(model, group, setting, starts=network.starts)
    answers: dict[tuple[str, str], list[Tensor]] = {key: [] for key in changed}
    done = 0
    for batch in clips.batches():
        step = f"clips {done + 1} to {done + len(batch)} of {clips.num_clips}"
        report(done / clips.num_clips, step)
        with network.lock:
            passes = ResumedPasses(model, to_clips(torch.from_numpy(batch)))
        for number, (key, weights) in enumerate(changed.items()):
            # Here the work can be cancelled, and others who use the network have their turn.
            report((done + len(batch) * number / len(changed)) / clips.num_clips, step)
            with network.lock:
                logits = passes.logits_with(weights) if weights else passes.logits
            answers[key].append(predicted_class(network.name, logits))
        done += len(batch)
    return {key: torch.cat(parts) for key, parts in answers.items()}


def _as_table(answers: Mapping[tuple[str, str], Int[Tensor, " n"]], clips: Truth) -> pd.DataFrame:
    rows = [
        {"layer": layer, "setting": setting, **compare_answers(answers[layer, "learned"], after, clips)}
        for (layer, setting), after in answers.items()
    ]
    asked = [row["p_value"] for row in rows if row["setting"] != "learned"]
    corrected = iter(holm(asked))
    return pd.DataFrame([row | {"p_holm": 1.0 if row["setting"] == "learned" else next(corrected)} for row in rows])


def store_ablation(path: Path, table: pd.DataFrame, clips: LabelledClips, *, shipped: bool = False) -> Path:
    """Store the answers of `layer_ablation` of every layer with the classes, and return the file.

    So they can be judged where the clips are not. Raises OSError as `save_result`.
    """
    rows = _records(table)
    result = {
        "labels": clips.labels().tolist(),
        "twins": clips.twins().tolist(),
        "scenes": clips.scenes().tolist(),
        "rows": [{"layer": row["layer"], "setting": row["setting"], ANSWERS: row[ANSWERS]} for row in rows],
    }
    if clips.are_all:
        # Where the clips are not, nobody knows that there are fewer than the usual number.
        clips = replace(clips, num_clips=max(clips.num_clips, NUM_CLIPS))
    return save_result(path, KIND, _settings(clips), result, shipped=shipped)


def stored_ablation(path: Path, clips: LabelledClips) -> pd.DataFrame | None:
    """Return `layer_ablation` of every layer from stored answers to these clips or to more; None if there are none.

    The clips need not be here.
    """
    for count in {clips.num_clips, max(clips.num_clips, NUM_CLIPS)}:
        stored = load_result(path, KIND, _settings(replace(clips, num_clips=count)))
        if stored is not None:
            kept = slice(clips.num_clips)
            answers = {(row["layer"], row["setting"]): torch.tensor(row[ANSWERS][kept]) for row in stored["rows"]}
            return _as_table(answers, _StoredTruth(*(stored[key][kept] for key in ("labels", "twins", "scenes"))))
    return None


@dataclass(frozen=True)
class _StoredTruth:
    """What is known of the clips of stored answers."""

    label_list: list[int]
    twin_list: list[int]
    scene_list: list[int]

    @property
    def num_clips(self) -> int:
        return len(self.label_list)

    def labels(self) -> Int[Tensor, " n"]:
        return torch.tensor(self.label_list)

    def twins(self) -> Int[Tensor, " n"]:
        return torch.tensor(self.twin_list)

    def scenes(self) -> Int[np.ndarray, " n"]:
        return np.array(self.scene_list)


def _settings(clips: LabelledClips) -> dict[str, Any]:
    return {"version": VERSION, **asdict(clips)}


def losses_by_layer(table: pd.DataFrame) -> dict[str, dict[str, Loss]]:
    """The losses of `layer_ablation`, by layer and by the setting that asks the question."""
    losses: dict[str, dict[str, Loss]] = {}
    for row in _records(table):
        if row["setting"] != "learned":
            loss = Loss(row["lost"] - row["gained"], row["low"], row["high"], row["num_clips"], row["p_holm"])
            losses.setdefault(row["layer"], {})[row["setting"]] = loss
    return losses


def verdict(row: Mapping[Any, Any]) -> str:
    """The verdict of a row of `layer_ablation`."""
    if row["p_holm"] > SIGNIFICANT or row["lost"] == row["gained"]:
        return NO_DIFFERENCE
    return MATTERS if row["lost"] > row["gained"] else BETTER_WITHOUT


def layer_finding(table: pd.DataFrame, layer: str, name: str) -> str:
    """One sentence for each verdict on one layer of `layer_ablation`; `name` is its short one."""
    rows = [row for row in _records(table) if row["layer"] == layer and row["setting"] != "learned"]
    parts = [
        f"{QUESTIONS[row['setting']].subject} {verdict(row)} ({_net(row)})" for row in rows if verdict(row) == MATTERS
    ]
    parts += [
        f"with {SETTINGS[row['setting']].words} it is better ({_net(row)})"
        for row in rows
        if verdict(row) == BETTER_WITHOUT
    ]
    if alike := [QUESTIONS[row["setting"]].subject for row in rows if verdict(row) == NO_DIFFERENCE]:
        parts.append(f"no difference was found for {join_words(alike)}")
    if "initial" not in [row["setting"] for row in rows]:
        parts.append("what it learned cannot be tested, because its kernels before training are unknown")
    return f"{name}: {'; '.join(parts)}."


def layer_details(table: pd.DataFrame, layer: str) -> str:
    """One sentence on the rows of one layer of `layer_ablation`: clips lost and gained in each setting."""
    parts = [
        f"with {SETTINGS[row['setting']].words} {row['lost']} are lost and {row['gained']} gained"
        for row in _records(table)
        if row["layer"] == layer and row["setting"] != "learned"
    ]
    return f"Of {table['num_clips'].iloc[0]} clips, {', '.join(parts)}."


def removal(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """The rows of `layer_ablation` with the kernels of all layers replaced together, or those of the only layer."""
    rows = _records(table)
    together = [row for row in rows if row["layer"] == ALL_LAYERS]
    return together or [row for row in rows if row["layer"] == rows[0]["layer"]]


def removal_finding(table: pd.DataFrame) -> str:
    """One sentence for each way in which `layer_ablation` takes the kernels away: from other frames, or altogether."""
    learned, *replaced = removal(table)
    return " ".join(
        setting_finding(pd.DataFrame([learned, row | {"p_value": row["p_holm"]}]))
        for row in replaced
        if row["setting"] in ("present", "zero")
    )


def verdict_table(table: pd.DataFrame, layer: str) -> pd.DataFrame:
    """The questions about one layer of `layer_ablation` with their verdicts, as text for readers."""
    return pd.DataFrame(
        [
            {
                "Question": QUESTIONS[row["setting"]].asks,
                "Verdict": verdict(row),
                "Clips lost (95 %)": " ".join(
                    [
                        three_digits(row["lost"] - row["gained"]),
                        f"({' to '.join(three_digits(round(row[end])) for end in ('low', 'high'))})",
                    ]
                ),
                "p (Holm)": p_value_in_words(row["p_holm"]).removeprefix("p = "),
                "Kernels": SETTINGS[row["setting"]].label,
                "Right": f"{row['right']} of {row['num_clips']}",
            }
            for row in _records(table)
            if row["layer"] == layer and row["setting"] != "learned"
        ]
    )


def layers_finding(table: pd.DataFrame, names: Mapping[str, str]) -> str:
    """One sentence for each question on all layers of `layer_ablation`; `names` are the short ones."""
    return " ".join(
        f"{question.asks} {_over_layers([row for row in _records(table) if row['setting'] == setting], names)}"
        for setting, question in QUESTIONS.items()
        if setting in set(table["setting"])
    )


def _over_layers(rows: Sequence[Mapping[Any, Any]], names: Mapping[str, str]) -> str:
    alone = [row for row in rows if row["layer"] != ALL_LAYERS]
    matter = sorted((row for row in alone if verdict(row) == MATTERS), key=lambda row: row["gained"] - row["lost"])
    layers = f"{len(alone)} layer{'' if len(alone) == 1 else 's'}"
    if matter:
        # No test tells the layers apart: several with their counts, not one as the first.
        counts = [f"{names[row['layer']]} ({row['lost'] - row['gained']})" for row in matter[1:MAX_NAMES]]
        words = join_words([f"{names[matter[0]['layer']]} ({_net(matter[0])})", *counts])
        counted = "" if len(matter) <= MAX_NAMES else "the largest counts are "
        sentence = f"Yes in {len(matter)} of {layers}: {counted}{words}"
    else:
        sentence = f"No difference was found in any of {layers}"
    for row in rows:
        if row["layer"] == ALL_LAYERS:
            found = "no difference was found" if verdict(row) == NO_DIFFERENCE else f"{_net(row)}, {_interval(row)}"
            sentence += f"; all together: {found}"
    return f"{sentence}."


def _net(row: Mapping[Any, Any]) -> str:
    net = row["lost"] - row["gained"]
    return f"{abs(net)} of {row['num_clips']} clips {'lost' if net >= 0 else 'gained'}"


def _interval(row: Mapping[Any, Any]) -> str:
    ends = (row["low"], row["high"]) if row["lost"] >= row["gained"] else (-row["high"], -row["low"])
    return f"95 %: {' to '.join(three_digits(round(end)) for end in ends)}"


def power(table: pd.DataFrame) -> str:
    """The clips of `layer_ablation`, and the smallest loss that could be significant, with and without correction."""
    trained = _records(table)[0]
    num_asked = sum(setting != "learned" for setting in table["setting"])
    candidates = min(trained["right"], trained["num_scenes"])
    scenes = f" of {trained['num_scenes']} scenes" if trained["num_scenes"] != trained["num_clips"] else ""
    sentence = f"The trained network is right on {trained['right']} of {trained['num_clips']} clips{scenes}. "
    alone, corrected = smallest_loss(candidates), smallest_loss(candidates, num_asked)
    if alone is None:
        return f"{sentence}That is too few to show any loss at 5 %."
    loss = "The smallest loss that they can show at 5 %, with no clip gained"
    sentence += f"{loss}, is {_clips(alone, trained)} for a single question"
    if num_asked == 1:
        return f"{sentence}."
    if corrected is None:
        return f"{sentence}; they are too few for the {num_asked} questions asked here."
    return (
        f"{sentence}, and at most {_clips(corrected, trained)} after Holm's correction for the {num_asked} asked here."
    )


def _clips(count: int, trained: Mapping[Any, Any]) -> str:
    return f"{count} clips ({percent(count / trained['num_clips'])})"


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")
