"""Folders of data on this machine, found by their names.

They are looked for in the folders that GTE_DATA names, and then among those that were given to a command here before.
A checkpoint knows only the name of its folder, so that no file from elsewhere decides what is read.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gte.errors import DatasetError
from gte.files import atomic_write, cache_folder

FOLDERS_VARIABLE = "GTE_DATA"
"""Environment variable with folders, separated as in PATH: each is a root, or holds roots."""
MAX_REMEMBERED = 64


def find_root(name: str) -> Path:
    """Return the folder of data with this name. Raises DatasetError if it is not found."""
    for root in _known(name):
        if root.is_dir():
            return root
    raise DatasetError(
        f"Its clips are not here: no folder {name} is known on this machine. Name the folder that holds it in "
        f"{FOLDERS_VARIABLE}, or give it to a command once with --data-root."
        if name
        else "These data are read from a folder; give it with --data-root."
    )


def remember_root(root: Path) -> None:
    """Keep a folder for later look-ups by its name; nothing happens where that cannot be written."""
    known = [str(root.resolve()), *_remembered()]
    with suppress(OSError), atomic_write(_file()) as temporary:
        temporary.write_text("\n".join(dict.fromkeys(known[:MAX_REMEMBERED])) + "\n", encoding="utf-8")


def _known(name: str) -> Iterator[Path]:
    if name in ("", ".", ".."):
        return
    for text in filter(str.strip, os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)):
        folder = Path(text).expanduser()
        yield folder / name
        if folder.resolve().name == name:
            yield folder
    yield from (path for path in map(Path, _remembered()) if path.name == name)


def _remembered() -> list[str]:
    try:
        return _file().read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def _file() -> Path:
    return cache_folder() / "data_roots.txt"
