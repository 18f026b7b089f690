"""A small data set of each layout, with real encoded video."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from gte.data import DataOptions, DataReference
from gte.data.video.writing import write_video
from tests.gte.data.published import LAYOUTS, Layout

NUM_FRAMES = 6
FPS = 12.0


def write_clip(path: Path, seed: int, num_frames: int = NUM_FRAMES, size: tuple[int, int] = (48, 36)) -> Path:
    """Write a video of a bright square that moves, `size` is width and height."""
    width, height = size
    frames = np.full((num_frames, height, width, 3), 40, np.uint8)
    for number, frame in enumerate(frames):
        left = (seed + 4 * number) % (width - 8)
        frame[8:16, left : left + 8] = (200, 80 + seed % 100, 60)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, frames, FPS)
    return path


def folder(parent: Path) -> str:
    """Write train, val and test with a folder for each of two classes."""
    root = parent / "folder-data"
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        for label, name in enumerate(("pull", "push")):
            for number in range(count):
                write_clip(root / split / name / f"s{number}_{number}.mp4", 10 * label + number)
    return str(DataReference("folder", root.name, DataOptions(twins=("pull=push",), flip=("same",))))


def published(layout: Layout) -> Callable[[Path], str]:
    """Return a function that writes a data set in a layout of its publisher."""

    def write(parent: Path) -> str:
        root = parent / f"{layout.dataset}-data"
        layout.write(root)
        return str(DataReference(layout.dataset, root.name, layout.options))

    return write


SMALL_DATA: Mapping[str, Callable[[Path], str]] = {
    "folder": folder,
    **{layout.dataset: published(layout) for layout in reversed(LAYOUTS.values())},
}
"""A function for each data set that is read: it writes a small one into its own folder, and returns its reference."""


@cache
def small_reference(name: str, parent: Path) -> str:
    """Write the small data set of that name once, and return its reference."""
    return SMALL_DATA[name](parent)
