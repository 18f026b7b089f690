"""Code that computes and draws the figures of the page Evidence, as text that runs by itself."""

from collections.abc import Mapping, Sequence

from analysis.attribution import figures, spacetime
from analysis.attribution.evidence import Evidence
from analysis.attribution.sanity_checks import figures as check_figures
from analysis.attribution.sanity_checks.clips import rival_of
from analysis.attribution.sanity_checks.one_clip import delete_from_clip, reorder_clip
from analysis.attribution.stored_clips import evidence_strip, explain, most_probable
from analysis.plotting.call import Call, Named, Part
from app.pages.evidence.finding import Finding


def strip(findings: Sequence[Finding], scale_label: str, *, shared: bool) -> str:
    """The evidence of several networks over their frames."""
    rows = [_explained(finding, finding.name, finding.evidence) for finding in findings]
    return _code(findings, Call(evidence_strip, rows, scale_label, shared=shared))


def methods(finding: Finding, results: Mapping[str, Evidence], scale_label: str) -> str:
    """The evidence of one network by several methods, each on its own scale."""
    rows = [_explained(finding, evidence.label, evidence) for evidence in results.values()]
    return _code([finding], Call(evidence_strip, rows, scale_label, shared=False))


def class_bars(finding: Finding, k: int) -> str:
    """The k most probable classes, that of the evidence highlighted."""
    scores = Call(most_probable, finding.path, _clip(finding), k)
    return _code([finding], Call(figures.class_bars, scores, finding.evidence.target))


def space_time(findings: Sequence[Finding], reduction: str, *, shared: bool) -> str:
    """The evidence of several networks in space and time."""
    maps = [Part(_explained(finding, finding.name, finding.evidence), "evidence") for finding in findings]
    names = [finding.name for finding in findings]
    return _code(findings, Call(spacetime.space_time, names, maps, reduction, shared=shared))


def deletion(finding: Finding) -> str:
    """Deletion and insertion in one clip."""
    evidence, ranking = finding.evidence, [score.index for score in finding.scores]
    rival = rival_of(ranking, evidence.target, finding.header.twins)
    result = Call(delete_from_clip, *_settings(finding), evidence.target, rival)
    return _code([finding], Call(check_figures.deletion_curves, result, evidence.label))


def frame_order(finding: Finding, scale_label: str) -> str:
    """The evidence in a clip with its frames in order, shuffled and frozen."""
    rows = Call(reorder_clip, *_settings(finding), finding.evidence.target)
    return _code([finding], Call(evidence_strip, rows, scale_label))


def _clip(finding: Finding) -> Named:
    return Named("clip", finding.stored)


def _settings(finding: Finding) -> tuple[object, ...]:
    return finding.path, _clip(finding), finding.evidence.method, finding.block


def _explained(finding: Finding, label: str, evidence: Evidence) -> Call:
    contrast = {} if evidence.contrast is None else {"contrast": evidence.contrast}
    settings = finding.path, _clip(finding), evidence.method, finding.block
    return Call(explain, label, *settings, evidence.target, **contrast)


def _code(findings: Sequence[Finding], call: Call) -> str:
    """Empty where a network has no file: an untrained one is built by the app."""
    return call.code() if all(finding.path for finding in findings) else ""
