"""Long videos read by seeking: each frame is the one that its number names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gte.data.sampling import segment_indices
from gte.data.video import reading
from gte.data.video.sources import Stretch, open_footage, sample_clip
from gte.errors import VideoError
from tests.videos import encode_at, number_in, numbered, numbers_in, write_coded, zero


@pytest.fixture
def all_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_SHORT_PIXELS", 1)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of each frame that is decoded, counted from where decoding begins."""
    decode, numbers = reading._decode, []

    def counting(*arguments):
        for one in decode(*arguments):
            numbers.append(one[0])
            yield one

    monkeypatch.setattr(reading, "_decode", counting)
    return numbers


@pytest.mark.parametrize(
    ("codec", "container"), [("XVID", "avi"), ("mp4v", "mp4"), ("VP80", "mkv"), ("MJPG", "avi"), ("libx264", "mp4")]
)
def test_frames_of_a_long_video_are_the_ones_named_and_few_are_decoded(
    tmp_path, all_are_long, counted, codec, container
):
    path = write_coded(tmp_path / f"long.{container}", codec, 900)
    footage = open_footage(path)
    assert (footage.info.num_frames, footage.info.fps) == (900, 10.0)
    np.testing.assert_allclose(footage.seconds, np.arange(900) / 10, atol=0.002)
    wanted = [899, 0, 1, 450, 451, 13, 700, 450]
    assert [number_in(frame) for frame in footage.read(wanted)] == wanted
    assert len(counted) < 900


def test_a_clip_of_a_long_video_has_its_centre_frames(tmp_path, all_are_long):
    sample = sample_clip(write_coded(tmp_path / "long.mp4", "mp4v", 300), 8, 48)
    assert sample.footage.info.num_frames == 300
    np.testing.assert_array_equal(sample.numbers, segment_indices(300, 8))
    np.testing.assert_array_equal(sample.frames, sample.footage.read(range(300), size=48)[sample.numbers])


def test_where_seeks_end_behind_the_frame_the_video_is_decoded_from_the_start(tmp_path, all_are_long):
    footage = reading.open_video(write_coded(tmp_path / "long.mp4", "mp4v", 300))
    # Every seek lands eight seconds behind the frame.
    keys = footage.keys + np.array([0, 8 * (footage.ticks[10] - footage.ticks[0])])
    assert number_in(replace(footage, keys=keys).read([5])[0]) == 5


def test_a_short_video_is_decoded_once_to_sample_it(tmp_path, counted):
    sample_clip(write_coded(tmp_path / "short.mp4", "libx264", 100), 8, 48)
    assert counted == list(range(100))


@pytest.mark.parametrize("long", [False, True])
def test_time_stamps_in_the_order_of_decoding_are_not_trusted(tmp_path, monkeypatch, long):
    """As AVI has them for a codec that keeps frames back."""
    if long:
        monkeypatch.setattr(reading, "MAX_SHORT_PIXELS", 1)
    path = write_coded(tmp_path / "clip.avi", "libx264", 60)
    footage = reading.open_video(path)
    assert len(footage.keys) == 0
    assert [number_in(frame) for frame in footage.read([33, 0, 59])] == [33, 0, 59]


def test_a_long_video_is_read_around_its_damaged_middle_and_says_where_that_is(tmp_path, monkeypatch, all_are_long):
    path = zero(write_coded(tmp_path / "long.mp4", "mp4v", 900), 0.4, 0.6)
    footage = open_footage(path)
    assert footage.info.num_frames == 900
    assert [number_in(frame) for frame in footage.read([20, 870, 200])] == [20, 870, 200]
    with pytest.raises(VideoError, match=r"long.mp4 is damaged at frame 601 \(counted from 1\).* before or after it"):
        footage.read([20, 600, 870])
    seen = footage.glimpses([20, 600, 870], 48)
    assert [frame is not None for frame in seen] == [True, False, True]


def test_frames_behind_a_damaged_part_are_not_taken_for_those_that_were_asked_for(tmp_path, all_are_long):
    path = zero(write_coded(tmp_path / "long.mp4", "mp4v", 900), 0.4, 0.6)
    with pytest.raises(VideoError, match="is damaged at frame 601"):
        open_footage(path).read([600])


def damage_frame(path: Path, number: int) -> None:
    """Write zeros over one frame of an AVI."""
    content = bytearray(path.read_bytes())
    place = content.index(b"movi")
    for _ in range(number + 1):
        place = content.index(b"00dc", place + 1)
    size = int.from_bytes(content[place + 4 : place + 8], "little")
    content[place + 8 : place + 8 + size] = bytes(size)
    path.write_bytes(content)


def test_a_short_video_goes_on_behind_a_damaged_frame(tmp_path):
    path = write_coded(tmp_path / "short.avi", "MJPG", 30)
    damage_frame(path, 10)
    footage = open_footage(path)
    assert footage.notes[0] == "29 of the 30 frames that short.avi states can be read."
    assert [number_in(frame) for frame in footage.read([9, 10, 28])] == [9, 11, 29]


def test_in_place_of_a_single_damaged_frame_stands_the_picture_before_it(tmp_path, monkeypatch, all_are_long):
    path = write_coded(tmp_path / "long.avi", "MJPG", 120)
    damage_frame(path, 60)
    footage = open_footage(path)
    assert footage.info.num_frames == 120
    assert [number_in(frame) for frame in footage.read([59, 60, 61])] == [59, 59, 61]
    assert number_in(footage.read([60])[0]) == 59


def test_a_video_that_would_take_minutes_to_decode_and_cannot_be_sought_in_gives_one_sentence(
    tmp_path, monkeypatch, all_are_long
):
    path = write_coded(tmp_path / "long.avi", "libx264", 40)
    monkeypatch.setattr(reading, "MAX_DECODED_PIXELS", 40 * 64 * 48 - 1)
    with pytest.raises(VideoError, match=r"long.avi is too long to be read from its start"):
        open_footage(path)


def test_a_stretch_is_sampled_as_a_video_of_its_own():
    stretch = Stretch(30, 53)
    assert stretch.sample(8).tolist() == [31, 34, 37, 40, 43, 46, 49, 52]
    assert Stretch(5, 5).sample(3).tolist() == [5, 5, 5]
    with pytest.raises(ValueError, match="got 4 to 3"):
        Stretch(4, 3)


def test_segments_are_parts_of_the_time_and_not_of_the_count(tmp_path):
    # Ten frames in the first second, then one each second: four of five seconds have four of fourteen frames.
    path = encode_at(tmp_path / "uneven.mp4", "libx264", numbered(14), [*range(10), *range(10, 50, 10)])
    sample = sample_clip(path, 5, 32)
    assert sample.numbers.tolist() == [5, 10, 11, 12, 13]
    assert numbers_in(sample.frames) == [5, 10, 11, 12, 13]
    np.testing.assert_allclose(sample.seconds, [0.5, 1, 2, 3, 4])
    assert sample.notes("gte") == ["Variable frame rate: the frames shown to a network are chosen by their times."]
    # A stretch ends where the next frame begins.
    assert sample_clip(path, 2, 32, stretch=(10, 12)).numbers.tolist() == [10, 11]
    assert sample_clip(path, 3, 32, stretch=(1, 10)).numbers.tolist() == segment_indices(10, 3).tolist()


@pytest.mark.parametrize("stretch", [(0, 3), (3, 2), (1, 21)])
def test_a_stretch_that_a_clip_does_not_have_gives_one_sentence(tmp_path, stretch):
    path = encode_at(tmp_path / "clip.mp4", "libx264", numbered(20), range(20))
    with pytest.raises(
        ValueError,
        match=f"--stretch takes two frames from 1 to 20, the earlier one first; got {stretch[0]} {stretch[1]}",
    ):
        sample_clip(path, 4, 32, stretch=stretch)


def test_a_last_frame_that_is_held_takes_its_part_of_the_time(tmp_path):
    path = encode_at(tmp_path / "held.mp4", "libx264", numbered(10), range(10), last=30)
    sample = sample_clip(path, 4, 32)
    assert sample.footage.end == pytest.approx(3.9)
    assert sample.numbers.tolist() == [4, 9, 9, 9]
    assert sample.footage.notes == ("Variable frame rate: the frames shown to a network are chosen by their times.",)
