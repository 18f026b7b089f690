"""Headers of checkpoints, read without PyTorch.

A header is the JSON text of one metadata entry of a `.safetensors` file; `gte.checkpoint` describes the tensors.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open

from gte.errors import CheckpointError

FORMAT_VERSION = 1
SUFFIX = ".safetensors"

METRICS = ("epoch", "step", "train_loss", "train_top1", "val_loss", "val_top1", "seconds")
"""Keys that every epoch's entry has; a loss may be NaN, after a training that diverged."""

METADATA = "gte"
MODEL = "model/"
"""Prefix of the network's tensors."""


@dataclass(frozen=True, kw_only=True)
class CheckpointHeader:
    """Facts of a checkpoint other than its tensors."""

    path: Path = Path()
    model: str
    """Name in the table of networks."""
    options: dict[str, int | float]
    """The network's full configuration."""
    num_params: int
    layers: tuple[str, ...]
    """LTS layers by their path in the state_dict, in order of depth."""
    dataset: str = ""
    """Name in the table of data sets; empty where it is unknown."""
    classes: tuple[str, ...]
    twins: tuple[int, ...]
    """For each class the one that is its time reversal, or -1."""
    num_frames: int
    """Frames per clip in training."""
    size: int
    """Height and width of the clips in training, in pixels."""
    step: int = 0
    """Optimiser steps taken."""
    training: dict[str, Any] = field(default_factory=dict)
    """The training's configuration."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Command, date, source revision, versions of the packages, machine."""
    metrics: tuple[dict[str, float], ...] = ()
    """One entry per epoch: epoch, step, losses, accuracies in [0, 1], seconds, clips_per_second."""

    @property
    def name(self) -> str:
        return self.path.stem


def read_header(path: Path | str) -> CheckpointHeader:
    """Read the header alone. Raises CheckpointError if the file is not ours, is truncated or is of a newer format."""
    with open_checkpoint(Path(path)) as file:
        return parse_header(Path(path), file.metadata())


def list_folder(folder: Path | str) -> tuple[list[CheckpointHeader], list[CheckpointError]]:
    """Return the headers of all checkpoints below a folder, newest first, and the errors of the other files.

    Reads no tensors. A folder that does not exist counts as empty.
    """
    headers: list[CheckpointHeader] = []
    errors: list[CheckpointError] = []
    for path in Path(folder).rglob(f"[!.]*{SUFFIX}"):
        try:
            headers.append(read_header(path))
        except CheckpointError as error:
            errors.append(error)
    headers.sort(key=lambda header: str(header.environment.get("date", "")), reverse=True)
    return headers, errors


def is_checkpoint(path: Path | str) -> bool:
    """Return True if a safetensors file has the metadata of a checkpoint of this project; its tensors are not read.

    Raises CheckpointError for another kind of file, or a truncated one.
    """
    with open_checkpoint(Path(path)) as file:
        return METADATA in (file.metadata() or {})


@contextmanager
def open_checkpoint(path: Path, framework: Literal["pt", "numpy"] = "numpy") -> Iterator[Any]:
    """Open a file for its metadata and its tensors, of PyTorch or NumPy. Raises CheckpointError for a damaged file."""
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}; give the path of a {SUFFIX} checkpoint.")
    try:
        file = safe_open(path, framework=framework)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path.name} is no checkpoint, or a truncated one; give a {SUFFIX} file written by gte.train."
        ) from error
    with file as opened:
        yield opened


def parse_header(path: Path, metadata: Mapping[str, str] | None) -> CheckpointHeader:
    """Read the header from a file's metadata. Raises CheckpointError if it is missing, damaged or of another format."""
    if not metadata or METADATA not in metadata:
        raise CheckpointError(
            f"{path.name} is a {SUFFIX} file of another program; give a checkpoint written by gte.train."
        )
    try:
        facts = json.loads(metadata[METADATA])
        version = facts.pop("format_version")
        if version != FORMAT_VERSION:
            raise CheckpointError(
                f"{path.name} has format {version}, this program reads format {FORMAT_VERSION}; use the other version."
            )
        facts |= {name: tuple(facts[name]) for name in ("layers", "classes", "twins", "metrics")}
        header = CheckpointHeader(
            path=path, **{part.name: facts[part.name] for part in fields(CheckpointHeader) if part.name != "path"}
        )
        _check(header)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path.name} has a damaged header; write it again with gte.train.") from error
    return header


def _check(header: CheckpointHeader) -> None:
    """Raise ValueError or TypeError for a part of the header that is not as declared."""
    text = (header.model, header.dataset, *header.classes, *header.layers)
    whole = (header.num_params, header.num_frames, header.size, header.step, *header.twins)
    tables = (header.options, header.training, header.environment, *header.metrics)
    if not all(isinstance(entry, dict) for entry in header.metrics) or not isinstance(header.options, dict):
        raise TypeError("metrics and options must be tables")
    measured = [entry[name] for entry in header.metrics for name in METRICS]
    numbers = (*header.options.values(), *measured)
    if not isinstance(header.environment.get("packages", {}), dict):
        raise TypeError("packages must be a table")
    for kind, values in ((str, text), (int, whole), (dict, tables), (int | float, numbers)):
        if not all(isinstance(value, kind) for value in values):
            raise TypeError(f"{kind} was expected")
    if len(header.twins) != len(header.classes) or not all(-1 <= twin < len(header.classes) for twin in header.twins):
        raise ValueError("twins must point at classes")
    if min(header.num_frames, header.size) < 1:
        raise ValueError("clips must not be empty")
    if header.options.get("num_classes") != len(header.classes):
        raise ValueError("classes must be as many as the network's outputs")
