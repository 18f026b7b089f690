"""The card of a measurement: the scatter with its sentence, definition, code and numbers."""

from collections.abc import Mapping

from analysis.plotting.card import CardWithCode as Card
from analysis.timing import Measurement, Plan
from analysis.timing.figures import time_against_macs
from analysis.timing.table import finding, reference_of, table

DEFINITION = """
Every network runs once unmeasured and then once in each round; each round begins with another network. A point is the
median over the rounds, its whiskers are the quartiles. **Measured** are the milliseconds of a forward pass, without
gradients, on random clips and with random weights, neither of which changes how long it takes. **Counted** are the
multiply-accumulates of convolutions and linear layers. The dotted line leads from the origin through the reference: so
long a pass would take if only MACs counted. Ratios are taken within each round, so that a machine that is busy or slows
down changes the milliseconds and not the ratios.

**Memory** is the most that one training step (forward and backward, one batch) adds to a process that has done nothing
else, weights and gradients included; each network has a process of its own. The optimiser's own memory is not in it.
"""


def timing_card(measurement: Measurement, macs: Mapping[str, int]) -> Card:
    """Milliseconds against MACs."""
    rows = table(measurement, macs)
    return Card(
        key="timing",
        title="Milliseconds, measured, against MACs, counted",
        sentence=finding(measurement, macs),
        figure=time_against_macs(rows, reference_of(measurement)),
        definition=DEFINITION,
        code=snippet(measurement.plan),
        table=rows,
    )


def snippet(plan: Plan) -> str:
    """Python that measures the same and draws it."""
    clip = plan.clip
    return (
        "from analysis import complexity, timing\n"
        "from analysis.timing_cards import timing_card\n"
        "from gte.models import ClipShape\n\n"
        f"clip = ClipShape({clip.frames}, {clip.height}, {clip.width})\n"
        f"plan = timing.Plan(\n    names={plan.names},\n    options={plan.options},\n    clip=clip,\n"
        f"    rounds={plan.rounds}, batch={plan.batch}, threads={plan.threads}, fused={plan.fused}, "
        f"memory={plan.memory},\n)\n"
        "counts = complexity.count_each(plan.names, dict(plan.options), clip)\n"
        "macs = {item.name: item.macs_conv_linear for item in counts if isinstance(item, complexity.Complexity)}\n"
        "timing_card(timing.run(plan), macs).figure"
    )
