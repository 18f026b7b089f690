"""Tabs of the page Architectures, drawn when they are opened. A tab is one entry of TABS."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler
from streamlit.elements.lib.column_types import ColumnConfig

from analysis.complexity import accuracy, layers, published
from analysis.complexity import cards as cost_cards
from analysis.complexity import tables as cost_tables
from analysis.complexity.cards import Setting
from analysis.complexity.counting import Complexity, Uncountable
from analysis.complexity.formulas import Numbers
from analysis.formatting import COST_UNITS, large_count, percent, three_digits
from analysis.plotting import style
from app import cache, cards, checkpoints, layout, navigation, url_keys, url_state, widgets
from app.navigation import PAGES
from app.pages.architectures import block_diagram, timing
from gte.checkpoint_header import CheckpointHeader

COST_BY_LAYER = "Cost by layer"
ALL_STAGES = "All stages"

NOTHING_CHOSEN = "Choose at least one network."
NOTHING_COUNTED = (
    "None of the chosen networks could be counted, so none can be shown or timed; choose another one above."
)
NOT_BUILT_HERE = (
    "The operators of this project are written for k = 3 and k_T = 3. With these numbers the same structure is built "
    "from plain `nn.Conv3d`."
)


@dataclass(frozen=True)
class Subject:
    """Data of a tab."""

    counts: Sequence[Complexity | Uncountable]
    """For all views, with or without the classifier."""
    setting: Setting

    @property
    def counted(self) -> dict[str, Complexity]:
        """Return the counted networks by label."""
        return {item.label: item for item in self.counts if isinstance(item, Complexity)}

    @property
    def why_nothing(self) -> str:
        """Return the message of a tab that needs a network where none was counted."""
        return NOTHING_COUNTED if self.counts else NOTHING_CHOSEN


def draw(subject: Subject) -> None:
    """Draw the tabs; only the open one is computed."""
    widgets.draw_tabs(TABS, subject)


def _by_layer(subject: Subject) -> None:
    counted = subject.counted
    if not counted:
        st.info(subject.why_nothing)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = next(
            (label for label, item in counted.items() if item.name == cost_tables.SELECTED), next(iter(counted))
        )
        item = counted[widgets.pick(url_keys.NETWORK, "Network", list(counted), default=first, width=210)]
        stages = [ALL_STAGES, *cost_tables.stages(item)]
        choice = widgets.pick(url_keys.STAGE, "Stage", stages, width=180)
        stage = None if choice == ALL_STAGES else choice
        blocks = cost_tables.blocks(item, stage)
        typical = block_diagram.typical_block(item.name, item.options)
        block = widgets.pick(
            url_keys.BLOCK, "Block", blocks, default=typical if typical in blocks else blocks[0], width=180
        )
    card = cost_cards.cost_by_layer(item, subject.setting, stage, block if stage else None)
    cards.draw(card, on_click=_open_block if stage else _open_stage)
    st.caption(
        "Click a bar, or choose above, to see " + ("the layers of a block." if stage else "the blocks of a stage.")
    )
    with st.container(key=block_diagram.LAYERS_PLACE):
        _block(item, block, subject.setting)


def open_layer(item: Complexity, block: str, layer: str) -> None:
    """Show what a layer of a block costs in the next run, in the tab Cost by layer."""
    stage = next((other.stage for other in item.layers if other.block == block), ALL_STAGES)
    choices = {
        url_keys.VIEW: COST_BY_LAYER,
        url_keys.NETWORK: item.label,
        url_keys.STAGE: stage,
        url_keys.BLOCK: block,
        url_keys.BOX: layer,
    }
    for key, value in choices.items():
        url_state.choose(key, value, of=f"{item.name} {block}" if key is url_keys.BOX else "")


def _open_stage(stage: str) -> None:
    url_state.choose(url_keys.STAGE, stage)


def _open_block(block: str) -> None:
    url_state.choose(url_keys.BLOCK, block)


def _block(item: Complexity, block: str, setting: Setting) -> None:
    frame = cost_tables.block_table(item, block)
    st.subheader(f"Layers of {block}", anchor=False)
    unit = COST_UNITS[setting.flops_per_mac]
    shown = pd.DataFrame(
        {
            "Layer": frame["layer"],
            "C_i": frame["C_i"],
            "C_o": frame["C_o"],
            "Kernel": frame["kernel"],
            "Output size": frame["output_size"],
            "Parameters": frame["params"],
            unit: frame["macs"] * setting.flops_per_mac,
            "Share": frame["share"],
            "Role": frame["role"].replace(SHORT_KINDS),
        }
    )
    st.markdown(layout.plain(cost_tables.block_finding(item, block, setting.flops_per_mac)))
    readable = widgets.format_numbers(shown, {"Parameters": large_count, unit: large_count, "Share": percent})
    box = url_state.resolve(url_keys.BOX, None, url_state.one_of(frame["layer"].tolist()), of=f"{item.name} {block}")
    readable.apply(lambda row: [MARKED if row["Layer"] == box else ""] * len(row), axis=1)
    st.dataframe(readable, hide_index=True, column_config=BLOCK_COLUMNS, height="content")
    with st.container(horizontal=True, vertical_alignment="center"):
        widgets.download_csv("Layers of the block (CSV)", frame, f"{item.name}-{block}.csv", key="layers")
        _links(item, block)


MARKED = f"background-color: {style.ROW_BAND}; font-weight: 600"
"""Of the row of the layer whose box was clicked in the diagram."""

SHORT_KINDS = {layers.KINDS["norm"]: "norm, pooling"}
"""Short names of kinds that do not fit into a column."""

BLOCK_COLUMNS: Mapping[str, ColumnConfig] = {
    "Layer": st.column_config.Column(width=160),
    "C_i": st.column_config.Column(width=46, help="Input channels"),
    "C_o": st.column_config.Column(width=46, help="Output channels"),
    "Kernel": st.column_config.Column(width=54, help="Frames, rows and columns of the kernel"),
    "Output size": st.column_config.Column(width=108, help="Frames, height, width"),
    "Parameters": st.column_config.Column("Params", width=74, help="Learnable numbers"),
    "MACs": st.column_config.Column(width=78),
    "FLOPs": st.column_config.Column(width=78),
    "Share": st.column_config.Column(width=88, help="Of the network's total, BatchNorm and pooling included"),
    "Role": st.column_config.Column(width=112),
}
"""Widths in pixels with which the table does not scroll sideways."""


def _links(item: Complexity, block: str) -> None:
    """Link to the kernels of this block in a checkpoint of this network, if there is one that has the block."""
    headers, _ = checkpoints.list_checkpoints()
    matching = {name: header for name, header in headers.items() if header.model == item.name and header.layers}
    for name, header in matching.items():
        if _has_block(header, block):
            navigation.link(PAGES["kernels"], f"Open this layer in {name}", ckpt=name, layer=block)
            return
    if matching:
        first = next(iter(matching))
        st.caption(layout.plain(f"{first} is a checkpoint of this network, and has no learnable shift in {block}."))


def _has_block(header: CheckpointHeader, block: str) -> bool:
    return any(layer.startswith(f"{block}.") for layer in header.layers)


CHANNELS_IN = (64, 128, 256, 512, 1024)
CHANNELS_OUT = (64, 128, 256, 512)
KERNELS = (1, 3, 5, 7)
TAPS_OFFERED = (3, 5, 7)
FORMULA_SHARES = ("1/16", "1/8", "1/4", "3/8", "1/2", "5/8", "3/4", "7/8")


def _formulas(_subject: Subject) -> None:
    with st.container(horizontal=True):
        numbers = Numbers(
            in_channels=int(_slider(url_keys.IN_CHANNELS, "C_i, inputs", CHANNELS_IN, "256")),
            out_channels=int(_slider(url_keys.OUT_CHANNELS, "C_o, outputs", CHANNELS_OUT, "256")),
            kernel=int(_slider(url_keys.KERNEL, "k, pixels", KERNELS, "3")),
            taps=int(_slider(url_keys.NUM_TAPS, "k_T, frames", TAPS_OFFERED, "3")),
            share=Fraction(_slider(url_keys.FORMULA_SHARE, "t", FORMULA_SHARES, "1/4")),
        )
    card = cost_cards.table_1(numbers)
    cards.draw(card)
    if not numbers.as_here:
        st.caption(NOT_BUILT_HERE)
    assert card.table is not None
    rows = card.table.to_dict("records")
    st.table(
        pd.DataFrame(
            {
                "Formula": [layout.plain(row["formula"]) for row in rows],
                "With these numbers": [layout.plain(row["worked"]) for row in rows],
                "Parameters": [f"{row['value']:,}" for row in rows],
                "Of C2D's": [three_digits(row["of_c2d"]) for row in rows],
            },
            index=pd.Index([layout.plain(row["label"]) for row in rows]),
        ).head(WORKED_ROWS),
        border="horizontal",
    )
    st.dataframe(
        pd.DataFrame(
            {
                "Operator": [row["label"] for row in rows],
                "By formula": [row["value"] for row in rows],
                "As built": [row["built"] for row in rows],
                "Difference": [row["difference"] for row in rows],
                "Formula": [row["formula"] for row in rows],
            }
        ),
        hide_index=True,
        column_config=FORMULA_COLUMNS,
        height="content",
    )
    st.caption(layout.plain("\n\n".join(f"{row['label']}: {row['note']}" for row in rows if row["note"])))


WORKED_ROWS = 5
"""The paper's four formulas, and that of GTE as built."""

FORMULA_COLUMNS: Mapping[str, ColumnConfig] = {
    "Operator": st.column_config.Column(width=188),
    "By formula": st.column_config.NumberColumn(width=84, format="localized"),
    "As built": st.column_config.NumberColumn(width=84, format="localized"),
    "Difference": st.column_config.NumberColumn(width=82, format="localized"),
    "Formula": st.column_config.Column(width=328),
}


def _slider(key: url_keys.Key[str], label: str, options: Sequence[int | str], default: str) -> str:
    """Draw a slider over some numbers whose choice is kept in the URL."""
    names = [str(option) for option in options]
    option = url_state.show(key, default, url_state.one_of(names))
    with st.container(width=140):
        st.select_slider(label, names, key=key.name, on_change=url_state.keep, args=(key,))
    return option


def _sweep(subject: Subject) -> None:
    setting = subject.setting
    options = {name: value for name, value in setting.options.items() if name != "temporal_share"}
    clip = (setting.clip.frames, setting.clip.height)
    frame = cache.cost_sweep(tuple(options.items()), *clip, setting.views, setting.with_head)
    if frame.empty:
        st.info("With this width no t gives both paths a whole number of channels; choose another width above.")
        return
    cards.draw(cost_cards.shares(frame, setting))


def _check(subject: Subject) -> None:
    st.subheader("Printed figures next to ours", anchor=False)
    frame = cache.paper_check()
    st.markdown(layout.plain(published.check_finding(frame)))
    st.table(_check_rows(frame), border="horizontal")
    widgets.download_csv("Table (CSV)", frame, "paper-check.csv", key="check")
    st.caption(
        "Counted at the setting of each figure, whatever is chosen above: convolutions and linear layers, one view. "
        "*same*: ours rounds to the printed figure; *close*: within 3 %."
    )
    dataset = widgets.pick_segment(url_keys.DATASET, "Accuracies on", accuracy.datasets())
    table = cache.reported_accuracy(dataset)
    cards.draw(cost_cards.reported_accuracy(dataset, table, subject.setting))
    flops_per_mac = subject.setting.flops_per_mac
    st.dataframe(
        _accuracy_rows(table, flops_per_mac),
        hide_index=True,
        column_config=accuracy_columns(COST_UNITS[flops_per_mac]),
        height="content",
        placeholder="–",
    )
    sources = dict.fromkeys((row["who"], row["source"]) for row in table.to_dict("records"))
    st.caption(layout.plain(accuracy.ACCURACY_NOTE))
    st.caption(layout.plain("Sources. " + "; ".join(f"{who}: {_breakable(source)}" for who, source in sources) + "."))


def _check_rows(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame.to_dict("records")
    return pd.DataFrame(
        {
            "Reported": [_unbroken(row["printed"]) for row in rows],
            "Counted": [_unbroken(large_count(row["counted"])) for row in rows],
            "Difference": [_unbroken(f"{100 * row['difference']:+.2f} %".replace("-", "−")) for row in rows],
            "Verdict": [layout.plain(f"{row['verdict']}. {row['note']}".rstrip(". ")) for row in rows],
            "Reported by": [_breakable(layout.plain(f"{row['who']}, {row['where']}")) for row in rows],
        },
        index=pd.Index([layout.plain(f"{row['what']}, {UNITS_OF[row['quantity']]}") for row in rows]),
    )


UNITS_OF = {"params": "parameters", "macs": "MACs"}


def _breakable(path: str) -> str:
    """Let a narrow column break the path after its slashes."""
    return path.replace("/", "/\N{ZERO WIDTH SPACE}")


def _unbroken(number: str) -> str:
    """Keep the number and its unit on one line in a narrow column."""
    return number.replace(" ", "\N{NO-BREAK SPACE}")


def _accuracy_rows(table: pd.DataFrame, flops_per_mac: int) -> Styler:
    unit = COST_UNITS[flops_per_mac]
    frame = pd.DataFrame(
        {
            "Network": table["label"],
            "Top-1": table["top1"],
            "Top-5": table["top5"],
            "Reported by": [_reporter(row) for row in table.to_dict("records")],
            "Frames": table["frames"],
            "Crop": table["size"],
            "Views": [f"{row['clips']} x {row['crops']}" for row in table.to_dict("records")],
            "Printed": table["macs_printed"],
            unit: table["macs_counted"] * flops_per_mac,
            "Parameters": table["params_counted"],
        }
    )
    counts = dict.fromkeys((unit, "Parameters"), large_count)
    percents = dict.fromkeys(("Top-1", "Top-5"), "{:g} %".format)
    numbers = percents | {"Crop": "{:.0f}".format, "Printed": "{:g} G".format} | counts
    return widgets.format_numbers(frame, numbers)


def _reporter(row: Mapping[Any, Any]) -> str:
    """Who prints a figure, without the remarks of the list of sources."""
    return row["who"].split(" (")[0] + (" (quoted)" if row["quoted_from"] else "")


def accuracy_columns(unit: str) -> Mapping[str, ColumnConfig]:
    """Return widths in pixels with which the table does not scroll sideways."""
    return {
        "Network": st.column_config.Column(width=84),
        "Top-1": st.column_config.Column(width=72, help="Percent of answers that are right, as reported"),
        "Top-5": st.column_config.Column(width=66, help="Percent with the right answer among five, as reported"),
        "Reported by": st.column_config.Column(width=150, help="Quoted: they repeat a figure of the network's authors"),
        "Frames": st.column_config.Column(width=60, help="Frames of a clip, as reported"),
        "Crop": st.column_config.Column(width=48, help="Height and width of a frame in pixels, as far as stated"),
        "Views": st.column_config.Column(width=62, help="Clips of each video x crops of each clip"),
        "Printed": st.column_config.Column(width=66, help="MACs of one view in thousand millions, as printed"),
        unit: st.column_config.Column(f"{unit}, here", width=84, help=f"{unit} of all views, counted here"),
        "Parameters": st.column_config.Column("Params", width=68, help="Learnable numbers, counted here"),
    }


def _measured(subject: Subject) -> None:
    names = [item.name for item in subject.counted.values()]
    if not names:
        st.info(subject.why_nothing)
        return
    timing.render(names, subject.setting)


TABS: Mapping[str, Callable[[Subject], None]] = {
    COST_BY_LAYER: _by_layer,
    "Table 1, interactive": _formulas,
    "Varying t": _sweep,
    "Paper check": _check,
    "Speed on this machine": _measured,
}
