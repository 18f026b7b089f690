"""Readers of annotations, on small data sets in the layouts of their publishers."""

from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import get_args

import pytest

from gte.data import (
    DATASETS,
    Split,
    diving48,
    hmdb51,
    jester,
    kinetics,
    list_file,
    something,
    ucf101,
)
from gte.data.annotations import read_classes
from gte.data.directions import mirrored_classes
from gte.data.listing import DataOptions, Listing
from gte.errors import DatasetError, SplitError
from tests.gte.data import published
from tests.gte.data.published import LAYOUTS, write_text

READERS: dict[str, Callable[[Path, Split, DataOptions], Listing]] = {
    name: resolve_name(config.source) for name, config in DATASETS.items() if config.is_read
}
NO_OPTIONS = DataOptions()


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_lists_its_clips_with_paths_that_exist(name: str, tmp_path: Path):
    layout = LAYOUTS[name]
    layout.write(tmp_path)
    for split in get_args(Split):
        if split not in layout.splits:
            with pytest.raises(SplitError, match=r"test"):
                READERS[layout.dataset](tmp_path, split, layout.options)
            continue
        listing = READERS[layout.dataset](tmp_path, split, layout.options)
        assert len(listing.clips) == layout.splits[split]
        assert [clip.path for clip in listing.clips if not clip.path.exists() and "lost" not in clip.clip_id] == []
        assert {clip.label for clip in listing.clips} <= set(range(len(listing.classes)))
        assert {*listing.twins, *(listing.flip or {})} <= set(listing.classes)


def test_something_keeps_the_order_of_the_publisher_and_knows_mirrored_and_reversed_classes(tmp_path: Path):
    published.something_v2(tmp_path)
    listing = something.read_v2(tmp_path, "train", NO_OPTIONS)
    left, right, opening = published.PUSHES
    assert listing.classes == (left, right, opening)
    assert [(clip.clip_id, clip.label) for clip in listing.clips] == [("7", 1), ("30", 0), ("4", 2)]
    assert listing.clips[0].path == tmp_path / "20bn-something-something-v2/7.webm"
    assert listing.flip == {left: right, right: left}
    assert listing.twins == {}, "opening has no partner here, and a push is not the reversal of a push"


def test_a_reversal_is_declared_in_both_directions_of_classes_that_are_there(tmp_path: Path):
    published.jester(tmp_path)
    listing = jester.read(tmp_path, "train", NO_OPTIONS)
    swipes = {"Swiping Left": "Swiping Right", "Swiping Right": "Swiping Left"}
    turns = {
        "Turning Hand Clockwise": "Turning Hand Counterclockwise",
        "Turning Hand Counterclockwise": "Turning Hand Clockwise",
    }
    assert listing.twins == listing.flip == swipes | turns
    assert listing.fps == 12


def test_a_class_without_a_mirrored_partner_allows_no_mirroring():
    assert mirrored_classes(["Pushing from left to right", "Opening"]) is None
    assert mirrored_classes(["Plugging in but pulling it right out", "Turning upright"]) == {}


@pytest.mark.parametrize("module", [ucf101, hmdb51, diving48])
def test_clips_held_out_from_training_leave_every_class_there_and_share_no_group(module, tmp_path: Path):
    getattr(published, module.__name__.rpartition(".")[2])(tmp_path)
    train, val = (module.read(tmp_path, split, NO_OPTIONS) for split in ("train", "val"))
    assert {clip.label for clip in train.clips} == set(range(len(train.classes)))
    assert not {clip.group for clip in train.clips} & {clip.group for clip in val.clips}
    assert "of 4 clips for training are held out as val" in train.notes[-1]


def test_groups_are_the_recordings(tmp_path: Path):
    published.hmdb51(tmp_path / "h")
    published.ucf101(tmp_path / "u")
    published.diving48(tmp_path / "d")
    groups = [
        {clip.group for split in ("train", "val", "test") for clip in module.read(root, split, NO_OPTIONS).clips}
        for module, root in ((hmdb51, tmp_path / "h"), (ucf101, tmp_path / "u"), (diving48, tmp_path / "d"))
    ]
    assert groups[0] == {"April_09", "b_#2", "20060723sfjffbitemebaby", "Web_(1)", "Test"}
    assert groups[1] == {f"v_{name}_g{number}" for name in ("ApplyEyeMakeup", "YoYo") for number in ("01", "08", "09")}
    assert groups[2] == {"-mmq0PT-u8k", "a_b", "8qRmKunCjtY"}


def test_diving48_says_which_file_it_read_and_joins_the_parts_of_a_class(tmp_path: Path):
    published.diving48(tmp_path)
    listing = diving48.read(tmp_path, "test", NO_OPTIONS)
    assert listing.classes == ("Back+15som+05Twis+FREE", "Inward+25som+NoTwis+PIKE")
    expected = "Diving48_V2_test.json was read: it lists 2 clips, which is the number of neither published version."
    assert listing.notes == (expected,)


def test_kinetics_counts_classes_over_all_its_files_and_names_videos_by_their_seconds(tmp_path: Path):
    published.kinetics(tmp_path)
    listing = kinetics.read(tmp_path, "val", NO_OPTIONS)
    assert listing.classes == ("abseiling", "riding a bike")
    assert listing.clips[0].path == tmp_path / "val/abseiling/0wR5jVB-WPk_000417_000427.mp4"
    (tmp_path / "train").rename(tmp_path / "spaces")
    published.write_clip(tmp_path / "train/riding_a_bike/--6bJUbfpnQ_000017_000027.mp4", 1)
    assert kinetics.read(tmp_path, "train", NO_OPTIONS).clips[0].path.exists()


def test_a_list_can_have_spaces_in_paths_and_no_number_of_images(tmp_path: Path):
    write_text(tmp_path / "train.txt", ["a b/clip 3.mp4 1", '"c 4" 20 0', "d\t7\t1"])
    clips = list_file.read(tmp_path, "train", DataOptions(template="{:05d}.jpg", group_pattern="^(.)")).clips
    assert [(clip.clip_id, clip.num_images, clip.label) for clip in clips] == [
        ("a b/clip 3.mp4", None, 1),
        ("c 4", 20, 0),
        ("d", 7, 1),
    ]
    assert [clip.images for clip in clips] == ["", "{:05d}.jpg", "{:05d}.jpg"]
    assert [clip.group for clip in clips] == ["a", "c", "d"]


def test_a_csv_list_has_parts_of_videos_and_classes_by_name(tmp_path: Path):
    published.csv_list(tmp_path)
    listing = list_file.read(tmp_path, "val", NO_OPTIONS)
    assert listing.classes == ("falling", "jumping")
    assert [(clip.start, clip.end, clip.label) for clip in listing.clips] == [(0.25, 0.75, 1), (0.0, None, 0)]
    assert listing.clips[0].clip_id == "validation, one.mp4@0.25"


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_a_name(tmp_path: Path):
    (tmp_path / "classes.txt").write_bytes(b"\xef\xbb\xbf0 walking\r\n1 running fast\r\n")
    assert read_classes(tmp_path / "classes.txt") == ("walking", "running fast")


def broken_something(root: Path, lines: list[str]) -> None:
    write_text(root / "something-something-v1-labels.csv", ["Opening something", "Closing something"])
    write_text(root / "something-something-v1-train.csv", lines)


FAULTS = {
    "unknown class": (["1;Opening something", "2;Opening a thing"], r"train.csv, line 2: 'Opening a thing' is none of"),
    "same number twice": (["1;Opening something"] * 2, r"line 2: the clip 1 is already in .*train.csv, line 1"),
    "no label": (["5"], r"train.csv lists clips without labels, .*; use the split val"),
    "no label later": (["1;Opening something", "5"], r"line 2: a row is the clip's number, .* got 1 fields"),
    "three fields": (["5;Opening something;x"], r"line 1: a row is the clip's number, .* got 3 fields"),
    "open quote": (['5;"Opening something'], r"line 1: its quotes or line ends are damaged"),
    "empty": ([], r"train.csv is empty"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_file_without_header_is_one_sentence_with_its_line(fault: str, tmp_path: Path):
    lines, expected = FAULTS[fault]
    broken_something(tmp_path, lines)
    with pytest.raises(DatasetError, match=expected):
        something.read_v1(tmp_path, "train", NO_OPTIONS)


LIST_FAULTS = {
    "label too large": ("train.txt", ["a 10 2"], r"train.txt, line 1: a label is from 0 to 1, .* Labels count from 0"),
    "label below 0": ("train.txt", ["a 10 0", "b 10 -1"], r"line 2: a label is from 0 to 1, for 2 classes; got -1"),
    "no label": ("train.txt", ["a"], r"line 1: a line is a path, its number of images, and a label"),
    "header": (
        "labels.csv",
        ["file,label,split"],
        r"labels.csv, line 1: the header lacks path; it is file,label,split",
    ),
    "no column split": ("labels.csv", ["path,label", "a,0"], r"labels.csv lists all clips without a column split"),
    "another split": (
        "labels.csv",
        ["path,label,split", "a,0,dev"],
        r"line 2: a split is train, val or test; got 'dev'",
    ),
    "too many fields": ("train.csv", ["path,label", "a,b,0"], r"line 2: the header has 2 fields and this row 3"),
    "seconds": ("train.csv", ["path,label,start,end", "a,0,x,"], r"line 2: start and end are seconds"),
    "ends first": ("train.csv", ["path,label,start,end", "a,0,2,1"], r"line 2: a clip ends after it starts"),
    "no list": ("val.txt", ["a 10 0"], r"A list of the train split is needed in .*: train.txt, train_videofolder.txt"),
}


@pytest.mark.parametrize("fault", LIST_FAULTS)
def test_a_fault_in_a_list_is_one_sentence_with_its_line(fault: str, tmp_path: Path):
    name, lines, expected = LIST_FAULTS[fault]
    write_text(tmp_path / "classes.txt", ["walking", "running"])
    write_text(tmp_path / name, lines)
    with pytest.raises(DatasetError, match=expected):
        list_file.read(tmp_path, "train", NO_OPTIONS)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("annotations/Diving48_V2_train.json", "[{", r"Diving48_V2_train.json, line 1: it is no JSON"),
        ("annotations/Diving48_V2_train.json", '[{"label": 0}]', r"entry 1: it has no vid_name"),
        (
            "annotations/Diving48_V2_train.json",
            '[{"vid_name": "a_1", "label": 48}]',
            r"entry 1: a label is from 0 to 1",
        ),
        ("annotations/Diving48_V2_train.json", "{}", r"is no JSON list of clips"),
        ("annotations/Diving48_vocab.json", '["Back"]', r"a list with four strings for each class"),
        ("annotations/Diving48_vocab.json", "\x00\xff", r"no text in UTF-8|no JSON"),
    ],
)
def test_a_damaged_json_file_is_named(file: str, text: str, expected: str, tmp_path: Path):
    published.diving48(tmp_path)
    (tmp_path / file).write_text(text, encoding="latin-1")
    with pytest.raises(DatasetError, match=expected):
        diving48.read(tmp_path, "train", NO_OPTIONS)


def test_a_missing_file_is_named_with_the_folders_that_were_looked_in(tmp_path: Path):
    with pytest.raises(DatasetError, match=r"jester-v1-labels.csv is needed, in .* annotations/ or labels/"):
        jester.read(tmp_path, "train", NO_OPTIONS)
    with pytest.raises(DatasetError, match=r"A file <class>_test_split1.txt for each class"):
        hmdb51.read(tmp_path, "train", NO_OPTIONS)
    with pytest.raises(DatasetError, match=r"is a folder; .*nowhere is none"):
        jester.read(tmp_path / "nowhere", "train", NO_OPTIONS)
    published.something_v2(tmp_path)
    with pytest.raises(DatasetError, match=r"test-answers.csv is missing.* The split val can be used"):
        something.read_v2(tmp_path, "test", NO_OPTIONS)


def test_ucf101_compares_numbers_with_classes_by_name(tmp_path: Path):
    published.ucf101(tmp_path)
    write_text(tmp_path / "trainlist01.txt", ["YoYo/v_YoYo_g08_c01.avi 1"])
    with pytest.raises(DatasetError, match=r"line 1: classInd.txt numbers YoYo as 2; the line says 1"):
        ucf101.read(tmp_path, "train", NO_OPTIONS)
    with pytest.raises(ValueError, match=r"splits 1 to 3; got 4"):
        ucf101.read(tmp_path, "train", DataOptions(fold=4))
