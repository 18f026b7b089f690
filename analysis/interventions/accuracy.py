"""Accuracy of networks on test clips with changed time or changed kernels."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int, UInt8
from scipy.stats import binomtest
from torch import Tensor, nn

from analysis.formatting import block_name
from analysis.interventions.kernel_edits import BATCH, SETTINGS, Starts, answers, changes, has_start
from analysis.interventions.time_edits import TIME_CHANGES, TimeChoice, frame_numbers
from analysis.progress import Report, no_report
from gte.data import open_dataset
from gte.data.loading import to_clips
from gte.data.sampling import segment_indices
from gte.models import temporal_layers

SIGNIFICANT: Final = 0.05
"""Significance level, divided by the number of comparisons."""
BLENDS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
MAX_KEPT_BYTES = 256_000_000
"""Size of the frames of all clips up to which they are kept; larger ones are read again for each pass."""

Batch = UInt8[np.ndarray, "_ t h w 3"]


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


@dataclass(frozen=True, kw_only=True)
class LabelledClips:
    """The first test clips of a data set, in the form that a network takes."""

    dataset: str
    num_clips: int
    num_frames: int
    """Input frames of the network."""
    size: int
    """Side in pixels."""

    @property
    def num_classes(self) -> int:
        """Number of classes of the data set."""
        return len(open_dataset(self.dataset, "test", self.size).classes)

    def labels(self) -> Int[Tensor, " n"]:
        """The class of every clip."""
        data = open_dataset(self.dataset, "test", self.size)
        return torch.tensor([data.label(index) for index in range(self.num_clips)])

    def twins(self) -> Int[Tensor, " n"]:
        """The reversed class of every clip, or -1."""
        return torch.tensor(open_dataset(self.dataset, "test", self.size).twins)[self.labels()]

    def batches(self, choice: TimeChoice | None = None) -> Iterator[Batch]:
        """The frames of the clips in RGB, with a change of time if there is one."""
        data = open_dataset(self.dataset, "test", self.size)
        which = segment_indices(data.num_frames_stored, self.num_frames)
        shown = which if choice is None else frame_numbers(which, data.num_frames_stored, choice)
        for first in range(0, self.num_clips, BATCH):
            indices = range(first, min(first + BATCH, self.num_clips))
            yield np.stack([data.frames(index, shown) for index in indices])

    def as_filmed(self) -> Iterable[Batch]:
        """The frames of the clips, for any number of passes."""
        num_bytes = self.num_clips * self.num_frames * self.size**2 * 3
        return tuple(self.batches()) if num_bytes <= MAX_KEPT_BYTES else _ReadEachTime(self)


@dataclass(frozen=True)
class _ReadEachTime:
    """Clips that are read again in each pass."""

    clips: LabelledClips

    def __iter__(self) -> Iterator[Batch]:
        return self.clips.batches()


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
        if not logits.isfinite().all():
            raise ValueError(
                f"The output of {network.name} is not a number, so it has no accuracy; choose another network."
            )
        predicted.append(logits.argmax(1))
    return torch.cat(predicted)


def chance_of_flips(lost: int, gained: int) -> float:
    """The p-value of the exact McNemar test for clips whose answer became wrong (lost) and right (gained)."""
    return 1.0 if lost + gained == 0 else float(binomtest(lost, lost + gained, 0.5).pvalue)


def _row(before: Int[Tensor, " n"], after: Int[Tensor, " n"], clips: LabelledClips) -> dict[str, Any]:
    """Compare the answers after a change with those before."""
    labels, twins = clips.labels(), clips.twins()
    was, now = before == labels, after == labels
    lost, gained = int((was & ~now).sum()), int((~was & now).sum())
    return {
        "num_clips": clips.num_clips,
        "right": int(now.sum()),
        "twin": int((after == twins).sum()),
        "top1": int(now.sum()) / clips.num_clips,
        "unchanged": int((before == after).sum()),
        "lost": lost,
        "gained": gained,
        "chance": chance_of_flips(lost, gained),
    }


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")


def usual_choices(num_frames: int) -> dict[str, TimeChoice | None]:
    """The changes of time for test clips, by the label of their row; the first is no change."""
    middle = num_frames // 2
    choices = {
        "As filmed": None,
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
    the same answer as the clip as filmed (`unchanged`), with its reversed class (`flipped`), `lost`, `gained`.
    """
    pairs = list(zip(networks, clips, strict=True))
    total = sum(len(usual_choices(item.num_frames)) for item in clips)
    rows: list[dict[str, Any]] = []
    for network, test_clips in pairs:
        twins = torch.tensor(open_dataset(test_clips.dataset, "test", test_clips.size).twins)
        before = None
        for name, choice in usual_choices(test_clips.num_frames).items():
            tick = partial(report, len(rows) / total, f"{network.name}, {name}")
            after = predictions(network, test_clips.batches(choice), tick=tick)
            before = after if before is None else before
            flipped = int((after == twins[before]).sum())
            rows.append(
                {"network": network.name, "change": name, **_row(before, after, test_clips), "flipped": flipped}
            )
    return pd.DataFrame(rows)


def time_finding(table: pd.DataFrame) -> str:
    """A sentence for each network on reversed clips, from `time_accuracy`."""
    rows = [row for row in _records(table) if row["change"] == "Reverse"]
    return " ".join(
        f"Reversing the clip changes the answer of {row['network']} to the reversed class on {row['flipped']} of "
        f"{row['num_clips']} clips and leaves it unchanged on {row['unchanged']}."
        for row in rows
    )


def ablation_settings(network: Network, layer: str) -> tuple[str, ...]:
    """The settings that replace the kernels of a layer."""
    known = has_start(network.model, layer, network.starts)
    return ("initial", "identity", "zero") if known else ("present", "zero")


def layer_ablation(
    network: Network, layers: Sequence[str] | None, clips: LabelledClips, report: Report = no_report
) -> pd.DataFrame:
    """The accuracy on test clips when the kernels of each of the layers alone are replaced, by default of every layer.

    Rows: layer, setting (the first is "learned"), and the columns of right, lost and gained clips. The network is left
    unchanged, bit for bit.
    """
    layers = list(temporal_layers(network.model)) if layers is None else layers
    steps = [(layer, setting) for layer in layers for setting in ablation_settings(network, layer)]
    batches = clips.as_filmed()
    before = predictions(network, batches, tick=partial(report, 0.0, "as trained"))
    rows: list[dict[str, Any]] = []
    for number, (layer, setting) in enumerate(steps, start=1):
        if not rows or rows[-1]["layer"] != layer:
            rows.append({"layer": layer, "setting": "learned", **_row(before, before, clips)})
        tick = partial(report, number / (len(steps) + 1), f"{block_name(layer)}: {SETTINGS[setting].label}")
        with network.lock:
            changed = changes(network.model, [layer], setting, starts=network.starts)
        after = predictions(network, batches, changed, tick)
        rows.append({"layer": layer, "setting": setting, **_row(before, after, clips)})
    return pd.DataFrame(rows)


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
    """The accuracy on test clips when layers together are set to each of the steps, by default every layer.

    Rows: setting, blend, and the columns of right, lost and gained clips; the trained network comes first. The network
    is left unchanged, bit for bit.
    """
    layers = list(temporal_layers(network.model)) if layers is None else layers
    batches, others = clips.as_filmed(), [step for step in steps if step.setting != "learned"]
    before = predictions(network, batches, tick=partial(report, 0.0, "as trained"))
    rows = [{"setting": "learned", "blend": 1.0, **_row(before, before, clips)}]
    for number, (setting, blend) in enumerate(others, start=1):
        with network.lock:
            changed = changes(network.model, layers, setting, blend, network.starts)
        tick = partial(report, number / (len(others) + 1), SETTINGS[setting].in_words(blend))
        after = predictions(network, batches, changed, tick)
        rows.append({"setting": setting, "blend": blend, **_row(before, after, clips)})
    return pd.DataFrame(rows)


def _right(row: Mapping[Any, Any]) -> str:
    return f"{row['right']} of {row['num_clips']}"


def setting_finding(table: pd.DataFrame) -> str:
    """One sentence on the last row of `settings_accuracy`: the change of accuracy, and whether it is significant."""
    trained, row = _records(table)[0], _records(table)[-1]
    words, before, after = SETTINGS[row["setting"]].words, trained["right"], row["right"]
    if before == after:
        return f"With {words} the accuracy stays at {_right(row)} test clips."
    change = "falls" if after < before else "rises"
    sentence = f"With {words} the accuracy {change} from {before} to {_right(row)} test clips"
    return f"{sentence}." if row["chance"] <= SIGNIFICANT else f"{sentence}, which is not significant."


def blend_finding(table: pd.DataFrame) -> str:
    """One sentence on the blends of `settings_accuracy`: before training, the best, and the last."""
    rows = [row for row in _records(table) if row["setting"] == "blend"]
    best = max(rows, key=lambda row: (row["right"], -abs(row["blend"] - 1)))
    last = rows[-1]
    still = "still " if last["right"] == best["right"] else ""
    return (
        f"Before training (b = 0) {_right(rows[0])} clips are right. Best at b = {best['blend']:g} ({best['right']}); "
        f"{still}{last['right']} at b = {last['blend']:g}."
    )


def ablation_finding(table: pd.DataFrame, block: str) -> str:
    """One sentence on one layer of `layer_ablation`: the worst replacement, and whether it is significant."""
    rows = _records(table)
    trained, others = rows[0], rows[1:]
    worst = min(others, key=lambda row: row["right"])
    right = f"the trained network is right on {_right(trained)} clips"
    if worst["right"] >= trained["right"]:
        return f"{block} does not matter here: {right}, and any replacement does as well."
    sentence = f"{right}, with {SETTINGS[worst['setting']].words} on {worst['right']}"
    if worst["chance"] > SIGNIFICANT / len(others):
        return f"These clips do not show whether {block} matters: {sentence}, which is not significant."
    return f"{block} matters: {sentence}."


def ablation_details(table: pd.DataFrame) -> str:
    """One sentence on the rows of one layer of `layer_ablation`: clips lost and gained in each setting."""
    parts = [
        f"with {SETTINGS[row['setting']].words} {row['lost']} are lost and {row['gained']} gained"
        for row in _records(table)
        if row["setting"] != "learned"
    ]
    return f"Of {table['num_clips'].iloc[0]} clips, {', '.join(parts)}."


def resolution(num_clips: int, dataset: str) -> str:
    """The number of clips, and the share of a single one."""
    return f"{num_clips} test clips of {dataset}, equally many per class: one clip is {100 / num_clips:.2g} %."


def layers_finding(table: pd.DataFrame, names: Mapping[str, str]) -> str:
    """One sentence on all layers of `layer_ablation`: the most important one, and how many are significant."""
    rows = [row for row in _records(table) if row["setting"] != "learned"]
    significant = {
        row["layer"] for row in rows if row["chance"] <= SIGNIFICANT / len(rows) and row["lost"] > row["gained"]
    }
    worst = min(rows, key=lambda row: row["right"])
    more = "" if significant else " Use more clips to detect smaller effects."
    return (
        f"{names[worst['layer']]} matters most: with {SETTINGS[worst['setting']].words} {worst['lost']} clips are lost "
        f"and {worst['gained']} gained. The loss is significant in {len(significant)} of {len(set(table['layer']))} "
        f"layers.{more}"
    )


def settings_finding(table: pd.DataFrame) -> str:
    """One sentence on `settings_accuracy`: the trained network, reversed kernels, and the worst setting."""
    rows = {(row["setting"], row["blend"]): row for row in _records(table)}
    trained, mirrored = rows["learned", 1.0], rows["mirrored", 1.0]
    others = [row for (setting, _), row in rows.items() if setting not in ("learned", "blend")]
    worst = min(others, key=lambda row: row["right"])
    return (
        f"The trained network is right on {_right(trained)} clips. With kernels reversed in time it is right on "
        f"{mirrored['right']}, and answers the reversed class on {mirrored['twin']}. Most is lost with "
        f"{SETTINGS[worst['setting']].words}: {worst['right']} are right."
    )
