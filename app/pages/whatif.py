"""What if: is a layer's learnable shift needed?"""

import streamlit as st

from analysis import interventions, kernels, palette
from analysis.figures.interventions import need_bars
from app import kernel_resources, resources, scaffold, widgets
from gte.checkpoint import CheckpointHeader
from gte.data import DATASETS

NO_SHIFTS = (
    "{name} has no learnable shifts, so there are none to set to anything else; choose a checkpoint of a GTE network."
)
NO_LABELS = (
    "{name} was trained on other classes than those of the clips here, so none of its answers is right or wrong; "
    "choose a checkpoint trained on {dataset}."
)
CLIPS_A_CLASS = 4

READING = """
The layer's kernels alone are set to something else; everything behind them stays as it was trained.

- **The initial shift**: what training started from. If little is lost, the layer needs *a* shift, and not the one
  that it learned.
- **No shift**: every output reads the input that it began with, in the frame itself. If little is lost, the layer's
  look to other frames is not needed here.
- **Nothing**: the temporal path gives zeros. If little is lost, the other paths carry the layer.

The dotted line is what guessing gives. A few clips make coarse steps: one clip more or less is no difference.
"""


def render() -> None:
    """Draw the page below its header."""
    found = widgets.checkpoints_or_stop()
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        header = widgets.pick_checkpoint(found, width=260)
    if not header.layers:
        st.info(scaffold.plain(NO_SHIFTS.format(name=header.name)))
        return
    summary = kernel_resources.kernel_summary(header)
    names = kernels.block_names_of(summary)
    with controls:
        layer = widgets.pick_layer(names, kernels.most_moved(summary), width=200)
    source = resources.clip_source(header)
    label = DATASETS[source.dataset].label
    if not source.trained_on:
        st.info(scaffold.plain(NO_LABELS.format(name=header.name, dataset=label)))
        return
    num_clips = CLIPS_A_CLASS * len(source.classes)
    table = kernel_resources.is_it_needed(header, layer, num_clips)
    scaffold.finding(interventions.need_finding(table, names[layer], num_clips))
    st.caption(scaffold.plain(f"{num_clips} test clips of {label}, {CLIPS_A_CLASS} of each class."))
    st.plotly_chart(
        need_bars(table, 1 / len(source.classes)),
        key=f"need {header.path} {layer}",
        config=palette.PLOTLY_CONFIG,
        alt=interventions.need_finding(table, names[layer], num_clips),
    )
    st.markdown(READING)
    _links(header, names[layer], found)


def _links(header: CheckpointHeader, block: str, found: dict[str, CheckpointHeader]) -> None:
    # Imported here because the table of pages imports this one.
    from app.pages import PAGES

    name = next(name for name, other in found.items() if other is header)
    scaffold.link(PAGES["kernels"], f"See the kernels of {block}", ckpt=name, layer=block)
