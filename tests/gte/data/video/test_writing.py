"""Writing clips as WebM and MP4: what is read back, what the file says of itself, and that it is whole or not there."""

from pathlib import Path

import av
import numpy as np
import pytest

from gte.data.motionpairs.dataset import MotionPairs
from gte.data.video.reading import VideoInfo
from gte.data.video.sources import open_footage
from gte.data.video.writing import ENCODERS, write_video
from tests.videos import numbered, numbers_in


@pytest.mark.parametrize("suffix", ENCODERS)
@pytest.mark.parametrize(("height", "width"), [(48, 64), (35, 51)])
def test_a_written_clip_reads_back_with_its_length_rate_and_pictures(
    tmp_path: Path, height: int, width: int, suffix: str, capfd: pytest.CaptureFixture[str]
):
    path = tmp_path / f"clip{suffix}"
    write_video(path, numbered(12, height, width), 12.0)
    assert list(tmp_path.iterdir()) == [path]
    footage = open_footage(path)
    assert footage.info == VideoInfo(12, 12.0, width + width % 2, height + height % 2)
    assert numbers_in(footage.read(range(12))) == list(range(12))
    captured = capfd.readouterr()
    assert captured.err + captured.out == ""


@pytest.mark.parametrize(("suffix", "codec", "kind"), [(".webm", "vp8", b"webm"), (".mp4", "h264", b"isom")])
def test_a_written_file_says_what_it_is_and_keeps_its_comment(tmp_path: Path, suffix: str, codec: str, kind: bytes):
    path = tmp_path / f"clip{suffix}"
    write_video(path, numbered(3), 12.0, comment="a network, é, a class")
    assert kind in path.read_bytes()[:64]
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.codec.canonical_name, context.pix_fmt) == (codec, "yuv420p")
        tags = {name.lower(): text for name, text in container.metadata.items()}
        assert tags["comment"] == "a network, é, a class"


def test_an_mp4_begins_with_its_index_so_that_it_plays_while_it_loads(tmp_path: Path):
    path = tmp_path / "clip.mp4"
    write_video(path, numbered(12), 12.0)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("suffix", ENCODERS)
def test_a_rendered_clip_survives_the_codec(tmp_path: Path, suffix: str):
    frames = MotionPairs("val", 112).frames(3, range(24))
    write_video(tmp_path / f"clip{suffix}", frames, 12.0)
    difference = open_footage(tmp_path / f"clip{suffix}").read(range(24)).astype(float) - frames
    assert np.sqrt((difference**2).mean()) < 6  # 33 dB


def test_writing_replaces_a_file_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "clip.webm"
    write_video(path, numbered(3), 12.0)
    before = path.read_bytes()

    def interrupted(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(av.VideoFrame, "from_ndarray", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_video(path, numbered(9), 12.0)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.webm"]
    write_video(path, numbered(9), 12.0)
    assert open_footage(path).info.num_frames == 9


def test_writing_what_is_no_clip_or_where_no_file_can_be_is_an_error_that_says_so(tmp_path: Path):
    with pytest.raises(ValueError, match="needs uint8 frames"):
        write_video(tmp_path / "clip.webm", np.zeros((0, 8, 8, 3), np.uint8), 12.0)
    with pytest.raises(ValueError, match="must be positive; got 0"):
        write_video(tmp_path / "clip.webm", numbered(2), 0.0)
    with pytest.raises(ValueError, match=r"written as .webm or .mp4; got clip.avi"):
        write_video(tmp_path / "clip.avi", numbered(2), 12.0)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_video(tmp_path / "file" / "clip.webm", numbered(2), 12.0)
