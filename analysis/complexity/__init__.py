"""What a network costs: parameters, and multiply-accumulates (MACs) of one forward pass over one clip.

fvcore counts (it calls a multiply-accumulate a flop); torch's own formulas check it. Nothing here touches a network
that anyone else uses: each count builds its own, filled with zeros, and drops it.

    from analysis import complexity
    from gte.models import COMPARED, ClipShape

    complexity.table(complexity.count_each(COMPARED, {"depth": 50}, ClipShape(8, 224, 224)))
"""

from analysis.complexity.accuracy import MISSING_ACCURACY, accuracy_against_cost, datasets, reported_accuracy
from analysis.complexity.counting import (
    Complexity,
    Options,
    QuickCount,
    Uncountable,
    applicable,
    count,
    count_by_torch,
    count_each,
    seen_in,
)
from analysis.complexity.formulas import OPERATORS, Numbers, built, formula_table, formulas_finding, gte_explanation
from analysis.complexity.layers import KINDS, Kind, Layer
from analysis.complexity.published import COSTS, GTE_RANGE, check_finding, paper_check
from analysis.complexity.store import stored
from analysis.complexity.sweep import (
    SWEPT,
    reported_range,
    sweep,
    sweep_finding,
    valid_shares,
    why_not_compared,
)
from analysis.complexity.tables import (
    Level,
    as_plain,
    block_finding,
    block_table,
    blocks,
    layer_table,
    parts,
    parts_finding,
    stages,
    table,
)

__all__ = [
    "COSTS",
    "GTE_RANGE",
    "KINDS",
    "MISSING_ACCURACY",
    "OPERATORS",
    "SWEPT",
    "Complexity",
    "Kind",
    "Layer",
    "Level",
    "Numbers",
    "Options",
    "QuickCount",
    "Uncountable",
    "accuracy_against_cost",
    "applicable",
    "as_plain",
    "block_finding",
    "block_table",
    "blocks",
    "built",
    "check_finding",
    "count",
    "count_by_torch",
    "count_each",
    "datasets",
    "formula_table",
    "formulas_finding",
    "gte_explanation",
    "layer_table",
    "paper_check",
    "parts",
    "parts_finding",
    "reported_accuracy",
    "reported_range",
    "seen_in",
    "stages",
    "stored",
    "sweep",
    "sweep_finding",
    "table",
    "valid_shares",
    "why_not_compared",
]
