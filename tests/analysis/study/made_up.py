"""Made-up results of a study: answers drawn so that each network has a chosen accuracy."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gte.models import applicable

CLASSES = (
    *("moves left", "moves right", "moves up", "moves down", "approaches", "recedes"),
    *("turns clockwise", "turns counter-clockwise", "moves together", "moves apart"),
    *("speeds up", "slows down", "gets covered", "gets uncovered"),
)
TWINS = tuple(number ^ 1 for number in range(len(CLASSES)))

ACCURACIES: Mapping[str, float] = {
    "c2d": 0.47,
    "tsm": 0.86,
    "c3d": 0.93,
    "gst": 0.88,
    "gte": 0.9,
    "gte-t-1-2": 0.91,
    "gte-t-1-8": 0.86,
    "gte_fixed_shift": 0.84,
    "gte_no_conv2d": 0.87,
    "gte_shared": 0.85,
    "gte_depthwise": 0.88,
    "gte-half-unshifted": 0.895,
    "i3d": 0.89,
    "p3d": 0.9,
    "slowfast_8x8": 0.83,
}
OPTIONS: Mapping[str, Mapping[str, float]] = {
    "gte-t-1-2": {"temporal_share": 0.5},
    "gte-t-1-8": {"temporal_share": 0.125},
    "gte-half-unshifted": {"identity_share": 0.5},
}
LABELS: Mapping[str, str] = {
    "c2d": "C2D",
    "tsm": "TSM",
    "c3d": "C3D",
    "gst": "GST",
    "gte": "GTE",
    "i3d": "I3D",
    "p3d": "P3D",
    "gte-t-1-2": "GTE, t = 1/2",
    "gte-t-1-8": "GTE, t = 1/8",
    "gte_fixed_shift": "GTE, fixed shift",
    "gte_no_conv2d": "GTE, no 2D conv",
    "gte_shared": "GTE, shared shift",
    "gte_depthwise": "GTE, depthwise shift",
    "gte-half-unshifted": "GTE, half unshifted",
    "slowfast_8x8": "SlowFast 8x8",
}
SEEDS = (0, 1, 2)


def run(row: str, seed: int, labels: np.ndarray, accuracy: float) -> dict[str, Any]:
    """Return one run of a row, whose answers are right with that probability and else mostly the reversed class."""
    rng = np.random.default_rng([seed, *row.encode()])
    half, twins = len(labels) // 2, np.array(TWINS)
    wrong = np.where(rng.random(len(labels)) < 0.8, twins[labels], rng.integers(0, len(CLASSES), len(labels)))
    answers = np.where(rng.random(len(labels)) < accuracy, labels, wrong)
    if row == "c2d":
        # Frames without their order: a clip and its reversal get one answer.
        answers[half:] = answers[:half]
    network = row.split("-")[0]
    options = {"depth": 26, "base_width": 16, "dropout": 0, "num_classes": len(CLASSES), "temporal_share": 0.25}
    top1 = float((answers == labels).mean())
    return {
        "name": f"{row}-seed{seed}",
        "row": row,
        "label": LABELS[row],
        "network": network,
        "options": applicable(network, {**options, **OPTIONS.get(row, {})}),
        "seed": seed,
        "num_frames": 16 if network == "slowfast_8x8" else 8,
        "revision": "0000000",
        "date": "2026-01-01",
        "seconds": 400.0,
        "clips_seen": 24_000,
        "metrics": [
            {
                "epoch": epoch,
                "step": 125 * epoch,
                "lr": 0.01,
                "seconds": 66.0,
                "val_loss": 2.0 / epoch,
                "train_loss": 2.0 / epoch,
                "train_top1": top1 * epoch / 6,
                "val_top1": top1 * (1 - 0.5**epoch),
            }
            for epoch in range(1, 7)
        ],
        "top1": top1,
        "loss": 1 - top1,
        "answers": answers.tolist(),
    }


def write(
    folder: Path,
    accuracies: Mapping[str, float] = ACCURACIES,
    seeds: Mapping[str, Sequence[int]] = dict.fromkeys(("c2d", "tsm", "c3d", "gst", "gte"), SEEDS),
    num_clips: int = 280,
) -> Path:
    """Write results.json into a folder; rows without an entry in `seeds` have seed 0 alone."""
    first = np.arange(num_clips // 2) % len(CLASSES)
    labels = np.concatenate([first, np.array(TWINS)[first]])
    runs = [run(row, seed, labels, share) for row, share in accuracies.items() for seed in seeds.get(row, (0,))]
    facts = {
        "format": 1,
        "data": "motionpairs-hard",
        "size": 64,
        "num_frames": 8,
        "classes": CLASSES,
        "twins": TWINS,
        "labels": labels.tolist(),
        "runs": runs,
    }
    path = folder / "results.json"
    path.write_text(json.dumps(facts))
    return path
