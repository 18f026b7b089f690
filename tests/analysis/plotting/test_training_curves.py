"""The curves of a training: what they show, and how epochs are marked."""

from typing import Any

import pytest

from analysis.plotting import training_curves as module

# plotly makes the attributes of its figures at run time, where pyright does not see them.
training_curves: Any = module.training_curves


def test_training_curves_show_accuracy_and_loss_of_both_splits():
    metrics = [
        {"epoch": 1, "train_top1": 0.2, "val_top1": 0.3, "train_loss": 2.5, "val_loss": 2.4},
        {"epoch": 2, "train_top1": 0.6, "val_top1": 0.5, "train_loss": 1.5, "val_loss": 1.6},
    ]
    figure = training_curves(metrics)
    shown = [(trace.name, trace.xaxis, list(trace.x), list(trace.y), trace.line.dash) for trace in figure.data]
    assert shown == [
        ("training", "x", [1, 2], [0.2, 0.6], "dot"),
        ("validation", "x", [1, 2], [0.3, 0.5], "solid"),
        ("training", "x2", [1, 2], [2.5, 1.5], "dot"),
        ("validation", "x2", [1, 2], [2.4, 1.6], "solid"),
    ]
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]


@pytest.mark.parametrize(("num_epochs", "step"), [(0, 1), (1, 1), (10, 1), (11, 2), (60, 6)])
def test_epochs_are_ticked_in_whole_steps(num_epochs, step):
    metrics = [dict.fromkeys(("epoch", "train_top1", "val_top1", "train_loss", "val_loss"), 1.0)] * num_epochs
    assert training_curves(metrics).layout.xaxis.dtick == step
