"""The checkpoint: one `.safetensors` file with the weights, the kernels' history and all facts about the training.

Tensors: `model/<state_dict key>`, `lts_init/<layer>`, `lts_history/<layer>` (snapshots of W - W0 in half precision)
and `lts_history_steps`. One metadata entry, `gte`, holds the header as JSON. It is plain data: opening it runs no code.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gte.errors import CheckpointError
from gte.files import replacing
from gte.models import build, to_channels_last
from gte.snapshots import HISTORY, INITIAL, STEPS, KernelHistory, KernelSnapshots

FORMAT_VERSION = 1
SUFFIX = ".safetensors"

METRICS = ("epoch", "step", "train_loss", "train_top1", "val_loss", "val_top1", "seconds")
"""What every epoch's entry holds at least; a loss may be NaN, after a training that diverged."""

METADATA = "gte"
MODEL = "model/"


@dataclass(frozen=True, kw_only=True)
class CheckpointHeader:
    """What a checkpoint says about itself, without its tensors."""

    path: Path
    model: str
    """Name in the table of networks."""
    options: dict[str, int | float]
    """The network's full configuration."""
    num_params: int
    layers: tuple[str, ...]
    """LTS layers by their path in the state_dict, in order of depth."""
    dataset: str
    """Name in the table of data sets."""
    classes: tuple[str, ...]
    twins: tuple[int, ...]
    """For each class the one that is its time reversal, or -1."""
    num_frames: int
    """Frames per clip in training."""
    size: int
    """Height and width of the clips in training, in pixels."""
    step: int
    """Optimiser steps taken."""
    training: dict[str, Any]
    """The training's configuration."""
    environment: dict[str, Any]
    """Command, date, source revision, versions of the packages, machine."""
    metrics: tuple[dict[str, float], ...]
    """One entry per epoch: epoch, step, losses, accuracies in [0, 1], seconds, clips_per_second."""

    @property
    def name(self) -> str:
        return self.path.stem


def save(path: Path, header: CheckpointHeader, model: nn.Module, snapshots: KernelSnapshots) -> None:
    """Write a checkpoint, atomically. The history ends with the weights that are saved."""
    facts = asdict(header)
    del facts["path"]
    tensors = {MODEL + key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    tensors |= snapshots.tensors(header.step, model)
    with replacing(path) as temporary:
        save_file(tensors, temporary, {METADATA: json.dumps({"format_version": FORMAT_VERSION, **facts})})


def read_header(path: Path | str) -> CheckpointHeader:
    """Read the facts alone. Raises CheckpointError if the file is not ours, is truncated or is of a newer format."""
    with _opened(Path(path)) as file:
        return _header(Path(path), file.metadata())


def list_folder(folder: Path | str) -> tuple[list[CheckpointHeader], list[CheckpointError]]:
    """The headers of all checkpoints in a folder and those below it, newest first, and what is wrong with the rest.

    Reads no tensors. A folder that does not exist is an empty one.
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


def load_model(path: Path | str) -> tuple[nn.Module, CheckpointHeader]:
    """Build the network and fill it: in eval mode, in channels-last memory, ready for clips of any length.

    Raises CheckpointError if the file is unusable, asks for an unknown network or does not fit the one it names.
    """
    path = Path(path)
    with _opened(path) as file:
        header = _header(path, file.metadata())
        state = {key.removeprefix(MODEL): file.get_tensor(key) for key in file.keys() if key.startswith(MODEL)}  # noqa: SIM118
    try:
        # On the meta device nothing is allocated: what a header asks for costs no more memory than its tensors.
        with torch.device("meta"):
            model = build(header.model, **header.options)
        model.load_state_dict(_like(model, state), assign=True)
    except (ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path.name} does not fit the network it names, {header.model}: {reason}") from error
    model.requires_grad_(True)
    return to_channels_last(model.eval()), header


def load_history(path: Path | str, layer: str) -> KernelHistory:
    """Read one layer's kernels at every snapshot, and nothing else. Raises CheckpointError if it has no such layer."""
    path = Path(path)
    with _opened(path) as file:
        header = _header(path, file.metadata())
        if layer not in header.layers:
            known = ", ".join(header.layers) or "none"
            raise CheckpointError(f"{path.name} has no LTS layer {layer}; it has {known}.")
        try:
            initial = file.get_tensor(INITIAL + layer)
            drift = file.get_tensor(HISTORY + layer).float()
            steps = file.get_tensor(STEPS)
            final = file.get_tensor(f"{MODEL}{layer}.weight")
        except SafetensorError as error:
            raise CheckpointError(f"{path.name} holds no history of {layer}; train it again to see it move.") from error
    if drift.shape[1:] != initial.shape or final.shape != initial.shape or len(steps) != len(drift) or not len(steps):
        raise CheckpointError(f"{path.name} holds a history of {layer} whose shapes disagree; train it again.")
    weights = initial + drift
    # The stored differences are rounded; of both ends the exact values are known.
    weights[-1] = final
    weights[0] = initial
    return KernelHistory(layer=layer, steps=steps, weights=weights)


def load_histories(path: Path | str) -> list[KernelHistory]:
    """The kernels of every LTS layer at every snapshot, in order of depth; empty for a network without LTS."""
    return [load_history(path, layer) for layer in read_header(path).layers]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}; give the path of a {SUFFIX} checkpoint.")
    try:
        file = safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path.name} is no checkpoint, or a truncated one; give a {SUFFIX} file written by gte.train."
        ) from error
    with file as opened:
        yield opened


def _header(path: Path, metadata: Mapping[str, str] | None) -> CheckpointHeader:
    if not metadata or METADATA not in metadata:
        raise CheckpointError(
            f"{path.name} is a {SUFFIX} file of something else; give a checkpoint written by gte.train."
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


def _like(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in the precision of the network's own."""
    own = model.state_dict()
    return {key: tensor.to(own[key].dtype) if key in own else tensor for key, tensor in state.items()}
