"""Figure pack: figures for a paper as SVG and PDF, with their points, captions and code, in one ZIP file."""

import asyncio
import base64
import io
import os
import re
import shutil
import textwrap
import zipfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from analysis import columns
from analysis.plotting import hatching, style
from analysis.plotting.card import Card, CardWithCode
from analysis.progress import Report, no_report
from gte.environment import source_revision
from gte.errors import DrawingError

WIDTHS: Final = (85, 180)
"""Millimetres: one and two columns of a journal's page."""

PIXELS_PER_MM: Final = 96 / 25.4
"""CSS pixels."""

SCALE: Final = (7.5 * 96 / 72) / style.FONT_SIZE
"""Figures are laid out around text of FONT_SIZE pixels and then reduced as a whole, until that text has 7.5 points."""

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell")
"""Commands that can draw; others, and those of Windows and macOS, are found by kaleido."""

CHARACTER_WIDTH, LINE_HEIGHT = 7.4, 18
"""Pixels of a letter of FONT_SIZE, and of a line."""

SECONDS_PER_FILE = 30.0
"""A browser that takes longer than twice as long for a file is stuck."""

ATTEMPTS: Final = 2
"""How many browsers may fail."""

NO_BROWSER: Final = (
    "Figures become SVG and PDF in Chrome or Chromium, and the machine that runs this program has neither; install one "
    "(Debian: apt-get install chromium; elsewhere: kaleido_get_chrome, or google.com/chrome), or name it in "
    "BROWSER_PATH, and try again."
)

_AXIS: Final = {"gridcolor": "#DDDDDD", "zerolinecolor": "#808080", "linecolor": "#000000", "tickcolor": "#000000"}
TEMPLATE: Final = go.layout.Template(
    layout={
        "font": {"family": "Arial, Helvetica, sans-serif", "color": "#000000"},
        "paper_bgcolor": style.TRANSPARENT,
        "plot_bgcolor": style.TRANSPARENT,
        "colorway": [style.NEUTRAL],
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
)
"""The look on paper: black text and no background."""


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """A figure and what a paper needs with it."""

    title: str
    """Its files are named after it."""
    caption: str
    """What to look for, written from the data."""
    draw: Callable[[float], go.Figure | str]
    """Draws it for a width in pixels; as an SVG drawing of its own size, or as a figure."""
    definition: str = ""
    """What is drawn, as Markdown."""
    code: str = ""
    """Python that draws it."""
    table: pd.DataFrame | None = None
    """Its numbers; by default the points that the figure draws."""


def from_card(card: Card | CardWithCode) -> PaperFigure:
    """Return the figure of a card, which is not changed."""
    return PaperFigure(
        title=card.title,
        caption=card.sentence,
        draw=lambda _width: card.figure,
        definition=card.definition,
        code=card.code,
        table=card.table,
    )


def pack(
    figures: Sequence[PaperFigure], *, about: str, checkpoint: str = "", prefix: str = "", report: Report = no_report
) -> bytes:
    """Return a ZIP file with every figure, its points, caption and code, and the meaning of the columns.

    `about` says in captions.md what the figures are about; `checkpoint` becomes the first column of every table;
    `prefix` is how the names of the files begin, by default that name. Raises ValueError without figures and
    DrawingError where no browser can draw them.
    """
    if not figures:
        raise ValueError("There must be at least one figure; got none. Open a tab that draws one.")
    stems = file_stems([figure.title for figure in figures], prefix or checkpoint)
    files: dict[str, str | bytes] = {}
    files |= _draw_all(dict(zip(stems, figures, strict=True)), report)
    tables: list[pd.DataFrame] = []
    for stem, figure in zip(stems, figures, strict=True):
        table = _points_of(figure) if figure.table is None else figure.table
        if checkpoint and "checkpoint" not in table:
            table = table.copy()
            table.insert(0, "checkpoint", checkpoint)
        tables.append(table)
        files[f"{stem}.csv"] = columns.to_csv(table)
        if figure.code:
            files[f"{stem}.py"] = f"{figure.code}\n"
    files["captions.md"] = _captions(dict(zip(stems, figures, strict=True)), about)
    files["columns.csv"] = columns.dictionary(tables).to_csv(index=False)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(files):
            packed.writestr(name, files[name])
    return content.getvalue()


def file_stems(titles: Sequence[str], prefix: str = "") -> list[str]:
    """Return a name for the files of each figure: prefix and title in small letters, digits, dots and hyphens."""
    stems: list[str] = []
    for title in titles:
        stem = re.sub(r"[^a-z0-9.]+", "-", f"{prefix} {title}".lower()).strip("-.")
        number = sum(re.sub(r"-\d+$", "", other) == stem for other in stems)
        stems.append(f"{stem}-{number + 1}" if number else stem)
    return stems


def for_paper(figure: go.Figure, width: float) -> go.Figure:
    """Return a copy of a figure in the look of paper, `width` pixels wide before it is reduced by SCALE."""
    height = figure.layout.height or style.CHART_HEIGHTS["large"]
    drawn = go.Figure(figure).update_layout(template=TEMPLATE, width=width, height=height)
    panels = [axis.domain or (0, 1) for axis in drawn.select_xaxes()]
    lines = 1
    # Titles of panels stand next to one another, each no wider than its panel.
    for title in drawn.select_annotations({"xref": "paper", "yref": "paper", "showarrow": False, "textangle": None}):
        room = next((end - first for first, end in panels if first <= title.x <= end), 1) * width
        wrapped = textwrap.wrap(title.text, max(8, int(room / CHARACTER_WIDTH)), break_long_words=False)
        title.update(text="<br>".join(wrapped), font_size=style.FONT_SIZE)
        lines = max(lines, len(wrapped))
    if lines > 1:
        extra = (lines - 1) * LINE_HEIGHT
        drawn.update_layout(height=height + extra, margin_t=(drawn.layout.margin.t or style.MARGINS["t"]) + extra)
    return drawn.update_yaxes(title_standoff=6)


def points(figure: go.Figure) -> pd.DataFrame:
    """Return what the visible traces of a figure draw, a row for each mark, with the titles of its axes.

    Columns: series, those of x, y, z, a, b, c that occur, x_axis and y_axis.
    """
    visible = figure.select_traces(lambda trace: trace.opacity != 0)
    return pd.concat([_points(figure, trace) for trace in visible] or [pd.DataFrame()], ignore_index=True)


def _points(figure: go.Figure, trace: Any) -> pd.DataFrame:
    values = trace.to_plotly_json()
    drawn = {name: list(trace[name]) for name in ("x", "y", "a", "b", "c") if values.get(name) is not None}
    if values.get("z") is not None:
        rows = [list(row) for row in trace["z"]]
        across, down = (drawn.get("x") or list(range(len(rows[0])))), (drawn.get("y") or list(range(len(rows))))
        drawn = {
            "x": [x for _ in down for x in across],
            "y": [y for y in down for _ in across],
            "z": [value for row in rows for value in row],
        }
    table = pd.DataFrame(drawn)
    table.insert(0, "series", values.get("name") or "")
    for axis in ("x", "y"):
        if axis in drawn:
            number = (values.get(f"{axis}axis") or axis)[1:]
            table[f"{axis}_axis"] = figure.layout[f"{axis}axis{number}"].title.text or ""
    return table


def _points_of(figure: PaperFigure) -> pd.DataFrame:
    drawn = figure.draw(_layout_width(WIDTHS[0]))
    return points(drawn) if isinstance(drawn, go.Figure) else pd.DataFrame()


def _layout_width(millimetres: float) -> float:
    return millimetres * PIXELS_PER_MM / SCALE


def _draw_all(figures: Mapping[str, PaperFigure], report: Report) -> dict[str, bytes]:
    """Draw every figure at each width as SVG and PDF; return the files by name. A browser that fails is replaced."""
    # kaleido is needed here alone, and brings a tenth of a second of imports.
    from choreographer.channels import ChannelClosedError
    from choreographer.errors import BrowserClosedError, BrowserFailedError, ChromeNotFoundError
    from kaleido.errors import KaleidoError

    # A browser that dies cancels what waits for it.
    died = (BrowserClosedError, BrowserFailedError, ChannelClosedError, asyncio.CancelledError)
    failure: BaseException | None = None
    for _ in range(ATTEMPTS):
        files: dict[str, bytes] = {}
        try:
            asyncio.run(_end_if_stuck(_render(figures, files, report), files))
        except ChromeNotFoundError:
            raise DrawingError(NO_BROWSER) from None
        except (*died, KaleidoError, TimeoutError) as error:
            failure = error
        # What fails after the last figure is the end of the browser.
        if len(files) == 2 * len(WIDTHS) * len(figures):
            return files
    name = type(failure).__name__
    raise DrawingError(f"The browser that draws the figures failed ({name}); try again.") from failure


async def _end_if_stuck(render: Coroutine[Any, Any, None], files: Mapping[str, bytes]) -> None:
    """Cancel drawing, and then closing the browser, when no file has come for SECONDS_PER_FILE."""
    task = asyncio.create_task(render)
    drawn = -1
    while (await asyncio.wait({task}, timeout=SECONDS_PER_FILE))[1]:
        if drawn == len(files):
            task.cancel()
        drawn = len(files)
    task.result()


async def _render(figures: Mapping[str, PaperFigure], files: dict[str, bytes], report: Report) -> None:
    """Draw every figure in one browser, at each width as SVG and PDF, into `files`."""
    import kaleido

    total = len(figures) * len(WIDTHS)
    report(0.0, "Starting the browser that draws")
    # MathJax would be loaded from another server.
    browser = kaleido.Kaleido(path=find_browser(), mathjax=False)
    try:
        await browser.open()
        for number, (stem, figure) in enumerate(figures.items()):
            for place, millimetres in enumerate(WIDTHS):
                report((number * len(WIDTHS) + place) / total, f"{figure.title} {millimetres} mm")
                drawn = figure.draw(_layout_width(millimetres))
                name = f"{stem}-{millimetres}mm"
                if isinstance(drawn, str):
                    svg, pages = _widened(drawn, millimetres)
                    files[f"{name}.svg"] = svg.encode()
                else:
                    pages = for_paper(drawn, _layout_width(millimetres))
                    svg = (await browser.calc_fig(pages, opts={"format": "svg"})).decode()
                    if "<pattern" in svg:
                        svg = hatching.as_lines(svg)
                        pages = _as_figure(svg, pages.layout.width, pages.layout.height)
                    files[f"{name}.svg"] = _in_millimetres(svg, millimetres).encode()
                files[f"{name}.pdf"] = await browser.calc_fig(pages, opts={"format": "pdf", "scale": SCALE})
    finally:
        await browser.close()


def find_browser() -> str | None:
    """Return the path of a browser; None leaves the search to kaleido, which also knows BROWSER_PATH."""
    if os.environ.get("BROWSER_PATH"):
        return None
    return next(filter(None, map(shutil.which, BROWSERS)), None)


_SIZE = re.compile(r'width="([\d.]+)" height="([\d.]+)"')


def _in_millimetres(svg: str, width: float) -> str:
    """State the size of a drawing in millimetres; its viewBox stays."""
    found = _SIZE.search(svg)
    assert found is not None
    height = width * float(found[2]) / float(found[1])
    return f'{svg[: found.start()]}width="{width:g}mm" height="{height:.2f}mm"{svg[found.end() :]}'


def _widened(svg: str, millimetres: float) -> tuple[str, go.Figure]:
    """Centre a drawing on paper of a width, reduced like the figures or until it fits; return it, and as a figure."""
    found = _SIZE.search(svg)
    assert found is not None
    own, height = float(found[1]), float(found[2])
    width = max(own, _layout_width(millimetres))
    sized = f'width="{width:.2f}" height="{height:g}"{svg[found.end() :]}'
    sized = re.sub(r'viewBox="[^"]*"', f'viewBox="{(own - width) / 2:.2f} 0 {width:.2f} {height:g}"', sized, count=1)
    sized = svg[: found.start()] + sized
    reduced = _layout_width(millimetres) / width
    return _in_millimetres(sized, millimetres), _as_figure(sized, width * reduced, height * reduced)


def _as_figure(svg: str, width: float, height: float) -> go.Figure:
    """Return a figure that consists of a drawing."""
    image = {"source": f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}", "sizing": "stretch"}
    image |= {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "sizex": 1, "sizey": 1}
    figure = go.Figure(layout={"images": [image], "margin": dict.fromkeys("lrtb", 0)})
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.update_layout(template=TEMPLATE, width=width, height=height)


def _captions(figures: Mapping[str, PaperFigure], about: str) -> str:
    """Return the captions of all figures as Markdown."""
    made = f"GTE Explorer, {source_revision()}, {datetime.now(UTC):%Y-%m-%d}"
    parts = [
        f"# {about}",
        f"Drawn by {made}. Every figure is there as SVG and PDF, {' and '.join(map(str, WIDTHS))} mm wide, its points "
        "as CSV and, where its page has it, the code that draws it as .py; columns.csv says what the columns mean.",
    ]
    for stem, figure in figures.items():
        parts += [f"## {figure.title}", f"Files: {stem}", figure.caption, figure.definition]
    return "\n\n".join(filter(None, parts)) + "\n"
