"""Checkpoints that a reader opens for one visit: kept in a folder of their own, which no other session sees.

Files of this project are read as they are. Files from elsewhere go to `gte.convert`, which opens them in a process of
its own; a server's owner switches that off with GTE_FOREIGN_UPLOADS=off in the environment.
"""

import os
import re
import shutil
import tempfile
import threading
import weakref
from pathlib import Path

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from gte import checkpoint
from gte.checkpoint import SUFFIX, CheckpointHeader
from gte.convert import convert
from gte.errors import GteError

MOST = 3
"""Checkpoints that a visit can hold open."""

LARGEST_MEGABYTES = 400
"""Of one file; a ResNet-101 with 3x3x3 kernels has 353. `server.maxUploadSize` in .streamlit/config.toml is equal."""

PREFIX = "yours/"
"""Stands before the names of these checkpoints."""

SWITCH = "GTE_FOREIGN_UPLOADS"
ON = ("on", "yes", "true", "1")
"""Anything else switches them off: a word that nobody knows must not open what was meant to be shut."""

OWN_TYPES = (SUFFIX.removeprefix("."),)
FOREIGN_TYPES = ("pth", "pt", "tar", "ckpt")

# One at a time: each takes the memory of a whole network, and a conversion a process of its own.
_ONE_AT_A_TIME = threading.Lock()

_KEY = "uploads: the checkpoints of this visit"


class Uploads:
    """The checkpoints of one visit; their folder goes when the visit is over."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gte-explorer-"))
        self.opened: dict[str, CheckpointHeader] = {}
        """By the name that the app uses."""
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def add(self, file_name: str, content: bytes) -> str:
        """Open an uploaded file, converting it where needed, and return the name of the checkpoint that it became.

        Raises GteError, in one sentence that names the file, if it cannot be used; nothing changes then.
        """
        name = _clean(file_name)
        types = tuple(f".{ending}" for ending in (*OWN_TYPES, *FOREIGN_TYPES))
        if not name.lower().endswith(types):
            raise GteError(f"{name} is no checkpoint; choose a file that ends in {', '.join(file_types())}.")
        if len(self.opened) >= MOST:
            raise GteError(f"A visit holds {MOST} checkpoints open at most; choose one of yours and remove it first.")
        if not content:
            raise GteError(f"{name} is empty; choose the file anew once it is complete.")
        if len(content) > LARGEST_MEGABYTES * 2**20:
            raise GteError(f"{name} is larger than {LARGEST_MEGABYTES} MB; open it in an app of your own.")
        with _ONE_AT_A_TIME, tempfile.TemporaryDirectory(dir=self.folder) as incoming:
            source = Path(incoming) / name
            source.write_bytes(content)
            target = Path(incoming) / "converted" / f"{self._free_stem(name)}{SUFFIX}"
            target.parent.mkdir()
            if _is_ours(source):
                source.rename(target)
            elif foreign_allowed():
                convert(source, target)
            else:
                raise GteError(
                    f"{name} is no {SUFFIX} file of this project, and this server takes no others; convert it on your "
                    f"own machine: python -m gte.convert {name} --to {target.name}"
                )
            # What cannot be opened is refused here and not on every page.
            checkpoint.load_model(target)
            kept = self.folder / target.name
            target.rename(kept)
        key = PREFIX + kept.stem
        self.opened[key] = checkpoint.read_header(kept)
        return key

    def remove(self, name: str) -> None:
        """Forget a checkpoint and delete its file; nothing happens if it is gone already."""
        if header := self.opened.pop(name, None):
            header.path.unlink(missing_ok=True)

    def _free_stem(self, name: str) -> str:
        stem = re.sub(r"\.(pth|tar|pt|ckpt|safetensors)\b", "", name) or "checkpoint"
        taken = {header.name for header in self.opened.values()}
        numbered = (stem if number == 1 else f"{stem}-{number}" for number in range(1, MOST + 2))
        return next(candidate for candidate in numbered if candidate not in taken)


def _clean(file_name: str) -> str:
    """The file's name without folders and without what a file system or a link could take amiss."""
    name = re.sub(r"[^\w.-]+", "-", Path(file_name.replace("\\", "/")).name).lstrip(".-")
    return name[-100:] or "checkpoint"


def _is_ours(source: Path) -> bool:
    """Raises CheckpointError for a broken .safetensors file, which nobody could convert."""
    return source.suffix.lower() == SUFFIX and checkpoint.is_one(source)


def take(uploaded: UploadedFile) -> str:
    """Open what a file uploader holds, as `Uploads.add` does, and let go of it there, whether it can be used or not.

    Streamlit would hold its bytes in memory for as long as the visit lasts.
    """
    try:
        return of_visit().add(uploaded.name, uploaded.getvalue())
    finally:
        context = get_script_run_ctx()
        manager = context and context.uploaded_file_mgr
        if context and isinstance(manager, MemoryUploadedFileManager):
            manager.remove_file(context.session_id, uploaded.file_id)


def foreign_allowed() -> bool:
    """False if the server's owner has switched files from elsewhere off."""
    return os.environ.get(SWITCH, "on").strip().lower() in ON


def file_types() -> list[str]:
    """Endings of the files that can be uploaded here."""
    types = [*OWN_TYPES, *FOREIGN_TYPES] if foreign_allowed() else OWN_TYPES
    return [f".{ending}" for ending in types]


def of_visit() -> Uploads:
    """What this visit has opened."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Uploads()
    return st.session_state[_KEY]


def opened() -> dict[str, CheckpointHeader]:
    """The checkpoints that this visit has opened, by name; none in a visit that has opened nothing."""
    return of_visit().opened if _KEY in st.session_state else {}
