"""The cards of the architectures page: each figure with its sentence, definition, code and numbers."""

from dataclasses import dataclass

import pandas as pd

from analysis import complexity, figures
from analysis.complexity import KINDS, Complexity, Numbers
from analysis.formatting import COST_UNITS, large_count, percent
from analysis.plotting.card import CardWithCode as Card
from gte.models import ClipShape


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a page has chosen, as its code snippets write it."""

    options: complexity.Options
    clip: ClipShape
    views: int = 1
    with_head: bool = True
    flops_per_mac: int = 1

    @property
    def seen(self) -> str:
        """Further arguments of a snippet's call, where views or classifier are not the paper's; else empty."""
        return "" if self.views == 1 and self.with_head else f", views={self.views}, with_head={self.with_head}"

    def counted(self, name: str) -> str:
        """Lines of a snippet that count one network."""
        own = complexity.applicable(name, self.options)
        clip = f"ClipShape({self.clip.frames}, {self.clip.height}, {self.clip.width})"
        return (
            "from analysis import complexity, figures\nfrom gte.models import ClipShape\n\n"
            f"(item,) = complexity.count_each([{name!r}], {own!r}, {clip})\n"
            + (f"item = complexity.seen_in(item{self.seen})\n" if self.seen else "")
        )


WHERE = """
A bar is what fvcore counts in that part of the network, one colour or pattern for each kind of operator:

- **mixing frames**: convolutions whose kernel spans more than one frame, LTS and 3x3x3 among them;
- **space alone**: convolutions whose kernel spans pixels and one frame;
- **1x1**: convolutions that mix channels alone, those of the shortcuts among them;
- **BatchNorm and pooling**: everything else that is counted; papers leave it out;
- **classifier**: the linear layers at the end.

All parts add up to the network's total exactly: a module's own cost is what fvcore gives for it less what it gives for
its children. A hard shift multiplies nothing and has no bar.
"""


def where(item: Complexity, setting: Setting, stage: str | None, selected: str | None) -> Card:
    """Where the cost of a network sits: its stages, or the blocks of one of them."""
    level: complexity.Level = "block" if stage else "stage"
    frame = complexity.parts(item, level, of=stage)
    of = f", of={stage!r}" if stage else ""
    return Card(
        key=f"where-{item.name}",
        title=f"Where the cost of {item.label} sits" + (f": the blocks of {stage}" if stage else ""),
        sentence=_stage_finding(item, frame, stage, setting.flops_per_mac)
        if stage
        else complexity.parts_finding(item, setting.flops_per_mac),
        figure=figures.part_bars(frame, selected, flops_per_mac=setting.flops_per_mac),
        definition=WHERE,
        code=f"{setting.counted(item.name)}parts = complexity.parts(item, {level!r}{of})\n"
        f"figures.part_bars(parts, flops_per_mac={setting.flops_per_mac})",
        table=frame,
        clickable=True,
    )


def _stage_finding(item: Complexity, frame: pd.DataFrame, stage: str, flops_per_mac: int) -> str:
    rows = frame.to_dict("records")
    macs = sum(row["macs"] for row in rows)
    temporal = sum(row["macs"] for row in rows if row["kind"] == "temporal")
    unit = COST_UNITS[flops_per_mac]
    mixing = f"{percent(temporal / macs)} of that {KINDS['temporal']}" if temporal else "none of it mixing frames"
    return (
        f"{stage} takes {large_count(macs * flops_per_mac)} {unit}, {percent(macs / item.macs)} of {item.label}, "
        f"{mixing}."
    )


FORMULAS = """
What stands in a bottleneck in the place of the 3x3, with C_i channels in and C_o out, a kernel of k_T frames and
k x k pixels, and t, the share of the outputs that the temporal path makes. A diamond is the formula's value; a bar is
an operator that was built with these numbers, and whose parameters were counted. Times the positions of its output
(frames x height x width) its parameters are its MACs; BatchNorm apart, and where a stride is taken by the last of
several convolutions, the others' positions are those of the input.

The operators of this project are written for k = 3 and k_T = 3, and those are built. With other numbers the same
structure is built of `nn.Conv3d`, and of the project's frame-wise convolution. C_o is a multiple of 32 and C_i is even,
so that halves and every offered t give whole channels, and an even number of temporal ones.

The first four rows are the paper's Table 1. The others are this project's further networks, by our own formulas.
"""


def formulas(numbers: Numbers) -> Card:
    """Table 1's formulas beside operators as built."""
    frame = complexity.formula_table(numbers)
    share = f"Fraction({numbers.share.numerator}, {numbers.share.denominator})"
    return Card(
        key="formulas",
        title="Table 1, alive",
        sentence=f"{complexity.formulas_finding(frame)} {complexity.gte_explanation(numbers)}",
        figure=figures.formula_bars(frame),
        definition=FORMULAS,
        code="from fractions import Fraction\n\nfrom analysis import complexity, figures\n\n"
        f"numbers = complexity.Numbers(in_channels={numbers.in_channels}, out_channels={numbers.out_channels}, "
        f"kernel={numbers.kernel},\n                             taps={numbers.taps}, share={share})\n"
        "figures.formula_bars(complexity.formula_table(numbers))",
        table=frame,
    )


SWEEP = """
Every t, in steps of 1/32 or of one channel, that leaves each path of each block whole channels; GTE needs an even
number of temporal ones, so that both directions exist. torch's own formulas count on tensors without memory; they agree
with fvcore wherever the first table has a mark. MACs are those of convolutions and linear layers. Views multiply them
and the classifier is counted or left out, as in that table.

The dotted lines are what the paper's text reports for GTE as t varies: 18.0 M and 19.3 M; they are drawn where the
network is the paper's, t apart, and its classifier is counted. Neither clip nor views change parameters.
"""


def shares(frame: pd.DataFrame, setting: Setting) -> Card:
    """Parameters and MACs against t."""
    chosen = setting.options.get("temporal_share")
    reported = complexity.reported_range(setting.options, setting.with_head)
    not_compared = complexity.why_not_compared(setting.options, setting.with_head)
    clip = f"ClipShape({setting.clip.frames}, {setting.clip.height}, {setting.clip.width})"
    return Card(
        key="sweep",
        title="What t costs",
        sentence=complexity.sweep_finding(frame, reported, not_compared, flops_per_mac=setting.flops_per_mac),
        figure=figures.share_curves(frame, chosen, reported, flops_per_mac=setting.flops_per_mac),
        definition=SWEEP,
        code="from analysis import complexity, figures\nfrom gte.models import ClipShape\n\n"
        f"table = complexity.sweep({dict(setting.options)!r}, {clip}{setting.seen})\n"
        f"figures.share_curves(table, {chosen}, {reported}, flops_per_mac={setting.flops_per_mac})",
        table=frame,
    )


ACCURACY = """
Each bubble is one reported accuracy: upwards the top-1 that its source prints; to the right what that network, with
that depth, number of frames and of classes, costs *as counted here*, times its clips and crops. Beside it stand the
frames and the views (clips x crops); the area is the network's parameters, the shape tells who reported it. A point
without a told crop is in the table alone.

The networks were trained by different people in different ways: read the cost exactly and the accuracy roughly.
"""


def accuracy(dataset: str, frame: pd.DataFrame, setting: Setting) -> Card:
    """Reported accuracies against counted cost."""
    drawn = [row for row in frame.to_dict("records") if not pd.isna(row["macs_counted"])]
    best = max(drawn, key=lambda row: row["top1"])
    cheapest = min(drawn, key=lambda row: row["macs_counted"])
    unit = COST_UNITS[setting.flops_per_mac]

    def told(row: dict) -> str:
        cost = large_count(int(row["macs_counted"]) * setting.flops_per_mac)
        return f"{row['label']} with {row['frames']} frames, {row['top1']:g} % for {cost} {unit} ({row['who']})"

    return Card(
        key="accuracy",
        title=f"Reported accuracy against cost, {dataset}",
        sentence=f"Highest: {told(best)}; cheapest: {told(cheapest)}.",
        figure=figures.accuracy_bubbles(frame, flops_per_mac=setting.flops_per_mac),
        definition=ACCURACY,
        code="from analysis import complexity, figures\n\n"
        f"table = complexity.accuracy_against_cost({dataset!r})\n"
        f"figures.accuracy_bubbles(table, flops_per_mac={setting.flops_per_mac})",
        table=frame,
    )
