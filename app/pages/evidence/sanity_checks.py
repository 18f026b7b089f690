"""Sanity checks on the page Evidence: the chips under the headline, and the tab "Can you trust it?".

The checks are the table `CHECKS` of `analysis.attribution.sanity_checks.checks`: they judge a method at a layer over a
set of clips. The clip of the page is shown next to that, as one clip. All of them work on copies of the networks.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from torch import nn

from analysis.attribution.evidence import preselect_layer
from analysis.attribution.methods import METHODS
from analysis.attribution.sanity_checks import checks, figures
from analysis.attribution.sanity_checks.checks import CHECKS, Check, Subject
from analysis.attribution.sanity_checks.clips import CheckClips, rival_in_words, rival_of
from analysis.attribution.sanity_checks.deletion_insertion import (
    EVIDENCE,
    RANDOM_MAPS,
    DeletionInsertion,
    delete_and_insert,
)
from analysis.attribution.sanity_checks.frame_order import ReorderedClip, change_frame_order
from analysis.attribution.sanity_checks.verdict import RHO, Result
from analysis.attribution.sanity_checks.weight_randomization import Randomisation, randomise
from analysis.formatting import join_words, percent, three_digits
from analysis.own_clips import dataset_of
from app import cache, cards, checkpoints, jobs, layout
from app.components.film_strip import StripRow, film_strip
from app.pages.evidence import code
from app.pages.evidence.finding import Finding
from app.pages.evidence.methods import FRAMES_PER_SECOND
from gte.checkpoint_header import CheckpointHeader
from gte.data import labelled_split_in_words
from gte.data.loading import to_clip
from gte.files import stamp

MIN_CHART_WIDTH = 360
"""Pixels that the chart of one network needs, with the labels of its axes."""
MIN_CARD_WIDTH = 480
"""Pixels that a stored result needs, with its sentence."""
ORDER_SCALE = "maximum of the three"
ICONS = {
    "passed": ":material/check_circle:",
    "not passed": ":material/cancel:",
    "cannot tell": ":material/help:",
    "running": ":material/hourglass_top:",
    "not run": ":material/radio_button_unchecked:",
    "cannot be run": ":material/block:",
}
_OPENED = "opened check"
"""Entry of the session with the check whose figure a click on its chip asks for."""


def subject_of(finding: Finding) -> Subject:
    """What is checked for a finding: its method at its block, for other clips and without a class to contrast with."""
    return Subject(header=finding.header, method=finding.evidence.method, layer=finding.block)


def facts(finding: Finding) -> dict[str, Any]:
    """The state of each check and the sentences of those that are done, as entries of a card."""
    return checks.facts({name: _result(name, finding) for name in CHECKS})


def chips(findings: Sequence[Finding]) -> None:
    """The strip of chips for the first network: each opens its figure; one button runs all checks that are not done."""
    opened = st.session_state.pop(_OPENED, None)
    active = _active(findings)
    st.fragment(_draw_chips, run_every=1.0 if active else None)(findings, active)
    if opened is not None:
        _open(opened, findings)


def _draw_chips(findings: Sequence[Finding], active: Mapping[Hashable, bool]) -> None:
    """Draw the strip; the page is drawn again when a job has begun or ended, or a figure is to be opened."""
    if _active(findings) != active or _OPENED in st.session_state:
        st.rerun()
    first = findings[0]
    with st.container(key="checks", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{layout.plain(first.name)}:**", width="content")
        # Before the chips, whose widths change while checks run: a button that moves is missed.
        _run_all(findings, active)
        for name, check in CHECKS.items():
            key = _key(name, first)
            if (job := jobs.find(key)) is not None and key in active:
                _draw_running(check, job)
                continue
            result = _result(name, first)
            obstacle = "" if result else checks.obstacle(name, subject_of(first))
            state = result.verdict.state if result else "cannot be run" if obstacle else "not run"
            st.button(
                f"{check.chip}: {state}",
                icon=ICONS[state],
                key=f"chip {name}",
                type="tertiary",
                help=layout.plain(result.verdict.sentence if result else obstacle or check.rule),
                on_click=st.session_state.update,
                args=({_OPENED: name},),
            )


def render(findings: Sequence[Finding]) -> None:
    """The tab: all checks, for each network of the page."""
    splits = list(dict.fromkeys(labelled_split_in_words(dataset_of(finding.header)) for finding in findings))
    st.markdown(
        f"Each test judges the method at this layer over a fixed set of {join_words(splits)} clips, so it says more "
        f"than a look at one map. {RHO} is the absolute rank correlation of two maps; square brackets are 95 % "
        "intervals over clips, each of another scene."
    )
    if any(finding.evidence.contrast is not None for finding in findings):
        st.caption("The tests take the evidence for the class alone, not contrasted with another class.")
    for name in CHECKS:
        st.subheader(CHECKS[name].title, anchor=False)
        with layout.errors_as_sentences():
            _draw(name, findings, "tab")


def stored_results(header: CheckpointHeader, name: str) -> None:
    """Show the checks that are stored for a network of which no clip is here."""
    subject = Subject(header=header, method=next(iter(METHODS)), layer=preselect_layer(cache.map_shapes(header)))
    shown = checks.cards(subject, checkpoints.path_in_code(header))
    if shown:
        st.subheader(f"Stored tests of the evidence of {layout.plain(name)}", anchor=False)
    with st.grid(2, min_column_width=MIN_CARD_WIDTH):
        for card in shown:
            with st.container():
                cards.draw(card)


def _open(name: str, findings: Sequence[Finding]) -> None:
    """Open the figure of a check in a dialog."""

    active = _active(findings)

    @st.dialog(CHECKS[name].title, width="large")
    def draw() -> None:
        if _active(findings) != active:
            # The job has begun, and its chip shows it: the dialog ends.
            st.rerun()
        with layout.errors_as_sentences():
            _draw(name, findings, "dialog")
        pending = [item for item in _pending([name], findings) if _key(*item) not in active]
        if pending:
            st.button("Run this test", key="run check", icon=":material/play_arrow:", on_click=_start, args=(pending,))

    draw()


def _draw(name: str, findings: Sequence[Finding], place: str) -> None:
    check = CHECKS[name]
    st.markdown(f"{check.description} **Rule.** {check.rule}")
    with st.grid(len(findings), min_column_width=MIN_CHART_WIDTH):
        for finding in findings:
            with st.container():
                _draw_network(name, check, finding, place)
    if place == "tab" and name in ONE_CLIP:
        _draw_clip(name, findings)


def _draw_network(name: str, check: Check, finding: Finding, place: str) -> None:
    result = _result(name, finding)
    if result is None:
        if obstacle := checks.obstacle(name, subject_of(finding)):
            st.markdown(f"**{layout.plain(finding.name)}.** {layout.plain(obstacle)}")
            return
        st.markdown(f"**{layout.plain(finding.name)}.** Not run for {layout.plain(_what(finding))}.")
        if place == "tab":
            jobs.offer(_key(name, finding), f"Run for {finding.name}", _work(name, finding), lane="slow")
        return
    verdict = result.verdict
    st.markdown(f"**{layout.plain(finding.name)}.** {ICONS[verdict.state]} {layout.plain(verdict.sentence)}")
    cards.chart(
        check.figure(result),
        f"{check.title} {finding.name}",
        verdict.sentence,
        key=f"{place} {name} {finding.name}",
        definition=check.rule,
        code=_code(name, finding),
    )


def _code(name: str, finding: Finding) -> str:
    """Python that draws the figure of a check; empty for an untrained network, which has no file to read."""
    return checks.code(name, subject_of(finding), finding.path) if finding.path else ""


def _what(finding: Finding) -> str:
    return f"{finding.evidence.label} at {finding.block}"


def _key(name: str, finding: Finding) -> Hashable:
    return "check", name, stamp(finding.header.path), finding.evidence.method, finding.block


def _result(name: str, finding: Finding) -> Result | None:
    """The result of a check if it is done, in this server or on disk."""
    job = jobs.find(_key(name, finding))
    if job is not None and job.state == "done":
        return job.result
    return checks.stored(name, subject_of(finding))


def _work(name: str, finding: Finding) -> Callable[[jobs.Report], Result]:
    copied, subject = cache.model_copier(finding.header), subject_of(finding)
    is_kept = not checkpoints.is_uploaded(finding.header)

    def work(report: jobs.Report) -> Result:
        report(0.0, "preparing")
        result = CHECKS[name].run(copied(), subject, CHECKS[name].num_clips, report)
        # Where nothing can be written, the result is computed again after a restart.
        with suppress(OSError):
            if is_kept:
                checks.keep(name, subject, result)
        return result

    return work


def _pending(names: Iterable[str], findings: Sequence[Finding]) -> list[tuple[str, Finding]]:
    """The checks that are not done and can be run."""
    return [
        (name, finding)
        for finding in findings
        for name in names
        if _result(name, finding) is None and not checks.obstacle(name, subject_of(finding))
    ]


def _active(findings: Sequence[Finding]) -> dict[Hashable, bool]:
    """The jobs of checks that wait or run, by key: whether this visitor waits for them."""
    keys = [_key(name, finding) for finding in findings for name in CHECKS]
    return {key: jobs.is_awaited(key) for key in keys if (job := jobs.find(key)) is not None and job.is_active}


def _run_all(findings: Sequence[Finding], active: Mapping[Hashable, bool]) -> None:
    """One button that runs what is not done, and while it runs one that cancels it."""
    own = [key for key, is_own in active.items() if is_own]
    if own:
        st.button("Cancel", key="cancel checks", on_click=_cancel, args=(own,))
    elif pending := _pending(CHECKS, findings):
        st.button("Run all tests", key="run checks", icon=":material/play_arrow:", on_click=_start, args=(pending,))


def _start(pending: Sequence[tuple[str, Finding]]) -> None:
    for name, finding in pending:
        jobs.start(_key(name, finding), _work(name, finding), lane="slow")


def _cancel(keys: Sequence[Hashable]) -> None:
    for key in keys:
        jobs.leave(key)


def _draw_running(check: Check, job: jobs.Job) -> None:
    progress = "waiting" if job.state == "waiting" else f"running, {job.part:.0%}"
    st.button(
        f"{check.chip}: {progress}",
        icon=ICONS["running"],
        key=f"running {check.chip}",
        type="tertiary",
        disabled=True,
        help=layout.plain(job.text or "Waiting for other work on this server"),
    )


def _draw_clip(name: str, findings: Sequence[Finding]) -> None:
    """What the check finds for the clip of the page alone."""
    for finding in findings:
        if finding.evidence.is_empty:
            text = f"{finding.name}, this clip: {finding.evidence.finding()} So there is nothing to test."
            st.caption(layout.plain(text))
    findings = [finding for finding in findings if not finding.evidence.is_empty]
    if not findings:
        return
    run, draw = ONE_CLIP[name]
    works = [partial(run, cache.model_copier(finding.header), finding) for finding in findings]
    keys = [finding.key(finding.evidence.method) for finding in findings]

    def work(report: jobs.Report) -> list[Any]:
        return [
            work_of_one(lambda part, text, place=place: report((place + part) / len(works), text))
            for place, work_of_one in enumerate(works)
        ]

    is_quick = METHODS[findings[0].evidence.method].speed == "quick"
    results = jobs.offer(("one clip", name, *keys), "Test this clip alone", work, lane="quick" if is_quick else "slow")
    for finding, result in zip(findings, results or (), strict=results is not None):
        draw(finding, result)


def _this_clip(finding: Finding) -> CheckClips:
    target = finding.evidence.target
    rival = rival_of([score.index for score in finding.scores], target, finding.header.twins)
    words = rival_in_words((target,), finding.header.twins)
    return CheckClips(pixels=to_clip(finding.clip.frames)[None], targets=(target,), rivals=(rival,), rival=words)


def _randomise_clip(copied: Callable[[], nn.Module], finding: Finding, report: jobs.Report) -> Randomisation:
    layer = "" if METHODS[finding.evidence.method].works_on else finding.block
    return randomise(copied(), _this_clip(finding), subject_of(finding).explain, layer, num_stages=0, report=report)


def _draw_randomised_clip(finding: Finding, result: Randomisation) -> None:
    value, empty = float(result.by_clip(result.decisive)[0]), result.empty_share(result.decisive)
    text = (
        "every map is empty" if np.isnan(value) else f"{RHO} is {three_digits(value)}, {percent(empty)} of maps empty"
    )
    _write(finding, f"With every weight after the block randomised: {text}.")


def _delete_clip(copied: Callable[[], nn.Module], finding: Finding, report: jobs.Report) -> DeletionInsertion:
    explain = subject_of(finding).explain
    return delete_and_insert(copied(), _this_clip(finding), explain, finding.block, report=report)


def _draw_deleted_clip(finding: Finding, result: DeletionInsertion) -> None:
    beats = "beats" if result.wins()[EVIDENCE] else "does not beat"
    _write(finding, f"In both ways {finding.evidence.label} {beats} all {RANDOM_MAPS} randomly weighted maps.")
    chart = figures.deletion_curves(result, finding.evidence.label)
    title = f"Deletion and insertion, one clip, {finding.name}"
    cards.chart(
        chart,
        title,
        "Probability of the class while pixels change.",
        key=f"curves {finding.name}",
        code=code.deletion(finding),
    )


def _reorder_clip(copied: Callable[[], nn.Module], finding: Finding, report: jobs.Report) -> ReorderedClip:
    report(0.5, "shuffled and frozen")
    clip = _this_clip(finding)
    return change_frame_order(copied(), clip.pixels, clip.targets[0], subject_of(finding).explain)


def _draw_reordered_clip(finding: Finding, result: ReorderedClip) -> None:
    _write(finding, result.summary())
    versions = (result.original, result.shuffled, result.frozen)
    maximum = max(version.evidence.maximum for version in versions)
    rows = [
        StripRow.of(
            version.name,
            finding.clip.frames[list(version.frames)],
            version.evidence,
            f"Frames {', '.join(str(frame + 1) for frame in version.frames)} of the clip: "
            f"{percent(version.probability)}. {version.evidence.finding()}",
            maximum,
        )
        for version in versions
    ]
    film_strip(
        rows,
        key=f"frame order {finding.name}",
        title=f"Evidence of {finding.name} with frames in another order",
        scale_label=ORDER_SCALE,
        frames_per_second=FRAMES_PER_SECOND,
        code=code.frame_order(finding, ORDER_SCALE),
    )


def _write(finding: Finding, text: str) -> None:
    st.markdown(f"**{layout.plain(finding.name)}, this clip alone.** {layout.plain(text)}")


ONE_CLIP: Mapping[str, tuple[Callable[..., Any], Callable[[Finding, Any], None]]] = {
    "randomisation": (_randomise_clip, _draw_randomised_clip),
    "deletion": (_delete_clip, _draw_deleted_clip),
    "frame order": (_reorder_clip, _draw_reordered_clip),
}
"""How a check is run on the clip of the page, and how its result is drawn."""
