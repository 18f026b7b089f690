"""Results of long computations on disk, as JSON that belongs to the bytes of a checkpoint and to its settings.

Results of shipped checkpoints are part of the repository: `checkpoints/results/gte-tiny/<kind>.json`. Those of others
are in the folder that GTE_CACHE names, or in the user's cache folder. A file whose checkpoint or settings are not the
ones asked for is ignored, so that a result is never shown for another network.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from gte.files import Stamp, atomic_write, cache_folder, sha256, stamp

MAX_RESULTS: Final = 512
"""Results in the cache folder, of at most some 100 kB; those not written for the longest time are deleted first."""


def shipped_path(checkpoint: Path, kind: str) -> Path:
    """Return the file for a result that ships with its checkpoint; `kind` says what was computed."""
    return checkpoint.parent / "results" / checkpoint.stem / f"{kind}.json"


def load_result(checkpoint: Path, kind: str, settings: Mapping[str, Any]) -> Any | None:
    """Return the result of a computation, as plain data; None if none is stored for this file and these settings.

    `settings` holds, as plain data, everything but the checkpoint that decides the result, such as clips and seed.
    """
    key = _key(checkpoint, settings)
    for path in (shipped_path(checkpoint, kind), _cached_path(kind, key)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # No such file, or one that is damaged: the result is computed again.
            continue
        if isinstance(content, dict) and content.get("key") == key:
            return content["result"]
    return None


def save_result(
    checkpoint: Path, kind: str, settings: Mapping[str, Any], result: Any, *, shipped: bool = False
) -> Path:
    """Store a result, in the cache folder or with the checkpoint, and return its file.

    Raises OSError if the folder cannot be written, and ValueError for a result with numbers that are not finite.
    """
    key = _key(checkpoint, settings)
    target = shipped_path(checkpoint, kind) if shipped else _cached_path(kind, key)
    text = json.dumps({"key": key, "result": result}, allow_nan=False)
    with atomic_write(target) as path:
        path.write_text(text + "\n", encoding="utf-8")
    if not shipped:
        files = sorted(target.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for old in files[:-MAX_RESULTS]:
            old.unlink(missing_ok=True)
    return target


def _key(checkpoint: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    # In the form in which JSON gives it back: lists for tuples.
    return {"sha256": _digest(stamp(checkpoint)), "settings": json.loads(json.dumps(settings))}


def _cached_path(kind: str, key: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "results" / f"{kind}-{digest[:32]}.json"


@lru_cache(maxsize=64)
def _digest(state: Stamp) -> str:
    """The SHA-256 of a file, for its state."""
    return sha256(Path(state[0]))
