"""The figures: tables in, plotly figures out. They work in the app and in a notebook, on light and on dark pages."""

from analysis.attribution.sanity_checks.figures import axis_end, hit_bars, randomisation_curve, removal_curves
from analysis.complexity.figures import accuracy_bubbles, formula_bars, part_bars, share_curves
from analysis.complexity.network_figures import FEW_MARK, NATIVE_MARK, cost_bars, is_native, mark_of
from analysis.kernels.figures_by_layer import (
    MOST_CENTRES,
    PathKind,
    centres_by_layer,
    drift_by_depth,
    kinds_by_layer,
    reach_by_depth,
    shares_side_by_side,
)
from analysis.kernels.figures_one_layer import (
    MOST_CELLS,
    MOST_CURVES,
    corner_shares,
    frequency_curves,
    matched_centres,
    output_stem,
    singular_values,
    tap_triangle,
    weight_maps,
)
from analysis.kernels.layer_figures import LABEL_PITCH, direction_shares, drift_over_training, pushed_apart
from analysis.plotting.rows import ROW_PITCH
from analysis.plotting.training_curves import class_bars, training_curves

__all__ = [
    "FEW_MARK",
    "LABEL_PITCH",
    "MOST_CELLS",
    "MOST_CENTRES",
    "MOST_CURVES",
    "NATIVE_MARK",
    "ROW_PITCH",
    "PathKind",
    "accuracy_bubbles",
    "axis_end",
    "centres_by_layer",
    "class_bars",
    "corner_shares",
    "cost_bars",
    "direction_shares",
    "drift_by_depth",
    "drift_over_training",
    "formula_bars",
    "frequency_curves",
    "hit_bars",
    "is_native",
    "kinds_by_layer",
    "mark_of",
    "matched_centres",
    "output_stem",
    "part_bars",
    "pushed_apart",
    "randomisation_curve",
    "reach_by_depth",
    "removal_curves",
    "share_curves",
    "shares_side_by_side",
    "singular_values",
    "tap_triangle",
    "training_curves",
    "weight_maps",
]
