"""The figures: tables in, plotly figures out. They work in the app and in a notebook, on light and on dark pages."""

from analysis.attribution.sanity_checks.figures import axis_end, hit_bars, randomisation_curve, removal_curves
from analysis.complexity.figures import accuracy_bubbles, formula_bars, part_bars, share_curves
from analysis.complexity.network_figures import FEW_MARK, NATIVE_MARK, cost_bars, is_native, mark_of
from analysis.plotting.training_curves import class_bars, training_curves

__all__ = [
    "FEW_MARK",
    "NATIVE_MARK",
    "accuracy_bubbles",
    "axis_end",
    "class_bars",
    "cost_bars",
    "formula_bars",
    "hit_bars",
    "is_native",
    "mark_of",
    "part_bars",
    "randomisation_curve",
    "removal_curves",
    "share_curves",
    "training_curves",
]
