"""Evidence: where in a clip each network finds evidence for a class, several networks under one another."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from analysis import figures, palette
from analysis.attribution import NotNumbersError
from analysis.attribution.evidence import preselect_layer, top_classes
from analysis.wording import block_name, percent
from app import evidence_belief, evidence_methods, kernel_resources, resources, scaffold, state, widgets
from app.components import StripRow, film_strip
from app.evidence_findings import Finding
from gte.checkpoint import CheckpointHeader
from gte.data import DATASETS

METHOD = "gradcam"
NETWORKS = state.Key("networks", "network")
SCALE = state.Key("scale", "scale")
PREDICTED = "as predicted"
SHARED_SCALE = "one for all"
OWN_SCALE = "one each"
MOST_NETWORKS = 4
_SUBJECT = "evidence: the checkpoint on top"
_BROUGHT = "evidence: the checkpoint that the reader came with"
FAINT = 0.2
"""Below this part of the common scale a network's evidence is hardly seen, which is said."""
CONTROL_WIDTHS = (210, 200, 210, 150, 110, 140)
"""Of clip, upload, class, layer, reverse and networks, in pixels; in a narrow window they wrap."""
FRAME_SIDE = 140
FRAMES_PER_SECOND = 4.0
MAP_SIDE = 40
"""Cells to a side of the maps that are sent; the browser enlarges them smoothly."""

NO_RECOGNITION = (
    "These networks know the motions that they were trained on and nothing else. On a real video read the evidence as "
    "mechanism, not as recognition."
)
OTHER_CLIPS = (
    "{name} was not trained on these clips of {data}, and its classes are others: read the evidence as mechanism, not "
    "as recognition."
)

NOT_NUMBERS = (
    "{name} gives no answer that is a number, because its weights hold values that are none ({tensors}); choose "
    "another network, or train this one anew."
)
TOO_LARGE = (
    "{name} gives no answer that is a number, because what it computes of this clip grows too large; choose another "
    "network or another layer."
)
COUNTS = ("no", "one", "two", "three", "four", "five")
MOST_CLASSES = len(COUNTS) - 1
"""Classes whose bars are drawn."""

READING = """
**Grad-CAM** takes the feature maps of one block, weighs each channel by how much it pushes the chosen class (the mean
of its gradient over time and space), adds them up and keeps what is positive. What is bright spoke *for* the class.

It says what the network used, not what it should have used, and it is as coarse as the block's grid: the cards below
give its size. The bars show which share of the evidence lies in each frame.
"""


def render() -> None:
    """Draw the page below its header."""
    found = widgets.checkpoints_or_stop()
    # What is drawn first depends on what stands behind it, so the places come before their contents.
    with st.container(horizontal=True, vertical_alignment="bottom"):
        clip_place, upload_place, class_place, layer_place, reverse_place, more_place = (
            st.container(width=width) for width in CONTROL_WIDTHS
        )
    with more_place, st.popover("Networks", width="stretch"):
        chosen = _pick_networks(found)
        scale = _pick_scale()
    if not chosen:
        st.info("Choose at least one network.")
        return
    first = found[chosen[0]]
    source = resources.clip_source(first)
    with upload_place:
        video = widgets.upload_video()
    with clip_place:
        title = widgets.pick_clip(list(source.classes), video, default=source.classes[0])
    with reverse_place, st.container(height=40, border=False, vertical_alignment="center"):
        backwards = st.toggle("Reverse", key="reverse", bind="query-params")
    with class_place:
        wanted = widgets.pick(state.CLASS, "Class", [PREDICTED, *first.classes], default=PREDICTED)
    with layer_place:
        shapes = resources.map_shapes(first)
        in_full = {layer: block_name(layer) for layer in kernel_resources.temporal_layers(first)}
        block = widgets.pick(state.LAYER, "Layer", list(shapes), default=preselect_layer(shapes), also=in_full)
    findings: list[Finding] = []
    target = None if wanted == PREDICTED else first.classes.index(wanted)
    for name in chosen:
        header = found[name]
        if header.classes != first.classes:
            st.warning(
                scaffold.plain(f"{name} knows other classes than {chosen[0]}; compare networks of one data set.")
            )
            continue
        clip = _open_clip(title, video, source, header, backwards)
        try:
            one = _find(name, header, clip, block, target)
        except NotNumbersError:
            st.warning(scaffold.plain(_why_no_numbers(name, header)))
            continue
        # The other networks are asked about the class that the first one predicts.
        target = one.evidence.target
        findings.append(one)
    if not findings:
        return
    shown = video if title == widgets.YOUR_VIDEO else None
    if shown is None and not source.trained_on:
        data = DATASETS[source.dataset].label
        st.info(scaffold.plain(OTHER_CLIPS.format(name=chosen[0], data=data)))
    _draw(findings, shown, scale)


def _pick_networks(found: Mapping[str, CheckpointHeader]) -> list[str]:
    """The networks to compare, on top the checkpoint that the reader comes with."""
    names = list(found)
    subject = state.carried(state.CKPT, names)
    if subject != st.session_state.get(_SUBJECT):
        st.session_state[_SUBJECT] = st.session_state[_BROUGHT] = subject
        # A link's own networks win; those of an earlier visit to this page are another subject's.
        if NETWORKS.name not in st.query_params:
            st.session_state[NETWORKS.name] = _to_compare(found, subject)
    default = _to_compare(found, st.session_state.get(_BROUGHT))
    chosen = state.checked(
        NETWORKS,
        lambda: st.pills(
            "Networks", names, selection_mode="multi", default=default, key=NETWORKS.name, bind="query-params"
        ),
    )
    picked = [name for name in names if name in chosen]
    # Whoever takes the subject away, or chooses others from the start, goes on with the first that is left.
    if picked and subject not in picked and picked != default:
        subject = st.session_state[_SUBJECT] = picked[0]
        state.choose(state.CKPT, subject)
        state.write(state.CKPT, subject)
    return sorted(picked, key=lambda name: name != subject)[:MOST_NETWORKS]


def _to_compare(found: Mapping[str, CheckpointHeader], subject: str | None) -> list[str]:
    """A checkpoint and a network that ships and has the same classes; without a subject, the first two that ship."""
    shipped = [name for name in found if "/" not in name][:2] or list(found)[:1]
    if subject is None or subject not in found:
        return shipped
    same = [name for name in shipped if name != subject and found[name].classes == found[subject].classes]
    return [subject, *same][:2]


def _pick_scale() -> str:
    options = (SHARED_SCALE, OWN_SCALE)
    chosen = state.checked(
        SCALE,
        lambda: st.segmented_control(
            "Scale of the evidence", options, default=SHARED_SCALE, key=SCALE.name, bind="query-params"
        ),
    )
    return chosen or SHARED_SCALE


def _open_clip(
    title: str, video: resources.Video | None, source: resources.ClipSource, header: CheckpointHeader, backwards: bool
) -> resources.Clip:
    if title == widgets.YOUR_VIDEO and video is not None:
        return resources.video_clip(video, header.num_frames, header.size, backwards)
    clip = resources.dataset_clip(
        source.dataset, source.classes.index(title), header.num_frames, header.size, backwards
    )
    # Of a network with other classes it cannot be said which one the clip shows.
    return clip if source.trained_on else replace(clip, label=None)


def _find(name: str, header: CheckpointHeader, clip: resources.Clip, block: str, target: int | None) -> Finding:
    shapes = resources.map_shapes(header)
    scores = top_classes(resources.logits(header, clip), header.classes, len(header.classes))
    evidence = resources.evidence(
        header,
        clip,
        scores[0].index if target is None else target,
        block if block in shapes else preselect_layer(shapes),
        METHOD,
    )
    return Finding(name=name, header=header, clip=clip, scores=scores, evidence=evidence)


def _why_no_numbers(name: str, header: CheckpointHeader) -> str:
    tensors = resources.weights_not_numbers(header)
    if not tensors:
        return TOO_LARGE.format(name=name)
    named = tensors[0] if len(tensors) == 1 else f"{tensors[0]} and {len(tensors) - 1} more"
    return NOT_NUMBERS.format(name=name, tensors=named)


def _draw(findings: Sequence[Finding], video: resources.Video | None, scale: str) -> None:
    """The strips of all networks; `video` is the reader's own where it is the clip."""
    first = findings[0]
    scaffold.finding(_answer_in_words(findings))
    if video is not None:
        frames = ", ".join(str(1 + index) for index in first.clip.indices.tolist())
        st.info(
            f"{len(first.clip.frames)} frames of {scaffold.plain(video.name)}: number {frames}, counted from 1. "
            f"{NO_RECOGNITION}"
        )
    largest = max(one.evidence.maximum for one in findings) if scale == SHARED_SCALE else None
    # A strip's rows have equally many frames; networks that see fewer or more get a strip of their own.
    for count in dict.fromkeys(len(one.clip.frames) for one in findings):
        film_strip(
            [_row(one, largest) for one in findings if len(one.clip.frames) == count],
            key=f"strip {count}",
            scale_label="largest of all" if scale == SHARED_SCALE else "largest of its network",
            frames_per_second=FRAMES_PER_SECOND,
            largest_frame=FRAME_SIDE,
        )
    for place, one in zip(st.columns(len(findings)), findings, strict=True):
        with place:
            scores = one.scores[:MOST_CLASSES]
            many = f"{COUNTS[len(scores)]} likeliest classes" if len(scores) > 1 else "one class"
            st.markdown(f"The {many} of **{scaffold.plain(one.name)}**")
            bars = figures.class_bars(scores, selected=one.evidence.target)
            st.plotly_chart(bars, key=f"top {one.name}", config=palette.PLOTLY_CONFIG)
    with st.expander("What exactly is shown"):
        st.markdown(READING)
        st.dataframe([one.evidence.card(one.name, one.header.classes) for one in findings], hide_index=True)
    evidence_methods.render(findings)
    evidence_belief.render(findings)


def _answer_in_words(findings: Sequence[Finding]) -> str:
    """What each network says, and what the clip shows where that is known."""
    answers = [f"{one.name}: “{one.scores[0].name}” {percent(one.scores[0].probability)}." for one in findings]
    label = findings[0].clip.label
    if label is not None:
        answers.append(f"The clip shows “{findings[0].header.classes[label]}”.")
    return " ".join(answers)


def _row(one: Finding, largest: float | None) -> StripRow:
    frames = len(one.clip.frames)
    note = f"Asked for “{one.header.classes[one.evidence.target]}”. {one.evidence.finding()}"
    if largest and 0 < one.evidence.maximum < FAINT * largest:
        note += f" At most {percent(one.evidence.maximum / largest)} of the common scale: see “Networks”."
    return StripRow(
        label=one.name,
        frames=one.clip.frames,
        evidence=one.evidence.upsampled(frames, MAP_SIDE, MAP_SIDE, maximum=largest).numpy(),
        note=note,
        frame_shares=one.evidence.frame_shares().tolist(),
    )
