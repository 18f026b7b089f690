"""Facts about a run: command, date, source revision, package versions, machine."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("torch", "torchvision", "lightning-fabric", "numpy", "opencv-python")


def environment_facts() -> dict[str, object]:
    """Return plain data for the header of a result. The revision is "unknown" outside a git checkout."""
    status = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "command": shlex.join(["python", "-m", _module(), *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": source_revision(),
        "modified": bool(status),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, {torch.get_num_threads()} threads",
    }


def source_revision() -> str:
    """Return the commit of this source, "unknown" outside a git checkout."""
    return _git("rev-parse", "HEAD") or "unknown"


def _module() -> str:
    """Return the module that was started with `python -m`, or the script's name."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name.removesuffix(".__main__") if spec else Path(sys.argv[0]).name


@cache
def _git(*arguments: str) -> str:
    """Return what git says, once: of a process that writes many results, the source is that of its start."""
    root = Path(__file__).resolve().parent.parent
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
