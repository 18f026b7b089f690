"""The tab Which layers matter? of the page What if: clips lost when the kernels of a layer, or of all, are replaced."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from analysis import own_clips
from analysis.interventions import cards as intervention_cards
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import layer_ablation, layer_finding, power, verdict_table
from analysis.kernels.summary import block_names_of, most_moved
from app import ablation, cache, cards, jobs, layout, navigation, url_keys, url_state, widgets
from app.navigation import PAGES
from app.pages.what_if import cache as whatif_resources
from app.pages.what_if.selection import TEST_CLIPS, Subject
from gte.files import stamp

NO_KERNELS = "{name} has no temporal kernels, so there is nothing to replace; choose a GTE network."
NO_LABELS = "Whether a layer matters is measured on labelled clips. {reason}"
STORED = "This result was stored for the checkpoint. {reason}"


def draw(subject: Subject) -> None:
    """Draw the tab."""
    name, header = subject.name, subject.header
    subject.carry_clip()
    summary = cache.kernel_summary(header)
    if summary.empty:
        st.info(layout.plain(NO_KERNELS.format(name=name)))
        return
    names = block_names_of(summary)
    with subject.controls:
        layer = widgets.pick_layer(names, most_moved(summary), width=160)
    every = None
    if reason := own_clips.why_no_labels(header):
        clips, every = ablation.labelled_clips(header), ablation.stored_table(header)
        if every is None:
            st.info(layout.plain(NO_LABELS.format(reason=reason)))
            return
        st.caption(layout.plain(STORED.format(reason=reason)))
    else:
        clips = subject.pick_test_clips(TEST_CLIPS[-1])
    verdicts = st.container()
    if every is None and len(names) > 1:
        every = ablation.offer_table(name, header, clips, "Test all layers")
    if len(names) == 1:
        st.caption(layout.plain(f"{names[layer]} is the only layer of {name} that uses other frames."))
    with verdicts:
        table = _test_layer(subject, layer, names[layer], clips) if every is None else every
        if table is not None:
            layout.finding(layer_finding(table, layer, names[layer]))
            st.dataframe(verdict_table(table, layer), hide_index=True, width="stretch")
            st.caption(power(table))
            evaluated = whatif_resources.evaluated(name, header, clips)
            if every is None:
                card = intervention_cards.ablation_of_layer(table, layer, names[layer], evaluated)
                cards.draw(card, file_name=f"{header.name}-{card.key}")
            else:
                card = intervention_cards.ablation_of_all(every, names, evaluated, layer)
                cards.draw(card, lambda name: _choose(name, names), file_name=f"{header.name}-{card.key}")
                st.caption("Click a dot to choose its layer.")
    navigation.link(PAGES["kernels"], f"See the kernels of {names[layer]}", ckpt=name, layer=names[layer])


def _choose(name: str, names: Mapping[str, str]) -> None:
    """Choose the layer of a row; all layers together are none."""
    if name in names.values():
        url_state.choose(url_keys.LAYER, name)


def _test_layer(subject: Subject, layer: str, block: str, clips: LabelledClips) -> pd.DataFrame | None:
    """The result for one layer, in the background as soon as it is chosen."""
    network = ablation.network(subject.name, subject.header)
    return jobs.offer(
        ("ablation", stamp(subject.header.path), clips, layer),
        f"Does {block} matter?",
        lambda report: layer_ablation(network, [layer], clips, report),
        lane="quick",
        note=f"Its kernels are replaced, on {clips.in_words}.",
        at_once=True,
    )
