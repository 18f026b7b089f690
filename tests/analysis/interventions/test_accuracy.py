"""Accuracy on labelled clips: rows, chance, and the sentences on them."""

import pandas as pd
import pytest
import torch

from analysis.interventions import figures
from analysis.interventions.accuracy import (
    Network,
    changed_clips,
    compare_answers,
    every_step,
    setting_finding,
    settings_accuracy,
    settings_finding,
    time_accuracy,
    time_finding,
)
from analysis.interventions.kernel_edits import settings_for
from analysis.interventions.labelled_clips import LabelledClips
from gte.data import open_dataset
from gte.models import build, temporal_layers
from tests.plots import traces
from tests.tiny import tiny_options

CLIPS = LabelledClips(dataset="motionpairs", num_clips=14, num_frames=4, size=32)


def network(name: str) -> Network:
    return Network(name=name, model=build(name, **tiny_options(name, 14)).eval())


def test_the_clips_hold_each_class_equally_often_and_know_their_reversed_classes():
    clips = LabelledClips(dataset="motionpairs", num_clips=28, num_frames=4, size=32)
    assert torch.bincount(clips.labels()).tolist() == [2] * 14
    assert torch.equal(clips.twins(), clips.labels() ^ 1)
    assert sum(len(batch) for batch in clips.batches()) == 28


def test_answers_are_compared_clip_by_clip_and_scene_by_scene():
    labels = CLIPS.labels()
    before, after = labels.clone(), labels.clone()
    before[0], after[1:8] = CLIPS.twins()[0], CLIPS.twins()[1:8]
    row = compare_answers(before, after, CLIPS)
    assert (row["num_clips"], row["num_scenes"]) == (14, 14)
    assert (row["right"], row["twin"], row["lost"], row["gained"], row["unchanged"]) == (7, 7, 7, 1, 6)
    # Eight scenes differ, seven in one direction: 2 * (1 + 8) / 2⁸.
    assert row["p_value"] == pytest.approx(18 / 256)
    assert row["low"] < 6 < row["high"]
    assert row["answers"] == tuple(after.tolist())


def test_a_clip_and_its_reversal_are_one_scene():
    clips = LabelledClips(dataset="motionpairs", num_clips=1400, num_frames=4, size=32)
    scenes = clips.scenes()
    assert len(set(scenes)) == 700
    labels = clips.labels()
    after = labels.clone()
    # Six clips of three scenes: 2 / 2³, where six clips of six scenes would give 2 / 2⁶.
    after[[0, 1, 2, 700, 701, 702]] = clips.twins()[[0, 1, 2, 700, 701, 702]]
    row = compare_answers(labels, after, clips)
    assert (row["lost"], row["num_scenes"], row["p_value"]) == (6, 700, 2 / 2**3)


def test_the_clips_that_changed_are_listed_with_the_lost_ones_first():
    classes = open_dataset("motionpairs", "test", 32).classes
    labels = CLIPS.labels().tolist()
    before, after = list(labels), list(labels)
    before[0], before[2], after[2], after[5] = 9, 8, 9, 1
    table = changed_clips(before, after, CLIPS)
    assert table.to_numpy().tolist() == [
        [5, classes[5], classes[5], classes[1], "lost"],
        [0, classes[0], classes[9], classes[0], "gained"],
        [2, classes[2], classes[8], classes[9], "wrong before and after"],
    ]
    assert changed_clips(labels, labels, CLIPS).empty


def test_no_order_changes_what_c2d_answers_on_any_clip():
    reports: list[float] = []
    table = time_accuracy([network("c2d"), network("gte")], [CLIPS, CLIPS], lambda part, text: reports.append(part))
    rows = {row["change"]: row for row in table.to_dict("records") if row["network"] == "c2d"}
    assert [rows[change]["unchanged"] for change in ("Reverse", "Shuffle")] == [14, 14]
    assert rows["Reverse"]["flipped"] == 0
    assert max(table["right"] + table["twin"]) <= 14
    assert reports == sorted(reports)
    assert "answer of c2d to its reversed class on 0 of 14 clips and leaves it unchanged on 14." in time_finding(table)
    assert len(traces(figures.accuracy_by_change(table))) == 6


def test_work_ends_where_its_report_raises():
    def cancel(part: float, text: str) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        time_accuracy([network("c2d")], [CLIPS], cancel)


def test_the_blend_has_the_untrained_and_the_trained_kernels():
    subject = network("gte")
    settings = settings_for(subject.model)
    table = settings_accuracy(subject, list(temporal_layers(subject.model)), every_step(settings), CLIPS)
    rows = {(row["setting"], row["blend"]): row["right"] for row in table.to_dict("records")}
    assert rows["blend", 0.0] == rows["initial", 1.0]
    assert rows["blend", 1.0] == rows["learned", 1.0]
    assert settings_finding(table).startswith("The trained network is right on")
    assert len(traces(figures.setting_bars(table, 14, "zero"))[0]["y"]) == 8
    assert traces(figures.blend_curve(table, 0.5, 14))[0]["x"].tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]


def test_a_network_whose_output_is_not_a_number_gives_a_sentence():
    subject = network("gte")
    with torch.no_grad():
        subject.model.get_parameter("fc.weight").fill_(torch.nan)
    with pytest.raises(ValueError, match="The output of gte is not a number"):
        settings_accuracy(subject, [], [], CLIPS)


def test_a_change_of_accuracy_has_its_p_value():
    labels, twins = CLIPS.labels(), CLIPS.twins()
    trained = {"setting": "learned", "blend": 1.0, **compare_answers(labels, labels, CLIPS)}

    def finding(num_lost: int) -> str:
        after = torch.cat([twins[:num_lost], labels[num_lost:]])
        row = {"setting": "zero", "blend": 1.0, **compare_answers(labels, after, CLIPS)}
        return setting_finding(pd.DataFrame([trained, row]))

    assert finding(0) == "With zeroed kernels the accuracy stays at 14 of 14 clips."
    assert finding(5) == "With zeroed kernels the accuracy falls from 14 to 9 of 14 clips (p = 0.062, not significant)."
    assert finding(12) == "With zeroed kernels the accuracy falls from 14 to 2 of 14 clips (p = 4.9 · 10⁻⁴)."
