"""Clips of the app as the files that snippets of code read."""

from analysis.attribution.stored_clips import StoredClip
from app.clips import DatasetSource, Source, VideoSource
from gte.data import open_labelled
from gte.data.video.sources import Stretch


def stored_clip(
    source: Source, stretch: Stretch, *, frames_per_input: int | None, backwards: bool = False
) -> StoredClip:
    """Return a clip as snippets read it; `frames_per_input` as in `StoredClip`."""
    index = label = sequence = None
    match source:
        case DatasetSource(dataset=name, index=index, knows_label=knows_label):
            label = open_labelled(name).label(index) if knows_label else None
        case VideoSource(name=name, sequence=sequence):
            pass
    return StoredClip(
        name=name,
        stretch=stretch,
        frames_per_input=frames_per_input,
        index=index,
        label=label,
        backwards=backwards,
        sequence=sequence,
    )
