"""Kernels over time: what they are, what training made of them, how far they reach, and how two networks compare.

Pure functions from histories (`gte.checkpoint.load_history`) to tensors and tables; `analysis.figures` draws them:

    from analysis import figures, kernels
    from gte import checkpoint

    summary = kernels.summarise(checkpoint.load_histories("checkpoints/gte-tiny.safetensors"))
    figures.direction_shares(summary)
"""

from analysis.kernels.drift import DRIFT_PARTS, NO_KERNELS, READINGS, Reading, drift_parts, read_taps, reduced
from analysis.kernels.matching import (
    COMPARED_COLUMNS,
    Matching,
    answers_of,
    by_answers,
    by_index,
    differences,
    same_start,
)
from analysis.kernels.outputs import (
    ORDERS,
    Order,
    centres_table,
    coarsened,
    order_of,
    outputs_table,
    snapshot_at,
    tap_names,
)
from analysis.kernels.reach import (
    PROBES,
    energy_profile,
    measured_reach,
    path_reach,
    path_table,
    spread_of,
)
from analysis.kernels.spectrum import (
    BANDS,
    Band,
    band,
    effective_rank,
    frequency_response,
    output_singular_values,
    temporal_singular_values,
)
from analysis.kernels.summary import (
    at_snapshot,
    at_the_end,
    block_names_of,
    drift_finding,
    knows_course,
    knows_start,
    most_moved,
    summarise,
)
from analysis.kernels.taps import (
    KINDS,
    THRESHOLD,
    UNDEFINED,
    Kind,
    centre_of_mass,
    direction,
    effective_taps,
    kind,
    own_inputs,
    own_taps,
)

__all__ = [
    "BANDS",
    "COMPARED_COLUMNS",
    "DRIFT_PARTS",
    "KINDS",
    "NO_KERNELS",
    "ORDERS",
    "PROBES",
    "READINGS",
    "THRESHOLD",
    "UNDEFINED",
    "Band",
    "Kind",
    "Matching",
    "Order",
    "Reading",
    "answers_of",
    "at_snapshot",
    "at_the_end",
    "band",
    "block_names_of",
    "by_answers",
    "by_index",
    "centre_of_mass",
    "centres_table",
    "coarsened",
    "differences",
    "direction",
    "drift_finding",
    "drift_parts",
    "effective_rank",
    "effective_taps",
    "energy_profile",
    "frequency_response",
    "kind",
    "knows_course",
    "knows_start",
    "measured_reach",
    "most_moved",
    "order_of",
    "output_singular_values",
    "outputs_table",
    "own_inputs",
    "own_taps",
    "path_reach",
    "path_table",
    "read_taps",
    "reduced",
    "same_start",
    "snapshot_at",
    "spread_of",
    "summarise",
    "tap_names",
    "temporal_singular_values",
]
