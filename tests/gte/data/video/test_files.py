"""Reading real video files, made here by OpenCV's own encoders, and every kind of bad input."""

import struct
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gte.data.opencv import cv2
from gte.data.sampling import segment_indices
from gte.data.video import files, seeking
from gte.data.video.capture import open_capture
from gte.data.video.files import VideoInfo, index_video, read_clip, read_frames
from gte.errors import VideoError
from tests.videos import encode, numbered, numbers_in

FORMATS = [("MJPG", "avi"), ("XVID", "avi"), ("mp4v", "mp4"), ("mp4v", "mkv"), ("VP80", "mkv")]


@pytest.mark.parametrize(("codec", "container"), FORMATS)
def test_what_was_encoded_is_counted_and_read_in_rgb_and_in_the_order_asked_for(
    tmp_path: Path, codec: str, container: str
):
    path = encode(tmp_path / f"clip.{container}", numbered(20), codec)
    assert index_video(path).info == VideoInfo(num_frames=20, fps=10.0, width=64, height=48)
    frames = read_frames(path, [11, 0, 19, 11])
    assert frames.shape == (4, 48, 64, 3)
    assert numbers_in(frames) == [11, 0, 19, 11]
    red, blue = frames[:, 24, 4].astype(int), frames[:, 24, 60].astype(int)
    assert (red[:, 0] > red[:, 2] + 120).all()
    assert (blue[:, 2] > blue[:, 0] + 120).all()


@pytest.mark.parametrize(("codec", "container"), FORMATS)
@pytest.mark.parametrize("num_segments", [1, 8, 32])
def test_a_clip_holds_the_centre_frames_of_its_segments_also_when_the_video_is_shorter(
    tmp_path: Path, codec: str, container: str, num_segments: int
):
    path = encode(tmp_path / f"clip.{container}", numbered(20), codec)
    frames, indices, info = read_clip(path, num_segments, 32)
    np.testing.assert_array_equal(indices, segment_indices(20, num_segments))
    assert frames.shape == (num_segments, 32, 32, 3)
    assert numbers_in(frames) == indices.tolist()
    assert info.num_frames == 20
    np.testing.assert_array_equal(frames, read_frames(path, indices, size=32))


def test_a_path_may_be_text_and_hold_colons_spaces_and_percent_signs(tmp_path: Path):
    path = encode(tmp_path / "clip.avi", numbered(3), "MJPG").rename(tmp_path / "a: clip %03d é.avi")
    assert index_video(str(path)).info.num_frames == 3


def test_the_middle_square_is_kept_whichever_side_is_longer_and_whichever_size_is_asked_for(tmp_path: Path):
    wide = encode(tmp_path / "wide.avi", numbered(2, height=40, width=80), "MJPG")
    for size in (16, 40, 100):
        square = read_frames(wide, [1], size=size)
        assert square.shape == (1, size, size, 3)
        assert numbers_in(square) == [1]
        # The coloured quarters of the 80 columns are what the crop to 40 takes away.
        assert np.abs(square.astype(int) - 12).max() < 60
    tall = encode(tmp_path / "tall.avi", numbered(2, height=80, width=40), "MJPG")
    assert read_frames(tall, [0], size=24).shape == (1, 24, 24, 3)


def test_a_very_long_and_narrow_picture_does_not_grow_out_of_hand(tmp_path: Path):
    path = encode(tmp_path / "strip.avi", np.full((2, 2, 2000, 3), 90, np.uint8), "MJPG")
    assert read_frames(path, [0], size=64).shape == (1, 64, 64, 3)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (35, 51), (48, 33)])
def test_odd_and_tiny_pictures_are_read(tmp_path: Path, height: int, width: int):
    path = encode(tmp_path / "odd.avi", np.full((3, height, width, 3), 128, np.uint8), "MJPG")
    assert index_video(path).info.num_frames == 3
    assert read_frames(path, [2], size=16).shape == (1, 16, 16, 3)


def test_a_video_of_one_frame_fills_every_segment(tmp_path: Path):
    path = encode(tmp_path / "one.avi", numbered(1), "MJPG")
    frames, indices, info = read_clip(path, 8, 24)
    assert (frames == frames[0]).all()
    assert indices.tolist() == [0] * 8
    assert info.num_frames == 1


def test_a_large_picture_is_read(tmp_path: Path):
    path = encode(tmp_path / "large.avi", numbered(2, 2160, 3840), "MJPG")
    info = index_video(path).info
    assert (info.width, info.height) == (3840, 2160)
    assert numbers_in(read_frames(path, [0, 1], size=112)) == [0, 1]


def declare_frames(path: Path, count: int) -> Path:
    """Let an AVI state another number of frames, in its header and in its stream's header, and lose its index."""
    content = bytearray(path.read_bytes())
    header = content.index(b"avih")
    struct.pack_into("<I", content, header + 8 + 16, count)
    stream = content.index(b"strh")
    struct.pack_into("<I", content, stream + 8 + 32, count)
    path.write_bytes(bytes(content).replace(b"idx1", b"JUNK"))
    return path


@pytest.mark.parametrize("declared", [1, 19, 21, 22, 40, 4000, 0])
def test_a_container_that_lies_about_its_length_is_found_out(tmp_path: Path, declared: int):
    path = declare_frames(encode(tmp_path / "liar.avi", numbered(20), "MJPG"), declared)
    with open_capture(path) as capture:
        assert capture.get(cv2.CAP_PROP_FRAME_COUNT) != 20
    assert index_video(path).info.num_frames == 20
    frames, indices, _ = read_clip(path, 8, 32)
    np.testing.assert_array_equal(indices, segment_indices(20, 8))
    assert numbers_in(frames) == indices.tolist()


def test_a_video_cut_short_gives_the_frames_that_are_left(tmp_path: Path):
    path = encode(tmp_path / "cut.avi", numbered(20), "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    info = index_video(path).info
    assert 1 < info.num_frames < 20
    assert numbers_in(read_clip(path, 4, 32)[0]) == segment_indices(info.num_frames, 4).tolist()


def test_a_video_that_asks_to_be_turned_is_read_as_it_is_shown(tmp_path: Path):
    path = encode(tmp_path / "phone.mp4", numbered(4, height=48, width=64), "mp4v")
    content = bytearray(path.read_bytes())
    # The track header's matrix, 16.16 fixed point, 40 bytes behind its version; a quarter turn clockwise.
    matrix = content.index(b"tkhd") + 4 + 40
    struct.pack_into(">9i", content, matrix, 0, 0x10000, 0, -0x10000, 0, 0, 48 << 16, 0, 0x40000000)
    path.write_bytes(content)
    info = index_video(path).info
    assert (info.width, info.height) == (48, 64)
    top, bottom = read_frames(path, [0])[0, [4, 60], 24].astype(int)
    assert top[0] > top[2] + 120  # the red left edge, turned clockwise, is on top
    assert bottom[2] > bottom[0] + 120


def uneven(path: Path, count: int = 20) -> Path:
    """A Matroska file whose frame n is shown at 5 n² milliseconds: slow at the end, quick at first."""
    encode(path, numbered(count), "VP80")
    content, place = bytearray(path.read_bytes()), 0
    for number in range(count):
        # A block begins with its track, 1, and its time in two bytes.
        place = content.index(b"\x81" + struct.pack(">h", 100 * number), place)
        struct.pack_into(">h", content, place + 1, 5 * number * number)
        place += 3
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("long", [False, True])
def test_frames_of_a_variable_rate_are_numbered_in_their_order_and_keep_their_own_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: bool
):
    if long:
        monkeypatch.setattr(seeking, "MAX_PIXELS", 1)
    path = uneven(tmp_path / "uneven.mkv")
    index = index_video(path)
    assert (index.info.num_frames, index.seekable) == (20, long)
    np.testing.assert_allclose(index.seconds, 5 * np.arange(20) ** 2 / 1000, atol=0.001)
    assert numbers_in(read_frames(path, [*range(20), 3, 19, 0, 11], index=index)) == [*range(20), 3, 19, 0, 11]


def test_a_video_is_known_by_what_it_holds_and_not_by_its_ending(tmp_path: Path):
    path = encode(tmp_path / "clip.avi", numbered(12), "MJPG").rename(tmp_path / "clip.mp4")
    assert numbers_in(read_frames(path, [0, 11])) == [0, 11]


def test_a_rate_that_is_the_clock_of_the_time_stamps_is_replaced_by_the_measured_one():
    assert files._plausible_fps(1000.0, 61, 2.0) == 30.0
    assert files._plausible_fps(12.0, 61, 2.0) == 12.0
    assert files._plausible_fps(0.0, 1, 0.0) == 25.0
    assert files._plausible_fps(float("nan"), 1, 0.0) == 25.0


# Bad input


def empty(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("This is no video.\n" * 200)


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(50_000))


def sound(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))


def mute_pictures(path: Path) -> None:
    """An MP4 whose one track calls itself sound."""
    source = encode(path.with_name("whole.mp4"), numbered(5), "mp4v")
    path.write_bytes(source.read_bytes().replace(b"vide", b"soun"))


def song(path: Path) -> None:
    """The same, which names a codec of sound as well."""
    source = encode(path.with_name("whole.mp4"), numbered(5), "mp4v")
    path.write_bytes(source.read_bytes().replace(b"vide", b"soun").replace(b"mp4v", b"mp4a"))


def headless(path: Path) -> None:
    """An MP4 without its end, where its index was."""
    source = encode(path.with_name("whole.mp4"), numbered(20), "mp4v")
    path.write_bytes(source.read_bytes()[: source.stat().st_size // 2])


def pictureless(path: Path) -> None:
    """A video of no frames."""
    source = encode(path.with_name("whole.avi"), numbered(5), "MJPG")
    content = source.read_bytes()
    path.write_bytes(content[: content.index(b"movi") + 4])


BAD: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: None, "does not exist; check the name"),
    (lambda path: path.mkdir(), "is a folder; give the video file itself"),
    (empty, "is empty; the upload or copy may have failed"),
    (text, "is no video that can be read here"),
    (noise, "is no video that can be read here"),
    (sound, "is no video that can be read here"),
    (mute_pictures, "sound without images"),
    (song, "is no video|opens as a video but no frame"),
    (headless, "is no video that can be read here"),
    (pictureless, "no frame of it can be decoded|is no video that can be read here"),
]


@pytest.mark.parametrize(("make", "says"), BAD)
@pytest.mark.parametrize(
    "read",
    [index_video, lambda path: read_frames(path, [0]), lambda path: read_clip(path, 8, 32)],
    ids=["index", "frames", "clip"],
)
def test_what_is_no_video_gives_one_sentence_and_no_noise(
    tmp_path: Path,
    make: Callable[[Path], object],
    says: str,
    read: Callable[[Path], object],
    capfd: pytest.CaptureFixture[str],
):
    path = tmp_path / "holiday.mp4"
    make(path)
    with pytest.raises(VideoError, match=says) as caught:
        read(path)
    assert "holiday.mp4" in str(caught.value)
    assert "\n" not in str(caught.value)
    captured = capfd.readouterr()
    assert captured.err + captured.out == ""


def test_a_frame_past_the_end_is_named_with_the_length(tmp_path: Path):
    path = encode(tmp_path / "clip.avi", numbered(5), "MJPG")
    with pytest.raises(VideoError, match=r"clip.avi has 5 frames, so there is no frame 5"):
        read_frames(path, [0, 5])


@pytest.mark.parametrize("which", [[], [0, -1]])
def test_frames_that_no_video_has_are_a_mistake_of_the_caller(tmp_path: Path, which: list[int]):
    with pytest.raises(ValueError, match="at least one frame, counted from 0"):
        read_frames(tmp_path / "any.avi", which)


def test_reading_leaves_no_file_open(tmp_path: Path):
    path = encode(tmp_path / "clip.avi", numbered(5), "MJPG")
    for _ in range(3):
        read_clip(path, 2, 16)
        with pytest.raises(VideoError):
            read_frames(path, [9])
    open_files = Path("/proc/self/fd")
    if not open_files.exists():
        pytest.skip("only Linux lists the open files of a process")
    assert not [link for link in open_files.iterdir() if link.is_symlink() and link.readlink() == path]


# The import of OpenCV


def test_a_missing_system_library_gives_a_sentence_that_says_what_to_install(tmp_path: Path):
    (tmp_path / "cv2.py").write_text(
        "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
    )
    root = Path(files.__file__).parents[3]
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(root)!r}]; import gte.data.video.files"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert "libGL.so.1" in last
    assert "apt-get install libgl1" in last
