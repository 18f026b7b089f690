"""The check of a data set finds each planted fault, and nothing in a sound data set."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gte.cli import run_command
from gte.data import DataReference, __main__
from gte.data.check import Report, check_dataset, too_slow
from gte.data.video.writing import write_video
from gte.errors import DatasetError
from tests.gte.data.published import LAYOUTS, write_clip, write_images, write_text

CLASSES = ("walk", "run")


def sound(root: Path) -> None:
    """Write a list with two clips of each class in each split."""
    rows = ["path,label,split,group"]
    for number, split in enumerate(("train", "val", "test")):
        for label, name in enumerate(CLASSES):
            for take in range(2):
                path = f"{split}/{name}{take}.mp4"
                write_clip(root / path, 1 + label, num_frames=10 + 2 * number + take)
                rows.append(f"{path},{name},{split},person {number}")
    write_text(root / "labels.csv", rows)


def edit(root: Path, old: str, new: str) -> None:
    text = (root / "labels.csv").read_text(encoding="utf-8")
    assert old in text
    (root / "labels.csv").write_text(text.replace(old, new), encoding="utf-8")


def add(root: Path, row: str, file_name: str = "labels.csv") -> None:
    with (root / file_name).open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")


def miss(root: Path) -> None:
    (root / "train/walk0.mp4").unlink()


def damage(root: Path) -> None:
    (root / "val/run1.mp4").write_bytes(b"no video" * 100)


def cut(root: Path) -> None:
    content = (root / "test/run1.mp4").read_bytes()
    (root / "test/run1.mp4").write_bytes(content[: len(content) // 2])


def shorten(root: Path) -> None:
    write_clip(root / "train/run0.mp4", 2, num_frames=3)


def leave_out_images(root: Path) -> None:
    (root / "labels.csv").unlink()
    write_images(root / "train/run of 10", 1)
    write_text(root / "classes.txt", CLASSES)
    for split in ("train", "val"):
        write_text(root / f"{split}.txt", [f"{split}/walk0.mp4 1", f"{split}/run0.mp4 0"])
    add(root, "train/run of 10 14 0", "train.txt")


def blank(root: Path) -> None:
    write_video(root / "train/run0.mp4", np.zeros((8, 48, 64, 3), np.uint8), 12)


def leave_range(root: Path) -> None:
    count_from_one(root)
    write_text(root / "classes.txt", CLASSES)
    write_text(root / "val.txt", ["val/walk0.mp4 6 0", "val/run0.mp4 6 1"])


def count_from_one(root: Path) -> None:
    (root / "labels.csv").unlink()
    for split in ("train", "val"):
        write_text(root / f"{split}.txt", [f"{split}/walk0.mp4 6 1", f"{split}/run0.mp4 6 2"])


def empty_class(root: Path) -> None:
    write_clip(root / "val/jump.mp4", 3, num_frames=17)
    add(root, "val/jump.mp4,jump,val,person 1")


def share_file(root: Path) -> None:
    shutil.copy(root / "train/walk1.mp4", root / "test/renamed.mp4")
    add(root, "test/renamed.mp4,walk,test,person 2")


def share_group(root: Path) -> None:
    edit(root, "val/walk0.mp4,walk,val,person 1", "val/walk0.mp4,walk,val,person 0")


def two_labels(root: Path) -> None:
    shutil.copy(root / "train/walk1.mp4", root / "train/again.mp4")
    add(root, "train/again.mp4,run,train,person 0")


def change_header(root: Path) -> None:
    rows = (root / "labels.csv").read_text(encoding="utf-8").splitlines()
    (root / "labels.csv").unlink()
    write_text(root / "classes.txt", CLASSES)
    for split in ("train", "val"):
        write_text(root / f"{split}.csv", [rows[0], *(row for row in rows if row.startswith(split))])
    write_text(root / "val.csv", ["file,label", "val/walk0.mp4,walk"])


def repeat_name(root: Path) -> None:
    add(root, "train/walk0.mp4,walk,train,person 0")


FAULTS: list[tuple[Callable[[Path], None], str, str, str]] = [
    (miss, "missing", "train: 1 of 4 clips have no file", "walk0.mp4"),
    (damage, "unreadable", "val: 1 of 4 clips that were read cannot be read", "val/run1.mp4: run1.mp4"),
    (cut, "unreadable", "test: 1 of 4 clips that were read cannot be read", "test/run1.mp4: run1.mp4 is cut"),
    (shorten, "too short", "train: 1 of 4 .* fewer than the 4 frames", "train/run0.mp4: 3 frames"),
    (leave_out_images, "fewer images", "train: 1 of 3 .* than their list states", "train/run of 10: 10 frames"),
    (blank, "blank", "train: 1 of 4 .* one even colour", "train/run0.mp4"),
    (
        leave_range,
        "annotations",
        "train: .*train.txt, line 2: a label is from 0 to 1, .*; got 2. Labels count from 0",
        "",
    ),
    (count_from_one, "off by one", r"No clip has label 0 \(class 0\) and there are 3 classes", ""),
    (empty_class, "empty class", "train: 1 of 3 classes have no clip", "jump"),
    (
        share_file,
        "file in two splits",
        "1 files are in several splits",
        "train train/walk1.mp4 = test test/renamed.mp4",
    ),
    (share_group, "group in two splits", "1 of 3 groups", "person 0: 4 in train, 1 in val"),
    (two_labels, "two labels", "1 files are there several times with different labels", "train train/again.mp4"),
    (change_header, "annotations", "val: .*val.csv, line 1: the header lacks path", ""),
    (repeat_name, "annotations", "train: .*line 14: the clip train/walk0.mp4 is already in .*line 2", ""),
]


def checked(root: Path) -> Report:
    return check_dataset(DataReference("list", root.name), root, num_frames=4, size=32)


@pytest.mark.parametrize(("plant", "check", "message", "example"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_each_planted_fault_is_found(
    plant: Callable[[Path], None], check: str, message: str, example: str, tmp_path: Path
):
    sound(tmp_path)
    plant(tmp_path)
    findings = [finding for finding in checked(tmp_path).findings if finding.check == check]
    assert len(findings) >= 1
    assert any(re.search(message, finding.message) for finding in findings)
    assert any(example in text for text in ("\n".join(finding.examples) for finding in findings))


def test_a_sound_data_set_has_no_finding_and_is_counted(tmp_path: Path):
    sound(tmp_path)
    report = checked(tmp_path)
    assert report.findings == ()
    assert report.clips["train"] == {"run": 2, "walk": 2}
    assert report.num_read == {"train": 4, "val": 4, "test": 4}
    assert [(low, count) for low, _, count in report.frame_counts] == [(frames, 2) for frames in range(10, 16)]
    assert sum(count for *_, count in report.frame_rates) == 12
    assert all(abs(low - 12) < 0.1 for low, *_ in report.frame_rates)
    assert report.clips_per_second > 0


def test_of_many_clips_some_evenly_spaced_ones_are_read(tmp_path: Path):
    sound(tmp_path)
    report = check_dataset(DataReference("list", tmp_path.name), tmp_path, num_frames=4, size=32, max_clips=3)
    assert report.num_read == {"train": 3, "val": 3, "test": 3}


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "kinetics"])
def test_small_data_sets_of_each_layout_are_sound(name: str, tmp_path: Path):
    layout = LAYOUTS[name]
    layout.write(tmp_path)
    report = check_dataset(
        DataReference(layout.dataset, tmp_path.name, layout.options), tmp_path, num_frames=4, size=32
    )
    assert report.findings == ()
    assert set(report.clips) == set(layout.splits)


def test_a_training_that_is_faster_than_reading_is_a_finding_with_the_number_of_processes(tmp_path: Path):
    sound(tmp_path)
    report = checked(tmp_path)
    speed = report.clips_per_second
    assert [finding.check for finding in too_slow(report, 3.5 * speed, 2, "small")] == ["too slow"]
    assert "--num-workers 4" in next(too_slow(report, 3.5 * speed, 2, "small")).message
    assert list(too_slow(report, 1.5 * speed, 2, "small")) == []


def test_where_no_split_can_be_listed_the_first_reason_is_given(tmp_path: Path):
    with pytest.raises(DatasetError, match="A list of the train split is needed"):
        checked(tmp_path)
    with pytest.raises(DatasetError, match=r"There is no folder .*nowhere"):
        checked(tmp_path / "nowhere")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """The command on the data in `tmp_path`, with a step that is measured once; returns its exit status."""
    monkeypatch.setattr(__main__, "MIN_SECONDS", 0.001)

    def run(*options: str) -> int:
        monkeypatch.setattr(
            sys, "argv", ["gte.data", "check", "list", str(tmp_path), "--num-workers", "10000", *options]
        )
        try:
            run_command(__main__.main, prog="python -m gte.data")
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return run


def test_the_command_ends_with_0_for_a_sound_data_set_1_for_findings_and_2_if_nothing_can_be_read(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert command() == 2
    assert "gte.data: A list of the train split is needed" in capsys.readouterr().err
    sound(tmp_path)
    assert command() == 0
    output = capsys.readouterr().out
    assert "train: 4 clips of 2 classes, from 2 (run) to 2 (walk); 4 were read." in output
    assert "Nothing is wrong." in output
    damage(tmp_path)
    assert command("--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert [finding["check"] for finding in report["findings"]] == ["unreadable"]
    assert report["needed_clips_per_second"] > 0
