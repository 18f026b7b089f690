"""A split of a data set of video files or folders of images."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from gte.data.listing import DataOptions, ListedClip, Listing
from gte.data.sampling import FrameChoice, FrameNumbers
from gte.data.video.archives import PackedFile
from gte.data.video.images import ImageFootage, open_images
from gte.data.video.reading import VideoFootage
from gte.data.video.sources import Choice, Footage, open_footage
from gte.errors import DatasetError, VideoError

MAX_OPENED = 4096
"""Clips of which the times of the frames are kept: some kilobytes each."""
ORDER_SEED = 0


class FileClips:
    """The clips of a listing; files are opened when they are read."""

    def __init__(self, name: str, listing: Listing, options: DataOptions, size: int) -> None:
        """Take a listing, with `size` x `size` pixels for each frame.

        Raises DatasetError if it has no clip, or the options name a class that it does not have.
        """
        if not listing.clips:
            raise DatasetError(f"{name} has no clip in this split; check the folder and the annotations.")
        if size < 1:
            raise ValueError(f"The size of a clip is at least 1; got {size}.")
        self.name, self.classes, self.size = name, listing.classes, size
        self.notes, self._fps = listing.notes, listing.fps
        twins = {**listing.twins, **_pairs(options.twins)}
        exchanged = _pairs(options.flip) if options.flip else listing.flip
        self.twins = self._permutation(twins, default=False)
        self.flip = None if exchanged is None else self._permutation(exchanged, default=True)
        self._clips = _mixed(listing.clips)
        self._opened: OrderedDict[int, Footage] = OrderedDict()

    def _permutation(self, pairs: Mapping[str, str], *, default: bool) -> tuple[int, ...]:
        """Return the class that belongs to each; without one the class itself by default, or else -1."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        if unknown := sorted({*pairs, *pairs.values()} - numbers.keys()):
            raise DatasetError(f"{self.name} has no class {unknown[0]!r}; its classes are {', '.join(self.classes)}.")
        return tuple(
            numbers[pairs[name]] if name in pairs else (number if default else -1) for name, number in numbers.items()
        )

    def __len__(self) -> int:
        return len(self._clips)

    def label(self, index: int) -> int:
        return self._clips[index].label

    def clip_id(self, index: int) -> str:
        return self._clips[index].clip_id

    def path(self, index: int) -> Path:
        return self._clips[index].path

    def group(self, index: int) -> str:
        return self._clips[index].group

    def num_images(self, index: int) -> int | None:
        """Return the number of images that the annotation of a clip states, None if it states none."""
        return self._clips[index].num_images

    def scene_number(self, index: int) -> int:
        return index

    @property
    def present(self) -> Sequence[int]:
        return self._present

    @cached_property
    def _present(self) -> Sequence[int]:
        names: dict[Path, frozenset[str]] = {}
        for clip in self._clips:
            folder = clip.path.parent
            if folder not in names:
                names[folder] = frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()
        return tuple(index for index, clip in enumerate(self._clips) if clip.path.name in names[clip.path.parent])

    def examples(self) -> Sequence[int]:
        first: dict[int, int] = {}
        for index in self.present:
            first.setdefault(self.label(index), index)
        return [first[label] for label in sorted(first)]

    def seconds(self, index: int) -> Float[np.ndarray, " n"]:
        seconds = self._open(index).seconds
        first, last = self._part(index, seconds)
        return seconds[first : last + 1] - seconds[first]

    def end(self, index: int) -> float | None:
        footage = self._open(index)
        first, last = self._part(index, footage.seconds)
        end = float(footage.seconds[last + 1]) if last + 1 < len(footage.seconds) else footage.end
        return None if end is None else end - float(footage.seconds[first])

    def frames(self, index: int, which: FrameNumbers, *, whole: bool = False) -> UInt8[np.ndarray, "t h w 3"]:
        return self.sample(index, lambda *_: which, whole=whole)[1]

    def sample(
        self, index: int, choose: FrameChoice, *, whole: bool = False
    ) -> tuple[Int[np.ndarray, " t"], UInt8[np.ndarray, "t h w 3"]]:
        size = None if whole else self.size

        def chosen(seconds: Float[np.ndarray, " n"], end: float | None) -> tuple[int, Int[np.ndarray, " t"]]:
            first, last = self._part(index, seconds)
            if last + 1 < len(seconds):
                end = float(seconds[last + 1])
            own_end = None if end is None else end - float(seconds[first])
            return first, np.asarray(choose(seconds[first : last + 1] - seconds[first], own_end))

        # A short video is decoded once: its frames are kept by what its packets say before they are listed.
        footage = self._open(index, lambda seconds: np.add(*chosen(seconds, None)), size)
        first, numbers = chosen(footage.seconds, footage.end)
        return numbers, footage.read(first + numbers, size=size)

    def _part(self, index: int, seconds: Float[np.ndarray, " n"]) -> tuple[int, int]:
        """Return the first and last frame of a clip in its file."""
        clip, last = self._clips[index], len(seconds) - 1
        if clip.start or clip.end is not None:
            # The frame that shows at the start, and the last one that begins before the end.
            tolerance = 1e-6
            first = max(0, int(np.searchsorted(seconds, clip.start + tolerance, side="right")) - 1)
            if clip.end is not None:
                last = int(np.searchsorted(seconds, clip.end - tolerance)) - 1
            if clip.start > seconds[-1] + 1 or last < first:
                raise VideoError(
                    f"{clip.path.name} has no frame from {clip.start:g} to {clip.end or seconds[-1]:g} seconds; its "
                    f"last one is at {seconds[-1]:.2f}."
                )
            return first, last
        return 0, last

    def _open(self, index: int, choose: Choice | None = None, size: int | None = None) -> Footage:
        """Return the footage of a clip, whose times of frames are kept for the next call."""
        if index in self._opened:
            self._opened.move_to_end(index)
            return self._opened[index]
        footage = self._read(self._clips[index], choose, size)
        self._opened[index] = replace(footage, held={}) if isinstance(footage, VideoFootage) else footage
        if len(self._opened) > MAX_OPENED:
            self._opened.popitem(last=False)
        return footage

    def _read(self, clip: ListedClip, choose: Choice | None, size: int | None) -> Footage:
        if not clip.path.is_dir():
            return open_footage(clip.path, choose=choose, size=size)
        files = _numbered(clip.path, clip.images) if clip.images else ()
        footage = open_images(clip.path, files) if files else open_footage(clip.path)
        if self._fps and isinstance(footage, ImageFootage):
            slower = footage.info.fps / self._fps
            seconds, end = footage.seconds * slower, None if footage.end is None else footage.end * slower
            footage = replace(footage, seconds=seconds, end=end, info=replace(footage.info, fps=self._fps))
        return footage


def _numbered(folder: Path, template: str) -> list[PackedFile]:
    """Return the images of a folder whose names follow a template such as img_{:05d}.jpg, by their numbers."""
    before, _, after = template.partition("{")
    after = after.partition("}")[2]
    found: dict[int, Path] = {}
    for path in folder.iterdir():
        digits = path.name[len(before) : len(path.name) - len(after)]
        if path.name.startswith(before) and path.name.endswith(after) and digits.isdecimal():
            found[int(digits)] = path
    if not found:
        raise VideoError(f"{folder.name} has no image named like {template}.")
    return [PackedFile(path.name, path.stat().st_size, path) for _, path in sorted(found.items())]


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    """Read pairs of classes such as left=right, each the other's; `same` stands for none."""
    pairs: dict[str, str] = {}
    for text in texts:
        if text == "same":
            continue
        one, equals, other = text.partition("=")
        if not (one and equals and other):
            raise DatasetError(f"Two classes are written as left=right; got {text!r}.")
        for name, partner in ((one, other), (other, one)):
            if pairs.setdefault(name, partner) != partner:
                raise DatasetError(f"A class has one partner; {name} is given {pairs[name]} and {partner}.")
    return pairs


def _mixed(clips: Sequence[ListedClip]) -> list[ListedClip]:
    """Return the clips in an order in which every stretch from the start holds the classes as equally as it can.

    Within a class they are shuffled, always in the same way.
    """
    by_class: dict[int, list[ListedClip]] = {}
    for clip in sorted(clips, key=lambda clip: clip.clip_id):
        by_class.setdefault(clip.label, []).append(clip)
    places: list[tuple[int, int, ListedClip]] = []
    for label, group in by_class.items():
        order = np.random.default_rng((ORDER_SEED, label)).permutation(len(group))
        places.extend((turn, label, group[number]) for turn, number in enumerate(order))
    return [clip for _, _, clip in sorted(places, key=lambda place: place[:2])]
