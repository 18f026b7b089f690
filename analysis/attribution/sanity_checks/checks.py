"""Table of the sanity checks: question, rule of the verdict, computation over a set of clips, figure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import plotly.graph_objects as go
from torch import nn

from analysis.attribution.evidence import Explain
from analysis.attribution.export import TESTS
from analysis.attribution.methods import BASELINE, METHODS, find_evidence
from analysis.attribution.sanity_checks import figures
from analysis.attribution.sanity_checks.clips import NUM_CLIPS, check_clips, masks
from analysis.attribution.sanity_checks.deletion_insertion import RANDOM_MAPS, DeletionInsertion, delete_and_insert
from analysis.attribution.sanity_checks.frame_order import RANDOM_MAPS as REORDERED_MAPS
from analysis.attribution.sanity_checks.frame_order import FrameOrder, reorder_clips
from analysis.attribution.sanity_checks.localization import RANDOM_MAPS as LOCATED_MAPS
from analysis.attribution.sanity_checks.localization import Localization, localize
from analysis.attribution.sanity_checks.verdict import RHO, Result
from analysis.attribution.sanity_checks.weight_randomization import KEPT, NUM_STAGES, SEEDS, Randomisation, randomise
from analysis.own_clips import FALLBACK, dataset_of, why_no_clips
from analysis.plotting.card import CardWithCode
from analysis.progress import Report
from analysis.stored_results import load_result, save_result
from gte.checkpoint_header import CheckpointHeader
from gte.data import label_of

NUM_MASKED_CLIPS: Final = 28
"""Clips of the localisation test, which is quick: two of each class of MotionPairs, each of another scene."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is checked: the maps of one method at one block of a network."""

    header: CheckpointHeader
    method: str
    layer: str
    """The block. Methods that use none are compared with maps of this one."""

    @property
    def explain(self) -> Explain:
        """The method at the block."""
        return partial(find_evidence, self.method, layer=self.layer)


Run = Callable[[nn.Module, Subject, int, Report], Result]
"""(network, what is checked, number of clips, progress) to the result; the network is left unchanged."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A sanity check of the evidence, judged over a set of clips."""

    title: str
    """The question."""
    chip: str
    """Its name in two words."""
    rule: str
    """When a map passes, in one sentence."""
    description: str
    """What is done, with its source."""
    run: Run
    read: Callable[[dict[str, Any]], Result]
    """Read the result from plain data."""
    figure: Callable[[Any], go.Figure]
    num_clips: int = NUM_CLIPS
    needs_masks: bool = False
    """True if it can only be run on clips whose moving objects are known: those of MotionPairs."""
    version: int = 2
    """Raised when the computation changes, so that stored results are computed again."""

    def settings(self, subject: Subject) -> dict[str, Any]:
        """Everything but the checkpoint that decides the result, as plain data."""
        return {"method": subject.method, "layer": subject.layer, "clips": self.num_clips, "version": self.version}


def _randomise(model: nn.Module, subject: Subject, num_clips: int, report: Report) -> Randomisation:
    method = METHODS[subject.method]
    return randomise(
        model,
        check_clips(model, subject.header, dataset_of(subject.header), num_clips),
        subject.explain,
        "" if method.works_on else subject.layer,
        num_stages=NUM_STAGES if method.speed == "quick" else 0,
        report=report,
    )


def _delete_and_insert(model: nn.Module, subject: Subject, num_clips: int, report: Report) -> DeletionInsertion:
    clips = check_clips(model, subject.header, dataset_of(subject.header), num_clips)
    return delete_and_insert(model, clips, subject.explain, subject.layer, report=report)


def _reorder(model: nn.Module, subject: Subject, num_clips: int, report: Report) -> FrameOrder:
    clips = check_clips(model, subject.header, dataset_of(subject.header), num_clips)
    explain = None if subject.method == BASELINE else subject.explain
    return reorder_clips(model, clips, explain, subject.layer, report=report)


def _localize(model: nn.Module, subject: Subject, num_clips: int, report: Report) -> Localization:
    clips = check_clips(model, subject.header, FALLBACK, num_clips)
    return localize(model, clips, masks(subject.header, num_clips), subject.method, subject.layer, report=report)


CHECKS: Final[Mapping[str, Check]] = {
    "randomisation": Check(
        title="Does it depend on what was learned?",
        chip="Randomised weights",
        rule=f"Passes if {RHO} with the original map is below {KEPT} (95 % interval) once all weights after the block "
        "are random, although the block itself still computes the same.",
        description="The weights of a copy are shuffled, part by part from the classifier down, and the map is "
        "computed again each time. A map that ignores the class, such as RandomCAM, changes only when the block itself "
        "is destroyed, which does not count. Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018. "
        f"{SEEDS} seeds; empty maps have no ranks and are counted apart.",
        run=_randomise,
        read=Randomisation.from_data,
        figure=figures.randomisation_curve,
    ),
    "deletion": Check(
        title="Does the network need the marked pixels?",
        chip="Deletion, insertion",
        rule="Passes if, in deletion and in insertion, the area under the curve is better (95 % interval) than that of "
        "each rival: the map of the reversed class (where there is none, of the most probable other class), the "
        f"block's mean activation, pixel motion, and the mean of {RANDOM_MAPS} randomly weighted maps.",
        description="Pixels with the strongest evidence are replaced by the clip's average colour (deletion), or are "
        "inserted first into a blurred clip (insertion). Petsiuk et al., RISE, BMVC 2018; the rivals are ours.",
        run=_delete_and_insert,
        read=DeletionInsertion.from_data,
        figure=figures.advantages,
    ),
    "frame order": Check(
        title="Does it depend on the order of the frames?",
        chip="Frame order",
        rule="Passes if shuffling changes the probability of the class and the map more than noise of the same size in "
        f"the same order, and the map also more than {REORDERED_MAPS} randomly weighted maps of the block, on average "
        "(95 % intervals, paired over clips).",
        description="The same frames in another order, and one frame for the whole clip. "
        f"{RHO} with the original map is taken in the new order and in place, and the larger counts. A block that "
        "mixes frames reacts to their order before training, too, and with any weights: the rivals show by how much.",
        run=_reorder,
        read=FrameOrder.from_data,
        figure=figures.frame_order_dots,
        version=3,
    ),
    "localization": Check(
        title="Is it on the moving object?",
        chip="Moving object",
        rule="Passes if more of the evidence is on the moving object than of the block's mean activation, and than of "
        f"{LOCATED_MAPS} randomly weighted maps of each clip, on average: paired over clips, with p ≤ 0.05 after the "
        "correction of Holm for all methods that are compared.",
        description="For MotionPairs the pixels of the moving object are known. A map with few cells extends over the "
        "object's edge, so no coarse block reaches 100 %. Both rivals ignore the class: a map that is no better shows "
        "where the block reacts, whatever the class.",
        run=_localize,
        read=Localization.from_data,
        figure=figures.localization_bars,
        num_clips=NUM_MASKED_CLIPS,
        needs_masks=True,
        version=3,
    ),
}
"""The checks by name, in the order in which they are shown."""


CANNOT_RUN: Final = "Cannot be run"


def obstacle(name: str, subject: Subject) -> str:
    """Return why a check cannot be run for a network here, in sentences; empty if it can."""
    header = subject.header
    if CHECKS[name].needs_masks and dataset_of(header) != FALLBACK:
        known, own = label_of(FALLBACK), label_of(header.dataset)
        return (
            f"{CANNOT_RUN}: the pixels of the moving object are known for {known} alone, and {header.name} was trained "
            f"on {own}."
        )
    reason = why_no_clips(header)
    return f"{CANNOT_RUN}: {reason}" if reason else ""


def facts(results: Mapping[str, Result | None]) -> dict[str, Any]:
    """Entries of a card: the state of every check, and the sentences of those that were run."""
    states = {name: "not run" if result is None else result.verdict.state for name, result in results.items()}
    sentences = {CHECKS[name].chip: result.verdict.sentence for name, result in results.items() if result is not None}
    return {TESTS: ", ".join(f"{CHECKS[name].chip}: {state}" for name, state in states.items())} | (
        {"tests in detail": sentences} if sentences else {}
    )


class Line(NamedTuple):
    """A check in one line of a report."""

    chip: str
    text: str
    """Its verdict, "not run", or why it cannot be run."""
    key: str
    """The key of its card; empty where it has no result."""
    command: str
    """Runs it where it can be run and has no result; else empty."""


def lines(subject: Subject, path: str) -> list[Line]:
    """A line for each check; `path` is the checkpoint's file as the command names it."""
    listed = []
    for name, check in CHECKS.items():
        result, reason = stored(name, subject), obstacle(name, subject)
        if result is not None:
            listed.append(Line(check.chip, result.verdict.state, _card_key(name), ""))
        elif reason:
            listed.append(Line(check.chip, f"{reason[0].lower()}{reason[1:]}".removesuffix("."), "", ""))
        else:
            command = (
                f'python -m analysis.attribution.sanity_checks {path} --checks "{name}" --methods {subject.method} '
                f"--layers {subject.layer} --store"
            )
            listed.append(Line(check.chip, "not run", "", command))
    return listed


def cards(subject: Subject, path: str) -> list[CardWithCode]:
    """A card for each check whose result is on disk; `path` is the checkpoint's file as the code names it."""
    found = {name: stored(name, subject) for name in CHECKS}
    return [
        CardWithCode(
            key=_card_key(name),
            title=CHECKS[name].title,
            sentence=f"{METHODS[subject.method].label} at {subject.layer}. {result.verdict.sentence}",
            figure=CHECKS[name].figure(result),
            definition=f"{CHECKS[name].description} {CHECKS[name].rule}",
            code=code(name, subject, path),
        )
        for name, result in found.items()
        if result is not None
    ]


CODE: Final = """\
from pathlib import Path

from analysis.attribution.sanity_checks.checks import CHECKS, Subject
from analysis.progress import no_report
from gte.checkpoint import load_model

model, header = load_model(Path({path!r}))
check = CHECKS[{name!r}]
result = check.run(model, Subject(header=header, method={method!r}, layer={layer!r}), check.num_clips, no_report)
check.figure(result)"""
"""Runs a check and draws its figure."""


def code(name: str, subject: Subject, path: str) -> str:
    """Return Python that runs a check and draws its figure; `path` is the checkpoint's file as the code names it."""
    return CODE.format(path=path, name=name, method=subject.method, layer=subject.layer)


def stored(name: str, subject: Subject) -> Result | None:
    """The result of a check if it is on disk for this file and these settings."""
    check = CHECKS[name]
    data = load_result(subject.header.path, _kind(name, subject), check.settings(subject))
    return None if data is None else check.read(data)


def keep(name: str, subject: Subject, result: Result, *, shipped: bool = False) -> None:
    """Store the result of a check, in the cache folder or next to the checkpoint. Raises OSError if that fails."""
    settings = CHECKS[name].settings(subject)
    save_result(subject.header.path, _kind(name, subject), settings, result.as_data(), shipped=shipped)


def _card_key(name: str) -> str:
    return f"check-{name}".replace(" ", "-")


def _kind(name: str, subject: Subject) -> str:
    return f"check-{name}-{subject.method}-{subject.layer}".replace(" ", "-")
