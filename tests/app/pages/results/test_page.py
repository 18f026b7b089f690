"""The page Results: with made-up results, and without any."""

import shutil

import plotly.graph_objects as go
import pytest

from analysis.attribution.stored_clips import WIDTH
from analysis.plotting.figure_pack import PaperFigure
from app import checkpoints, layout
from tests.analysis.snippets import last_value
from tests.analysis.study.made_up import write
from tests.app.opening import captions, finding, go_to, open_page, sentences, url_of
from tests.browser.harness import ROOT


@pytest.fixture
def results(folders):
    folder = folders[""] / checkpoints.STUDY
    folder.mkdir()
    write(folder)
    return folder


def test_without_results_the_page_names_the_command_that_makes_them(folders):
    [message] = sentences(open_page("results"))
    assert "`make study`" in message.replace("\\", "")


def test_the_first_screen_has_a_row_for_each_network_and_keeps_choices_in_the_url(results):
    at = open_page("results", axis="Parameters", run="c3d")
    assert not at.exception
    assert not at.error
    assert "of the test clips" in finding(at)
    assert len(at.dataframe[0].value) == 15
    assert {name: url_of(at)[name] for name in ("axis", "run")} == {"axis": ["Parameters"], "run": ["c3d"]}
    assert any("No checkpoint of C3D ships" in caption.value for caption in at.caption)


VIEWS = ("Claims", "Pairs of classes", "Reversal", "Learning curves", "Kernels over seeds", "Real recordings")


@pytest.mark.parametrize("view", VIEWS)
def test_every_tab_opens_and_its_figures_have_code_that_draws_them(results, view, monkeypatch):
    shutil.copy(ROOT / "checkpoints" / "gte-tiny.safetensors", results / "gte-seed0.safetensors")
    at = open_page("results", view=view)
    assert not at.exception
    assert not at.error
    assert at.get("page_link")[0].proto.label == "Kernels of GTE"
    monkeypatch.setattr("analysis.study.results.FOLDER", results)
    monkeypatch.chdir(results)
    figures: dict[str, PaperFigure] = at.session_state[layout.FIGURES]
    for key, figure in figures.items():
        drawn = figure.draw(WIDTH)
        assert isinstance(drawn, go.Figure)
        assert last_value(figure.code).to_json() == drawn.to_json(), key


def test_one_network_of_a_study_under_way_is_enough(folders):
    folder = folders[""] / checkpoints.STUDY
    folder.mkdir()
    write(folder, {"tsm": 0.8}, {"tsm": (1,)})
    at = open_page("results", view="Kernels over seeds")
    assert not at.exception
    assert not at.error
    assert any("No checkpoint of GTE ships" in text for text in sentences(at))
    for view in ("Claims", "Pairs of classes", "Learning curves"):
        at = go_to(at, "results", view=view)
        assert not at.exception
        assert not at.error
    assert "GTE is not trained yet" in finding(at)
    assert "1 of " in captions(at)
