"""Library: the available checkpoints, their headers, and the runs that made them."""

import re
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from analysis.formatting import join_words, large_count, percent
from analysis.plotting import style
from analysis.plotting.training_curves import training_curves
from app import cache, checkpoints, layout, navigation, uploads, url_keys, url_state, widgets
from app.navigation import PAGES
from gte.checkpoint_header import CheckpointHeader
from gte.data import label_of
from gte.errors import CheckpointError
from gte.models import MODELS

NO_METRICS = "This checkpoint has no metrics: no epoch was complete when it was saved."


SOURCE = re.compile(r"(?P<text>.*?)\s*Its SHA-256 is (?P<digest>[0-9a-f]{64})\.", re.DOTALL)
"""How the header of a converted checkpoint says what it was made from."""

MAX_NAMES = 3
"""Checkpoints, and data sets, that the finding names; of more it gives the number."""
DIGEST_GROUP = 32
"""Digits of a SHA-256 that stay on one line."""

COLUMN_WIDTHS = {
    "Checkpoint": st.column_config.Column(width=200),
    "Network": st.column_config.Column(width=128),
}
"""Pixels, so that long names do not make the table wider than a narrow window; the other columns take what is left."""


def render() -> None:
    """Draw the page below its header."""
    for error in checkpoints.list_checkpoints()[1]:
        st.warning(layout.plain(str(error)))
    summary = st.container()
    choice, download, upload = st.columns([4, 1.3, 1.7], vertical_alignment="bottom")
    with upload:
        uploads.upload_checkpoint(width="stretch")
    uploads.show_upload_result()
    headers, _ = checkpoints.list_checkpoints()
    if not headers:
        st.info(checkpoints.NO_CHECKPOINT)
        return
    with summary:
        layout.finding(accuracy_finding(headers))
        rows = pd.DataFrame([_row(name, header) for name, header in headers.items()])
        names = list(headers)
        widgets.draw_table(
            rows,
            lambda row: url_state.choose(url_keys.CKPT, names[row]),
            key=f"checkpoints {names}",
            columns=COLUMN_WIDTHS,
        )
    with choice:
        header = widgets.pick_checkpoint(headers)
    name = next(name for name, other in headers.items() if other is header)
    with download:
        st.download_button(
            "Download",
            header.path.read_bytes,
            header.path.name,
            "application/octet-stream",
            on_click="ignore",
            width="stretch",
        )
    if name in checkpoints.opened():
        _yours(name)
    curves, facts = st.columns([7, 5], gap="medium")
    with curves:
        if header.metrics:
            st.plotly_chart(training_curves(header.metrics), key="curves", config=style.PLOTLY_CONFIG)
        if "source" in header.environment:
            _source(str(header.environment["source"]))
        elif not header.metrics:
            st.info(NO_METRICS)
    with facts:
        # What was converted in the app itself was made by no command that a reader could repeat.
        if name not in checkpoints.opened() or "source" not in header.environment:
            command = str(header.environment.get("command", "made by an unknown command"))
            st.code(command, language=None, wrap_lines=True)
        st.table(_facts(header), border="horizontal", hide_header=True)
    with st.expander("All metadata"):
        st.json({"options": header.options, "training": header.training, "environment": header.environment})
    _links(header, name)


def _yours(name: str) -> None:
    """What can be done with a checkpoint of this visit alone."""

    def remove() -> None:
        checkpoints.of_visit().remove(name)
        uploads.set_upload_result(f"{name} is removed.")

    st.button(f"Remove {layout.plain(name)}", on_click=remove, icon=":material/delete:")


def accuracy_finding(headers: Mapping[str, CheckpointHeader]) -> str:
    """Name the highest validation accuracy on each data set; those on different data are not compared."""
    many = f"{len(headers)} checkpoints" if len(headers) > 1 else "One checkpoint"
    by_data: dict[str, dict[str, float]] = {}
    for name, header in headers.items():
        if header.metrics:
            by_data.setdefault(header.dataset, {})[name] = header.metrics[-1]["val_top1"]
    if not by_data:
        return f"{many}, none with a known accuracy."
    highest = []
    for data, scores in by_data.items():
        # As written: what differs by less is not told apart.
        best = percent(max(scores.values()))
        names = [name for name, score in scores.items() if percent(score) == best]
        of = join_words(names) if len(names) <= MAX_NAMES else f"{len(names)} checkpoints"
        alike = sum(label_of(other) == label_of(data) for other in by_data)
        words = _data(data) if alike == 1 else data
        highest.append(f"{best} on {words} ({of})")
    if len(highest) > MAX_NAMES:
        return f"{many}, trained on {len(highest)} data sets, whose accuracies are not comparable."
    return f"{many}. Highest validation accuracy: {'; '.join(highest)}."


def _data(dataset: str) -> str:
    return label_of(dataset) or "unknown data"


def _row(name: str, header: CheckpointHeader) -> dict[str, object]:
    last = header.metrics[-1] if header.metrics else {}
    return {
        "Checkpoint": name,
        "Network": MODELS[header.model].label if header.model in MODELS else f"{header.model} (unknown here)",
        "Data": _data(header.dataset),
        "Val. top-1": percent(last["val_top1"]) if last else "",
        "Parameters": large_count(header.num_params),
        "Clip": f"{header.num_frames} x {header.size} x {header.size}",
    }


def _source(text: str) -> None:
    """What a converted checkpoint was made from; the SHA-256 of that file breaks between groups of its digits alone."""
    parts = SOURCE.fullmatch(text)
    st.info(layout.plain(parts["text"] if parts else text))
    if parts:
        digest = parts["digest"]
        groups = [digest[at : at + DIGEST_GROUP] for at in range(0, len(digest), DIGEST_GROUP)]
        st.html(f"<p>Its SHA-256 is<br><code>{'<wbr>'.join(groups)}</code></p>")


def _facts(header: CheckpointHeader) -> pd.DataFrame:
    """What the table above leaves out, and how the checkpoint came to be, a fact a row."""
    environment = header.environment
    modified = " with local changes" if environment.get("modified") else ""
    seconds = sum(entry["seconds"] for entry in header.metrics)
    training = {"Time in training": f"{seconds / 60:.0f} minutes"} if header.metrics else {}
    facts = {
        "Epochs": len(header.metrics),
        "Steps": f"{header.step:,}",
        "LTS layers": len(header.layers),
        "File": f"{header.path.stat().st_size / 1e6:.1f} MB",
        "Created": str(environment.get("date", "unknown"))[:10],
        "Source revision": f"{str(environment.get('revision', 'unknown'))[:12]}{modified}",
        "Machine": environment.get("machine", "unknown"),
        **training,
        "Python": environment.get("python", "unknown"),
        **environment.get("packages", {}),
    }
    return pd.DataFrame({"Value": [layout.plain(str(value)) for value in facts.values()]}, index=pd.Index(facts))


def _links(header: CheckpointHeader, name: str) -> None:
    with st.container(horizontal=True):
        if _has_kernels(header):
            navigation.link(PAGES["kernels"], "See its kernels over time", ckpt=name)
        navigation.link(PAGES["evidence"], "See its evidence", ckpt=name)


def _has_kernels(header: CheckpointHeader) -> bool:
    """True if the kernels page has something to show of it; not for a network that is unknown here."""
    try:
        return bool(cache.temporal_layers(header))
    except CheckpointError:
        return False
