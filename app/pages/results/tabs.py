"""Tabs of the page Results, drawn when they are opened. A tab is one entry of TABS."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

from analysis.formatting import percent
from analysis.study import cards as study_cards
from analysis.study import recordings, reported
from analysis.study.answer_figures import Spent
from analysis.study.cards import Measured
from analysis.study.comparisons import comparisons_table, verdicts
from analysis.study.kernels import NO_NETWORKS, Story, story
from analysis.study.tables import checkpoint_name, span
from app import cards, checkpoints, layout, url_keys, url_state, widgets
from gte.files import Stamp, stamp

SELECTED = "gte"
RECORDED = "gte-fir16"
"""The shipped GTE that was trained on real recordings."""
COMPARED = ("c2d", "tsm", "c3d", "gst", "gte")
SPENT: Mapping[str, Spent] = {"Clips seen": "clips_seen", "MACs spent": "macs_spent"}

TESTS = (
    "**Interval and p** compare the accuracies of trainings with other seeds by Welch's t-test, which takes them as "
    "normal; p is corrected by Holm's method for all rows. A single training is taken to spread as the others do "
    "(Crawford and Howell). With three of each this can tell large differences only, and *cannot tell* is no proof "
    "that there is none. **Pairs** are two trained networks with the same seed, of which one is right for more test "
    "scenes (McNemar's exact test, corrected for all pairs): true of these two networks, not of the next training. "
    "The test clips are rendered and small; nothing here is said about other data."
)
MEASURED_NOTE = (
    "Measured: top-1 in percent on the test clips of this study, mean and range of the trainings. Reported: top-1 in "
    "percent on Something-Something V1. They are of different data and are not to be compared with each other, only "
    "from row to row."
)


def draw(measured: Measured) -> None:
    """Draw the tabs; only the open one is computed."""
    widgets.draw_tabs(TABS, measured)


def _claims(measured: Measured) -> None:
    st.subheader("What the paper says, and what these trainings show", anchor=False)
    for sentence in verdicts(measured.comparisons):
        st.markdown(layout.plain(sentence))
    table = comparisons_table(measured.comparisons)
    if table.empty:
        st.info("None of the compared networks is trained yet.")
    else:
        st.table(_claim_rows(table), border="horizontal")
        widgets.download_csv("Table (CSV)", table, "claims.csv", key="claims")
    st.caption(TESTS)
    st.subheader("Figure 3a: what models time in the temporal path", anchor=False)
    st.table(_titled(reported.figure_3a(measured.rows), FIGURE_3A), border="horizontal", hide_index=True)
    st.subheader("Figure 3b: the share t", anchor=False)
    if finding := reported.share_finding(measured.rows):
        st.markdown(layout.plain(finding))
    st.table(_titled(reported.figure_3b(measured.rows), FIGURE_3B), border="horizontal", hide_index=True)
    st.caption(MEASURED_NOTE)
    st.subheader("Tables 2 to 4, as reported", anchor=False)
    printed = reported.tables_2_to_4()
    st.dataframe(_titled(printed.drop(columns="network"), TABLES), hide_index=True, height="content", placeholder="–")


FIGURE_3A = {"strategy": "What mixes frames", "measured": "Measured", "reported": "Reported"}
FIGURE_3B = {
    "t": "t",
    "measured": "Measured",
    "reported": "Reported",
    "params_trained": "Parameters, trained here",
    "params_paper_setting": "Parameters, counted at the paper's setting",
    "params_reported": "Parameters, reported",
}
TABLES = {
    "table": "Table",
    "dataset": "Data set",
    "label": "Network",
    "frames": "Frames",
    "macs_printed": "GFLOPs",
    "top1": "Top-1, %",
    "top5": "Top-5, %",
    "quoted_from": "Quoted from",
}


def _titled(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Give the columns of a table the titles that people read, and its first column as the names of rows."""
    return pd.DataFrame({title: table[name].tolist() for name, title in titles.items()})


def _claim_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Write the comparisons as people read them."""
    rows = table.to_dict("records")
    return pd.DataFrame(
        {
            "Verdict": table["verdict"].tolist(),
            "Difference, points": [_signed(row["points"]) for row in rows],
            "95 % interval": [
                "–" if pd.isna(row["points_low"]) else f"{_signed(row['points_low'])} to {_signed(row['points_high'])}"
                for row in rows
            ],
            "p (Holm)": ["–" if pd.isna(row["p_seeds_holm"]) else f"{row['p_seeds_holm']:.2g}" for row in rows],
            "Trainings": table["trainings"].tolist(),
            "Pairs won, lost": [f"{row['pairs_won']}, {row['pairs_lost']} of {row['pairs']}" for row in rows],
            "Claimed by": [layout.plain(row["claimed_by"]) for row in rows],
        },
        index=pd.Index([layout.plain(row["claim"]) for row in rows]),
    )


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")


def _pairs(measured: Measured) -> None:
    cards.draw(study_cards.pairs(measured))
    row = url_state.resolve(url_keys.RUN, SELECTED, url_state.one_of(measured.study.labels))
    if row in measured.study.labels:
        cards.draw(study_cards.confusion(measured, row))
        st.caption("The network is chosen above, or by a click on its point.")


def _reversal(measured: Measured) -> None:
    cards.draw(study_cards.reversal(measured))


def _curves(measured: Measured) -> None:
    labels = measured.study.labels
    names = {label: row for row, label in labels.items()}
    default = [labels[row] for row in COMPARED if row in labels] or list(names)[:5]
    spent = SPENT[widgets.pick_segment(url_keys.SPENT, "Over", list(SPENT))]
    chosen = widgets.pick_several(url_keys.CURVES, "Networks", list(names), default)
    if not chosen:
        st.info("Choose at least one network.")
        return
    cards.draw(study_cards.curves(measured, [names[label] for label in chosen], spent))


def _kernels(measured: Measured) -> None:
    available, _ = checkpoints.list_checkpoints()
    seeds = [checkpoint_name(run) for run in measured.study.rows.get(SELECTED, [])]
    paths = [available[name].path for name in seeds if name in available]
    if not paths:
        st.info(NO_NETWORKS)
        return
    others = [available[RECORDED].path] if RECORDED in available else []
    item = _story(tuple(paths), tuple(others), tuple(stamp(path) for path in (*paths, *others)))
    in_code = [
        [checkpoints.path_in_code(available[name]) for name in names if name in available]
        for names in (seeds, [RECORDED])
    ]
    cards.draw(study_cards.kernels(item, *in_code))


@st.cache_resource(max_entries=2, show_spinner="Reading the kernels")
def _story(paths: tuple[Path, ...], others: tuple[Path, ...], _stamps: tuple[Stamp, ...]) -> Story:
    return story(paths, others)


def _recordings(_measured: Measured) -> None:
    table = recordings.recordings_table()
    st.markdown(layout.plain(recordings.recordings_finding()))
    rows = table.to_dict("records")
    shown = pd.DataFrame(
        {
            "Top-1": [percent(row["top1"]) for row in rows],
            "Range": [span(row["top1_low"], row["top1_high"]) for row in rows],
            "Runs": table["seeds"].tolist(),
            "Top-1, the pair": [percent(row["pair_top1"]) for row in rows],
            "Reversed, taken for the other": [percent(row["reversed_given_twin"]) for row in rows],
        },
        index=pd.Index(table["label"].tolist()),
    )
    st.table(shown, border="horizontal")
    widgets.download_csv("Table (CSV)", recordings.recordings_runs(), "recordings.csv", key="recordings")
    st.caption(layout.plain(recordings.NOTE))


TABS: Mapping[str, Callable[[Measured], None]] = {
    "Claims": _claims,
    "Pairs of classes": _pairs,
    "Reversal": _reversal,
    "Learning curves": _curves,
    "Kernels over seeds": _kernels,
    "Real recordings": _recordings,
}
"""Only the open one is computed and drawn."""
