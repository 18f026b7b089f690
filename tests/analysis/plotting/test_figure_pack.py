"""Figure packs: sizes and colours of the files, points with units, and a sentence where no browser can draw."""

import asyncio
import csv
import io
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from concurrent.futures import CancelledError

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from choreographer.channels import ChannelClosedError

from analysis.kernels import cards as kernel_cards
from analysis.kernels.cards import View
from analysis.kernels.first_screen import first_screen
from analysis.kernels.summary import summarise
from analysis.plotting import figure_pack, style
from analysis.plotting.figure_pack import PaperFigure
from gte import checkpoint
from gte.errors import DrawingError
from tests.browser.harness import need_chromium
from tests.tiny import save_tiny

FIRST = "layer1.0.conv2.temporal.shift"
POINTS_PER_MM = 72 / 25.4


def bars(**layout) -> go.Figure:
    figure = go.Figure(go.Bar(name="gte", x=["a", "b"], y=[1, 2], marker=dict(style.HATCHED)))
    return style.style(figure).update_layout(xaxis_title="layer", yaxis_title="drift, no unit", **layout)


def paper_figure(title: str, figure: go.Figure | str) -> PaperFigure:
    return PaperFigure(title=title, caption="Two bars.", draw=lambda _width: figure, code="print(1)")


def text_colours(svg: bytes) -> set[str]:
    texts = [element for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]
    assert texts
    return {colour for text in texts for colour in re.findall(r"(?<![\w-])fill: ([^;]+);", text.attrib["style"])}


@pytest.mark.slow
def test_a_pack_of_a_checkpoint_has_every_figure_in_both_formats_and_widths_with_points_caption_and_code(tmp_path):
    need_chromium()
    path = save_tiny(tmp_path / "gte.safetensors", "gte")
    histories = checkpoint.load_histories(path)
    summary, view = summarise(histories), View(path=str(path), layer=FIRST)
    cards = [*first_screen(summary, histories[0], view), kernel_cards.centres(histories, view)]
    steps: list[str] = []
    content = figure_pack.pack(
        [figure_pack.from_card(card) for card in cards],
        about="Shift kernels: gte",
        checkpoint="gte",
        report=lambda part, text: steps.append(f"{part:.2f} {text}"),
    )
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    stems = figure_pack.file_stems([card.title for card in cards], "gte")
    assert stems[1] == "gte-the-kernels-of-layer1.0"
    ends = ("-85mm.svg", "-85mm.pdf", "-180mm.svg", "-180mm.pdf", ".csv", ".py")
    assert set(files) == {f"{stem}{end}" for stem in stems for end in ends} | {"captions.md", "columns.csv"}
    assert len(steps) == 1 + 2 * len(cards)
    for stem, card in zip(stems, cards, strict=True):
        for width in figure_pack.WIDTHS:
            svg = files[f"{stem}-{width}mm.svg"]
            root = ElementTree.fromstring(svg)
            assert root.attrib["width"] == f"{width}mm"
            across, down = map(float, root.attrib["viewBox"].split()[2:])
            assert float(root.attrib["height"].removesuffix("mm")) / width == pytest.approx(down / across, rel=1e-3)
            # 7.5 points for text of FONT_SIZE units of the drawing.
            assert style.FONT_SIZE * width / across * POINTS_PER_MM == pytest.approx(7.5, rel=1e-3)
            assert text_colours(svg) == {"rgb(0, 0, 0)"}
            box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", files[f"{stem}-{width}mm.pdf"])
            assert box is not None
            # Chrome rounds pages to a hundredth of an inch.
            assert float(box[1]) / POINTS_PER_MM == pytest.approx(width, abs=0.3)
        header = next(csv.reader(io.StringIO(files[f"{stem}.csv"].decode())))
        assert header[0] == "checkpoint"
        assert files[f"{stem}.py"].decode() == f"{card.code}\n"
        assert card.sentence in files["captions.md"].decode()
    centres = files[f"{stems[-1]}.csv"].decode().splitlines()
    assert centres[0] == "checkpoint,layer,block,output,kind,centre_of_mass [frames],centre_of_mass0 [frames]"
    table = cards[-1].table
    assert table is not None
    assert centres[1].split(",") == ["gte", FIRST, *map(str, table.iloc[0].tolist()[1:])]
    meanings = pd.read_csv(io.BytesIO(files["columns.csv"]), keep_default_na=False)
    assert meanings.set_index("column").loc["centre_of_mass", "unit"] == "frames"
    assert "" not in meanings["meaning"].tolist()


@pytest.mark.slow
def test_a_drawing_of_its_own_size_is_centred_on_a_wide_page_and_reduced_to_a_narrow_one():
    need_chromium()
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="300" viewBox="0 0 600 300">'
        '<text x="300" y="100" font-size="14">LTS</text></svg>'
    )
    content = figure_pack.pack([paper_figure("One block", svg)], about="Architectures", prefix="architectures")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        narrow, wide = (
            ElementTree.fromstring(packed.read(f"architectures-one-block-{width}mm.svg")) for width in (85, 180)
        )
        pdf = packed.read("architectures-one-block-85mm.pdf")
    assert (narrow.attrib["width"], narrow.attrib["height"]) == ("85mm", "42.50mm")
    assert narrow.attrib["viewBox"] == "0.00 0 600.00 300"
    left, _, across, _ = map(float, wide.attrib["viewBox"].split())
    assert across == pytest.approx(180 * figure_pack.PIXELS_PER_MM / figure_pack.SCALE, abs=0.01)
    assert left == pytest.approx((600 - across) / 2, abs=0.01)
    # Text stays text.
    assert b"/Font" in pdf


@pytest.mark.slow
def test_hatched_bars_are_lines_in_both_formats_and_text_stays_text():
    need_chromium()
    content = figure_pack.pack([paper_figure("Two bars", bars())], about="Bars")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        svg, pdf = packed.read("two-bars-85mm.svg"), packed.read("two-bars-85mm.pdf")
    assert b'class="hatching"' in svg
    assert b"<pattern" not in svg
    assert b"/Subtype /Image" not in pdf
    assert b"/Font" in pdf


def test_without_a_browser_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", "/nowhere/chrome")
    with pytest.raises(DrawingError, match="Chrome or Chromium"):
        figure_pack.pack([paper_figure("Two bars", bars())], about="Bars")


@pytest.mark.slow
def test_a_pack_that_is_cancelled_ends_with_its_browser():
    need_chromium()

    def cancel(part: float, text: str) -> None:
        if part > 0:
            raise CancelledError

    with pytest.raises(CancelledError):
        figure_pack.pack([paper_figure("Two bars", bars())] * 2, about="Bars", report=cancel)


class UnreliableBrowser:
    """A stand-in for kaleido's browser: `fault` happens in the first `faulty` ones, at `place`."""

    place, faulty, opened = "", 0, 0

    @staticmethod
    async def fault() -> None:
        await asyncio.sleep(3600)

    def __init__(self, **_options):
        type(self).opened += 1
        self.sound = self.opened > self.faulty

    async def pass_through(self, place: str) -> None:
        if place == self.place and not self.sound:
            await self.fault()

    async def open(self):
        await self.pass_through("open")

    async def close(self):
        await self.pass_through("close")

    async def calc_fig(self, _figure, opts):
        await self.pass_through("calc_fig")
        return b'<svg width="10" height="10"></svg>' if opts["format"] == "svg" else b"%PDF"


async def die() -> None:
    raise ChannelClosedError


async def be_cancelled() -> None:
    raise asyncio.CancelledError


@pytest.fixture
def unreliable(monkeypatch) -> type[UnreliableBrowser]:
    browser = type("Browser", (UnreliableBrowser,), {})
    monkeypatch.setattr("kaleido.Kaleido", browser)
    monkeypatch.setattr(figure_pack, "SECONDS_PER_FILE", 0.05)
    return browser


@pytest.mark.parametrize("place", ["open", "calc_fig", "close"])
@pytest.mark.parametrize("fault", [UnreliableBrowser.fault, die, be_cancelled])
def test_a_browser_that_is_stuck_or_dies_is_replaced(unreliable, place, fault):
    unreliable.place, unreliable.faulty, unreliable.fault = place, 1, staticmethod(fault)
    content = figure_pack.pack([paper_figure("Two bars", bars())], about="Bars")
    # All was drawn when only the end fails.
    assert unreliable.opened == (1 if place == "close" else 2)
    assert "two-bars-180mm.pdf" in zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_two_browsers_that_are_stuck_are_said(unreliable):
    unreliable.place, unreliable.faulty = "calc_fig", 2
    with pytest.raises(DrawingError, match=r"failed \(CancelledError\); try again"):
        figure_pack.pack([paper_figure("Two bars", bars())], about="Bars")
    assert unreliable.opened == 2


def test_a_pack_needs_a_figure():
    with pytest.raises(ValueError, match="at least one figure"):
        figure_pack.pack([], about="Nothing")


def test_files_are_named_after_checkpoint_and_title_and_equal_titles_are_numbered():
    titles = ["Which layers drifted?", "The weights of layer4.1", "Which layers drifted?"]
    assert figure_pack.file_stems(titles, "gte-tiny") == [
        "gte-tiny-which-layers-drifted",
        "gte-tiny-the-weights-of-layer4.1",
        "gte-tiny-which-layers-drifted-2",
    ]


def test_the_figure_of_a_card_is_not_changed_by_packing_it():
    figure = bars()
    before = figure.to_json()
    drawn = figure_pack.for_paper(figure, 450)
    assert figure.to_json() == before
    assert (drawn.layout.width, drawn.layout.height, drawn.layout.template.layout.font.color) == (450, 430, "#000000")


def test_points_are_those_that_the_traces_draw_with_the_titles_of_their_axes():
    figure = bars().add_heatmap(z=np.array([[1, 2], [3, 4]]), x=["t-1", "t"], y=[0, 7])
    table = figure_pack.points(figure)
    assert table.loc[0, ["series", "x", "y", "x_axis", "y_axis"]].tolist() == ["gte", "a", 1, "layer", "drift, no unit"]
    cells = [["t-1", 0, 1], ["t", 0, 2], ["t-1", 7, 3], ["t", 7, 4]]
    assert table.loc[2:, ["x", "y", "z"]].to_numpy().tolist() == cells
    assert figure_pack.points(go.Figure()).empty
