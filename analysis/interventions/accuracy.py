"""How often a network is right on a few labelled clips when time or its kernels are changed."""

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
from analysis.interventions.kernel_edits import BATCH, SETTINGS, Starts, answers, changes, knows_start
from analysis.interventions.time_edits import TIME_CHANGES, TimeChoice, frame_numbers
from analysis.progress import Report, no_report
from gte.data import open_dataset
from gte.data.loading import to_clips
from gte.data.sampling import segment_indices

SIGNIFICANT: Final = 0.05
"""Probability below which a difference is more than chance, divided by the number of comparisons."""
BLENDS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
MOST_KEPT_BYTES = 256_000_000
"""Frames up to which clips that are asked about again and again are kept; larger ones are rendered each time."""

Batch = UInt8[np.ndarray, "_ t h w 3"]


class Step(NamedTuple):
    """What kernels are set to."""

    setting: str
    """A key of SETTINGS."""
    blend: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network that others may use as well."""

    name: str
    model: nn.Module
    lock: AbstractContextManager[Any] = field(default_factory=nullcontext)
    """Held for each batch and no longer."""
    starts: Starts = field(default_factory=dict)
    """What layers began with that do not know it themselves."""


@dataclass(frozen=True, kw_only=True)
class LabelledClips:
    """The first test clips of a data set, as a network takes them."""

    dataset: str
    num_clips: int
    num_frames: int
    """Frames that the network sees."""
    size: int
    """Side in pixels."""

    @property
    def num_classes(self) -> int:
        """Classes of the data set."""
        return len(open_dataset(self.dataset, "test", self.size).classes)

    def labels(self) -> Int[Tensor, " n"]:
        """The class of every clip."""
        data = open_dataset(self.dataset, "test", self.size)
        return torch.tensor([data.label(index) for index in range(self.num_clips)])

    def twins(self) -> Int[Tensor, " n"]:
        """The class of every clip reversed, or -1."""
        return torch.tensor(open_dataset(self.dataset, "test", self.size).twins)[self.labels()]

    def batches(self, choice: TimeChoice | None = None) -> Iterator[Batch]:
        """The frames of the clips in RGB, with time changed if asked."""
        data = open_dataset(self.dataset, "test", self.size)
        which = segment_indices(data.num_frames_stored, self.num_frames)
        shown = which if choice is None else frame_numbers(which, data.num_frames_stored, choice)
        for first in range(0, self.num_clips, BATCH):
            indices = range(first, min(first + BATCH, self.num_clips))
            yield np.stack([data.frames(index, shown) for index in indices])

    def as_filmed(self) -> Iterable[Batch]:
        """The frames of the clips, to be gone through any number of times."""
        num_bytes = self.num_clips * self.num_frames * self.size**2 * 3
        return tuple(self.batches()) if num_bytes <= MOST_KEPT_BYTES else _Anew(self)


@dataclass(frozen=True)
class _Anew:
    """Clips that are rendered whenever they are gone through."""

    clips: LabelledClips

    def __iter__(self) -> Iterator[Batch]:
        return self.clips.batches()


def first_answers(
    network: Network,
    batches: Iterable[Batch],
    changed: Mapping[str, Tensor] | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Int[Tensor, " n"]:
    """The likeliest class of every clip; `tick` is called before each batch. Raises ValueError for NaN."""
    found = []
    for batch in batches:
        tick()
        clips = to_clips(torch.from_numpy(batch))
        with network.lock:
            logits = answers(network.model, clips, changed or {})
        if not logits.isfinite().all():
            raise ValueError(f"{network.name} gives answers that are no numbers, so none is right; choose another.")
        found.append(logits.argmax(1))
    return torch.cat(found)


def chance_of_flips(lost: int, gained: int) -> float:
    """The probability of so uneven a split of the clips that flipped if neither side were better (exact McNemar)."""
    return 1.0 if lost + gained == 0 else float(binomtest(lost, lost + gained, 0.5).pvalue)


def _row(before: Int[Tensor, " n"], after: Int[Tensor, " n"], clips: LabelledClips) -> dict[str, Any]:
    """How the answers after a change compare with those before."""
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
    """The changes of time that are tried on labelled clips, by what a row is called; the first is no change."""
    middle = num_frames // 2
    choices = {
        "as filmed": None,
        "reversed": TimeChoice(change="reverse"),
        "shuffled": TimeChoice(change="shuffle"),
        "frozen in the middle": TimeChoice(change="freeze", frame=middle),
        "half speed": TimeChoice(change="speed", speed=0.5),
        "double speed": TimeChoice(change="speed", speed=2.0),
        "stalling once": TimeChoice(change="repeat", frame=middle),
    }
    if num_frames > 1:
        choices["a frame dropped"] = TimeChoice(change="drop", frame=middle)
    assert {choice.change for choice in choices.values() if choice} <= set(TIME_CHANGES)
    return choices


def time_accuracy(
    networks: Sequence[Network], clips: Sequence[LabelledClips], report: Report = no_report
) -> pd.DataFrame:
    """The accuracy of networks, each on its clips, under the usual changes of time.

    Rows: network, change; columns as `right` (own class), `twin` (the class of the reversal), `unchanged` (answers as
    to the clip as filmed), `flipped` (answers that became the twin of what they were), `lost`, `gained`, `chance`.
    """
    pairs = list(zip(networks, clips, strict=True))
    total = sum(len(usual_choices(own.num_frames)) for _, own in pairs)
    rows: list[dict[str, Any]] = []
    for network, own in pairs:
        twins = torch.tensor(open_dataset(own.dataset, "test", own.size).twins)
        before = None
        for name, choice in usual_choices(own.num_frames).items():
            tick = partial(report, len(rows) / total, f"{network.name}, {name}")
            after = first_answers(network, own.batches(choice), tick=tick)
            before = after if before is None else before
            flipped = int((after == twins[before]).sum())
            rows.append({"network": network.name, "change": name, **_row(before, after, own), "flipped": flipped})
    return pd.DataFrame(rows)


def time_finding(table: pd.DataFrame) -> str:
    """A sentence for each network on what reversal does, from `time_accuracy`."""
    rows = [row for row in _records(table) if row["change"] == "reversed"]
    return " ".join(
        f"Reversed, {row['network']} turns to the twin of its answer on {row['flipped']} of {row['num_clips']} clips "
        f"and keeps its answer on {row['unchanged']}."
        for row in rows
    )


def settings_for_need(network: Network, layer: str) -> tuple[str, ...]:
    """What a layer alone is set to to see if it is needed."""
    known = knows_start(network.model, layer, network.starts)
    return ("initial", "identity", "zero") if known else ("present", "zero")


def is_it_needed(
    network: Network, layers: Sequence[str], clips: LabelledClips, report: Report = no_report
) -> pd.DataFrame:
    """The accuracy on labelled clips when each of the layers alone is set to something else.

    Rows: layer, setting (the first is "learned"), and the columns of right, lost and gained clips. The network is left
    as it was, bit for bit.
    """
    steps = [(layer, setting) for layer in layers for setting in settings_for_need(network, layer)]
    batches = clips.as_filmed()
    before = first_answers(network, batches, tick=partial(report, 0.0, "as learned"))
    rows: list[dict[str, Any]] = []
    for number, (layer, setting) in enumerate(steps, start=1):
        if not rows or rows[-1]["layer"] != layer:
            rows.append({"layer": layer, "setting": "learned", **_row(before, before, clips)})
        tick = partial(report, number / (len(steps) + 1), f"{block_name(layer)}: {SETTINGS[setting].label}")
        with network.lock:
            changed = changes(network.model, [layer], setting, starts=network.starts)
        after = first_answers(network, batches, changed, tick)
        rows.append({"layer": layer, "setting": setting, **_row(before, after, clips)})
    return pd.DataFrame(rows)


def every_step(settings: Sequence[str]) -> list[Step]:
    """Each of the settings, the blend in steps."""
    return [Step(name, blend) for name in settings for blend in (BLENDS if SETTINGS[name].takes_blend else (1.0,))]


def settings_accuracy(
    network: Network, layers: Sequence[str], steps: Sequence[Step], clips: LabelledClips, report: Report = no_report
) -> pd.DataFrame:
    """The accuracy on labelled clips when layers together are set to each of the steps.

    Rows: setting, blend, and the columns of right, lost and gained clips; what was learned comes first. The network is
    left as it was, bit for bit.
    """
    batches, others = clips.as_filmed(), [step for step in steps if step.setting != "learned"]
    before = first_answers(network, batches, tick=partial(report, 0.0, "as learned"))
    rows = [{"setting": "learned", "blend": 1.0, **_row(before, before, clips)}]
    for number, (setting, blend) in enumerate(others, start=1):
        with network.lock:
            changed = changes(network.model, layers, setting, blend, network.starts)
        tick = partial(report, number / (len(others) + 1), SETTINGS[setting].told(blend))
        after = first_answers(network, batches, changed, tick)
        rows.append({"setting": setting, "blend": blend, **_row(before, after, clips)})
    return pd.DataFrame(rows)


def setting_finding(table: pd.DataFrame) -> str:
    """One sentence on the last row of `settings_accuracy`: the accuracy there and as learned, and if that is chance."""
    whole, row = _records(table)[0], _records(table)[-1]
    told = (
        f"With {SETTINGS[row['setting']].words} {row['right']} of {row['num_clips']} labelled clips are right, as "
        f"learned {whole['right']}: {row['lost']} lost and {row['gained']} gained"
    )
    return f"{told}." if row["chance"] <= SIGNIFICANT else f"{told}, which is within chance."


def blend_finding(table: pd.DataFrame) -> str:
    """One sentence on the blends of `settings_accuracy`: the start, the best, and the end of the line."""
    rows = [row for row in _records(table) if row["setting"] == "blend"]
    best = max(rows, key=lambda row: (row["right"], -abs(row["blend"] - 1)))
    return (
        f"At the start (b = 0) {rows[0]['right']} of {rows[0]['num_clips']} clips are right. Most are with "
        f"b = {best['blend']:g}, {best['right']}; at the end, b = {rows[-1]['blend']:g}, {rows[-1]['right']} are."
    )


def need_finding(table: pd.DataFrame, block: str) -> str:
    """One sentence on one layer's rows of `is_it_needed`: the worst that can be done to it, and if that is chance."""
    rows = _records(table)
    whole, others = rows[0], rows[1:]
    worst = min(others, key=lambda row: row["right"])
    right = f"as learned the network is right on {whole['right']} of {whole['num_clips']} clips"
    words = SETTINGS[worst["setting"]].words
    if worst["right"] >= whole["right"]:
        return f"{block} is not needed here: {right}, and with anything else on no fewer."
    sentence = f"{right}, with {words} on {worst['right']}"
    if worst["chance"] > SIGNIFICANT / len(others):
        return f"Nobody can tell from these clips whether {block} is needed: {sentence}, which is within chance."
    return f"{block} is needed: {sentence}."


def need_in_detail(table: pd.DataFrame) -> str:
    """One sentence on one layer's rows of `is_it_needed`: what each setting costs."""
    told = [
        f"with {SETTINGS[row['setting']].words} {row['lost']} lost and {row['gained']} gained"
        for row in _records(table)
        if row["setting"] != "learned"
    ]
    return f"Of {table['num_clips'].iloc[0]} clips, {', '.join(told)}."


def resolution(num_clips: int, dataset: str) -> str:
    """On how many clips, and what one of them weighs."""
    return f"{num_clips} test clips of {dataset}, equally many of each class: one clip is {100 / num_clips:.2g} %."


def layers_finding(table: pd.DataFrame, names: Mapping[str, str]) -> str:
    """One sentence on all layers of `is_it_needed`: the one that is missed most, and how many are beyond chance."""
    rows = [row for row in _records(table) if row["setting"] != "learned"]
    beyond = {row["layer"] for row in rows if row["chance"] <= SIGNIFICANT / len(rows) and row["lost"] > row["gained"]}
    worst = min(rows, key=lambda row: row["right"])
    return (
        f"{names[worst['layer']]} is missed most: with {SETTINGS[worst['setting']].words} {worst['lost']} clips are "
        f"lost and {worst['gained']} gained. In {len(beyond)} of {len(set(table['layer']))} layers a change costs more "
        f"than chance explains.{'' if beyond else ' More clips tell smaller differences from chance.'}"
    )


def settings_finding(table: pd.DataFrame) -> str:
    """One sentence on `settings_accuracy`: as learned, mirrored, and the setting that costs most."""
    rows = {(row["setting"], row["blend"]): row for row in _records(table)}
    whole, mirrored = rows["learned", 1.0], rows["mirrored", 1.0]
    others = [row for (setting, _), row in rows.items() if setting not in ("learned", "blend")]
    worst = min(others, key=lambda row: row["right"])
    return (
        f"As learned {whole['right']} of {whole['num_clips']} clips are right. Mirrored, {mirrored['right']} are, and "
        f"{mirrored['twin']} are taken for their twin. Most is lost with {SETTINGS[worst['setting']].words}: "
        f"{worst['right']} stay right."
    )
