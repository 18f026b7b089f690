"""Speed of the chosen networks on this machine, measured in the background."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler
from streamlit.elements.lib.column_types import ColumnConfig

from analysis.complexity.cards import Setting
from analysis.complexity.counting import Complexity
from analysis.formatting import large_count, three_digits
from analysis.timing import process
from analysis.timing.cards import timing_card
from analysis.timing.plan import DEFAULT_ROUNDS, Measurement, Plan, as_plain, cores, rounded_time, seconds_expected
from analysis.timing.table import what_was_measured
from app import cache, cards, jobs, layout, url_keys, widgets
from gte import cli
from gte.models import applicable

MAX_ROUNDS, MAX_CLIPS = 51, 16

MEASURE, MEASURE_AGAIN = "Measure speed", "Measure again"
"""The buttons."""

BEFORE = "About {duration} on an ordinary processor, in a separate process; other programs on this machine add noise."
NATIVE = "* takes no clip as small as {clip}; it is timed and counted at its native one, and not drawn with the others."
WHOLE = "One pass of the whole network is timed, classifier included; each of the views chosen above takes one pass."


def render(names: Sequence[str], setting: Setting) -> None:
    """Offer to time the networks, and draw the result; options that a network does not have are left out."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        plan = Plan(
            names=tuple(names),
            options=tuple(setting.options.items()),
            clip=setting.clip,
            rounds=widgets.pick_number(url_keys.ROUNDS, "Rounds", 1, MAX_ROUNDS, DEFAULT_ROUNDS, width=150),
            batch=widgets.pick_number(url_keys.BATCH, "Clips in a batch", 1, MAX_CLIPS, 1, width=150),
            threads=widgets.pick_number(url_keys.THREADS, "Threads", 1, cores(), cores(), width=150),
            fused=widgets.pick_switch(
                url_keys.FUSED,
                "Fused",
                help="Fold every BatchNorm into the convolution before it, as `gte.models.fuse` does.",
            ),
        )
    if setting.seen:
        st.caption(WHOLE)
    macs = _macs(plan)
    duration = rounded_time(seconds_expected(plan, macs))
    key, work = ("timing", plan), partial(process.run_in_child, plan)
    measurement = jobs.offer(key, MEASURE, work, lane="both", note=BEFORE.format(duration=duration))
    if measurement is not None:
        _draw(measurement, macs)
        jobs.renew(key, MEASURE_AGAIN, work, lane="both")


def _macs(plan: Plan) -> dict[str, int]:
    """Return the counted MACs of the networks for one clip, the one that each is timed with."""
    counted = {}
    for name in plan.names:
        options = applicable(name, dict(plan.options))
        # The page has one size for both sides: a clip is square.
        item = cache.complexity_of(name, tuple(options.items()), plan.clip.frames, plan.clip.height)
        if isinstance(item, Complexity):
            counted[name] = item.macs_conv_linear
    return counted


def _draw(measurement: Measurement, macs: Mapping[str, int]) -> None:
    card = timing_card(measurement, macs)
    assert card.table is not None
    layout.finding(card.sentence)
    cards.draw_figure(card, key="timing")
    st.dataframe(
        rows(card.table),
        hide_index=True,
        column_config=COLUMNS,
        height="content",
    )
    notes = [what_was_measured(measurement)]
    if any(item.at_native for item in measurement.timed):
        notes.append(NATIVE.format(clip=measurement.plan.clip))
    notes += sorted({item.note for item in measurement.timed if item.note})
    notes += [f"{item.label}: {item.reason}" for item in measurement.untimed]
    st.caption(layout.plain(" ".join(notes)))
    with st.container(horizontal=True):
        widgets.download_csv("Table (CSV)", card.table, "timing.csv", key="timing")
        st.download_button(
            "All rounds (JSON)",
            cli.as_json(as_plain(measurement) | {"macs": dict(macs)}),
            "timing.json",
            "application/json",
            on_click="ignore",
        )
    with st.expander("Definition, formula and code"):
        st.markdown(card.definition)
        st.code(card.code, "python")


def rows(table: pd.DataFrame) -> Styler:
    """Format the table for people: measured columns first, then counted ones."""
    frame = pd.DataFrame(
        {
            "Network": [
                f"{row['label']}{' *' if row['at_native'] is True else ''}" for row in table.to_dict("records")
            ],
            "Median": table["milliseconds"],
            "Quarter below": table["low"],
            "Quarter above": table["high"],
            "Time": table["time_ratio"],
            "Training step": table["training_megabytes"],
            "MACs": table["macs"],
            "MACs, ratio": table["mac_ratio"],
            "Time per MAC": table["time_per_mac"],
        }
    )
    ratios = dict.fromkeys(("Time", "MACs, ratio", "Time per MAC"), three_digits)
    times = dict.fromkeys(("Median", "Quarter below", "Quarter above"), _in_milliseconds)
    return widgets.format_numbers(frame, times | ratios | {"Training step": _in_megabytes, "MACs": large_count})


def _in_milliseconds(value: float) -> str:
    return f"{three_digits(value)} ms"


def _in_megabytes(value: float) -> str:
    return f"{three_digits(value)} MB"


COLUMNS: Mapping[str, ColumnConfig] = {
    "Network": st.column_config.Column(width=130),
    "Median": st.column_config.Column(width=76, help="Measured: milliseconds of one pass, median over the rounds"),
    "Quarter below": st.column_config.Column("25 %", width=76, help="Measured: a quarter of the rounds took less"),
    "Quarter above": st.column_config.Column("75 %", width=76, help="Measured: a quarter of the rounds took more"),
    "Time": st.column_config.Column("Time, x", width=66, help="Measured: ratio to the reference, within each round"),
    "Training step": st.column_config.Column(
        "Memory", width=80, help="Measured: peak memory that a training step adds to a process"
    ),
    "MACs": st.column_config.Column(width=80, help="Counted: multiply-accumulates of one clip"),
    "MACs, ratio": st.column_config.Column("MACs, x", width=70, help="Counted: ratio to the reference"),
    "Time per MAC": st.column_config.Column(
        "Time / MACs", width=90, help="Time ratio over MACs ratio: below 1 is more MACs a second than the reference"
    ),
}
"""Widths in pixels with which the table does not scroll sideways."""
