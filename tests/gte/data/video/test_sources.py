"""Long videos read by seeking: each frame is the one that its number names."""

from pathlib import Path

import numpy as np
import pytest

from gte.data.sampling import segment_indices
from gte.data.video import seeking
from gte.data.video.files import index_video, read_clip, read_frames
from gte.data.video.sources import Stretch, open_footage
from gte.errors import VideoError
from tests.videos import number_in, write_coded, zero


@pytest.fixture
def all_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "MAX_PIXELS", 1)


@pytest.mark.parametrize(("codec", "container"), [("XVID", "avi"), ("mp4v", "mp4"), ("VP80", "mkv"), ("MJPG", "avi")])
def test_frames_of_a_long_video_are_the_ones_named_and_few_are_decoded(tmp_path, monkeypatch, codec, container):
    monkeypatch.setattr(seeking, "MAX_PIXELS", 1)
    path = write_coded(tmp_path / f"long.{container}", codec, 900)
    index = index_video(path)
    assert (index.seekable, index.info.num_frames, index.info.fps) == (True, 900, 10.0)
    np.testing.assert_allclose(index.seconds, np.arange(900) / 10, atol=0.002)
    # Decoding from the start is out of the question here.
    monkeypatch.setattr("gte.data.video.files._decode", None)
    wanted = [899, 0, 1, 450, 451, 13, 700, 450]
    assert [number_in(frame) for frame in read_frames(path, wanted, index=index)] == wanted


def test_a_clip_of_a_long_video_has_its_centre_frames(tmp_path, all_are_long):
    frames, indices, info = read_clip(write_coded(tmp_path / "long.mp4", "mp4v", 300), 8, 48)
    assert info.num_frames == 300
    np.testing.assert_array_equal(indices, segment_indices(300, 8))
    assert len(frames) == 8


def test_where_seeking_lies_the_video_is_decoded_from_the_start(tmp_path, monkeypatch, all_are_long):
    path = write_coded(tmp_path / "long.mp4", "mp4v", 300)
    index = index_video(path)
    # Every seek lands ten seconds behind the frame.
    monkeypatch.setattr(seeking, "STEPS_BACK_MILLISECONDS", (-10_000.0,))
    assert seeking.read_by_seeking(path, index.milliseconds, {5}, size=None) == {}
    assert number_in(read_frames(path, [5], index=index)[0]) == 5


def test_time_stamps_that_do_not_tell_frames_apart_allow_no_seeking(tmp_path, monkeypatch, all_are_long):
    path = write_coded(tmp_path / "clip.mp4", "mp4v", 40)
    monkeypatch.setattr(seeking, "SAME_MILLISECONDS", 60.0)
    index = index_video(path)
    assert (index.seekable, index.info.num_frames) == (False, 40)
    assert number_in(read_frames(path, [33], index=index)[0]) == 33


def test_a_long_video_is_read_around_its_damaged_middle_and_says_where_that_is(tmp_path, monkeypatch, all_are_long):
    path = zero(write_coded(tmp_path / "long.mp4", "mp4v", 900), 0.4, 0.6)
    footage = open_footage(path)
    assert footage.info.num_frames == 900
    # To decode it from the start is no way out where that would take minutes.
    monkeypatch.setattr(seeking, "MAX_DECODED_PIXELS", 1)
    monkeypatch.setattr("gte.data.video.files._decode", None)
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
    index = index_video(path)
    assert index.info.num_frames == 29
    assert [number_in(frame) for frame in read_frames(path, [9, 10, 28], index=index)] == [9, 11, 29]


def test_in_place_of_a_single_damaged_frame_stands_the_picture_before_it(tmp_path, monkeypatch, all_are_long):
    path = write_coded(tmp_path / "long.avi", "MJPG", 120)
    damage_frame(path, 60)
    footage = open_footage(path)
    assert footage.info.num_frames == 120
    monkeypatch.setattr("gte.data.video.files._decode", None)
    assert [number_in(frame) for frame in footage.read([59, 60, 61])] == [59, 59, 61]
    assert number_in(footage.read([60])[0]) == 59


def test_a_video_that_would_take_minutes_to_decode_and_cannot_be_sought_in_gives_one_sentence(
    tmp_path, monkeypatch, all_are_long
):
    path = write_coded(tmp_path / "long.mp4", "mp4v", 40)
    monkeypatch.setattr(seeking, "SAME_MILLISECONDS", 60.0)
    monkeypatch.setattr(seeking, "MAX_DECODED_PIXELS", 40 * 64 * 48 - 1)
    with pytest.raises(VideoError, match=r"long.mp4 is too long to be read from its start"):
        open_footage(path)


def test_a_stretch_is_sampled_as_a_video_of_its_own():
    stretch = Stretch(30, 53)
    assert stretch.sample(8).tolist() == [31, 34, 37, 40, 43, 46, 49, 52]
    assert Stretch(5, 5).sample(3).tolist() == [5, 5, 5]
    with pytest.raises(ValueError, match="got 4 to 3"):
        Stretch(4, 3)
