"""Figures for a paper: those that a page has drawn, packed into one ZIP file in the background."""

import hashlib
from collections.abc import Sequence

import streamlit as st

from analysis.formatting import join_words
from analysis.plotting import figure_pack
from analysis.plotting.figure_pack import WIDTHS, PaperFigure
from analysis.progress import Report
from app import jobs, layout

SECONDS_AT_FIRST, SECONDS_EACH = 3, 2
"""To start the browser that draws, and for a figure at each width in both formats."""
ZIP_NOTE = "{count} as SVG and PDF, {widths} mm wide, with {contents}; about {seconds} s."


def add(figure: PaperFigure, key: str) -> None:
    """Enter a figure that the page draws now; one with the same key takes its place."""
    st.session_state.setdefault(layout.FIGURES, {})[key] = figure


def offer(page: str, name: str = "", *, others: Sequence[PaperFigure] = ()) -> None:
    """Draw the button that packs every figure in view, the progress, and then the button that saves the file.

    Call it when everything else is drawn. `name` is that of the checkpoints, if any;
    `others` are figures that are in view and drawn by other means.
    """
    drawn: dict[str, PaperFigure] = st.session_state.get(layout.FIGURES, {})
    figures = [*others, *drawn.values()]
    if not figures:
        st.caption("No figure is in view.")
        return
    texts = [text for figure in figures for text in (figure.title, figure.caption, figure.code or _numbers(figure))]
    digest = hashlib.sha256("\0".join([page, name, *texts]).encode()).hexdigest()[:16]

    def work(report: Report) -> bytes:
        return figure_pack.pack(
            figures,
            about=f"{page}: {name}" if name else page,
            checkpoint=name,
            prefix=name or page,
            report=report,
        )

    content = jobs.offer(
        ("paper", digest),
        "Figures for a paper (ZIP)",
        work,
        lane="slow",
        mention_others=False,
        note=ZIP_NOTE.format(
            count=f"{len(figures)} figures" if len(figures) > 1 else "One figure",
            widths=join_words([str(width) for width in WIDTHS]),
            contents="points, captions and code" if any(figure.code for figure in figures) else "points and captions",
            seconds=SECONDS_AT_FIRST + SECONDS_EACH * len(figures),
        ),
    )
    if content is not None:
        st.download_button(
            f"Save {len(figures)} figure{'s' if len(figures) > 1 else ''} (ZIP, {max(0.1, len(content) / 1e6):.1f} MB)",
            content,
            f"{figure_pack.file_stems([f'figures {page}'], name)[0]}.zip",
            "application/zip",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )


def _numbers(figure: PaperFigure) -> str:
    return "" if figure.table is None else figure.table.to_csv()
