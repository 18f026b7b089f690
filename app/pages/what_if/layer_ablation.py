"""The tab Which layers matter? of the page What if: accuracy with the kernels of one layer replaced."""

import streamlit as st

from analysis.interventions import accuracy
from analysis.interventions import cards as intervention_cards
from analysis.kernels.summary import block_names_of, most_moved
from app import cache, cards, jobs, layout, navigation, widgets
from app.clips import clip_source
from app.navigation import PAGES
from app.pages.what_if import cache as whatif_resources
from app.pages.what_if.selection import Subject
from gte.data import DATASETS
from gte.files import stamp

NO_KERNELS = "{name} has no temporal kernels, so there is nothing to replace; choose a GTE network."
NO_LABELS = (
    "{name} was trained on other classes than those of the clips here, so its accuracy is not defined; choose a "
    "checkpoint trained on {dataset}."
)


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
    if not subject.has_labels:
        dataset = DATASETS[clip_source(header).dataset].label
        st.info(layout.plain(NO_LABELS.format(name=name, dataset=dataset)))
        return
    clips = subject.pick_test_clips()
    network = whatif_resources.network(name, header)
    evaluated = whatif_resources.evaluated(name, header, clips)
    note = accuracy.resolution(clips.num_clips, DATASETS[clips.dataset].label)
    key = (stamp(header.path), clips)
    table = jobs.offer(
        ("ablation", *key, layer),
        f"Does {names[layer]} matter?",
        lambda report: accuracy.layer_ablation(network, [layer], clips, report),
        lane="quick",
        note=note,
        at_once=True,
    )
    if table is not None:
        layout.finding(accuracy.ablation_finding(table, names[layer]))
        st.caption(note)
        card = intervention_cards.ablation_of_layer(table, layer, names[layer], evaluated)
        cards.draw(card, file_name=f"{header.name}-{card.key}")
    if len(names) > 1:
        every = jobs.offer(
            ("ablation of all", *key),
            "Test all layers",
            lambda report: accuracy.layer_ablation(network, list(names), clips, report),
            lane="slow",
            note=f"{len(names)} layers, one after another, in the background.",
        )
        if every is not None:
            card = intervention_cards.ablation_of_all(every, names, evaluated)
            cards.draw(card, file_name=f"{header.name}-{card.key}")
    else:
        st.caption(layout.plain(f"{names[layer]} is the only layer of {name} that uses other frames."))
    navigation.link(PAGES["kernels"], f"See the kernels of {names[layer]}", ckpt=name, layer=names[layer])
