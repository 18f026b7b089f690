"""Importance against drift: which points have a name."""

import pandas as pd
import plotly.graph_objects as go

from analysis.kernels.importance import SETTINGS, importance_by_drift


def row(layer: str, drift: float, lost: int, p: float) -> dict[str, object]:
    low, high = lost - 3.0, lost + 3.0
    return {
        "layer": layer,
        "block": layer,
        "drift": drift,
        "lost": lost,
        "low": low,
        "high": high,
        "num_clips": 280,
        "p_holm": p,
    }


def names_by_panel(figure: go.Figure) -> list[set[str]]:
    texts = [
        (note.get("xref"), note.get("text"))
        for note in figure.to_plotly_json()["layout"]["annotations"]
        if str(note.get("xref")).startswith("x")
    ]
    return [{text for xref, text in texts if xref == axis} for axis in ("x", "x2", "x3")]


def test_the_chosen_layer_the_largest_drift_and_losses_above_chance_have_a_name():
    rows = [row("a", 0.1, 0, 1), row("b", 0.2, 9, 0.01), row("c", 0.3, -9, 0.01), row("d", 0.9, 0, 1)]
    table = pd.DataFrame([of | {"setting": setting} for of in rows for setting in SETTINGS])
    chosen, rest = {"a", "b", "d"}, {"b", "d"}
    assert names_by_panel(importance_by_drift(table, "a")) == [chosen] * 3
    assert names_by_panel(importance_by_drift(table)) == [rest] * 3
    unknown = table.assign(drift=float("nan"))
    assert names_by_panel(importance_by_drift(unknown, "a")) == [set()] * 3
