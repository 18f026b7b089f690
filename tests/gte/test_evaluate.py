"""Evaluation: views, mistakes, reversed clips, and clips that are missing."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gte.data import ClipDataset, DataReference, open_dataset
from gte.data.loading import EvaluationClips
from gte.data.sampling import segment_frames
from gte.data.views import Views, dense_frames
from gte.errors import CheckpointError, DatasetError, VideoError
from gte.evaluate import EvaluateConfig, Scores, evaluate, main
from gte.train import train
from tests.gte.data.small_data import small_reference, write_clip
from tests.tiny import tiny_training


class Brightness(nn.Module):
    """Logits that tell how bright a clip is: sums over views can be checked by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        mean = clips.mean((1, 2, 3, 4))
        return torch.stack([mean, 1 - mean], 1)


@pytest.fixture
def data(tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> DataReference:
    """A copy of the small folder that a test may damage."""
    reference = DataReference.parse(small_reference("folder", small_data))
    shutil.copytree(small_data / reference.root, tmp_path / reference.root)
    monkeypatch.setenv("GTE_DATA", str(tmp_path))
    return reference


def test_scores_list_the_commonest_mistakes_and_shares_by_target():
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    guesses = torch.tensor([0, 1, 1, 0, 1, 1])
    scores = Scores(torch.eye(3)[guesses], labels)
    assert scores.confused_pairs(5) == [(0, 1, 2), (1, 0, 1), (2, 1, 1)]
    assert scores.top1 == pytest.approx(2 / 6)
    share, count = scores.share_of([1, 0, -1])
    assert (share, count) == (pytest.approx(3 / 5), 5)
    assert np.isnan(scores.share_of([-1, -1, -1])[0])


def test_one_view_is_the_centre_frames_and_several_are_at_equal_steps_within_each_part():
    times = np.arange(24) / 12
    assert segment_frames(times, 4).tolist() == [2, 8, 15, 21]
    assert segment_frames(times, 4, part=0.25).tolist() == [1, 7, 13, 19]
    assert segment_frames(times, 4, part=0.75).tolist() == [4, 10, 16, 22]
    uneven = np.array([0.0, 0.1, 0.2, 0.3, 1.0, 2.0])
    assert segment_frames(uneven, 2, 3.0, part=0.25).tolist() == [3, 4]


def test_dense_views_are_windows_of_64_frames_at_equal_steps_through_the_clip():
    assert dense_frames(164, 8, 0, 1).tolist() == [53, 61, 69, 77, 86, 94, 102, 110]
    assert [dense_frames(164, 8, clip, 3)[0] for clip in range(3)] == [3, 53, 103]
    assert dense_frames(164, 8, 2, 3)[-1] < 164


def test_three_crops_lie_along_the_long_side_and_the_middle_one_is_the_usual_square(data):
    dataset = open_dataset(str(data), "test", 32)
    left, middle, right = (Views(crops=3).read(dataset, 0, crop, 4, 32) for crop in range(3))
    np.testing.assert_array_equal(middle, EvaluationClips(dataset, 4)[0].frames)
    assert not np.array_equal(left, right)


def test_logits_are_averaged_over_the_views_of_each_clip(data):
    dataset = open_dataset(str(data), "test", 32)
    model = Brightness()
    views = Views(clips=2, crops=3)
    scores = evaluate(model, dataset, num_frames=4, num_workers=0, views=views, size=32, batch_size=5)
    for index in range(len(dataset)):
        mean = np.mean([views.read(dataset, index, view, 4, 32).mean() / 255 for view in range(6)])
        assert scores.logits[index, 0].item() == pytest.approx(mean, abs=1e-5)
        assert scores.labels[index] == dataset.label(index)


def test_reversed_clips_are_the_same_frames_in_reverse_order(data):
    dataset = open_dataset(str(data), "test", 32)
    backwards = EvaluationClips(dataset, 4, reverse=True)[1].frames
    np.testing.assert_array_equal(backwards, EvaluationClips(dataset, 4)[1].frames[::-1])


def file_of(dataset: ClipDataset, index: int) -> Path:
    path = dataset.path(index)
    assert path is not None
    return path


def test_a_clip_that_cannot_be_read_stops_the_evaluation_or_is_left_out_and_named(data):
    dataset = open_dataset(str(data), "test", 32)
    file_of(dataset, 1).write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"push.*--allow-missing"):
        evaluate(Brightness(), dataset, num_frames=4, num_workers=0)
    scores = evaluate(Brightness(), dataset, num_frames=4, num_workers=0, allow_missing=True, batch_size=1)
    assert len(scores.labels) == len(dataset) - 1
    assert len(scores.problems) == 1
    for index in range(len(dataset)):
        file_of(dataset, index).write_bytes(b"no video")
    with pytest.raises(DatasetError, match="None of the 4 clips"):
        evaluate(Brightness(), dataset, num_frames=4, num_workers=0, allow_missing=True)


@pytest.fixture
def checkpoint(data, tmp_path):
    """A trained network of the small folder."""
    data_facts = {"dataset": "folder", "data_root": tmp_path / data.root, "data": data.options}
    return train(tiny_training(tmp_path / "net", **data_facts, num_frames=4, epochs=1))


def test_the_command_prints_mistakes_views_and_reversal_and_writes_the_confusion_matrix(checkpoint, tmp_path, capsys):
    table = tmp_path / "confusion.csv"
    main((checkpoint,), EvaluateConfig(num_workers=0, json=True, reversal=True, views=2, confusion=table))
    result = json.loads(capsys.readouterr().out)
    assert result["num_clips"] == result["clips_with_reversed_class"] == 4
    assert result["views"] == "2 x 1 views of segments"
    assert result["reversed_clips_given_reversed_class"] + result["reversed_clips_given_own_class"] == pytest.approx(1)
    assert np.sum(result["confusion"]) == 4
    rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["class", "pull", "push"]
    assert [[int(cell) for cell in row[1:]] for row in rows[1:]] == result["confusion"]
    main((checkpoint,), EvaluateConfig(num_workers=0, reversal=True))
    assert "shown in reverse" in capsys.readouterr().out


def test_a_missing_clip_is_named_before_anything_is_computed(checkpoint, data, tmp_path, capsys):
    rows = [f"test/{name}/s{number}_{number}.mp4,{name},test" for name in ("pull", "push") for number in range(2)]
    (tmp_path / data.root / "list.csv").write_text("\n".join(["path,label,split", *rows]))
    (tmp_path / data.root / "test/push/s1_1.mp4").unlink()
    listed = {"dataset": "list", "data_root": tmp_path / data.root, "split": "test", "num_workers": 0}
    with pytest.raises(DatasetError, match=r"1 of 4 clips are missing: .*push/s1_1.*--allow-missing"):
        main((checkpoint,), EvaluateConfig(**listed))
    main((checkpoint,), EvaluateConfig(**listed, allow_missing=True))
    printed = capsys.readouterr()
    assert "of 3 test clips" in printed.out
    assert "Left out 1 clips" in printed.err


def test_classes_of_another_data_set_are_compared_by_name_and_an_unknown_one_is_named(checkpoint, tmp_path, capsys):
    for split in ("train", "val", "test"):
        write_clip(tmp_path / "one-class" / split / "push" / "0.mp4", 3)
    other = {"dataset": "folder", "num_workers": 0, "json": True}
    main((checkpoint,), EvaluateConfig(data_root=tmp_path / "one-class", **other))
    result = json.loads(capsys.readouterr().out)
    assert result["confusion"][0] == [0, 0]
    assert sum(result["confusion"][1]) == 1
    assert result["top1_by_class"]["pull"] is None
    shutil.move(tmp_path / "one-class/test/push", tmp_path / "one-class/test/jump")
    with pytest.raises(CheckpointError, match="does not know jump"):
        main((checkpoint,), EvaluateConfig(data_root=tmp_path / "one-class", **other))


def test_several_checkpoints_give_a_row_each(checkpoint, tmp_path, capsys):
    table = tmp_path / "runs.csv"
    main((checkpoint, checkpoint), EvaluateConfig(num_workers=0, reversal=True, csv=table, json=True))
    results = json.loads(capsys.readouterr().out)
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert [(row["model"], row["seed"]) for row in rows] == [("gte", "0")] * 2
    assert [float(row["top1"]) for row in rows] == [result["top1"] for result in results]
    with pytest.raises(ValueError, match="--confusion writes the matrix of one"):
        main((checkpoint, checkpoint), EvaluateConfig(confusion=table))
    with pytest.raises(ValueError, match="checkpoint to evaluate is missing"):
        main((), EvaluateConfig())
