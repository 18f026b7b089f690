"""Architectures: what mixing frames costs, in parameters and multiply-accumulates."""

from collections.abc import Sequence
from fractions import Fraction

import pandas as pd
import streamlit as st

from analysis import complexity, figures, palette
from analysis.complexity import Complexity, Uncountable
from analysis.wording import large_count, three_digits
from app import resources, scaffold, state, widgets
from gte.models import MODELS
from gte.models.config import NUM_CLASSES
from gte.models.resnet import STAGE_DEPTHS

REFERENCE = "c2d"
SELECTED = "gte"
SHARES = ("1/2", "1/4", "1/8", "1/16")
UNITS = {"MACs": 1, "FLOPs": 2}

DEPTH = state.Key("depth", "depth")
FRAMES = state.Key("frames", "number of frames")
SIZE = state.Key("size", "size")
CLASSES = state.Key("classes", "number of classes")
SHARE = state.Key("t", "temporal share")
UNIT = state.Key("unit", "unit")

READING = """
- **t** is the part of a block's output channels that GST and GTE give to time.
- **MACs** are multiply-accumulates of one forward pass over one clip. fvcore counts them and calls them flops; papers
  often do as well. *FLOPs* here are twice the MACs.
- The bars hold convolutions and linear layers, as papers count. The CSV adds what BatchNorm and pooling cost, and names
  the operators that fvcore met and did not count.
- *Mixing frames* is the part spent in temporal kernels.
- **Agreement**: torch's own formulas, applied to the same network, give the same number.
- A hard temporal shift moves memory and multiplies nothing: TSM costs what C2D costs.
- Every number is counted on the real modules with the numbers chosen above; none is copied from a paper.
"""


def render() -> None:
    """Draw the page below its header."""
    depth, frames, size, classes, share, unit = _controls()
    options: dict[str, int | float] = {
        "depth": depth,
        "num_classes": classes,
        "temporal_share": float(Fraction(share)),
    }
    counts = _count(options, frames, size)
    table = complexity.table(counts)
    scaffold.finding(_finding(counts, UNITS[unit]))
    left, right = st.columns([6, 5], gap="medium")
    with left:
        st.plotly_chart(
            figures.cost_bars(table, REFERENCE, SELECTED, flops_per_mac=UNITS[unit]),
            key="cost",
            config=palette.PLOTLY_CONFIG,
        )
    with right:
        st.dataframe(_rows(table, UNITS[unit], unit), hide_index=True)
        st.download_button(
            "Download as CSV", table.to_csv(index=False), "complexity.csv", "text/csv", on_click="ignore"
        )
        with st.expander("How this is counted"):
            st.markdown(READING)
    for item in counts:
        if isinstance(item, Uncountable):
            st.warning(scaffold.plain(f"{item.label}: {item.reason}"))


def _controls() -> tuple[int, int, int, int, str, str]:
    places = st.columns([1.1, 1.1, 1.1, 1.1, 1.1, 2], vertical_alignment="bottom")
    with places[0]:
        depth = int(widgets.pick(DEPTH, "Depth", [str(depth) for depth in STAGE_DEPTHS], default="50"))
    with places[1]:
        frames = _number(FRAMES, "Frames", 1, 64, 8)
    with places[2]:
        size = _number(SIZE, "Size, pixels", 32, 512, 224, step=16)
    with places[3]:
        classes = _number(CLASSES, "Classes", 1, 10_000, NUM_CLASSES)
    with places[4]:
        share = widgets.pick(SHARE, "Share t", SHARES, default="1/4")
    with places[5]:
        unit = state.checked(
            UNIT,
            lambda: st.segmented_control("Unit", list(UNITS), default="MACs", key=UNIT.name, bind="query-params"),
        )
    return depth, frames, size, classes, share, unit or "MACs"


def _number(key: state.Key, label: str, least: int, most: int, default: int, step: int = 1) -> int:
    return state.checked(
        key, lambda: int(st.number_input(label, least, most, default, step=step, key=key.name, bind="query-params"))
    )


def _count(options: dict[str, int | float], frames: int, size: int) -> list[Complexity | Uncountable]:
    """Count every network, naming the one that is being counted; from the cache this shows nothing."""
    progress = st.empty()
    counts: list[Complexity | Uncountable] = []
    for number, (name, config) in enumerate(MODELS.items()):
        progress.progress(number / len(MODELS), text=f"Counting {config.label}")
        counts.append(resources.complexity_of(name, tuple(options.items()), frames, size))
    progress.empty()
    return counts


def _finding(counts: Sequence[Complexity | Uncountable], flops_per_mac: int) -> str:
    by_name = {item.name: item for item in counts if isinstance(item, Complexity)}
    gte, c2d = by_name.get(SELECTED), by_name.get(REFERENCE)
    if gte is None or c2d is None:
        return "With these numbers not every network can be built; below stands why."
    ratio = three_digits(gte.macs_conv_linear / c2d.macs_conv_linear)
    cost = large_count(gte.macs_conv_linear * flops_per_mac)
    unit = next(unit for unit, factor in UNITS.items() if factor == flops_per_mac)
    return (
        f"GTE needs {cost} {unit}, {ratio} of C2D's, and {large_count(gte.params)} parameters, "
        f"{three_digits(gte.params / c2d.params)} of C2D's."
    )


def _rows(table: pd.DataFrame, flops_per_mac: int, unit: str) -> pd.DataFrame:
    """The table as people read it."""

    def counted(column: str, factor: int = 1) -> list[str]:
        return ["" if pd.isna(value) else large_count(factor * value) for value in table[column].tolist()]

    return pd.DataFrame(
        {
            "Network": table["label"],
            "Parameters": counted("params"),
            unit: counted("macs_conv_linear", flops_per_mac),
            "Mixing frames": counted("macs_temporal", flops_per_mac),
            "Agreement": ["" if pd.isna(value) else ("✓" if value else "✗") for value in table["agrees"]],
        }
    )
