"""The tab "Should you believe it?" of the page Evidence: four tests of the evidence, each a click, each with a verdict.

A test is one entry of TESTS. All of them work on copies of the networks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
import torch

from analysis import figures
from analysis.attribution import METHODS, method_of
from analysis.attribution.sanity_checks.deletion_insertion import Removal, remove
from analysis.attribution.sanity_checks.frame_order import Reordering, reorder
from analysis.attribution.sanity_checks.localization import Hits, hits
from analysis.attribution.sanity_checks.weight_randomization import SEEDS, Randomisation, randomise
from analysis.formatting import percent, three_digits
from analysis.plotting import style
from app import cache, jobs, layout
from app.clips import clip_source
from app.components import StripRow, film_strip
from app.pages.evidence.finding import Finding
from app.pages.evidence.methods import FRAME_SIDE, FRAMES_PER_SECOND, MAP_SIDE, Question, asked, key_of
from gte.data import open_dataset
from gte.data.loading import to_clip
from gte.data.motionpairs.dataset import MotionPairs
from gte.data.sampling import segment_indices

NUM_CLIPS = 28
"""Clips over which evidence is held against the truth: two of each class of MotionPairs."""
NARROWEST_CHART = 360
"""Pixels that the chart of one network needs, with the labels of its axes."""


@dataclass(frozen=True, kw_only=True)
class Test:
    """One test of the evidence."""

    title: str
    button: str
    told: str
    """What is done, in one or two sentences."""
    prepare: Callable[[Finding, Question], Callable[[jobs.Report], Any]]
    """What the test of one network takes with it, and its work, which knows nothing of Streamlit."""
    draw: Callable[[Sequence[Finding], Sequence[Any]], None]
    of_the_clip: bool = True
    """False for what is asked about a fixed set of clips, whichever is shown."""


def render(findings: Sequence[Finding]) -> None:
    """All tests, for each network of the page."""
    empty = [one for one in findings if one.evidence.is_empty]
    for one in empty:
        st.info(layout.plain(f"{one.name}: {one.evidence.finding()} There is nothing to test or to draw."))
    tested = [one for one in findings if not one.evidence.is_empty]
    for name, test in TESTS.items():
        shown = tested if test.of_the_clip else findings
        if not shown:
            continue
        st.subheader(test.title, anchor=False)
        st.markdown(test.told)
        with layout.errors_as_sentences():
            results = _offer(name, test, shown)
            if results is not None:
                test.draw(shown, results)


def _offer(name: str, test: Test, findings: Sequence[Finding]) -> list[Any] | None:
    questions = [asked(one) for one in findings]
    keys = [
        (*key_of(question), one.evidence.method) if test.of_the_clip else (key_of(question)[0], question.layer)
        for one, question in zip(findings, questions, strict=True)
    ]
    works = [test.prepare(one, question) for one, question in zip(findings, questions, strict=True)]
    names = [one.name for one in findings]

    def work(report: jobs.Report) -> list[Any]:
        results = []
        for place, (network, one) in enumerate(zip(names, works, strict=True)):

            def tell(part: float, text: str, place: int = place, network: str = network) -> None:
                report((place + part) / len(works), f"{network}: {text}")

            tell(0.0, "preparing")
            results.append(one(tell))
        return results

    return jobs.offer((name, *keys), test.button, work)


def _prepare_randomisation(one: Finding, question: Question) -> Callable[[jobs.Report], Randomisation]:
    copied, clip, method = cache.model_copier(one.header), to_clip(one.clip.frames)[None], method_of(one.evidence)
    return lambda report: randomise(
        copied(), clip, question.target, question.layer, method.attribute, contrast=question.contrast, report=report
    )


def _draw_randomisation(findings: Sequence[Finding], results: Sequence[Randomisation]) -> None:
    _beside_one_another(
        "randomisation",
        findings,
        results,
        [figures.randomisation_curve(result.by_stage()) for result in results],
    )
    st.caption(
        "Left: the intact network. Every step to the right shuffles the numbers within the weights of one part more, "
        "from the classifier down; between the dotted lines a part of the map is left. The bars span the "
        f"{SEEDS} seeds. A map without evidence counts as 0."
    )


def _prepare_removal(one: Finding, question: Question) -> Callable[[jobs.Report], Removal]:
    copied, clip, evidence = cache.model_copier(one.header), to_clip(one.clip.frames)[None], one.evidence
    return lambda report: remove(copied(), clip, evidence, question.layer, report=report)


def _draw_removal(findings: Sequence[Finding], results: Sequence[Removal]) -> None:
    curves = [figures.removal_curves(result.table, result.method) for result in results]
    _beside_one_another("removal", findings, results, curves)


def _prepare_reordering(one: Finding, question: Question) -> Callable[[jobs.Report], Reordering]:
    copied, clip, method = cache.model_copier(one.header), to_clip(one.clip.frames)[None], method_of(one.evidence)

    def work(report: jobs.Report) -> Reordering:
        report(0.5, "shuffled and frozen")
        return reorder(copied(), clip, question.target, question.layer, method.attribute, contrast=question.contrast)

    return work


def _draw_reordering(findings: Sequence[Finding], results: Sequence[Reordering]) -> None:
    for one, result in zip(findings, results, strict=True):
        _say(one, result.verdict())
        versions = (result.original, result.shuffled, result.frozen)
        largest = max(version.evidence.maximum for version in versions)
        rows = [
            StripRow(
                label=version.name,
                frames=one.clip.frames[list(version.frames)],
                evidence=version.evidence.upsampled(len(version.frames), MAP_SIDE, MAP_SIDE, maximum=largest).numpy(),
                note=f"Frames {', '.join(str(frame + 1) for frame in version.frames)} of the clip: "
                f"{percent(version.probability)}. {version.evidence.finding()}",
                frame_shares=version.evidence.frame_shares().tolist(),
            )
            for version in versions
        ]
        film_strip(
            rows,
            key=f"reordering {one.name}",
            scale_label="largest of the three",
            frames_per_second=FRAMES_PER_SECOND,
            largest_frame=FRAME_SIDE,
        )


def _prepare_hits(one: Finding, question: Question) -> Callable[[jobs.Report], Hits]:
    header, copied = one.header, cache.model_copier(one.header)
    knows = clip_source(header).dataset == MotionPairs.name and clip_source(header).trained_on

    def work(report: jobs.Report) -> Hits:
        clips = open_dataset(MotionPairs.name, "test", header.size)
        assert isinstance(clips, MotionPairs)
        which = segment_indices(clips.num_frames_stored, header.num_frames)
        numbers = range(NUM_CLIPS)
        return hits(
            copied(),
            [to_clip(clips.frames(index, which)) for index in numbers],
            [torch.from_numpy(clips.masks(index, which)) for index in numbers],
            [clips.label(index) if knows else None for index in numbers],
            question.layer,
            report=report,
        )

    return work


def _draw_hits(findings: Sequence[Finding], results: Sequence[Hits]) -> None:
    summaries = {one.name: result.summary() for one, result in zip(findings, results, strict=True)}
    end = figures.axis_end(summaries)
    bars = [
        figures.hit_bars(summaries[one.name], result.chance, end) for one, result in zip(findings, results, strict=True)
    ]
    _beside_one_another("hits", findings, results, bars)
    rows = [
        {
            "network": one.name,
            "block": asked(one).layer,
            "method": row["method"],
            "on the mover": percent(row["share"]),
            "middle half of the clips": f"{percent(row['low'])} to {percent(row['high'])}",
            "mover's area": percent(result.chance),
            "times chance": three_digits(row["times chance"]),
            "clips without evidence": row["without evidence"],
        }
        for one, result in zip(findings, results, strict=True)
        for row in summaries[one.name].to_dict("records")
    ]
    st.dataframe(rows, hide_index=True)
    unplaced = ", ".join(method.label for method in METHODS.values() if not method.says_where)
    st.caption(
        f"The first {NUM_CLIPS} test clips of MotionPairs, two of each class, asked for the class that they show, or "
        "for the predicted one where a network does not know these classes. Bars are means, the lines span the middle "
        "half of the clips, the dotted line is the mover's share of the area. A map of few cells spills over the "
        f"mover's edge, so no coarse block reaches 100 %. {unplaced} says when and not where, so it is left out."
    )


def _say(one: Finding, verdict: str) -> None:
    st.markdown(f"**{layout.plain(one.name)}.** {layout.plain(verdict)}")


def _beside_one_another(name: str, findings: Sequence[Finding], results: Sequence[Any], charts: Sequence[Any]) -> None:
    """The verdict and the chart of each network; in a narrow window they wrap, because their labels need the room."""
    with st.grid(len(findings), min_column_width=NARROWEST_CHART):
        for one, result, chart in zip(findings, results, charts, strict=True):
            with st.container():
                _say(one, result.verdict())
                st.plotly_chart(chart, key=f"{name} {one.name}", config=style.PLOTLY_CONFIG, alt=result.verdict())


TESTS: Mapping[str, Test] = {
    "randomisation": Test(
        title="Does it depend on what was learned?",
        button="Destroy the weights",
        told="The weights of a copy are destroyed from the classifier down, and the map is made anew each time. A map "
        "that stays shows the clip, not the network (Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018).",
        prepare=_prepare_randomisation,
        draw=_draw_randomisation,
    ),
    "removal": Test(
        title="Does the network need what it marks?",
        button="Delete and insert",
        told="The pixels with the strongest evidence are replaced by the clip's average colour (deletion), or appear "
        "first in a blurred clip (insertion). Good evidence moves the probability sooner than maps of the same block "
        "that are weighed by chance (Petsiuk et al., RISE, BMVC 2018).",
        prepare=_prepare_removal,
        draw=_draw_removal,
    ),
    "reordering": Test(
        title="Does it know the order of the frames?",
        button="Shuffle and freeze",
        told="The same frames in another order, and one frame held still. What counts motion must notice both.",
        prepare=_prepare_reordering,
        draw=_draw_reordering,
    ),
    "hits": Test(
        title="Does it lie on what moves?",
        button="Hold it against the truth",
        told="MotionPairs knows which pixels the moving object covers. How much of the evidence lies on them, over a "
        "fixed set of clips, for every method?",
        prepare=_prepare_hits,
        draw=_draw_hits,
        of_the_clip=False,
    ),
}
"""The tests by name, in the order in which they are shown."""
