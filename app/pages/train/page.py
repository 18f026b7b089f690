"""The page Train live: a network trains in a process of its own, and the page follows it."""

from functools import partial

import numpy as np
import streamlit as st

from analysis.formatting import percent
from analysis.kernels.readings import reduced
from analysis.live_training import live_curves, live_finding
from app import cards, checkpoints, layout, navigation, uploads, url_keys, url_state, widgets
from app.components.kernel_barcode import kernel_barcode
from app.navigation import PAGES
from app.pages.train import runs
from app.pages.train.runs import MOTIONS, NETWORKS, LiveRun
from gte.checkpoint import load_history
from gte.checkpoint_header import SUFFIX
from gte.data import DataOptions, DataReference, open_dataset
from gte.data.loading import centre_frames
from gte.models import MODELS

SECONDS_BETWEEN_LOOKS = 1.0
BARCODE_HEIGHT = 330
FRAME_SIDE = 80
"""Pixels of a frame of the example clips."""

MOTION_WORDS = {
    "left-right": "moves left, moves right",
    "up-down": "moves up, moves down",
    "four": "left, right, up and down",
}
RATES = ("0.0003", "0.001", "0.003", "0.01", "0.03")

EXAMPLES = "The frames that the network sees of a clip of each class, larger than it sees them."
TRAIN = "Train"
HOW = (
    "Press Train: the network starts from random weights and learns from clips like these, each of them seen once. A "
    "report every few seconds moves the curves and the kernels."
)
NOT_HERE = "This server trains no networks; start the app on your own machine to train one."
NO_KERNELS = {
    "c2d": "{label} handles each frame alone: it has no kernel over time.",
    "tsm": "{label} shifts channels by whole frames, which no training changes: it has no kernel over time to learn.",
}
MEASURES = (
    "The network is tested on other clips of these classes, each as it is and in reverse: an answer turns if it "
    "becomes the reversed class. Dotted: guessing."
)
SUMMED = "This kernel also spans space: each tap is the sum over its rows and columns."


def render() -> None:
    """Draw the page below its header."""
    if not runs.num_epochs():
        st.info(NOT_HERE)
        return
    shown = runs.runs()
    is_active = any(run.is_active for run in shown)
    with st.container(horizontal=True, vertical_alignment="bottom", key="presented-training"):
        names = {name: MODELS[name].label for name in NETWORKS}
        network = widgets.pick(url_keys.LEARNER, "Network", NETWORKS, width=110, words=names)
        motions = widgets.pick(url_keys.MOTIONS, "Classes", list(MOTIONS), width=240, words=MOTION_WORDS)
        rate = widgets.pick(url_keys.RATE, "Learning rate", RATES, f"{runs.preset().lr:g}", width=120)
        layers = runs.layers_of(next((run.network for run in reversed(shown) if runs.layers_of(run.network)), network))
        layer = widgets.pick_layer(layers, default=list(layers)[len(layers) // 2], width=130) if layers else ""
        _buttons(network, motions, float(rate))
        if not is_active:
            _offer_checkpoints()
    if not is_active and runs.seconds_ahead() is not None:
        st.fragment(_draw_others, run_every=SECONDS_BETWEEN_LOOKS)()
    st.fragment(_follow, run_every=SECONDS_BETWEEN_LOOKS if is_active else None)(
        motions, layers.get(layer, ""), is_active
    )


def _buttons(network: str, motions: str, lr: float) -> None:
    last = next(reversed(runs.runs()), None)
    if last and last.is_active:
        st.button("Stop", icon=":material/stop:", on_click=last.stop, disabled=last.is_stopping)
        return
    st.button(TRAIN, icon=":material/play_arrow:", on_click=partial(runs.add, network, motions, lr))
    if last:
        label = layout.plain(runs.labels()[-1])
        st.button(f"Go on with {label}", icon=":material/resume:", on_click=partial(last.go_on, lr))


def _draw_others() -> None:
    """Say that another training runs, of another visitor or another tab, until none does."""
    seconds = runs.seconds_ahead()
    if seconds is None:
        st.rerun()
    st.caption(f":material/hourglass_top: {_others_in_words(seconds)} Yours would start after it.")


def _others_in_words(seconds: float) -> str:
    return f"Another training runs on this server, for at most {seconds:.0f} seconds more."


def _follow(motions: str, block: str, was_active: bool) -> None:
    """Draw what the runs have reported; while one is active this runs again by itself."""
    with layout.errors_as_sentences():
        shown, labels = runs.runs(), runs.labels()
        if was_active and not any(run.is_active for run in shown):
            st.rerun()
        trainings = [training for run, label in zip(shown, labels, strict=True) if (training := run.training(label))]
        with st.container(gap="xsmall"):
            for training in trainings:
                layout.finding(live_finding(training))
        if shown:
            _draw_state(shown[-1])
        if not trainings:
            _draw_examples(motions)
            return
        curves, kernels = st.columns([7, 5], gap="medium")
        with curves:
            text = " ".join(map(live_finding, trainings))
            cards.chart(live_curves(trainings), "Training", text, key="live curves")
            st.caption(MEASURES)
        with kernels:
            _draw_kernels(shown, labels, block)


def _draw_state(run: LiveRun) -> None:
    """Draw the progress of a run, or how it ended where that is not as it should be."""
    job = run.job
    if job is None:
        return
    if not job.over.is_set():
        text = job.text or "Running"
        if run.is_stopping:
            text = "Saving"
        elif job.state == "waiting":
            seconds = runs.seconds_ahead()
            text = "Waiting for other work on this server" if seconds is None else _others_in_words(seconds)
        st.progress(job.part, text=layout.plain(text))
    elif job.state == "failed":
        st.error(layout.plain(job.text))
    elif job.state == "done" and job.result:
        st.info(job.result)


def _draw_examples(motions: str) -> None:
    """Draw a clip of each class."""
    st.markdown(HOW)
    data = open_dataset(
        str(DataReference("motionpairs", options=DataOptions(classes=MOTIONS[motions]))), "train", FRAME_SIDE
    )
    num_frames = runs.preset().num_frames
    for index in data.examples():
        _, frames = centre_frames(data, index, num_frames)
        name = data.classes[data.label(index)]
        st.image(np.concatenate(frames, axis=1), caption=name)
    st.caption(EXAMPLES)


def _draw_kernels(shown: list[LiveRun], labels: list[str], block: str) -> None:
    """Draw the kernels of a layer of the latest run that has some, and say of the others that they have none."""
    for run, label in zip(reversed(shown), reversed(labels), strict=True):
        layer = {name: layer for layer, name in runs.layers_of(run.network).items()}.get(block)
        if layer and run.header:
            history = load_history(run.checkpoint, layer)
            ends = reduced(history).weights[[0, -1]]
            kernel_barcode(
                ends[..., 0],
                [0, int(history.steps[-1])],
                title=f"{label}, {block}",
                key="live kernels",
                height=BARCODE_HEIGHT,
            )
            if history.spans_space:
                st.caption(SUMMED)
            break
    for run, label in zip(shown, labels, strict=True):
        if run.network in NO_KERNELS:
            st.caption(layout.plain(NO_KERNELS[run.network].format(label=label)))


def _offer_checkpoints() -> None:
    """Draw a popover that opens a run on all pages of this visit, or downloads it; and links to what was opened."""
    reported = [
        (run, label, header) for run, label in zip(runs.runs(), runs.labels(), strict=True) if (header := run.header)
    ]
    if not reported:
        return
    with st.popover("Save", icon=":material/save:"):
        for number, (run, label, header) in enumerate(reported):
            st.markdown(
                f"**{layout.plain(label)}**, {percent(header.metrics[-1]['val_top1'])} after step {header.step:,}"
            )
            with st.container(horizontal=True), layout.errors_as_sentences():
                if st.button("Save as a checkpoint", key=f"save {number}"):
                    run.saved_as = checkpoints.of_visit().add(f"{run.name}{SUFFIX}", run.checkpoint.read_bytes())
                    url_state.choose(url_keys.CKPT, run.saved_as)
                st.download_button(
                    "Download",
                    run.checkpoint.read_bytes,
                    f"{run.name}{SUFFIX}",
                    "application/octet-stream",
                    key=f"download {number}",
                    on_click="ignore",
                )
        st.caption(uploads.CHECKPOINT_NOTE)
    for run, _, _ in reported:
        if run.saved_as in checkpoints.opened():
            page = PAGES["kernels" if runs.layers_of(run.network) else "evidence"]
            navigation.link(page, f"{page.title} of {run.saved_as}", ckpt=run.saved_as)
