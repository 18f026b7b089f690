"""The tab Change the network of the page What if: kernels over time set to something else, on one clip and on many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from analysis import interventions, kernels, palette
from analysis.attribution import NotNumbersError
from analysis.attribution.evidence import preselect_layer
from analysis.figures import interventions as figures
from analysis.interventions import SETTINGS, Effect
from app import jobs, kernel_resources, resources, scaffold, state, whatif_resources, widgets
from app.components import StripRow, film_strip
from app.whatif_resources import Change
from gte.data import DATASETS

if TYPE_CHECKING:
    from app.pages.whatif import Subject

WHERE = state.Key("where", "choice of layers")
SETTING = state.Key("setting", "setting of the kernels")
BLEND = state.Key("blend", "blend")
EVERY = "all layers"
ONE = "one layer"
FRAME_SIDE = 110
MAP_SIDE = 40

NO_KERNELS = (
    "{name} has no kernels over time, so there are none to change; choose a network that has some, such as GTE."
)
LAW = """
Reversing a clip and mirroring every kernel are one and the same to a network whose other parts ignore order: padding
with zeros is the same at both ends. So doing both must change nothing.
"""
LIMITS = (
    "These kernels are no learnable shifts: how they began is not part of the layer, so the initial shift, no shift "
    "and the blend do not exist for them."
)


def draw(subject: Subject) -> None:
    """Draw the tab."""
    header = subject.header
    settings = whatif_resources.settings_of(header)
    if not settings:
        st.info(scaffold.plain(NO_KERNELS.format(name=subject.name)))
        return
    summary = kernel_resources.kernel_summary(header)
    names = kernels.block_names_of(summary)
    change = _pick_change(subject, settings, names, kernels.most_moved(summary))
    clip = whatif_resources.played(subject.source, header).clip
    try:
        effect = Effect(
            network=subject.name,
            classes=header.classes,
            twins=header.twins,
            before=resources.logits(header, clip),
            after=whatif_resources.changed_logits(header, clip, change),
            shown=clip.label,
        )
    except NotNumbersError:
        st.warning(scaffold.plain(whatif_resources.no_numbers(subject.name, header)))
        return
    where = (
        "every layer"
        if len(change.layers) > 1 or len(names) == 1
        else " and ".join(names[layer] for layer in change.layers)
    )
    setting = SETTINGS[change.setting]
    told = f"{setting.label} {change.blend:g}" if setting.takes_blend else setting.label
    finding = f"{where.capitalize() if where == 'every layer' else where}: {told}. {effect.finding()}"
    scaffold.finding(finding)
    st.caption(setting.rule if "initial" in settings else f"{setting.rule} {LIMITS}")
    _evidence(subject, effect, change, told)
    with st.grid(2, min_column_width=480):
        st.plotly_chart(
            figures.answers_before_and_after([effect], told), key="changed", config=palette.PLOTLY_CONFIG, alt=finding
        )
        with st.container():
            st.subheader("Mirror the kernels, reverse the clip", anchor=False)
            st.markdown(LAW)
            st.markdown(f"**{scaffold.plain(whatif_resources.mirror_law(header, clip).finding())}**")
    _over_the_data(subject, change, settings, where)


def _pick_change(subject: Subject, settings: list[str], names: dict[str, str], most_moved: str) -> Change:
    labels = {SETTINGS[key].label: key for key in settings if key != "learned"}
    with subject.controls:
        where = widgets.pick(WHERE, "Where", [EVERY, ONE], default=EVERY, width=120)
        layers = tuple(names) if where == EVERY else (widgets.pick_layer(names, most_moved, width=140),)
        setting = labels[widgets.pick(SETTING, "Kernels", list(labels), default=_FIRST, width=170)]
        blend = 1.0
        if SETTINGS[setting].takes_blend:
            blend = state.checked(
                BLEND,
                lambda: st.slider(
                    "Blend", 0.0, interventions.MOST_BLEND, 0.5, 0.05, key=BLEND.name, bind="query-params", width=160
                ),
            )
    return Change(layers=layers, setting=setting, blend=float(blend))


_FIRST = SETTINGS["mirrored"].label


def _evidence(subject: Subject, effect: Effect, change: Change, told: str) -> None:
    """Grad-CAM for the class that the network answers as learned, before and after, on one scale."""
    header = subject.header
    clip = whatif_resources.played(subject.source, header).clip
    target = int(effect.before.argmax())
    block = preselect_layer(resources.map_shapes(header))
    before = resources.evidence(header, clip, target, block, "gradcam")
    after = whatif_resources.changed_evidence(header, clip, target, block, change)
    largest = max(before.maximum, after.maximum)
    film_strip(
        [
            StripRow(
                label=label,
                frames=clip.frames,
                evidence=one.upsampled(len(clip.frames), MAP_SIDE, MAP_SIDE, maximum=largest).numpy(),
                note=f"Grad-CAM in {block}, asked for “{header.classes[target]}”. {one.finding()}",
                frame_shares=one.frame_shares().tolist(),
            )
            for label, one in (("as learned", before), (told, after))
        ],
        key="changed strip",
        scale_label="largest of both",
        largest_frame=FRAME_SIDE,
    )


def _over_the_data(subject: Subject, change: Change, settings: list[str], where: str) -> None:
    """The accuracy on labelled clips in every setting, the blend as a curve."""
    source = resources.clip_source(subject.header)
    if not source.trained_on:
        return
    clips = whatif_resources.labelled_clips(subject.header)
    network = whatif_resources.network(subject.name, subject.header)
    told, chance = interventions.resolution(clips.num_clips, DATASETS[clips.dataset].label), 1 / len(source.classes)
    st.subheader(f"Accuracy with {where} changed", anchor=False)
    table = jobs.offer(
        ("settings", resources.stamp(subject.header.path), change.layers),
        "Try every setting on labelled clips",
        lambda report: interventions.settings_accuracy(network, change.layers, settings, clips, report),
        told=told,
    )
    if table is None:
        return
    finding = interventions.settings_finding(table)
    st.markdown(scaffold.plain(f"{finding} {told}"))
    with st.grid(2, min_column_width=480):
        bars = figures.setting_bars(table, chance)
        st.plotly_chart(bars, key="settings", config=palette.PLOTLY_CONFIG, alt=finding)
        if "blend" in settings:
            blend = change.blend if SETTINGS[change.setting].takes_blend else 1.0
            curve = figures.blend_curve(table, blend, chance)
            st.plotly_chart(curve, key="blends", config=palette.PLOTLY_CONFIG, alt="Accuracy over the blend")
    st.download_button(
        "The numbers, CSV",
        table.to_csv(index=False),
        f"{subject.header.name}-settings.csv",
        "text/csv",
        on_click="ignore",
    )
