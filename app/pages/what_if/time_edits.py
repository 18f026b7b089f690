"""The tab Change time of the page What if: the same clip in another order or at another speed, for several networks."""

import base64
import html
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import streamlit as st
from jaxtyping import UInt8

from analysis import interventions
from analysis.attribution.evidence import NotNumbersError
from analysis.interventions import SPEEDS, TIME_CHANGES, Effect, TimeChoice
from analysis.interventions import cards as intervention_cards
from app import cache, cards, checkpoints, jobs, layout, url_keys, url_state, widgets
from app.clips import Clip
from app.pages.what_if import cache as whatif_resources
from app.pages.what_if.selection import Subject
from gte.data import DATASETS
from gte.files import stamp

MOST_BESIDE = 3
LARGEST_SEED = 9999
PICTURE_SIDE = 96
UNSEEN = "·"
"""Stands above a frame that the network does not see of the clip as it was filmed."""
_SUBJECT = "whatif: the checkpoint that was compared"

OTHER_CLASSES = "{name} knows other classes than {first}; compare networks of one data set."
FOREIGN_CLIPS = (
    "{name} was not trained on these clips, so it cannot be said which of its classes they show; read the answers as "
    "mechanism, not as recognition."
)


def draw(subject: Subject) -> None:
    """Draw the tab."""
    shown = subject.pick_clip()
    names = [subject.name, *_pick_beside(subject)]
    headers = {name: subject.found[name] for name in names}
    choice = _pick_choice(subject, min(header.num_frames for header in headers.values()))
    effects: list[Effect] = []
    clips: list[tuple[Clip, Clip]] = []
    for name, header in headers.items():
        if header.classes != subject.header.classes:
            st.warning(layout.plain(OTHER_CLASSES.format(name=name, first=subject.name)))
            continue
        before, after = (whatif_resources.played(shown, header, way) for way in (None, choice))
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
            st.warning(layout.plain(whatif_resources.no_numbers(name, header)))
            continue
        effects.append(effect)
        clips.append((before, after))
    if not effects:
        return
    told = interventions.in_words(choice)
    before, after = clips[0]
    reordered = interventions.is_reordering(before.indices, after.indices)
    layout.finding(f"The clip {told}: " + " ".join(effect.finding() for effect in effects))
    footage = shown.footage()
    if footage.shown is None:
        st.caption(layout.plain(FOREIGN_CLIPS.format(name=subject.name)))
    paths = {effect.network: checkpoints.path_in_code(headers[effect.network]) for effect in effects}
    with st.grid(2, min_column_width=480):
        with st.container():
            _strips(before, after, told)
            st.caption(TIME_CHANGES[choice.change].rule)
            for note in filter(None, (interventions.theorem(effect, reordered) for effect in effects)):
                st.markdown(layout.plain(note))
        with st.container():
            cards.draw(intervention_cards.answers_over_time(effects, choice, footage, paths))
    _over_the_data(subject, [effect.network for effect in effects])


def _pick_beside(subject: Subject) -> list[str]:
    """The networks under the chosen one; at first one that ships and knows the same classes."""
    options = [name for name in subject.found if name != subject.name]
    alike = [name for name in options if subject.found[name].classes == subject.header.classes]
    # The theorem is about networks that do not mix frames: C2D where there is one, GTE where C2D is the subject.
    alike.sort(key=lambda name: (bool(subject.found[name].layers) == bool(subject.header.layers), "/" in name))
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
        if len(picked) > MOST_BESIDE:
            st.caption(f"The first {MOST_BESIDE} are drawn: more could not be read.")
    return picked[:MOST_BESIDE]


def _pick_choice(subject: Subject, num_frames: int) -> TimeChoice:
    labels = {change.label: key for key, change in TIME_CHANGES.items()}
    with subject.controls:
        picked = labels[widgets.pick(url_keys.CHANGE, "Change", list(labels), width=145)]
        wanted = TIME_CHANGES[picked].parameters
        seed, frame, count, speed = 0, num_frames // 2, 1, 2.0
        if "seed" in wanted:
            seed = widgets.pick_number(url_keys.SEED, "Seed", 0, LARGEST_SEED, seed, width=110)
        if "frame" in wanted:
            frame = widgets.pick_number(url_keys.FRAME, "Frame", 1, num_frames, frame + 1, width=110) - 1
        if "count" in wanted and num_frames > 1:
            count = widgets.pick_number(url_keys.COUNT, "How many", 1, num_frames - 1, count, width=110)
        if "speed" in wanted:
            options = [f"{option:g} x" for option in SPEEDS]
            speed = SPEEDS[options.index(widgets.pick(url_keys.SPEED, "Speed", options, width=100))]
    return TimeChoice(change=picked, seed=seed, frame=frame, count=count, speed=speed)


def _strips(before: Clip, after: Clip, told: str) -> None:
    """The clip and the changed clip; above each picture the number that its frame has in the clip.

    A frame that the network sees more than once has the number of its first place.
    """
    numbers: dict[int, str] = {}
    for number, frame in enumerate(before.indices.tolist(), start=1):
        numbers.setdefault(frame, str(number))
    for label, clip in (("as filmed", before), (told, after)):
        names = [numbers.get(frame, UNSEEN) for frame in clip.indices.tolist()]
        pictures = "".join(
            f'<figure style="margin:0;flex:1 1 0;min-width:0;text-align:center;font-size:14px"><figcaption>{name}'
            f'</figcaption><img alt="frame {name}" style="width:100%;display:block" src="{_picture(frame)}"></figure>'
            for name, frame in zip(names, clip.frames, strict=True)
        )
        st.html(
            f'<div style="font-size:14px">The clip {html.escape(label)}</div>'
            f'<div style="display:flex;gap:4px;max-width:{(PICTURE_SIDE + 4) * len(names)}px">{pictures}</div>'
        )
    if UNSEEN in names:
        st.caption("A dot marks a frame that the network does not see at the clip's own speed.")


def _picture(frame: UInt8[np.ndarray, "h w 3"]) -> str:
    side = 2 * PICTURE_SIDE
    scale = min(1.0, side / max(frame.shape[:2]))
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode("ascii")


def _over_the_data(subject: Subject, names: Sequence[str]) -> None:
    """The accuracy on labelled clips under the usual changes of time."""
    if not subject.has_labels:
        return
    heading = st.empty()
    examined = []
    networks = []
    first = subject.pick_labelled()
    for name in names:
        header = subject.found[name]
        clips = replace(first, num_frames=header.num_frames, size=header.size)
        examined.append(whatif_resources.examined(name, header, clips))
        networks.append(whatif_resources.network(name, header))
    clips = [one.clips for one in examined]
    told = interventions.resolution(first.num_clips, DATASETS[first.dataset].label)
    table = jobs.offer(
        ("time", tuple(names), tuple(stamp(subject.found[name].path) for name in names), first.num_clips),
        "Try every change on labelled clips",
        lambda report: interventions.time_accuracy(networks, clips, report),
        lane="slow",
        note=told,
    )
    if table is None:
        heading.subheader("Over the data set", anchor=False)
    else:
        cards.draw(intervention_cards.accuracy_over_time(table, examined))
        st.caption(told)
