"""Library: the checkpoints that are here, what their headers say, and the runs that made them."""

import pandas as pd
import streamlit as st

from analysis import figures, palette
from analysis.wording import large_count, percent
from app import resources, scaffold, widgets
from gte.checkpoint import CheckpointHeader
from gte.data import DATASETS
from gte.models import MODELS


def render() -> None:
    """Draw the page below its header."""
    found, errors = resources.checkpoints()
    for error in errors:
        st.warning(scaffold.plain(str(error)))
    found = widgets.checkpoints_or_stop()
    scaffold.finding(_finding(found))
    st.dataframe(pd.DataFrame([_row(name, header) for name, header in found.items()]), hide_index=True)
    choice, download = st.columns([3, 1], vertical_alignment="bottom")
    with choice:
        header = widgets.pick_checkpoint(found)
    with download:
        st.download_button(
            "Download",
            header.path.read_bytes,
            header.path.name,
            "application/octet-stream",
            on_click="ignore",
            width="stretch",
        )
    curves, facts = st.columns([7, 5], gap="medium")
    with curves:
        if header.metrics:
            st.plotly_chart(figures.training_curves(header.metrics), key="curves", config=palette.PLOTLY_CONFIG)
        else:
            st.info("This checkpoint holds no metrics: no epoch was complete when it was written.")
    with facts:
        st.code(str(header.environment.get("command", "made by an unknown command")), language=None, wrap_lines=True)
        st.dataframe(_facts(header), hide_index=True)
    with st.expander("Everything in its header"):
        st.json({"options": header.options, "training": header.training, "environment": header.environment})
    _links(header, next(name for name, other in found.items() if other is header))


def _finding(found: dict[str, CheckpointHeader]) -> str:
    scored = {name: header.metrics[-1]["val_top1"] for name, header in found.items() if header.metrics}
    if not scored:
        return f"{len(found)} checkpoints, none of which has finished an epoch."
    best = max(scored, key=lambda name: scored[name])
    many = f"{len(found)} checkpoints" if len(found) > 1 else "One checkpoint"
    return f"{many}. {best} answers best: {percent(scored[best])} of its validation clips."


def _row(name: str, header: CheckpointHeader) -> dict[str, object]:
    last = header.metrics[-1] if header.metrics else {}
    return {
        "Checkpoint": name,
        "Network": MODELS[header.model].label if header.model in MODELS else f"{header.model} (unknown here)",
        "Data": DATASETS[header.dataset].label if header.dataset in DATASETS else header.dataset,
        "Validation top-1": percent(last["val_top1"]) if last else "",
        "Epochs": len(header.metrics),
        "Steps": f"{header.step:,}",
        "Parameters": large_count(header.num_params),
        "Clip": f"{header.num_frames} x {header.size} x {header.size}",
        "LTS layers": len(header.layers),
        "Made": str(header.environment.get("date", ""))[:16].replace("T", " "),
        "File": f"{header.path.stat().st_size / 1e6:.1f} MB",
    }


def _facts(header: CheckpointHeader) -> pd.DataFrame:
    """How the checkpoint came to be, a fact a row."""
    environment = header.environment
    modified = " with local changes" if environment.get("modified") else ""
    seconds = sum(entry["seconds"] for entry in header.metrics)
    facts = {
        "Source revision": f"{str(environment.get('revision', 'unknown'))[:12]}{modified}",
        "Machine": environment.get("machine", "unknown"),
        "Time in training": f"{seconds / 60:.0f} minutes",
        "Python": environment.get("python", "unknown"),
        **environment.get("packages", {}),
    }
    return pd.DataFrame({"Fact": list(facts), "Value": [str(value) for value in facts.values()]})


def _links(header: CheckpointHeader, name: str) -> None:
    # Imported here because the table of pages imports this one.
    from app.pages import PAGES

    with st.container(horizontal=True):
        if header.layers:
            scaffold.link(PAGES["kernels"], "See its shift kernels", ckpt=name)
        scaffold.link(PAGES["evidence"], "See its evidence", ckpt=name)
