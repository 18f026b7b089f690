"""Speed of the networks on this machine: milliseconds of a forward pass, and the memory of a training step.

All networks take turns in one process, so that a machine that is busy or slows down changes the milliseconds and not
their ratios. The process that measures imports as little as it can: `plan` and `stopwatch` import no table or figure.
"""
