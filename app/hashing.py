"""Hash functions for Streamlit's caches: a checkpoint is the state of its file, a clip is its frames."""

from collections.abc import Callable
from typing import Any

from gte.checkpoint_header import CheckpointHeader
from gte.files import Stamp, stamp


def _state_of(header: CheckpointHeader) -> Stamp | str:
    # Streamlit reports an error of a hash function as a defect; the cached function itself raises the right one.
    try:
        return stamp(header.path)
    except OSError:
        return str(header.path)


# A clip by the name of its class: the first page has none, and need not wait until OpenCV is imported.
HASH_FUNCS: dict[str | type[Any], Callable[[Any], Any]] = {
    CheckpointHeader: _state_of,
    "app.clips.Clip": lambda clip: clip.digest,
}
"""For `hash_funcs` of every cached function that takes one of these: a file that is written again is read again."""
