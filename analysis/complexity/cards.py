"""Cards of the page Architectures: each chart with its sentence, definition, code and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.complexity import accuracy, accuracy_figure, figures, formulas, sweep, tables
from analysis.complexity.counting import Complexity, Uncountable, count, per_video
from analysis.complexity.formulas import Numbers
from analysis.plotting.call import Call, Named
from analysis.plotting.card import Card
from gte.models import ClipShape, Options, applicable


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Choices of the page."""

    options: Options
    clip: ClipShape
    views: int = 1
    with_head: bool = True
    flops_per_mac: int = 1

    @property
    def seen(self) -> dict[str, int]:
        """Views and classifier as arguments, where they are not the paper's; else empty."""
        return {} if self.views == 1 and self.with_head else {"views": self.views, "with_head": self.with_head}

    def count_of(self, item: Complexity) -> Call:
        """Return the calls that count a network."""
        call = Call(count, item.name, applicable(item.name, self.options), item.clip)
        return Call(per_video, call, **self.seen) if self.seen else call

    def counted(self, item: Complexity) -> Named:
        """Name the count of a network, and the calls that make it."""
        return Named("item", self.count_of(item), item)


COSTS = """
Bars are the MACs of convolutions and linear layers of each network, cheapest first, temporal part solid; the dotted
line is C2D. They are counted by fvcore on the PyTorch model, and again by torch's formulas.
"""


def costs(counts: Sequence[Complexity | Uncountable], setting: Setting, selected: str) -> Card:
    """Show the cost of several networks; `selected` is the name of the one whose row is marked.

    The code leaves out networks without a count, whose rows have no bar.
    """
    calls = [setting.count_of(item) for item in counts if isinstance(item, Complexity)]
    table = Named("table", Call(tables.table, calls), tables.table(counts))
    reference, factor = tables.REFERENCE, setting.flops_per_mac
    return Card(
        key="costs",
        title="What does temporal modelling cost?",
        sentence=tables.costs_finding(counts, factor),
        call=Call(figures.cost_bars, table, reference, selected, flops_per_mac=factor),
        definition=COSTS,
        table=table.value,
        clickable=True,
    )


COST_BY_LAYER = """
A bar is the number of MACs that fvcore counts in that part of the network, one colour or pattern for each kind of
operator:

- **temporal**: convolutions whose kernel spans more than one frame, LTS and 3x3x3 included;
- **spatial**: convolutions whose kernel spans pixels of one frame;
- **1x1**: convolutions that mix channels alone, those of the shortcuts included;
- **BatchNorm and pooling**: everything else that is counted. Without it the paper's 25.3 G is reproduced; some
  publishers include it;
- **classifier**: the linear layers at the end.

All parts add up to the network's total exactly: the cost of a module itself is what fvcore counts in it, less what it
counts in its children. A hard shift multiplies nothing and has no bar.
"""


def cost_by_layer(item: Complexity, setting: Setting, stage: str | None, selected: str | None) -> Card:
    """Show the cost of a network by stage, or of one stage by block."""
    level: tables.Level = "block" if stage else "stage"
    frame = tables.parts(item, level, of=stage)
    of = {"of": stage} if stage else {}
    table = Named("table", Call(tables.parts, setting.counted(item), level, **of), frame)
    return Card(
        key=f"where-{item.name}",
        title=f"Cost of {item.label} by layer" + (f": the blocks of {stage}" if stage else ""),
        sentence=tables.stage_finding(item, stage, setting.flops_per_mac)
        if stage
        else tables.parts_finding(item, setting.flops_per_mac),
        call=Call(figures.part_bars, table, selected, flops_per_mac=setting.flops_per_mac),
        definition=COST_BY_LAYER,
        table=frame,
        clickable=True,
    )


FORMULAS = """
The operator that replaces the 3x3 convolution of a bottleneck, with C_i input and C_o output channels, a kernel of k_T
frames and k x k pixels, and t, the share of output channels that the temporal path computes. A diamond is the formula's
value; a bar is an operator that was built with these numbers, and whose parameters were counted. Parameters times
output positions (frames x height x width) are MACs, BatchNorm apart; where the last of several convolutions has the
stride, the others have the positions of the input.

The operators of this project are written for k = 3 and k_T = 3, and those are built. With other numbers the same
structure is built from `nn.Conv3d` and the project's frame-wise convolution. C_o is a multiple of 32 and C_i is even,
so that halves and every offered t give whole channels, and an even number of temporal ones.

The first four rows are the paper's Table 1. The others are further networks of this project, by our own formulas.
"""


def table_1(numbers: Numbers) -> Card:
    """Compare Table 1's formulas with operators as built."""
    frame = formulas.formula_table(numbers)
    return Card(
        key="formulas",
        title="Table 1, interactive",
        sentence=f"{formulas.formulas_finding(frame)} {formulas.gte_explanation(numbers)}",
        call=Call(figures.formula_bars, Named("table", Call(formulas.formula_table, numbers), frame)),
        definition=FORMULAS,
        table=frame,
    )


SWEEP = """
Every t, in steps of 1/32 or of one channel, that leaves each path of each block whole channels; GTE needs an even
number of temporal ones, so that both directions exist. torch's formulas count on tensors without memory; they agree
with fvcore wherever the first table has a check mark. MACs are those of convolutions and linear layers. Views multiply
them and the classifier is counted or left out, as in that table.

The dotted lines are what the paper's text reports for GTE with more and with fewer temporal channels, 18.0 M and
19.3 M; they are drawn where the network is the paper's, t apart, and its classifier is counted. The text says that
parameters rise as the temporal channels decrease; by its own Table 1 they fall all the way, and as built until
t = 5/32. Neither clip nor views change parameters.
"""


def shares(frame: pd.DataFrame, setting: Setting) -> Card:
    """Show parameters and MACs against t."""
    chosen = setting.options.get("temporal_share")
    reported = sweep.reported_range(setting.options, setting.with_head)
    not_compared = sweep.why_not_compared(setting.options, setting.with_head)
    table = Named("table", Call(sweep.sweep, setting.options, setting.clip, **setting.seen), frame)
    return Card(
        key="sweep",
        title="Cost against t",
        sentence=sweep.sweep_finding(frame, reported, not_compared, flops_per_mac=setting.flops_per_mac),
        call=Call(figures.share_curves, table, chosen, reported, flops_per_mac=setting.flops_per_mac),
        definition=SWEEP,
        table=frame,
    )


ACCURACY = """
Each bubble is one reported accuracy: upwards the top-1 that its source prints; to the right what that network, with
that depth, number of frames and of classes, costs *as counted here*, times its clips and crops. Its name gives the
frames and the views (clips x crops); the area is the network's parameters, the shape who reports it. GTE has the accent
colour: its figures are its authors' own, nobody else has published a training of it. A hollow bubble repeats another
publisher's figure. An upright tick is a printed cost that is more than 3 % from the counted one. A point without the
size of its crop is in the table alone, and so is a row that repeats a drawn one.

The networks were trained by different people in different ways: read the cost exactly and the accuracy roughly.
"""


def reported_accuracy(dataset: str, frame: pd.DataFrame, setting: Setting) -> Card:
    """Show reported accuracies against counted cost."""
    table = Named("table", Call(accuracy.accuracy_against_cost, dataset), frame)
    return Card(
        key="accuracy",
        title=f"Reported accuracy against cost, {dataset}",
        sentence=accuracy.accuracy_finding(frame, setting.flops_per_mac),
        call=Call(accuracy_figure.accuracy_bubbles, table, flops_per_mac=setting.flops_per_mac),
        definition=ACCURACY,
        table=frame,
    )
