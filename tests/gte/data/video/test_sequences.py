"""Sequences of images: what belongs together by folder and by name, and which of several is the clip."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from gte.data.video.sequences import Sequences, find_sequences
from gte.data.video.sources import open_footage
from gte.errors import SequenceError, VideoError
from tests.gte.data.video.test_archives import pack, png
from tests.videos import number_in


def sequences(tmp_path: Path, names: Iterable[str]) -> Sequences:
    return find_sequences(pack(tmp_path / "a.zip", dict.fromkeys(names, b"")))


def sizes(found: Sequences) -> dict[str, int]:
    return {name: len(files) for name, files in found.files.items()}


def numbered(pattern: str, count: int = 3) -> list[str]:
    return [pattern.format(number) for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("patterns", "expected", "colour"),
    [
        (["img_{:05}.jpg", "flow_x_{:05}.jpg", "flow_y_{:05}.jpg"], ["flow_x", "flow_y", "img"], "img"),
        (["image_{:05}.jpg", "x_{:05}.jpg", "y_{:05}.jpg"], ["image", "x", "y"], "image"),
        (["v/frame{:06}.jpg", "u/frame{:06}.jpg", "rgb/frame{:06}.jpg"], None, "rgb/frame"),
        (["a/img_{}.jpg", "a/flow_i_{}.jpg", "a/flow_j_{}.jpg"], None, "a/img"),
        (["rgb/{}.png", "depth/{}.png", "masks/{}.png"], ["depth", "masks", "rgb"], "rgb"),
        (["JPEGImages/480p/bear/{:05}.jpg", "Annotations/480p/bear/{:05}.png"], None, "JPEGImages/480p/bear"),
        (["{:05}.jpg", "{:05}_mask.png"], [".", "mask"], "."),
        (["run/v1/{:03}.jpg", "run/v2/{:03}.jpg"], ["run/v1", "run/v2"], None),
        (["v1_{:03}.jpg", "v2_{:03}.jpg"], ["v1", "v2"], None),
        (["left_{}.png", "right_{}.png"], ["left", "right"], None),
        (["flow_x_{:05}.jpg", "flow_y_{:05}.jpg"], ["flow_x", "flow_y"], None),
        (["flow_x_{:05}.jpg"], ["flow_x"], "flow_x"),
        (["a/img_{}.jpg", "a/flow_{}.jpg", "b/img_{}.jpg", "b/flow_{}.jpg"], None, None),
        (["{}.jpg", "{}.png"], ["jpg", "png"], None),
        (["thumb_up/{}.jpg", "stop/{}.jpg"], ["stop", "thumb_up"], None),
        (["segment_1/{}.jpg", "segment_2/{}.jpg", "rgb/{}.jpg"], ["rgb", "segment_1", "segment_2"], None),
        (["flow/{}.jpg", "jump/{}.jpg"], ["flow", "jump"], None),
        (["run/v1/{}.jpg", "run/v1/masks/{}.png"], ["run/v1", "run/v1/masks"], "run/v1"),
        (["frame_{}.png", "depth_{}.png"], ["depth", "frame"], "frame"),
        (["cam1_101{}.jpg", "cam2_102{}.jpg"], ["cam1", "cam2"], None),
    ],
)
def test_sequences_are_told_apart_by_folder_and_by_name(tmp_path, patterns, expected, colour):
    found = sequences(tmp_path, [name for pattern in patterns for name in numbered(pattern)])
    assert set(sizes(found).values()) == {3}
    assert len(found.files) == len(patterns)
    assert expected is None or sorted(found.files) == expected
    assert (found.colour, list(found.left_out)) == (colour, [])


@pytest.mark.parametrize(
    "names",
    [
        ["IMG_1.jpg", "holiday.png"],
        ["a.png", "b.png", "c.png"],
        ["IMG_1.jpg", "IMG_2.png", "IMG_3.JPEG"],
        ["clip1_001.jpg", "clip1_002.jpg", "clip2_003.jpg"],
        ["frame_1_of_3.jpg", "frame_2_of_3.jpg", "frame_3_of_3.jpg"],
        ["1305031102.175304.png", "1305031102.211214.png", "1305031103.000001.png"],
        ["1305031102_175304.png", "1305031102_211214.png", "1305031103_000001.png", "1305031103_030001.png"],
        ["20240102_101112.jpg", "20240103_091500.jpg", "20240104_080102.jpg"],
    ],
)
def test_images_that_are_one_clip(tmp_path, names):
    found = sequences(tmp_path, names)
    assert (list(found.files), found.left_out) == (["."], ()) or len(found.files) == 1
    assert sum(sizes(found).values()) == len(names)
    assert found.colour is not None


def test_a_single_image_beside_a_sequence_is_left_out_and_named(tmp_path):
    found = sequences(tmp_path, [*numbered("frames/{:03}.jpg"), "cover.png", "frames/poster.jpg"])
    assert sizes(found) == {"frames": 3}
    assert list(found.notes("frames")) == [
        "Left out, because no other image has a name like it: “cover.png”, “frames/poster.jpg”."
    ]


def test_images_whose_names_differ_in_an_earlier_number_too_are_joined_with_a_note(tmp_path):
    found = sequences(tmp_path, ["clip1_001.jpg", "clip1_002.jpg", "clip2_003.jpg"])
    [name] = found.files
    assert list(found.notes(name)) == ["Joined to one clip, in the order of their names: “clip1_*”, “clip2_*”."]
    alone = sequences(tmp_path, ["20240102_101112.jpg", "20240103_091500.jpg", "20240104_080102.jpg"])
    assert [*alone.notes(*alone.files)] == []


def test_the_obvious_sequence_is_taken_and_the_others_are_named(tmp_path):
    files = {f"img_{number:05}.png": png(number) for number in range(3)}
    files |= {f"flow_{axis}_{number:05}.png": png(100) for axis in "xy" for number in range(3)}
    place = pack(tmp_path / "rawframes.zip", files)
    footage = open_footage(place)
    assert [number_in(frame) for frame in footage.read(range(3))] == [0, 1, 2]
    assert footage.notes == ("These are the 3 images of “img”; left out: “flow_x”, “flow_y”.",)
    flow = open_footage(place, "flow_y")
    assert [number_in(frame) for frame in flow.read([1])] == [100]


@pytest.mark.parametrize("name", ["videos.zip", "videos.tar", "videos"])
def test_of_several_sequences_one_is_to_be_chosen(tmp_path, name):
    videos = {"jump/v1": 10, "run/v1": 20, "run/v2": 30}
    files = {f"{video}/{at:03}.png": png(first + at) for video, first in videos.items() for at in range(2)}
    place = pack(tmp_path / name, files)
    with pytest.raises(
        SequenceError, match=rf"^{name} holds 3 sequences of images: “jump/v1”, .* as --sequence jump/v1$"
    ) as error:
        open_footage(place)
    assert error.value.choices == ("jump/v1", "run/v1", "run/v2")
    for video, first in videos.items():
        assert [number_in(frame) for frame in open_footage(place, video).read([0, 1])] == [first, first + 1]
    with pytest.raises(SequenceError, match=rf"^{name} has no sequence “run/v3”, but “jump/v1”"):
        open_footage(place, "run/v3")


def test_a_file_has_no_sequences(tmp_path):
    (tmp_path / "a.png").write_bytes(png(0))
    with pytest.raises(VideoError, match=r"^a.png is one clip"):
        open_footage(tmp_path / "a.png", "img")


def test_many_sequences_are_counted_and_not_all_listed(tmp_path):
    found = sequences(tmp_path, [name for video in range(40) for name in numbered(f"v{video}/{{}}.jpg", 2)])
    with pytest.raises(SequenceError, match=r"holds 40 sequences.*“v0”, “v1”.* and 28 more") as error:
        found.choose()
    assert len(error.value.choices) == 40


def test_without_images_the_sentence_says_what_is_there(tmp_path):
    with pytest.raises(
        VideoError,
        match=r"^a.zip holds no images \(links and hidden.* out\), but files that end in .mp4, .zip; give one",
    ):
        sequences(tmp_path, ["a.mp4", "b.zip"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "linked.png").write_bytes(png(0))
    (tmp_path / "empty" / "1.png").symlink_to(tmp_path / "linked.png")
    with pytest.raises(
        VideoError, match=r"^empty holds no images \(links and hidden files are left out\), and no other files"
    ):
        find_sequences(tmp_path / "empty")


def test_names_of_many_digits_take_no_longer_than_others(tmp_path):
    name = "9" * 60_000
    assert sizes(sequences(tmp_path, [f"{name}_{number}.png" for number in range(3)])) == {".": 3}
