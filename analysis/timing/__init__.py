"""What the networks take on this machine: milliseconds of a pass, and the memory of a training step.

All networks take turns in one process, so that a machine that is busy or slows down blurs the milliseconds and not
their ratios. Nothing here knows tables or figures: the process that measures imports as little as it can.
"""

from analysis.timing.plan import (
    DEFAULT_ROUNDS,
    Measurement,
    Plan,
    Timed,
    Untimed,
    as_plain,
    cores,
    in_words,
    run,
    seconds_expected,
)
from analysis.timing.process import run_in_child
from analysis.timing.stopwatch import measures_memory

__all__ = [
    "DEFAULT_ROUNDS",
    "Measurement",
    "Plan",
    "Timed",
    "Untimed",
    "as_plain",
    "cores",
    "in_words",
    "measures_memory",
    "run",
    "run_in_child",
    "seconds_expected",
]
