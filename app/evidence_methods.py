"""The tab Methods of the page Evidence: what every method of the table finds in this clip, under one another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from analysis.attribution import METHODS, Evidence
from analysis.attribution.evidence import preselect_layer
from analysis.attribution.passes import reporting
from app import jobs, resources, scaffold, state
from app.components import StripRow, film_strip
from app.evidence_findings import Finding
from gte.checkpoint import CheckpointHeader
from gte.data.transforms import to_clip

FRAME_SIDE = 110
MAP_SIDE = 40
"""Cells to a side of the maps that are sent."""
FRAMES_PER_SECOND = 4.0
SCALES = (
    "Every row has a scale of its own, because methods measure different things: compare where and when the evidence "
    "lies, not how bright it is."
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a method is asked: for which class a network finds evidence in a clip, and where it is read."""

    header: CheckpointHeader
    clip: resources.Clip
    target: int
    layer: str
    contrast: int | None = None


def asked(one: Finding) -> Question:
    """The question that a finding of the page answers."""
    return Question(
        header=one.header,
        clip=one.clip,
        target=one.evidence.target,
        layer=block_of(one),
        contrast=one.evidence.contrast,
    )


def block_of(one: Finding) -> str:
    """The block that methods read: the finding's; where that read none, the page's choice or the best default."""
    shapes = resources.map_shapes(one.header)
    wanted = (one.evidence.layer, st.session_state.get(state.LAYER.name))
    return next((layer for layer in wanted if layer in shapes), preselect_layer(shapes))


def key_of(question: Question) -> tuple[object, ...]:
    """What tells the question from any other, as a part of a job's key."""
    stamp = resources.stamp(question.header.path)
    return stamp, question.clip.digest, question.target, question.layer, question.contrast


def offer(questions: Sequence[Question], method: str) -> list[Evidence] | None:
    """A slow method's answers, one for each question; until they are there a button, or how far the work is."""
    row = METHODS[method]
    # A method that reads no block answers the same for each.
    keys = [
        key_of(question) if row.reads_block else (*key_of(question)[:3], question.contrast) for question in questions
    ]
    work = _work(questions, method)
    passes = sum(row.passes(len(question.clip.frames)) for question in questions)
    told = f"{passes} forward passes of the network{'s' if len(questions) > 1 else ''}. {row.note}"
    return jobs.offer(("method", method, *keys), row.label, work, told=scaffold.plain(told))


def _work(questions: Sequence[Question], method: str) -> Callable[[jobs.Report], list[Evidence]]:
    row = METHODS[method]
    copiers = [resources.copier_of(question.header) for question in questions]

    def work(report: jobs.Report) -> list[Evidence]:
        found = []
        for place, (question, copied) in enumerate(zip(questions, copiers, strict=True)):
            model, clip = copied(), to_clip(question.clip.frames)[None]

            def tell(part: float, text: str, place: int = place, name: str = question.header.name) -> None:
                report((place + part) / len(questions), f"{row.label}, {name}: {text}")

            with reporting(model, tell, row.passes(len(question.clip.frames))):
                found.append(row.attribute(model, clip, question.target, question.layer, contrast=question.contrast))
        return found

    return work


def render(findings: Sequence[Finding]) -> None:
    """All methods on the clip of the page, for each network; the slow ones start by a button."""
    questions = [asked(one) for one in findings]
    blocks = " and ".join(dict.fromkeys(one.layer for one in questions))
    found: list[dict[str, Evidence]] = [{} for _ in findings]
    buttons = st.container()
    places = [st.container() for _ in findings]
    st.caption(f"{SCALES} Methods that read a block read {scaffold.plain(blocks)}.")
    for name, row in METHODS.items():
        if row.speed == "slow":
            with buttons:
                answers = offer(questions, name)
        else:
            answers = [
                resources.evidence(one.header, one.clip, one.target, one.layer, name, one.contrast) for one in questions
            ]
        for column, answer in zip(found, answers or [], strict=False):
            column[name] = answer
    for place, one, answers in zip(places, findings, found, strict=True):
        with place:
            _draw(one, answers)
    with st.expander("The methods, and what each of them did here"):
        st.dataframe(
            [{"method": row.label, "what to know": row.note, "source": row.paper} for row in METHODS.values()],
            hide_index=True,
        )
        cards = [
            evidence.card(one.name, one.header.classes)
            for one, answers in zip(findings, found, strict=True)
            for evidence in answers.values()
        ]
        st.dataframe(cards, hide_index=True)


def _draw(one: Finding, answers: dict[str, Evidence]) -> None:
    wanted = one.evidence.card(one.name, one.header.classes)["class"]
    st.markdown(f"**{scaffold.plain(one.name)}**, asked for “{scaffold.plain(wanted)}”")
    film_strip(
        [_row(one, answer) for answer in answers.values()],
        key=f"methods {one.name}",
        scale_label="largest of the row",
        frames_per_second=FRAMES_PER_SECOND,
        largest_frame=FRAME_SIDE,
    )


def _row(one: Finding, evidence: Evidence) -> StripRow:
    return StripRow(
        label=evidence.method,
        frames=one.clip.frames,
        evidence=evidence.upsampled(len(one.clip.frames), MAP_SIDE, MAP_SIDE).numpy(),
        note=" ".join(part for part in (evidence.finding(), evidence.told) if part),
        frame_shares=evidence.frame_shares().tolist(),
    )
