"""Counts kept on disk by joblib, which unpickles its files: only their user may be able to write in the folder."""

import hashlib
import logging
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from joblib import Memory

from analysis.complexity.counting import Complexity, checked, count
from analysis.stored_results import cache_folder
from gte.models import ClipShape, Options

LIBRARIES = ("torch", "torchvision", "fvcore")
"""Libraries whose versions change the networks or the counts."""

SOURCES = (Path(__file__).parent, Path(__file__).parents[2] / "gte" / "models")

MAX_COUNTS = 512
"""Counts that are kept, about 5 kB each; the ones not read for the longest time are deleted first."""

# A damaged file is counted again; joblib would warn with a traceback, which nobody can act on.
logging.getLogger("joblib").setLevel(logging.ERROR)


@cache
def revision() -> str:
    """Return a hash of the libraries' versions and of the source of the networks and of the counting."""
    digest = hashlib.sha256(repr([version(library) for library in LIBRARIES]).encode())
    for path in sorted(path for source in SOURCES for path in source.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def stored(name: str, options: Options, clip: ClipShape) -> Complexity:
    """Return `count`, from disk if it is there for this revision. Raises ValueError as `count` does."""
    key = name, checked(name, options, clip).options(), clip, revision()
    try:
        memory = Memory(cache_folder() / "complexity", verbose=0, compress=True)
    except OSError:
        # Without a folder that can be written, nothing is kept.
        return _count(*key)
    # joblib annotates neither what it returns here nor its arguments.
    kept: Any = memory.cache(_count)
    is_new = not kept.check_call_in_cache(*key)
    item = kept(*key)
    if is_new:
        memory.reduce_size(items_limit=MAX_COUNTS)
    return item


def _count(name: str, options: Options, clip: ClipShape, revision: str) -> Complexity:
    """Count for a revision, which is part of joblib's key."""
    return count(name, options, clip)
