"""The tab Is it needed? of the page What if: each layer alone set to something else, on labelled clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from analysis import interventions, kernels, palette
from analysis.figures import interventions as figures
from app import jobs, kernel_resources, resources, scaffold, whatif_resources, widgets
from gte.data import DATASETS

if TYPE_CHECKING:
    from app.pages.whatif import Subject

NO_KERNELS = "{name} has no kernels over time, so there is nothing to set to anything else; choose a GTE network."
NO_LABELS = (
    "{name} was trained on other classes than those of the clips here, so none of its answers is right or wrong; "
    "choose a checkpoint trained on {dataset}."
)
READING = """
The layer's kernels alone are set to something else; everything behind them stays as it was trained.

- **Initial shift**: what training started from. If little is lost, the layer needs *a* shift, and not the one that it
  learned.
- **No shift**: every output reads the input that it began with, in the frame itself. If little is lost, the layer's
  look to other frames is not needed here. Kernels that are no learnable shift have **present alone** instead: their
  taps are summed at the frame itself.
- **Nothing**: the layer gives zeros. If little is lost, the other paths carry it.

The dotted line is what guessing gives. Whether a difference is chance is asked of the clips that flipped, by the exact
test of McNemar at 5 %, divided by the number of comparisons.
"""


def draw(subject: Subject) -> None:
    """Draw the tab."""
    summary = kernel_resources.kernel_summary(subject.header)
    if summary.empty:
        st.info(scaffold.plain(NO_KERNELS.format(name=subject.name)))
        return
    names = kernels.block_names_of(summary)
    with subject.controls:
        layer = widgets.pick_layer(names, kernels.most_moved(summary), width=170)
    clips = whatif_resources.labelled_clips(subject.header)
    label = DATASETS[clips.dataset].label
    source = resources.clip_source(subject.header)
    if not source.trained_on:
        st.info(scaffold.plain(NO_LABELS.format(name=subject.name, dataset=label)))
        return
    network = whatif_resources.network(subject.name, subject.header)
    stamp = resources.stamp(subject.header.path)
    told, chance = interventions.resolution(clips.num_clips, label), 1 / len(source.classes)
    table = jobs.offer(
        ("need", stamp, layer),
        f"Is {names[layer]} needed?",
        lambda report: interventions.is_it_needed(network, [layer], clips, report),
        told=told,
        at_once=True,
    )
    if table is not None:
        finding = interventions.need_finding(table, names[layer])
        scaffold.finding(finding)
        st.caption(told)
        chart = figures.setting_bars(table, chance)
        st.plotly_chart(chart, key=f"need {layer}", config=palette.PLOTLY_CONFIG, alt=finding)
    st.subheader("Every layer", anchor=False)
    every = jobs.offer(
        ("need of all", stamp),
        "Ask the same of every layer",
        lambda report: interventions.is_it_needed(network, list(names), clips, report),
        told=f"{len(names)} layers, one after the other, in the background.",
    )
    if every is not None:
        finding = interventions.layers_finding(every, names)
        st.markdown(scaffold.plain(finding))
        chart = figures.damage_by_layer(every, names, chance)
        st.plotly_chart(chart, key="need of all", config=palette.PLOTLY_CONFIG, alt=finding)
        st.download_button(
            "The numbers, CSV",
            every.to_csv(index=False),
            f"{subject.header.name}-need.csv",
            "text/csv",
            on_click="ignore",
        )
    # Imported here because the table of pages imports what imports this.
    from app.pages import PAGES

    scaffold.link(PAGES["kernels"], f"See the kernels of {names[layer]}", ckpt=subject.name, layer=names[layer])
    with st.expander("Definition"):
        st.markdown(READING)
