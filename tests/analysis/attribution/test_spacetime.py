"""Evidence over space and time: slices worked out by hand, and their figures."""

import numpy as np
import pytest
import torch

from analysis.attribution.evidence import Evidence
from analysis.attribution.spacetime import moves_finding, slice_of, space_time
from gte.models.cell_grids import even_grid
from tests.plots import traces


def evidence(values):
    cells = torch.tensor(values)
    return Evidence(
        map=cells,
        target=0,
        layer="layer1.0",
        method="gradcam",
        label="Grad-CAM",
        convention="",
        grid=even_grid(cells.shape, (2, 2, 2)),
    )


TWO = [[[1.0, 3.0], [5.0, 7.0]], [[0.0, 2.0], [4.0, 0.0]]]


@pytest.mark.parametrize(
    ("side", "reduction", "expected"),
    [
        ("x", "mean", [[3, 5], [2, 1]]),
        ("y", "mean", [[2, 6], [1, 2]]),
        ("x", "maximum", [[5, 7], [4, 2]]),
        ("y", "maximum", [[3, 7], [2, 4]]),
    ],
)
def test_a_slice_keeps_one_side_and_puts_the_other_together(side, reduction, expected):
    assert slice_of(evidence(TWO), side, reduction).tolist() == expected


def test_networks_share_one_scale_or_have_their_own():
    faint = evidence((0.1 * np.array(TWO)).tolist())
    shared = space_time(["a", "b"], [evidence(TWO), faint], "mean", shared=True)
    assert {trace.zmax for trace in traces(shared)} == {6}
    own = space_time(["a", "b"], [evidence(TWO), faint], "mean", shared=False)
    assert [trace.zmax for trace in traces(own)] == pytest.approx([6, 6, 0.6, 0.6])
    # Time runs downwards for x, and to the right for y.
    np.testing.assert_array_equal(traces(shared)[0].z, [[3, 5], [2, 1]])
    np.testing.assert_array_equal(traces(shared)[1].z, [[2, 1], [6, 2]])


def test_the_sentence_says_from_where_to_where_the_evidence_moves_or_that_there_is_none():
    moving = evidence([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert moves_finding("net", moving).endswith("moves from 25 % to 75 % of the width.")
    assert "net: Grad-CAM finds no evidence" in moves_finding("net", evidence([[[0.0, 0.0]], [[0.0, 0.0]]]))
