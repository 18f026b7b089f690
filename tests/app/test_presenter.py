"""Presenter mode: it travels with the visit, shows a page part by part, and leaves arrow keys to a strip of steps."""

import json

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from analysis.plotting import style
from app import presenter
from app.navigation import PAGES, TIME_EDITS
from app.pages.results.tabs import TABS as RESULTS
from tests.app.opening import go_to, open_page, url_of


def turn(at: AppTest, label: str) -> AppTest:
    return at.button(key=f"presenter {label}").click().run()


def arrows(at: AppTest) -> list[str]:
    """The buttons of arrow keys that are the mode's own."""
    return [button.label for button in at.button if (button.key or "").startswith("presenter")]


def figure_heights(at: AppTest) -> list[float]:
    return [json.loads(chart.proto.spec)["layout"]["height"] for chart in at.get("plotly_chart")]


def test_the_mode_travels_from_page_to_page_until_it_is_left() -> None:
    at = open_page("library")
    assert "present" not in url_of(at)
    at.button(key="present this").click().run()
    assert url_of(at)["present"] == ["true"]
    go_to(at, "results")
    assert url_of(at)["present"] == ["true"]
    at.button(key="leave").click().run()
    assert "present" not in url_of(at)
    assert "part" not in url_of(at)
    assert "present" not in url_of(go_to(at, "library"))


def test_a_page_is_shown_part_by_part_and_each_part_has_a_link() -> None:
    at = open_page("results", present="true")
    assert not at.tabs
    assert url_of(at)["part"] == [presenter.FIRST_SCREEN]
    shown = []
    for _ in RESULTS:
        turn(at, "Next")
        shown += url_of(at)["view"]
        assert url_of(at)["part"] == [presenter.TABS]
    assert shown == list(RESULTS)
    assert not at.exception
    again = open_page("results", **url_of(at))
    assert [tab.label for tab in again.tabs] == shown
    assert url_of(again)["view"] == [shown[-1]]
    turn(again, "Back")
    assert url_of(again)["view"] == [shown[-2]]


def test_a_page_without_a_first_screen_of_its_own_begins_with_its_first_tab() -> None:
    at = open_page("whatif", present="true")
    assert url_of(at)["part"] == [presenter.TABS]
    assert next(tab.label for tab in at.tabs) == TIME_EDITS


def test_the_ends_of_the_app_have_no_further_page() -> None:
    first, *_, last = PAGES
    assert arrows(open_page(first, present="true")) == []
    assert arrows(open_page(last, present="true")) == ["Back"]


def test_figures_and_their_type_are_enlarged() -> None:
    plain, presented = (figure_heights(open_page("results", **query)) for query in ({}, {"present": "true"}))
    assert presented[0] == pytest.approx(presenter.SCALE * plain[0])


def test_type_marks_margins_and_height_of_a_figure_are_enlarged_and_the_figure_itself_is_not() -> None:
    figure = style.style(go.Figure(go.Scatter(x=[1, 2], y=[3, 4], marker={"size": [3, 4]})))
    figure.add_annotation(text="here", font_size=14)
    drawn = style.enlarged(figure, 2)
    assert drawn.layout.font.size == drawn.layout.xaxis.tickfont.size == 28
    assert drawn.layout.annotations[0].font.size == 28
    assert drawn.to_dict()["data"][0]["marker"]["size"] == [6, 8]
    assert drawn.layout.height == 2 * style.CHART_HEIGHTS["large"]
    assert drawn.layout.margin.l == 2 * style.MARGINS["l"]
    assert figure.layout.font.size == 14


def strip_of_steps(number: int) -> None:
    from app import layout, steps

    def render() -> None:
        three = [steps.Step(text=name) for name in "abc"]
        steps.draw(three, number, name="three", title="Three", turn=lambda _: None)

    layout.draw_page("page", "Title", "Which?", lambda: render, pages=["page", "other"])


@pytest.mark.parametrize(("number", "own"), [(1, []), (2, []), (3, ["Next"])])
def test_a_strip_of_steps_has_the_arrow_keys_but_at_its_ends(number: int, own: list[str]) -> None:
    at = AppTest.from_function(strip_of_steps, args=(number,))
    at.query_params["present"] = "true"
    at.run()
    assert not at.exception
    assert arrows(at) == own
