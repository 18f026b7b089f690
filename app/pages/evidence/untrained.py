"""Untrained networks, as a control for trained ones; each is built when it is selected."""

import shutil
import tempfile
import weakref
from pathlib import Path

import streamlit as st
import torch

from app import url_keys, widgets
from app.pages.evidence.controls import MAX_NETWORKS, NOTHING
from gte import checkpoint
from gte.checkpoint_header import SUFFIX, CheckpointHeader
from gte.kernel_snapshots import KernelSnapshots
from gte.models import MODELS, Options, applicable, build, configure

PREFIX = "untrained "
"""Starts the names of untrained networks."""
SEED = 0


class _Saved:
    """An untrained network in a temporary file, which is deleted with this object."""

    def __init__(self, model: str, options: Options, like: CheckpointHeader) -> None:
        folder = Path(tempfile.mkdtemp(prefix="gte-explorer-untrained-"))
        self.close = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            network = build(model, **options)
        smallest = MODELS[model].smallest
        self.header = CheckpointHeader(
            **checkpoint.network_facts(model, configure(model, **options), network),
            path=folder / f"untrained-{model}{SUFFIX}",
            dataset=like.dataset,
            classes=like.classes,
            twins=like.twins,
            num_frames=max(like.num_frames, smallest.frames),
            size=max(like.size, smallest.height, smallest.width),
        )
        checkpoint.save(self.header.path, self.header, network, KernelSnapshots.start(network))


def _facts(like: CheckpointHeader) -> tuple[object, ...]:
    return like.options, like.dataset, like.classes, like.twins, like.num_frames, like.size


@st.cache_resource(max_entries=4, show_spinner="Building the network", hash_funcs={CheckpointHeader: _facts})
def _saved(model: str, like: CheckpointHeader) -> _Saved:
    options = applicable(model, like.options)
    return _Saved(model, options | {"num_classes": len(like.classes)}, like)


def header_of(model: str, like: CheckpointHeader) -> CheckpointHeader:
    """Return a network with random weights, always the same, for the clips and classes of a checkpoint.

    It has the checkpoint's depth and width if it has these options.
    """
    return _saved(model, like).header


def name_of(model: str) -> str:
    """Return the name of an untrained network."""
    return PREFIX + MODELS[model].label


def pick(like: CheckpointHeader) -> dict[str, CheckpointHeader]:
    """Let the visitor add an untrained network; return it by its name, or nothing."""
    labels = {name: config.label for name, config in MODELS.items()}
    model = widgets.pick(
        url_keys.UNTRAINED,
        "Add an untrained network",
        [NOTHING, *labels],
        default=NOTHING,
        words=labels,
        help="A control: its weights are random, so its evidence depends on its architecture alone.",
    )
    return {} if model == NOTHING else {name_of(model): header_of(model, like)}


def leave_room(chosen: list[str], num_others: int) -> list[str]:
    """Return as many of the chosen networks as can be shown with the others; say which one is left out."""
    fitting = chosen[: MAX_NETWORKS - num_others]
    if len(fitting) < len(chosen):
        st.caption(f"{chosen[-1]} is left out: at most {MAX_NETWORKS} networks are shown.")
    return fitting
