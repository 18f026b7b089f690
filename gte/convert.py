"""Weights from elsewhere as checkpoints: `python -m gte.convert SOURCE --to FILE.safetensors`.

SOURCE is a published checkpoint of one of the layouts in `gte.weights.published`, or a `resume.pt` of `gte.train`. It
is opened by `gte.weights.safe_load`, in a process of its own that runs no code from it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated

import torch
import tyro
from torch import Tensor, nn

from gte import checkpoint
from gte.checkpoint_header import SUFFIX, CheckpointHeader, is_checkpoint
from gte.cli import run_command, say
from gte.environment import environment_facts
from gte.errors import GteError, WeightsError, listed, printable, some_of
from gte.files import sha256
from gte.kernel_history import HISTORY
from gte.kernel_snapshots import KernelSnapshots, initial_kernels
from gte.models import ClipShape, configure
from gte.models.config import ModelConfig
from gte.models.memory import on_meta_device
from gte.train_config import TrainConfig
from gte.weights.inflation import check_resnet, describe_random, inflate
from gte.weights.published import Colours, Layout, load_published, recognise, set_normalization
from gte.weights.safe_load import ForeignFile, read_tensors
from gte.weights.state_dicts import INSIDE, Contents, are, contents_of, not_finite


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """Facts that a file of weights does not state; the publisher's values where not given."""

    classes_from: Path | None = None
    """A text file with the name of a class on each line; the file's or the publisher's if not given."""
    mean: Colours | None = None
    """Mean to subtract from each colour in [0, 1]; the publisher's when not given, like the others."""
    std: Colours | None = None
    """Standard deviation to divide each colour by."""
    frames: int | None = None
    """Frames of a clip."""
    size: int | None = None
    """Height and width of a clip, in pixels."""
    shift_division: int | None = None
    """For TSM, one channel in this many reads the next frame, as many the previous one; 8 by default."""
    model: str | None = None
    """For a ResNet of torchvision's, the network to put its weights into, such as gte; c2d when not given."""

    def __post_init__(self) -> None:
        for name in ("frames", "size"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}.")
        for name in ("mean", "std"):
            values = getattr(self, name) or ()
            if not all(0 <= value <= 1 for value in values) or (name == "std" and 0 in values):
                raise ValueError(
                    f"{name} is of colours in [0, 1]{', above 0' if name == 'std' else ''}; "
                    f"got {' '.join(f'{value:g}' for value in values)}. Divide what is meant for 0 to 255 by 255."
                )


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A network from another project, as a checkpoint holds it."""

    header: CheckpointHeader
    """Complete but for the path and the environment."""
    network: nn.Module
    snapshots: KernelSnapshots
    kernel_init: Mapping[str, Tensor]
    recognised_as: str
    """The layout that was recognised, and which parts of the network the file does not fill."""
    start: str = ""
    """Weights that a training by gte.train started from."""


DEFAULTS = ConvertOptions()

CLASS_LISTS = ("meta/dataset_meta/classes", "meta/dataset_meta/CLASSES", "meta/CLASSES")
"""Entries in which OpenMMLab's trainers, newer and older ones, store the names of the classes."""


def convert(source: Path, target: Path, options: ConvertOptions = DEFAULTS) -> str:
    """Write the weights in `source` as a checkpoint; return a sentence that names the recognised layout.

    An existing target is replaced when the new one is complete. Raises GteError, in a sentence, for a file that cannot
    be opened safely, is of no known layout, lacks a key or has one too many, holds NaN or infinity, and for options
    that do not fit it; nothing is written then. Raises OSError if the target cannot be written.
    """
    if target.suffix != SUFFIX:
        raise WeightsError(f"A checkpoint is a {SUFFIX} file; got {target.name}. Give --to a name with that ending.")
    file = read_tensors(source)
    if source.suffix.lower() == SUFFIX and is_checkpoint(source):
        raise WeightsError(f"{source.name} is a checkpoint of this project already; open it as it is.")
    try:
        converted = _ours(file, options) if _is_resume_file(file) else _published(file, options)
        header = converted.header
        clip = ClipShape(header.num_frames, header.size, header.size)
        configure(header.model, **header.options).check_takes(clip)
    except (WeightsError, ValueError) as error:
        raise WeightsError(f"{source.name} cannot be converted: {_inside_a_sentence(str(error))}") from error
    message = f"{source.name} was recognised as {converted.recognised_as}."
    start = {"start": converted.start} if converted.start else {}
    facts = environment_facts() | start | {"source": f"{message} Its SHA-256 is {sha256(source)}."}
    header = replace(header, path=target, environment=facts)
    checkpoint.save(target, header, converted.network, converted.snapshots, converted.kernel_init)
    return message


def _inside_a_sentence(text: str) -> str:
    """Return a sentence that does not begin with a capital, unless with a name such as C2D or SlowFast."""
    first, _, _ = text.partition(" ")
    return text[:1].lower() + text[1:] if first == first.capitalize() else text


def _published(file: ForeignFile, options: ConvertOptions) -> Converted:
    """Convert a file of a known layout. Raises WeightsError or ValueError for another, or if the options do not fit."""
    contents = contents_of(file.tensors, file.facts.keys())
    state = contents.state
    layout = recognise(state, contents.strays)
    kernel_init: Mapping[str, Tensor] = checkpoint.UNKNOWN
    shift = _shift(layout, contents, options)
    if options.model is None or not layout.flat:
        if options.model is not None:
            raise WeightsError(f"it is {layout.label}, which names its network itself; leave out --model.")
        name, config, network = load_published(layout, state, shift, contents.strays)
        random = ()
    else:
        name, config, network, random = _inflated(layout, contents, options.model, shift)
        kernel_init = initial_kernels(network)
    mean, std = layout.normalization(state)
    set_normalization(network, options.mean or mean, options.std or std)
    num_classes = int(config.options()["num_classes"])
    classes, named = _class_names(options.classes_from, num_classes, file, layout)
    about = ", ".join(f"{option} {value:g}" for option, value in config.options().items() if option != "dropout")
    return Converted(
        header=CheckpointHeader(
            **checkpoint.network_facts(name, config, network),
            classes=classes,
            twins=(-1,) * num_classes,
            num_frames=options.frames or layout.num_frames,
            size=options.size or layout.size,
        ),
        network=network,
        snapshots=KernelSnapshots.start(network),
        kernel_init=kernel_init,
        recognised_as=f"{layout.label}, for the network {name} ({about}); {describe_random(network, random)}"
        + (f"; its classes are named as {named} in the file says" if named else "")
        + _left_aside(contents, file, named),
    )


def _shift(layout: Layout, contents: Contents, options: ConvertOptions) -> dict[str, int]:
    """Return the option of TSM, where it was given. Raises WeightsError if the network is another."""
    if options.shift_division is None:
        return {}
    name = options.model or layout.read(layout, contents.state)[0]
    if "shift_division" not in configure(name).options():
        raise WeightsError(
            f"--shift-division is for TSM alone, and this is {layout.label}, for the network {name}; leave it out."
        )
    return {"shift_division": options.shift_division}


def _left_aside(contents: Contents, file: ForeignFile, named: str) -> str:
    """Return the end of a sentence: the entries next to the state_dict that were not read."""
    entries = [path.partition(INSIDE)[0] for path in (*file.facts, *file.tensors) if path != named]
    unread = [name for name in contents.others if name in entries]
    ignored = [f"the rest of {name}" if named.startswith(name + INSIDE) else name for name in unread]
    return f"; ignored {are(ignored)} {listed(ignored)}" if ignored else ""


def _inflated(
    layout: Layout, contents: Contents, name: str, shift: Mapping[str, int]
) -> tuple[str, ModelConfig, nn.Module, tuple[str, ...]]:
    """Return a ResNet of the table that starts from 2D weights, and the parameters that stay random."""
    check_resnet(configure(name))
    # Compared with the 2D network before anything is built in the sizes that the file claims.
    _, flat, _ = load_published(layout, contents.state, strays=contents.strays)
    sizes = {option: value for option, value in flat.options().items() if option != "dropout"}
    config = check_resnet(configure(name, **sizes, **shift))
    with torch.random.fork_rng():
        network = config.build()
    return name, config, network.eval(), inflate(network, config, contents.state)


def _class_names(path: Path | None, num_classes: int, file: ForeignFile, layout: Layout) -> tuple[tuple[str, ...], str]:
    """Return the names in a text file, in the file of weights or of the publisher, if they are as many as the outputs.

    Otherwise they are "class 0" and so on. The second is their place in the file of weights; empty if elsewhere.
    """
    if path is not None:
        return _names_in(path, num_classes), ""
    for entry in CLASS_LISTS:
        kept = file.facts.get(entry)
        if isinstance(kept, list):
            names = tuple(printable(name).strip() for name in kept)
            if len(names) == num_classes and all(names):
                return names, entry
    published = layout.classes()
    if len(published) == num_classes:
        return published, ""
    return tuple(f"class {index}" for index in range(num_classes)), ""


def _names_in(path: Path, num_classes: int) -> tuple[str, ...]:
    """Return the lines of a text file. Raises WeightsError if they are not as many as the outputs, or empty."""
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise WeightsError(f"the names of classes are a text file in UTF-8; {path.name} is not.") from error
    if len(names) != num_classes or not all(names):
        raise WeightsError(
            f"it has {num_classes} classes, and {path.name} must name each on a line of its own; "
            f"it has {len([name for name in names if name])} names on {len(names)} lines."
        )
    return tuple(names)


def _is_resume_file(file: ForeignFile) -> bool:
    """Return True for a resume file of `gte.train`."""
    return isinstance(file.facts.get("config"), str) and isinstance(file.facts.get("metrics"), str)


def _ours(file: ForeignFile, options: ConvertOptions) -> Converted:
    """Convert a resume file of `gte.train`. Raises WeightsError or ValueError if it is damaged."""
    given = [part.name for part in fields(options) if getattr(options, part.name) is not None]
    if given:
        raise WeightsError(
            f"it is a resume file of gte.train, which holds these facts itself; leave out {', '.join(given)}."
        )
    if unbounded := not_finite(file.tensors):
        raise WeightsError(
            f"NaN or infinity is in {some_of(unbounded)}: the training diverged; train it again, with a smaller lr."
        )
    try:
        facts = json.loads(str(file.facts["config"]))
        training = TrainConfig.from_facts(facts)
        if "data" in file.facts:
            data = json.loads(str(file.facts["data"]))
            classes, twins = tuple(map(str, data["classes"])), tuple(data["twins"])
        else:
            # Older files do not hold the classes of their data.
            dataset = training.open_dataset("train")
            classes, twins = dataset.classes, dataset.twins
        config = configure(training.model, **training.options, num_classes=len(classes))
        with on_meta_device():
            network = config.build()
        network.load_state_dict(_part(file, "model/"), assign=True)
        network.requires_grad_(True).eval()
        kept = _part(file, "snapshots/")
        # In half precision, as they were before they were read.
        drifts = {key: tensor.half() for key, tensor in kept.items() if key.startswith(HISTORY)}
        snapshots = KernelSnapshots.from_tensors(kept | drifts)
        step = int(str(file.facts["step"] or 0))
        snapshots.tensors(step, network)  # as a checkpoint writes them: now, while an error can still be reported
        return Converted(
            header=CheckpointHeader(
                **checkpoint.network_facts(training.model, config, network),
                dataset=str(facts["dataset"]),
                classes=classes,
                twins=twins,
                num_frames=training.num_frames,
                size=training.size,
                step=step,
                training=training.facts(),
                metrics=tuple(dict(entry) for entry in json.loads(str(file.facts["metrics"]))),
            ),
            network=network,
            snapshots=snapshots,
            kernel_init=_part(file, "kernel_init/"),
            recognised_as=f"a training of {training.model} by gte.train",
            start=str(file.facts.get("start", "")),
        )
    except GteError:
        raise
    except (LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise WeightsError("it is a training by gte.train, but damaged; train it again.") from error


def _part(file: ForeignFile, prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in file.tensors.items() if key.startswith(prefix)}


def main(
    source: Path, to: Path | None = None, options: Annotated[ConvertOptions, tyro.conf.arg(name="")] = DEFAULTS
) -> None:
    """Convert weights from elsewhere into a checkpoint that the app opens.

    Args:
        source: A checkpoint of TSM's or GST's repository, of mmaction2 (TSN, TSM) or of torchvision, or a resume.pt.
        to: The .safetensors file to write; it must be given.
        options: What the file does not state.
    """
    if to is None:
        raise ValueError("--to names the .safetensors file to write; give it.")
    say(convert(source, to, options))
    say(f"Wrote {to}. Open it in the app, or evaluate a clip with: python -m gte.predict {to} VIDEO")


if __name__ == "__main__":
    run_command(main, prog="python -m gte.convert")
