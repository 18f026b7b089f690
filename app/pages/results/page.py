"""The page Results: what the networks of the study reach on the test clips, and what they cost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from analysis.formatting import percent, three_digits
from analysis.study import cards as study_cards
from analysis.study.cards import Measured
from analysis.study.figures import Cost
from analysis.study.results import FILE_NAME, HOW, load
from analysis.study.tables import checkpoint_name, span
from app import cards, checkpoints, layout, navigation, paper, url_keys, url_state, widgets
from app.navigation import PAGES
from app.pages.results import tabs
from app.widgets import NumberFormat
from gte.files import Stamp, stamp

COSTS: Mapping[str, Cost] = {"MACs": "macs_conv_linear", "Parameters": "params"}
MIN_COLUMN_WIDTH = 480
"""Pixels; in a narrower window the table comes below the chart."""


def render() -> None:
    """Draw the page below its header."""
    measured = _measured()
    if measured is None:
        st.info(layout.plain(HOW))
        return
    layout.finding(measured.headline)
    if progress := measured.study.progress:
        st.caption(progress)
    with st.grid(2, min_column_width=MIN_COLUMN_WIDTH, gap="medium"):
        chart, table = st.container(), st.container()
    with chart:
        cost = COSTS[widgets.pick_segment(url_keys.AXIS, "Cost", list(COSTS))]
        cards.draw_figure(study_cards.accuracy_against_cost(measured, cost), key="accuracy", on_click=_choose)
    with table:
        _link(measured)
        st.dataframe(_rows(measured.rows), hide_index=True, column_config=COLUMN_WIDTHS, height="content")
        with st.container(horizontal=True):
            widgets.download_csv("Table (CSV)", measured.runs, "study.csv", key="study")
            export = st.popover("Export")
    tabs.draw(measured)
    with export:
        paper.offer(PAGES["results"].title)


def _measured() -> Measured | None:
    """Return the results that are there, read once for each state of their file."""
    folder = checkpoints.folders()[""] / checkpoints.STUDY
    path = folder / FILE_NAME
    return _read(folder, stamp(path)) if path.is_file() else None


@st.cache_resource(max_entries=2, show_spinner="Reading the results")
def _read(folder: Path, _stamp: Stamp) -> Measured | None:
    study = load(folder)
    return None if study is None else Measured(study)


def _choose(row: str) -> None:
    url_state.choose(url_keys.RUN, row)


def _link(measured: Measured) -> None:
    """Draw a choice of networks, which a click on a point sets, and the link to the kernels of the chosen one."""
    labels = measured.study.labels
    default = "gte" if "gte" in labels else next(iter(labels))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        row = widgets.pick(url_keys.RUN, "Network", list(labels), default, words=labels, width=210)
        available, _ = checkpoints.list_checkpoints()
        names = [checkpoint_name(run) for run in measured.study.rows[row]]
        shipped = [name for name in names if name in available]
        if shipped:
            navigation.link(PAGES["kernels"], f"Kernels of {labels[row]}", ckpt=shipped[0])
        else:
            st.caption(f"No checkpoint of {layout.plain(labels[row])} ships.")


def _rows(rows: pd.DataFrame) -> Styler:
    records: list[dict[Any, Any]] = rows.to_dict("records")
    frame = pd.DataFrame(
        {
            "Network": rows["label"],
            "Top-1": rows["top1"],
            "Range": [span(row["top1_low"], row["top1_high"]) for row in records],
            "Runs": rows["seeds"],
            "Reversed": rows["reversed_to_twin"],
            "Parameters": rows["params"],
            "MACs": rows["macs_conv_linear"],
        }
    )
    formats: dict[str, NumberFormat] = {"Top-1": percent, "Reversed": percent}
    return widgets.format_numbers(frame, formats | {"Parameters": _millions, "MACs": _millions})


def _millions(count: float) -> str:
    return f"{three_digits(count / 1e6)} M"


COLUMN_WIDTHS: Mapping[str, Any] = {
    "Network": st.column_config.Column(width=160),
    "Top-1": st.column_config.Column(width=58, help="Share of the test clips with a right answer, mean of the runs"),
    "Range": st.column_config.Column(width=80, help="Lowest and highest of the runs, in percent"),
    "Runs": st.column_config.Column("n", width=28, help="Trainings that are finished, each with another seed"),
    "Reversed": st.column_config.Column(
        width=76,
        help="Share of the test clips whose reversal is given the reversed class of their own answer; 0 for a network "
        "that cannot tell the order of frames",
    ),
    "Parameters": st.column_config.Column("Params", width=70, help="Learnable numbers"),
    "MACs": st.column_config.Column(
        width=58, help="Multiply-accumulates of convolutions and linear layers for one clip"
    ),
}
"""Widths in pixels with which the table does not scroll sideways."""
