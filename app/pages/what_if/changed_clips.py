"""The list of the labelled clips whose answer changed, for a bar of totals that is clicked or picked from a list."""

from collections.abc import Mapping, Sequence

import streamlit as st

from analysis.interventions.accuracy import changed_clips
from analysis.interventions.labelled_clips import LabelledClips
from app import layout, widgets
from app.url_keys import Key

NONE = "none"
"""The option that lists nothing."""

Answers = Sequence[int]


def draw(key: Key[str], options: Mapping[str, tuple[Answers, Answers]], clips: LabelledClips) -> None:
    """Draw the picker of a change and, once one is chosen, its clips; `options` has the answers before and after."""
    chosen = widgets.pick(key, "List the clips that changed with", [NONE, *options], width=320)
    if chosen == NONE:
        return
    table = changed_clips(*options[chosen], clips)
    if table.empty:
        st.caption(layout.plain(f"{chosen}: no answer changed."))
        return
    st.caption(layout.plain(f"{chosen}: {len(table)} of {clips.num_clips} answers changed."))
    st.dataframe(table, hide_index=True, width="stretch", height="content" if len(table) <= 10 else 390)
