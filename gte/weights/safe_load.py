"""Safe loading of weights from other projects: in a separate process that loads data and runs no code.

A `.pth` file is a pickle, a program in a small language, and any file may be larger than it seems. `read_tensors`
starts `python -m gte.weights.safe_load`, which lets torch run only the part of that language that makes tensors, within
limits of time, memory and disk, and writes a safetensors file. This process reads only that file, which is plain data.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gte.errors import WeightsError

SAFETENSORS = ".safetensors"
MAX_BYTES = 4 * 2**30
"""Size of the largest file that is opened: ten times a ResNet-101 with its optimiser."""
TIMEOUT_SECONDS = 120.0
OLDEST_TORCH = (2, 6)
"""Before this version `weights_only` could be bypassed (CVE-2025-32434)."""
MAX_ENTRIES, MAX_DEPTH = 100_000, 10
SPARE_BYTES = 2**30
"""Memory in addition to that of the tensors."""

FACTS = "facts"
"""Metadata entry of the child's file for everything other than tensors, as JSON."""
MAX_SENTENCE = 400
"""Characters of a child's message that are shown."""
REFUSED = 3
"""The child's exit status after it has printed a reason."""
SKIPPED = ("optimizer",)
"""Top-level entries that may be as large as the weights and are not needed here."""
INERT = (
    "argparse.Namespace",
    "builtins.getattr",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.dtypes.Float64DType",
    "numpy.dtypes.Int64DType",
    "numpy.ndarray",
)
"""Classes of other objects in publishers' files (options, logs, a best score); inert objects replace them."""


@dataclass(frozen=True)
class ForeignFile:
    """Contents of a file; nested entries have names such as state_dict/conv1.weight."""

    tensors: Mapping[str, Tensor]
    """On the CPU, real ones in 32 bits."""
    facts: Mapping[str, str | int | float | bool | list[str] | None]
    """Other entries: plain data, lists of names, or the type of anything else."""


def read_tensors(path: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> ForeignFile:
    """Read a `.pth`, `.pt`, `.pth.tar` or `.safetensors` file without running code from it.

    Raises WeightsError, in a sentence, for a file that is missing, too large, damaged, no file of tensors or that needs
    code or too much time or memory. Leaves no file.
    """
    if not path.is_file():
        raise WeightsError(f"There is no file {path}; give the path of a .pth or {SAFETENSORS} file.")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise WeightsError(
            f"{path.name} has {size / 2**30:.1f} GiB; at most {MAX_BYTES / 2**30:.0f} GiB are opened; "
            "save its state_dict() alone."
        )
    with tempfile.TemporaryDirectory(prefix="gte-foreign-") as folder:
        target = Path(folder) / f"tensors{SAFETENSORS}"
        _convert_in_child(path, target, timeout_seconds)
        file = _read_safetensors(target)
    return ForeignFile(file.tensors, json.loads(str(file.facts[FACTS])))


def _convert_in_child(path: Path, target: Path, timeout_seconds: float) -> None:
    """Let a child write the tensors of `path` to `target`; WeightsError if it refuses, fails or takes too long."""
    root = Path(__file__).resolve().parents[2]
    try:
        # The package's own folder as working directory: `-m` looks there first, and it must be this package.
        done = subprocess.run(
            [sys.executable, "-m", "gte.weights.safe_load", str(path.resolve()), str(target)],
            cwd=root,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(
            f"{path.name} was not read within {timeout_seconds:g} seconds; save its state_dict() alone and try again."
        ) from error
    if done.returncode:
        raise WeightsError(f"{path.name} {outcome(done.returncode, done.stdout)}")


def outcome(status: int, printed: bytes) -> str:
    """Return why a child failed, as the end of a sentence that begins with the file's name.

    `printed` may be anything that a hostile file made a library print: one line of it is shown, without control
    characters.
    """
    if status == REFUSED:
        return _printable(printed.decode(errors="replace"))
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return f"made the process that read it fail ({how}); it is damaged or no file of tensors. Save it again."


def _printable(text: str) -> str:
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return line if len(line) <= MAX_SENTENCE else line[: MAX_SENTENCE - 1] + "…"


def _read_safetensors(path: Path) -> ForeignFile:
    with safe_open(path, framework="pt") as file:
        # Copies, because the memory map ends with the file.
        tensors = {key: _plain(key, file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
        return ForeignFile(tensors, file.metadata() or {})


def _plain(key: str, tensor: Tensor) -> Tensor:
    """Return a copy that owns its memory, real numbers in 32 bits. Raises WeightsError for other kinds of tensors."""
    # Sparse ones, quantised ones and those on no device have no memory to copy.
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta or tensor.is_nested:
        raise WeightsError(f"holds in {key} a sparse, quantised, nested or empty tensor; save it as a plain one.")
    if tensor.is_complex():
        raise WeightsError(f"holds complex numbers in {key}; weights are real.")
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to(dtype, copy=True, memory_format=torch.contiguous_format)


def flatten(loaded: Mapping[Any, Any]) -> ForeignFile:
    """Return the tensors and the plain facts in nested dictionaries, each by its path.

    A list of strings is a fact too. Of other objects, empty dictionaries and unneeded entries only the type is kept.
    Raises WeightsError if two entries have one path, or if they are deeper or more than any network's: a dictionary
    may contain itself.
    """
    entries = 0
    tensors: dict[str, Tensor] = {}
    facts: dict[str, Any] = {key: _kind(loaded[key]) for key in SKIPPED if key in loaded}
    waiting = deque((str(key), value, 1) for key, value in loaded.items() if key not in SKIPPED)
    while waiting:
        path, value, depth = waiting.popleft()
        is_names = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
        entries += 1 + (len(value) if is_names else 0)
        if entries > MAX_ENTRIES or depth > MAX_DEPTH:
            raise WeightsError(
                f"holds more than {MAX_ENTRIES:,} entries, or dictionaries more than {MAX_DEPTH} deep; "
                "save its state_dict() alone."
            )
        if isinstance(value, Mapping) and value:
            waiting.extend((f"{path}/{key}", entry, depth + 1) for key, entry in value.items())
            continue
        if path in tensors or path in facts:
            raise WeightsError(f"holds two entries named {path}; save its state_dict() alone.")
        if isinstance(value, Tensor):
            tensors[path] = value
        elif is_names:
            facts[path] = list(value)
        else:
            plain = value is None or isinstance(value, str | int | float | bool)
            facts[path] = value if plain else _kind(value)
    return ForeignFile(tensors, facts)


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"


def check_torch(version: str) -> None:
    """Raise WeightsError for a torch whose `weights_only` is not safe."""
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_TORCH:
        oldest = ".".join(map(str, OLDEST_TORCH))
        raise WeightsError(
            f"is opened only with torch {oldest} or newer; this is torch {version}. Install a newer one."
        )


def main() -> NoReturn:
    """Run the child: SOURCE and TARGET from the command line; exit with status 0, or REFUSED and a reason on stdout."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        check_torch(torch.__version__)
        _limit_resources(source.stat().st_size)
        extract(source, target)
    except WeightsError as error:
        sys.stdout.buffer.write(str(error).encode(errors="replace"))
        sys.stdout.flush()
        # No cleaning up: it could fail for lack of memory.
        os._exit(REFUSED)
    sys.exit(0)


def extract(source: Path, target: Path) -> None:
    """Write what torch can read of a file without running code to a safetensors file.

    Raises WeightsError with the end of a sentence that begins with the file's name.
    """
    try:
        if source.suffix.lower() == SAFETENSORS:
            # The metadata of such a file describe it and are no entries.
            file = ForeignFile(_read_safetensors(source).tensors, {})
        else:
            loaded = _load(source)
            if not isinstance(loaded, Mapping):
                kind = type(loaded).__name__
                raise WeightsError(f"holds a {kind}, not a dictionary of tensors; save a state_dict().")
            file = flatten(loaded)
        tensors = {key: _plain(key, tensor) for key, tensor in file.tensors.items()}
        save_file(tensors, target, {FACTS: json.dumps(dict(file.facts))})
    except WeightsError:
        raise
    except Exception as error:
        raise WeightsError(_reason(error)) from error


def _limit_resources(file_bytes: int) -> None:
    """Let this process take memory and disk in proportion to the file; none where the system has no limits.

    The file is mapped, its tensors are copied and perhaps widened to 32 bits, and written from a second copy.
    """
    try:
        import resource

        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    for limit, most in (
        (resource.RLIMIT_AS, mapped + 6 * file_bytes + SPARE_BYTES),
        (resource.RLIMIT_FSIZE, 4 * file_bytes + SPARE_BYTES // 16),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))


def _load(source: Path) -> Any:
    """Load the file with torch, data alone."""
    # Only torch's newer format, a zip archive, can be mapped into memory; the format before 1.6 is read as it is.
    with torch.serialization.safe_globals([_inert(name) for name in INERT]):
        return torch.load(source, weights_only=True, map_location="cpu", mmap=zipfile.is_zipfile(source))


def _inert(name: str) -> type:
    """Return a class with the name of another that takes any arguments and any state and does nothing with them."""
    module, _, qualname = name.rpartition(".")

    def make(cls: type, *arguments: object, **named: object) -> object:
        return object.__new__(cls)

    def ignore(self: object, *arguments: object, **named: object) -> None:
        pass

    members = {"__module__": module, "__new__": make, "__init__": ignore, "__setstate__": ignore}
    return type(qualname, (), members)


def _reason(error: Exception) -> str:
    """Return why torch did not read the file, as the end of a sentence that begins with its name."""
    text = str(error)
    if isinstance(error, SafetensorError):
        return f"is no {SAFETENSORS} file, or a truncated one; give a whole one."
    if wanted := re.search(r"GLOBAL (\S+)", text):
        return (
            f"asks for {wanted[1]}, which is code or an object and no tensor: it was not run. "
            "Save its state_dict() alone."
        )
    if isinstance(error, MemoryError) or re.search(r"alloc|memory|mmap", text, re.IGNORECASE):
        return "asks for more memory than tensors in a file of its size take; it is damaged or no file of tensors."
    if "TorchScript" in text:
        return "is a TorchScript program, not weights; save the network's state_dict()."
    return "is no file of tensors that torch can read, or a truncated one; save it again."


if __name__ == "__main__":
    main()
