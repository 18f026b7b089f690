"""Evidence for stored clips, from the files of checkpoints, as snippets of code compute and draw it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Float, Int, UInt8

from analysis.attribution.evidence import ClassScore, Evidence, top_classes
from analysis.attribution.methods import find_evidence
from analysis.attribution.strip_figure import MAP_SIDE, strip_figure
from gte.checkpoint import load_model
from gte.data import open_labelled
from gte.data.loading import to_clip
from gte.data.sampling import segment_indices
from gte.data.video.sources import Stretch, open_footage

WIDTH: Final = 952
"""Pixels of a strip, which a figure pack reduces to 180 mm."""


@dataclass(frozen=True, kw_only=True)
class StoredClip:
    """A clip of a file or of a data set, and the frames that are read from it."""

    name: str
    """A video, an image, a folder or archive of images, or a data set."""
    stretch: Stretch
    frames_per_input: int | None = None
    """Frames read for each input frame, so that a change of time has some to choose from; None for all."""
    index: int | None = None
    """Which labelled clip of the data set; None for a file."""
    label: int | None = None
    """Its true class, if it is known."""
    backwards: bool = False
    """True if it is played backwards."""
    sequence: str | None = None
    """Which sequence of a folder or archive; None for the only one."""

    def read(self, num_frames: int, size: int) -> tuple[UInt8[np.ndarray, "s h w 3"], Int[np.ndarray, " t"]]:
        """Read the frames, and return with them which ones a network with so many input frames is given."""
        count = self.stretch.num_frames if self.frames_per_input is None else self.frames_per_input * num_frames
        if self.index is None:
            footage = open_footage(Path(self.name), self.sequence)
            stored = footage.read(self.stretch.sample(count, footage.seconds, footage.end), size=size)
        else:
            stored = self._frames_of_data(self.index, count, size)
        given = segment_indices(len(stored), num_frames)
        return stored, given[::-1] if self.backwards else given

    def _frames_of_data(self, index: int, count: int, size: int) -> UInt8[np.ndarray, "s h w 3"]:
        def choose(seconds: Float[np.ndarray, " n"], end: float | None) -> Int[np.ndarray, " t"]:
            return self.stretch.sample(count, seconds, end)

        return open_labelled(self.name, size).sample(index, choose)[1]

    def frames(self, num_frames: int, size: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the frames that a network with so many input frames of this size is given."""
        stored, given = self.read(num_frames, size)
        return stored[given]


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The frames that a network is given and its evidence in them: a row of a strip."""

    label: str
    frames: UInt8[np.ndarray, "t h w 3"]
    evidence: Evidence


def most_probable(path: str, clip: StoredClip, k: int) -> list[ClassScore]:
    """Return the k most probable classes of a checkpoint for a clip."""
    model, header = load_model(path)
    with torch.no_grad():
        return top_classes(model(to_clip(clip.frames(header.num_frames, header.size))[None])[0], header.classes, k)


def explain(
    label: str, path: str, clip: StoredClip, method: str, layer: str, target: int, contrast: int | None = None
) -> Explained:
    """Compute the evidence of a checkpoint for a class in a clip, as `find_evidence` does."""
    model, header = load_model(path)
    frames = clip.frames(header.num_frames, header.size)
    evidence = find_evidence(method, model, to_clip(frames)[None], target, layer, contrast=contrast)
    return Explained(label=label, frames=frames, evidence=evidence)


def evidence_strip(
    rows: Sequence[Explained], scale_label: str = "maximum", *, shared: bool = True, width: float = WIDTH
) -> go.Figure:
    """Draw `strip_figure` of evidence; colours end at the maximum of all rows, or of each if `shared` is false."""
    maximum = max(row.evidence.maximum for row in rows) if shared else None
    return strip_figure(
        [row.label for row in rows],
        [row.frames for row in rows],
        [row.evidence.upsampled(len(row.frames), MAP_SIDE, MAP_SIDE, maximum=maximum).numpy() for row in rows],
        [row.evidence.frame_shares().tolist() for row in rows],
        width,
        scale_label,
    )
