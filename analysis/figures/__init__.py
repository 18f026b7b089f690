"""The figures: tables in, plotly figures out. They work in the app and in a notebook, on light and on dark pages."""

from analysis.attribution.sanity_checks.figures import axis_end, hit_bars, randomisation_curve, removal_curves
from analysis.plotting.training_curves import class_bars, training_curves

__all__ = [
    "axis_end",
    "class_bars",
    "hit_bars",
    "randomisation_curve",
    "removal_curves",
    "training_curves",
]
