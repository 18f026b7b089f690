"""The page Results: with made-up results, and without any."""

import pytest

from app import checkpoints
from tests.analysis.study.made_up import write
from tests.app.opening import finding, open_page, sentences, url_of


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
