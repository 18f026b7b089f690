"""The tab "Can you trust it?" of the page Evidence: sanity checks of the evidence, each with a button and a verdict.

A check is one entry of CHECKS. All of them work on copies of the networks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st
import torch

from analysis.attribution.evidence import Explain
from analysis.attribution.methods import METHODS, find_evidence
from analysis.attribution.sanity_checks import figures
from analysis.attribution.sanity_checks.deletion_insertion import DeletionInsertion, delete_and_insert
from analysis.attribution.sanity_checks.frame_order import FrameOrder, change_frame_order
from analysis.attribution.sanity_checks.localization import Localization, localize
from analysis.attribution.sanity_checks.weight_randomization import SEEDS, Randomisation, randomise
from analysis.formatting import percent, three_digits
from app import cache, cards, jobs, layout
from app.clips import clip_source
from app.components.film_strip import StripRow, film_strip
from app.pages.evidence.finding import Finding
from app.pages.evidence.methods import FRAME_SIDE, FRAMES_PER_SECOND, MAP_SIDE
from gte.data import open_dataset
from gte.data.loading import to_clip
from gte.data.motionpairs.dataset import MotionPairs
from gte.data.sampling import segment_indices
from gte.files import stamp

NUM_CLIPS = 28
"""Clips of the comparison with object masks: two of each class of MotionPairs."""
MIN_CHART_WIDTH = 360
"""Pixels that the chart of one network needs, with the labels of its axes."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A sanity check of the evidence."""

    title: str
    button: str
    description: str
    """What is done, in one or two sentences."""
    prepare: Callable[[Finding], Callable[[jobs.Report], Any]]
    """Prepare the check of one network; the function that it returns runs in the background, without Streamlit."""
    draw: Callable[[Sequence[Finding], Sequence[Any]], None]
    of_the_clip: bool = True
    """False for a check on a fixed set of clips, independent of the clip of the page."""


def render(findings: Sequence[Finding]) -> None:
    """All checks, for each network of the page."""
    for finding in findings:
        if finding.evidence.is_empty:
            st.info(layout.plain(f"{finding.name}: {finding.evidence.finding()} There is nothing to test or to show."))
    with_evidence = [finding for finding in findings if not finding.evidence.is_empty]
    for name, check in CHECKS.items():
        checked = with_evidence if check.of_the_clip else findings
        if not checked:
            continue
        st.subheader(check.title, anchor=False)
        st.markdown(check.description)
        with layout.errors_as_sentences():
            results = _offer(name, check, checked)
            if results is not None:
                check.draw(checked, results)


def _offer(name: str, check: Check, findings: Sequence[Finding]) -> list[Any] | None:
    keys = [
        finding.key(finding.evidence.method) if check.of_the_clip else (stamp(finding.header.path), finding.block)
        for finding in findings
    ]
    works = {finding.name: check.prepare(finding) for finding in findings}

    def work(report: jobs.Report) -> list[Any]:
        results = []
        for place, (network, check_network) in enumerate(works.items()):

            def report_part(part: float, text: str, place: int = place, network: str = network) -> None:
                report((place + part) / len(works), f"{network}: {text}")

            report_part(0.0, "preparing")
            results.append(check_network(report_part))
        return results

    return jobs.offer((name, *keys), check.button, work, lane="slow")


def _explain(finding: Finding) -> Explain:
    """The method, class and layer of a finding, for other clips and weights."""
    evidence = finding.evidence
    return partial(
        find_evidence, evidence.method, target=evidence.target, layer=finding.block, contrast=evidence.contrast
    )


def _prepare_randomisation(finding: Finding) -> Callable[[jobs.Report], Randomisation]:
    copied, clip, explain = cache.model_copier(finding.header), to_clip(finding.clip.frames)[None], _explain(finding)
    return lambda report: randomise(copied(), clip, explain, report=report)


def _draw_randomisation(findings: Sequence[Finding], results: Sequence[Randomisation]) -> None:
    charts = [figures.randomisation_curve(result.by_stage()) for result in results]
    _draw_charts("randomisation", findings, results, charts)
    st.caption(
        "Left: the original network. Each step to the right shuffles the numbers within the weights of one more part, "
        "from the classifier down; between the dotted lines a part of the map is left. The error bars are the range "
        f"over {SEEDS} seeds. A map without evidence counts as 0."
    )


def _prepare_deletion_insertion(finding: Finding) -> Callable[[jobs.Report], DeletionInsertion]:
    copied, clip = cache.model_copier(finding.header), to_clip(finding.clip.frames)[None]
    return lambda report: delete_and_insert(copied(), clip, finding.evidence, finding.block, report=report)


def _draw_deletion_insertion(findings: Sequence[Finding], results: Sequence[DeletionInsertion]) -> None:
    charts = [figures.deletion_insertion_curves(result.table, result.method) for result in results]
    _draw_charts("deletion", findings, results, charts)


def _prepare_frame_order(finding: Finding) -> Callable[[jobs.Report], FrameOrder]:
    copied, clip, explain = cache.model_copier(finding.header), to_clip(finding.clip.frames)[None], _explain(finding)

    def work(report: jobs.Report) -> FrameOrder:
        report(0.5, "shuffled and frozen")
        return change_frame_order(copied(), clip, explain)

    return work


def _draw_frame_order(findings: Sequence[Finding], results: Sequence[FrameOrder]) -> None:
    for finding, result in zip(findings, results, strict=True):
        _write_verdict(finding, result.verdict())
        versions = (result.original, result.shuffled, result.frozen)
        maximum = max(version.evidence.maximum for version in versions)
        rows = [
            StripRow(
                label=version.name,
                frames=finding.clip.frames[list(version.frames)],
                evidence=version.evidence.upsampled(len(version.frames), MAP_SIDE, MAP_SIDE, maximum=maximum).numpy(),
                note=f"Frames {', '.join(str(frame + 1) for frame in version.frames)} of the clip: "
                f"{percent(version.probability)}. {version.evidence.finding()}",
                frame_shares=version.evidence.frame_shares().tolist(),
            )
            for version in versions
        ]
        film_strip(
            rows,
            key=f"frame order {finding.name}",
            title=f"Evidence of {finding.name} with frames in another order",
            scale_label="maximum of the three",
            frames_per_second=FRAMES_PER_SECOND,
            largest_frame=FRAME_SIDE,
        )


def _prepare_localization(finding: Finding) -> Callable[[jobs.Report], Localization]:
    header, copied = finding.header, cache.model_copier(finding.header)
    source = clip_source(header)
    has_labels = source.dataset == MotionPairs.name and source.trained_on

    def work(report: jobs.Report) -> Localization:
        clips = open_dataset(MotionPairs.name, "test", header.size)
        assert isinstance(clips, MotionPairs)
        frames = segment_indices(clips.num_frames_stored, header.num_frames)
        numbers = range(NUM_CLIPS)
        return localize(
            copied(),
            [to_clip(clips.frames(index, frames)) for index in numbers],
            [torch.from_numpy(clips.masks(index, frames)) for index in numbers],
            [clips.label(index) if has_labels else None for index in numbers],
            finding.block,
            report=report,
        )

    return work


def _draw_localization(findings: Sequence[Finding], results: Sequence[Localization]) -> None:
    summaries = {finding.name: result.summary() for finding, result in zip(findings, results, strict=True)}
    maximum = figures.axis_maximum(summaries)
    charts = [
        figures.localization_bars(summary, result.chance, maximum)
        for summary, result in zip(summaries.values(), results, strict=True)
    ]
    _draw_charts("localization", findings, results, charts)
    rows = [
        {
            "network": finding.name,
            "block": finding.block,
            "method": row["method"],
            "on the object": percent(row["share"]),
            "middle half of the clips": f"{percent(row['low'])} to {percent(row['high'])}",
            "area of the object": percent(result.chance),
            "times chance": three_digits(row["times chance"]),
            "clips without evidence": row["without evidence"],
        }
        for finding, result in zip(findings, results, strict=True)
        for row in summaries[finding.name].to_dict("records")
    ]
    st.dataframe(rows, hide_index=True)
    without_positions = ", ".join(method.label for method in METHODS.values() if not method.says_where)
    st.caption(
        f"The first {NUM_CLIPS} test clips of MotionPairs, two of each class, with evidence for the true class, or for "
        "the predicted class if a network has other classes. Bars are means, the lines are the middle half of the "
        "clips, the dotted line is the object's share of the area. A map with few cells extends over the object's "
        f"edge, so no coarse block reaches 100 %. {without_positions} says when, not where, so it is left out."
    )


def _write_verdict(finding: Finding, verdict: str) -> None:
    st.markdown(f"**{layout.plain(finding.name)}.** {layout.plain(verdict)}")


def _draw_charts(name: str, findings: Sequence[Finding], results: Sequence[Any], charts: Sequence[Any]) -> None:
    """The verdict and the chart of each network, side by side; in a narrow window they wrap."""
    with st.grid(len(findings), min_column_width=MIN_CHART_WIDTH):
        for finding, result, chart in zip(findings, results, charts, strict=True):
            with st.container():
                verdict = result.verdict()
                _write_verdict(finding, verdict)
                cards.chart(chart, f"{CHECKS[name].title} {finding.name}", verdict, key=f"{name} {finding.name}")


CHECKS: Mapping[str, Check] = {
    "randomisation": Check(
        title="Does it depend on what was learned?",
        button="Run randomisation test",
        description="The weights of a copy are shuffled, part by part from the classifier down, and the map is "
        "computed again each time. A map that does not change shows the clip, not the network (Adebayo et al., Sanity "
        "Checks for Saliency Maps, NeurIPS 2018).",
        prepare=_prepare_randomisation,
        draw=_draw_randomisation,
    ),
    "deletion": Check(
        title="Does the network need the marked pixels?",
        button="Run deletion test",
        description="The pixels with the strongest evidence are replaced by the clip's average colour (deletion), or "
        "inserted first into a blurred clip (insertion). Good evidence changes the probability sooner than randomly "
        "weighted maps of the same block do (Petsiuk et al., RISE, BMVC 2018).",
        prepare=_prepare_deletion_insertion,
        draw=_draw_deletion_insertion,
    ),
    "frame order": Check(
        title="Does it depend on the order of the frames?",
        button="Run frame-order test",
        description="The same frames in another order, and one frame for the whole clip. A motion-based network should "
        "react to both.",
        prepare=_prepare_frame_order,
        draw=_draw_frame_order,
    ),
    "localization": Check(
        title="Is it on the moving object?",
        button="Compare with object masks",
        description="For MotionPairs the pixels of the moving object are known. How much of the evidence is on them, "
        "over a fixed set of clips, for every method?",
        prepare=_prepare_localization,
        draw=_draw_localization,
        of_the_clip=False,
    ),
}
"""The checks by name, in the order in which they are shown."""
