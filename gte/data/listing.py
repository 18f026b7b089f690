"""Lists of the clips of a data set: what a reader of annotations returns for one split."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ListedClip:
    """A clip as its annotation names it; nothing of it has been read."""

    clip_id: str
    """Its name in the data set, which no other clip of the split has: the publisher's own, or its path in the root."""
    path: Path
    """A video file, or a folder with an image for each frame. It can be missing."""
    label: int
    """Its class, counted from 0."""
    group: str = ""
    """What it shares with others, such as a subject or the recording that it was cut from; empty where unknown."""
    images: str = ""
    """How the images in its folder are named, such as img_{:05d}.jpg; empty for all images of the folder."""
    num_images: int | None = None
    """Number of these images as annotated."""
    start: float = 0.0
    """Where the clip begins in the file, in seconds."""
    end: float | None = None
    """Where it ends, in seconds; None for the end of the file."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The clips of a split and the classes of the data set, in the publisher's order."""

    classes: tuple[str, ...]
    clips: tuple[ListedClip, ...]
    twins: Mapping[str, str] = field(default_factory=dict)
    """The class of a reversed clip, by class; classes that are left out have none."""
    flip: Mapping[str, str] | None = None
    """The class of a clip mirrored left to right, by class; those left out keep theirs. None where mirroring is not
    known to be allowed."""
    notes: tuple[str, ...] = ()
    """Sentences that a user should know: which version was read, what was left out."""
    fps: float | None = None
    """Frames per second of folders of images; None if unknown."""


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """What a reader may be told besides the split. Each data set uses those that concern it."""

    fold: int = 1
    """Which of the published splits, counted from 1 (UCF101 and HMDB51 have three)."""
    template: str = ""
    """Names of the images of a clip in a list, such as img_{:05d}.jpg."""
    group_pattern: str = ""
    """Regular expression on a clip's path in the root: clips whose first group (or whole match) is equal stay in one
    split."""
    split_seed: int = 0
    """Seed of a split that is drawn here."""
    twins: tuple[str, ...] = ()
    """Pairs of classes of which each is the other's time reversal: sitdown=standup."""
    flip: tuple[str, ...] = ()
    """Classes that a mirror exchanges, as left=right; `same` alone if every class keeps its name in a mirror."""
    classes: tuple[str, ...] = ()
    """Classes of rendered data, each with its reversal: "moves left" "moves right"; all when not given."""
