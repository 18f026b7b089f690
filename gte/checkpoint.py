"""The checkpoint: one `.safetensors` file with the weights, the kernels' history and all facts about the training.

Tensors: `model/<state_dict key>`, `lts_init/<layer>`, `lts_history/<layer>` (snapshots of W - W0 in half precision),
`lts_history_steps`, and `kernel_init/<layer>`: the initial taps of other temporal layers, where they are known. One
metadata entry, `gte`, holds the header as JSON. It is plain data: opening it runs no code.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gte.errors import CheckpointError
from gte.files import atomic_write
from gte.kernel_history import HISTORY, INITIAL, STEPS, KernelHistory, KernelSnapshots
from gte.models import build, on_meta_device, temporal_layers, to_channels_last
from gte.models.shift import LearnableTemporalShift, SharedTemporalShift
from gte.models.temporal import time_kernel

FORMAT_VERSION = 1
SUFFIX = ".safetensors"

METRICS = ("epoch", "step", "train_loss", "train_top1", "val_loss", "val_top1", "seconds")
"""What every epoch's entry holds at least; a loss may be NaN, after a training that diverged."""

METADATA = "gte"
MODEL = "model/"
KERNEL_INIT = "kernel_init/"

UNKNOWN: Mapping[str, Tensor] = MappingProxyType({})
"""The initial kernels of a network whose temporal layers began nobody knows how."""


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
    """Name in the table of data sets; empty where it is unknown."""
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


def save(
    path: Path,
    header: CheckpointHeader,
    model: nn.Module,
    snapshots: KernelSnapshots,
    kernel_init: Mapping[str, Tensor] = UNKNOWN,
) -> None:
    """Write a checkpoint, atomically. The history ends with the weights that are saved.

    `kernel_init` holds, for temporal layers that are no LTS layers, the taps (o, i, k, 1) that they began with, as
    `gte.kernel_history.initial_kernels` takes them; a layer that is missing began nobody knows how.
    """
    facts = asdict(header)
    del facts["path"]
    tensors = {MODEL + key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    tensors |= snapshots.tensors(header.step, model)
    tensors |= {KERNEL_INIT + layer: taps.detach().cpu().float().contiguous() for layer, taps in kernel_init.items()}
    with atomic_write(path) as temporary:
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
        model = _on_meta(header)
        model.load_state_dict(_like(model, state), assign=True)
    except (ValueError, TypeError, RuntimeError) as error:
        raise _unfit(header, error) from error
    model.requires_grad_(True)
    return to_channels_last(model.eval()), header


def _on_meta(header: CheckpointHeader) -> nn.Module:
    """The network without memory: what a header asks for costs no more than its tensors."""
    with on_meta_device():
        return build(header.model, **header.options)


def _unfit(header: CheckpointHeader, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())
    return CheckpointError(f"{header.path.name} does not fit the network it names, {header.model}: {reason}")


def temporal_layers_of(header: CheckpointHeader) -> tuple[str, ...]:
    """Every layer with a kernel over several frames, by its path in the state_dict, in order of depth.

    These are what `load_history` takes. Reads no tensors. Raises CheckpointError if the network is unknown here.
    """
    return tuple(_temporal_layers(header))


def _temporal_layers(header: CheckpointHeader) -> Mapping[str, nn.Module]:
    try:
        return temporal_layers(_on_meta(header))
    except (ValueError, TypeError, RuntimeError) as error:
        raise _unfit(header, error) from error


def load_history(path: Path | str, layer: str) -> KernelHistory:
    """Read one temporal layer's kernels at every snapshot, and no other layer's.

    A learnable shift has the snapshots of its training. Any other layer has its kernel summed over space before the
    training, where the file knows it, and now. Raises CheckpointError if the network has no such layer.
    """
    path = Path(path)
    with _opened(path) as file:
        header = _header(path, file.metadata())
        layers = _temporal_layers(header)
        if layer not in layers:
            known = ", ".join(layers) or "none"
            raise CheckpointError(f"{path.name} has no layer {layer} with a kernel over frames; it has {known}.")
        return _history(file, header, layer, layers[layer])


def load_histories(path: Path | str) -> list[KernelHistory]:
    """The history of every temporal layer, in order of depth; empty for a network that has no kernel over frames."""
    path = Path(path)
    with _opened(path) as file:
        header = _header(path, file.metadata())
        return [_history(file, header, layer, module) for layer, module in _temporal_layers(header).items()]


def _history(file: Any, header: CheckpointHeader, layer: str, module: nn.Module) -> KernelHistory:
    """The history of a layer of an open file; `module` is that layer on the meta device."""
    if isinstance(module, LearnableTemporalShift):
        history = _lts_history(file, header, layer)
        return _of_every_output(history, module) if isinstance(module, SharedTemporalShift) else history
    return _kernel_history(file, header, layer, module)


def _lts_history(file: Any, header: CheckpointHeader, layer: str) -> KernelHistory:
    name = header.path.name
    try:
        initial = file.get_tensor(INITIAL + layer).float()
        drift = file.get_tensor(HISTORY + layer).float()
        steps = file.get_tensor(STEPS)
        final = file.get_tensor(f"{MODEL}{layer}.weight").float()
    except SafetensorError as error:
        raise CheckpointError(f"{name} holds no history of {layer}; train it again to see it move.") from error
    if drift.shape[1:] != initial.shape or final.shape != initial.shape or len(steps) != len(drift) or not len(steps):
        raise CheckpointError(f"{name} holds a history of {layer} whose shapes disagree; train it again.")
    if len(steps) == 1:
        return _two_ends(header, layer, initial, final)
    weights = initial + drift
    # The stored differences are rounded; of both ends the exact values are known.
    weights[-1] = final
    weights[0] = initial
    return KernelHistory(layer=layer, steps=steps, weights=weights)


def _of_every_output(history: KernelHistory, module: SharedTemporalShift) -> KernelHistory:
    """The history with each shared kernel once for every output that uses it."""
    kernels = []
    for weight in history.weights:
        module.weight = nn.Parameter(weight, requires_grad=False)
        kernels.append(module.kernels())
    return replace(history, weights=torch.stack(kernels))


def _kernel_history(file: Any, header: CheckpointHeader, layer: str, module: nn.Module) -> KernelHistory:
    entry = KERNEL_INIT + layer
    try:
        state = {key: file.get_tensor(f"{MODEL}{layer}.{key}") for key in module.state_dict()}
        module.load_state_dict(state, assign=True)
        final = time_kernel(module).float()
        initial = file.get_tensor(entry).float() if entry in file.keys() else None  # noqa: SIM118
    except (SafetensorError, RuntimeError) as error:
        raise _unfit(header, error) from error
    if initial is None:
        steps = torch.tensor([header.step])
        history = KernelHistory(layer=layer, steps=steps, weights=final[None], starts_known=False)
    elif initial.shape != final.shape:
        raise CheckpointError(f"{header.path.name} holds a start of {layer} whose shape disagrees; write it again.")
    else:
        history = _two_ends(header, layer, initial, final)
    return replace(history, spans_space=state["weight"].numel() > final.numel())


def _two_ends(header: CheckpointHeader, layer: str, initial: Tensor, final: Tensor) -> KernelHistory:
    """The history of a layer of which the file knows the start and the end alone."""
    if header.step == 0 and torch.equal(initial, final):
        return KernelHistory(layer=layer, steps=torch.tensor([0]), weights=final[None])
    return KernelHistory(layer=layer, steps=torch.tensor([0, header.step]), weights=torch.stack([initial, final]))


def is_one(path: Path | str) -> bool:
    """True if a safetensors file says that it is a checkpoint of this project; its contents are not looked at.

    Raises CheckpointError for what is no such file, or a truncated one.
    """
    with _opened(Path(path)) as file:
        return METADATA in (file.metadata() or {})


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
