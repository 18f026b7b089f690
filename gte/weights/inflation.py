"""Inflation of 2D weights: initialises the video ResNets of the table from a ResNet for images, such as ImageNet's.

A kernel over frames starts as the 2D kernel repeated and divided by its number of taps, so that a still clip gets the
2D network's logits (Carreira and Zisserman, CVPR 2017, section 2.4). Zero padding in time removes a part of them from
the first and the last frame, and each further layer carries the loss one frame inwards. So c3d, i3d,
p3d and gst_large equal the 2D network on the three middle frames of a still clip of 2 * layers + 3 frames, before the
consensus, and on no frame at all of a clip of eight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from gte.checkpoint_header import SUFFIX, is_checkpoint
from gte.errors import WeightsError, some_of
from gte.files import sha256
from gte.models import MODELS
from gte.models.config import ModelConfig
from gte.models.designs import FrameByFrame
from gte.models.memory import on_meta_device
from gte.models.operator import TemporalKernel
from gte.models.resnet import Bottleneck, ResNetConfig, VideoResNet
from gte.models.shift import shift_layers
from gte.models.temporal import temporal_layers, with_prefix
from gte.weights.own import start_from_checkpoint
from gte.weights.published import NORMALIZE, load_published, recognise
from gte.weights.safe_load import read_tensors
from gte.weights.state_dicts import COUNTER, State, check_fit, contents_of

IMAGENET = "imagenet"
"""The name of torchvision's own weights, IMAGENET1K_V1: those that TSN, TSM and GST started from."""

IMAGENET_DEPTHS = (50, 101)
IMAGENET_WIDTH = 64


def check_resnet(config: ModelConfig) -> ResNetConfig:
    """Return the configuration of a bottleneck ResNet. Raises ValueError, which lists them, for another network."""
    if not isinstance(config, ResNetConfig):
        takers = ", ".join(name for name, row in MODELS.items() if isinstance(row, ResNetConfig))
        raise ValueError(f"2D weights fit the ResNets of the table, {takers}; got {config.label}.")
    return config


def check_pretrained(row: ModelConfig, pretrained: str) -> ResNetConfig:
    """Return the configuration, if its network can start from these weights: "imagenet", or the path of a file.

    Raises ValueError for a network that is no bottleneck ResNet, and for sizes without ImageNet weights.
    Opens no file.
    """
    config = check_resnet(row)
    if pretrained == IMAGENET and (config.depth not in IMAGENET_DEPTHS or config.base_width != IMAGENET_WIDTH):
        raise ValueError(
            f"ImageNet weights exist for depth {' and '.join(map(str, IMAGENET_DEPTHS))} with base_width "
            f"{IMAGENET_WIDTH}; got depth {config.depth} with base_width {config.base_width}. Train it from scratch, "
            "or give the path of weights of its size."
        )
    return config


def initialise(network: nn.Module, config: ModelConfig, pretrained: str, classes: Sequence[str] = ()) -> str:
    """Fill a new network of these classes, in place, from "imagenet", from a checkpoint of this project (see
    `start_from_checkpoint`) or from a file of torchvision's ResNet weights.

    Returns a sentence that names the file, its SHA-256 and the parameters that stay random. Raises ValueError as
    `check_pretrained` does, and WeightsError if there are no such weights or they do not fit.
    """
    if pretrained.endswith(SUFFIX) and is_checkpoint(pretrained):
        return start_from_checkpoint(network, config, Path(pretrained), classes)
    fitting = check_pretrained(config, pretrained)
    path, weights = _imagenet(fitting.depth) if pretrained == IMAGENET else _local(Path(pretrained), fitting)
    try:
        random = inflate(network, fitting, weights)
    except WeightsError as error:
        raise WeightsError(f"{path.name} does not fit {config.label} of depth {fitting.depth}: {error}") from error
    return f"Started from {path.name} (SHA-256 {sha256(path)}); {describe_random(network, random)}."


def describe_random(network: nn.Module, random: tuple[str, ...]) -> str:
    """Return the end of a sentence: the parameters of a new network that no file has filled."""
    message = f"at random are {some_of(random)}" if random else "nothing is at random"
    return f"{message}, and LTS is the temporal shift" if shift_layers(network) else message


def _imagenet(depth: int) -> tuple[Path, State]:
    """Return torchvision's weights and their file, which is downloaded once."""
    from torchvision.models import ResNet50_Weights, ResNet101_Weights, WeightsEnum

    weights: WeightsEnum = {50: ResNet50_Weights.IMAGENET1K_V1, 101: ResNet101_Weights.IMAGENET1K_V1}[depth]
    path = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    try:
        state = weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except OSError as error:
        raise WeightsError(
            f"{path.name} is not on this machine and cannot be downloaded ({error}); download it from {weights.url} on "
            "another machine, and give its path instead of imagenet."
        ) from error
    except (RuntimeError, UnpicklingError, EOFError) as error:
        raise WeightsError(
            f"{path} is damaged, or was damaged on the way; delete it, and it is downloaded again."
        ) from error
    return path, state


def _local(path: Path, config: ResNetConfig) -> tuple[Path, State]:
    file = read_tensors(path)
    try:
        contents = contents_of(file.tensors, file.facts.keys())
        layout = recognise(contents.state, contents.strays)
    except WeightsError as error:
        raise WeightsError(f"{path.name} holds no weights of torchvision's ResNet: {error}") from error
    if not layout.flat:
        raise WeightsError(
            f"{path.name} is {layout.label}, and a network starts from 2D weights: "
            "give a state_dict of torchvision's ResNet."
        )
    try:
        _, flat, _ = load_published(layout, contents.state, strays=contents.strays)
    except WeightsError as error:
        raise WeightsError(f"{path.name} is no complete ResNet of torchvision's: {error}") from error
    stored, wanted = flat.options(), config.options()
    sizes = [size for size in ("depth", "base_width") if stored[size] != wanted[size]]
    if sizes:
        raise WeightsError(
            f"{path.name} has {' and '.join(f'{size} {stored[size]}' for size in sizes)}, and {config.label} needs "
            f"{' and '.join(str(wanted[size]) for size in sizes)}; give weights of its size, or "
            f"--model-options {' '.join(f'{size}={stored[size]}' for size in sizes)}."
        )
    return path, contents.state


def inflate(network: nn.Module, config: ResNetConfig, weights: State) -> tuple[str, ...]:
    """Put the weights of a 2D ResNet, under torchvision's names, into a video ResNet of the table, in place.

    Of a 3x3 convolution W in a bottleneck of width C, with a share t of temporal outputs:
    - convolutions on frames and BatchNorms are copied; a spatial one with fewer channels takes `W[:out, :in]`, as GST;
    - 3x3x3 (c3d) takes W / 3 in each tap; 3x1x1 (i3d) the 1x1 divided by 3 in each tap;
    - the temporal path of gst takes the rest of W, `W[C-tC:, C/2:]`, in each tap divided by 3. GST's own code
      leaves it random, because its names match no 2D weights;
    - gst_large takes `W[:C-tC]` and, in each tap divided by 3, `W[C-tC:]`: together the whole of W;
    - LTS stays the temporal shift. The 2D convolution after it takes, for its input o, the input channel of W that LTS
      passes on before training: `W[C-tC:, C/2 + (o mod C/2)]`. Without that convolution those rows of W are unused;
    - p3d takes W in its 1x3x3 and ResNet's BatchNorm between its convolutions; the 3x1x1 starts as the mean of three
      frames and the BatchNorm after it as the identity.
    Returns the names of the parameters that stay random: those of the classifier, if its number of classes is another,
    and no others. Raises WeightsError if the weights are of another network.
    """
    assert isinstance(network, VideoResNet)
    with on_meta_device():
        classifier = weights.get("fc.bias", torch.zeros(config.num_classes))
        num_classes = classifier.numel()
        flat = replace(config, temporal=FrameByFrame(), num_classes=num_classes).build()
    check_fit({key: tensor for key, tensor in flat.state_dict().items() if not key.startswith(NORMALIZE)}, weights)

    state = dict(weights)
    for name, block in network.named_modules():
        if isinstance(block, Bottleneck):
            for conv, bn, operator, norm in (
                (f"{name}.conv1", f"{name}.bn1", block.conv1, block.bn1),
                (f"{name}.conv2", f"{name}.bn2", block.conv2, block.bn2),
            ):
                state |= with_prefix(conv, operator.inflate(state.pop(f"{conv}.weight")))
                if operator.INNER_NORM:
                    for key, tensor in _identity(norm).items():
                        state[f"{conv}.{operator.INNER_NORM}.{key}"] = state[f"{bn}.{key}"]
                        state[f"{bn}.{key}"] = tensor
    if num_classes != config.num_classes:
        state = {key: tensor for key, tensor in state.items() if not key.startswith("fc.")}
    missing, unexpected = network.load_state_dict(state, strict=False)
    assert not unexpected
    known = {
        f"{layer}.weight"
        for layer, operator in temporal_layers(network).items()
        if isinstance(operator, TemporalKernel) and operator.initial_kernel() is not None
    }
    return tuple(
        key for key in missing if key not in known and not key.startswith(NORMALIZE) and not key.endswith(COUNTER)
    )


def _identity(norm: nn.BatchNorm2d) -> Mapping[str, Tensor]:
    """Return the state of a BatchNorm that is the identity in eval mode."""
    zeros, ones = torch.zeros(norm.num_features), torch.ones(norm.num_features)
    return {"weight": ones, "bias": zeros, "running_mean": zeros, "running_var": ones - norm.eps}
