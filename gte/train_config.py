"""Configuration of a training, and the named presets of the command line."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from gte.checkpoint_header import SUFFIX
from gte.data import DATASETS, ClipDataset, Split, open_dataset
from gte.data.augmentation import Augmentation
from gte.data.listing import DataOptions
from gte.data.reference import DEFAULT, DataReference
from gte.models import ClipShape, configure
from gte.weights.inflation import IMAGENET, check_pretrained


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that a training depends on."""

    out: Path
    """Folder of the run: checkpoint, metrics and what it takes to resume."""
    resume: bool = False
    """Continue the run in the folder from where it was saved."""
    save_minutes: float = 10
    """Minutes after which the run is saved within an epoch too; 0 saves at the end of epochs alone."""
    model: str = "gte"
    """Name in the table of networks."""
    model_options: tuple[str, ...] = ()
    """Options of the network: depth=26 base_width=16. The others keep their defaults."""
    pretrained: str = ""
    """Weights to start from: imagenet, the path of a checkpoint of this project, whose classifier is replaced if its
    classes are others, or the path of a 2D ResNet's .pth or .safetensors file; random when empty."""
    dataset: str = "motionpairs"
    """Name in the table of data sets."""
    data_root: Path | None = None
    """Folder of the data; looked for by its name where it is known, as in a run that is continued."""
    data: DataOptions = DEFAULT
    """What tells the data set further, such as its fold."""
    augment: Augmentation = "flip"
    """Changes of training clips: mirrored where the data set declares it, crops of several scales, or none."""
    num_frames: int = 8
    """Frames per clip, one from each equal part of it."""
    size: int = 112
    """Height and width of the clips, in pixels."""
    clips_per_epoch: int | None = None
    """Clips between two evaluations; the whole training split when not given."""
    val_clips: int | None = None
    """Validation clips after each epoch, from the first; all when not given."""
    val_reversal: bool = False
    """Also show these in reverse: how often does the answer turn to the reversed class?"""
    epochs: int = 10
    batch_size: int = 32
    """Clips per process and batch."""
    accumulate: int = 1
    """Batches of which each process sums up the gradients before a step."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD, or AdamW with momentum as its first beta."""
    nesterov: bool = True
    """Nesterov's kind of momentum in SGD."""
    lr: float = 0.01
    """Highest learning rate."""
    lr_for_batch: int = 0
    """Clips per step that lr is meant for, from which it is scaled in proportion; 0 takes lr as it is."""
    schedule: Literal["cosine", "step"] = "cosine"
    """Fall of the learning rate: half a cosine wave down to zero, or by ten at each of lr_decay_epochs."""
    warmup_epochs: float = 0
    """Epochs in which the learning rate rises from zero."""
    lr_decay_epochs: tuple[int, ...] = ()
    """Epochs after which the learning rate is divided by ten."""
    momentum: float = 0.9
    weight_decay: float = 1e-4
    """Of convolutions, LTS and the classifier; BatchNorm and biases have none."""
    clip_gradients: float = 0
    """Largest norm of all gradients together, to which they are scaled down; 0 leaves them."""
    label_smoothing: float = 0.0
    seed: int = 0
    num_workers: int = 1
    """Processes that prepare clips, per training process."""
    accelerator: str = "cpu"
    """cpu, cuda or whatever else Lightning Fabric knows."""
    devices: int = 1
    """Training processes per machine."""
    num_nodes: int = 1
    """Machines."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    compile: bool = False
    """Compile the network: a minute or more at first, faster steps after it."""
    tensorboard: bool = False
    """Write the metrics of each epoch for TensorBoard, into the folder of the run, too."""

    def __post_init__(self) -> None:
        for name in ("num_frames", "size", "epochs", "batch_size", "accumulate", "devices", "num_nodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")
        for name in (
            "save_minutes",
            "lr",
            "warmup_epochs",
            "momentum",
            "weight_decay",
            "lr_for_batch",
            "clip_gradients",
            "label_smoothing",
            "seed",
            "num_workers",
        ):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must not be negative or infinite; got {getattr(self, name)}.")
        if self.label_smoothing >= 1 or self.seed >= 2**63:
            raise ValueError(
                f"label_smoothing must be below 1 and seed below 2**63; got {self.label_smoothing} and {self.seed}."
            )
        if self.clips_per_epoch is not None and self.clips_per_epoch < self.batch_size:
            raise ValueError(
                f"clips_per_epoch must hold at least one batch of {self.batch_size}; got {self.clips_per_epoch}."
            )
        if self.val_clips is not None and self.val_clips < 1:
            raise ValueError(f"val_clips must be at least 1; got {self.val_clips}.")
        if list(self.lr_decay_epochs) != sorted(set(self.lr_decay_epochs)):
            raise ValueError(
                f"lr_decay_epochs must increase; got {self.lr_decay_epochs}. Give them as --lr-decay-epochs 40 50."
            )
        if self.dataset not in DATASETS:
            raise ValueError(f"The data sets are {', '.join(DATASETS)}; got {self.dataset}.")
        if self.data_root is not None and not DATASETS[self.dataset].is_read:
            raise ValueError(f"{self.dataset} is rendered; leave out --data-root.")
        if self.data_root is not None and not self.data_root.is_dir():
            raise ValueError(f"--data-root is the folder of the data; there is no folder {self.data_root}.")
        known = [option for option in configure(self.model).options() if option != "num_classes"]
        if others := [option for option in self.options if option not in known]:
            raise ValueError(
                f"{self.model} takes the options {', '.join(known)}; got {', '.join(others)}, perhaps from the "
                "preset. Replace them with --model-options."
            )
        network = configure(self.model, **self.options)
        network.check_takes(ClipShape(self.num_frames, self.size, self.size))
        # Any network can start from a checkpoint of its own kind, which these files may be.
        if self.pretrained and not self.pretrained.endswith(SUFFIX):
            check_pretrained(network, self.pretrained)

    @property
    def reference(self) -> DataReference:
        """The data set, with the name of its folder and its options."""
        return DataReference(self.dataset, self.data_root.resolve().name if self.data_root else "", self.data)

    def open_dataset(self, split: Split) -> ClipDataset:
        """Open a split of the data. Raises DatasetError if it is not here or cannot be used."""
        return open_dataset(str(self.reference), split, self.size, root=self.data_root)

    @property
    def options(self) -> dict[str, int | float]:
        """The network's options as numbers. Raises ValueError if one is no `name=number`."""
        options: dict[str, int | float] = {}
        for pair in self.model_options:
            name, _, text = pair.partition("=")
            try:
                value = float(text)
            except ValueError:
                raise ValueError(f"A network's option is written name=number, as depth=26; got {pair}.") from None
            if not math.isfinite(value):
                raise ValueError(f"A network's option is a finite number; got {pair}.")
            if name == "num_classes":
                raise ValueError("num_classes follows from the data set; leave it out of the network's options.")
            options[name] = int(value) if value.is_integer() else value
        return options

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return the optimiser of a network's parameters, of which those with one dimension or none do not decay."""
        parameters = list(model.parameters())
        groups = [
            {"params": [parameter for parameter in parameters if parameter.dim() > 1]},
            {"params": [parameter for parameter in parameters if parameter.dim() <= 1], "weight_decay": 0.0},
        ]
        if self.optimizer == "adamw":
            return torch.optim.AdamW(groups, lr=self.lr, betas=(self.momentum, 0.999), weight_decay=self.weight_decay)
        return torch.optim.SGD(
            groups,
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=self.nesterov and self.momentum > 0,
        )

    @property
    def clips_per_step(self) -> int:
        """Clips of a step of the optimiser, in all processes."""
        return self.batch_size * self.accumulate * self.devices * self.num_nodes

    @property
    def highest_lr(self) -> float:
        """The learning rate after warm-up, scaled to this run's clips per step if `lr_for_batch` is given."""
        return self.lr * self.clips_per_step / self.lr_for_batch if self.lr_for_batch else self.lr

    def learning_rate(self, epochs_done: float) -> float:
        """Return the learning rate after this many epochs, which may be a fraction."""
        warmup = min(1.0, epochs_done / self.warmup_epochs) if self.warmup_epochs else 1.0
        if self.schedule == "step":
            return warmup * self.highest_lr * 0.1 ** sum(epochs_done >= epoch for epoch in self.lr_decay_epochs)
        span = max(self.epochs - self.warmup_epochs, 1e-9)
        position = min(max(epochs_done - self.warmup_epochs, 0) / span, 1)
        return float(warmup * self.highest_lr * (1 + np.cos(np.pi * position)) / 2)

    def facts(self) -> dict[str, Any]:
        """Return plain data for headers: all that affects the result, so not the folder nor the number of workers."""
        facts = {name: value for name, value in asdict(self).items() if name not in _NO_INFLUENCE}
        return facts | {
            "dataset": str(self.reference),
            "lr_decay_epochs": list(self.lr_decay_epochs),
            "model_options": list(self.model_options),
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "TrainConfig":
        """Return the configuration of a run by its `facts`, without its folders."""
        data = DataReference.parse(facts["dataset"])
        lists = {name: tuple(facts[name]) for name in ("lr_decay_epochs", "model_options")}
        return cls(out=Path(), **{**facts, **lists, "dataset": data.dataset, "data": data.options})

    def differences(self, facts: Mapping[str, Any]) -> list[str]:
        """Return the fields in which another run's `facts` differ from this configuration.

        A field that they lack is newer than that run and had its default value there.
        """
        current = self.facts()
        return [
            part.name
            for part in fields(self)
            if part.name in current and current[part.name] != facts.get(part.name, part.default)
        ]


_NO_INFLUENCE = {"out", "resume", "save_minutes", "num_workers", "data_root", "data", "tensorboard"}
"""Fields that do not change the result, and those that the reference to the data set states."""

_PAPER = TrainConfig(
    out=Path("runs/paper-something"),
    dataset="something-v1",
    augment="multi-scale",
    model_options=("depth=50", "dropout=0.3"),
    pretrained=IMAGENET,
    size=224,
    epochs=60,
    batch_size=48,
    nesterov=False,
    lr=0.01,
    schedule="step",
    lr_decay_epochs=(40, 50),
    weight_decay=3e-4,
    clip_gradients=20,
)
"""Liu et al., section 3, and for what they leave open the defaults of GST's code, github.com/chenxuluo/GST-video.

TSN's and TSM's commands, at github.com/yjxiong/tsn-pytorch and github.com/mit-han-lab/temporal-shift-module, share
plain momentum of 0.9 and the norm of gradients; all three train biases at twice the rate, which is left out here.
"""

_TINY = TrainConfig(
    out=Path("runs/gte-tiny"),
    model_options=("depth=26", "base_width=16", "dropout=0"),
    clips_per_epoch=4096,
    epochs=6,
    optimizer="adamw",
    lr=0.003,
    warmup_epochs=0.5,
    weight_decay=0.02,
)

PRESETS: dict[str, tuple[str, TrainConfig]] = {
    "tiny": (
        "A small network from scratch on rendered clips: about half an hour on two CPU cores.",
        _TINY,
    ),
    "live": (
        "What the page Train live starts: `tiny` on clips of two classes, 8 x 32 x 32, at a constant learning rate, as "
        "long as takes about a minute on two CPU cores, with a report every few seconds.",
        replace(
            _TINY,
            out=Path("runs/live"),
            data=DataOptions(classes=("moves left", "moves right")),
            size=32,
            clips_per_epoch=256,
            val_clips=200,
            val_reversal=True,
            epochs=24,
            schedule="step",
            num_workers=0,
        ),
    ),
    "study": (
        "What each network of `python -m gte.study` is trained with: 24,576 rendered clips of 8 x 64 x 64, five "
        "minutes on one CPU core.",
        replace(
            _TINY,
            out=Path("runs/study-gte"),
            dataset="motionpairs-hard",
            size=64,
            precision="bf16-mixed",
        ),
    ),
    "small": (
        "A small network from scratch on real clips, on a CPU: 0.4 M parameters at 8 x 48 x 48, 20 epochs.",
        TrainConfig(
            out=Path("runs/small"),
            dataset="folder",
            augment="multi-scale",
            model_options=("depth=26", "base_width=16", "dropout=0.3"),
            size=48,
            epochs=20,
            optimizer="adamw",
            lr=0.003,
            warmup_epochs=1,
            weight_decay=0.02,
        ),
    ),
    "paper-something": (
        "As Liu et al. train on Something-Something: GTE from ImageNet, 8 frames, SGD at 0.01 for batches of 48 in all "
        "(here: per process), dropout 0.3, 60 epochs. They say both 'for about 40 epochs' and 'every 10 epochs': the "
        "rate falls by ten after 40 and after 50. What they leave open is GST's: momentum 0.9, weight decay 3e-4, "
        "gradients cut at 20.",
        _PAPER,
    ),
    "paper-diving48": (
        "The same with 16 frames, as Liu et al. test on Diving48.",
        replace(_PAPER, out=Path("runs/paper-diving48"), dataset="diving48", num_frames=16),
    ),
    "tsn": (
        "TSN's command for UCF-101 with a ResNet-50: c2d from ImageNet, 3 segments, SGD at 0.001 for batches of 128, "
        "80 epochs, divided by ten after 30 and 60, dropout 0.8. All BatchNorms train, not the first alone.",
        replace(
            _PAPER,
            out=Path("runs/tsn"),
            dataset="ucf101",
            model="c2d",
            model_options=("depth=50", "dropout=0.8"),
            num_frames=3,
            epochs=80,
            batch_size=128,
            lr=0.001,
            lr_decay_epochs=(30, 60),
            weight_decay=5e-4,
        ),
    ),
    "tsm": (
        "TSM's command for Something-Something: tsm from ImageNet, 8 segments, SGD at 0.01 for batches of 64, 50 "
        "epochs, divided by ten after 20 and 40, dropout 0.5.",
        replace(
            _PAPER,
            out=Path("runs/tsm"),
            model="tsm",
            model_options=("depth=50", "dropout=0.5"),
            epochs=50,
            batch_size=64,
            lr_decay_epochs=(20, 40),
            weight_decay=5e-4,
        ),
    ),
}
"""Presets of the command line by name, with a sentence on each."""
