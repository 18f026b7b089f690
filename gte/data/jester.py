"""Jester (Materzynska et al. 2019): 27 hand gestures in front of a laptop's camera."""

from pathlib import Path

from gte.data import Split
from gte.data.annotations import SPLIT_WORDS, read_classes, require_file
from gte.data.listing import DataOptions, Listing
from gte.data.something import list_by_name, read_answers

FPS = 12.0
"""Of the published frames."""
REVERSALS = (
    ("Swiping Left", "Swiping Right"),
    ("Swiping Down", "Swiping Up"),
    ("Pushing Hand Away", "Pulling Hand In"),
    ("Sliding Two Fingers Left", "Sliding Two Fingers Right"),
    ("Sliding Two Fingers Down", "Sliding Two Fingers Up"),
    ("Pushing Two Fingers Away", "Pulling Two Fingers In"),
    ("Rolling Hand Forward", "Rolling Hand Backward"),
    ("Turning Hand Clockwise", "Turning Hand Counterclockwise"),
    ("Zooming In With Full Hand", "Zooming Out With Full Hand"),
    ("Zooming In With Two Fingers", "Zooming Out With Two Fingers"),
)
"""Classes of which each names the other's reversal (the idea: Price and Damen 2019)."""


def read(root: Path, split: Split, options: DataOptions) -> Listing:
    """List a split: CSV files without a header, separated by semicolons, and a folder of images for each clip."""
    classes = read_classes(require_file(root, ["jester-v1-labels.csv"]))
    rows = read_answers(require_file(root, [f"jester-v1-{SPLIT_WORDS[split][0]}.csv"], split=split))
    return list_by_name(root, classes, rows, ("20bn-jester-v1", "frames", ""), ("{id}",), REVERSALS, fps=FPS)
