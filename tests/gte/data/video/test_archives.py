"""Folders and archives: what is in them is listed in order and read, and nothing in them is trusted."""

import io
import tarfile
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gte.data.opencv import cv2
from gte.data.video import archives
from gte.data.video.archives import list_files, natural_key, read_files
from gte.data.video.sources import open_footage
from gte.errors import VideoError
from tests.videos import coded, number_in


def png(number: int) -> bytes:
    return cv2.imencode(".png", coded(number))[1].tobytes()


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """Write an archive, or a folder where the name has no ending."""
    if not path.suffix:
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in files.items():
                packed.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as packed:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                packed.addfile(info, io.BytesIO(content))
    return path


def names(place: Path) -> list[str]:
    return [file.name for file in list_files(place)]


@pytest.mark.parametrize("name", ["frames", "frames.zip", "frames.tar", "frames.tar.gz", "frames.tgz"])
def test_images_are_frames_in_the_order_in_which_a_person_counts(tmp_path, name):
    files = {f"frame{number}.png": png(number) for number in range(12)}
    place = pack(tmp_path / name, files | {"notes.txt": b"x", ".hidden.png": b"x", "__MACOSX/._frame0.png": b"x"})
    footage = open_footage(place)
    assert (footage.info.num_frames, footage.info.width, footage.info.height, footage.notes) == (12, 64, 48, ())
    assert [number_in(frame) for frame in footage.read([10, 2, 9])] == [10, 2, 9]
    assert footage.read([3], size=24).shape == (1, 24, 24, 3)


def test_names_are_counted_and_not_spelt():
    spelt = ["b1.png", "a10.png", "A9.png", "a9b2.png", "7.png"]
    assert sorted(spelt, key=natural_key) == ["7.png", "A9.png", "a9b2.png", "a10.png", "b1.png"]
    assert natural_key("1" * 5000) > natural_key("9" * 4999)


@pytest.mark.parametrize(
    "expected",
    [
        ["0.png", "0.125.png", "0.25.png", "0.5.png", "1.0.png", "10.5.png"],
        ["t_0.5.png", "t_0.75.png", "t_1.0.png"],
        ["1.9.png", "1.10.png", "1.11.png", "2.1.png"],
        ["0.25.png", "0.50.png", "1.00.png"],
        ["1.2.9.png", "1.2.10.png"],
    ],
)
def test_decimals_are_ordered_by_value_and_what_counts_after_a_point_by_count(tmp_path, expected):
    assert names(pack(tmp_path / "a.zip", dict.fromkeys(sorted(expected), b""))) == expected


@pytest.mark.parametrize("limit", [0, 500, 10**9])
def test_a_compressed_tar_is_read_in_its_own_order_and_given_in_the_order_asked_for(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(archives, "MAX_HELD_BYTES", limit)
    order = np.random.default_rng(0).permutation(20).tolist()
    place = pack(tmp_path / "a.tgz", {f"{number}.txt": bytes([number]) * 100 for number in order})
    read_at: list[int] = []
    extract = tarfile.TarFile.extractfile

    def watched(self, member):
        read_at.append(member.offset)
        return extract(self, member)

    monkeypatch.setattr(tarfile.TarFile, "extractfile", watched)
    assert [content[0] for content in read_files(place, list_files(place))] == list(range(20))
    steps_back = sum(later < earlier for earlier, later in pairwise(read_at))
    assert steps_back <= {0: 19, 500: 3, 10**9: 0}[limit]
    assert len(read_at) == 20


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret.png").write_bytes(png(7))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "1.png").write_bytes(png(8))
    folder = pack(tmp_path / "frames", {"0.png": png(0), "1.png": png(1)})
    (folder / "2.png").symlink_to(tmp_path / "secret.png")
    (folder / "more").symlink_to(tmp_path / "secrets")
    assert names(folder) == ["0.png", "1.png"]
    archive = pack(tmp_path / "frames.tar", {"0.png": png(0)})
    with tarfile.open(archive, "a") as packed:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            link = tarfile.TarInfo("1.png")
            link.type, link.linkname = kind, str(tmp_path / "secret.png")
            packed.addfile(link)
    assert names(archive) == ["0.png"]


@pytest.mark.parametrize("name", ["frames.zip", "frames.tar"])
def test_paths_of_an_archive_lead_nowhere(tmp_path, name):
    place = tmp_path / "in" / name
    place.parent.mkdir()
    files = {"../../up/0.png": png(0), "/etc/1.png": png(1), "a\\..\\2.png": png(2), "odd\n\x1b[31m\udce4.png": png(3)}
    if name.endswith("zip"):
        files.pop("odd\n\x1b[31m\udce4.png")
        files["odd\n\x1b[31m.png"] = png(3)
    pack(place, files)
    before = sorted(path for path in tmp_path.rglob("*"))
    assert {"up/0.png", "etc/1.png", "a/2.png"} < set(names(place))
    assert all(file.isprintable() for file in names(place))
    assert [number_in(open_footage(place, sequence).read([0])[0]) for sequence in ("up", "etc", "a")] == [0, 1, 2]
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_an_image_with_a_wrong_checksum_is_named(tmp_path):
    path = tmp_path / "frames.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for number in range(3):
            packed.writestr(f"{number}.png", png(number))
    content = path.read_bytes().replace(png(1), png(1)[:-20] + b"\x00" + png(1)[-19:], 1)
    path.write_bytes(content)
    footage = open_footage(path)
    [note] = footage.notes
    assert note.startswith(
        "1 of the 3 images cannot be read. frames.zip cannot be unpacked (Bad CRC-32 for file '1.png')"
    )
    assert [frame is not None for frame in footage.glimpses([0, 1, 2], 16)] == [True, False, True]
    with pytest.raises(VideoError, match=r"frames.zip cannot be unpacked \(Bad CRC-32 for file '1.png'\)"):
        footage.read([0, 1])


def encrypted(path: Path) -> None:
    """Set the mark of encryption in both headers of every file."""
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + place] |= 1
            at = content.find(signature, at + 1)
    path.write_bytes(content)


def test_an_archive_with_a_password_says_so(tmp_path):
    path = pack(tmp_path / "secret.zip", {"0.png": png(0), "1.png": png(1)})
    encrypted(path)
    with pytest.raises(VideoError, match=r"^secret.zip is encrypted; pack the images without a password"):
        open_footage(path)


@pytest.mark.parametrize("name", ["not.zip", "not.tar", "not.tar.gz", "empty.zip", "empty.tar"])
def test_what_is_no_archive_gives_one_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(b"" if name.startswith("empty") else b"text" * 300)
    with pytest.raises(VideoError, match=rf"^{name} (cannot be unpacked \(|is empty)"):
        open_footage(tmp_path / name)
    with pytest.raises(VideoError, match=rf"gone.{name} does not exist"):
        open_footage(tmp_path / "gone" / name)


def test_a_zip_that_was_cut_says_so(tmp_path):
    path = pack(tmp_path / "half.zip", {f"{number}.png": png(number) for number in range(9)})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(VideoError, match=r"^half.zip cannot be unpacked \(File is not a zip file\)"):
        open_footage(path)


@pytest.mark.parametrize("name", ["bomb.zip", "bomb.tar"])
def test_a_file_that_grows_huge_is_not_unpacked(tmp_path, monkeypatch, name):
    place = pack(tmp_path / name, {"0.png": png(0), "1.png": bytes(5_000_000)})
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 1_000_000)
    [small, large] = list_files(place)
    assert list(read_files(place, [small])) == [png(0)]
    with pytest.raises(VideoError, match=r"^1.png has 5 MB; at most 1 MB are read of one file"):
        list(read_files(place, [large]))


def test_a_tar_that_grows_huge_is_not_unpacked(tmp_path, monkeypatch):
    place = pack(tmp_path / "bomb.tar.gz", {"0.png": bytes(5_000_000), "1.png": png(1)})
    monkeypatch.setattr(archives, "MAX_TAR_BYTES", 1_000_000)
    with pytest.raises(VideoError, match=r"^bomb.tar.gz holds more than 1 MB; unpack it"):
        open_footage(place)


def test_a_zip_of_more_files_than_are_read_gives_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILES", 3)
    for name in ("many.zip", "many"):
        place = pack(tmp_path / name, {f"{number}.png": png(0) for number in range(4)})
        with pytest.raises(VideoError, match=rf"^{name} holds more than 3 files"):
            open_footage(place)


def test_a_zip_that_states_a_smaller_size_than_it_has_gives_no_more(tmp_path):
    path = tmp_path / "small.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("0.png", bytes(100_000))
    content = path.read_bytes().replace((100_000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"small.zip cannot be unpacked \(Bad CRC-32"):
        list(read_files(path, list_files(path)))
