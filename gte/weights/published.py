"""Published checkpoints: the table of known layouts, and the conversion of their weights.

A layout states the keys that identify it and the publisher's name for each parameter of ours. Every key is checked:
a missing or superfluous one is an error that gives its name in the publisher's file. A new layout is one entry.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gte.errors import WeightsError, some_of
from gte.models import configure
from gte.models.config import IMAGENET_MEAN, IMAGENET_STD, KINETICS_MEAN, KINETICS_STD, ModelConfig
from gte.models.memory import on_meta_device
from gte.models.resnet import STAGE_DEPTHS, ResNetConfig
from gte.models.temporal import ShiftedFrameConv
from gte.weights.state_dicts import State, check_fit, not_finite

Colours = tuple[float, float, float]

NORMALIZE = "normalize."
OUR_CLASSIFIER = "fc."
STAGES = (1, 2, 3, 4)
GST_PATHS = ("spatial", "temporal")
AS_WIDE_AS_THE_STEM = ("conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.bn1.weight", "layer1.0.bn2.weight")
AS_MANY_AS_CLASSES = ("fc.weight", "fc.bias")
"""Parameters whose outputs give a size; the first that exists is used."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Names and shapes of a publisher's weights for one of the networks of the table."""

    label: str
    """Name of such a file in a sentence."""
    marks: Mapping[str, int]
    """Keys that identify it, and their numbers of dimensions."""
    names: tuple[tuple[str, str], ...] = ()
    """Regular expressions and replacements that turn our names into the publisher's, in this order."""
    classifiers: tuple[str, ...] = ("fc",)
    """Names of the publisher's classifier; the first that exists is used."""
    read: "Callable[[Layout, State], tuple[str, dict[str, int | float]]]"
    """Reads the network's name in the table and its options from keys and shapes."""
    take: Callable[[Tensor], Tensor] = field(default=lambda weight: weight)
    """Turns a publisher's tensor into our shape."""
    spare: tuple[str, ...] = ()
    """Optional keys that are no weights: the input's normalisation, read by `normalization`."""
    mean: Colours = IMAGENET_MEAN
    std: Colours = IMAGENET_STD
    num_frames: int = 8
    """Frames of a clip in the publisher's training."""
    size: int = 224
    """Height and width of a clip, in pixels."""
    classes: Callable[[], tuple[str, ...]] = tuple
    """The classes of the publisher's weights, where they are known."""
    flat: bool = False
    """True for a 2D ResNet for images, from which every ResNet of the table can start."""

    def key(self, name: str, state: Collection[str]) -> str:
        """Return the publisher's name for one of our parameters, in a file with the keys `state`."""
        if name.startswith(OUR_CLASSIFIER):
            present = [
                prefix for prefix in self.classifiers if any(f"{prefix}.{kind}" in state for kind in ("weight", "bias"))
            ]
            return f"{(present or self.classifiers)[0]}.{name.removeprefix(OUR_CLASSIFIER)}"
        for pattern, replacement in self.names:
            name = re.sub(pattern, replacement, name)
        return name

    def outputs(self, state: State, names: tuple[str, ...], default: int) -> int:
        """Return the outputs of the first of these parameters that is in the file; `default` if none is."""
        present = (state[key] for key in (self.key(name, state) for name in names) if key in state)
        return next((tensor.shape[0] for tensor in present if tensor.dim()), default)

    def normalization(self, state: State) -> tuple[Colours, Colours]:
        """Return mean and standard deviation of each colour in [0, 1]: the file's, in 0 to 255, where it has them.

        Raises WeightsError if it has only one of the two, or not three finite numbers.
        """
        if unbounded := not_finite({key: state[key] for key in self.spare if key in state}):
            raise WeightsError(f"NaN or infinity is in {some_of(unbounded)}; give finite numbers, or leave both out.")
        stored = [state[key].flatten() / 255 for key in self.spare if key in state]
        if not stored:
            return self.mean, self.std
        if len(stored) != 2 or any(len(values) != 3 for values in stored):
            raise WeightsError(
                f"it holds only a part of the input's normalisation; give {' and '.join(self.spare)}, three numbers "
                "each, or neither."
            )
        mean, std = ((float(red), float(green), float(blue)) for red, green, blue in stored)
        if not min(std) > 0:
            raise WeightsError(f"{self.spare[1]} must be above 0, because frames are divided by it; got {std}.")
        return mean, std


def read_resnet(layout: Layout, state: State) -> tuple[str, dict[str, int | float]]:
    """Return c2d with the depth, width and classes that keys and shapes show."""
    return "c2d", {
        "depth": read_depth(layout, state),
        "base_width": layout.outputs(state, AS_WIDE_AS_THE_STEM, ResNetConfig.base_width),
        "num_classes": layout.outputs(state, AS_MANY_AS_CLASSES, ResNetConfig.num_classes),
    }


def read_depth(layout: Layout, state: State) -> int:
    """Return the depth whose blocks differ least from those in the file, so that missing keys are reported as such.

    Raises WeightsError if the file has further complete blocks: it is a deeper network.
    """

    def is_whole(stage: int, block: int) -> bool:
        parts = ("conv3.weight", "bn1.weight", "bn2.weight", "bn3.weight")
        return all(layout.key(f"layer{stage}.{block}.{part}", state) in state for part in parts)

    pattern = re.compile(f"{re.escape(layout.key('layer', state))}([1-4])\\.(\\d{{1,3}})\\.")
    present = {(int(match[1]), int(match[2])) for key in state if (match := pattern.match(key))}
    whole = {place for place in present if is_whole(*place)}
    places = {
        depth: {(stage, block) for stage, count in zip(STAGES, blocks, strict=True) for block in range(count)}
        for depth, blocks in STAGE_DEPTHS.items()
    }
    depth = min(places, key=lambda depth: len(places[depth] ^ present))
    if whole - places[depth]:
        counts = ", ".join(str(sum(place[0] == stage for place in present)) for stage in STAGES)
        known = "; ".join(f"{', '.join(map(str, blocks))} (depth {depth})" for depth, blocks in STAGE_DEPTHS.items())
        raise WeightsError(f"its stages have {counts} blocks, and the ResNets here have {known}; give one of those.")
    return depth


def read_tsm(layout: Layout, state: State) -> tuple[str, dict[str, int | float]]:
    """Return tsm. The weights do not show the number of shifted channels; published is one in eight each way."""
    _, options = read_resnet(layout, state)
    return "tsm", options | {"shift_division": 8}


def read_gst(layout: Layout, state: State) -> tuple[str, dict[str, int | float]]:
    """Return gst or gst_large: of C channels, C / alpha come from the temporal path, and each path reads C / beta.

    gst is beta = 2, gst_large is beta = 1; the temporal share t is 1 / alpha.
    """
    _, options = read_resnet(layout, state)
    blocks: list[tuple[int, dict[str, torch.Size]]] = []
    for stage, count in zip(STAGES, STAGE_DEPTHS[int(options["depth"])], strict=True):
        for block in range(count):
            keys = {path: layout.key(f"layer{stage}.{block}.conv2.{path}.weight", state) for path in GST_PATHS}
            shapes = {path: state[key].shape for path, key in keys.items() if key in state and state[key].dim() == 5}
            blocks.append((stage, shapes))
    # If the file lacks one path of a block, or both, the other path or another block gives the same numbers.
    stage, shapes = max(blocks, key=lambda block: len(block[1]))
    if not shapes:
        return "gst", options
    sizes = {path: shape[0] for path, shape in shapes.items()}
    width = sum(sizes.values()) if len(sizes) == 2 else int(options["base_width"]) * 2 ** (stage - 1)
    temporal = sizes.get("temporal", width - sizes.get("spatial", 0))
    inputs = [shape[1] for shape in shapes.values()]
    names = {width // 2: "gst", width: "gst_large"}
    if len(set(inputs)) > 1 or inputs[0] not in names:
        raise WeightsError(
            f"its paths read {' and '.join(map(str, inputs))} of {width} channels, and GST here reads half of them in "
            "each path (beta = 2) or all of them (beta = 1); no network of the table has another beta."
        )
    return names[inputs[0]], options | {"temporal_share": temporal / max(width, 1)}


def read_video(name: str) -> Callable[[Layout, State], tuple[str, dict[str, int | float]]]:
    """Return a reader for a network with one form, apart from its number of classes."""

    def read(layout: Layout, state: State) -> tuple[str, dict[str, int | float]]:
        return name, {"num_classes": layout.outputs(state, AS_MANY_AS_CLASSES, ModelConfig.num_classes)}

    return read


def taps_below(weight: Tensor) -> Tensor:
    """Return a 3D kernel (o, i, k, h, w) with its taps stacked, (k·o, i, h, w); other tensors unchanged."""
    return torch.cat(weight.unbind(2)) if weight.dim() == 5 and weight.shape[2] else weight


def imagenet_classes() -> tuple[str, ...]:
    """Return the thousand classes of ImageNet, as torchvision names them."""
    from torchvision.models import ResNet50_Weights

    return tuple(ResNet50_Weights.DEFAULT.meta["categories"])


def kinetics_classes() -> tuple[str, ...]:
    """Return the four hundred classes of Kinetics, as torchvision names them."""
    from torchvision.models.video import R2Plus1D_18_Weights

    return tuple(R2Plus1D_18_Weights.DEFAULT.meta["categories"])


SHIFTED = r"\.conv1\.shifted\."
"""Marks, for `key`, the convolutions after a shift, which publishers wrap."""

REPOSITORY = ((SHIFTED, ".conv1.net."), (r"^", "base_model."))
"""TSM's and GST's repositories, both made from that of TSN, keep a torchvision ResNet as `base_model`."""
REPOSITORY_CLASSIFIERS = ("new_fc", "base_model.fc")
"""The second where the network has no dropout."""

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
    # mmaction2's ResNets are of the style that it calls pytorch: the stride is on the 3x3, as everywhere here.
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
"""The known layouts. A published 2D network of another depth, width or number of classes has the same layout."""


BASIC_BLOCK = re.compile(r"(^|\.)layer1\.0\.conv1\.((conv|net)\.)*weight$")
"""The first convolution of a block: 1x1 in a bottleneck, 3x3 in the blocks of ResNet-18 and -34."""


def recognise(state: State, strays: Collection[str] = ()) -> Layout:
    """Return the layout that the keys identify, or the nearest one where some of those keys are missing.

    `strays` are keys of other things than tensors. Raises WeightsError, which lists the layouts and the keys.
    """
    if any(BASIC_BLOCK.search(key) and tensor.dim() >= 4 and tensor.shape[-1] == 3 for key, tensor in state.items()):
        depths = ", ".join(f"ResNet-{depth}" for depth in STAGE_DEPTHS)
        raise WeightsError(
            "it is a ResNet of basic blocks, such as ResNet-18 and -34, which is not among the networks here; "
            f"give one of bottlenecks: {depths}."
        )
    for layout in LAYOUTS:
        if all(key in state and state[key].dim() == dims for key, dims in layout.marks.items()):
            return layout
    if layout := _nearest(state, strays):
        return layout
    labels = ", ".join(layout.label for layout in LAYOUTS)
    held = f"its tensors are {some_of(state)}" if state else "it holds no tensors"
    raise WeightsError(f"no layout fits; recognised are {labels}, and resume.pt of gte.train, but {held}.")


def _nearest(state: State, strays: Collection[str]) -> Layout | None:
    """Return the layout with the fewest missing and superfluous keys, if the file has at least half of its keys."""
    faults: dict[int, int] = {}
    for index, layout in enumerate(LAYOUTS):
        if any(key in state and state[key].dim() != dims for key, dims in layout.marks.items()):
            continue
        try:
            _, _, network = _built(layout, state, {})
        except WeightsError:
            continue
        expected = _names(layout, network, state).keys()
        held = {*state, *strays}
        if 2 * len(expected & held) >= len(expected):
            faults[index] = len(expected ^ held)
    return LAYOUTS[min(faults, key=faults.__getitem__)] if faults else None


def load_published(
    layout: Layout, state: State, options: Mapping[str, int | float] | None = None, strays: Collection[str] = ()
) -> tuple[str, ModelConfig, nn.Module]:
    """Return the network of a published state_dict: its name in the table, its configuration, and itself, in eval mode.

    `options` replaces what the weights do not show, such as shift_division; `strays` are keys of other things than
    tensors. Raises WeightsError for keys that are missing, superfluous or of another shape, for numbers that are not
    finite, and for a network that the table cannot express.
    """
    name, config, network = _built(layout, state, options or {})
    network.load_state_dict(translated(layout, network, state, strays), assign=True, strict=False)
    set_normalization(network, *layout.normalization(state))
    return name, config, network.requires_grad_(True).eval()


def _built(layout: Layout, state: State, options: Mapping[str, int | float]) -> tuple[str, ModelConfig, nn.Module]:
    """Build the network that keys and shapes describe, on the meta device. Raises WeightsError if there is none."""
    name, read = layout.read(layout, state)
    try:
        config = configure(name, **read | dict(options))
        with on_meta_device():
            return name, config, config.build()
    except ValueError as error:
        raise WeightsError(str(error)) from error
    except (RuntimeError, OverflowError) as error:
        sizes = ", ".join(f"{option} {value:g}" for option, value in read.items())
        raise WeightsError(f"no network with its shapes can be built ({sizes}); save it again.") from error


def set_normalization(network: nn.Module, mean: Colours, std: Colours) -> None:
    """Set the mean and standard deviation of each colour in [0, 1] that a network normalises by."""
    network.get_submodule(NORMALIZE.rstrip(".")).load_state_dict(
        {name: torch.tensor(values).view(3, 1, 1, 1) for name, values in (("mean", mean), ("std", std))}, assign=True
    )


def translated(layout: Layout, network: nn.Module, state: State, strays: Collection[str] = ()) -> dict[str, Tensor]:
    """Return a published state_dict with our names and shapes, without `normalize`.

    Raises WeightsError as `check_fit` does.
    """
    parameters = network.state_dict()
    ours = _names(layout, network, state)
    expected = {key: parameters[name] for key, name in ours.items()}
    given = {key: layout.take(tensor) for key, tensor in state.items() if key not in layout.spare}
    check_fit(expected, given, strays)
    filled = {key: given[key] if key in given else torch.zeros(()) for key in ours}
    return {ours[key]: tensor.to(expected[key].dtype) for key, tensor in filled.items()}


def _names(layout: Layout, network: nn.Module, state: Collection[str]) -> dict[str, str]:
    """Return our names of a network's parameters, without `normalize`, by those of the publisher."""
    after_a_shift = {path for path, module in network.named_modules() if isinstance(module, ShiftedFrameConv)}
    ours = {}
    for name in network.state_dict():
        if not name.startswith(NORMALIZE):
            path, _, kind = name.rpartition(".")
            ours[layout.key(f"{path}.shifted.{kind}" if path in after_a_shift else name, state)] = name
    return ours
