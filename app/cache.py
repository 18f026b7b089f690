"""Caches of networks, their answers, evidence, kernels and costs, all bounded and shared by all visits.

A result belongs to one state of a checkpoint's file (path, modification time and size): see `app.hashing`.
"""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import streamlit as st
import torch
from jaxtyping import Float
from torch import Tensor, nn

from analysis.attribution import gradcam
from analysis.attribution.evidence import Evidence
from analysis.attribution.methods import find_evidence
from analysis.complexity import accuracy, counting, published, store, sweep
from analysis.complexity.counting import Complexity, Uncountable
from analysis.kernels.moments import stored_moments
from analysis.kernels.readings import Moments, Reading, reduced
from analysis.kernels.summary import summarise
from app.clips import Clip
from app.hashing import HASH_FUNCS
from gte import checkpoint
from gte.checkpoint_header import CheckpointHeader
from gte.data.loading import to_clip
from gte.files import Stamp, stamp
from gte.kernel_history import KernelHistory
from gte.models import ClipShape

Options = tuple[tuple[str, int | float], ...]
"""A network's options as pairs, so that they can be hashed."""

LARGE_SIDE = 112
"""Side in pixels of the clips of a large network, which needs a good part of a second for each of them."""


@dataclass(frozen=True)
class _Shared:
    model: nn.Module
    lock: threading.RLock


@st.cache_resource(max_entries=8, show_spinner="Opening the checkpoint", hash_funcs=HASH_FUNCS)
def _shared(header: CheckpointHeader) -> _Shared:
    model, _ = checkpoint.load_model(header.path)
    return _Shared(model, threading.RLock())


@contextmanager
def model_of(header: CheckpointHeader) -> Iterator[nn.Module]:
    """Lock the network of a checkpoint and yield it: no other visit uses it during this block."""
    shared = _shared(header)
    with shared.lock:
        yield shared.model


def model_copier(header: CheckpointHeader) -> Callable[[], nn.Module]:
    """Return a function that copies the network of a checkpoint, for background work that must not block others.

    It can be called from any thread, and holds the network's lock while it copies.
    """
    shared = _shared(header)

    def copy_model() -> nn.Module:
        with shared.lock:
            return copy.deepcopy(shared.model)

    return copy_model


def model_and_lock(header: CheckpointHeader) -> tuple[nn.Module, threading.RLock]:
    """Return the network of a checkpoint for background work, and the lock to hold while it is used."""
    shared = _shared(header)
    return shared.model, shared.lock


@st.cache_data(max_entries=512, show_spinner="Running the network", hash_funcs=HASH_FUNCS)
def logits(header: CheckpointHeader, clip: Clip) -> Float[Tensor, " classes"]:
    """Return a network's logits for a clip."""
    with model_of(header) as model, torch.no_grad():
        return model(to_clip(clip.frames)[None])[0]


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def weights_not_numbers(header: CheckpointHeader) -> tuple[str, ...]:
    """Return the names of a network's tensors with values that are not finite, in order of depth."""
    with model_of(header) as model:
        return tuple(name for name, tensor in model.state_dict().items() if not tensor.isfinite().all())


@st.cache_data(max_entries=512, show_spinner="Computing evidence", hash_funcs=HASH_FUNCS)
def evidence(
    header: CheckpointHeader, clip: Clip, target: int, layer: str, method: str, contrast: int | None = None
) -> Evidence:
    """Return a network's evidence for the class `target`, against the class `contrast` if given, at a block."""
    with model_of(header) as model:
        return find_evidence(method, model, to_clip(clip.frames)[None], target, layer, contrast=contrast)


def map_shapes(header: CheckpointHeader) -> dict[str, tuple[int, int, int]]:
    """Return T', H', W' of every block's output, for clips as the checkpoint was trained on."""
    return _map_shapes(header.model, tuple(header.options.items()), header.num_frames, header.size)


# By configuration and not by file: checkpoints of one network have the same blocks.
@st.cache_data(max_entries=256, show_spinner=False)
def _map_shapes(model: str, options: Options, frames: int, size: int) -> dict[str, tuple[int, int, int]]:
    return gradcam.map_shapes(model, dict(options), ClipShape(frames, size, size))


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def temporal_layers(header: CheckpointHeader) -> tuple[str, ...]:
    """Return the layers of a checkpoint with a kernel over several frames, in order of depth."""
    return checkpoint.temporal_layers_of(header)


def moments(header: CheckpointHeader) -> Moments | None:
    """Return the covariances of the inputs of a checkpoint's learnable shifts; None where they are not measured yet."""
    known = _moments()
    key = stamp(header.path)
    if key not in known and header.layers:
        found = stored_moments(header.path, header)
        if found is None:
            return None
        known[key] = found
    return known.get(key)


def keep_moments(header: CheckpointHeader, measured: Moments) -> None:
    """Keep the covariances of the inputs of a checkpoint for `moments`, until the server ends."""
    _moments()[stamp(header.path)] = measured


@st.cache_resource(show_spinner=False)
def _moments() -> dict[Stamp, Moments]:
    return {}


@st.cache_data(max_entries=32, show_spinner="Reading the kernels", hash_funcs=HASH_FUNCS)
def kernel_summary(header: CheckpointHeader, reading: Reading = "energy") -> pd.DataFrame:
    """Return `analysis.kernels.summarise` of a checkpoint."""
    return summarise(checkpoint.load_histories(header.path), reading, moments(header) if reading == "inputs" else None)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def history(header: CheckpointHeader, layer: str) -> KernelHistory:
    """Return one layer's kernels at every snapshot; shared between visits, so never written to."""
    return checkpoint.load_history(header.path, layer)


@st.cache_resource(max_entries=16, show_spinner="Reading the kernels", hash_funcs=HASH_FUNCS)
def all_taps(header: CheckpointHeader, reading: Reading) -> list[KernelHistory]:
    """Return `analysis.kernels.reduced` of every layer; shared between visits, so never written to."""
    known = moments(header) if reading == "inputs" else None
    return [reduced(history, reading, known) for history in checkpoint.load_histories(header.path)]


def layer_taps(header: CheckpointHeader, layer: str, reading: Reading = "energy") -> KernelHistory:
    """Return `analysis.kernels.reduced` of one layer."""
    return next(taps for taps in all_taps(header, reading) if taps.layer == layer)


@st.cache_data(max_entries=4096, show_spinner=False)
def complexity_of(name: str, options: Options, frames: int, size: int) -> Complexity | Uncountable:
    """Return a network's cost for one clip, or why it cannot be counted; unknown options are ignored."""
    cost = next(counting.count_each([name], dict(options), ClipShape(frames, size, size), store.stored))
    _counted().add((name, options, frames, size))
    return cost


@st.cache_resource
def _counted() -> set[tuple[str, Options, int, int]]:
    return set()


def is_counted(name: str, options: Options, frames: int, size: int) -> bool:
    """Return True if `complexity_of` has been asked for this before, so that it answers at once."""
    return (name, options, frames, size) in _counted()


@st.cache_data(max_entries=64, show_spinner="Counting at every t")
def cost_sweep(options: Options, frames: int, size: int, views: int, with_head: bool) -> pd.DataFrame:
    """Return the cost of GST and of GTE for each t."""
    return sweep.sweep(dict(options), ClipShape(frames, size, size), views=views, with_head=with_head)


@st.cache_data(max_entries=1, show_spinner="Counting the networks with printed figures")
def paper_check() -> pd.DataFrame:
    """Return printed figures of complexity with the counted ones."""
    return published.paper_check()


@st.cache_data(max_entries=8, show_spinner="Counting the networks with reported accuracies")
def reported_accuracy(dataset: str) -> pd.DataFrame:
    """Return reported accuracies with the costs of their networks."""
    return accuracy.accuracy_against_cost(dataset)
