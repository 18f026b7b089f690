"""Files in folders and archives, listed and read without writing or trusting any name, size or link in them."""

import lzma
import os
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, takewhile
from pathlib import Path, PurePosixPath

from gte.errors import VideoError

ARCHIVE_TYPES = (".zip", ".tar", ".tar.gz", ".tgz")
MAX_FILES = 100_000
"""Of a folder or archive: an hour of frames at 25 per second is 90,000."""
MAX_FILE_BYTES = 500_000_000
MAX_TAR_BYTES = 4_000_000_000
"""Of a compressed tar file, which is unpacked up to the last file that is read."""
MAX_HELD_BYTES = 200_000_000
"""Of files of a tar file that are read in its order before they are asked for."""
_PARTS = r"\d+|\D+"
_DECIMAL = r"(?<![\d.])\d+\.\d+(?!\.?\d)"
"""Two numbers with a point between them, and no more."""
_UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, ValueError),
    RuntimeError,  # As NotImplementedError: an unknown method of compression.
)


@dataclass(frozen=True)
class PackedFile:
    """A file in a folder or an archive."""

    name: str
    """Its path in there, with forward slashes; used for words and order, never to open anything."""
    size: int
    """In bytes, as stated."""
    entry: Path | zipfile.ZipInfo | tarfile.TarInfo


def is_archive(name: str) -> bool:
    """Return True for the name of a zip or tar file."""
    return name.lower().endswith(ARCHIVE_TYPES)


def list_files(place: Path) -> list[PackedFile]:
    """Return the files of a folder, its subfolders included, or of an archive, in natural order.

    Hidden files and links are left out. Raises VideoError if it cannot be read or holds more than MAX_FILES.
    """
    files: list[PackedFile] = []
    for file in _entries(place):
        if not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(file.name).parts):
            files.append(file)
        if len(files) > MAX_FILES:
            raise VideoError(f"{place.name} holds more than {MAX_FILES} files; give a part of them.")
    # 9, 10 and 11 after a point count; 5, 25 and 125 are decimals. Of equal widths both orders are the same.
    decimals = not any(re.search(r"\.\d+0$", number) for file in files for number in re.findall(_DECIMAL, file.name))
    return sorted(files, key=lambda file: natural_key(file.name, decimals))


def _entries(place: Path) -> Iterator[PackedFile]:
    with _opened(place) as archive:
        match archive:
            case None:
                for folder, below, names in os.walk(place):
                    below[:] = [name for name in below if not name.startswith(".")]
                    for path in (Path(folder, name) for name in names):
                        if path.is_file() and not path.is_symlink():
                            yield PackedFile(path.relative_to(place).as_posix(), path.stat().st_size, path)
            case zipfile.ZipFile():
                for info in archive.infolist():
                    if not info.is_dir():
                        yield PackedFile(_plain(info.filename), info.file_size, info)
            case tarfile.TarFile():
                for info in archive:
                    # Before the next entry is looked for, because what lies between is unpacked on the way.
                    if info.offset_data + info.size > max(MAX_TAR_BYTES, place.stat().st_size):
                        raise VideoError(f"{place.name} holds more than {MAX_TAR_BYTES // 1_000_000} MB; unpack it.")
                    if info.isreg():
                        yield PackedFile(_plain(info.name), info.size, info)


def _plain(name: str) -> str:
    """Return a name without steps upwards and characters that cannot be shown."""
    parts = (part for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))
    return "".join(letter if letter.isprintable() else "?" for letter in "/".join(parts))


def read_files(place: Path, files: Sequence[PackedFile]) -> Iterator[bytes]:
    """Yield the content of each of the files that `list_files` returned. Raises VideoError."""
    with _opened(place) as archive:
        if isinstance(archive, tarfile.TarFile):
            yield from _read_tar(archive, files)
            return
        for file in files:
            _check_size(file)
            match archive, file.entry:
                case zipfile.ZipFile(), zipfile.ZipInfo() as info:
                    if info.flag_bits & 1:
                        raise VideoError(f"{place.name} is encrypted; pack the images without a password.")
                    with archive.open(info) as source:
                        yield source.read(file.size)
                case _, entry:
                    yield _read(Path(str(entry)))


def _read_tar(archive: tarfile.TarFile, files: Sequence[PackedFile]) -> Iterator[bytes]:
    """Yield contents, read in the order of the archive: each step back unpacks a compressed one from its start."""
    waiting = list(files)
    while waiting:
        _check_size(waiting[0])
        held = accumulate(file.size for file in waiting)
        count = max(1, sum(1 for _ in takewhile(lambda size: size <= MAX_HELD_BYTES, held)))
        batch, waiting = waiting[:count], waiting[count:]
        contents: dict[int, bytes] = {}
        entries = [(place, file.entry) for place, file in enumerate(batch)]
        members = [(entry.offset, place, entry) for place, entry in entries if isinstance(entry, tarfile.TarInfo)]
        for _, place, info in sorted(members, key=lambda member: member[:2]):
            source = archive.extractfile(info)
            contents[place] = source.read(info.size) if source else b""
        yield from (contents[place] for place in range(count))


def _check_size(file: PackedFile) -> None:
    if file.size > MAX_FILE_BYTES:
        megabytes = f"has {file.size // 1_000_000} MB; at most {MAX_FILE_BYTES // 1_000_000} MB are read"
        raise VideoError(f"{file.name} {megabytes} of one file.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VideoError(f"{path.name} cannot be read ({error.strerror}); check its name and permissions.") from error


@contextmanager
def _opened(place: Path) -> Iterator[zipfile.ZipFile | tarfile.TarFile | None]:
    """Open an archive for the block; None for anything else."""
    if is_archive(place.name) and not place.exists():
        raise VideoError(f"{place} does not exist; check the name.")
    try:
        if not is_archive(place.name) or place.is_dir():
            yield None
        elif place.name.lower().endswith(".zip"):
            with zipfile.ZipFile(place) as packed:
                yield packed
        else:
            with tarfile.open(place) as packed:
                yield packed
    except _UNREADABLE as error:
        # tarfile lists, in several lines, why it is of no kind of compression.
        reason = "File is not a tar file" if "\n" in str(error) else error
        reason = reason if place.stat().st_size else "it is empty"
        raise VideoError(f"{place.name} cannot be unpacked ({reason}); pack the images into a new zip file.") from error


def natural_key(name: str, decimals: bool = False) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key for natural order: frame9 before frame10; with `decimals` 0.25 before 0.5."""
    parts = re.findall(rf"{_DECIMAL}|{_PARTS}" if decimals else _PARTS, name.casefold())
    # Numbers by their digits, because a name may have more of them than an int takes.
    digits = (part.lstrip("0") if part[0].isdecimal() else None for part in parts)
    return tuple(
        (1, 0, part) if number is None else (0, len(number.split(".")[0]), number)
        for part, number in zip(parts, digits, strict=True)
    )
