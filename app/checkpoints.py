"""Checkpoints: the folders that are listed for everyone, and the files that a visitor uploads for one visit.

An upload is kept in a temporary folder that no other session sees. Files of this project are read directly; other files
go to `gte.convert`, which opens them in a separate process. GTE_FOREIGN_UPLOADS=off in the environment forbids those.
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

from gte.checkpoint_header import SUFFIX, CheckpointHeader, is_checkpoint, list_folder, read_header
from gte.data import is_rendered
from gte.errors import CheckpointError, GteError

ROOT = Path(__file__).parents[1]

FOLDERS: dict[str, Path] = {"": ROOT / "checkpoints", "runs/": ROOT / "runs"}
"""The folders that are searched for checkpoints, by the prefix of their names."""

FOLDERS_VARIABLE = "GTE_CHECKPOINTS"
"""Environment variable with further folders, separated as in PATH; their checkpoints come newest first."""

STUDY = "study"
"""Name of the folder, below the shipped checkpoints, with those of the study."""

NO_CHECKPOINT = "There is no checkpoint here yet. `make train-demo` trains one in about half an hour."

MAX_OPEN = 3
"""Checkpoints that a visit can hold open."""

MAX_MEGABYTES = 400
"""A ResNet-101 with 3x3x3 kernels has 353. `server.maxUploadSize` in .streamlit/config.toml is equal."""

PREFIX = "yours/"
"""Starts the names of uploaded checkpoints."""

SWITCH = "GTE_FOREIGN_UPLOADS"
ON = ("on", "yes", "true", "1")
"""Any other value switches them off: a typing error must not open what was meant to be closed."""

OWN_TYPES = (SUFFIX.removeprefix("."),)
FOREIGN_TYPES = ("pth", "pt", "tar", "ckpt")

# Each upload takes the memory of a whole network, and a conversion takes a process.
_ONE_AT_A_TIME = threading.Lock()

_KEY = "uploads: the checkpoints of this visit"


def folders() -> dict[str, Path]:
    """Return every folder that is searched for checkpoints, by the prefix of their names."""
    further = [
        Path(name).expanduser() for name in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if name.strip()
    ]
    return FOLDERS | {f"{folder.resolve().name}/": folder for folder in further}


def list_checkpoints() -> tuple[dict[str, CheckpointHeader], list[CheckpointError]]:
    """Return every checkpoint by its name in links, and the errors of the files that cannot be read.

    The shipped ones come first; the uploads of this visit, which links do not carry, come last.
    """
    headers: dict[str, CheckpointHeader] = {}
    errors: list[CheckpointError] = []
    for prefix, folder in folders().items():
        in_folder, unreadable = list_folder(folder)
        errors += unreadable
        if prefix in FOLDERS:
            # The many networks of the study, in a folder of their own, come after the few that pages open on. Networks
            # with learnable shifts come first, because they are what the app is about; of those the ones whose clips
            # are rendered, because everybody has these.
            in_folder.sort(
                key=lambda header: (
                    header.path.parent.name == STUDY,
                    not header.layers,
                    not is_rendered(header.dataset),
                )
            )
        for header in in_folder:
            headers[prefix + header.path.relative_to(folder).with_suffix("").as_posix()] = header
    return headers | opened(), errors


def path_in_code(header: CheckpointHeader) -> str:
    """Return a checkpoint's path for printed code: below the project's folder, or else the file name alone."""
    return (header.path.relative_to(ROOT) if header.path.is_relative_to(ROOT) else Path(header.path.name)).as_posix()


class Uploads:
    """The checkpoints of one visit; their folder goes when the visit is over."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gte-explorer-"))
        self.opened: dict[str, CheckpointHeader] = {}
        """Headers by the names that the app uses."""
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def add(self, file_name: str, content: bytes) -> str:
        """Open an uploaded file, converting it if needed, and return the name of the new checkpoint.

        Raises GteError, in one sentence that names the file, if it cannot be used; nothing changes then.
        """
        # PyTorch is imported here because a page that only lists checkpoints must not wait for it.
        from gte.checkpoint import load_model
        from gte.convert import convert

        name = _clean(file_name)
        types = tuple(f".{ending}" for ending in (*OWN_TYPES, *FOREIGN_TYPES))
        if not name.lower().endswith(types):
            raise GteError(f"{name} is not a checkpoint; choose a file that ends in {', '.join(file_types())}.")
        if len(self.opened) >= MAX_OPEN:
            raise GteError(f"At most {MAX_OPEN} checkpoints can be open in a visit; remove one of yours first.")
        if not content:
            raise GteError(f"{name} is empty; choose the file again when it is complete.")
        if len(content) > MAX_MEGABYTES * 2**20:
            raise GteError(f"{name} is larger than {MAX_MEGABYTES} MB; start the app on your own machine to open it.")
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
                    f"{name} is not a {SUFFIX} file of this project, and this server accepts no others; convert it on "
                    f"your own machine: python -m gte.convert {name} --to {target.name}"
                )
            # A file that cannot be opened is refused here and not on every page.
            load_model(target)
            kept = self.folder / target.name
            target.rename(kept)
        key = PREFIX + kept.stem
        self.opened[key] = read_header(kept)
        return key

    def remove(self, name: str) -> None:
        """Close a checkpoint and delete its file; do nothing if it is already gone."""
        if header := self.opened.pop(name, None):
            header.path.unlink(missing_ok=True)

    def _free_stem(self, name: str) -> str:
        stem = re.sub(r"\.(pth|tar|pt|ckpt|safetensors)\b", "", name) or "checkpoint"
        taken = {header.name for header in self.opened.values()}
        numbered = (stem if number == 1 else f"{stem}-{number}" for number in range(1, MAX_OPEN + 2))
        return next(candidate for candidate in numbered if candidate not in taken)


def _clean(file_name: str) -> str:
    """Return the file's name without folders and without characters that are unsafe in a file system or a link."""
    name = re.sub(r"[^\w.-]+", "-", Path(file_name.replace("\\", "/")).name).lstrip(".-")
    return name[-100:] or "checkpoint"


def _is_ours(source: Path) -> bool:
    """Return True for a checkpoint of this project. Raises CheckpointError for a broken .safetensors file."""
    return source.suffix.lower() == SUFFIX and is_checkpoint(source)


def take(uploaded: UploadedFile) -> str:
    """Open an uploaded file as `Uploads.add` does, and remove its bytes from Streamlit's memory in any case.

    Streamlit would keep them for the whole visit.
    """
    try:
        return of_visit().add(uploaded.name, uploaded.getvalue())
    finally:
        context = get_script_run_ctx()
        manager = context and context.uploaded_file_mgr
        if context and isinstance(manager, MemoryUploadedFileManager):
            manager.remove_file(context.session_id, uploaded.file_id)


def foreign_allowed() -> bool:
    """Return False if the server's owner has switched off files from other projects."""
    return os.environ.get(SWITCH, "on").strip().lower() in ON


def file_types() -> list[str]:
    """Return the endings of the files that can be uploaded to this server."""
    types = [*OWN_TYPES, *FOREIGN_TYPES] if foreign_allowed() else OWN_TYPES
    return [f".{ending}" for ending in types]


def of_visit() -> Uploads:
    """Return the uploads of this visit."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Uploads()
    return st.session_state[_KEY]


def is_uploaded(header: CheckpointHeader) -> bool:
    """Return True for a checkpoint of this visit alone, of which nothing may be kept."""
    return header.path in {other.path for other in opened().values()}


def opened() -> dict[str, CheckpointHeader]:
    """Return the checkpoints that this visit has opened, by name."""
    return of_visit().opened if _KEY in st.session_state else {}
