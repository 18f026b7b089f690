"""The page Evidence: maps of evidence for a class in a clip, for several networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from analysis.attribution.evidence import ClassScore, NotNumbersError, preselect_layer, top_classes
from analysis.attribution.export import caption_of
from analysis.attribution.methods import METHODS, WEIGHTINGS
from analysis.formatting import join_words, percent
from analysis.own_clips import why_no_labels
from app import cache, checkpoints, clips, layout, navigation, paper, uploads, url_keys, widgets
from app.clips import Source
from app.components.film_strip import StripRow, film_strip
from app.components.whole_clip import whole_clip
from app.navigation import PAGES, TIME_EDITS
from app.pages.evidence import code, controls, export, methods, sanity_checks, tabs, untrained
from app.pages.evidence.finding import Finding
from app.stored_clips import stored_clip
from gte.checkpoint_header import CheckpointHeader
from gte.data.video.sources import Stretch
from gte.errors import VideoError

FAINT = 0.2
"""Part of the shared scale below which evidence is hardly visible, which the note then says."""
CONTROL_WIDTHS = (106, 130, 114, 118, 116, 128, 190, 98, 86)
"""Pixels for networks, clip, upload, class, contrast, method, layer, reverse and export; in a narrow window they wrap.
"""
FRAMES_PER_SECOND = 4.0

FIRST_METHOD = next(iter(METHODS))
"""Shown until a slow method is done."""

FRAMES_HELP = (
    "The numbers above a frame are its position among the frames given to the network and its number in the clip, "
    "counted from 1. The bars below show the share of the evidence in each frame."
)
UNTIL_DONE = "Showing {shown} until {method} is done."
NO_RECOGNITION = (
    "{clip} is not of their data sets. These networks only know the motions that they were trained on: the evidence "
    "shows how they work, not what they recognise."
)
OTHER_CLIPS = "{reason} The evidence shows how it works, not what it recognises."
SAME_CLASS = (
    "“{name}” is the chosen class, so there is nothing to contrast it with; choose another one under “Contrast with”."
)
NOT_NUMBERS = (
    "The output of {name} is not a number, because some of its weights are not ({tensors}); choose another network, or "
    "train this one again."
)
TOO_LARGE = (
    "The output of {name} is not a number, because its values grow too large for this clip; choose another network or "
    "another layer."
)


def render() -> None:
    """Draw the page below its header."""
    headers = widgets.checkpoints_or_stop()
    # What is drawn first depends on later controls, so the places come before their contents.
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xxsmall"):
        networks_place, clip_place, upload_place, *explained = (st.container(width=width) for width in CONTROL_WIDTHS)
        class_place, contrast_place, method_place, layer_place, reverse_place, export_place = explained
    sequence_place, work_place, figure_place, stretch_place, below = (st.container() for _ in range(5))
    with networks_place, st.popover("Networks", width="stretch"):
        chosen = controls.pick_networks(headers)
        control = untrained.pick(headers[chosen[0]]) if chosen else {}
        chosen = untrained.leave_room(chosen, len(control))
        shared = controls.pick_scale()
    with method_place:
        method = controls.pick_method()
    if not chosen:
        st.info("Choose at least one network.")
        return
    first = headers[chosen[0]]
    clip_source = clips.clip_source(first)
    with upload_place:
        uploads.upload_clip()
    if error := clips.upload_error():
        figure_place.error(layout.plain(error))
    with clip_place:
        source = widgets.pick_clip(clip_source, sequence_place)
    if source is None:
        with figure_place:
            sanity_checks.stored_results(first, chosen[0])
        return
    with reverse_place, st.container(height=40, border=False, vertical_alignment="center"):
        backwards = widgets.pick_switch(url_keys.REVERSE, "Reverse")
    with layer_place:
        block = controls.pick_block(first)
    with stretch_place:
        thumbnails_place = st.container()
        stretch = widgets.pick_stretch(source)
    with contrast_place:
        contrast = controls.pick_contrast(first)
    settings = _Settings(
        source=source,
        stretch=stretch,
        backwards=backwards,
        block=block,
        method=method if METHODS[method].speed == "quick" else FIRST_METHOD,
        contrast=contrast,
    )
    try:
        clip = settings.clip_for(first)
    except VideoError:
        # If it is damaged here, another stretch may not be, and the thumbnails help to find one.
        with thumbnails_place:
            _draw_whole(source, stretch, [])
        raise
    with class_place:
        target = controls.pick_class(first, _scores(first, clip))
    with figure_place:
        findings = _find_all(settings, {name: headers[name] for name in chosen} | control, target)
    if not findings:
        methods.give_up()
        return
    with work_place:
        findings = _with_method(method, findings)
    with figure_place:
        layout.finding(_summary(findings[0]))
        sanity_checks.chips(findings)
        _explain_limits(source, clip_source, stretch, findings[0])
        if contrast is not None and findings[0].evidence.contrast is None:
            st.info(layout.plain(SAME_CLASS.format(name=first.classes[contrast])))
        _draw(findings, shared)
    with thumbnails_place:
        _draw_whole(source, stretch, findings)
    with export_place:
        export_menu = st.popover("Export", width="stretch")
    with export_menu:
        maximum = _maximum(findings) if shared else None
        export.menu(findings, source, stretch, maximum)
    with below:
        tabs.draw(tabs.Comparison(findings, shared, method))
        with export_menu:
            paper.offer(PAGES["evidence"].title, join_words([finding.name for finding in findings]))
        _links(chosen[0], source)


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """The settings of the page, for every network."""

    source: Source
    stretch: Stretch
    backwards: bool
    block: str
    method: str
    """A quick one."""
    contrast: int | None
    """The class to contrast with."""

    def clip_for(self, header: CheckpointHeader) -> clips.Clip:
        return self.source.clip(self.stretch, header.num_frames, header.size, self.backwards)


def _scores(header: CheckpointHeader, clip: clips.Clip) -> list[ClassScore]:
    """All classes, the most probable first; none if the output is not a number."""
    try:
        return top_classes(cache.logits(header, clip), header.classes, len(header.classes))
    except NotNumbersError:
        return []


def _find_all(settings: _Settings, networks: Mapping[str, CheckpointHeader], target: int | None) -> list[Finding]:
    """The findings of all networks, with a warning for those without; the target is by default the first prediction."""
    findings: list[Finding] = []
    top, first = next(iter(networks.items()))
    for name, header in networks.items():
        if header.classes != first.classes:
            st.warning(layout.plain(f"{name} has other classes than {top}; compare networks of one data set."))
            continue
        try:
            finding = _find(settings, name, header, target)
        except NotNumbersError:
            st.warning(layout.plain(_why_no_numbers(name, header)))
            continue
        target = finding.evidence.target
        findings.append(finding)
    return findings


def _find(settings: _Settings, name: str, header: CheckpointHeader, target: int | None) -> Finding:
    shapes = cache.map_shapes(header)
    clip = settings.clip_for(header)
    scores = top_classes(cache.logits(header, clip), header.classes, len(header.classes))
    target = scores[0].index if target is None else target
    block = settings.block if settings.block in shapes else preselect_layer(shapes)
    # A class is not contrasted with itself.
    contrast = None if settings.contrast == target else settings.contrast
    evidence = cache.evidence(header, clip, target, block, settings.method, contrast)
    return Finding(
        name=name,
        header=header,
        clip=clip,
        scores=scores,
        block=block,
        evidence=evidence,
        stored=stored_clip(settings.source, settings.stretch, frames_per_input=1, backwards=settings.backwards),
        path="" if name.startswith(untrained.PREFIX) else checkpoints.path_in_code(header),
    )


def _with_method(method: str, findings: list[Finding]) -> list[Finding]:
    """The findings with the evidence of a slow method when it is done; until then unchanged, with its progress."""
    if METHODS[method].speed == "quick":
        methods.give_up()
        return findings
    results = methods.run_at_once(findings, method)
    if results is None:
        st.caption(UNTIL_DONE.format(method=METHODS[method].label, shown=METHODS[FIRST_METHOD].label))
        return findings
    return [replace(finding, evidence=evidence) for finding, evidence in zip(findings, results, strict=True)]


def _why_no_numbers(name: str, header: CheckpointHeader) -> str:
    tensors = cache.weights_not_numbers(header)
    if not tensors:
        return TOO_LARGE.format(name=name)
    named = tensors[0] if len(tensors) == 1 else f"{tensors[0]} and {len(tensors) - 1} more"
    return NOT_NUMBERS.format(name=name, tensors=named)


def _explain_limits(source: Source, clip_source: clips.ClipSource, stretch: Stretch, first: Finding) -> None:
    """Note that the first network was not trained on such clips, and that frames are repeated."""
    notes = [stretch.describe_repeats(first.name, first.header.num_frames)]
    if controls.is_real(source):
        notes.append(NO_RECOGNITION.format(clip=source.name))
    elif not clip_source.trained_on:
        notes.append(OTHER_CLIPS.format(reason=why_no_labels(first.header)))
    if first.evidence.method == WEIGHTINGS[1]:
        notes.append(methods.weightings_in_words(first))
    if any(notes):
        # In one box, so that the film strips stay in view.
        st.info(layout.plain("\n\n".join(filter(None, notes))))


def _maximum(findings: Sequence[Finding]) -> float:
    return max(finding.evidence.maximum for finding in findings)


def _draw(findings: Sequence[Finding], shared: bool) -> None:
    """The strips of all networks."""
    maximum = _maximum(findings) if shared else None
    scale_label = "maximum (all networks)" if shared else "maximum (each network)"
    # The rows of a strip have equally many frames; networks with another number get a separate strip.
    for count in dict.fromkeys(len(finding.clip.frames) for finding in findings):
        together = [finding for finding in findings if len(finding.clip.frames) == count]
        film_strip(
            [_row(finding, maximum) for finding in together],
            key=f"strip {count}",
            frame_names=_frame_names(together[0].clip),
            scale_label=scale_label,
            frames_per_second=FRAMES_PER_SECOND,
            facts=" ".join(f"{caption_of(_facts(item))}." for item in together),
            code=code.strip(together, scale_label, shared=shared),
        )


def _facts(item: Finding) -> dict[str, Any]:
    """The entries of a card: what the evidence is of, and the tests of belief with their state."""
    return item.evidence.card(item.name, item.header.classes) | sanity_checks.facts(item)


def _frame_names(clip: clips.Clip) -> list[str]:
    """The position among the frames given to the network, and the number in the clip."""
    return [f"{place} · clip frame {number}" for place, number in enumerate((1 + clip.indices).tolist(), start=1)]


def _summary(first: Finding) -> str:
    """The answer of the first network, when its evidence occurs, and the true class if it is known."""
    text = f"{first.name}: {_in_words(first)}"
    label = first.clip.label
    return text if label is None else f"{text} True class: “{first.header.classes[label]}”."


def _in_words(finding: Finding) -> str:
    """The answer of a network, and when its evidence occurs."""
    answer, question, sentence = finding.scores[0], _question(finding), finding.evidence.finding()
    if question and sentence.startswith("Its "):
        sentence = f"its {sentence[4:]}"
    return f"“{answer.name}” {percent(answer.probability)}. {question}{sentence}"


def _question(finding: Finding) -> str:
    """The class, if it is not the predicted one, the class to contrast with, and the method, if not the first."""
    evidence, classes = finding.evidence, finding.header.classes
    parts = []
    if evidence.contrast is not None:
        parts.append(f"for “{classes[evidence.target]}” rather than “{classes[evidence.contrast]}”")
    elif evidence.target != finding.scores[0].index:
        parts.append(f"for “{classes[evidence.target]}”")
    if evidence.method != FIRST_METHOD:
        parts.append(f"by {evidence.label}")
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}: " if text else ""


def _row(finding: Finding, maximum: float | None) -> StripRow:
    evidence, note = finding.evidence, _in_words(finding)
    if maximum and 0 < evidence.maximum < FAINT * maximum:
        note += f" Its peak is {percent(evidence.maximum / maximum)} of the brightest."
    return StripRow.of(finding.name, finding.clip.frames, evidence, note, maximum)


def _draw_whole(source: Source, stretch: Stretch, findings: Sequence[Finding]) -> None:
    """Thumbnails of the whole clip, with the stretch and the frames given to each network."""
    seconds = source.seconds
    by_frames: dict[tuple[int, ...], list[str]] = {}
    for finding in findings:
        by_frames.setdefault(tuple(finding.clip.indices.tolist()), []).append(finding.name)
    sampled = {join_words(names): frames for frames, names in by_frames.items()}
    text = stretch.describe(seconds)
    if sampled and stretch.num_frames > 1:
        given = "each network" if len(sampled) > 1 else next(iter(sampled))
        count = f"{len(next(iter(by_frames)))} frames" if len(sampled) == 1 else "frames"
        backwards = ", in reverse order" if any(frames[0] > frames[-1] for frames in by_frames) else ""
        parts = ", one from each part" if max(map(len, by_frames)) <= stretch.num_frames else ""
        text += f" Triangles: the {count} given to {given}{parts}{backwards}."
    st.caption(layout.plain(text), help=FRAMES_HELP)
    whole_clip(clips.as_jpeg(clips.thumbnails(source)), len(seconds), stretch, sampled, text)


def _links(name: str, source: Source) -> None:
    page, label = PAGES["whatif"], "What if this clip ran backwards?"
    # What the reader dropped travels as the subject of the visit, because a link to another page cannot carry it.
    if clips.is_uploaded(source):
        navigation.link(page, label, ckpt=name, experiment=TIME_EDITS)
    else:
        navigation.link(page, label, ckpt=name, experiment=TIME_EDITS, clip=source.name)
