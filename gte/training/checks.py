"""Checks of a training before its first step, and sentences on what will be done."""

import importlib.util
import os
import shutil
from collections import Counter

import torch

from gte.data import ClipDataset
from gte.errors import GteError, some_of
from gte.models import on_meta_device
from gte.models.config import ModelConfig
from gte.train_config import TrainConfig


def check_classes(dataset: ClipDataset, *, reversal: bool = False) -> None:
    """Raise GteError if a class has no clip to learn it from, or for `reversal` none is the reversal of another."""
    if reversal and max(dataset.twins, default=-1) < 0:
        raise GteError(f"{dataset.name} has no class that is another's reversal; leave out --val-reversal.")
    counts = Counter(dataset.label(index) for index in dataset.present)
    if len(dataset.classes) < 2:
        raise GteError(f"A network tells classes apart; {dataset.name} has {len(dataset.classes)}. Add another.")
    missing = [name for label, name in enumerate(dataset.classes) if not counts[label]]
    if missing:
        number = f"{len(missing)} of {len(dataset.classes)}"
        raise GteError(
            f"Every class needs training clips; {number} have none: {some_of(missing)}. Add clips of them, or "
            "leave them out of the classes."
        )


def check_batch(config: TrainConfig, network: ModelConfig) -> None:
    """Raise GteError if a batch leaves a BatchNorm a single value per channel, of which there is no variance."""
    with on_meta_device():
        model = network.build().train()
        clips = torch.empty(config.batch_size, 3, config.num_frames, config.size, config.size)
    try:
        model(clips)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        batch = f"{config.batch_size} x {config.num_frames} x {config.size} x {config.size}"
        raise GteError(
            f"BatchNorm needs more than one value per channel in training; batches of {batch} leave it one in "
            f"{config.model}. Give a larger --batch-size, --size or --num-frames."
        ) from error


def check_compiler(config: TrainConfig) -> None:
    """Raise GteError if what compiled networks need is missing: a C++ compiler, or on a GPU Triton."""
    if config.accelerator == "cpu":
        compilers = filter(None, [os.environ.get("CXX"), "g++", "clang++", "cl"])
        if not any(shutil.which(compiler) for compiler in compilers):
            raise GteError("--compile needs a C++ compiler on a CPU; install g++, or leave it out.")
    elif importlib.util.find_spec("triton") is None:
        raise GteError("--compile needs the package triton on a GPU; install it, or leave it out.")


def remarks(config: TrainConfig, *splits: ClipDataset) -> list[str]:
    """Return a sentence on the batch and the learning rate, and one on each thing that may be a mistake."""
    parts = {
        "clips": config.batch_size,
        "parts": config.accumulate,
        "processes": config.devices,
        "machines": config.num_nodes,
    }
    product = " x ".join(f"{number} {name}" for name, number in parts.items() if number > 1 or name == "clips")
    rate = f"learning rate {config.highest_lr:g}"
    if config.lr_for_batch:
        rate += f" ({config.lr:g} for {config.lr_for_batch} clips, scaled in proportion)"
    batch = f"A step takes {config.clips_per_step} clips" + (f" ({product})" if product.count(" x ") else "")
    remarks = [f"{batch}; {rate}.", *dict.fromkeys(note for dataset in splits for note in dataset.notes)]
    for dataset in splits:
        here = set(dataset.present)
        if missing := [dataset.clip_id(index) for index in range(len(dataset)) if index not in here]:
            remarks.append(f"{len(missing)} of {len(dataset)} clips are missing: {some_of(missing)}.")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if (workers := config.num_workers * config.devices) > cores:
        remarks.append(
            f"{workers} processes prepare clips, and this machine has {cores} CPU cores: more workers than cores slow "
            f"each other down; --num-workers {max(cores // config.devices, 1)} is enough."
        )
    return remarks


def divergence(
    config: TrainConfig, step: int, epoch: int, loss_before: float | None, rate: float, what: str = "loss"
) -> str:
    """Return a sentence on a loss that is not finite at a step: where it happened, and what the likely cause is."""
    where = f"The {what} is no finite number at step {step} (epoch {epoch}), so the run stops. "
    half = "half precision holds nothing beyond 65,504: --precision bf16-mixed does"
    if loss_before is None:
        weights = f"{config.pretrained} may hold values that are not finite" if config.pretrained else ""
        cause = " or ".join(filter(None, [weights, half if config.precision == "16-mixed" else ""]))
        return f"{where}No step was taken before, so the learning rate is not to blame; {cause or 'the network is'}."
    cause = (
        f"The usual cause is a learning rate that is too high, {rate:g} here; the training loss was "
        f"{loss_before:.3g} a step before. Try --lr {config.lr / 10:g}, --warmup-epochs 1 or --clip-gradients 20"
    )
    return f"{where}{cause}" + (f"; or {half}." if config.precision == "16-mixed" else ".")
