"""Card of a measurement: the scatter with its sentence, definition, code and numbers."""

from collections.abc import Mapping

from analysis.complexity.counting import conv_linear_macs
from analysis.plotting.call import Call, Named
from analysis.plotting.card import Card
from analysis.timing.figures import time_against_macs
from analysis.timing.plan import Measurement, run
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
    """Show milliseconds against MACs."""
    plan, rows = measurement.plan, table(measurement, macs)
    counted = Named("macs", Call(conv_linear_macs, plan.names, dict(plan.options), plan.clip), macs)
    measured = Named("measurement", Call(run, plan), measurement)
    return Card(
        key="timing",
        title="Milliseconds, measured, against MACs, counted",
        sentence=finding(measurement, macs),
        call=Call(time_against_macs, Named("rows", Call(table, measured, counted), rows), reference_of(measurement)),
        definition=DEFINITION,
        table=rows,
    )
