"""No sentence on costs claims what the numbers do not show: every writer over numbers of which none stands out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd
import pytest

from analysis.block_diagram import graph, svg
from analysis.complexity import accuracy, published, sweep, tables
from analysis.complexity.formulas import Numbers, formula_table, formulas_finding
from analysis.timing.plan import Measurement, Plan, Timed
from analysis.timing.table import finding as timing_finding
from tests.analysis.tiny_counts import SMALL, TINY, tiny_count


def equal_counts() -> str:
    return tables.costs_finding([tiny_count("c2d"), tiny_count("tsm")])


def one_count() -> str:
    return tables.costs_finding([tiny_count("tsm")])


def no_time() -> str:
    item = tiny_count("c2d")
    return (
        tables.parts_finding(item)
        + tables.stage_finding(item, "layer2")
        + svg.finding(graph.trace("c2d", TINY, SMALL, "layer2.0"))
    )


def equal_accuracies() -> str:
    table = accuracy.accuracy_against_cost("Diving48")
    return accuracy.accuracy_finding(table[table["views"] == 1].assign(top1=40.0))


def equal_times() -> str:
    timed = [
        Timed(name=name, label=name, clip=SMALL, at_native=False, seconds=(0.1,) * 5, peak_bytes=None)
        for name in ("c2d", "tsm")
    ]
    plan = Plan(names=("c2d", "tsm"), options=tuple(TINY.items()), clip=SMALL, rounds=5, memory=False, threads=1)
    measurement = Measurement(plan=plan, timed=tuple(timed), untimed=(), machine="", torch_version="", date="")
    return timing_finding(measurement, {"c2d": 1000, "tsm": 1000})


def all_printed_figures_agree() -> str:
    return published.check_finding(published.paper_check().query("verdict == 'same'"))


def no_share() -> str:
    return sweep.sweep_finding(pd.DataFrame(columns=pd.Index(["name"])))


NOTHING_TO_FIND: Mapping[str, Callable[[], str]] = {
    "counts that are equal": equal_counts,
    "one network": one_count,
    "a network without time": no_time,
    "accuracies that are equal": equal_accuracies,
    "times that are equal": equal_times,
    "printed figures that all agree": all_printed_figures_agree,
    "no t that fits": no_share,
}
"""Every writer of the page Architectures, with numbers in which no network, kind or t stands out."""

COMPARISONS = re.compile(r"\b(most|fewest|largest|longer|more|less|best|only)\b")


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTHING_TO_FIND)
def test_where_nothing_stands_out_nothing_is_compared(name):
    text = NOTHING_TO_FIND[name]()
    assert text
    assert "nan" not in text.lower()
    assert not COMPARISONS.search(text), text


@pytest.mark.slow
def test_equal_networks_are_all_named_and_a_network_without_time_has_none():
    assert re.fullmatch(r"C2D and TSM need \S+ \S+ MACs each\.", equal_counts())
    equal_and_more = tables.costs_finding([tiny_count(name) for name in ("c2d", "tsm", "c3d")])
    assert re.fullmatch(r"C2D and TSM need .+ MACs each, the fewest of these, and C3D .+\.", equal_and_more)
    assert "none of it is temporal" in no_time()
    assert "No operator in layer2.0 of C2D reads other frames" in no_time()
    assert all(f"{label} at 16 frames" in equal_accuracies() for label in ("TSM", "C3D", "GST", "GTE"))
    assert "0 differ" in all_printed_figures_agree()


@pytest.mark.slow
def test_a_network_that_costs_more_than_its_reference_is_said_to():
    gte, c2d = tiny_count("gte"), tiny_count("c2d")
    dear = replace(gte, macs_conv_linear=3 * c2d.macs_conv_linear, params=2 * c2d.params)
    assert "3 times C2D's" in tables.costs_finding([dear, c2d])
    assert "2 times C2D's" in tables.costs_finding([dear, c2d])


def test_an_operator_with_as_many_parameters_as_c2d_has_once_as_many():
    table = formula_table(Numbers()).assign(of_c2d=1.0)
    assert formulas_finding(table).count("has 1 times as many") == 3
