"""Atomic writes, so that a reader sees the old file or the new one; stamps and digests that tell files
apart; claims of a folder; the folder of the cache."""

import glob
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

Stamp = tuple[str, int, int]
"""A file's path, modification time in nanoseconds and size in bytes."""
CACHE_VARIABLE = "GTE_CACHE"
"""Environment variable with the folder for everything that is computed once and kept."""


def cache_folder() -> Path:
    """Return the folder for everything that is computed once and kept."""
    if chosen := os.environ.get(CACHE_VARIABLE, "").strip():
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "gte-explorer"


def stamp(path: Path) -> Stamp:
    """Return what changes whenever a file is written again. Raises OSError if there is none."""
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size


def sha256(path: Path) -> str:
    """Return the digest of a file, in hexadecimal. Raises OSError if there is none."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_write(path: Path, *, suffix: str | None = None) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; move it to `path` when the block ends without an error.

    Creates the folder. `suffix` is the temporary path's, by default that of `path`. After an error, or if the block
    wrote nothing, `path` is unchanged and no other file is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=suffix or path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes files that only their owner can read; a result is as readable as any other file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def claim(lock: Path) -> Iterator[bool]:
    """Take a lock file for the block, and yield whether no other process has it; a process that ends gives it back.

    Creates the folder and the file, which stays. Raises OSError if it cannot.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    file_lock = FileLock(lock, blocking=False)
    try:
        file_lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        file_lock.release()


def remove_leftovers(path: Path) -> None:
    """Delete what `atomic_write` of `path` left when its process was killed. No process may be writing `path` now."""
    for leftover in path.parent.glob(f".{glob.escape(path.stem)}.*{path.suffix}"):
        leftover.unlink(missing_ok=True)
