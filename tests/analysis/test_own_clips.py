"""The data set whose clips a network is shown, and experiments on one with few clips, few reversed classes, or none."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis import own_clips
from analysis.attribution import __main__ as attribution
from analysis.attribution.sanity_checks import __main__ as sanity_checks
from analysis.attribution.sanity_checks.checks import Subject, obstacle
from analysis.attribution.sanity_checks.clips import check_clips, rival_in_words
from analysis.interventions import __main__ as interventions
from analysis.interventions.accuracy import compare_answers, settings_finding, time_finding
from analysis.interventions.labelled_clips import LabelledClips
from analysis.interventions.layer_ablation import (
    NUM_CLIPS,
    layer_ablation,
    store_ablation,
    stored_ablation,
)
from analysis.kernels import measure, measured_reach, moments
from gte.checkpoint import load_model
from gte.checkpoint_header import read_header
from gte.data import DataOptions, DataReference, open_labelled
from gte.errors import CheckpointError, DatasetError
from gte.models import block_outputs
from tests.gte.data.small_data import small_reference, write_clip
from tests.tiny import save_tiny

CLASSES = ("pull", "push", "wave")
NUM_TEST = (3, 2, 1)
REFERENCE = str(DataReference("folder", "three-motions", DataOptions(twins=("pull=push",))))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds a data set of three classes, two of which are each other's reversal."""
    folder = tmp_path_factory.mktemp("videos")
    for label, (name, count) in enumerate(zip(CLASSES, NUM_TEST, strict=True)):
        write_clip(folder / "three-motions" / "train" / name / "a.mp4", label)
        for number in range(count):
            write_clip(folder / "three-motions" / "test" / name / f"{number}.mp4", 10 * label + number)
    return folder


@pytest.fixture
def gte(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GTE that was trained on that data set, which is here."""
    monkeypatch.setenv("GTE_DATA", str(videos))
    return save_tiny(tmp_path / "gte.safetensors", "gte", dataset=REFERENCE, classes=CLASSES, twins=(1, 0, -1))


@pytest.fixture
def clips(gte: Path) -> LabelledClips:
    header = read_header(gte)
    return LabelledClips(dataset=REFERENCE, num_clips=6, num_frames=header.num_frames, size=header.size)


def test_a_network_is_shown_clips_of_its_own_data_set_whether_they_are_here_or_not(gte, monkeypatch):
    header = read_header(gte)
    assert own_clips.dataset_of(header) == REFERENCE
    assert own_clips.has_labels(header)
    assert own_clips.num_clips(header, 280) == 6
    monkeypatch.setenv("GTE_DATA", "")
    assert own_clips.dataset_of(header) == REFERENCE
    assert not own_clips.has_labels(header)
    reason = own_clips.why_no_clips(header)
    assert reason == own_clips.why_no_labels(header)
    assert reason.startswith("gte was trained on three-motions.")
    assert "no folder three-motions" in reason
    assert "GTE_DATA" in reason
    assert "--data-root" in reason


def test_other_classes_and_other_data_give_clips_without_labels(gte):
    header = read_header(gte)
    for other in (replace(header, classes=("pull", "push", "shake")), replace(header, dataset="")):
        assert own_clips.why_no_clips(other) == ""
        assert not own_clips.has_labels(other)
    assert own_clips.dataset_of(replace(header, dataset="")) == "motionpairs"
    assert "has other classes than three-motions" in own_clips.why_no_labels(replace(header, classes=CLASSES[:2]))
    assert "was not trained on MotionPairs" in own_clips.why_no_labels(replace(header, dataset=""))


def test_an_unknown_data_set_of_a_newer_version_is_not_here(gte):
    header = replace(read_header(gte), dataset="newer-than-this:folder")
    assert "The data sets are motionpairs" in own_clips.why_no_clips(header)


def test_a_clip_is_found_by_its_name_and_by_its_class(gte, monkeypatch):
    header, data = read_header(gte), open_labelled(REFERENCE)
    index = own_clips.find_clip(header, "test/push/1.mp4")
    assert index is not None
    assert data.clip_id(index) == "test/push/1.mp4"
    example = own_clips.find_clip(header, "wave")
    assert example is not None
    assert data.label(example) == CLASSES.index("wave")
    assert own_clips.find_clip(header, "shake") is None
    monkeypatch.setenv("GTE_DATA", "")
    with pytest.raises(DatasetError, match="no folder three-motions"):
        own_clips.find_clip(header, "wave")


def test_clips_of_a_data_set_without_published_test_labels_are_called_validation_clips(small_data):
    clips = LabelledClips(dataset=small_reference("list", small_data), num_clips=2, num_frames=2, size=32)
    assert clips.describe().startswith("2 validation clips of list-data, ")


def test_the_number_of_clips_per_class_is_stated_as_it_is(clips):
    assert clips.describe() == "6 test clips of three-motions, 1 to 3 per class: one clip is 17 %."
    assert replace(clips, num_clips=3).describe().startswith("3 test clips of three-motions, equally many per class")
    assert replace(clips, num_clips=2).describe().startswith("2 test clips of three-motions, 0 to 1 per class")


def test_shares_that_turn_to_the_reversed_class_are_of_the_clips_that_have_one(clips):
    labels = clips.labels()
    row = compare_answers(labels, clips.twins().clamp(min=0), clips)
    assert (row["with_twin"], row["twin"]) == (5, 5)
    turned = {"network": "gte", "change": "Reverse", "flipped": 4, "could_flip": 5, **row}
    assert time_finding(pd.DataFrame([turned])) == (
        "Reversing the clip changes the answer of gte to its reversed class on 4 of the 5 clips whose answer has one "
        "and leaves it unchanged on 0 of 6."
    )
    none = turned | {"flipped": 0, "could_flip": 0}
    assert "to its reversed class" not in time_finding(pd.DataFrame([none]))
    assert "none of its answers has a reversed class" in time_finding(pd.DataFrame([none]))
    trained = {"setting": "learned", "blend": 1.0, **compare_answers(labels, labels, clips)}
    mirrored = {"setting": "mirrored", "blend": 1.0, **row}
    some = settings_finding(pd.DataFrame([trained, mirrored]))
    assert "answers the reversed class on 5 of the 5 clips that have one, as trained on 0" in some
    without = [changed | {"with_twin": 0, "twin": 0} for changed in (trained, mirrored)]
    assert "reversed class" not in settings_finding(pd.DataFrame(without))


def test_rivals_are_called_reversed_classes_only_where_they_are(gte):
    assert rival_in_words((0, 1), (1, 0, -1)) == "reversed class"
    assert rival_in_words((2,), (1, 0, -1)) == "next class"
    assert rival_in_words((0, 2), (1, 0, -1)) == "reversed or next class (1 of 2 reversed)"
    model, header = load_model(gte)
    checked = check_clips(model, header, REFERENCE, 14)
    assert len(checked) == 6
    assert checked.rival == "reversed or next class (5 of 6 reversed)"


def test_a_result_that_is_stored_is_judged_where_the_clips_are_not(gte, clips, monkeypatch):
    network = interventions.Network(name="gte", model=load_model(gte)[0])
    table = layer_ablation(network, None, clips)
    store_ablation(gte, table, clips, shipped=True)
    monkeypatch.setenv("GTE_DATA", "")
    with pytest.raises(DatasetError):
        open_labelled(REFERENCE)
    stored = stored_ablation(gte, replace(clips, num_clips=NUM_CLIPS))
    assert stored is not None
    assert stored["p_holm"].tolist() == table["p_holm"].tolist()
    assert stored["num_clips"].tolist() == table["num_clips"].tolist()
    assert stored["right"].tolist() == table["right"].tolist()


def test_commands_take_the_clips_of_a_folder_and_say_where_it_is_missing(gte, capsys, monkeypatch):
    interventions.main(gte, store=True)
    assert "of 6" in capsys.readouterr().out
    sanity_checks.main(gte, checks=("frame order", "localization"))
    said = capsys.readouterr()
    assert "localization: Cannot be run" in said.err + said.out
    measure.main(gte)
    attribution.main(gte, Path("wave"))
    card = json.loads(capsys.readouterr().out)
    assert card["true class"] == "wave"
    assert card["frames of the source"] == 6
    monkeypatch.setenv("GTE_DATA", "")
    header = read_header(gte)
    assert moments.stored_moments(gte, header)
    blocks = tuple(block_outputs(load_model(gte)[0]))
    assert measured_reach.stored(gte, header, measured_reach.reach_clips(header), blocks) is not None
    for command in (interventions.main, measure.main):
        with pytest.raises((CheckpointError, DatasetError), match="GTE_DATA"):
            command(gte)
    with pytest.raises(DatasetError, match="no folder three-motions"):
        attribution.main(gte, Path("wave"))
    assert "no folder three-motions" in obstacle(
        "frame order", Subject(header=header, method="gradcam", layer="layer1.0")
    )
