"""Published checkpoints: the layouts that are recognised, as one table, and how their weights become ours.

A layout says which keys give it away and what the publisher calls each of our parameters. Every key is accounted for:
what is missing or left over is an error that names it, under the publisher's own name. A new layout is one entry.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gte.errors import WeightsError
from gte.models import configure
from gte.models.clip import IMAGENET_MEAN, IMAGENET_STD, KINETICS_MEAN, KINETICS_STD
from gte.models.config import ModelConfig
from gte.models.memory import without_memory
from gte.models.resnet import STAGE_DEPTHS
from gte.models.temporal import ShiftedFrameConv

State = Mapping[str, Tensor]
"""Tensors by the names that their publisher gave them."""

Colours = tuple[float, float, float]

NORMALIZE = "normalize."
OUR_CLASSIFIER = "fc."
COUNTER = "num_batches_tracked"
"""What BatchNorm counts and no network here reads; it may be missing."""
WRAPPERS = ("state_dict/", "model/")
"""Entries of a file that may hold the state_dict; the first that is there does."""
PARALLEL = "module."
"""What nn.DataParallel puts in front of every key."""
NAMED = 10
"""So many keys are named before the rest are counted."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a publisher names and shapes the weights of one of the networks of the table."""

    label: str
    """What to call such a file in a sentence."""
    marks: Mapping[str, int]
    """Keys that give it away, and their numbers of dimensions."""
    names: tuple[tuple[str, str], ...] = ()
    """What turns our names into the publisher's: regular expressions and their replacements, in this order."""
    classifiers: tuple[str, ...] = ("fc",)
    """Where the publisher keeps the classifier: the first that is there."""
    read: "Callable[[Layout, State], tuple[str, dict[str, int | float]]]"
    """The network's name in the table and its options, as the keys and shapes tell."""
    take: Callable[[Tensor], Tensor] = field(default=lambda weight: weight)
    """The publisher's tensor in our shape."""
    spare: tuple[str, ...] = ()
    """Keys that may be there and are no weights: the input's normalisation, read by `normalization`."""
    mean: Colours = IMAGENET_MEAN
    std: Colours = IMAGENET_STD
    num_frames: int = 8
    """Frames of a clip, where the publisher saw them."""
    size: int = 224
    """Height and width of a clip, in pixels."""
    classes: Callable[[], tuple[str, ...]] = tuple
    """The classes that the publisher's weights are for, where they are known."""
    flat: bool = False
    """True if these are the weights of a 2D ResNet for pictures, which every ResNet of the table can start from."""

    def key(self, name: str, state: Collection[str]) -> str:
        """The publisher's name for one of our parameters, in a file with the keys `state`."""
        if name.startswith(OUR_CLASSIFIER):
            found = [prefix for prefix in self.classifiers if f"{prefix}.weight" in state]
            return f"{(found or self.classifiers)[0]}.{name.removeprefix(OUR_CLASSIFIER)}"
        for pattern, replacement in self.names:
            name = re.sub(pattern, replacement, name)
        return name

    def tensor(self, name: str, state: State) -> Tensor:
        """What the file gives for one of our parameters, as the publisher shapes it; WeightsError if there is none."""
        key = self.key(name, state)
        if key not in state or not state[key].dim():
            raise WeightsError(f"it lacks {key}, which belongs to {self.label}; give the whole state_dict().")
        return state[key]

    def normalization(self, state: State) -> tuple[Colours, Colours]:
        """Mean and deviation of each colour in [0, 1]: the file's own where it holds them, in 0 to 255.

        Raises WeightsError if it holds one of the two, or not three numbers.
        """
        own = [state[key].flatten() / 255 for key in self.spare if key in state]
        if not own:
            return self.mean, self.std
        if len(own) != 2 or any(len(values) != 3 for values in own):
            raise WeightsError(
                f"it holds a part of the input's normalisation alone; give {' and '.join(self.spare)}, three numbers "
                "each, or neither."
            )
        mean, std = ((float(red), float(green), float(blue)) for red, green, blue in own)
        if not min(std) > 0:
            raise WeightsError(f"{self.spare[1]} must be above 0, because frames are divided by it; got {std}.")
        return mean, std


def read_resnet(layout: Layout, state: State) -> tuple[str, dict[str, int | float]]:
    """c2d with the depth, width and classes that the shapes tell."""
    blocks = []
    for stage in (1, 2, 3, 4):
        count = 0
        while any(f"layer{stage}.{count}." in key for key in state):
            count += 1
        blocks.append(count)
    depths = [depth for depth, known in STAGE_DEPTHS.items() if list(known) == blocks]
    if not depths:
        known = "; ".join(f"{', '.join(map(str, blocks))} (depth {depth})" for depth, blocks in STAGE_DEPTHS.items())
        raise WeightsError(
            f"its stages have {', '.join(map(str, blocks))} blocks, and the ResNets here have {known}; "
            "give one of those."
        )
    base_width = layout.tensor("conv1.weight", state).shape[0]
    classes = layout.tensor("fc.weight", state).shape[0]
    return "c2d", {"depth": depths[0], "base_width": base_width, "num_classes": classes}


def read_tsm(layout: Layout, state: State) -> tuple[str, dict[str, int | float]]:
    """tsm; how many channels are shifted leaves no trace in the weights, one in eight each way is what is published."""
    _, options = read_resnet(layout, state)
    return "tsm", options | {"shift_division": 8}


def read_gst(layout: Layout, state: State) -> tuple[str, dict[str, int | float]]:
    """gst or gst_large: of C channels, C / alpha come from the temporal path, and each path reads C / beta.

    gst is beta = 2, gst_large is beta = 1; the temporal share t is 1 / alpha.
    """
    _, options = read_resnet(layout, state)
    block = "layer1.0.conv2"
    spatial = layout.tensor(f"{block}.spatial.weight", state)
    temporal = layout.tensor(f"{block}.temporal.weight", state)
    width = spatial.shape[0] + temporal.shape[0]
    names = {width // 2: "gst", width: "gst_large"}
    if spatial.shape[1] != temporal.shape[1] or spatial.shape[1] not in names:
        raise WeightsError(
            f"its paths read {spatial.shape[1]} and {temporal.shape[1]} of {width} channels, and GST here reads half "
            "of them in each path (beta = 2) or all of them (beta = 1); no network of the table has another beta."
        )
    return names[spatial.shape[1]], options | {"temporal_share": temporal.shape[0] / width}


def read_video(name: str) -> Callable[[Layout, State], tuple[str, dict[str, int | float]]]:
    """A network that comes in one form, but for its number of classes."""

    def read(layout: Layout, state: State) -> tuple[str, dict[str, int | float]]:
        return name, {"num_classes": layout.tensor("fc.weight", state).shape[0]}

    return read


def taps_below(weight: Tensor) -> Tensor:
    """A 3D kernel (o, i, k, h, w) as ours, (k·o, i, h, w), its taps one below the other; other tensors as they are."""
    return torch.cat(weight.unbind(2)) if weight.dim() == 5 else weight


def imagenet_classes() -> tuple[str, ...]:
    """The thousand classes of ImageNet, as torchvision names them."""
    from torchvision.models import ResNet50_Weights

    return tuple(ResNet50_Weights.DEFAULT.meta["categories"])


def kinetics_classes() -> tuple[str, ...]:
    """The four hundred classes of Kinetics, as torchvision names them."""
    from torchvision.models.video import R2Plus1D_18_Weights

    return tuple(R2Plus1D_18_Weights.DEFAULT.meta["categories"])


SHIFTED = r"\.conv1\.shifted\."
"""How `key` is told of the convolutions behind a shift, which publishers wrap."""

REPOSITORY = ((SHIFTED, ".conv1.net."), (r"^", "base_model."))
"""TSM's and GST's repositories, both made from that of TSN, keep a torchvision ResNet as `base_model`."""
REPOSITORY_CLASSIFIERS = ("new_fc", "base_model.fc")
"""The second where the network was made without dropout."""

GST_NAMES = ((r"\.conv2\.spatial\.", ".conv2."), (r"\.conv2\.temporal\.", ".Tconv."), *REPOSITORY)

MMACTION_NAMES = (
    (SHIFTED, ".conv1.conv.net."),
    (r"(^|\.)conv(\d)\.weight$", r"\1conv\2.conv.weight"),
    (r"(^|\.)bn(\d)\.", r"\1conv\2.bn."),
    (r"\.downsample\.0\.", ".downsample.conv."),
    (r"\.downsample\.1\.", ".downsample.bn."),
    (r"^", "backbone."),
)
MMACTION_INPUT = ("data_preprocessor.mean", "data_preprocessor.std")

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        label="TSM's repository: TSM",
        marks={"base_model.layer1.0.conv1.net.weight": 4},
        names=REPOSITORY,
        classifiers=REPOSITORY_CLASSIFIERS,
        read=read_tsm,
    ),
    Layout(
        label="TSM's repository: TSN",
        marks={"base_model.layer1.0.conv1.weight": 4, "base_model.layer1.0.conv3.weight": 4},
        names=REPOSITORY,
        classifiers=REPOSITORY_CLASSIFIERS,
        read=read_resnet,
    ),
    Layout(
        label="GST's repository: GST",
        marks={"base_model.layer1.0.conv2.weight": 5, "base_model.layer1.0.Tconv.weight": 5},
        names=GST_NAMES,
        classifiers=REPOSITORY_CLASSIFIERS,
        read=read_gst,
        take=taps_below,
    ),
    # mmaction2's ResNets are of the style that it calls pytorch: the stride sits on the 3x3, as everywhere here.
    Layout(
        label="mmaction2: TSM",
        marks={"backbone.layer1.0.conv1.conv.net.weight": 4},
        names=MMACTION_NAMES,
        classifiers=("cls_head.fc_cls",),
        read=read_tsm,
        spare=MMACTION_INPUT,
    ),
    Layout(
        label="mmaction2: TSN",
        marks={"backbone.layer1.0.conv1.conv.weight": 4, "backbone.layer1.0.conv3.conv.weight": 4},
        names=MMACTION_NAMES,
        classifiers=("cls_head.fc_cls",),
        read=read_resnet,
        spare=MMACTION_INPUT,
    ),
    Layout(
        label="torchvision: ResNet",
        marks={"layer1.0.conv1.weight": 4, "layer1.0.conv3.weight": 4},
        read=read_resnet,
        classes=imagenet_classes,
        flat=True,
    ),
    Layout(
        label="torchvision: R(2+1)D-18",
        marks={"stem.0.weight": 5, "layer1.0.conv1.0.0.weight": 5},
        read=read_video("r2plus1d"),
        mean=KINETICS_MEAN,
        std=KINETICS_STD,
        num_frames=16,
        size=112,
        classes=kinetics_classes,
    ),
    Layout(
        label="torchvision: S3D",
        marks={"features.0.0.0.weight": 5, "classifier.1.weight": 5},
        classifiers=("classifier.1",),
        read=read_video("s3d"),
        mean=KINETICS_MEAN,
        std=KINETICS_STD,
        num_frames=64,
        classes=kinetics_classes,
    ),
)
"""What is recognised. A published 2D network whose depth, width or classes differ is the same layout."""


def wrapper_of(tensors: State) -> str:
    """The entry of a file that holds its state_dict; empty for a bare one."""
    return next((wrapper for wrapper in WRAPPERS if any(key.startswith(wrapper) for key in tensors)), "")


def unwrapped(tensors: State) -> dict[str, Tensor]:
    """The state_dict of a file: bare or an entry of it, with or without what nn.DataParallel puts before its keys."""
    wrapper = wrapper_of(tensors)
    inside = {key.removeprefix(wrapper): tensor for key, tensor in tensors.items() if key.startswith(wrapper)}
    if all(key.startswith(PARALLEL) for key in inside):
        return {key.removeprefix(PARALLEL): tensor for key, tensor in inside.items()}
    return inside


def strange_entries(tensors: State, facts: Collection[str]) -> list[str]:
    """What stands inside a file's state_dict and is no tensor; `facts` are the names of all that is none."""
    wrapper = wrapper_of(tensors)
    return [key for key in facts if wrapper and key.startswith(wrapper)]


def recognise(state: State) -> Layout:
    """The layout that the keys give away. Raises WeightsError, which lists what is recognised and what came."""
    for layout in LAYOUTS:
        if all(key in state and state[key].dim() == dims for key, dims in layout.marks.items()):
            return layout
    for layout in LAYOUTS:
        lacking = [key for key in layout.marks if key not in state]
        if 0 < len(lacking) < len(layout.marks):
            raise WeightsError(
                f"it lacks {some_of(lacking)}, by which {layout.label} is recognised; give the whole state_dict()."
            )
    labels = ", ".join(layout.label for layout in LAYOUTS)
    held = f"its tensors are {some_of(state)}" if state else "it holds no tensors"
    raise WeightsError(f"no layout fits; recognised are {labels}, and resume.pt of gte.train, but {held}.")


def load_published(
    layout: Layout, state: State, options: Mapping[str, int | float] | None = None
) -> tuple[str, ModelConfig, nn.Module]:
    """The network of a published state_dict: its name in the table, its configuration, and itself, in eval mode.

    `options` replaces what the layout takes for granted, such as shift_division. Raises WeightsError for keys that are
    missing, left over or of another shape, and for a network that the table cannot express.
    """
    name, found = layout.read(layout, state)
    try:
        config = configure(name, **found | dict(options or {}))
        with without_memory():
            network = config.build()
    except ValueError as error:
        raise WeightsError(str(error)) from error
    network.load_state_dict(translated(layout, network, state), assign=True, strict=False)
    set_normalization(network, *layout.normalization(state))
    return name, config, network.requires_grad_(True).eval()


def set_normalization(network: nn.Module, mean: Colours, std: Colours) -> None:
    """Let a network subtract and divide by these, one for each colour in [0, 1]."""
    network.get_submodule(NORMALIZE.rstrip(".")).load_state_dict(
        {name: torch.tensor(values).view(3, 1, 1, 1) for name, values in (("mean", mean), ("std", std))}, assign=True
    )


def translated(layout: Layout, network: nn.Module, state: State) -> dict[str, Tensor]:
    """A published state_dict under our names and in our shapes, without `normalize`.

    Raises WeightsError for keys that are missing, left over or of another shape, with the first of them.
    """
    behind_a_shift = {path for path, module in network.named_modules() if isinstance(module, ShiftedFrameConv)}
    expected: dict[str, Tensor] = {}
    ours: dict[str, str] = {}
    for name, tensor in network.state_dict().items():
        if name.startswith(NORMALIZE):
            continue
        path, _, kind = name.rpartition(".")
        key = layout.key(f"{path}.shifted.{kind}" if path in behind_a_shift else name, state)
        expected[key] = tensor
        ours[key] = name
    given = {key: layout.take(tensor) for key, tensor in state.items() if key not in layout.spare}
    check_fit(expected, given)
    found = {key: given[key] if key in given else torch.zeros(()) for key in ours}
    return {ours[key]: tensor.to(expected[key].dtype) for key, tensor in found.items()}


def check_fit(expected: State, given: State) -> None:
    """Raise WeightsError unless both have the same keys and shapes, but for BatchNorm's counters.

    It lists what is missing, what is left over and what has another shape.
    """
    wanted = [key for key in expected if key not in given and not key.endswith(COUNTER)]
    left = [key for key in given if key not in expected and not key.endswith(COUNTER)]
    unlike = [
        f"{key} ({_shape(given[key])} and not {_shape(expected[key])})"
        for key in expected
        if key in given and given[key].shape != expected[key].shape
    ]
    faults = [
        f"{what} {some_of(keys)}"
        for what, keys in (("it lacks", wanted), ("left over are", left), ("of another shape are", unlike))
        if keys
    ]
    if faults:
        raise WeightsError(f"{'; '.join(faults)}; give a file of this network as its publisher wrote it.")


def some_of(keys: Collection[Any]) -> str:
    """The first ten, and how many more there are."""
    more = len(keys) - NAMED
    return ", ".join(list(map(str, keys))[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"
