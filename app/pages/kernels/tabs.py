"""Tabs, comparison and export of the page Shift kernels; a tab is one entry of TABS and is drawn when opened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from analysis import own_clips
from analysis.formatting import KIND_WORDS, three_digits
from analysis.kernels import network_cards
from analysis.kernels.cards import View, over_training
from analysis.kernels.drift import NO_KERNELS
from analysis.kernels.importance import SETTINGS, importance
from analysis.kernels.layer_cards import spectrum
from analysis.kernels.matching import COMPARED_COLUMNS
from analysis.kernels.outputs import outputs_table, snapshot_at, tap_names
from analysis.kernels.summary import at_snapshot, block_names_of, has_start
from analysis.plotting import style
from analysis.plotting.card import Card
from app import ablation, cache, cards, checkpoints, layout, url_keys, url_state, widgets
from app.pages.kernels import channel
from app.pages.kernels.cache import kernel_card_list, kernel_report, matched_card, move_to_snapshot, reach_card
from gte.checkpoint_header import CheckpointHeader
from gte.data import labelled_split_in_words

Others = Mapping[str, CheckpointHeader]

NOT_NUMBERS = (
    "At this snapshot the weights of this layer contain NaN or infinity; choose an earlier snapshot or another layer."
)
NO_COURSE = "This file has no snapshots of its training: {why}. The bars above show the layers as they are now."
ENDS_ALONE = "For these layers the file stores only the first and the last weights."
NO_OTHERS = "Choose one or more checkpoints under *Compare* above to see them side by side."
NOT_DRAWN = "so it is not drawn here."
UPLOAD_NOTE = "{names} is kept on this server for this visit only: a link to this page does not include it."

SHOWN = {
    "block": "layer",
    "outputs": "output channels",
    "back": "looks back",
    "now": "now",
    "ahead": "looks ahead",
    "combined": "combines",
    "averages": "averages",
    "subtracts": "subtracts",
    "mixed": "mixed",
    "changed": "changed",
    "centre_of_mass": "centre, frames",
    "drift": "drift",
    "cosine": "cosine",
}
"""What the page compares, by layer; the CSV has more."""

TITLES = {"outputs": "channels", "back": "back", "ahead": "ahead", "centre_of_mass": "centre"}
"""Shorter titles than those of SHOWN, so that all columns of the table of layers are in view at 1280 pixels."""
LEFT_OUT = ("combined", "cosine")
"""Of SHOWN, what the table of layers leaves out: the sum of three columns, and what the first figure draws."""
LOST_TITLES = {"initial": "lost reset", "present": "lost current", "zero": "lost zeroed"}
HELP = {
    "channels": "Output channels of the layer",
    "back": "Looks back: the largest tap is of a past frame and dominates",
    "now": "The tap of the current frame dominates",
    "ahead": "Looks ahead: the largest tap is of a future frame and dominates",
    "changed": "Output channels that do something else than before training",
    "centre": "Mean centre of mass of the output channels, in frames",
    **{
        LOST_TITLES[setting]: f"Clips lost where the layer's kernels are: {words}"
        for setting, words in SETTINGS.items()
    },
}
"""What a column of the table of layers holds, where its title is short."""

NUMBERS = st.column_config.NumberColumn(format="%.3f")
OUTPUT_COLUMNS = {
    "output": "channel",
    "kind": "does",
    "kind0": "before",
    "centre_of_mass": "centre",
    "drift": "drift",
    "norm": "size",
}
"""Columns of the table of output channels that the page shows, before the taps."""

WHOLE = ("block", "outputs", "changed")
SHARES = ("back", "now", "ahead", "combined", "averages", "subtracts", "mixed")

MAX_COMPARED = 3


def pick_others(available: Mapping[str, CheckpointHeader], name: str) -> list[str]:
    """Draw a popover for the checkpoints to compare with, and return their names."""
    options = [other for other in available if other != name]
    chosen = url_state.resolve(url_keys.COMPARE, None, url_state.some_of(options))
    with st.popover(f"Compare ({len(chosen)})" if chosen else "Compare"):
        if not options:
            st.caption("There is no other checkpoint; open or train one.")
            return []
        picked = widgets.pick_several(url_keys.COMPARE, "Compare with", options)
        if len(picked) > MAX_COMPARED:
            st.caption(f"The first {MAX_COMPARED} are drawn, so that the columns stay readable.")
    return picked[:MAX_COMPARED]


def export(header: CheckpointHeader, name: str, summary: pd.DataFrame, view: View) -> None:
    """Draw the inside of the export menu: the format of figures, the table of layers, the report."""
    widgets.pick_segment(url_keys.FORMAT, "Figure download format", style.FORMATS)
    widgets.download_csv(
        "All layers and snapshots (CSV)", summary, f"{header.name}-kernels.csv", key="kernels", in_popover=True
    )
    st.download_button(
        "Report (HTML)",
        lambda: kernel_report(header, view),
        f"{header.name}-kernels.html",
        "text/html",
        on_click="ignore",
        width="stretch",
    )
    st.caption(f"`python -m analysis.report {view.path} --out report.html` writes the same report.")
    if name in checkpoints.opened():
        st.caption(layout.plain(UPLOAD_NOTE.format(names=name)))


@dataclass(frozen=True)
class _Subject:
    """The selection that a tab draws."""

    header: CheckpointHeader
    name: str
    """The name of the checkpoint in the app."""
    summary: pd.DataFrame
    view: View
    others: Others


def draw(header: CheckpointHeader, name: str, summary: pd.DataFrame, view: View, others: Others) -> None:
    """Draw the tabs; only the open one is computed."""
    subject = _Subject(header, name, summary, view, others)
    widgets.draw_tabs(TABS, subject)


def _layers(subject: _Subject) -> None:
    for part in ("drift", "outputs"):
        _draw(subject, kernel_card_list(subject.header, subject.view, part))
    if has_start(subject.summary).any():
        losses = ablation.offer_losses(subject.name, subject.header)
        card = None if losses is None else importance(subject.summary, losses, subject.view)
        _draw(subject, [card] if card else [])


def _channel(subject: _Subject) -> None:
    if subject.view.snapshot < len(cache.history(subject.header, subject.view.layer).steps) - 1:
        st.caption("The network here is the one after training, not that of the step above.")
    channel.draw(subject.header, subject.view.layer)


def _layer(subject: _Subject) -> None:
    _of_layer(subject, kernel_card_list(subject.header, subject.view, "layer"))
    view = subject.view
    history = cache.history(subject.header, view.layer)
    table = outputs_table(history, min(view.snapshot, len(history.steps) - 1), view.reading, view.moments)
    block = block_names_of(subject.summary)[view.layer]
    st.subheader(f"Every output channel of {layout.plain(block)}", anchor=False)
    st.caption(
        "Click a row to choose its output channel. *Before*: what it did before training; *centre*: its centre of mass "
        "in frames; *size*: the norm of its weights."
    )
    titles = OUTPUT_COLUMNS | {tap: tap for tap in tap_names(history.weights.shape[3])}
    words = {name: [KIND_WORDS.get(kind, kind) for kind in table[name]] for name in ("kind", "kind0") if name in table}
    shown = pd.DataFrame({title: words.get(name, table[name]) for name, title in titles.items() if name in table})
    formats = {title: NUMBERS for name, title in titles.items() if name not in ("output", "kind", "kind0")}
    key = f"outputs of {subject.header.path} {view.layer}"
    _clickable_rows(shown, formats, key, lambda row: url_state.choose(url_keys.OUTPUT, row))
    file = f"{subject.header.name}-{block}-outputs.csv"
    widgets.download_csv("Output channels (CSV)", table, file, key=key)


CHARACTER, PADDING, DIGITS = 7.4, 18, 6
"""Pixels of a letter and around the text of a cell; characters of a number."""


def _width(table: pd.DataFrame, title: str) -> int:
    """Return the pixels that a column needs, so that as many columns as can be are in view."""
    texts = [len(text) for text in table[title] if isinstance(text, str)] or [DIGITS]
    return round(CHARACTER * max(len(title), *texts) + PADDING)


def _clickable_rows(
    table: pd.DataFrame, formats: Mapping[str, ColumnConfig], key: str, on_row: Callable[[int], None]
) -> None:
    """Draw a table; `on_row` is called with the place of a row that is clicked."""

    columns: dict[str, ColumnConfig] = {}
    for place, title in enumerate(map(str, table.columns)):
        columns[title] = formats.get(title, st.column_config.Column()).copy()
        columns[title]["width"] = _width(table, title)
        columns[title]["help"] = HELP.get(title)
        columns[title]["pinned"] = place == 0
    widgets.draw_table(table, on_row, key=key, columns=columns)


def _spectrum(subject: _Subject) -> None:
    shown, layer = kernel_card_list(subject.header, subject.view, "spectrum"), subject.view.layer
    if shown and (others := _comparable(subject)):
        files = {name: (checkpoints.path_in_code(of), cache.history(of, layer)) for name, of in others.items()}
        shown = spectrum(cache.history(subject.header, layer), subject.view, subject.name, files)
    _of_layer(subject, shown)


def _comparable(subject: _Subject, same_clips: bool = False) -> Others:
    """Return those to compare with whose layer can be drawn over this one's, and say of each other one why not.

    With `same_clips` they also have to take clips of as many frames.
    """
    layer, frames = subject.view.layer, subject.header.num_frames
    comparable: dict[str, CheckpointHeader] = {}
    num_taps = cache.history(subject.header, layer).weights.shape[3]
    for name, header in subject.others.items():
        weights = cache.history(header, layer).weights if layer in cache.temporal_layers(header) else None
        if weights is None:
            why = f"{name} has no layer {layer}"
        elif weights.shape[3] != num_taps:
            why = f"{name} has kernels of {weights.shape[3]} frames in {layer}, not of {num_taps}"
        elif not np.isfinite(weights[-1]).all():
            why = f"{name} has NaN or infinity in the last weights of {layer}"
        elif same_clips and header.num_frames != frames:
            why = f"{name} takes clips of {header.num_frames} frames, not of {frames}"
        else:
            comparable[name] = header
            continue
        st.caption(layout.plain(f"{why}, {NOT_DRAWN}"))
    return comparable


def _of_layer(subject: _Subject, shown: Sequence[Card]) -> None:
    if not shown:
        st.info(NOT_NUMBERS)
    _draw(subject, shown)


def _training(subject: _Subject) -> None:
    shown = kernel_card_list(subject.header, subject.view, "training")
    tables = {name: cache.kernel_summary(header) for name, header in subject.others.items()}
    if shown and (tables := {name: table for name, table in tables.items() if not table.empty}):
        others = {name: (checkpoints.path_in_code(subject.others[name]), table) for name, table in tables.items()}
        card = over_training(subject.summary, subject.header, subject.view, others)
        shown = [card] if card else []
    if not shown:
        began = has_start(subject.summary).any()
        st.info(NO_COURSE.format(why="it counts no steps" if began else "the weights before training are unknown"))
    elif not subject.header.layers:
        st.caption(ENDS_ALONE)
    _draw(subject, shown, on_click=lambda step: _go_to(subject, int(step)))


def _go_to(subject: _Subject, step: int) -> None:
    """Show the snapshot whose point was clicked, as if the scrubber had been released there."""
    steps = cache.layer_taps(subject.header, subject.view.layer).steps.tolist()
    move_to_snapshot(str(subject.header.path), snapshot_at(steps, step))


def _reach(subject: _Subject) -> None:
    card = reach_card(subject.header, subject.view, subject.name, _comparable(subject, same_clips=True))
    _draw(subject, [card] if card else [])


def _compare(subject: _Subject) -> None:
    if not subject.others:
        st.info(NO_OTHERS)
        return
    if subject.view.reading == "inputs":
        st.caption("Several checkpoints are compared by energy over inputs: each has inputs of its own.")
        by_energy = replace(subject.view, reading="energy", moments=None)
        subject = replace(subject, view=by_energy, summary=cache.kernel_summary(subject.header))
    names = [subject.name, *subject.others]
    if mine := [name for name in names if name in checkpoints.opened()]:
        st.caption(layout.plain(UPLOAD_NOTE.format(names=", ".join(mine))))
    summaries = [cache.kernel_summary(header, subject.view.reading) for header in subject.others.values()]
    bare = [name for name, summary in zip(subject.others, summaries, strict=True) if summary.empty]
    if bare:
        st.info(layout.plain(f"{', '.join(bare)} {NO_KERNELS}"))
    shown = [subject.name, *(name for name in subject.others if name not in bare)]
    if len(shown) == 1:
        return
    kept = [subject.summary, *(summary for summary in summaries if not summary.empty)]
    paths = {
        name: checkpoints.path_in_code(header)
        for name, header in {subject.name: subject.header, **subject.others}.items()
    }
    card = network_cards.side_by_side(kept, {name: paths[name] for name in shown}, subject.view)
    _draw(subject, [card])
    if card.table is not None and not card.table.empty:
        _comparison(card.table, shown)
    for name in shown[1:]:
        header = subject.others[name]
        if subject.view.layer not in cache.temporal_layers(header):
            st.caption(layout.plain(f"{name} has no layer {subject.view.layer}."))
            continue
        with layout.errors_as_sentences():
            pair = {chosen: paths[chosen] for chosen in (subject.name, name)}
            card = matched_card(subject.header, header, pair, subject.view)
            _draw(subject, [card], prefix=f"{name} ")


def _comparison(table: pd.DataFrame, names: Sequence[str]) -> None:
    """`differences` of one measure: a row for each layer; the value of each checkpoint, then the differences."""
    titles = {SHOWN[column]: column for column in COMPARED_COLUMNS}
    measure = titles[widgets.pick(url_keys.MEASURE, "Measure", list(titles), SHOWN["drift"], width=215)]
    columns = {"layer": table["block"], names[0]: table[measure]}
    for number, name in enumerate(names[1:], start=2):
        difference = table[f"{measure} ({number})"]
        columns |= {name: table[measure] + difference, f"{name} minus {names[0]}": difference}
    form = _columns().get(measure)
    formats = {title: form for title in columns if title != "layer"} if form else {}
    blocks = table["block"].tolist()
    widgets.draw_table(
        pd.DataFrame(columns), lambda row: _open(blocks[row]), key=f"compared {measure} {names}", columns=formats
    )
    st.caption("Click a row to choose its layer.")


def _columns() -> dict[str, ColumnConfig]:
    """Return the formats of the columns of SHOWN."""
    shares = st.column_config.NumberColumn(format="percent")
    return {column: shares if column in SHARES else NUMBERS for column in SHOWN if column not in WHOLE}


def _table(subject: _Subject) -> None:
    rows = at_snapshot(subject.summary, subject.view.snapshot)
    columns = {column: TITLES.get(column, title) for column, title in SHOWN.items() if column not in LEFT_OUT}
    values = {column: 100 * rows[column] if column in SHARES else rows[column] for column in columns}
    table = pd.DataFrame({title: values[column] for column, title in columns.items()})
    of = ""
    if losses := ablation.losses(subject.header):
        for setting, title in LOST_TITLES.items():
            found = [losses.get(layer, {}).get(setting) for layer in rows["layer"]]
            table[title] = [None if loss is None else _loss_in_words(loss) for loss in found]
            of = next((f", of {loss.num_clips}" for loss in found if loss), of)
    split = labelled_split_in_words(own_clips.dataset_of(subject.header))
    known = table.dropna(axis="columns", how="all")
    blocks = rows["block"].tolist()
    percents = dict.fromkeys(SHARES, st.column_config.NumberColumn(format="%.0f %%"))
    formats = {columns[column]: form for column, form in (_columns() | percents).items() if column in columns}
    _clickable_rows(known, formats, f"layers of {subject.header.path}", lambda row: _open(blocks[row]))
    if len(known.columns) < len(table.columns):
        st.caption("The weights before training are unknown, so comparisons with them are left out.")
    st.caption(
        f"At the chosen snapshot; click a row to choose its layer. *lost*: {split} clips{of}, that become wrong minus "
        "those that become right when the layer's kernels are reset to those before training, see the current frame "
        "only, or are zeroed after training, with the 95 % interval. The CSV under *Export* has every column of every "
        "snapshot."
    )


def _loss_in_words(loss: ablation.Loss) -> str:
    lost, low, high = (three_digits(round(number)) for number in (loss.lost, loss.low, loss.high))
    return f"{lost} [{low}, {high}]"


TABS: Mapping[str, Callable[[_Subject], None]] = {
    "Layers": _layers,
    channel.FOLLOW: _channel,
    "One layer in detail": _layer,
    "Spectrum": _spectrum,
    "Over training": _training,
    "Reach": _reach,
    "Compare": _compare,
    "Table": _table,
}


def _draw(
    subject: _Subject, shown: Sequence[Card], prefix: str = "", on_click: Callable[[str], None] | None = None
) -> None:
    """Draw each card: title with its definition, sentence, figure, and an expander with code and numbers."""
    names = block_names_of(subject.summary)
    config = style.plotly_config(st.session_state.get(url_keys.FORMAT.name) or style.FORMATS[0])
    for card in shown:
        cards.draw(
            card,
            on_click=(on_click or (lambda layer: _open(names[layer]))) if card.clickable else None,
            of=f"{prefix}{subject.header.path}",
            file_name=f"{subject.header.name}-{card.key}",
            config=config,
        )


def _open(block: str) -> None:
    """Choose the layer whose mark was clicked."""
    url_state.choose(url_keys.LAYER, block)
