"""How alike two maps of evidence are."""

from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor


def rank_correlation(first: Float[Tensor, "t h w"], second: Float[Tensor, "t h w"]) -> float:
    """Spearman's rank correlation of two maps, cell by cell: 1 for the same order, 0 for none in common.

    A map that is the same everywhere, such as one without evidence, ranks nothing, and has 0 with any other.
    """
    if first.min() == first.max() or second.min() == second.max():
        return 0.0
    return float(spearmanr(first.flatten().numpy(), second.flatten().numpy()).statistic)
