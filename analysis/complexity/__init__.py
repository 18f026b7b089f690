"""Cost of a network: parameters, and multiply-accumulates (MACs) of one forward pass over one clip.

fvcore counts (it calls a multiply-accumulate a flop); torch's formulas check it. Each count builds a new network,
filled with zeros.

    from analysis.complexity import counting, tables
    from gte.models import COMPARED, ClipShape

    tables.table(counting.count_each(COMPARED, {"depth": 50}, ClipShape(8, 224, 224)))
"""
