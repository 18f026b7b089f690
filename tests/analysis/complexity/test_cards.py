"""The cards of the page Architectures: their code makes their figure, with views and classifier as chosen."""

from dataclasses import replace
from fractions import Fraction

import pytest

from analysis import complexity
from analysis.complexity import Numbers
from analysis.complexity import cards as cost_cards
from analysis.complexity.cards import Setting
from tests.analysis.conftest import SMALL, TINY, tiny_count
from tests.analysis.snippets import last_value

PLAIN = Setting(options={**TINY, "temporal_share": 1 / 4}, clip=SMALL)


@pytest.mark.parametrize("setting", [PLAIN, replace(PLAIN, views=6, with_head=False, flops_per_mac=2)])
def test_the_code_of_every_cost_card_makes_its_figure(setting):
    item = complexity.seen_in(tiny_count("gte"), views=setting.views, with_head=setting.with_head)
    own = {name: value for name, value in setting.options.items() if name != "temporal_share"}
    swept = complexity.sweep(own, SMALL, views=setting.views, with_head=setting.with_head)
    dataset = complexity.datasets()[0]
    cards = [
        cost_cards.where(item, setting, None, None),
        cost_cards.where(item, setting, "layer2", None),
        cost_cards.formulas(Numbers(in_channels=64, out_channels=128, taps=5, share=Fraction(3, 8))),
        cost_cards.shares(swept, setting),
        cost_cards.accuracy(dataset, complexity.accuracy_against_cost(dataset), setting),
    ]
    for card in cards:
        assert last_value(card.code).to_json() == card.figure.to_json(), card.key
