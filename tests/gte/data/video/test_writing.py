"""Writing clips as WebM: what is read back, what the file says of itself, and that it is whole or not there."""

from pathlib import Path

import numpy as np
import pytest

from gte.data.motionpairs.dataset import MotionPairs
from gte.data.video import files
from gte.data.video.files import VideoInfo, index_video, read_frames, write_webm
from tests.videos import numbered, numbers_in


@pytest.mark.parametrize(("height", "width"), [(48, 64), (35, 51)])
def test_a_written_clip_reads_back_as_webm_with_its_length_rate_and_pictures(
    tmp_path: Path, height: int, width: int, capfd: pytest.CaptureFixture[str]
):
    frames = numbered(12, height, width)
    write_webm(tmp_path / "clip.webm", frames, 12.0)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.webm"]
    info = index_video(tmp_path / "clip.webm").info
    assert info == VideoInfo(12, 12.0, width + width % 2, height + height % 2)
    assert numbers_in(read_frames(tmp_path / "clip.webm", range(12))) == list(range(12))
    captured = capfd.readouterr()
    assert captured.err + captured.out == ""


def test_a_written_file_says_that_it_is_webm_with_vp8(tmp_path: Path):
    write_webm(tmp_path / "clip.webm", numbered(3), 12.0)
    head = (tmp_path / "clip.webm").read_bytes()[:600]
    assert head.startswith(b"\x1a\x45\xdf\xa3")
    assert b"\x42\x82\x84webm" in head
    assert b"matroska" not in head
    assert b"V_VP8" in head


def test_a_comment_stands_in_the_file_s_own_tags_and_the_video_stays_whole(tmp_path: Path):
    path = tmp_path / "clip.webm"
    write_webm(path, numbered(12), 12.0, comment="a network, é, a class")
    content = path.read_bytes()
    segment = content.index(bytes.fromhex("18538067")) + 4
    size = int.from_bytes(content[segment : segment + 8]) - (1 << 56)
    tags = content.rindex(bytes.fromhex("1254c367"))
    length = int.from_bytes(content[tags + 4 : tags + 12]) - (1 << 56)
    # Tags are the last element of the segment, and both end with the file.
    assert segment + 8 + size == tags + 12 + length == len(content)
    assert content.endswith("a network, é, a class".encode())
    assert index_video(path).info == VideoInfo(12, 12.0, 64, 48)
    assert numbers_in(read_frames(path, range(12))) == list(range(12))


def test_a_rendered_clip_survives_the_codec(tmp_path: Path):
    frames = MotionPairs("val", 112).frames(3, range(24))
    write_webm(tmp_path / "clip.webm", frames, 12.0)
    difference = read_frames(tmp_path / "clip.webm", range(24)).astype(float) - frames
    assert np.sqrt((difference**2).mean()) < 6  # 33 dB


def test_writing_replaces_a_file_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "clip.webm"
    write_webm(path, numbered(3), 12.0)
    before = path.read_bytes()

    def interrupted(beside: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "_declare_webm", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_webm(path, numbered(9), 12.0)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.webm"]
    write_webm(path, numbered(9), 12.0)
    assert index_video(path).info.num_frames == 9


def test_writing_what_is_no_clip_or_where_no_file_can_be_is_an_error_that_says_so(tmp_path: Path):
    with pytest.raises(ValueError, match="needs uint8 frames"):
        write_webm(tmp_path / "clip.webm", np.zeros((0, 8, 8, 3), np.uint8), 12.0)
    with pytest.raises(ValueError, match="must be positive; got 0"):
        write_webm(tmp_path / "clip.webm", numbered(2), 0.0)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_webm(tmp_path / "file" / "clip.webm", numbered(2), 12.0)
