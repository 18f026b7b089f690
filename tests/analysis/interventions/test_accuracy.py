"""Accuracy on labelled clips: rows, chance, and the sentences on them."""

import pandas as pd
import pytest
import torch
from scipy.stats import binomtest

from analysis.interventions import figures
from analysis.interventions.accuracy import (
    LabelledClips,
    Network,
    ablation_finding,
    chance_of_flips,
    every_step,
    layer_ablation,
    layers_finding,
    settings_accuracy,
    settings_finding,
    time_accuracy,
    time_finding,
)
from analysis.interventions.kernel_edits import settings_for
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


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (5, 0), (3, 2), (1, 9)])
def test_chance_is_the_exact_test_of_the_clips_that_flipped(lost, gained):
    expected = binomtest(lost, lost + gained).pvalue if lost + gained else 1
    assert chance_of_flips(lost, gained) == pytest.approx(expected)
    assert chance_of_flips(5, 0) == pytest.approx(2 / 2**5)


def test_no_order_changes_what_c2d_answers_on_any_clip():
    reports: list[float] = []
    table = time_accuracy([network("c2d"), network("gte")], [CLIPS, CLIPS], lambda part, text: reports.append(part))
    rows = {row["change"]: row for row in table.to_dict("records") if row["network"] == "c2d"}
    assert [rows[change]["unchanged"] for change in ("Reverse", "Shuffle")] == [14, 14]
    assert rows["Reverse"]["flipped"] == 0
    assert max(table["right"] + table["twin"]) <= 14
    assert reports == sorted(reports)
    assert "answer of c2d to the reversed class on 0 of 14 clips and leaves it unchanged on 14." in time_finding(table)
    assert len(traces(figures.accuracy_by_change(table))) == 6


def test_work_ends_where_its_report_raises():
    def cancel(part: float, text: str) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        time_accuracy([network("c2d")], [CLIPS], cancel)


@pytest.mark.parametrize(("name", "settings"), [("gte", 3), ("c3d", 2)])
def test_every_layer_is_replaced_alone_and_in_every_setting(name, settings):
    subject = network(name)
    before = {key: value.clone() for key, value in subject.model.state_dict().items()}
    layers = list(temporal_layers(subject.model))[:2]
    table = layer_ablation(subject, layers, CLIPS)
    assert all(torch.equal(value, before[key]) for key, value in subject.model.state_dict().items())
    assert table["layer"].tolist() == [layer for layer in layers for _ in range(settings + 1)]
    assert table.loc[table["setting"] == "learned", ["lost", "gained"]].to_numpy().sum() == 0
    trained = table["right"].iloc[0]
    assert (trained - table["lost"] + table["gained"] == table["right"]).all()
    names = {layer: layer for layer in layers}
    assert "matters most" in layers_finding(table, names)
    assert len(traces(figures.damage_by_layer(table, 14))) == settings


def test_the_blend_has_the_untrained_and_the_trained_kernels():
    subject = network("gte")
    settings = settings_for(subject.model)
    table = settings_accuracy(subject, list(temporal_layers(subject.model)), every_step(settings), CLIPS)
    rows = {(row["setting"], row["blend"]): row["right"] for row in table.to_dict("records")}
    assert rows["blend", 0.0] == rows["initial", 1.0]
    assert rows["blend", 1.0] == rows["learned", 1.0]
    assert settings_finding(table).startswith("The trained network is right on")
    assert len(traces(figures.setting_bars(table, 14, "zero"))[0]["y"]) == 6
    assert traces(figures.blend_curve(table, 0.5, 14))[0]["x"].tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]


def test_a_network_whose_output_is_not_a_number_gives_a_sentence():
    subject = network("gte")
    with torch.no_grad():
        subject.model.get_parameter("fc.weight").fill_(torch.nan)
    with pytest.raises(ValueError, match="The output of gte is not a number"):
        layer_ablation(subject, [], CLIPS)


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ((50, 50, 50, 51), "layer1.0 does not matter here: the trained network is right on 50 of 56 clips"),
        ((50, 49, 50, 48), "with zeroed kernels on 48, which is not significant"),
        (
            (50, 49, 20, 48),
            "layer1.0 matters: the trained network is right on 50 of 56 clips, with no shift on 20.",
        ),
    ],
)
def test_the_finding_names_the_worst_replacement_and_whether_it_is_significant(right, words):
    table = pd.DataFrame(
        {
            "setting": ("learned", "initial", "identity", "zero"),
            "right": right,
            "num_clips": 56,
            "chance": [chance_of_flips(max(0, right[0] - now), 0) for now in right],
        }
    )
    assert words in ablation_finding(table, "layer1.0")
