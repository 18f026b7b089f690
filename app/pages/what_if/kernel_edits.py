"""The tab Change the network of the page What if: changed temporal kernels, on one clip and on labelled clips."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from analysis import own_clips
from analysis.attribution.evidence import NotNumbersError, preselect_layer
from analysis.attribution.stored_clips import StoredClip, evidence_strip
from analysis.interventions import accuracy
from analysis.interventions import cards as intervention_cards
from analysis.interventions.accuracy import ANSWERS, Step
from analysis.interventions.effects import Effect, evidence_in_words
from analysis.interventions.experiments import explain_changed
from analysis.interventions.figures import NETWORK_AS_TRAINED
from analysis.interventions.kernel_edits import MAX_BLEND, SETTINGS
from analysis.interventions.labelled_clips import LabelledClips
from analysis.kernels.summary import block_names_of, most_moved
from analysis.plotting.call import Call, Named
from app import ablation, cache, cards, checkpoints, jobs, layout, url_keys, url_state, widgets
from app.clips import Clip
from app.pages.what_if import cache as whatif_resources
from app.pages.what_if import changed_clips, evidence
from app.pages.what_if.cache import Change
from app.pages.what_if.selection import Subject
from gte.checkpoint_header import CheckpointHeader
from gte.files import stamp

EVERY = "all layers"
ONE = "one layer"
ORIGINAL_ANSWER = "original answer"
_LATEST = "whatif: the latest accuracy job"

NO_KERNELS = "{name} has no temporal kernels, so there are none to change; choose a network that has some, such as GTE."
LIMITS = (
    "Neither these layers nor the file have the kernels before training, so untrained shift, no shift and blend are "
    "not available."
)


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """The chosen change, and its words."""

    change: Change
    settings: list[str]
    """The settings that these layers have."""
    every: bool
    where: str

    @property
    def words(self) -> str:
        return SETTINGS[self.change.step.setting].in_words(self.change.step.blend)

    @property
    def layers(self) -> tuple[str, ...] | None:
        """For cards: None for every layer."""
        return None if self.every else self.change.layers


def draw(subject: Subject) -> None:
    """Draw the tab."""
    name, header = subject.name, subject.header
    summary = cache.kernel_summary(header)
    if summary.empty:
        subject.carry_clip()
        st.info(layout.plain(NO_KERNELS.format(name=name)))
        return
    shown = subject.pick_clip()
    if shown is None:
        return
    choice = _pick(subject, block_names_of(summary), most_moved(summary))
    chosen_class = evidence.pick_class(subject, ORIGINAL_ANSWER)
    clips = subject.pick_test_clips() if subject.has_labels else None
    clip = whatif_resources.played(shown, header)
    try:
        effect = Effect(
            network=name,
            classes=header.classes,
            twins=header.twins,
            before=cache.logits(header, clip),
            after=whatif_resources.changed_logits(header, clip, choice.change),
            shown=clip.label,
        )
        law = whatif_resources.mirror_law(header, clip)
        layout.finding(f"{'Every layer' if choice.every else choice.where}: {choice.words}. {effect.finding()}")
        accuracy_place = st.container()
        stored = shown.stored()
        sentence = _evidence(header, clip, effect, choice, chosen_class, stored)
        rule = SETTINGS[choice.change.step.setting].rule
        st.caption(rule if "initial" in choice.settings else f"{rule} {LIMITS}")
    except NotNumbersError:
        st.warning(layout.plain(whatif_resources.explain_not_numbers(name, header)))
        return
    path = checkpoints.path_in_code(header)
    with st.grid(2, min_column_width=480):
        with st.container():
            step = choice.change.step
            card = intervention_cards.answers_over_settings(effect, step, choice.layers, stored, path, sentence)
            cards.draw(card, on_click=evidence.ask_for)
            evidence.explain_click()
        with st.container():
            cards.draw(intervention_cards.mirrored_and_reversed(law, effect, stored, path), on_click=evidence.ask_for)
    with accuracy_place:
        if clips is None:
            st.caption(layout.plain(f"No accuracy: {own_clips.why_no_labels(header)}"))
            return
        _accuracy(subject, choice, clips)
    _every_setting(subject, choice, clips)


def _pick(subject: Subject, names: Mapping[str, str], most_moved: str) -> _Choice:
    with subject.controls:
        alone = len(names) == 1
        every = not alone and widgets.pick(url_keys.WHERE, "Where", [EVERY, ONE], width=112) == EVERY
        layers = tuple(names) if every or alone else (widgets.pick_layer(names, most_moved, width=140),)
        settings = whatif_resources.settings_of(subject.header, layers)
        labels = {SETTINGS[key].label: key for key in settings if key != "learned"}
        setting = labels[widgets.pick(url_keys.SETTING, "Kernels", list(labels), default=_FIRST, width=165)]
        blend = 1.0
        if SETTINGS[setting].takes_blend:
            blend = url_state.show(url_keys.BLEND, 0.5, url_state.between(0.0, MAX_BLEND))
            st.slider(
                "Blend",
                0.0,
                MAX_BLEND,
                step=0.05,
                key=url_keys.BLEND.name,
                on_change=url_state.keep,
                args=(url_keys.BLEND,),
                width=135,
            )
    return _Choice(
        change=Change(layers=layers, step=Step(setting, float(blend))),
        settings=settings,
        every=every,
        where="every layer" if every else names[layers[0]],
    )


_FIRST = SETTINGS["mirrored"].label


def _evidence(
    header: CheckpointHeader, clip: Clip, effect: Effect, choice: _Choice, chosen_class: int | None, stored: StoredClip
) -> str:
    """Draw Grad-CAM for a class, by default the original answer, before and after the change; say what changed."""
    target = int(effect.before.argmax()) if chosen_class is None else chosen_class
    block, change = preselect_layer(cache.map_shapes(header)), choice.change
    before = cache.evidence(header, clip, target, block, "gradcam")
    after = whatif_resources.changed_evidence(header, clip, target, block, change)
    step = change.step
    blend = {"blend": step.blend} if SETTINGS[step.setting].takes_blend else {}
    layers = {} if choice.every else {"layers": list(change.layers)}
    clip_in_code, path = Named("clip", stored), checkpoints.path_in_code(header)
    rows = Call(explain_changed, path, clip_in_code, block, target, step.setting, **blend, **layers)
    evidence.draw(
        {NETWORK_AS_TRAINED: (clip, before), choice.words: (clip, after)},
        header,
        Call(evidence_strip, rows, evidence.SCALE_LABEL).code(),
    )
    return evidence_in_words(before, after)


def _accuracy(subject: Subject, choice: _Choice, clips: LabelledClips) -> None:
    """The accuracy with this change, in the background as soon as it is chosen."""
    network = ablation.network(subject.name, subject.header)
    change = choice.change
    key = ("setting", stamp(subject.header.path), change, clips)
    last = st.session_state.get(_LATEST)
    if last not in (None, key):
        # When the slider moves on, the accuracy at its earlier position is not needed any more.
        jobs.leave(last)
    st.session_state[_LATEST] = key
    table = jobs.offer(
        key,
        "Compute the accuracy",
        lambda report: accuracy.settings_accuracy(network, change.layers, [change.step], clips, report),
        lane="quick",
        note=f"With {choice.where} changed, on {clips.in_words}.",
        at_once=True,
    )
    if table is not None:
        st.markdown(f"**{layout.plain(accuracy.setting_finding(table))}**")


def _every_setting(subject: Subject, choice: _Choice, clips: LabelledClips) -> None:
    """The accuracy on labelled clips in every setting, the blend as a curve."""
    header, layers = subject.header, choice.change.layers
    network = ablation.network(subject.name, header)
    steps = accuracy.every_step(choice.settings)
    note = clips.describe()
    table = jobs.offer(
        ("settings", stamp(header.path), layers, clips),
        f"Run all settings on {clips.in_words}",
        lambda report: accuracy.settings_accuracy(network, layers, steps, clips, report),
        lane="slow",
        note=note,
    )
    if table is None:
        return
    evaluated = whatif_resources.evaluated(subject.name, header, clips)
    drawn = intervention_cards.accuracy_over_settings(table, choice.change.step, choice.layers, evaluated)
    with st.grid(2, min_column_width=480):
        for card in drawn:
            with st.container():
                cards.draw(
                    card,
                    on_click=_list_clips if card.key == "settings" else None,
                    file_name=f"{header.name}-{card.key}",
                )
    st.caption(f"{note} Click a bar to list the clips whose answer changed.")
    answers = {row["setting"]: row[ANSWERS] for row in table.to_dict("records") if row["setting"] != "blend"}
    changed_clips.draw(
        url_keys.CHANGED_BY_SETTING,
        {SETTINGS[setting].label: (answers["learned"], after) for setting, after in answers.items()},
        clips,
    )


def _list_clips(label: str) -> None:
    url_state.choose(url_keys.CHANGED_BY_SETTING, label)
