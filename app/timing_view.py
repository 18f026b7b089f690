"""Measured, not only counted: what the chosen networks take on this machine, timed in the background."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from analysis import complexity, palette, timing
from analysis.complexity import Complexity
from analysis.timing import Measurement, Plan
from analysis.timing.table import what_was_measured
from analysis.timing_cards import timing_card
from analysis.wording import large_count, three_digits
from app import jobs, resources, scaffold, state, widgets
from gte import cli
from gte.models import ClipShape

ROUNDS = state.Key("rounds", "number of rounds")
BATCH = state.Key("batch", "batch size")
THREADS = state.Key("threads", "number of threads")
FUSED = state.Key("fused", "fusing")

MOST_ROUNDS, MOST_CLIPS = 51, 16

BEFORE = (
    "About {duration} on an ordinary processor, in a process of its own; what else runs on this machine meanwhile "
    "blurs the result."
)
NATIVE = "* takes no clip as small as {clip}; it is timed and counted at its native one, and not drawn beside others."


def render(names: Sequence[str], options: Mapping[str, int | float], clip: ClipShape) -> None:
    """Offer to time the networks, and draw what came of it; `options` that a network does not have are left out."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        plan = Plan(
            names=tuple(names),
            options=tuple(options.items()),
            clip=clip,
            rounds=widgets.pick_number(ROUNDS, "Rounds", 1, MOST_ROUNDS, timing.DEFAULT_ROUNDS, width=150),
            batch=widgets.pick_number(BATCH, "Clips in a batch", 1, MOST_CLIPS, 1, width=150),
            threads=widgets.pick_number(THREADS, "Threads", 1, timing.cores(), timing.cores(), width=150),
            fused=state.checked(
                FUSED,
                lambda: st.toggle(
                    "Fused",
                    key=FUSED.name,
                    bind="query-params",
                    help="Fold every BatchNorm into the convolution before it, as `gte.models.fuse` does.",
                ),
            ),
        )
    macs = _macs(plan)
    duration = timing.in_words(timing.seconds_expected(plan, macs))
    key, work = ("timing", plan), partial(timing.run_in_child, plan)
    measurement = jobs.offer(
        key, "Time them on this machine", work, told=BEFORE.format(duration=duration), unbroken=True
    )
    if measurement is not None:
        _draw(measurement, macs)
        jobs.renew(key, "Measure again", work, unbroken=True)


def _macs(plan: Plan) -> dict[str, int]:
    """The counted MACs of the networks for one clip, at the clip that each of them is timed with."""
    counted = {}
    for name in plan.names:
        own = complexity.applicable(name, dict(plan.options))
        # One side alone is chosen on the page, so a clip is square.
        item = resources.complexity_of(name, tuple(own.items()), plan.clip.frames, plan.clip.height)
        if isinstance(item, Complexity):
            counted[name] = item.macs_conv_linear
    return counted


def _draw(measurement: Measurement, macs: Mapping[str, int]) -> None:
    card = timing_card(measurement, macs)
    assert card.table is not None
    scaffold.finding(card.sentence)
    st.plotly_chart(card.figure, key="timing", config=palette.PLOTLY_CONFIG, alt=card.sentence)
    st.dataframe(
        _rows(card.table),
        hide_index=True,
        column_config={"Network": st.column_config.Column(width=150)},
        height="content",
    )
    told = [what_was_measured(measurement)]
    if any(item.at_native for item in measurement.timed):
        told.append(NATIVE.format(clip=measurement.plan.clip))
    told += sorted({item.note for item in measurement.timed if item.note})
    told += [f"{item.label}: {item.reason}" for item in measurement.untimed]
    st.caption(scaffold.plain(" ".join(told)))
    with st.container(horizontal=True):
        st.download_button(
            "The numbers, CSV",
            card.table.to_csv(index=False),
            "timing.csv",
            "text/csv",
            key="csv of the timing",
            on_click="ignore",
        )
        st.download_button(
            "Every round, JSON",
            cli.as_json(timing.as_plain(measurement) | {"macs": dict(macs)}),
            "timing.json",
            "application/json",
            on_click="ignore",
        )
    with st.expander("Definition, formula and code"):
        st.markdown(card.definition)
        st.code(card.code, "python")


def _rows(table: pd.DataFrame) -> pd.DataFrame:
    """The table as people read it: measured columns first, then what is counted."""
    rows = table.to_dict("records")

    def written(value: Any, text: str) -> str:
        return "" if pd.isna(value) else text.format(three_digits(float(value)))

    return pd.DataFrame(
        {
            "Network": [f"{row['label']}{' *' if row['at_native'] is True else ''}" for row in rows],
            "Median": [written(row["milliseconds"], "{} ms") for row in rows],
            "Middle half of the rounds": [
                "" if pd.isna(row["low"]) else f"{three_digits(row['low'])} to {three_digits(row['high'])} ms"
                for row in rows
            ],
            "Time, ratio": [written(row["time_ratio"], "{}") for row in rows],
            "Training step": [written(row["training_megabytes"], "{} MB") for row in rows],
            "MACs, counted": ["" if pd.isna(row["macs"]) else large_count(float(row["macs"])) for row in rows],
            "MACs, ratio": [written(row["mac_ratio"], "{}") for row in rows],
            "Time per MAC, ratio": [written(row["time_per_mac"], "{}") for row in rows],
        }
    )
