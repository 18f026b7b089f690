"""Counts kept on disk: one small JSON file for each network, its options and its clip.

A file holds for one state of the code alone: its name is a hash of what was counted, of the versions of the libraries
that count and of the source of the networks and of the counting. What cannot be read is counted anew and replaced.
"""

import hashlib
import json
import os
import sys
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from analysis.complexity.counting import Complexity, checked, count
from analysis.complexity.layers import Layer
from gte.files import atomic_write
from gte.models import ClipShape, Options

FOLDER_VARIABLE = "GTE_CACHE"
"""The environment's name for a folder in place of the user's cache folder."""

LIBRARIES = ("torch", "torchvision", "fvcore")
"""Whose versions change what is built or how it is counted."""

SOURCES = (Path(__file__).parent, Path(__file__).parents[2] / "gte" / "models")

MOST_FILES = 512
"""Files kept, some 30 kB each; those that nobody asked for longest go first."""


def folder() -> Path:
    """Where the files are: below GTE_CACHE, or else below the user's cache folder."""
    if own := os.environ.get(FOLDER_VARIABLE, "").strip():
        return Path(own).expanduser() / "complexity"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "gte-explorer" / "complexity"


@cache
def code_revision() -> str:
    """A hash of the source of the networks and of the counting."""
    digest = hashlib.sha256()
    for path in sorted(path for source in SOURCES for path in source.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def identity(name: str, options: Options, clip: ClipShape) -> dict[str, Any]:
    """What a file's count holds for. Raises ValueError for an unknown network or option."""
    return {
        "name": name,
        "options": checked(name, options, clip).options(),
        "clip": asdict(clip),
        "versions": {library: version(library) for library in LIBRARIES},
        "code": code_revision(),
    }


def path_of(name: str, options: Options, clip: ClipShape) -> Path:
    """The file for this network. Raises ValueError for an unknown network or option."""
    text = json.dumps(identity(name, options, clip), sort_keys=True)
    return folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def stored(name: str, options: Options, clip: ClipShape) -> Complexity:
    """`count`, from the file if there is one; else the file is written. Raises ValueError as `count` does."""
    path = path_of(name, options, clip)
    kept = read(path, identity(name, options, clip))
    if kept is not None:
        return kept
    item = count(name, options, clip)
    _write(path, identity(name, options, clip), item)
    return item


def read(path: Path, holds_for: dict[str, Any]) -> Complexity | None:
    """The count in a file; None if there is none, or if it is damaged or holds for something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["identity"] != json.loads(json.dumps(holds_for)):
            return None
        item = _from_plain(content["count"])
        _check(item)
        os.utime(path)
    # A damaged file fails in one of these ways, wherever the damage is; the count is then made anew.
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return item


def _check(item: Complexity) -> None:
    """Raise ValueError if the pieces do not add up."""
    macs, params = (sum(getattr(layer, part) for layer in item.layers) for part in ("macs", "params"))
    if (macs, params) != (item.macs, item.params):
        raise ValueError(
            f"The layers must add up to {item.macs} MACs and {item.params} parameters; got {macs}, {params}."
        )


def _write(path: Path, holds_for: dict[str, Any], item: Complexity) -> None:
    content = {"identity": holds_for, "count": asdict(item)}
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")
        _forget_oldest(path.parent)
    except OSError:
        # Where nothing can be written, every count is made anew; that is all that is lost.
        return


def _forget_oldest(place: Path) -> None:
    paths = list(place.glob("*.json"))
    if len(paths) <= MOST_FILES:
        return
    times: list[tuple[float, Path]] = []
    for path in paths:
        try:
            times.append((path.stat().st_mtime, path))
        except FileNotFoundError:
            continue  # another process was faster
    for _, path in sorted(times)[: len(times) - MOST_FILES]:
        path.unlink(missing_ok=True)


def _from_plain(plain: dict[str, Any]) -> Complexity:
    layers = tuple(
        Layer(
            **layer
            | {
                "kernel": layer["kernel"] and tuple(layer["kernel"]),
                "reads": ClipShape(**layer["reads"]),
                "gives": ClipShape(**layer["gives"]),
            }
        )
        for layer in plain["layers"]
    )
    return Complexity(**plain | {"clip": ClipShape(**plain["clip"]), "layers": layers})
