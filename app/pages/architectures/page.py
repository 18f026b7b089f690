"""Page Architectures: the cost of temporal modelling, in parameters and multiply-accumulates."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler
from streamlit.delta_generator import DeltaGenerator

from analysis.complexity import cards as cost_cards
from analysis.complexity import counting, figures
from analysis.complexity import tables as cost_tables
from analysis.complexity.cards import Setting
from analysis.complexity.counting import Complexity, Uncountable
from analysis.formatting import COST_UNITS, join_words, large_count
from app import cache, cards, layout, paper, url_keys, widgets
from app.navigation import PAGES
from app.pages.architectures import block_diagram, tabs
from gte.models import MODELS, ClipShape
from gte.models.config import NUM_CLASSES, Kind
from gte.models.resnet import STAGE_DEPTHS

SHARES = ("1/16", "1/8", "1/4", "3/8", "1/2", "3/4")
WIDTHS = ("16", "32", "64", "96", "128")
HEADS = ("counted", "left out")
SECONDS_BEFORE_ROWS = 0.3
"""Faster counts, as from the cache, need no table that grows."""
UNITS = {unit: factor for factor, unit in COST_UNITS.items()}


GROUPS: dict[Kind, tuple[url_keys.Key[list[str]], str]] = {
    "compared": (url_keys.COMPARED, "Compared in the paper's tables"),
    "ablation": (url_keys.ABLATIONS, "Other forms of GTE and GST"),
    "relative": (url_keys.RELATIVES, "Related networks"),
}
"""The choice of networks of each kind, and its title."""

CONTROL_WIDTHS = (118, 80, 84, 104, 92, 148, 94)
"""Widths of networks, depth, frames, crop, t, unit and the rest, in pixels; together they fit into 800."""
MIN_COLUMN_WIDTH = 480
"""Pixels; in a window too narrow for two columns, the diagram comes below the bars."""
NO_NETWORK = (
    "No network is chosen; choose some under Networks, above. Table 1, varying t and the paper check below need none."
)
NATIVE_NOTE = (
    f"{figures.NATIVE_MARK} takes no clip as small as {{clip}} and is counted at its native one, see the table: do "
    "not compare its numbers with the others'."
)

DEPTH_HELP = "Depth and t change the networks that have them: the ResNets of the table, and SlowFast its depth."
SHARE_HELP = "The share of a block's output channels that the temporal path of GST and GTE computes."
COSTS_HELP = """
- **MACs** are multiply-accumulates of one forward pass over one clip. fvcore counts them and calls them flops; papers
  often do too. **FLOPs** here are twice the MACs.
- Every number is counted on the PyTorch model with the settings above; none is copied from a paper. Where a published
  figure differs, the note on the network below says so.
- The bars show convolutions and linear layers, which give the paper's 25.3 G; some publishers add BatchNorm. The CSV
  adds BatchNorm and pooling, and names the operators that fvcore did not count.
- *Temporal* is the part in kernels that span several frames. A hard temporal shift moves memory and multiplies nothing:
  TSM costs what C2D costs.
- A network marked * takes no clip as small as the chosen one; it is counted at its native clip. A network marked † is
  counted at the chosen clip, of which it sees far less than in its publication.
"""


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """Choices of the controls."""

    names: Sequence[str]
    unit: str
    setting: Setting


def render() -> None:
    """Draw the page below its header."""
    chosen = _controls()
    counts = _count(chosen)
    export = _first_screen(counts, chosen)
    tabs.draw(tabs.Subject(counts, chosen.setting))
    with export:
        paper.offer(PAGES["architectures"].title)
    if chosen.names:
        with st.expander("What these networks are"):
            st.table(_descriptions(chosen.names), border="horizontal")


def _first_screen(counts: Sequence[Complexity | Uncountable], chosen: _Chosen) -> DeltaGenerator:
    """Draw the finding, the bars and their table, and the block diagram; return the place of the export menu."""
    refused = _refused(counts)
    if counts:
        layout.finding(cost_tables.costs_finding(counts, chosen.setting.flops_per_mac))
    for reason, labels in refused.items():
        # Some names have a comma in them.
        st.warning(layout.plain(f"{'; '.join(labels)}: {reason}"))
    with st.grid(2, min_column_width=MIN_COLUMN_WIDTH, gap="medium"):
        costs, diagram = st.container(), st.container()
        with diagram:
            drawn = block_diagram.render(
                chosen.names,
                chosen.setting.options,
                chosen.setting.clip,
                refused,
                {item.name: partial(tabs.open_layer, item) for item in counts if isinstance(item, Complexity)},
            )
        with costs:
            if counts:
                _costs(counts, chosen, drawn)
            else:
                st.info(NO_NETWORK)
            with st.container(horizontal=True):
                if counts:
                    widgets.download_csv("Table (CSV)", cost_tables.table(counts), "complexity.csv", key="complexity")
                return st.popover("Export")


def _refused(counts: Sequence[Complexity | Uncountable]) -> dict[str, list[str]]:
    """Group the networks without a count by the reason."""
    refused: dict[str, list[str]] = {}
    for item in counts:
        if isinstance(item, Uncountable):
            refused.setdefault(item.reason, []).append(item.label)
    return refused


def _costs(counts: Sequence[Complexity | Uncountable], chosen: _Chosen, drawn: str) -> None:
    """Draw the bars, with a band at the network of the diagram, their table, and notes."""
    table = cost_tables.table(counts)
    unit, flops_per_mac = chosen.unit, chosen.setting.flops_per_mac
    cards.draw_figure(cost_cards.costs(counts, chosen.setting, drawn), key="cost", on_click=block_diagram.show)
    names = table["name"].tolist()
    widgets.draw_table(
        _rows(table, flops_per_mac, unit),
        lambda row: block_diagram.show(names[row]),
        key=f"costs {names}",
        columns=column_widths(unit),
        height="content",
    )
    st.caption("Click a bar or a row to draw a block of its network.", help=COSTS_HELP)
    if note := _setting_note(chosen.setting):
        st.caption(note)
    if any(isinstance(item, Complexity) and item.at_native for item in counts):
        st.caption(layout.plain(NATIVE_NOTE.format(clip=chosen.setting.clip)))
    if notes := [item.note for item in counts if isinstance(item, Complexity) and item.note]:
        st.caption(layout.plain(f"{figures.NOTE_MARK} {' '.join(notes)}"))
    with st.expander("Operators that fvcore did not count, and how often each occurs"):
        st.table(
            {row["label"]: row["uncounted"] for row in table.to_dict("records") if row["uncounted"]},
            border="horizontal",
        )


def _setting_note(setting: Setting) -> str:
    """Say whether views multiply the cost and the classifier is left out; empty for the paper's setting."""
    parts = [f"{setting.views} views of each video multiply the cost"] if setting.views > 1 else []
    parts += [] if setting.with_head else ["the classifier is left out"]
    return layout.plain(f"{join_words(parts).capitalize()}.") if parts else ""


def _controls() -> _Chosen:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        places = [st.container(width=width) for width in CONTROL_WIDTHS]
    with places[0], st.popover("Networks", width="stretch"):
        names = [name for kind in GROUPS for name in _pick_networks(kind)]
    with places[1]:
        depth = int(widgets.pick(url_keys.DEPTH, "Depth", [str(depth) for depth in STAGE_DEPTHS], help=DEPTH_HELP))
    with places[2]:
        frames = widgets.pick_number(url_keys.FRAMES, "Frames", 1, 64)
    with places[3]:
        size = widgets.pick_number(url_keys.SIZE, "Crop, pixels", 32, 512, step=16)
    with places[4]:
        share = widgets.pick(url_keys.SHARE, "Share t", SHARES, help=SHARE_HELP)
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
    """Return the chosen networks of a kind, in the order of the table; by default all of the compared ones."""
    key, title = GROUPS[kind]
    names = {config.label: name for name, config in MODELS.items() if config.kind == kind}
    chosen = widgets.pick_several(key, title, list(names), list(names) if kind == "compared" else ())
    return [name for label, name in names.items() if label in chosen]


def _count(chosen: _Chosen) -> list[Complexity | Uncountable]:
    """Count the networks; show the current one, and each row when it is ready unless counts come from the cache."""
    setting = chosen.setting
    progress, growing = st.empty(), st.empty()
    began = time.monotonic()
    counts: list[Complexity | Uncountable] = []
    for number, name in enumerate(chosen.names):
        asked = name, tuple(setting.options.items()), setting.clip.frames, setting.clip.height
        if not cache.is_counted(*asked):
            text = f"Counting {MODELS[name].label}, {number + 1} of {len(chosen.names)}"
            progress.progress(number / len(chosen.names), text=layout.plain(text))
        item = cache.complexity_of(*asked)
        if isinstance(item, Complexity):
            item = counting.per_video(item, views=setting.views, with_head=setting.with_head)
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
    """Format the table for people."""
    rows = table.to_dict("records")
    frame = pd.DataFrame(
        {
            "Network": [f"{row['label']} {figures.mark_of(row)}".rstrip() for row in rows],
            "Parameters": table["params"],
            unit: flops_per_mac * table["macs_conv_linear"],
            "Temporal": flops_per_mac * table["macs_temporal"],
            "Cross-checked": ["" if pd.isna(value) else ("✓" if value else "✗") for value in table["agrees"]],
            "Clip": [str(ClipShape(row["frames"], row["height"], row["width"])) for row in rows],
        }
    )
    return widgets.format_numbers(frame, dict.fromkeys(("Parameters", unit, "Temporal"), large_count))


def column_widths(unit: str) -> dict[str, Any]:
    """Return widths in pixels with which the table does not scroll sideways."""
    widths = {"Network": 153, "Parameters": 76, unit: 80, "Temporal": 80, "Cross-checked": 33, "Clip": 118}
    titles = {"Parameters": "Params", "Cross-checked": "✓"}
    help_texts = {
        unit: f"{unit} of convolutions and linear layers, for one clip or all views",
        "Parameters": "Learnable numbers",
        "Temporal": f"The part of the {unit} in kernels that span several frames",
        "Cross-checked": "Whether torch's formulas give the same count",
        "Clip": "The clip that was counted: frames, height, width",
    }
    return {
        name: st.column_config.Column(titles.get(name, name), width=width, help=help_texts.get(name))
        for name, width in widths.items()
    }


def _descriptions(names: Sequence[str]) -> pd.DataFrame:
    """Describe each network: what it is, its source, and the clips that it takes."""
    configs = [MODELS[name] for name in names]
    return pd.DataFrame(
        {
            "What it is": [layout.plain(config.note) for config in configs],
            "Source": [layout.plain(config.paper) for config in configs],
            "Native clip": [_unbroken(config.native) for config in configs],
            "Smallest clip": [_unbroken(config.smallest) for config in configs],
        },
        index=[layout.plain(config.label) for config in configs],
    )


def _unbroken(clip: ClipShape) -> str:
    """Keep the clip on one line in a narrow column."""
    return str(clip).replace(" ", "\N{NO-BREAK SPACE}")
