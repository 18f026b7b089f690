"""Trainings that run: what is drawn and said of them, on reports made by hand."""

from dataclasses import replace

import pytest

from analysis.live_training import LiveTraining, live_curves, live_finding
from analysis.plotting import style
from analysis.statistics import exceeds_chance
from tests.plots import traces


def training(label: str, *reports: tuple[float, float, float]) -> LiveTraining:
    """One of two classes that is tested on 200 clips, by (loss, accuracy, share turned) after each 16 steps of 32."""
    metrics = [
        {"step": 16 * number, "train_loss": loss, "val_top1": top1, "val_turned": turned, "seconds": 2.5}
        for number, (loss, top1, turned) in enumerate(reports, 1)
    ]
    return LiveTraining(label, metrics, num_classes=2, clips_per_step=32, num_val_clips=200)


GTE = training("GTE", (0.7, 0.5, 0.1), (0.2, 0.93, 0.9))
C2D = training("C2D", (0.7, 0.54, 0.0))


def test_each_line_has_its_name_at_its_end_and_the_last_training_the_accent():
    lines = traces(live_curves([C2D, GTE]))
    assert [line.name for line in lines] == ["C2D"] * 3 + ["GTE"] * 3
    assert [tuple(line.y) for line in lines[3:]] == [(0.7, 0.2), (0.5, 0.93), (0.1, 0.9)]
    assert {tuple(line.x) for line in lines[3:]} == {(512, 1024)}
    assert {tuple(line.text) for line in lines[3:]} == {("", " GTE")}
    assert [line.line.color for line in lines] == [style.NEUTRAL] * 3 + [style.ACCENT] * 3


def test_the_chance_level_is_drawn_in_the_panel_of_the_accuracy():
    for count in (2, 4):
        [line] = live_curves([replace(GTE, num_classes=count)]).layout.shapes
        assert (line.y0, line.y1, line.yref) == (1 / count, 1 / count, "y2")


def test_a_training_says_what_it_has_learned_against_guessing():
    assert live_finding(GTE) == (
        "GTE, 1,024 clips, 5 s: 93 % of 200 other clips right (guessing: 50 %); 90 % of answers turn in reverse."
    )
    assert "54 % of 200 other clips right, as by guessing; 0 % of answers turn" in live_finding(C2D)


@pytest.mark.parametrize(("right", "count", "chance", "exceeds"), [(9, 10, 0.5, True), (8, 10, 0.5, False)])
def test_chance_is_exceeded_where_so_many_right_answers_are_rare(right, count, chance, exceeds):
    # By hand: 11 / 1024 = 1.07 % of ten coins show 9 or more heads, 56 / 1024 = 5.5 % show 8 or more.
    assert exceeds_chance(right, count, chance) is exceeds
