"""Report in one HTML file, the kernels of a checkpoint and tests of its evidence: `python -m analysis.report CKPT`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from plotly.offline import get_plotlyjs

from analysis import columns
from analysis.attribution.evidence import preselect_layer
from analysis.attribution.gradcam import map_shapes
from analysis.attribution.methods import METHODS
from analysis.attribution.sanity_checks.checks import Subject
from analysis.attribution.sanity_checks.checks import cards as test_cards
from analysis.attribution.sanity_checks.checks import lines as test_lines
from analysis.formatting import three_digits
from analysis.kernels import cards as kernel_cards
from analysis.kernels import layer_cards
from analysis.kernels.cards import View
from analysis.kernels.chance import chances_of
from analysis.kernels.drift import NO_KERNELS
from analysis.kernels.first_screen import first_screen
from analysis.kernels.headline import headline_of
from analysis.kernels.moments import load_moments, stored_moments
from analysis.kernels.outputs import Order, snapshot_at
from analysis.kernels.readings import Reading
from analysis.kernels.summary import at_snapshot, block_names_of, most_moved, summarise
from analysis.plotting import style
from analysis.plotting.card import Card
from analysis.plotting.figure_pack import from_card, pack
from gte import checkpoint, cli
from gte.checkpoint_header import CheckpointHeader, read_header
from gte.data import label_of
from gte.environment import source_revision
from gte.errors import CheckpointError
from gte.files import atomic_write
from gte.kernel_history import KernelHistory
from gte.models import MODELS, ClipShape

TABLE_COLUMNS = {
    "block": "layer",
    "outputs": "output channels",
    "back0": "looked back",
    "back": "looks back",
    "now0": "now, before training",
    "now": "now",
    "ahead0": "looked ahead",
    "ahead": "looks ahead",
    "averages": "averages",
    "subtracts": "subtracts",
    "mixed": "mixed",
    "changed": "changed",
    "drift": "drift",
    "cosine": "cosine",
    "centre_of_mass": "centre of mass",
}


def cards_of(
    histories: Sequence[KernelHistory], summary: pd.DataFrame, header: CheckpointHeader, view: View
) -> list[Card]:
    """Return every card that needs only the kernels, in the order of the page."""
    history = next(history for history in histories if history.layer == view.layer)
    chances = chances_of(histories, view.snapshot, view.reading, view.moments)
    cards = [
        kernel_cards.drift(summary, view),
        kernel_cards.kinds(summary, view, chances),
        kernel_cards.centres(histories, view, chances, kernel_cards.seconds_per_frame(header)),
        *layer_cards.layer_in_full(history, view),
        *layer_cards.triangle(history, view),
        *layer_cards.spectrum(history, view),
        kernel_cards.over_training(summary, header, view),
    ]
    return [card for card in cards if card is not None]


def as_html(
    histories: Sequence[KernelHistory],
    summary: pd.DataFrame,
    header: CheckpointHeader,
    view: View,
) -> str:
    """Return one self-contained page: figures that can be saved as SVG or PNG, definitions, code and tables.

    It loads nothing from elsewhere. Of the tests of evidence those with a stored result are shown, else their command.
    """
    subject = subject_of(header)
    tests = test_cards(subject, view.path) if subject else []
    markdown = MarkdownIt()
    rows = at_snapshot(summary, view.snapshot)
    shown = pd.DataFrame({title: rows[column] for column, title in TABLE_COLUMNS.items()})
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    steps = sorted(rows["step"].unique().tolist())
    return environment.get_template("report.html").render(
        title=f"The temporal kernels of {header.name}",
        name=header.name,
        facts=f"{header.model}, {header.num_params:,} parameters, "
        f"{f'trained on {label_of(header.dataset)}' if header.dataset else 'trained elsewhere'}; "
        f"snapshot of step {', '.join(f'{step:,}' for step in steps)}.",
        finding=_headline(histories, header, view),
        evidence=f"{METHODS[subject.method].label} at {subject.layer}" if subject else "",
        tests=test_lines(subject, view.path) if subject else [],
        sections=[
            {
                "key": card.key,
                "title": card.title,
                "sentence": card.sentence,
                "figure": go.Figure(card.figure)
                .update_layout(template="plotly_white")
                .to_html(
                    full_html=False,
                    include_plotlyjs=False,
                    div_id=f"figure-{card.key}",
                    config=style.PLOTLY_CONFIG | {"responsive": True},
                ),
                "definition": markdown.render(card.definition),
                "code": card.code,
            }
            for card in [*cards_of(histories, summary, header, view), *tests]
        ],
        layers=shown.to_html(index=False, border=0, na_rep="unknown", float_format=three_digits),
        csv=columns.to_csv(summary),
        plotly=get_plotlyjs(),
        revision=source_revision(),
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
    )


def subject_of(header: CheckpointHeader) -> Subject | None:
    """Return the evidence that the page Evidence opens with; None for a network without blocks, or unknown here."""
    if header.model not in MODELS:
        return None
    shapes = map_shapes(header.model, header.options, ClipShape(header.num_frames, header.size, header.size))
    return Subject(header=header, method=next(iter(METHODS)), layer=preselect_layer(shapes)) if shapes else None


def _headline(histories: Sequence[KernelHistory], header: CheckpointHeader, view: View) -> str:
    # By real inputs as well wherever they have been measured, as on the page.
    moments = stored_moments(header.path, header) if view.moments is None else view.moments
    return headline_of(histories, view.reading, view.snapshot, moments)


def main(
    ckpt: Path,
    *,
    out: Path = Path("report.html"),
    layer: str = "",
    step: int = -1,
    reading: Reading = "energy",
    order: Order = "index",
    output: int = 0,
) -> None:
    """Write one HTML file with every figure of the page Shift kernels, and the stored tests of evidence.

    Args:
        ckpt: A .safetensors file written by gte.train or gte.convert.
        out: The file to write; one that ends with .zip has the figures for a paper, as SVG and PDF with their points.
        layer: The layer shown in detail, by its path in the state_dict or its short name; by default the largest drift.
        step: The training step whose snapshot is shown, or the last one before it; the last snapshot if negative.
        reading: Taps by the energy over the input channels, by the own channel, by the sum over input channels, or
            weighted by the real inputs of a set of clips, which are measured where they are not stored.
        order: Sorting of the output channels of the layer: index, drift, shift or norm.
        output: The output channel of that layer that is shown in detail.
    """
    header = read_header(ckpt)
    histories = checkpoint.load_histories(ckpt)
    moments = load_moments(ckpt) if reading == "inputs" else None
    summary = summarise(histories, reading, moments)
    if summary.empty:
        raise CheckpointError(f"{ckpt.name} {NO_KERNELS}")
    names = block_names_of(summary)
    chosen = layer or most_moved(summary)
    path = next((path for path, name in names.items() if chosen in (path, name)), None)
    if path is None:
        raise ValueError(f"{ckpt.name} has no layer {layer}; it has {', '.join(names.values())}.")
    history = next(history for history in histories if history.layer == path)
    if not 0 <= output < history.weights.shape[1]:
        raise ValueError(f"{names[path]} has the output channels 0 to {history.weights.shape[1] - 1}; got {output}.")
    view = View(
        path=str(ckpt),
        layer=path,
        snapshot=snapshot_at(history.steps.tolist(), step),
        reading=reading,
        order=order,
        output=output,
        moments=moments,
    )
    headline = _headline(histories, header, view)
    if out.suffix == ".zip":
        figures = [*first_screen(summary, history, view, headline), *cards_of(histories, summary, header, view)]
        by_key = {card.key: from_card(card) for card in figures}
        content = pack(list(by_key.values()), about=f"Kernels of {header.name}", checkpoint=header.name)
    else:
        content = as_html(histories, summary, header, view).encode()
    with atomic_write(out) as temporary:
        temporary.write_bytes(content)
    cli.say(f"Wrote {out}: {headline}")


if __name__ == "__main__":
    cli.run_command(main, prog="python -m analysis.report")
