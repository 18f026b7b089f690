"""The tab Change time of the page What if: a clip in another order or at another speed, for several networks."""

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import UInt8

from analysis.attribution.evidence import NotNumbersError, preselect_layer
from analysis.attribution.stored_clips import evidence_strip
from analysis.interventions import accuracy
from analysis.interventions import cards as intervention_cards
from analysis.interventions.accuracy import ANSWERS, AS_FILMED, change_label
from analysis.interventions.effects import Effect, theorem
from analysis.interventions.experiments import explain_in_time, frames_in_time
from analysis.interventions.figures import CLIP_AS_FILMED, NOT_GIVEN, frames_before_and_after, positions_as_filmed
from analysis.interventions.time_edits import SPEEDS, TIME_CHANGES, TimeChoice, in_words, is_reordering
from analysis.plotting.call import Call, Named
from analysis.plotting.figure_pack import PaperFigure
from app import ablation, cache, cards, checkpoints, jobs, layout, paper, url_keys, url_state, widgets
from app.clips import Clip
from app.pages.what_if import cache as whatif_resources
from app.pages.what_if import changed_clips, evidence
from app.pages.what_if.selection import Subject
from gte.checkpoint_header import CheckpointHeader
from gte.files import stamp

MAX_COMPARED = 3
MAX_SEED = 9999
NO_EVIDENCE = "no class"
IMAGE_SIDE = 140
_SUBJECT = "whatif: the checkpoint that was compared"

OTHER_CLASSES = "{name} has other classes than {first}; compare networks of one data set."
FOREIGN_CLIPS = (
    "{name} was not trained on such clips, so this one has no true class: the answers show how it works, not what it "
    "recognises."
)


def draw(subject: Subject) -> None:
    """Draw the tab."""
    shown = subject.pick_clip()
    if shown is None:
        return
    names = [subject.name, *_pick_compared(subject)]
    headers = {name: subject.checkpoints[name] for name in names}
    choice = _pick_choice(subject, min(header.num_frames for header in headers.values()))
    target = evidence.pick_class(subject, NO_EVIDENCE)
    effects: list[Effect] = []
    clips: list[tuple[Clip, Clip]] = []
    for name, header in headers.items():
        if header.classes != subject.header.classes:
            st.warning(layout.plain(OTHER_CLASSES.format(name=name, first=subject.name)))
            continue
        before, after = (whatif_resources.played(shown, header, change) for change in (None, choice))
        try:
            effect = Effect(
                network=name,
                classes=header.classes,
                twins=header.twins,
                before=cache.logits(header, before),
                after=cache.logits(header, after),
                shown=before.label,
                mixes_frames=whatif_resources.mixes_frames(header),
            )
        except NotNumbersError:
            st.warning(layout.plain(whatif_resources.explain_not_numbers(name, header)))
            continue
        effects.append(effect)
        clips.append((before, after))
    if not effects:
        return
    words = in_words(choice)
    before, after = clips[0]
    reordered = is_reordering(before.indices, after.indices)
    layout.finding(f"The clip {words}: " + " ".join(effect.finding() for effect in effects))
    stored = shown.stored()
    if stored.label is None:
        st.caption(layout.plain(FOREIGN_CLIPS.format(name=subject.name)))
    paths = {effect.network: checkpoints.path_in_code(headers[effect.network]) for effect in effects}
    with st.grid(2, min_column_width=480):
        with st.container():
            code = Call(frames_in_time, paths[effects[0].network], Named("clip", stored), choice).code()
            _strips(before, after, words, code)
            st.caption(TIME_CHANGES[choice.change].rule)
            for note in filter(None, (theorem(effect, reordered) for effect in effects)):
                st.markdown(layout.plain(note))
        with st.container():
            card = intervention_cards.answers_over_time(effects, choice, stored, paths)
            cards.draw(card, on_click=evidence.ask_for)
            evidence.explain_click()
    first = effects[0].network
    rows_in_code = partial(Call, explain_in_time, paths[first], Named("clip", stored), choice)
    _evidence(first, headers[first], target, {CLIP_AS_FILMED: before, words: after}, rows_in_code)
    _over_the_data(subject, [effect.network for effect in effects])


def _pick_compared(subject: Subject) -> list[str]:
    """The networks to compare with; by default a shipped one with the same classes."""
    options = [name for name in subject.checkpoints if name != subject.name]
    alike = [name for name in options if subject.checkpoints[name].classes == subject.header.classes]
    # Compare a network that does not mix frames with one that does.
    alike.sort(key=lambda name: (bool(subject.checkpoints[name].layers) == bool(subject.header.layers), "/" in name))
    default = alike[:1]
    previous = st.session_state.get(_SUBJECT)
    st.session_state[_SUBJECT] = subject.name
    if previous not in (None, subject.name) and not url_state.link_names(url_keys.BESIDE):
        url_state.choose(url_keys.BESIDE, None)
    with subject.controls, st.popover("Networks"):
        if not options:
            st.caption("There is no other checkpoint here to compare with.")
            return []
        picked = widgets.pick_several(url_keys.BESIDE, "Compare with", options, default)
        if len(picked) > MAX_COMPARED:
            st.caption(f"The first {MAX_COMPARED} are shown; more would be too small to read.")
    return picked[:MAX_COMPARED]


def _pick_choice(subject: Subject, num_frames: int) -> TimeChoice:
    labels = {change.label: key for key, change in TIME_CHANGES.items()}
    with subject.controls:
        picked = labels[widgets.pick(url_keys.CHANGE, "Change", list(labels), width=145)]
        parameters = TIME_CHANGES[picked].parameters
        seed, frame, count, speed = 0, num_frames // 2, 1, 2.0
        if "seed" in parameters:
            seed = widgets.pick_number(url_keys.SEED, "Seed", 0, MAX_SEED, seed, width=110)
        if "frame" in parameters:
            frame = widgets.pick_number(url_keys.FRAME, "Frame", 1, num_frames, frame + 1, width=110) - 1
        if "count" in parameters and num_frames > 1:
            count = widgets.pick_number(url_keys.COUNT, "How many", 1, num_frames - 1, count, width=110)
        if "speed" in parameters:
            options = [f"{option:g} x" for option in SPEEDS]
            speed = SPEEDS[options.index(widgets.pick(url_keys.SPEED, "Speed", options, width=100))]
    return TimeChoice(change=picked, seed=seed, frame=frame, count=count, speed=speed)


def _strips(before: Clip, after: Clip, words: str, code: str) -> None:
    """Draw the clip and the changed clip, with the position of each frame in the original clip above it.

    A frame that the network is given more than once has the number of its first position.
    """
    rows: list[dict[str, object]] = []
    for label, clip in ((CLIP_AS_FILMED, before), (words, after)):
        names = positions_as_filmed(before.indices, clip.indices)
        rows += [{"row": label, "frame": place, "frame_name": name} for place, name in enumerate(names, start=1)]
        images = "".join(
            _figure(name, f"The clip {label}, place {place} of {len(names)}", frame, f"frame-{len(rows)}-{place}")
            for place, (name, frame) in enumerate(zip(names, clip.frames, strict=True), start=1)
        )
        st.html(
            f'<div style="font-size:14px">The clip {html.escape(label)}</div>'
            f'<div style="display:flex;gap:4px;max-width:{(IMAGE_SIDE + 4) * len(names)}px">{images}</div>'
        )
    strips = PaperFigure(
        title=f"The clip {words}",
        caption=f"The frames that the networks are given as filmed, and {words}; numbers are positions as filmed.",
        draw=lambda width: frames_before_and_after(
            (before.frames, before.indices), (after.frames, after.indices), words, width
        ),
        code=code,
        table=pd.DataFrame(rows),
    )
    paper.add(strips, "strips")
    if NOT_GIVEN in names:
        st.caption("A dot marks a frame that the network is not given at the original speed.")


def _evidence(
    name: str,
    header: CheckpointHeader,
    target: int | None,
    clips: Mapping[str, Clip],
    rows_in_code: Callable[[str, int], Call],
) -> None:
    """Draw the evidence of a network for a class, once one is chosen, in the clip as filmed and after the change.

    `rows_in_code` is how code computes it at a block and for a class.
    """
    if target is None:
        return
    block = preselect_layer(cache.map_shapes(header))
    rows = {label: (clip, cache.evidence(header, clip, target, block, "gradcam")) for label, clip in clips.items()}
    evidence.draw(rows, header, Call(evidence_strip, rows_in_code(block, target), evidence.SCALE_LABEL).code())


def _figure(name: str, title: str, frame: UInt8[np.ndarray, "h w 3"], key: str) -> str:
    """A frame below its name. A click opens it enlarged, in the browser alone; Escape or another click closes it."""
    source, text = _image(frame), html.escape(f"{title}: frame {name}")
    return (
        '<figure style="margin:0;flex:1 1 0;min-width:0;text-align:center;font-size:14px">'
        f"<figcaption>{name}</figcaption>"
        f'<button popovertarget="{key}" title="Enlarge" aria-label="Enlarge {text}" '
        'style="all:unset;display:block;width:100%;cursor:zoom-in">'
        f'<img alt="frame {name}" style="width:100%;display:block" src="{source}"></button>'
        f'<div popover id="{key}" style="margin:auto;border:1px solid;padding:12px">'
        f'<div style="font-size:14px;margin-bottom:6px">{text}</div>'
        f'<img alt="{text}" style="width:min(560px,80vw,70vh);display:block" src="{source}"></div></figure>'
    )


def _image(frame: UInt8[np.ndarray, "h w 3"]) -> str:
    side = 2 * IMAGE_SIDE
    scale = min(1.0, side / max(frame.shape[:2]))
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode("ascii")


def _over_the_data(subject: Subject, names: Sequence[str]) -> None:
    """The accuracy on labelled clips under the usual changes of time."""
    if not subject.has_labels:
        return
    heading = st.empty()
    evaluated = []
    networks = []
    first = subject.pick_test_clips()
    for name in names:
        header = subject.checkpoints[name]
        clips = replace(first, num_frames=header.num_frames, size=header.size)
        evaluated.append(whatif_resources.evaluated(name, header, clips))
        networks.append(ablation.network(name, header))
    clips = [item.clips for item in evaluated]
    note = first.describe()
    table = jobs.offer(
        ("time", tuple(names), tuple(stamp(subject.checkpoints[name].path) for name in names), first.num_clips),
        f"Run all changes on {first.in_words}",
        lambda report: accuracy.time_accuracy(networks, clips, report),
        lane="slow",
        note=note,
    )
    if table is None:
        heading.subheader("Over the data set", anchor=False)
    else:
        card = intervention_cards.accuracy_over_time(table, evaluated)
        cards.draw(card, on_click=lambda label: url_state.choose(url_keys.CHANGED_BY_TIME, label))
        st.caption(f"{note} Click a bar to list the clips whose answer changed.")
        answers = {(row["network"], row["change"]): row[ANSWERS] for row in table.to_dict("records")}
        changed_clips.draw(
            url_keys.CHANGED_BY_TIME,
            {
                change_label(network, change): (answers[network, AS_FILMED], after)
                for (network, change), after in answers.items()
            },
            first,
        )
