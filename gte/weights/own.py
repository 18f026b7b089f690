"""Start of a network from a checkpoint of this project, whose classifier may be another."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from gte.checkpoint import load_model
from gte.errors import WeightsError, some_of
from gte.files import sha256
from gte.models import on_meta_device
from gte.models.config import ModelConfig


def start_from_checkpoint(network: nn.Module, config: ModelConfig, path: Path, classes: Sequence[str]) -> str:
    """Fill a new network, in place, from a checkpoint of `gte.train` or `gte.convert`.

    All but the classifier must fit; the classifier is kept if its classes are `classes`, by name and in order.
    Returns a sentence that names the file, its SHA-256 and a classifier that is replaced. Raises CheckpointError for a
    file that cannot be read, and WeightsError for one of another network.
    """
    model, header = load_model(path)
    state, wanted = model.state_dict(), network.state_dict()
    classifier = _classifier(network, config)
    keeps = header.classes == tuple(classes)
    if not keeps:
        state = {key: tensor for key, tensor in state.items() if key not in classifier}
        wanted = {key: tensor for key, tensor in wanted.items() if key not in classifier}
    if {key: tensor.shape for key, tensor in state.items()} != {key: tensor.shape for key, tensor in wanted.items()}:
        sizes = [f"{name}={value}" for name, value in header.options.items() if name not in ("num_classes", "dropout")]
        raise WeightsError(
            f"{path.name} holds {header.model} with other weights than {config.label} has here; give --model "
            f"{header.model} --model-options {' '.join(sizes)}, or weights of a 2D ResNet."
        )
    network.load_state_dict(state, strict=False)
    start = f"Started from {path.name} (SHA-256 {sha256(path)}), {header.model} with {len(header.classes)} classes; "
    if keeps:
        return f"{start}its classifier is kept, as the classes are the same."
    return f"{start}its classifier is replaced by one of {len(classes)} classes: at random are {some_of(classifier)}."


def _classifier(network: nn.Module, config: ModelConfig) -> list[str]:
    """Return the names of the parameters whose shapes depend on the number of classes."""
    with on_meta_device():
        other = replace(config, num_classes=config.num_classes + 1).build().state_dict()
    return [key for key, tensor in network.state_dict().items() if tensor.shape != other[key].shape]
