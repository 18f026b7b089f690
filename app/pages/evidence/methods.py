"""What methods find in the clip of the page Evidence: the slow ones in the background, and the tab that shows all.

What a slow method found is kept for each network by itself: to compare one more network asks that one alone.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import streamlit as st

from analysis.attribution import METHODS, Evidence
from analysis.attribution.evidence import preselect_layer
from analysis.attribution.hooks import reporting
from app import cache, jobs, layout, url_keys
from app.clips import Clip
from app.components import StripRow, film_strip
from app.pages.evidence.finding import Finding
from gte.checkpoint_header import CheckpointHeader
from gte.data.loading import to_clip
from gte.files import stamp

FRAME_SIDE = 110
MAP_SIDE = 40
"""Cells to a side of the maps that are sent."""
FRAMES_PER_SECOND = 4.0
MOST_KEPT = 256
"""Answers of slow methods that are kept; each holds a map of some thousand numbers."""
_UNDER_WAY = "evidence: the slow method that the page asked for last"
SCALES = (
    "Every row has a scale of its own, because methods measure different things: compare where and when the evidence "
    "lies, not how bright it is."
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a method is asked: for which class a network finds evidence in a clip, and where it is read."""

    header: CheckpointHeader
    clip: Clip
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
    shapes = cache.map_shapes(one.header)
    wanted = (one.evidence.layer, st.session_state.get(url_keys.LAYER.name))
    return next((layer for layer in wanted if layer in shapes), preselect_layer(shapes))


def key_of(question: Question) -> tuple[object, ...]:
    """What tells the question from any other, as a part of a job's key."""
    return stamp(question.header.path), question.clip.digest, question.target, question.layer, question.contrast


class Answers:
    """What slow methods found, for all readers, by what they were asked; the last of them are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Evidence] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Evidence | None:
        """The answer, if it is kept."""
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: Hashable, answer: Evidence) -> None:
        """Keep an answer, and forget the oldest where there are too many."""
        with self._lock:
            self._kept[key] = answer
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)


@st.cache_resource
def _answers() -> Answers:
    return Answers()


@dataclass(frozen=True, kw_only=True)
class _Round:
    """A slow method put to several networks: one piece of work."""

    questions: Sequence[Question]
    method: str

    @property
    def keys(self) -> list[tuple[object, ...]]:
        """What tells each question from any other; a method that reads no block answers the same for each."""
        row = METHODS[self.method]
        return [
            (self.method, *key_of(question))
            if row.reads_block
            else (self.method, *key_of(question)[:3], question.contrast)
            for question in self.questions
        ]

    @property
    def key(self) -> tuple[object, ...]:
        """The key of the job."""
        return ("method", *self.keys)

    def found(self) -> list[Evidence] | None:
        """The answers, if all are kept."""
        kept = [_answers().find(key) for key in self.keys]
        known = [answer for answer in kept if answer is not None]
        return known if len(known) == len(kept) else None

    def work(self) -> Callable[[jobs.Report], list[Evidence]]:
        """What asks the networks whose answers are not kept, each a copy of its own."""
        row, answers, keys, questions = METHODS[self.method], _answers(), self.keys, self.questions
        copiers = [cache.model_copier(question.header) for question in questions]

        def work(report: jobs.Report) -> list[Evidence]:
            found = []
            for place, (key, question, copied) in enumerate(zip(keys, questions, copiers, strict=True)):

                def tell(part: float, text: str, place: int = place, name: str = question.header.name) -> None:
                    report((place + part) / len(questions), f"{row.label}, {name}: {text}")

                answer = answers.find(key)
                if answer is None:
                    model, clip = copied(), to_clip(question.clip.frames)[None]
                    with reporting(model, tell, row.passes(len(question.clip.frames))):
                        answer = row.attribute(model, clip, question.target, question.layer, contrast=question.contrast)
                    answers.keep(key, answer)
                found.append(answer)
            return found

        return work

    def offer(self, *, at_once: bool = False) -> list[Evidence] | None:
        """The answers; until they are there a button, which `at_once` needs none of, or how far the work is."""
        found = self.found()
        if found is not None:
            return found
        row, many = METHODS[self.method], len(self.questions) > 1
        passes = sum(row.passes(len(question.clip.frames)) for question in self.questions)
        told = f"{passes} forward passes of the network{'s' if many else ''}. {row.note}"
        return jobs.offer(self.key, row.label, self.work(), told=layout.plain(told), at_once=at_once)


def ask_at_once(questions: Sequence[Question], method: str) -> list[Evidence] | None:
    """A slow method's answers, asked for without a click; until they are there how far the work is, or a button.

    What this reader asked for here before is let go: unless another wants it, it ends.
    """
    asked_now = _Round(questions=questions, method=method)
    if st.session_state.get(_UNDER_WAY) != asked_now.key:
        let_go()
        st.session_state[_UNDER_WAY] = asked_now.key
    return asked_now.offer(at_once=True)


def let_go() -> None:
    """Give up what `ask_at_once` was asked last, where it is not done."""
    before = st.session_state.pop(_UNDER_WAY, None)
    if before is not None:
        jobs.leave(before)


def render(findings: Sequence[Finding], asked_above: str) -> None:
    """All methods on the clip of the page, for each network; the slow ones start by a button.

    What the page itself has asked for, `asked_above`, is shown once it is there, and has no second button.
    """
    questions = [asked(one) for one in findings]
    blocks = " and ".join(dict.fromkeys(one.layer for one in questions))
    found: list[dict[str, Evidence]] = [{} for _ in findings]
    buttons = st.container()
    places = [st.container() for _ in findings]
    st.caption(f"{SCALES} Methods that read a block read {layout.plain(blocks)}.")
    for name, row in METHODS.items():
        if name == asked_above and row.speed == "slow":
            there = all(one.evidence.method == row.label for one in findings)
            answers = [one.evidence for one in findings] if there else None
        elif row.speed == "slow":
            with buttons:
                answers = _Round(questions=questions, method=name).offer()
        else:
            answers = [
                cache.evidence(one.header, one.clip, one.target, one.layer, name, one.contrast) for one in questions
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
    st.markdown(f"**{layout.plain(one.name)}**, asked for “{layout.plain(wanted)}”")
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
