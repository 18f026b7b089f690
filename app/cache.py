"""Every cache of the app, and the locks of the networks that all sessions share.

A file is cached under its path, time and size, so that a checkpoint written anew is read anew. Caches are bounded.
"""

import copy
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from analysis import attribution, complexity
from analysis.attribution import gradcam
from analysis.complexity import Complexity, Uncountable
from app import checkpoints as uploads
from gte import checkpoint
from gte.checkpoint import CheckpointHeader
from gte.data import DATASETS, open_dataset
from gte.data.sampling import segment_indices
from gte.data.transforms import to_clip
from gte.errors import CheckpointError
from gte.models import ClipShape

ROOT = Path(__file__).parents[1]

FOLDERS: dict[str, Path] = {"": ROOT / "checkpoints", "runs/": ROOT / "runs"}
"""Where checkpoints are looked for, and what stands before their names."""

OWN_FOLDERS = "GTE_CHECKPOINTS"
"""The environment's list of further folders, as PATH is one; their checkpoints come newest first."""

Stamp = tuple[str, int, int]
"""A file's path, time of change in nanoseconds and size in bytes."""

Options = tuple[tuple[str, int | float], ...]
"""A network's options in pairs, which can be a key of a cache."""


def stamp(path: Path) -> Stamp:
    """What tells this state of a file from any other."""
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size


def folders() -> dict[str, Path]:
    """Every folder in which checkpoints are looked for, by what stands before their names."""
    own = [Path(name).expanduser() for name in os.environ.get(OWN_FOLDERS, "").split(os.pathsep) if name.strip()]
    return FOLDERS | {f"{folder.resolve().name}/": folder for folder in own}


def checkpoints() -> tuple[dict[str, CheckpointHeader], list[CheckpointError]]:
    """Every checkpoint by the name that links use, those that ship first, and what is wrong with the other files.

    Last come those that the reader has opened for this visit, which no link carries.
    """
    found: dict[str, CheckpointHeader] = {}
    errors: list[CheckpointError] = []
    for prefix, folder in folders().items():
        headers, unreadable = checkpoint.list_folder(folder)
        errors += unreadable
        if prefix in FOLDERS:
            # Networks with learnable shifts come first: they are what the app is about.
            headers.sort(key=lambda header: not header.layers)
        for header in headers:
            found[prefix + header.path.relative_to(folder).with_suffix("").as_posix()] = header
    return found | uploads.opened(), errors


@dataclass(frozen=True)
class _Shared:
    model: nn.Module
    lock: threading.RLock


@st.cache_resource(max_entries=8, show_spinner="Opening the checkpoint")
def _shared(file: Stamp) -> _Shared:
    model, _ = checkpoint.load_model(file[0])
    return _Shared(model, threading.RLock())


@contextmanager
def model_of(header: CheckpointHeader) -> Iterator[nn.Module]:
    """The network of a checkpoint, for this block alone: no other session uses it meanwhile."""
    shared = _shared(stamp(header.path))
    with shared.lock:
        yield shared.model


def copier_of(header: CheckpointHeader) -> Callable[[], nn.Module]:
    """What makes a copy of the network of a checkpoint, for work in the background that others need not wait for.

    It may be called from any thread, and takes the network's lock for as long as copying takes.
    """
    shared = _shared(stamp(header.path))

    def copied() -> nn.Module:
        with shared.lock:
            return copy.deepcopy(shared.model)

    return copied


def model_and_lock(header: CheckpointHeader) -> tuple[nn.Module, threading.RLock]:
    """The network of a checkpoint for work in the background, which holds the lock whenever it uses it."""
    shared = _shared(stamp(header.path))
    return shared.model, shared.lock


@dataclass(frozen=True, kw_only=True)
class Clip:
    """The frames that a network sees of a clip."""

    digest: str
    """Tells these frames from any others."""
    frames: UInt8[np.ndarray, "t h w 3"]
    """RGB; shared, so nobody writes to it."""
    indices: Int[np.ndarray, " t"]
    """Which frames of the source these are."""
    label: int | None = None
    """Its class in the data set that it comes from."""

    def reversed(self, twins: Sequence[int]) -> "Clip":
        """The same frames, last first; its class is then the twin's."""
        frames = np.ascontiguousarray(self.frames[::-1])
        label = None if self.label is None else twins[self.label]
        return replace(
            self,
            digest=digest_of(frames),
            frames=frames,
            indices=self.indices[::-1],
            label=None if label == -1 else label,
        )


def digest_of(frames: np.ndarray) -> str:
    """What tells these frames from any others."""
    return hashlib.sha256(frames.tobytes()).hexdigest()


FALLBACK = "motionpairs"
"""The data set whose clips a network is shown that was trained on another one, or nobody knows on what."""


@dataclass(frozen=True, kw_only=True)
class ClipSource:
    """The data set that the clips of the evidence page come from, for one checkpoint."""

    dataset: str
    classes: tuple[str, ...]
    """The data set's own; its first test clips hold each class once, in order."""
    trained_on: bool
    """True if the checkpoint was trained on this data set and has its classes."""


def clip_source(header: CheckpointHeader) -> ClipSource:
    """Where the clips come from that a checkpoint is asked about: its own data set where that is here."""
    if header.dataset in DATASETS:
        classes = _classes(header.dataset)
        if classes == header.classes:
            return ClipSource(dataset=header.dataset, classes=classes, trained_on=True)
    return ClipSource(dataset=FALLBACK, classes=_classes(FALLBACK), trained_on=False)


@st.cache_data(max_entries=16, show_spinner=False)
def _classes(dataset: str) -> tuple[str, ...]:
    return open_dataset(dataset, "test").classes


@st.cache_resource(max_entries=64, show_spinner=False)
def dataset_clip(dataset: str, index: int, num_frames: int, size: int, backwards: bool = False) -> Clip:
    """A test clip of a data set, sampled as in evaluation, played backwards if asked."""
    clips = open_dataset(dataset, "test", size)
    which = segment_indices(clips.num_frames_stored, num_frames)
    frames = clips.frames(index, which)
    clip = Clip(digest=digest_of(frames), frames=frames, indices=which, label=clips.label(index))
    return clip.reversed(clips.twins) if backwards else clip


@st.cache_data(max_entries=512, show_spinner="Asking the network")
def _logits(file: Stamp, digest: str, _header: CheckpointHeader, _clip: Clip) -> Float[Tensor, " classes"]:
    with model_of(_header) as model, torch.no_grad():
        return model(to_clip(_clip.frames)[None])[0]


def logits(header: CheckpointHeader, clip: Clip) -> Float[Tensor, " classes"]:
    """A network's answer to a clip."""
    return _logits(stamp(header.path), clip.digest, header, clip)


@st.cache_data(max_entries=64, show_spinner=False)
def _weights_not_numbers(file: Stamp, _header: CheckpointHeader) -> tuple[str, ...]:
    with model_of(_header) as model:
        return tuple(name for name, tensor in model.state_dict().items() if not tensor.isfinite().all())


def weights_not_numbers(header: CheckpointHeader) -> tuple[str, ...]:
    """The tensors of a network that hold values which are not finite numbers, in the order of depth."""
    return _weights_not_numbers(stamp(header.path), header)


@st.cache_data(max_entries=512, show_spinner="Looking for evidence")
def _evidence(
    file: Stamp,
    digest: str,
    target: int,
    layer: str,
    method: str,
    contrast: int | None,
    _header: CheckpointHeader,
    _clip: Clip,
) -> attribution.Evidence:
    attribute = attribution.METHODS[method].attribute
    with model_of(_header) as model:
        return attribute(model, to_clip(_clip.frames)[None], target, layer, contrast=contrast)


def evidence(
    header: CheckpointHeader, clip: Clip, target: int, layer: str, method: str, contrast: int | None = None
) -> attribution.Evidence:
    """Evidence for a class, rather than for `contrast` if that is given, in a block of a network, over a clip."""
    return _evidence(stamp(header.path), clip.digest, target, layer, method, contrast, header, clip)


@st.cache_data(max_entries=256, show_spinner=False)
def _map_shapes(model: str, options: Options, frames: int, size: int) -> dict[str, tuple[int, int, int]]:
    return gradcam.map_shapes(model, dict(options), ClipShape(frames, size, size))


def map_shapes(header: CheckpointHeader) -> dict[str, tuple[int, int, int]]:
    """T', H', W' of every block's output, for the clips that a checkpoint was trained on."""
    return _map_shapes(header.model, tuple(header.options.items()), header.num_frames, header.size)


@st.cache_data(max_entries=4096, show_spinner=False)
def complexity_of(name: str, options: Options, frames: int, size: int) -> Complexity | Uncountable:
    """What a network costs for one clip, or why that cannot be counted; options that it does not have are left out."""
    return next(complexity.count_each([name], dict(options), ClipShape(frames, size, size), complexity.stored))


@st.cache_data(max_entries=64, show_spinner="Counting at every t")
def cost_sweep(options: Options, frames: int, size: int, views: int, with_head: bool) -> pd.DataFrame:
    """What t costs, in GST and in GTE."""
    return complexity.sweep(dict(options), ClipShape(frames, size, size), views=views, with_head=with_head)


@st.cache_data(max_entries=1, show_spinner="Counting what was printed")
def paper_check() -> pd.DataFrame:
    """Printed figures of complexity beside ours."""
    return complexity.paper_check()


@st.cache_data(max_entries=8, show_spinner="Counting what was reported")
def reported_accuracy(dataset: str) -> pd.DataFrame:
    """Reported accuracies beside the cost of their networks."""
    return complexity.accuracy_against_cost(dataset)
