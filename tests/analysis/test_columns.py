"""Columns of exported tables: each has a meaning, and numbers have their unit in the header."""

from collections.abc import Iterator

import pandas as pd
import pytest
import torch

from analysis import columns
from analysis.attribution.strip_figure import strip_table
from analysis.block_diagram import graph, svg
from analysis.complexity import accuracy, counting, formulas, published, sweep, tables
from analysis.complexity.formulas import Numbers
from analysis.interventions.accuracy import ANSWERS, Network, every_step, settings_accuracy, time_accuracy
from analysis.interventions.effects import Effect, effects_table
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import layer_ablation
from analysis.kernels import cards as kernel_cards
from analysis.kernels import layer_cards, network_cards
from analysis.kernels.cards import View
from analysis.kernels.first_clips import FirstClips
from analysis.kernels.first_screen import first_screen
from analysis.kernels.matching import by_index
from analysis.kernels.summary import summarise
from analysis.plotting.figure_pack import points
from gte import checkpoint
from gte.data import open_dataset
from tests.analysis.tiny_counts import SMALL, TINY, tiny_count
from tests.tiny import save_tiny

FIRST = "layer1.0.conv2.temporal.shift"


def kernels(path: str) -> Iterator[pd.DataFrame | None]:
    histories = checkpoint.load_histories(path)
    summary, view = summarise(histories), View(path=path, layer=FIRST)
    paths = {"gte": path, "other": path}
    cards = [
        *first_screen(summary, histories[0], view),
        kernel_cards.centres(histories, view),
        *layer_cards.layer_in_full(histories[0], view),
        network_cards.side_by_side([summary, summary], paths, view),
        network_cards.matched(
            histories[0],
            histories[0],
            by_index(histories[0].weights.shape[1]),
            paths,
            view,
            FirstClips(dataset="motionpairs", count=1),
        ),
    ]
    yield summary
    for card in cards:
        yield card.table
        yield points(card.figure)


def what_if(path: str) -> Iterator[pd.DataFrame]:
    model, header = checkpoint.load_model(path)
    clips = LabelledClips(dataset="motionpairs", num_clips=2, num_frames=4, size=32)
    network = Network(name="gte", model=model)
    before = torch.zeros(len(header.classes))
    yield effects_table(
        [Effect(network="gte", classes=header.classes, twins=header.twins, before=before, after=before)]
    )
    yield time_accuracy([network], [clips]).drop(columns=ANSWERS)
    yield settings_accuracy(network, None, every_step(["learned", "blend"]), clips).drop(columns=ANSWERS)
    yield layer_ablation(network, [FIRST], clips).drop(columns=ANSWERS)


def architectures() -> Iterator[pd.DataFrame]:
    item = tiny_count("gte")
    yield tables.table([counting.per_video(item, views=2, with_head=True)])
    yield tables.parts(item)
    yield tables.layer_table(item)
    yield formulas.formula_table(Numbers())
    yield sweep.sweep(TINY, SMALL)
    yield published.paper_check().head(1)
    yield accuracy.accuracy_against_cost("Diving48")
    yield svg.table(graph.trace("gte", TINY, SMALL, graph.typical_block("gte", TINY)))


@pytest.mark.slow
def test_every_column_that_is_exported_has_a_meaning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    motions = open_dataset("motionpairs", "test", 32)
    path = str(save_tiny(tmp_path / "gte.safetensors", "gte", classes=motions.classes, twins=motions.twins))
    strips = strip_table(["gte"], [torch.ones(1, 2, 2).numpy()], [[1.0]], ["1"])
    known = [table for table in (*kernels(path), *what_if(path), *architectures(), strips) if table is not None]
    assert len(known) > 20
    without = {name for table in known for name in table.columns if columns.describe(str(name), table.columns) is None}
    assert without == set()


def test_headers_have_units_and_the_dictionary_says_what_they_mean():
    table = pd.DataFrame({"block": ["layer1.0"], "drift": [0.5], "centre_of_mass": [-1.0], "unheard_of": [1]})
    assert columns.to_csv(table).splitlines()[0] == "block,drift [1],centre_of_mass [frames],unheard_of"
    meanings = columns.dictionary([table, table]).set_index("column")
    assert meanings.index.tolist() == table.columns.tolist()
    assert meanings.loc["centre_of_mass", "unit"] == "frames"
    assert meanings.loc["unheard_of", "meaning"] == ""


def test_one_name_may_mean_two_things_in_two_tables():
    for others, unit in (("who", "percent"), ("setting", "1")):
        table = pd.DataFrame({others: ["a"], "top1": [1.0]})
        assert columns.dictionary([table]).set_index("column").loc["top1", "unit"] == unit
    for others, meaning in (("drift", "Clips lost minus clips gained"), ("gained", "right before the change only")):
        table = pd.DataFrame({"setting": ["zero"], others: [1], "lost": [2]})
        assert meaning in columns.dictionary([table]).set_index("column").loc["lost", "meaning"]
