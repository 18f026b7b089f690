"""A table of bars: shares as text, each on a bar of its length."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

STYLE = """
<style>
.bars { border-collapse: collapse; width: 100%; max-width: 900px; margin: 0; color: inherit; }
.bars :is(th, td) { border: 0; padding: 2px 12px 1px 0; text-align: left; font-weight: 400; white-space: nowrap; }
.bars thead :is(th, td) { font-weight: 600; }
.bars tbody th { width: 1%; }
.bars tbody th.group { font-weight: 600; padding-top: 10px; white-space: normal; }
.bars div { position: relative; padding: 0 8px; font-variant-numeric: tabular-nums; }
/* The grey of figures without direction, at a third, so that text on it keeps its contrast. */
.bars div::before { content: ""; position: absolute; inset: 0; width: var(--share); min-width: 1px;
  background: #808A96; opacity: 0.4; border-radius: 2px; }
.bars div span { position: relative; }
</style>
"""


@dataclass(frozen=True)
class Bar:
    """A share, between 0 and 1, and its text."""

    share: float
    text: str


def draw_bars(corner: str, heads: Sequence[str], groups: Mapping[str, Mapping[str, Sequence[Bar]]]) -> None:
    """Draw rows of bars, one for each head, by the name of the row, in groups by the sentences above them.

    `corner` is above the names of the rows.
    """
    body = ""
    for group, rows in groups.items():
        if group:
            body += f'<tr><th class="group" colspan="{len(heads) + 1}" scope="rowgroup">{html.escape(group)}</th></tr>'
        for name, bars in rows.items():
            body += f'<tr><th scope="row">{html.escape(name)}</th>{"".join(map(_cell, bars))}</tr>'
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    head = f"<thead><tr><td>{html.escape(corner)}</td>{head}</tr></thead>"
    st.html(f'{STYLE}<table class="bars">{head}<tbody>{body}</tbody></table>')


def _cell(bar: Bar) -> str:
    return f'<td><div style="--share: {100 * bar.share:.4f}%"><span>{html.escape(bar.text)}</span></div></td>'
