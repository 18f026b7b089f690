"""Card of a measurement: the scatter with its sentence, definition, code and numbers."""

from collections.abc import Mapping

from analysis.complexity.counting import conv_linear_macs
from analysis.plotting.call import Call, Named
from analysis.plotting.card import Card
from analysis.timing.figures import time_against_macs
from analysis.timing.plan import Measurement, run
from analysis.timing.table import finding, reference_of, table

DEFINITION = """
Every network runs once as a warm-up and then once in each round; each round begins with another network. A point is the
median over the rounds, its whiskers are the quartiles. **Measured** are the milliseconds of a forward pass, without
gradients, on random clips and with random weights, neither of which changes the time. **Counted** are the
multiply-accumulates of convolutions and linear layers. The dotted line goes from the origin through the reference: the
time of a pass if only MACs mattered. Ratios are taken within each round, so that a machine that is busy or slows down
changes the milliseconds and not the ratios.

**Memory** is the peak that one training step (forward and backward, one batch) adds to a new process, weights and
gradients included; each network has a separate process. The memory of the optimiser is not included.
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
