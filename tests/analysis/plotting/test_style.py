"""The colours hold on both themes, and every chart gets the one look."""

import plotly.graph_objects as go
import pytest

from analysis.plotting import style

PAGES = {"light": "#FFFFFF", "dark": "#14181D"}


def luminance(colour: str) -> float:
    """Relative luminance of #RRGGBB as WCAG 2 defines it, 0 to 1."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
@pytest.mark.parametrize(
    "colour",
    [
        *style.DIRECTION_COLOURS.values(),
        style.WEIGHT_NEGATIVE,
        style.WEIGHT_POSITIVE,
        style.TEMPORAL_COST,
        style.NEUTRAL,
    ],
)
def test_every_colour_of_a_mark_stands_out_from_both_pages(colour: str, page: str) -> None:
    assert contrast(colour, page) >= 3.45


def test_a_charts_colours_of_text_and_ground_are_left_to_the_theme() -> None:
    figure = style.style(go.Figure(go.Bar(x=["1.0"], y=[1])), categories="x")
    layout = figure.to_plotly_json()["layout"]
    assert "color" not in layout["font"]
    assert not {"paper_bgcolor", "plot_bgcolor"} & set(layout)
    assert layout["xaxis"]["type"] == "category"
    assert "type" not in layout["yaxis"]
    assert layout["height"] == style.CHART_HEIGHTS["large"]


def test_weights_fade_to_nothing_at_zero_and_evidence_at_its_foot() -> None:
    assert style.WEIGHT_SCALE[1] == [0.5, "rgba(128, 138, 150, 0)"]
    assert style.EVIDENCE_SCALE[0] == [0.0, "rgba(0, 0, 4, 0)"]
    assert style.EVIDENCE_SCALE[-1] == [1.0, "rgba(252, 253, 191, 1)"]


def test_an_alpha_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1; got 1\.5"):
        style.faded(style.BACK, 1.5)


@pytest.mark.parametrize(("alpha", "text"), [(3.2e-15, "0"), (0.0014, "0.001"), (1 / 3, "0.333"), (1, "1")])
def test_an_alpha_is_written_without_an_exponent(alpha: float, text: str) -> None:
    assert style.faded(style.BACK, alpha) == f"rgba(31, 111, 196, {text})"
