"""Folders and archives of pictures: each frame is the one that its number names."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from gte.data.opencv import cv2
from gte.data.video.images import natural_key, unpack_images
from gte.data.video.sources import open_footage
from gte.errors import VideoError
from tests.videos import coded, number_in


def write_pictures(folder: Path, count: int, suffix: str = ".png") -> Path:
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"frame{number}{suffix}"), coded(number))
    return folder


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures_of_a_folder_are_frames_in_the_order_in_which_a_person_counts(tmp_path, suffix):
    folder = write_pictures(tmp_path / "frames", 12, suffix)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"")
    footage = open_footage(folder)
    assert (footage.info.num_frames, footage.info.width, footage.info.height) == (12, 64, 48)
    assert [number_in(frame) for frame in footage.read([10, 2, 9])] == [10, 2, 9]
    assert footage.read([3], size=24).shape == (1, 24, 24, 3)


def test_names_are_counted_and_not_spelt():
    names = ["b1.png", "a10.png", "A9.png", "a9b2.png", "7.png"]
    assert sorted(names, key=natural_key) == ["7.png", "A9.png", "a9b2.png", "a10.png", "b1.png"]


def test_links_out_of_a_folder_of_pictures_are_not_followed(tmp_path):
    secret = tmp_path / "secret.png"
    cv2.imwrite(str(secret), coded(7))
    folder = write_pictures(tmp_path / "frames", 2)
    (folder / "frame2.png").symlink_to(secret)
    assert open_footage(folder).info.num_frames == 2


def test_a_zip_of_pictures_is_unpacked_in_order_and_only_into_its_folder(tmp_path):
    folder = write_pictures(tmp_path / "frames", 11)
    archive = tmp_path / "frames.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(11):
            packed.write(folder / f"frame{number}.png", f"../../deep/frame{number}.png")
        packed.writestr("__MACOSX/._frame0.png", b"x")
        packed.writestr("readme.txt", b"x")
    out = tmp_path / "out" / "frames"
    out.mkdir(parents=True)
    unpack_images(archive, out)
    footage = open_footage(out)
    assert [number_in(frame) for frame in footage.read(range(11))] == list(range(11))
    assert [entry.name for entry in out.parent.iterdir()] == ["frames"]


def test_what_is_no_folder_or_zip_of_pictures_gives_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(VideoError, match="empty holds no images"):
        open_footage(tmp_path / "empty")
    broken = write_pictures(tmp_path / "broken", 1)
    (broken / "frame0.png").write_bytes(b"no picture")
    with pytest.raises(VideoError, match=r"frame0.png is no image"):
        open_footage(broken)
    (tmp_path / "not.zip").write_bytes(b"text")
    with pytest.raises(VideoError, match=r"not.zip cannot be unpacked"):
        unpack_images(tmp_path / "not.zip", tmp_path)
    monkeypatch.setattr("gte.data.video.images.MAX_IMAGES", 1)
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as packed:
        packed.writestr("1.png", b"x")
        packed.writestr("2.png", b"x")
    with pytest.raises(VideoError, match=r"many.zip holds 2 images"):
        unpack_images(tmp_path / "many.zip", tmp_path)


def test_pictures_of_several_sizes_give_one_sentence(tmp_path):
    folder = write_pictures(tmp_path / "frames", 2)
    cv2.imwrite(str(folder / "frame1.png"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(VideoError, match="not all of one size"):
        open_footage(folder).read([0, 1])
