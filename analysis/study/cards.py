"""Cards of the page Results: each chart with its sentence, definition, code and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pandas as pd

from analysis.plotting.call import Call, Named
from analysis.plotting.card import Card
from analysis.study import answer_figures, answers, figures, findings, tables
from analysis.study.answer_figures import Spent
from analysis.study.comparisons import Comparison, compare
from analysis.study.figures import Cost
from analysis.study.kernel_figure import kernel_story
from analysis.study.kernels import Story, story, story_finding, story_table
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


PAIRS: Final = """
Of the test clips of each pair of classes, which are each other's reversal, the share with a right answer, in percent,
over all trainings of a network. A network that does not know the order of frames is right for half of them at most.
"""


def pairs(measured: Measured) -> Card:
    """Show accuracy by pair of classes."""
    table = answers.pairs_table(measured.study)
    return Card(
        key="pairs",
        title="Accuracy by pair of classes",
        sentence=answers.pairs_finding(measured.study),
        call=Call(answer_figures.pair_shares, Named("table", Call(answers.pairs_table, measured.called), table)),
        definition=PAIRS,
        table=table,
    )


CONFUSION: Final = """
Each row is a class: of its test clips, the share that the network gives each class, in percent, over all of its
trainings. Right answers are on the diagonal; next to it, within a pair, is the reversed class.
"""


def confusion(measured: Measured, row: str) -> Card:
    """Show which classes a network takes for which."""
    table = answers.confusion_table(measured.study, row)
    call = Call(answers.confusion_table, measured.called, row)
    return Card(
        key=f"confusion-{row}",
        title=f"Classes and answers, {measured.study.labels[row]}",
        sentence=answers.confusion_finding(measured.study, row),
        call=Call(answer_figures.confusion, Named("table", call, table)),
        definition=CONFUSION,
        table=table,
    )


REVERSAL: Final = """
Every test clip is shown forwards and backwards. The bar is the share of clips whose answer becomes, when the clip is
reversed, the reversed class of the first answer, stays as it is, or becomes a third class, over all trainings of a
network. Whether the answers are right does not matter here.
"""


def reversal(measured: Measured) -> Card:
    """Show what becomes of the answer to a clip when it is reversed."""
    table = answers.reversal_table(measured.study)
    return Card(
        key="reversal",
        title="What the answer becomes when the clip is reversed",
        sentence=answers.reversal_finding(table),
        call=Call(answer_figures.reversals, Named("table", Call(answers.reversal_table, measured.called), table)),
        definition=REVERSAL,
        table=table,
    )


CURVES: Final = """
Accuracy on the validation clips after each epoch, the mean over the trainings of a network. All trainings see the same
number of clips. What they spend is estimated: clips times the MACs of one clip forwards, times three, because the
backward pass takes about two forward ones; the time on a machine also depends on other things.
"""


def curves(measured: Measured, rows: Sequence[str], spent: Spent = "clips_seen") -> Card:
    """Show accuracy over the training."""
    table = answers.curves_table(measured.study, measured.runs, rows)
    call = Call(answers.curves_table, measured.called, measured.runs_called, list(rows))
    return Card(
        key=f"curves-{spent}",
        title="Accuracy over the training",
        sentence=answers.curves_finding(table),
        call=Call(answer_figures.learning_curves, Named("table", call, table), spent),
        definition=CURVES,
        table=table,
    )


KERNELS: Final = """
Of GTE's learnable shifts, one network for each seed: **drift**, |W − W0| / |W0| with W0 the weights at first, and
**reach**, the frames from which a layer's output comes along the shifts alone (root mean square), both by layer; below,
the share of all output channels that do each thing, by energy over the input channels. Dashed: trained on real
recordings. Random changes of the same length are 400 changes of the kernels in random directions, as long as that of
training; the order of the layers is compared with random orders, by Spearman's correlation and Kendall's W, corrected
together by Holm's method. Deeper layers have more inputs to each output: equal changes of all weights would also make
drift rise with depth.
"""


def kernels(item: Story, paths: Sequence[str], others: Sequence[str] = ()) -> Card:
    """Show what training did to the kernels, over the seeds; `paths` are those of the checkpoints, for the code."""
    call = Call(story, list(paths), list(others))
    return Card(
        key="kernels",
        title="What the kernels did, over all seeds",
        sentence=story_finding(item),
        call=Call(kernel_story, Named("kernels", call, item)),
        definition=KERNELS,
        table=story_table(item),
    )
