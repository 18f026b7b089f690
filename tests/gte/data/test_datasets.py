"""The contract of the table of data sets, and the export of the rendered one."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from gte.data import DATASETS, DataReference, Split, label_of, open_dataset
from gte.data.motionpairs.dataset import MotionPairs, export_clips, main
from gte.data.video.sources import open_footage
from gte.errors import SplitError
from tests.gte.data.small_data import small_reference

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=DATASETS)
def reference(request: pytest.FixtureRequest, small_data: Path) -> str:
    """The reference of each data set; those that are read have small files of their own in `small_data`."""
    return small_reference(request.param, small_data) if DATASETS[request.param].is_read else request.param


def has_labels(reference: str, split: Split) -> bool:
    return split != "test" or DATASETS[DataReference.parse(reference).dataset].labelled == "test"


@pytest.mark.parametrize("split", get_args(Split))
def test_every_data_set_opens_and_says_what_its_clips_are(reference: str, split: Split):
    config = DATASETS[DataReference.parse(reference).dataset]
    assert config.note
    assert label_of(reference)
    if not has_labels(reference, split):
        with pytest.raises(SplitError, match="test"):
            open_dataset(reference, split, 32)
        return
    dataset = open_dataset(reference, split, 32)
    assert dataset.name == reference
    assert len(dataset) > 0
    num_classes = len(dataset.classes)
    assert len(dataset.twins) == num_classes == len(set(dataset.classes))
    assert all(-1 <= twin < num_classes for twin in dataset.twins)
    assert dataset.flip is None or sorted(dataset.flip) == list(range(num_classes))
    assert len({dataset.clip_id(index) for index in range(min(20, len(dataset)))}) == min(20, len(dataset))
    for index in dataset.examples():
        assert 0 <= dataset.label(index) < num_classes
        assert dataset.scene_number(index) >= 0
        assert dataset.group(index) is not None
        path = dataset.path(index)
        assert path is None or path.exists()
        seconds, end = dataset.seconds(index), dataset.end(index)
        assert (np.diff(seconds) > 0).all()
        assert end is None or end > seconds[-1]
        frames = dataset.frames(index, [2, 0])
        assert frames.dtype == np.uint8
        assert frames.shape == (2, 32, 32, 3)
        np.testing.assert_array_equal(frames[1:], dataset.frames(index, [0]))
        numbers, sampled = dataset.sample(index, lambda times, end: [len(times) - 1])
        assert numbers.tolist() == [len(seconds) - 1]
        np.testing.assert_array_equal(sampled, dataset.frames(index, numbers))
        assert dataset.frames(index, [0], whole=True).ndim == 4


def test_data_sets_open_at_their_own_size_and_another_seed_is_another_data_set_if_it_is_rendered():
    size = DATASETS["motionpairs"].size
    frames = open_dataset("motionpairs", "val").frames(0, [0])
    assert frames.shape[1:] == (size, size, 3)
    assert (open_dataset("motionpairs", "val", seed=1).frames(0, [0]) != frames).any()


def test_an_unknown_data_set_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"The data sets are motionpairs.*; got 'mine'"):
        open_dataset("mine", "val", 32)


def test_reading_the_table_loads_neither_torch_nor_opencv_and_opening_a_data_set_no_torch():
    code = (
        "import sys, gte.data as data; assert not {'torch', 'cv2'} & set(sys.modules);"
        "data.open_dataset('motionpairs', 'val', 32).frames(0, [0]);"
        "import gte.data.video, gte.data.sampling; assert 'torch' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_an_export_holds_the_clips_as_videos_and_a_table_of_what_they_show(tmp_path: Path):
    main(tmp_path / "out", split="test", num_clips=4, size=64, seed=2)
    with (tmp_path / "out" / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["index"], row["class"], row["twin"]) for row in rows] == [
        ("0", "moves left", "moves right"),
        ("1", "moves right", "moves left"),
        ("700", "moves right", "moves left"),
        ("701", "moves left", "moves right"),
    ]
    assert {(row["split"], row["seed"]) for row in rows} == {("test", "2")}
    dataset = MotionPairs("test", 64, seed=2)
    for row in rows:
        path = tmp_path / "out" / row["file"]
        assert open_footage(path).info.num_frames == 24
        shown = open_footage(path).read([0, 23]).astype(float)
        assert np.abs(shown - dataset.frames(int(row["index"]), [0, 23])).mean() < 8
    assert {path.name for path in (tmp_path / "out").iterdir()} == {row["file"] for row in rows} | {"labels.csv"}


def test_an_export_that_is_stopped_leaves_whole_clips_and_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = MotionPairs("train", 32)
    frames = MotionPairs.frames

    def stopping(self: MotionPairs, index: int, which: range) -> np.ndarray:
        if index == 2:
            raise KeyboardInterrupt
        return frames(self, index, which)

    monkeypatch.setattr(MotionPairs, "frames", stopping)
    with pytest.raises(KeyboardInterrupt):
        export_clips(dataset, tmp_path, range(4))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "train-00000-moves-left.webm",
        "train-00001-moves-right.webm",
    ]


def test_the_command_line_exports_and_answers_bad_options_with_one_sentence_and_status_two(tmp_path: Path):
    command = [sys.executable, "-m", "gte.data.motionpairs"]
    good = [*command, "--export", str(tmp_path), "--num-clips", "2", "--size", "32", "--split", "val"]
    result = subprocess.run(good, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == f"Wrote 2 clips and labels.csv to {tmp_path}.\n"
    result = subprocess.run(
        [*command, "--export", str(tmp_path), "--num-clips", "3"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert "--num-clips must be 1 to 1400, even" in result.stderr
    assert result.stderr.count("\n") == 1
