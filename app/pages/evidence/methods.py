"""Attribution methods on the page Evidence: slow ones in the background, and the tab that compares all.

Results of slow methods are kept per network, so that adding a network computes only that one.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import streamlit as st

from analysis.attribution.evidence import Evidence
from analysis.attribution.hooks import reporting
from analysis.attribution.methods import METHODS, WEIGHTINGS, compare_weightings, find_evidence
from app import cache, jobs, layout
from app.components.film_strip import StripRow, film_strip
from app.pages.evidence import code
from app.pages.evidence.finding import Finding
from gte.data.loading import to_clip

SCALE_LABEL = "maximum of the row"
FRAMES_PER_SECOND = 4.0
MAX_KEPT = 256
"""Results of slow methods that are kept; each has a map of some thousand numbers."""
_CURRENT = "evidence: the slow method requested last"
SCALES = (
    "Every row has its own scale, because methods measure different things: compare when and where the evidence "
    "is, not how bright it is."
)


class Results:
    """The latest results of slow methods, for all visitors."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Evidence] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Evidence | None:
        """The result, if it is kept."""
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: Hashable, evidence: Evidence) -> None:
        """Keep a result, and drop the oldest if there are too many."""
        with self._lock:
            self._kept[key] = evidence
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)


@st.cache_resource
def _results() -> Results:
    return Results()


@dataclass(frozen=True, kw_only=True)
class _Job:
    """A slow method on several networks, as one job."""

    findings: Sequence[Finding]
    method: str

    @property
    def keys(self) -> list[tuple[object, ...]]:
        """One key per network; the block does not matter to a method that uses none."""
        of_block = not METHODS[self.method].works_on
        return [finding.key(self.method, of_block=of_block) for finding in self.findings]

    @property
    def key(self) -> tuple[object, ...]:
        """The key of the job."""
        return ("method", *self.keys)

    def results(self) -> list[Evidence] | None:
        """The results, if all are kept."""
        kept = [_results().get(key) for key in self.keys]
        known = [evidence for evidence in kept if evidence is not None]
        return known if len(known) == len(kept) else None

    def work(self) -> Callable[[jobs.Report], list[Evidence]]:
        """The work: run the method on a copy of each network whose result is not kept."""
        entry, results, keys, findings = METHODS[self.method], _results(), self.keys, self.findings
        method, copiers = self.method, [cache.model_copier(finding.header) for finding in findings]

        def work(report: jobs.Report) -> list[Evidence]:
            done = []
            for place, (key, finding, copied) in enumerate(zip(keys, findings, copiers, strict=True)):

                def report_part(part: float, text: str, place: int = place, name: str = finding.header.name) -> None:
                    report((place + part) / len(findings), f"{entry.label}, {name}: {text}")

                evidence = results.get(key)
                if evidence is None:
                    model, clip, target = copied(), to_clip(finding.clip.frames)[None], finding.evidence.target
                    contrast = finding.evidence.contrast
                    with reporting(model, report_part, entry.passes(len(finding.clip.frames))):
                        evidence = find_evidence(method, model, clip, target, finding.block, contrast=contrast)
                    results.keep(key, evidence)
                done.append(evidence)
            return done

        return work

    def offer(self, *, at_once: bool = False) -> list[Evidence] | None:
        """The results; until they are there a button, not needed with `at_once`, or the progress."""
        results = self.results()
        if results is not None:
            return results
        entry, several = METHODS[self.method], len(self.findings) > 1
        passes = sum(entry.passes(len(finding.clip.frames)) for finding in self.findings)
        note = f"{passes} forward passes of the network{'s' if several else ''}. {entry.note}"
        is_quick = all(finding.header.size < cache.LARGE_SIDE for finding in self.findings)
        return jobs.offer(
            self.key,
            entry.label,
            self.work(),
            lane="quick" if is_quick else "slow",
            note=layout.plain(note),
            at_once=at_once,
        )


def run_at_once(findings: Sequence[Finding], method: str) -> list[Evidence] | None:
    """The results of a slow method, started without a click; until they are there the progress, or a button.

    The previous job of this visitor is given up: unless somebody else wants it, it ends.
    """
    job = _Job(findings=findings, method=method)
    if st.session_state.get(_CURRENT) != job.key:
        give_up()
        st.session_state[_CURRENT] = job.key
    return job.offer(at_once=True)


def give_up() -> None:
    """Give up the last job of `run_at_once`, if it is not done."""
    before = st.session_state.pop(_CURRENT, None)
    if before is not None:
        jobs.leave(before)


def render(findings: Sequence[Finding], page_method: str) -> None:
    """All methods on the clip of the page, for each network; the slow ones start by a button.

    The method of the page, `page_method`, is shown when it is done, and has no second button.
    """
    blocks = " and ".join(dict.fromkeys(finding.block for finding in findings))
    by_network: list[dict[str, Evidence]] = [{} for _ in findings]
    buttons = st.container()
    places = [st.container() for _ in findings]
    st.caption(f"{SCALES} Methods that work on a layer use {layout.plain(blocks)}.")
    for name, entry in METHODS.items():
        if name == page_method and entry.speed == "slow":
            done = all(finding.evidence.method == name for finding in findings)
            results = [finding.evidence for finding in findings] if done else None
        elif entry.speed == "slow":
            with buttons:
                results = _Job(findings=findings, method=name).offer()
        else:
            results = [
                cache.evidence(
                    finding.header,
                    finding.clip,
                    finding.evidence.target,
                    finding.block,
                    name,
                    finding.evidence.contrast,
                )
                for finding in findings
            ]
        for column, evidence in zip(by_network, results or [], strict=False):
            column[name] = evidence
    for place, finding, results in zip(places, findings, by_network, strict=True):
        with place:
            _draw(finding, results)
            if words := weightings_in_words(finding):
                st.caption(layout.plain(words))
    with st.expander("The methods and their details"):
        st.dataframe(
            [{"method": entry.label, "note": entry.note, "source": entry.paper} for entry in METHODS.values()],
            hide_index=True,
        )
        cards = [
            evidence.card(finding.name, finding.header.classes)
            for finding, results in zip(findings, by_network, strict=True)
            for evidence in results.values()
        ]
        st.dataframe(cards, hide_index=True)


def weightings_in_words(finding: Finding) -> str:
    """A sentence if both weightings of Grad-CAM give one map for this network."""
    evidence = finding.evidence
    per_clip, per_frame = (
        cache.evidence(finding.header, finding.clip, evidence.target, finding.block, name, evidence.contrast)
        for name in WEIGHTINGS
    )
    words = compare_weightings(per_clip, per_frame)
    return words and f"{finding.name}: {words}"


def _draw(finding: Finding, results: dict[str, Evidence]) -> None:
    target = finding.evidence.card(finding.name, finding.header.classes)["class"]
    st.markdown(f"**{layout.plain(finding.name)}**, evidence for “{layout.plain(target)}”")
    film_strip(
        [_row(finding, evidence) for evidence in results.values()],
        key=f"methods {finding.name}",
        title=f"Evidence of {finding.name} by every method",
        scale_label=SCALE_LABEL,
        frames_per_second=FRAMES_PER_SECOND,
        code=code.methods(finding, results, SCALE_LABEL),
    )


def _row(finding: Finding, evidence: Evidence) -> StripRow:
    note = " ".join(part for part in (evidence.finding(), evidence.note) if part)
    return StripRow.of(evidence.label, finding.clip.frames, evidence, note)
