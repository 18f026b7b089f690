"""Accuracy of networks on labelled clips with changed time or changed kernels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from analysis.formatting import join_words, p_value_in_words
from analysis.interventions.kernel_edits import SETTINGS, Starts, answers, changes
from analysis.interventions.labelled_clips import Batch, LabelledClips, Truth
from analysis.interventions.time_edits import TIME_CHANGES, TimeChoice
from analysis.progress import Report, no_report
from analysis.statistics import SIGNIFICANT, holm, paired_p_value, sum_by_scene, sum_interval
from gte.data import open_labelled
from gte.data.loading import to_clips
from gte.models import temporal_layers

BLENDS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
AS_FILMED: Final = "As filmed"
"""The label of clips without a change of time."""
ANSWERS: Final = "answers"
"""The column with the most probable class of every clip, which tables for readers leave out."""


class Step(NamedTuple):
    """A setting of kernels."""

    setting: str
    """A key of SETTINGS."""
    blend: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network that others may use at the same time."""

    name: str
    model: nn.Module
    lock: AbstractContextManager[Any] = field(default_factory=nullcontext)
    """Held for each batch and no longer."""
    starts: Starts = field(default_factory=dict)
    """Kernels before training, of layers that do not know them."""


def predictions(
    network: Network,
    batches: Iterable[Batch],
    changed: Mapping[str, Tensor] | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Int[Tensor, " n"]:
    """The most probable class of every clip; `tick` is called before each batch. Raises ValueError for NaN."""
    predicted = []
    for batch in batches:
        tick()
        clips = to_clips(torch.from_numpy(batch))
        with network.lock:
            logits = answers(network.model, clips, changed or {})
        predicted.append(predicted_class(network.name, logits))
    return torch.cat(predicted)


def predicted_class(name: str, logits: Float[Tensor, "n classes"]) -> Int[Tensor, " n"]:
    """The most probable class of each clip. Raises ValueError for NaN, with the name of the network."""
    if not logits.isfinite().all():
        raise ValueError(f"The output of {name} is not a number, so it has no accuracy; choose another network.")
    return logits.argmax(1)


def compare_answers(before: Int[Tensor, " n"], after: Int[Tensor, " n"], clips: Truth) -> dict[str, Any]:
    """Compare the answers after a change with those before, as a row of a table.

    `lost` and `gained` count clips whose answer became wrong and right. `low` and `high` are the 95 % interval of lost
    minus gained, `p_value` is that of the exact test; both are over scenes (`analysis.statistics`). `with_twin` counts
    the clips whose class has a reversed class, of which `twin` are answered with it.
    """
    labels, twins = clips.labels(), clips.twins()
    was, now = before == labels, after == labels
    losses = sum_by_scene((was.int() - now.int()).numpy(), clips.scenes())
    low, high = sum_interval(losses)
    return {
        "num_clips": clips.num_clips,
        "num_scenes": len(losses),
        "right": int(now.sum()),
        "twin": int((after == twins).sum()),
        "with_twin": int((twins != -1).sum()),
        "top1": int(now.sum()) / clips.num_clips,
        "unchanged": int((before == after).sum()),
        "lost": int((was & ~now).sum()),
        "gained": int((~was & now).sum()),
        "low": low,
        "high": high,
        "p_value": paired_p_value(losses),
        ANSWERS: tuple(after.tolist()),
    }


def changed_clips(before: Sequence[int], after: Sequence[int], clips: LabelledClips) -> pd.DataFrame:
    """The clips whose answer changed, as text for readers: those that became wrong first, then those that became right.

    `before` and `after` are the most probable classes of the clips.
    """
    data, labels, numbers = open_labelled(clips.dataset, clips.size), clips.labels().tolist(), clips.numbers
    classes = data.classes
    rows = [
        {
            "Clip": place if data.path(numbers[place]) is None else data.clip_id(numbers[place]),
            "True class": classes[label],
            "Before": classes[was],
            "After": classes[now],
            "Result": "lost" if was == label else "gained" if now == label else "wrong before and after",
        }
        for place, (label, was, now) in enumerate(zip(labels, before, after, strict=True))
        if was != now
    ]
    order = ("lost", "gained", "wrong before and after")
    return pd.DataFrame(sorted(rows, key=lambda row: order.index(row["Result"])))


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")


def usual_choices(num_frames: int) -> dict[str, TimeChoice | None]:
    """The changes of time for labelled clips, by the label of their row; the first is no change."""
    middle = num_frames // 2
    choices = {
        AS_FILMED: None,
        "Reverse": TimeChoice(change="reverse"),
        "Shuffle": TimeChoice(change="shuffle"),
        "Freeze": TimeChoice(change="freeze", frame=middle),
        "Half speed": TimeChoice(change="speed", speed=0.5),
        "Double speed": TimeChoice(change="speed", speed=2.0),
        "Repeat": TimeChoice(change="repeat", frame=middle),
    }
    if num_frames > 1:
        choices["Drop"] = TimeChoice(change="drop", frame=middle)
    assert {choice.change for choice in choices.values() if choice} <= set(TIME_CHANGES)
    return choices


def time_accuracy(
    networks: Sequence[Network], clips: Sequence[LabelledClips], report: Report = no_report
) -> pd.DataFrame:
    """The accuracy of networks, each on its clips, under the usual changes of time.

    Rows: network, change; counts of clips answered with their true class (`right`) and reversed class (`twin`), with
    the same answer as the clip as filmed (`unchanged`), with its reversed class (`flipped`), if it
    has one (`could_flip`), `lost`, `gained`.
    """
    pairs = list(zip(networks, clips, strict=True))
    total = sum(len(usual_choices(item.num_frames)) for item in clips)
    rows: list[dict[str, Any]] = []
    for network, test_clips in pairs:
        twins = torch.tensor(open_labelled(test_clips.dataset, test_clips.size).twins)
        before = None
        for name, choice in usual_choices(test_clips.num_frames).items():
            tick = partial(report, len(rows) / total, f"{network.name}, {name}")
            after = predictions(network, test_clips.batches(choice), tick=tick)
            before = after if before is None else before
            rows.append(
                {
                    "network": network.name,
                    "change": name,
                    **compare_answers(before, after, test_clips),
                    "flipped": int((after == twins[before]).sum()),
                    "could_flip": int((twins[before] != -1).sum()),
                }
            )
    return pd.DataFrame(rows)


def change_label(network: str, change: str) -> str:
    """The label of a row of `time_accuracy`."""
    return f"{network}: {change}"


def time_finding(table: pd.DataFrame) -> str:
    """A sentence for each network on reversed clips, from `time_accuracy`."""
    return " ".join(_reversal(row) for row in _records(table) if row["change"] == "Reverse")


def _reversal(row: Mapping[Any, Any]) -> str:
    """A sentence on the answers to reversed clips; shares are of the clips whose answer has a reversed class."""
    name, could_flip, num_clips = row["network"], row["could_flip"], row["num_clips"]
    if could_flip == 0:
        return (
            f"Reversing the clip leaves the answer of {name} unchanged on {row['unchanged']} of {num_clips} clips; "
            "none of its answers has a reversed class."
        )
    of = f"{num_clips} clips" if could_flip == num_clips else f"the {could_flip} clips whose answer has one"
    rest = "" if could_flip == num_clips else f" of {num_clips}"
    return (
        f"Reversing the clip changes the answer of {name} to its reversed class on {row['flipped']} of {of} and leaves "
        f"it unchanged on {row['unchanged']}{rest}."
    )


def every_step(settings: Sequence[str]) -> list[Step]:
    """Each of the settings, with the blend in steps."""
    return [Step(name, blend) for name in settings for blend in (BLENDS if SETTINGS[name].takes_blend else (1.0,))]


def settings_accuracy(
    network: Network,
    layers: Sequence[str] | None,
    steps: Sequence[Step],
    clips: LabelledClips,
    report: Report = no_report,
) -> pd.DataFrame:
    """The accuracy on labelled clips when layers together are set to each of the steps, by default every layer.

    Rows: setting, blend, and the columns of right, lost and gained clips; the trained network comes first. The network
    is left unchanged, bit for bit.
    """
    layers = list(temporal_layers(network.model)) if layers is None else layers
    batches, others = clips.as_filmed(), [step for step in steps if step.setting != "learned"]
    before = predictions(network, batches, tick=partial(report, 0.0, "as trained"))
    rows = [{"setting": "learned", "blend": 1.0, **compare_answers(before, before, clips)}]
    for number, (setting, blend) in enumerate(others, start=1):
        with network.lock:
            changed = changes(network.model, layers, setting, blend, network.starts)
        tick = partial(report, number / (len(others) + 1), SETTINGS[setting].in_words(blend))
        after = predictions(network, batches, changed, tick)
        rows.append({"setting": setting, "blend": blend, **compare_answers(before, after, clips)})
    return pd.DataFrame(rows)


def _right(row: Mapping[Any, Any]) -> str:
    return f"{row['right']} of {row['num_clips']}"


def setting_finding(table: pd.DataFrame) -> str:
    """One sentence on the last row of `settings_accuracy`: the change of accuracy, and whether it is significant."""
    trained, row = _records(table)[0], _records(table)[-1]
    words, before, after = SETTINGS[row["setting"]].words, trained["right"], row["right"]
    if before == after:
        return f"With {words} the accuracy stays at {_right(row)} clips."
    change = "falls" if after < before else "rises"
    sentence = f"With {words} the accuracy {change} from {before} to {_right(row)} clips"
    return f"{sentence} ({_judged(row['p_value'])})."


def _judged(p_value: float) -> str:
    return p_value_in_words(p_value) + ("" if p_value <= SIGNIFICANT else ", not significant")


def blend_finding(table: pd.DataFrame) -> str:
    """Sentences on the blends of `settings_accuracy`: before training, after it, the last, and gains above chance."""
    rows = {row["blend"]: row for row in _records(table) if row["setting"] == "blend"}
    trained = rows.pop(1.0)
    chances = dict(zip(rows, holm([row["p_value"] for row in rows.values()]), strict=True))
    better = [
        f"b = {blend:g} ({row['right']})"
        for blend, row in rows.items()
        if chances[blend] <= SIGNIFICANT and row["right"] > trained["right"]
    ]
    gains = f"Better than b = 1 above chance: {join_words(better)}" if better else "No blend's gain is above chance"
    last = max(rows)
    return (
        f"After training (b = 1) {_right(trained)} clips are right, {rows[0.0]['right']} before training (b = 0; "
        f"{_judged(chances[0.0])}), and {rows[last]['right']} at b = {last:g} ({_judged(chances[last])}). {gains}. "
        f"Every p is corrected for {len(rows)} blends (Holm)."
    )


def settings_finding(table: pd.DataFrame) -> str:
    """Sentences on `settings_accuracy`: the trained network, reversed kernels, and the worst loss above chance."""
    trained = _records(table)[0]
    others = [row for row in _records(table) if row["setting"] not in ("learned", "blend")]
    chances = dict(zip((row["setting"] for row in others), holm([row["p_value"] for row in others]), strict=True))
    rows = {row["setting"]: row for row in others}

    def right(setting: str) -> str:
        return f"{rows[setting]['right']} ({_judged(chances[setting])})"

    with_twin, num_clips = trained["with_twin"], trained["num_clips"]
    of = "" if with_twin == num_clips else f" of the {with_twin} clips that have one"
    turned = f", and answers the reversed class on {rows['mirrored']['twin']}{of}, as trained on {trained['twin']}"
    sentences = [
        f"The trained network is right on {_right(trained)} clips.",
        f"With kernels reversed in time it is right on {right('mirrored')}{turned if with_twin else ''}.",
    ]
    lost = [row for row in others if chances[row["setting"]] <= SIGNIFICANT and row["right"] < trained["right"]]
    if lost:
        least = min(row["right"] for row in lost)
        worst = [row["setting"] for row in lost if row["right"] == least]
        sentences.append(f"Fewest are right with {join_words([SETTINGS[name].words for name in worst])}: {least}.")
    else:
        sentences.append("No setting's loss is above chance.")
    if "unmixed" in rows:
        sentences.append(
            f"With own taps reset and mixing kept {right('own_reset')} are right, with mixing removed and own taps "
            f"kept {right('unmixed')}."
        )
    return " ".join([*sentences, f"Every p is corrected for {len(others)} settings (Holm)."])
