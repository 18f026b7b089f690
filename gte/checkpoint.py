"""Checkpoints: one `.safetensors` file each, with the weights, the history of the kernels and facts on the training.

Tensors: `model/<state_dict key>`, `lts_init/<layer>`, `lts_history/<layer>` (snapshots of W - W0 in half precision),
`lts_history_steps`, and `kernel_init/<layer>`: the initial taps of other temporal layers, where they are known. One
metadata entry, `gte`, holds the header as JSON. It is plain data: opening it runs no code.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from gte.checkpoint_header import FORMAT_VERSION, METADATA, MODEL, CheckpointHeader, open_checkpoint, parse_header
from gte.errors import CheckpointError
from gte.files import atomic_write
from gte.kernel_history import KernelHistory, history_of_ends, read_lts_history
from gte.kernel_snapshots import KernelSnapshots
from gte.models import Options, build, on_meta_device, temporal_layers, to_channels_last
from gte.models.config import ModelConfig
from gte.models.shift import LearnableTemporalShift, SharedTemporalShift, shift_layers
from gte.models.temporal import time_kernel

KERNEL_INIT = "kernel_init/"

UNKNOWN: Mapping[str, Tensor] = MappingProxyType({})
"""Initial kernels of a network for which they are unknown."""


def network_facts(name: str, config: ModelConfig, network: nn.Module) -> dict[str, Any]:
    """Return the entries of a header that follow from a network of the table, `name` being its name there."""
    return {
        "model": name,
        "options": config.options(),
        "num_params": sum(parameter.numel() for parameter in network.parameters()),
        "layers": tuple(shift_layers(network)),
    }


def save(
    path: Path,
    header: CheckpointHeader,
    model: nn.Module,
    snapshots: KernelSnapshots,
    kernel_init: Mapping[str, Tensor] = UNKNOWN,
) -> None:
    """Write a checkpoint, atomically. The history ends with the weights that are saved.

    `kernel_init` holds, for temporal layers other than LTS, the kernels (o, i, k, 1) before training, as
    `gte.kernel_snapshots.initial_kernels` returns them; for a layer that is missing they are unknown.
    """
    facts = asdict(header)
    del facts["path"]
    tensors = {MODEL + key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    tensors |= snapshots.tensors(header.step, model)
    tensors |= {KERNEL_INIT + layer: taps.detach().cpu().float().contiguous() for layer, taps in kernel_init.items()}
    with atomic_write(path) as temporary:
        # Writing a file, safetensors makes one of its own next to it, which a killed process would leave.
        temporary.write_bytes(to_bytes(tensors, {METADATA: json.dumps({"format_version": FORMAT_VERSION, **facts})}))


def load_model(path: Path | str) -> tuple[nn.Module, CheckpointHeader]:
    """Build the network and fill it: in eval mode, in channels-last memory, ready for clips of any length.

    Raises CheckpointError if the file is unusable, names an unknown network or does not fit the one it names.
    """
    path = Path(path)
    with open_checkpoint(path, "pt") as file:
        header = parse_header(path, file.metadata())
        state = {key.removeprefix(MODEL): file.get_tensor(key) for key in file.keys() if key.startswith(MODEL)}  # noqa: SIM118
    try:
        model = _on_meta(header.model, header.options)
        model.load_state_dict(_like(model, state), assign=True)
    except (ValueError, TypeError, RuntimeError) as error:
        raise _unfit(header, error) from error
    model.requires_grad_(True)
    return to_channels_last(model.eval()), header


def _on_meta(name: str, options: Options) -> nn.Module:
    """Build the network on the meta device, so that a header cannot claim more memory than its tensors take."""
    with on_meta_device():
        return build(name, **options)


def _unfit(header: CheckpointHeader, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())
    return CheckpointError(f"{header.path.name} does not fit the network it names, {header.model}: {reason}")


def temporal_layers_of(header: CheckpointHeader) -> tuple[str, ...]:
    """Return every layer with a kernel over several frames, by its path in the state_dict, in order of depth.

    `load_history` accepts these names. Reads no tensors. Raises CheckpointError if the network is unknown here.
    """
    return tuple(_temporal_layers(header))


def _temporal_layers(header: CheckpointHeader) -> Mapping[str, nn.Module]:
    try:
        return _temporal_layers_on_meta(header.model, tuple(header.options.items()))
    except (ValueError, TypeError, RuntimeError) as error:
        raise _unfit(header, error) from error


@lru_cache(maxsize=64)
def _temporal_layers_on_meta(name: str, options: tuple[tuple[str, int | float], ...]) -> Mapping[str, nn.Module]:
    """Return the layers of a network without memory; all callers share them, so fill a copy."""
    return temporal_layers(_on_meta(name, dict(options)))


def load_history(path: Path | str, layer: str) -> KernelHistory:
    """Read one temporal layer's kernels at every snapshot, and no other layer's.

    A learnable shift has the snapshots of its training. Any other layer has its kernel summed over space before the
    training, where the file knows it, and now. Raises CheckpointError if the network has no such layer.
    """
    path = Path(path)
    with open_checkpoint(path, "pt") as file:
        header = parse_header(path, file.metadata())
        layers = _temporal_layers(header)
        if layer not in layers:
            known = ", ".join(layers) or "none"
            raise CheckpointError(f"{path.name} has no layer {layer} with a temporal kernel; it has {known}.")
        return _history(file, header, layer, layers[layer])


def load_histories(path: Path | str) -> list[KernelHistory]:
    """Return the history of every temporal layer, in order of depth; empty for a network without temporal kernels."""
    path = Path(path)
    with open_checkpoint(path, "pt") as file:
        header = parse_header(path, file.metadata())
        return [_history(file, header, layer, module) for layer, module in _temporal_layers(header).items()]


def _history(file: Any, header: CheckpointHeader, layer: str, module: nn.Module) -> KernelHistory:
    """Return the history of a layer of an open file; `module` is that layer on the meta device."""
    if isinstance(module, LearnableTemporalShift):
        with open_checkpoint(header.path) as arrays:
            history = read_lts_history(arrays, header, layer)
        return _of_every_output(history, module) if isinstance(module, SharedTemporalShift) else history
    return _kernel_history(file, header, layer, module)


def _of_every_output(history: KernelHistory, module: SharedTemporalShift) -> KernelHistory:
    """Return the history with each shared kernel repeated for every output that uses it."""
    kernels, module = [], copy.deepcopy(module)
    for weight in history.weights:
        module.weight = nn.Parameter(torch.from_numpy(weight), requires_grad=False)
        kernels.append(module.kernels().numpy())
    return replace(history, weights=np.stack(kernels))


def _kernel_history(file: Any, header: CheckpointHeader, layer: str, module: nn.Module) -> KernelHistory:
    entry, module = KERNEL_INIT + layer, copy.deepcopy(module)
    try:
        state = {key: file.get_tensor(f"{MODEL}{layer}.{key}") for key in module.state_dict()}
        module.load_state_dict(state, assign=True)
        final = time_kernel(module).float().numpy()
        initial = file.get_tensor(entry).float().numpy() if entry in file.keys() else None  # noqa: SIM118
    except (SafetensorError, RuntimeError) as error:
        raise _unfit(header, error) from error
    if initial is None:
        steps = np.array([header.step])
        history = KernelHistory(layer=layer, steps=steps, weights=final[None], starts_known=False)
    elif initial.shape != final.shape:
        raise CheckpointError(
            f"{header.path.name} holds an initial kernel of {layer} of another shape; write it again."
        )
    else:
        history = history_of_ends(header, layer, initial, final)
    return replace(history, spans_space=state["weight"].numel() > final.size)


def _like(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors in the precision of the network's own."""
    state_dict = model.state_dict()
    return {key: tensor.to(state_dict[key].dtype) if key in state_dict else tensor for key, tensor in state.items()}
