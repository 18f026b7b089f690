"""Figures for a paper: each one in view has code that draws it, run here as a notebook would."""

import plotly.graph_objects as go
import pytest

from analysis.attribution.stored_clips import WIDTH
from analysis.plotting.figure_pack import PaperFigure
from app import layout
from app.navigation import KERNEL_EDITS, TIME_EDITS
from tests.analysis.snippets import last_value
from tests.app.opening import open_page

VIEWS = [
    ("evidence", {"view": "Answers"}),
    ("evidence", {"view": "Space-time", "reverse": "true", "slice": "maximum", "scale": "separate"}),
    ("evidence", {"view": "Methods", "class": "moves up", "against": "moves down"}),
    ("whatif", {"experiment": TIME_EDITS, "change": "Freeze", "explained": "moves left"}),
    ("whatif", {"experiment": KERNEL_EDITS, "setting": "blend", "where": "one layer", "explained": "moves left"}),
    ("kernels", {}),
    ("kernels", {"view": "Follow one channel", "edit": "0.5,1,0"}),
    ("architectures", {"depth": "26", "frames": "2", "size": "32", "classes": "10"}),
]


@pytest.mark.parametrize(("page", "query"), VIEWS, ids=[f"{page} {' '.join(query.values())}" for page, query in VIEWS])
def test_every_figure_in_view_has_code_that_draws_it(two_networks, monkeypatch, page, query):
    at = open_page(page, **query)
    assert not at.exception
    figures: dict[str, PaperFigure] = at.session_state[layout.FIGURES]
    assert figures
    # Code names the files of checkpoints outside the project by their names alone.
    monkeypatch.chdir(two_networks[""])
    for key, figure in figures.items():
        assert figure.code, key
        drawn, result = figure.draw(WIDTH), last_value(figure.code)
        if isinstance(drawn, go.Figure):
            assert isinstance(result, go.Figure), key
            assert result.to_json() == drawn.to_json(), key
