"""Evidence: where in a clip each network finds evidence for a class, several networks under one another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from analysis.attribution import METHODS, NotNumbersError
from analysis.attribution.evidence import ClassScore, preselect_layer, top_classes
from analysis.formatting import in_a_row, percent
from app import cache, clips, layout, navigation, url_keys, widgets
from app.clips import Source
from app.components import StripRow, film_strip, whole_clip
from app.navigation import PAGES, TIME_EDITS
from app.pages.evidence import controls, export, methods, tabs, untrained
from app.pages.evidence.finding import Finding
from gte.checkpoint_header import CheckpointHeader
from gte.data import DATASETS
from gte.data.video.sources import Stretch
from gte.errors import VideoError

FAINT = 0.2
"""Below this part of the common scale a network's evidence is hardly seen, which is said."""
CONTROL_WIDTHS = (180, 132, 180, 196, 100, 110, 102)
"""Of clip, upload, class, layer, reverse, options and export, in pixels; in a narrow window they wrap."""
FRAME_SIDE = 122
FRAMES_PER_SECOND = 4.0
MAP_SIDE = 40
"""Cells to a side of the maps that are sent; the browser enlarges them smoothly."""

QUICKEST = next(iter(METHODS))
"""What is shown until a slow method has found something."""

UNTIL_THEN = "All that is shown here is found by {shown} until {wanted} is done."
NO_RECOGNITION = (
    "{clip} is a real clip. These networks know the motions that they were trained on and nothing else: read the "
    "evidence as mechanism, not as recognition."
)
OTHER_CLIPS = (
    "{name} was not trained on these clips of {data}, and its classes are others: read the evidence as mechanism, not "
    "as recognition."
)
SAME_CLASS = "“{name}” is the class that is asked about, so it is compared with no other; choose another under Options."
NOT_NUMBERS = (
    "{name} gives no answer that is a number, because its weights hold values that are none ({tensors}); choose "
    "another network, or train this one anew."
)
TOO_LARGE = (
    "{name} gives no answer that is a number, because what it computes of this clip grows too large; choose another "
    "network or another layer."
)


def render() -> None:
    """Draw the page below its header."""
    found = widgets.checkpoints_or_stop()
    # What is drawn first depends on what stands behind it, so the places come before their contents.
    with st.container(horizontal=True, vertical_alignment="bottom"):
        clip_place, upload_place, class_place, layer_place, reverse_place, options_place, export_place = (
            st.container(width=width) for width in CONTROL_WIDTHS
        )
    work_place, figure_place, stretch_place, below = (st.container() for _ in range(4))
    with options_place, st.popover("Options", width="stretch"):
        chosen = controls.pick_networks(found)
        control = untrained.pick(found[chosen[0]]) if chosen else {}
        chosen = untrained.leave_room(chosen, len(control))
        shared = controls.pick_scale()
        method = controls.pick_method()
        contrast_place = st.container()
    if not chosen:
        st.info("Choose at least one network.")
        return
    first = found[chosen[0]]
    clip_source = clips.clip_source(first)
    with upload_place:
        widgets.upload_clip()
    if refusal := clips.refusal():
        figure_place.error(layout.plain(refusal))
    with clip_place:
        source = widgets.pick_clip(clip_source, default=clip_source.classes[0])
    with reverse_place, st.container(height=40, border=False, vertical_alignment="center"):
        backwards = widgets.pick_switch(url_keys.REVERSE, "Reverse")
    with layer_place:
        block = controls.pick_block(first)
    with stretch_place:
        thumbnails_place = st.container()
        stretch = widgets.pick_stretch(source)
    with contrast_place:
        contrast = controls.pick_contrast(first)
    asked = _Question(
        source=source,
        stretch=stretch,
        backwards=backwards,
        block=block,
        method=method if METHODS[method].speed == "quick" else QUICKEST,
        contrast=contrast,
    )
    try:
        clip = asked.clip_for(first)
    except VideoError:
        # Where it is damaged another stretch may not be, and the small pictures help to find one.
        with thumbnails_place:
            _draw_whole(source, stretch, [])
        raise
    with class_place:
        target = controls.pick_class(first, _scores(first, clip))
    with figure_place:
        findings = _put_to_all(asked, {name: found[name] for name in chosen} | control, target)
    if not findings:
        methods.let_go()
        return
    with work_place:
        findings = _wait_for(method, findings)
    with figure_place:
        layout.finding(_answer_in_words(findings))
        _tell_how_to_read(source, clip_source, stretch, findings[0])
        if contrast is not None and findings[0].evidence.contrast is None:
            st.info(layout.plain(SAME_CLASS.format(name=first.classes[contrast])))
        _draw(findings, shared)
    with thumbnails_place:
        _draw_whole(source, stretch, findings)
    with export_place, st.popover("Export", width="stretch"):
        maximum = _largest(findings) if shared else None
        export.menu(findings, source, stretch, maximum)
    with below:
        tabs.draw(tabs.Comparison(findings, shared, method))
        _links(chosen[0], source)


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What every network is asked."""

    source: Source
    stretch: Stretch
    backwards: bool
    block: str
    method: str
    """A quick one."""
    contrast: int | None
    """The class rather than which it is asked about another."""

    def clip_for(self, header: CheckpointHeader) -> clips.Clip:
        return self.source.clip(self.stretch, header.num_frames, header.size, self.backwards)


def _scores(header: CheckpointHeader, clip: clips.Clip) -> list[ClassScore]:
    """All classes, the likeliest first; none where the answer is no number."""
    try:
        return top_classes(cache.logits(header, clip), header.classes, len(header.classes))
    except NotNumbersError:
        return []


def _put_to_all(asked: _Question, networks: Mapping[str, CheckpointHeader], target: int | None) -> list[Finding]:
    """What each network answers; why one cannot is said. Without a target, it is the class that the first predicts."""
    findings: list[Finding] = []
    top, first = next(iter(networks.items()))
    for name, header in networks.items():
        if header.classes != first.classes:
            st.warning(layout.plain(f"{name} knows other classes than {top}; compare networks of one data set."))
            continue
        try:
            found = _put_to(asked, name, header, target)
        except NotNumbersError:
            st.warning(layout.plain(_why_no_numbers(name, header)))
            continue
        target = found.evidence.target
        findings.append(found)
    return findings


def _put_to(asked: _Question, name: str, header: CheckpointHeader, target: int | None) -> Finding:
    shapes = cache.map_shapes(header)
    clip = asked.clip_for(header)
    scores = top_classes(cache.logits(header, clip), header.classes, len(header.classes))
    wanted = scores[0].index if target is None else target
    evidence = cache.evidence(
        header,
        clip,
        wanted,
        asked.block if asked.block in shapes else preselect_layer(shapes),
        asked.method,
        # A class is never asked about rather than itself.
        None if asked.contrast == wanted else asked.contrast,
    )
    return Finding(name=name, header=header, clip=clip, scores=scores, evidence=evidence)


def _wait_for(method: str, findings: list[Finding]) -> list[Finding]:
    """What a slow method found, once it has; until then the findings as they are, how far it is, and Cancel."""
    if METHODS[method].speed == "quick":
        methods.let_go()
        return findings
    answers = methods.ask_at_once([methods.asked(one) for one in findings], method)
    if answers is None:
        st.caption(UNTIL_THEN.format(wanted=METHODS[method].label, shown=METHODS[QUICKEST].label))
        return findings
    return [replace(one, evidence=answer) for one, answer in zip(findings, answers, strict=True)]


def _why_no_numbers(name: str, header: CheckpointHeader) -> str:
    tensors = cache.weights_not_numbers(header)
    if not tensors:
        return TOO_LARGE.format(name=name)
    named = tensors[0] if len(tensors) == 1 else f"{tensors[0]} and {len(tensors) - 1} more"
    return NOT_NUMBERS.format(name=name, tensors=named)


def _tell_how_to_read(source: Source, clip_source: clips.ClipSource, stretch: Stretch, first: Finding) -> None:
    """That the clip is none that the first network was trained on, and that frames of it stand for several."""
    told = [stretch.repeats_in_words(first.name, first.header.num_frames)]
    if controls.is_real(source):
        told.append(NO_RECOGNITION.format(clip=source.name))
    elif not clip_source.trained_on:
        told.append(OTHER_CLIPS.format(name=first.name, data=DATASETS[clip_source.dataset].label))
    if any(told):
        # In one box, so that the film strips stay in sight.
        st.info(layout.plain("\n\n".join(filter(None, told))))


def _largest(findings: Sequence[Finding]) -> float:
    return max(one.evidence.maximum for one in findings)


def _draw(findings: Sequence[Finding], shared: bool) -> None:
    """The strips of all networks."""
    largest = _largest(findings) if shared else None
    # A strip's rows have equally many frames; networks that see fewer or more get a strip of their own.
    for count in dict.fromkeys(len(one.clip.frames) for one in findings):
        together = [one for one in findings if len(one.clip.frames) == count]
        film_strip(
            [_row(one, largest) for one in together],
            key=f"strip {count}",
            frame_names=_frame_names(together[0].clip),
            scale_label="largest of all" if shared else "largest of its network",
            frames_per_second=FRAMES_PER_SECOND,
            largest_frame=FRAME_SIDE,
        )


def _frame_names(clip: clips.Clip) -> list[str]:
    """The place among the frames that the network saw, and the number in the clip."""
    return [f"{place} · #{number}" for place, number in enumerate((1 + clip.indices).tolist(), start=1)]


def _answer_in_words(findings: Sequence[Finding]) -> str:
    """What the first network says and where its evidence lies, and what the clip shows where that is known."""
    first = findings[0]
    told = [f"{first.name}: {_answer(first)} {_asked(first)}{first.evidence.finding()}"]
    label = first.clip.label
    if label is not None:
        told.append(f"The clip shows “{first.header.classes[label]}”.")
    return " ".join(told)


def _answer(one: Finding) -> str:
    return f"“{one.scores[0].name}” {percent(one.scores[0].probability)}."


def _asked(one: Finding) -> str:
    """Which class it was asked about, where that is not the one that it predicts, rather than which, and how."""
    evidence, classes = one.evidence, one.header.classes
    told = []
    if evidence.contrast is not None:
        told.append(f"for “{classes[evidence.target]}” rather than “{classes[evidence.contrast]}”")
    elif evidence.target != one.scores[0].index:
        told.append(f"for “{classes[evidence.target]}”")
    if evidence.method != METHODS[QUICKEST].label:
        told.append(f"by {evidence.method}")
    text = ", ".join(told)
    return f"{text[0].upper()}{text[1:]}: " if text else ""


def _row(one: Finding, largest: float | None) -> StripRow:
    frames = len(one.clip.frames)
    evidence = one.evidence
    asked, finding = _asked(one), evidence.finding()
    note = f"{_answer(one)} {asked}{finding[0].lower() if asked else finding[0]}{finding[1:]}"
    if largest and 0 < evidence.maximum < FAINT * largest:
        note += f" At most {percent(evidence.maximum / largest)} of the scale."
    return StripRow(
        label=one.name,
        frames=one.clip.frames,
        evidence=evidence.upsampled(frames, MAP_SIDE, MAP_SIDE, maximum=largest).numpy(),
        note=note,
        frame_shares=evidence.frame_shares().tolist(),
    )


def _draw_whole(source: Source, stretch: Stretch, findings: Sequence[Finding]) -> None:
    """The whole clip small, with the stretch and the frames that each network saw."""
    seconds = source.seconds
    by_frames: dict[tuple[int, ...], list[str]] = {}
    for one in findings:
        by_frames.setdefault(tuple(one.clip.indices.tolist()), []).append(one.name)
    seen = {in_a_row(names): frames for frames, names in by_frames.items()}
    told = stretch.in_words(seconds)
    if seen and stretch.num_frames > 1:
        who = "each network" if len(seen) > 1 else next(iter(seen))
        backwards = ", played backwards" if any(frames[0] > frames[-1] for frames in by_frames) else ""
        parts = ", one from each part" if max(map(len, by_frames)) <= stretch.num_frames else ""
        told += f" Triangles: the frames that {who} saw{parts}{backwards}."
    st.caption(layout.plain(told))
    whole_clip(clips.jpeg_of(clips.thumbnails(source)), len(seconds), stretch, seen, told)


def _links(name: str, source: Source) -> None:
    page, label = PAGES["whatif"], "What if this clip ran backwards?"
    # What the reader dropped travels as the subject of the visit, because a link to another page cannot carry it.
    if source == clips.dropped():
        navigation.link(page, label, ckpt=name, experiment=TIME_EDITS)
    else:
        navigation.link(page, label, ckpt=name, experiment=TIME_EDITS, clip=source.name)
