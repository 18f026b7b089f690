"""The tab Is it needed? of the page What if: each layer alone set to something else, on labelled clips."""

import streamlit as st

from analysis import interventions
from analysis.interventions import cards as intervention_cards
from analysis.kernels.summary import block_names_of, most_moved
from app import cache, cards, jobs, layout, navigation, widgets
from app.clips import clip_source
from app.navigation import PAGES
from app.pages.what_if import cache as whatif_resources
from app.pages.what_if.selection import Subject
from gte.data import DATASETS
from gte.files import stamp

NO_KERNELS = "{name} has no kernels over time, so there is nothing to set to anything else; choose a GTE network."
NO_LABELS = (
    "{name} was trained on other classes than those of the clips here, so none of its answers is right or wrong; "
    "choose a checkpoint trained on {dataset}."
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
    clips = subject.pick_labelled()
    network = whatif_resources.network(name, header)
    examined = whatif_resources.examined(name, header, clips)
    told = interventions.resolution(clips.num_clips, DATASETS[clips.dataset].label)
    key = (stamp(header.path), clips)
    table = jobs.offer(
        ("need", *key, layer),
        f"Is {names[layer]} needed?",
        lambda report: interventions.is_it_needed(network, [layer], clips, report),
        lane="quick",
        note=told,
        at_once=True,
    )
    if table is not None:
        layout.finding(interventions.need_finding(table, names[layer]))
        st.caption(told)
        card = intervention_cards.need_of_layer(table, layer, names[layer], examined)
        cards.draw(card, file_name=f"{header.name}-{card.key}")
    if len(names) > 1:
        every = jobs.offer(
            ("need of all", *key),
            "Ask the same of every layer",
            lambda report: interventions.is_it_needed(network, list(names), clips, report),
            lane="slow",
            note=f"{len(names)} layers, one after the other, in the background.",
        )
        if every is not None:
            card = intervention_cards.need_of_all(every, names, examined)
            cards.draw(card, file_name=f"{header.name}-{card.key}")
    else:
        st.caption(layout.plain(f"{names[layer]} is the only layer of {name} that looks at other frames."))
    navigation.link(PAGES["kernels"], f"See the kernels of {names[layer]}", ckpt=name, layer=names[layer])
