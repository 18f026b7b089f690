"""Cards of the page Results: each chart with its sentence, definition, code and numbers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pandas as pd

from analysis.plotting.call import Call, Named
from analysis.plotting.card import Card
from analysis.study import figures, findings, tables
from analysis.study.comparisons import Comparison, compare
from analysis.study.figures import Cost
from analysis.study.results import Study, load


@dataclass(frozen=True)
class Measured:
    """The study with its tables, each made once."""

    study: Study

    @cached_property
    def runs(self) -> pd.DataFrame:
        """Return `tables.runs_table`."""
        return tables.runs_table(self.study)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Return `tables.rows_table`."""
        return tables.rows_table(self.runs)

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """Return `comparisons.compare`."""
        return compare(self.study)

    @property
    def headline(self) -> str:
        """Return `findings.headline`."""
        return findings.headline(self.rows, self.comparisons)

    @property
    def called(self) -> Named:
        """The study, and the call that reads it."""
        return Named("study", Call(load), self.study)

    @property
    def runs_called(self) -> Named:
        """The table of runs, and the calls that make it."""
        return Named("runs", Call(tables.runs_table, self.called), self.runs)

    @property
    def rows_called(self) -> Named:
        """The table of networks, and the calls that make it."""
        return Named("rows", Call(tables.rows_table, self.runs_called), self.rows)


ACCURACY: Final = """
Upwards the share of the test clips with a right answer, to the right what the network costs for one clip, counted on
the network as it was trained: convolutions and linear layers, or parameters. A point is the mean over the trainings of
a network, a small dot one training, and the line joins the lowest and the highest. All trainings saw the same number
of clips, with the same schedule; the test clips were looked at once, at the end. A triangle at the lower edge is a
network far below the others.
"""


def accuracy_against_cost(measured: Measured, cost: Cost = "macs_conv_linear") -> Card:
    """Show accuracy against cost."""
    return Card(
        key=f"accuracy-{cost}",
        title="Accuracy against cost, measured",
        sentence=measured.headline,
        call=Call(figures.accuracy_against_cost, measured.rows_called, measured.runs_called, cost),
        definition=ACCURACY,
        table=measured.runs,
        clickable=True,
    )
