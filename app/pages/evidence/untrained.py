"""Untrained networks of the zoo, as a control for trained ones: built on request."""

import shutil
import tempfile
import weakref
from pathlib import Path

import streamlit as st
import torch

from app import url_keys, widgets
from app.cache import Options
from app.pages.evidence.controls import MAX_NETWORKS, NOTHING
from gte import checkpoint
from gte.checkpoint_header import SUFFIX, CheckpointHeader
from gte.kernel_snapshots import KernelSnapshots
from gte.models import MODELS, build, configure
from gte.models.shift import shift_layers

PREFIX = "untrained "
"""Prefix of the label of such a network."""
SEED = 0


class _Saved:
    """An untrained network in a temporary file."""

    def __init__(self, model: str, options: Options, like: CheckpointHeader) -> None:
        folder = Path(tempfile.mkdtemp(prefix="gte-explorer-untrained-"))
        self.close = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            network = build(model, **dict(options))
        smallest = MODELS[model].smallest
        self.header = CheckpointHeader(
            path=folder / f"untrained-{model}{SUFFIX}",
            model=model,
            options=configure(model, **dict(options)).options(),
            num_params=sum(parameter.numel() for parameter in network.parameters()),
            layers=tuple(shift_layers(network)),
            dataset=like.dataset,
            classes=like.classes,
            twins=like.twins,
            num_frames=max(like.num_frames, smallest.frames),
            size=max(like.size, smallest.height, smallest.width),
            step=0,
            training={},
            environment={},
            metrics=(),
        )
        checkpoint.save(self.header.path, self.header, network, KernelSnapshots.start(network))


@st.cache_resource(max_entries=4, show_spinner="Building the network")
def _saved(model: str, options: Options, facts: tuple[object, ...], _like: CheckpointHeader) -> _Saved:
    return _Saved(model, options, _like)


def header_of(model: str, like: CheckpointHeader) -> CheckpointHeader:
    """A network of the table with random weights, always the same, for the clips and classes of another network.

    It has the depth and width of that network if it has such options.
    """
    known = configure(model).options()
    options = {name: value for name, value in like.options.items() if name in known}
    facts = like.dataset, like.classes, like.twins, like.num_frames, like.size
    return _saved(model, tuple((options | {"num_classes": len(like.classes)}).items()), facts, like).header


def name_of(model: str) -> str:
    """Its name in the app."""
    return PREFIX + MODELS[model].label


def pick(like: CheckpointHeader) -> dict[str, CheckpointHeader]:
    """Pick an untrained network of the zoo, by its name; by default none."""
    labels = {name: config.label for name, config in MODELS.items()}
    model = widgets.pick(
        url_keys.UNTRAINED,
        "Add an untrained network",
        [NOTHING, *labels],
        default=NOTHING,
        words=labels,
        help="Its weights are random, so its evidence comes from its architecture only: a control.",
    )
    return {} if model == NOTHING else {name_of(model): header_of(model, like)}


def leave_room(chosen: list[str], num_others: int) -> list[str]:
    """The first of the chosen networks, so that the others fit; a caption names those left out."""
    fitting = chosen[: MAX_NETWORKS - num_others]
    if len(fitting) < len(chosen):
        st.caption(f"{chosen[-1]} is left out: at most {MAX_NETWORKS} networks are shown.")
    return fitting
