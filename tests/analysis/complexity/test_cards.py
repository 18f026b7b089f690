"""The cards of the page Architectures: their code makes their figure, with views and classifier as chosen."""

from dataclasses import replace
from fractions import Fraction

import pytest

from analysis.complexity import accuracy, counting, sweep
from analysis.complexity import cards as cost_cards
from analysis.complexity.cards import Setting
from analysis.complexity.formulas import Numbers
from tests.analysis.snippets import last_value
from tests.analysis.tiny_counts import SMALL, TINY, tiny_count

PLAIN = Setting(options={**TINY, "temporal_share": 1 / 4}, clip=SMALL)


@pytest.mark.parametrize("setting", [PLAIN, replace(PLAIN, views=6, with_head=False, flops_per_mac=2)])
def test_the_code_of_every_cost_card_makes_its_figure(setting):
    item = counting.per_video(tiny_count("gte"), views=setting.views, with_head=setting.with_head)
    own = {name: value for name, value in setting.options.items() if name != "temporal_share"}
    swept = sweep.sweep(own, SMALL, views=setting.views, with_head=setting.with_head)
    cards = [
        cost_cards.costs([item], setting, "gte"),
        cost_cards.cost_by_layer(item, setting, None, None),
        cost_cards.cost_by_layer(item, setting, "layer2", None),
        cost_cards.table_1(Numbers(in_channels=64, out_channels=128, taps=5, share=Fraction(3, 8))),
        cost_cards.shares(swept, setting),
        *(
            cost_cards.reported_accuracy(dataset, accuracy.accuracy_against_cost(dataset), setting)
            for dataset in accuracy.datasets()
        ),
    ]
    for card in cards:
        assert last_value(card.code).to_json() == card.figure.to_json(), card.key
