"""Architectures: what mixing frames costs, in parameters and multiply-accumulates."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from analysis.complexity import counting, figures
from analysis.complexity import tables as cost_tables
from analysis.complexity.cards import Setting
from analysis.complexity.counting import Complexity, Uncountable
from analysis.formatting import COST_UNITS, in_a_row, large_count
from analysis.plotting import style
from app import cache, layout, url_keys, widgets
from app.pages.architectures import block_diagram, tabs
from gte.models import MODELS, ClipShape
from gte.models.config import NUM_CLASSES, Kind
from gte.models.resnet import STAGE_DEPTHS

SHARES = ("1/16", "1/8", "1/4", "3/8", "1/2", "3/4")
WIDTHS = ("16", "32", "64", "96", "128")
HEADS = ("counted", "left out")
SECONDS_BEFORE_ROWS = 0.3
"""What is counted faster than this, as from the cache, is not worth a table that grows."""
UNITS = {unit: factor for factor, unit in COST_UNITS.items()}


GROUPS: dict[Kind, tuple[url_keys.Key[list[str]], str]] = {
    "compared": (url_keys.COMPARED, "The paper's Table 1"),
    "ablation": (url_keys.ABLATIONS, "Other forms of GTE and GST"),
    "relative": (url_keys.RELATIVES, "Relatives that the paper names"),
}
"""Where each kind of network is chosen, and what the choice is called."""

CONTROL_WIDTHS = (118, 80, 84, 104, 92, 148, 94)
"""Of networks, depth, frames, crop, t, unit and the rest, in pixels; they fit beside each other in 800."""
NARROWEST = 480
"""Pixels that bars and table need at least beside each other; in a narrower window they stand one below the other."""
NO_NETWORK = (
    "No network is chosen; choose some under Networks, above. Table 1, the sweep over t and the paper check below need "
    "none."
)
NATIVE_NOTE = (
    f"{figures.NATIVE_MARK} takes no clip as small as {{clip}} and is counted at its native one, given in the table: "
    "do not compare its numbers with the others'."
)

READING = """
- **t** is the part of a block's output channels that GST and GTE give to time.
- **MACs** are multiply-accumulates of one forward pass over one clip. fvcore counts them and calls them flops; papers
  often do as well. *FLOPs* here are twice the MACs.
- The bars hold convolutions and linear layers, as papers count. The CSV adds what BatchNorm and pooling cost, and names
  the operators that fvcore met and did not count.
- *Mixing frames* is the part spent in temporal kernels.
- **Agreement**: torch's own formulas, applied to the same network, give the same number.
- A hard temporal shift moves memory and multiplies nothing: TSM costs what C2D costs.
- Every number is counted on the real modules with the numbers chosen above; none is copied from a paper. What a
  published figure says otherwise stands in the network's note below.
- Depth and t change the networks that have them: the ResNets of the table, and SlowFast its depth.
- A network marked * takes no clip as small as the chosen one; it is counted at its native clip.
- A network marked † is counted at the chosen clip, of which it sees far less than of its publication's.
"""


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """What the controls say."""

    names: Sequence[str]
    unit: str
    setting: Setting


def render() -> None:
    """Draw the page below its header."""
    chosen = _controls()
    counts = _count(chosen)
    _first_screen(counts, chosen)
    tabs.draw(tabs.Subject(counts, chosen.setting))
    if chosen.names:
        with st.expander("What these networks are"):
            st.table(_descriptions(chosen.names), border="horizontal")


def _first_screen(counts: Sequence[Complexity | Uncountable], chosen: _Chosen) -> None:
    """The finding, the bars, and the table beside or below them."""
    refused = _refused(counts)
    if counts:
        layout.finding(cost_tables.costs_finding(counts, chosen.setting.flops_per_mac))
    for reason, labels in refused.items():
        # Some names have a comma in them.
        st.warning(layout.plain(f"{'; '.join(labels)}: {reason}"))
    with st.grid(2, min_column_width=NARROWEST, gap="medium"):
        costs, diagram = st.container(), st.container()
        with diagram:
            drawn = block_diagram.render(chosen.names, chosen.setting.options, chosen.setting.clip, refused)
        with costs:
            if counts:
                _costs(counts, chosen, drawn)
            else:
                st.info(NO_NETWORK)


def _refused(counts: Sequence[Complexity | Uncountable]) -> dict[str, list[str]]:
    """The networks without a count, by the reason."""
    refused: dict[str, list[str]] = {}
    for item in counts:
        if isinstance(item, Uncountable):
            refused.setdefault(item.reason, []).append(item.label)
    return refused


def _costs(counts: Sequence[Complexity | Uncountable], chosen: _Chosen, drawn: str) -> None:
    """The bars, with a band behind the network that is drawn, their table, and what is to be said of them."""
    table = cost_tables.table(counts)
    unit, flops_per_mac = chosen.unit, chosen.setting.flops_per_mac
    st.plotly_chart(
        figures.cost_bars(table, cost_tables.REFERENCE, drawn, flops_per_mac=flops_per_mac),
        key="cost",
        on_select=_draw_clicked,
        selection_mode="points",
        config=style.PLOTLY_CONFIG,
        alt=cost_tables.costs_finding(counts, flops_per_mac),
    )
    st.dataframe(
        _rows(table, flops_per_mac, unit), hide_index=True, column_config=column_widths(unit), height="content"
    )
    if seen := _seen(chosen.setting):
        st.caption(seen)
    if any(isinstance(item, Complexity) and item.at_native for item in counts):
        st.caption(layout.plain(NATIVE_NOTE.format(clip=chosen.setting.clip)))
    if notes := [item.note for item in counts if isinstance(item, Complexity) and item.note]:
        st.caption(layout.plain(f"{figures.NOTE_MARK} {' '.join(notes)}"))
    st.download_button("Download as CSV", table.to_csv(index=False), "complexity.csv", "text/csv", on_click="ignore")
    with st.expander("How this is counted"):
        st.markdown(READING)
        st.markdown("**What fvcore met and did not count**, with how often:")
        st.table(
            {row["label"]: row["uncounted"] for row in table.to_dict("records") if row["uncounted"]},
            border="horizontal",
        )


def _draw_clicked() -> None:
    """Have the diagram show the network whose bar was clicked."""
    points = st.session_state["cost"].selection.points
    # A second click on the same bar deselects it: nothing is to be drawn anew then.
    if points:
        block_diagram.show(points[0]["customdata"][0])


def _seen(setting: Setting) -> str:
    """What was multiplied or left out, where it is not the paper's setting; else empty."""
    told = [f"{setting.views} views of each video multiply the cost"] if setting.views > 1 else []
    told += [] if setting.with_head else ["the classifier is left out"]
    return layout.plain(f"{in_a_row(told).capitalize()}.") if told else ""


def _controls() -> _Chosen:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        places = [st.container(width=width) for width in CONTROL_WIDTHS]
    with places[0], st.popover("Networks", width="stretch"):
        names = [name for kind in GROUPS for name in _pick_networks(kind)]
    with places[1]:
        depth = int(widgets.pick(url_keys.DEPTH, "Depth", [str(depth) for depth in STAGE_DEPTHS]))
    with places[2]:
        frames = widgets.pick_number(url_keys.FRAMES, "Frames", 1, 64)
    with places[3]:
        size = widgets.pick_number(url_keys.SIZE, "Crop, pixels", 32, 512, step=16)
    with places[4]:
        share = widgets.pick(url_keys.SHARE, "Share t", SHARES)
    with places[5]:
        unit = widgets.pick_segment(url_keys.UNIT, "Unit", list(UNITS))
    with places[6], st.popover("More", width="stretch"):
        width = int(widgets.pick(url_keys.WIDTH, "Width: channels of the first stage", WIDTHS))
        classes = widgets.pick_number(url_keys.CLASSES, "Classes", 1, 10_000, NUM_CLASSES)
        clips = widgets.pick_number(url_keys.CLIPS, "Clips of each video", 1, 30)
        crops = widgets.pick_number(url_keys.CROPS, "Crops of each clip", 1, 10)
        head = widgets.pick(url_keys.HEAD, "Classifier", HEADS)
    options: dict[str, int | float] = {
        "depth": depth,
        "base_width": width,
        "num_classes": classes,
        "temporal_share": float(Fraction(share)),
    }
    setting = Setting(
        options=options,
        clip=ClipShape(frames, size, size),
        views=clips * crops,
        with_head=head == HEADS[0],
        flops_per_mac=UNITS[unit],
    )
    return _Chosen(names=names, unit=unit, setting=setting)


def _pick_networks(kind: Kind) -> list[str]:
    """The chosen networks of a kind, in the order of the table; of the compared ones all, until others are chosen."""
    key, title = GROUPS[kind]
    names = {config.label: name for name, config in MODELS.items() if config.kind == kind}
    chosen = widgets.pick_several(key, title, list(names), list(names) if kind == "compared" else ())
    return [name for label, name in names.items() if label in chosen]


def _count(chosen: _Chosen) -> list[Complexity | Uncountable]:
    """Count the networks, naming the one at work and showing each row once it is ready; from the cache, nothing."""
    setting = chosen.setting
    progress, growing = st.empty(), st.empty()
    began = time.monotonic()
    counts: list[Complexity | Uncountable] = []
    for number, name in enumerate(chosen.names):
        text = f"Counting {MODELS[name].label}, {number + 1} of {len(chosen.names)}"
        progress.progress(number / len(chosen.names), text=layout.plain(text))
        item = cache.complexity_of(name, tuple(setting.options.items()), setting.clip.frames, setting.clip.height)
        if isinstance(item, Complexity):
            item = counting.seen_in(item, views=setting.views, with_head=setting.with_head)
        counts.append(item)
        if time.monotonic() - began > SECONDS_BEFORE_ROWS:
            growing.dataframe(
                _rows(cost_tables.table(counts), setting.flops_per_mac, chosen.unit),
                hide_index=True,
                column_config=column_widths(chosen.unit),
                height="content",
            )
    progress.empty()
    growing.empty()
    return counts


def _rows(table: pd.DataFrame, flops_per_mac: int, unit: str) -> Styler:
    """The table as people read it."""
    rows = table.to_dict("records")
    frame = pd.DataFrame(
        {
            "Network": [f"{row['label']} {figures.mark_of(row)}".rstrip() for row in rows],
            "Parameters": table["params"],
            unit: flops_per_mac * table["macs_conv_linear"],
            "Mixing frames": flops_per_mac * table["macs_temporal"],
            "Agreement": ["" if pd.isna(value) else ("✓" if value else "✗") for value in table["agrees"]],
            "Clip": [str(ClipShape(row["frames"], row["height"], row["width"])) for row in rows],
        }
    )
    return widgets.format_numbers(frame, dict.fromkeys(("Parameters", unit, "Mixing frames"), large_count))


def column_widths(unit: str) -> dict[str, Any]:
    """Widths in pixels with which the table needs no scrolling sideways."""
    widths = {"Network": 153, "Parameters": 76, unit: 80, "Mixing frames": 80, "Agreement": 33, "Clip": 118}
    titles = {"Parameters": "Params", "Mixing frames": "Mixing", "Agreement": "✓"}
    told = {
        unit: f"{unit} of convolutions and linear layers, for one clip or all views",
        "Parameters": "Learnable numbers",
        "Mixing frames": f"The part of the {unit} that is spent in kernels over time",
        "Agreement": "Whether torch's own formulas count the same",
        "Clip": "The clip that was counted: frames, height, width",
    }
    return {
        name: st.column_config.Column(titles.get(name, name), width=width, help=told.get(name))
        for name, width in widths.items()
    }


def _descriptions(names: Sequence[str]) -> pd.DataFrame:
    """What each network is, where it comes from, and the clips it takes."""
    configs = [MODELS[name] for name in names]
    return pd.DataFrame(
        {
            "What it is": [layout.plain(config.note) for config in configs],
            "Paper": [layout.plain(config.paper) for config in configs],
            "Native clip": [_unbroken(config.native) for config in configs],
            "Smallest clip": [_unbroken(config.smallest) for config in configs],
        },
        index=[layout.plain(config.label) for config in configs],
    )


def _unbroken(clip: ClipShape) -> str:
    """The clip on one line, however narrow its column."""
    return str(clip).replace(" ", "\N{NO-BREAK SPACE}")
