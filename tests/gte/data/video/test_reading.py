"""Reading real video files, made here by OpenCV's own encoders, and every kind of bad input."""

import struct
import subprocess
import sys
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from gte.data.sampling import segment_indices
from gte.data.video import reading
from gte.data.video.reading import VideoInfo
from gte.data.video.sources import open_footage, sample_clip
from gte.data.video.writing import write_video
from gte.errors import VideoError
from tests.videos import encode, encode_at, numbered, numbers_in

FORMATS = [("MJPG", "avi"), ("XVID", "avi"), ("mp4v", "mp4"), ("mp4v", "mkv"), ("VP80", "mkv")]


@pytest.mark.parametrize(("codec", "container"), FORMATS)
def test_what_was_encoded_is_counted_and_read_in_rgb_and_in_the_order_asked_for(
    tmp_path: Path, codec: str, container: str
):
    path = encode(tmp_path / f"clip.{container}", numbered(20), codec)
    assert open_footage(path).info == VideoInfo(num_frames=20, fps=10.0, width=64, height=48)
    frames = open_footage(path).read([11, 0, 19, 11])
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
    sample = sample_clip(path, num_segments, 32)
    np.testing.assert_array_equal(sample.numbers, segment_indices(20, num_segments))
    assert sample.frames.shape == (num_segments, 32, 32, 3)
    assert numbers_in(sample.frames) == sample.numbers.tolist()
    assert sample.footage.info.num_frames == 20
    np.testing.assert_array_equal(sample.frames, open_footage(path).read(sample.numbers, size=32))


def test_a_path_may_be_text_and_hold_colons_spaces_and_percent_signs(tmp_path: Path):
    path = encode(tmp_path / "clip.avi", numbered(3), "MJPG").rename(tmp_path / "a: clip %03d é.avi")
    assert open_footage(str(path)).info.num_frames == 3


def test_the_middle_square_is_kept_whichever_side_is_longer_and_whichever_size_is_asked_for(tmp_path: Path):
    wide = encode(tmp_path / "wide.avi", numbered(2, height=40, width=80), "MJPG")
    for size in (16, 40, 100):
        square = open_footage(wide).read([1], size=size)
        assert square.shape == (1, size, size, 3)
        assert numbers_in(square) == [1]
        # The coloured quarters of the 80 columns are what the crop to 40 takes away.
        assert np.abs(square.astype(int) - 12).max() < 60
    tall = encode(tmp_path / "tall.avi", numbered(2, height=80, width=40), "MJPG")
    assert open_footage(tall).read([0], size=24).shape == (1, 24, 24, 3)


def test_a_very_long_and_narrow_picture_does_not_grow_out_of_hand(tmp_path: Path):
    path = encode(tmp_path / "strip.avi", np.full((2, 2, 2000, 3), 90, np.uint8), "MJPG")
    assert open_footage(path).read([0], size=64).shape == (1, 64, 64, 3)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (35, 51), (48, 33)])
def test_odd_and_tiny_pictures_are_read(tmp_path: Path, height: int, width: int):
    path = encode(tmp_path / "odd.avi", np.full((3, height, width, 3), 128, np.uint8), "MJPG")
    assert open_footage(path).info.num_frames == 3
    assert open_footage(path).read([2], size=16).shape == (1, 16, 16, 3)


def test_a_video_of_one_frame_fills_every_segment(tmp_path: Path):
    path = encode(tmp_path / "one.avi", numbered(1), "MJPG")
    sample = sample_clip(path, 8, 24)
    assert (sample.frames == sample.frames[0]).all()
    assert sample.numbers.tolist() == [0] * 8
    assert sample.footage.info.num_frames == 1
    assert sample.notes("gte")[0].startswith("This is one frame, which is shown to gte 8 times")


def test_a_large_picture_is_read(tmp_path: Path):
    path = encode(tmp_path / "large.avi", numbered(2, 2160, 3840), "MJPG")
    info = open_footage(path).info
    assert (info.width, info.height) == (3840, 2160)
    assert numbers_in(open_footage(path).read([0, 1], size=112)) == [0, 1]


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
    footage = open_footage(path)
    assert footage.info.num_frames == 20
    sample = sample_clip(path, 8, 32)
    np.testing.assert_array_equal(sample.numbers, segment_indices(20, 8))
    assert numbers_in(sample.frames) == sample.numbers.tolist()
    less = f"20 of the {declared} frames that liar.avi states can be read."
    assert footage.notes == ((less,) if declared > 20 else ())


def test_a_video_cut_short_gives_the_frames_that_are_left(tmp_path: Path):
    path = encode(tmp_path / "cut.avi", numbered(20), "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    info = open_footage(path).info
    assert 1 < info.num_frames < 20
    assert numbers_in(sample_clip(path, 4, 32).frames) == segment_indices(info.num_frames, 4).tolist()


def test_a_video_that_asks_to_be_turned_is_read_as_it_is_shown(tmp_path: Path):
    path = encode(tmp_path / "phone.mp4", numbered(4, height=48, width=64), "mp4v")
    content = bytearray(path.read_bytes())
    # The track header's matrix, 16.16 fixed point, 40 bytes behind its version; a quarter turn clockwise.
    matrix = content.index(b"tkhd") + 4 + 40
    struct.pack_into(">9i", content, matrix, 0, 0x10000, 0, -0x10000, 0, 0, 48 << 16, 0, 0x40000000)
    path.write_bytes(content)
    info = open_footage(path).info
    assert (info.width, info.height) == (48, 64)
    top, bottom = open_footage(path).read([0])[0, [4, 60], 24].astype(int)
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
        monkeypatch.setattr(reading, "MAX_SHORT_PIXELS", 1)
    footage = open_footage(uneven(tmp_path / "uneven.mkv"))
    assert footage.info.num_frames == 20
    np.testing.assert_allclose(footage.seconds, 5 * np.arange(20) ** 2 / 1000, atol=0.001)
    assert numbers_in(footage.read([*range(20), 3, 19, 0, 11])) == [*range(20), 3, 19, 0, 11]
    assert footage.notes == ("Variable frame rate: the frames shown to a network are chosen by their times.",)


@pytest.mark.parametrize(
    ("codec", "container", "pixels"),
    [
        ("libx264", "mp4", "yuv420p"),
        ("libx264", "mkv", "yuv444p10le"),
        ("libx264", "mpg", "yuv420p"),
        ("libx264", "ts", "yuv420p"),
        ("libx265", "mp4", "yuv420p10le"),
        ("libvpx-vp9", "webm", "yuv420p"),
        ("libsvtav1", "mp4", "yuv420p10le"),
    ],
)
def test_what_phones_and_the_web_write_is_read(tmp_path: Path, codec: str, container: str, pixels: str):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV cannot write {codec}")
    path = encode_at(tmp_path / f"clip.{container}", codec, numbered(20), range(20), pixels=pixels)
    footage = open_footage(path)
    assert (footage.info, footage.notes) == (VideoInfo(20, 10.0, 64, 48), ())
    np.testing.assert_allclose(footage.seconds, np.arange(20) / 10, atol=0.001)
    assert numbers_in(footage.read([13, 0, 19, 13, 7])) == [13, 0, 19, 13, 7]
    # Alone, so that frames before it are left out.
    whole = footage.read(range(20))
    for number in range(20):
        np.testing.assert_array_equal(footage.read([number])[0], whole[number])


def test_pixels_that_are_not_square_are_shown_as_they_are_meant(tmp_path: Path):
    """A white square of 300 x 300 in 1024 x 576, stored in 720 columns as on a DVD."""
    image = np.zeros((1, 576, 720, 3), np.uint8)
    image[0, 138:438, 255:466] = 255
    path = encode_at(tmp_path / "dvd.mp4", "libx264", image, [0], aspect=Fraction(64, 45))
    footage = open_footage(path)
    assert (footage.info.width, footage.info.height) == (1024, 576)
    [whole], [square] = footage.read([0]), footage.read([0], size=288)
    assert whole.shape == (576, 1024, 3)
    for frame, side in ((whole, 300), (square, 150)):
        lit = frame[..., 0] > 127
        assert abs(lit.any(0).sum() - side) <= 2
        assert abs(lit.any(1).sum() - side) <= 2


def test_an_incredible_shape_of_pixels_is_ignored(tmp_path: Path):
    path = encode_at(tmp_path / "clip.mp4", "libx264", numbered(2), range(2), aspect=Fraction(2000, 1))
    assert open_footage(path).info.width == 64


def test_a_file_cut_behind_its_index_tells_how_many_of_its_frames_are_there(tmp_path: Path):
    path = tmp_path / "cut.mp4"
    write_video(path, numbered(50), 10.0)
    content = path.read_bytes()
    path.write_bytes(content[: (len(content) + content.index(b"mdat")) // 2])
    footage = open_footage(path)
    count = footage.info.num_frames
    assert 5 < count < 45
    assert footage.notes == (f"{count} of the 50 frames that cut.mp4 states can be read.",)
    # Greys come again after 32 frames.
    assert [number % 32 for number in numbers_in(footage.read(range(count)))] == [n % 32 for n in range(count)]


def test_half_of_a_file_without_a_count_of_frames_tells_the_seconds_that_it_states(tmp_path: Path):
    path = encode_at(tmp_path / "half.mkv", "libx264", numbered(60), range(60), options={"g": "6"})
    assert open_footage(path).notes == ()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    footage = open_footage(path)
    assert footage.notes == (f"half.mkv states 6.0 seconds, and its frames end after {footage.seconds[-1]:.1f}.",)


def test_music_with_a_picture_as_its_cover_is_called_a_still(tmp_path: Path):
    cover = encode_at(tmp_path / "cover.mp4", "mjpeg", numbered(1), [0], pixels="yuvj420p")
    path = tmp_path / "song.mp4"
    with av.open(str(cover)) as source, av.open(str(path), "w") as container:
        picture = container.add_stream_from_template(source.streams.video[0])
        picture.disposition = Disposition.attached_pic
        sound = container.add_stream("aac", rate=8000, layout="mono")
        [packet] = [packet for packet in source.demux(video=0) if packet.size]
        packet.stream = picture
        container.mux(packet)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.rate = 8000
        container.mux([*sound.encode(silence), *sound.encode()])
    sample = sample_clip(path, 4, 32)
    assert sample.notes("gte")[0] == "song.mp4 is sound with one still picture, its cover: nothing moves in it."
    assert sample.notes("gte")[1].startswith("This is one frame, which is shown to gte 4 times")


# The upper left part of the display matrix in the track's header, and how a picture is shown then.
MATRICES = {
    "turned clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "turned counter-clockwise": ((0, -1, 1, 0), lambda image: np.rot90(image)),
    "upside down": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "mirrored left to right": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    "mirrored top to bottom": ((1, 0, 0, -1), lambda image: image[::-1]),
    "transposed": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_a_video_is_turned_and_mirrored_as_its_display_matrix_says(tmp_path: Path, name: str):
    (a, b, c, d), shown = MATRICES[name]
    path = tmp_path / "phone.mp4"
    frames = numbered(2)
    frames[:, :12] //= 2
    write_video(path, frames, 10.0)
    plain = open_footage(path).read([1])[0]
    content = bytearray(path.read_bytes())
    one = 0x10000
    matrix = content.index(b"tkhd") + 4 + 40
    struct.pack_into(">9i", content, matrix, a * one, b * one, 0, c * one, d * one, 0, 0, 0, 0x40000000)
    path.write_bytes(content)
    footage = open_footage(path)
    expected = shown(plain)
    assert (footage.info.height, footage.info.width) == expected.shape[:2]
    np.testing.assert_array_equal(footage.read([1])[0], expected)


@pytest.mark.parametrize("long", [False, True])
def test_frames_before_the_start_of_an_edited_file_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: bool
):
    """As a cut without encoding leaves it: packets from a key frame on, of which the first are hidden."""
    if long:
        monkeypatch.setattr(reading, "MAX_SHORT_PIXELS", 1)
    whole = encode_at(tmp_path / "whole.mp4", "libx264", numbered(30), range(30))
    path = tmp_path / "cut.mp4"
    with av.open(str(whole)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size and packet.pts is not None and packet.dts is not None:
                packet.pts -= round(Fraction(5, 10) / packet.time_base)
                packet.dts -= round(Fraction(5, 10) / packet.time_base)
                packet.stream = stream
                container.mux(packet)
    footage = open_footage(path)
    assert (footage.info.num_frames, footage.notes) == (25, ())
    assert numbers_in(footage.read([0, 10, 24])) == [5, 15, 29]


def test_a_program_stream_gives_the_frames_that_are_asked_for(tmp_path: Path):
    path = encode_at(tmp_path / "clip.mpg", "mpeg1video", numbered(30), range(30), rate=25, options={"bf": "2"})
    footage = open_footage(path)
    whole = footage.read(range(footage.info.num_frames))
    for number in range(footage.info.num_frames):
        np.testing.assert_array_equal(footage.read([number])[0], whole[number])


def test_two_frames_of_one_time_keep_the_times_of_the_others(tmp_path: Path):
    tenths = [*range(6), 8, 20, 30, 40]
    path = encode_at(tmp_path / "twice.mkv", "libvpx", numbered(10), tenths)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"\x81" + struct.pack(">h", 500))
    struct.pack_into(">h", content, place + 1, 400)
    path.write_bytes(content)
    footage = open_footage(path)
    np.testing.assert_allclose(footage.seconds[[3, 4, 5, 6, 9]], [0.3, 0.4, 0.4, 0.8, 4.0], atol=0.001)
    assert numbers_in(footage.read([5, 4, 9])) == [5, 4, 9]


def test_tags_in_another_encoding_do_not_matter(tmp_path: Path):
    path = tmp_path / "tagged.webm"
    write_video(path, numbered(4), 10.0, comment="caf_ in Latin 1")
    path.write_bytes(path.read_bytes().replace(b"caf_", b"caf\xe9"))
    assert open_footage(path).info.num_frames == 4


def test_a_video_is_known_by_what_it_holds_and_not_by_its_ending(tmp_path: Path):
    path = encode(tmp_path / "clip.avi", numbered(12), "MJPG").rename(tmp_path / "clip.mp4")
    assert numbers_in(open_footage(path).read([0, 11])) == [0, 11]


def test_a_rate_that_is_the_clock_of_the_time_stamps_is_replaced_by_the_measured_one():
    assert reading._plausible_fps(1000.0, 61, 2.0) == 30.0
    assert reading._plausible_fps(12.0, 61, 2.0) == 12.0
    assert reading._plausible_fps(0.0, 1, 0.0) == 25.0
    assert reading._plausible_fps(float("nan"), 1, 0.0) == 25.0


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


def playlist(path: Path) -> None:
    """An HLS playlist of a video beside it."""
    encode(path.with_name("other.avi"), numbered(5), "MJPG")
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nother.avi\n#EXT-X-ENDLIST\n")


def concatenation(path: Path) -> None:
    """FFmpeg's list of files to join."""
    encode(path.with_name("other.avi"), numbered(5), "MJPG")
    path.write_text("ffconcat version 1.0\nfile other.avi\n")


def unfinished(path: Path) -> None:
    """An MP4 whose recording stopped before its index was written."""
    source = encode(path.with_name("whole.mp4"), numbered(20), "mp4v")
    content = source.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])


def beheaded(path: Path) -> None:
    """A Matroska file of which nothing but the first bytes is right."""
    path.write_bytes(b"\x1a\x45\xdf\xa3" + np.random.default_rng(0).bytes(500))


def pictureless(path: Path) -> None:
    """A video of no frames."""
    source = encode(path.with_name("whole.avi"), numbered(5), "MJPG")
    content = source.read_bytes()
    path.write_bytes(content[: content.index(b"movi") + 4])


BAD: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: None, "does not exist; check the name"),
    (empty, "is empty; the upload or copy may have failed"),
    (text, "is no video in a format that is read here"),
    (noise, "is no video in a format that is read here"),
    (sound, "is no video in a format that is read here"),
    (mute_pictures, "has no video stream, only audio"),
    (song, "has no video stream, only audio"),
    (headless, r"is cut: it has \S+ bytes and states at least \S+; copy it again"),
    (unfinished, r"has no index \(moov\), which a recording writes when it is finished"),
    (beheaded, "begins as a WebM or Matroska file, but what follows"),
    (pictureless, "opens as a video, but none of its frames can be decoded"),
    (playlist, "is a list of other files, and such lists are not followed"),
    (concatenation, "is a list of other files, and such lists are not followed"),
]


@pytest.mark.parametrize(("make", "says"), BAD)
@pytest.mark.parametrize(
    "read",
    [open_footage, lambda path: sample_clip(path, 8, 32)],
    ids=["open", "sample"],
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


@pytest.mark.parametrize("which", [[], [0, -1], [0, 5]])
def test_frames_that_a_video_does_not_have_are_a_mistake_of_the_caller(tmp_path: Path, which: list[int]):
    path = encode(tmp_path / "clip.avi", numbered(5), "MJPG")
    with pytest.raises(ValueError, match=r"Ask for frames from 0 to 4; got \["):
        open_footage(path).read(which)


def test_reading_leaves_no_file_open(tmp_path: Path):
    path = encode(tmp_path / "clip.avi", numbered(5), "MJPG")
    for _ in range(3):
        sample_clip(path, 2, 16)
        with pytest.raises(ValueError, match="got"):
            open_footage(path).read([9])
    open_files = Path("/proc/self/fd")
    if not open_files.exists():
        pytest.skip("only Linux lists the open files of a process")
    assert not [link for link in open_files.iterdir() if link.is_symlink() and link.readlink() == path]


# The import of OpenCV


def test_a_missing_system_library_gives_a_sentence_that_says_what_to_install(tmp_path: Path):
    (tmp_path / "cv2.py").write_text(
        "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
    )
    root = Path(reading.__file__).parents[3]
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(root)!r}]; import gte.data.video.reading"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert "libGL.so.1" in last
    assert "apt-get install libgl1" in last
