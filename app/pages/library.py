"""Library: the checkpoints that are here, what their headers say, and the runs that made them."""

import pandas as pd
import streamlit as st

from analysis import figures, palette
from analysis.wording import large_count, percent
from app import opener, resources, scaffold, uploads, widgets
from gte.checkpoint import CheckpointHeader
from gte.data import DATASETS
from gte.errors import CheckpointError
from gte.models import MODELS

NO_METRICS = "This checkpoint holds no metrics: no epoch was complete when it was written."


def render() -> None:
    """Draw the page below its header."""
    for error in resources.checkpoints()[1]:
        st.warning(scaffold.plain(str(error)))
    summary = st.container()
    choice, download, upload = st.columns([4, 1.3, 1.7], vertical_alignment="bottom")
    with upload:
        opener.open_one_of_yours(width="stretch")
    opener.tell_of_last_upload()
    found, _ = resources.checkpoints()
    if not found:
        st.info(widgets.NO_CHECKPOINT)
        return
    with summary:
        scaffold.finding(_finding(found))
        rows = pd.DataFrame([_row(name, header) for name, header in found.items()])
        st.dataframe(rows, hide_index=True, column_config={"Made": st.column_config.Column(width=95)})
    with choice:
        header = widgets.pick_checkpoint(found)
    name = next(name for name, other in found.items() if other is header)
    with download:
        st.download_button(
            "Download",
            header.path.read_bytes,
            header.path.name,
            "application/octet-stream",
            on_click="ignore",
            width="stretch",
        )
    if name in uploads.opened():
        _yours(name)
    curves, facts = st.columns([7, 5], gap="medium")
    with curves:
        if header.metrics:
            st.plotly_chart(figures.training_curves(header.metrics), key="curves", config=palette.PLOTLY_CONFIG)
        if not header.metrics or "source" in header.environment:
            st.info(scaffold.plain(str(header.environment.get("source", NO_METRICS))))
    with facts:
        # What was converted in the app itself was made by no command that a reader could repeat.
        if name not in uploads.opened() or "source" not in header.environment:
            command = str(header.environment.get("command", "made by an unknown command"))
            st.code(command, language=None, wrap_lines=True)
        st.dataframe(_facts(header), hide_index=True)
    with st.expander("Everything in its header"):
        st.json({"options": header.options, "training": header.training, "environment": header.environment})
    _links(header, name)


def _yours(name: str) -> None:
    """What can be done with a checkpoint of this visit alone."""

    def remove() -> None:
        uploads.of_visit().remove(name)
        opener.tell(f"{name} is removed.")

    st.button(f"Remove {scaffold.plain(name)}", on_click=remove, icon=":material/delete:")


def _finding(found: dict[str, CheckpointHeader]) -> str:
    many = f"{len(found)} checkpoints" if len(found) > 1 else "One checkpoint"
    scored = {name: header.metrics[-1]["val_top1"] for name, header in found.items() if header.metrics}
    if not scored:
        return f"{many}, with no accuracy of any."
    best = max(scored, key=lambda name: scored[name])
    return f"{many}. {best} answers best: {percent(scored[best])} of its validation clips."


def _row(name: str, header: CheckpointHeader) -> dict[str, object]:
    last = header.metrics[-1] if header.metrics else {}
    return {
        "Checkpoint": name,
        "Network": MODELS[header.model].label if header.model in MODELS else f"{header.model} (unknown here)",
        "Data": DATASETS[header.dataset].label if header.dataset in DATASETS else header.dataset or "unknown",
        "Val. top-1": percent(last["val_top1"]) if last else "",
        "Epochs": len(header.metrics),
        "Steps": f"{header.step:,}",
        "Parameters": large_count(header.num_params),
        "Clip": f"{header.num_frames} x {header.size} x {header.size}",
        "LTS layers": len(header.layers),
        "Made": str(header.environment.get("date", ""))[:10],
        "File": f"{header.path.stat().st_size / 1e6:.1f} MB",
    }


def _facts(header: CheckpointHeader) -> pd.DataFrame:
    """How the checkpoint came to be, a fact a row."""
    environment = header.environment
    modified = " with local changes" if environment.get("modified") else ""
    seconds = sum(entry["seconds"] for entry in header.metrics)
    training = {"Time in training": f"{seconds / 60:.0f} minutes"} if header.metrics else {}
    facts = {
        "Source revision": f"{str(environment.get('revision', 'unknown'))[:12]}{modified}",
        "Machine": environment.get("machine", "unknown"),
        **training,
        "Python": environment.get("python", "unknown"),
        **environment.get("packages", {}),
    }
    return pd.DataFrame({"Fact": list(facts), "Value": [str(value) for value in facts.values()]})


def _links(header: CheckpointHeader, name: str) -> None:
    # Imported here because the table of pages imports this one.
    from app.pages import PAGES

    with st.container(horizontal=True):
        if _has_kernels(header):
            scaffold.link(PAGES["kernels"], "See its kernels over time", ckpt=name)
        scaffold.link(PAGES["evidence"], "See its evidence", ckpt=name)


def _has_kernels(header: CheckpointHeader) -> bool:
    """True if the kernels page has something to show of it; not for a network that is unknown here."""
    try:
        return bool(resources.temporal_layers(header))
    except CheckpointError:
        return False
