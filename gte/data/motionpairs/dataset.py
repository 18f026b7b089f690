"""MotionPairs: rendered clips of fourteen motions, each the exact time reversal of another.

A clip is a scene, played forwards or backwards: frame k of the one is frame 23 - k of the other, noise included. So a
network that averages over frames without mixing them gives the same logits for both, and cannot exceed 50 % on the test
split, which holds every scene in both directions.

`python -m gte.data.motionpairs --export DIR` writes clips as video files.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from gte.cli import say
from gte.data import DataOptions, DataReference, Split
from gte.data.motionpairs.harder import make_harder
from gte.data.motionpairs.rendering import Renderer
from gte.data.motionpairs.scenes import MOTIONS, NUM_FRAMES, Motion, Scene, draw_scene
from gte.data.sampling import FrameChoice, FrameNumbers
from gte.data.video.writing import write_video
from gte.files import atomic_write

FPS = 12.0
CLASSES: tuple[str, ...] = tuple(name for pair in MOTIONS for name in pair)
SPLITS: dict[str, int] = {"train": 65_536, "val": 700, "test": 1_400}
"""Clips of each split by default."""

_EXCHANGED_BY_FLIP = {"moves left", "moves right", "turns clockwise", "turns counter-clockwise"}
_STREAM = {"train": 0, "val": 1, "test": 2}


class MotionPairs:
    """One split; a pure function of (split, seed, index, classes) that keeps nothing between calls.

    Labels repeat in blocks of one clip of each class, fourteen unless classes are chosen. In the test split, clips i
    and i + half its length are each other's reversal.
    """

    entry = "motionpairs"
    """Name in the table of data sets."""
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        split: str,
        size: int = 112,
        seed: int = 0,
        num_clips: int | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        """Open a split of clips of `size` x `size` pixels; `num_clips` shortens or lengthens it.

        `classes` are drawn alone, in the order of all; none stands for all. Raises ValueError for an unknown split,
        for impossible sizes, seeds and lengths, and for classes that are unknown or lack their reversal.
        """
        if split not in SPLITS:
            raise ValueError(f"A split of MotionPairs is one of {', '.join(SPLITS)}; got {split!r}.")
        if size < 16:
            raise ValueError(f"MotionPairs needs at least 16 x 16 pixels to show a motion; got size {size}.")
        if seed < 0:
            raise ValueError(f"A seed is zero or positive; got {seed}.")
        if unknown := [name for name in classes if name not in CLASSES]:
            raise ValueError(f"The classes of MotionPairs are {', '.join(CLASSES)}; got {', '.join(unknown)}.")
        self._motions = {pair: motion for pair, motion in MOTIONS.items() if not classes or set(pair) & set(classes)}
        self.classes = tuple(name for pair in self._motions for name in pair)
        if classes and set(self.classes) != set(classes):
            missing = ", ".join(name for name in self.classes if name not in classes)
            raise ValueError(
                f"A class of MotionPairs comes with its reversal; got {', '.join(classes)} without {missing}."
            )
        chosen = DataOptions(classes=self.classes if len(self.classes) < len(CLASSES) else ())
        self.name = str(DataReference(self.entry, options=chosen))
        self.twins = tuple(label ^ 1 for label in range(len(self.classes)))
        """The class of a clip played backwards."""
        self.flip = tuple(label ^ 1 if name in _EXCHANGED_BY_FLIP else label for label, name in enumerate(self.classes))
        """The class of a clip seen in a mirror."""
        self.split = split
        self.size = size
        self.seed = seed
        self.num_clips = SPLITS[split] if num_clips is None else num_clips
        if self.num_clips < 1:
            raise ValueError(f"A split needs at least one clip; got {self.num_clips}.")
        if split == "test" and self.num_clips % 2:
            raise ValueError(
                f"The test split shows every scene in both directions, so its length is even; got {self.num_clips}."
            )

    def __len__(self) -> int:
        return self.num_clips

    def label(self, index: int) -> int:
        """Return the class of clip `index`, without rendering it."""
        scene, backwards = self._place(index)
        label = scene % len(self.classes)
        return label ^ 1 if backwards else label

    def clip_id(self, index: int) -> str:
        """Return the name of a clip: its split and its number."""
        return f"{self.split}-{index:05d}"

    def path(self, index: int) -> None:
        """Return None: no clip is a file."""

    def group(self, index: int) -> str:
        """Return no group: each scene is drawn by itself."""
        return ""

    @property
    def present(self) -> Sequence[int]:
        """All clips."""
        return range(len(self))

    def examples(self) -> Sequence[int]:
        """Return the first clips, which hold each class once, in order."""
        return range(min(len(self.classes), len(self)))

    def seconds(self, index: int) -> Float[np.ndarray, " n"]:
        """Return the times of the 24 frames."""
        return np.arange(NUM_FRAMES) / FPS

    def end(self, index: int) -> float:
        """Return the time at which the last frame ends."""
        return NUM_FRAMES / FPS

    def sample(
        self, index: int, choose: FrameChoice, *, whole: bool = False
    ) -> tuple[Int[np.ndarray, " t"], UInt8[np.ndarray, "t h w 3"]]:
        """Return the numbers of the frames that `choose` takes, and these frames."""
        numbers = np.asarray(choose(self.seconds(index), self.end(index)))
        return numbers, self.frames(index, numbers, whole=whole)

    def scene_number(self, index: int) -> int:
        """Return the number of the scene of clip `index` within its split; both its directions have the same."""
        return self._place(index)[0]

    def frames(self, index: int, which: FrameNumbers, *, whole: bool = False) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the frames of clip `index` with these numbers (0 to 23, any order), in RGB: always whole squares."""
        scene, numbers = self._open(index, which)
        renderer = Renderer(scene, self.size)
        clip = np.empty((len(numbers), self.size, self.size, 3), np.uint8)
        for frame, number in zip(clip, numbers, strict=True):
            frame[...] = renderer.frame(number)
        return clip

    def masks(self, index: int, which: FrameNumbers) -> Bool[np.ndarray, "t h w"]:
        """Return the visible pixels of the moving object in those frames: none, while a cover hides all of it."""
        scene, numbers = self._open(index, which)
        renderer = Renderer(scene, self.size)
        clip = np.empty((len(numbers), self.size, self.size), np.bool_)
        for mask, number in zip(clip, numbers, strict=True):
            mask[...] = renderer.mask(number)
        return clip

    def scene(self, index: int) -> Scene:
        """Return the scene of clip `index`, in the direction of time of the first class of its pair."""
        number, _ = self._place(index)
        pair = number % len(self.classes) // 2
        stream = np.random.SeedSequence((self.seed, _STREAM[self.split], number))
        rng = np.random.Generator(np.random.Philox(stream))
        return self.draw(list(self._motions.values())[pair], rng)

    def draw(self, motion: Motion, rng: np.random.Generator) -> Scene:
        """Draw a scene with the given motion from the random stream."""
        return draw_scene(motion, rng)

    def _place(self, index: int) -> tuple[int, bool]:
        """Return the scene that clip `index` shows, and whether it is the second clip of that scene."""
        if not 0 <= index < len(self):
            raise IndexError(f"clip {index} of {len(self)}")
        if self.split != "test":
            return index, False
        half = len(self) // 2
        return index % half, index >= half

    def _open(self, index: int, which: FrameNumbers) -> tuple[Scene, list[int]]:
        numbers = [int(number) for number in which]
        if any(not 0 <= number < NUM_FRAMES for number in numbers):
            raise IndexError(f"A clip has frames 0 to {NUM_FRAMES - 1}; got {numbers}.")
        if self.label(index) % 2:
            numbers = [NUM_FRAMES - 1 - number for number in numbers]
        return self.scene(index), numbers


class HardMotionPairs(MotionPairs):
    """MotionPairs with slower and paler objects, more camera motion, and others that move against them."""

    entry = "motionpairs-hard"

    def draw(self, motion: Motion, rng: np.random.Generator) -> Scene:
        """Draw a scene with the given motion from the random stream, and make it harder."""
        return make_harder(draw_scene(motion, rng), rng)


def export_clips(dataset: MotionPairs, folder: Path, indices: Sequence[int]) -> None:
    """Write clips as WebM files into the folder, and last a labels.csv that lists them.

    Every file is renamed when it is complete, so a folder with a labels.csv is a complete export.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("file", "class", "twin", "split", "index", "seed"))
    for index in indices:
        label = dataset.label(index)
        motion, twin = dataset.classes[label], dataset.classes[dataset.twins[label]]
        name = f"{dataset.split}-{index:05d}-{motion.replace(' ', '-')}.webm"
        write_video(folder / name, dataset.frames(index, range(NUM_FRAMES)), FPS)
        rows.writerow((name, motion, twin, dataset.split, index, dataset.seed))
    with atomic_write(folder / "labels.csv") as temporary:
        temporary.write_text(table.getvalue(), encoding="utf-8")


def main(
    export: Path | None = None, split: Split = "test", num_clips: int = 28, size: int = 224, seed: int = 0
) -> None:
    """Write MotionPairs clips as WebM files with a labels.csv.

    Args:
        export: Folder to write to, created if it is missing. Required.
        split: Part of the data set; the test split has each scene in both directions.
        num_clips: Number of clips, from the start of the split.
        size: Height and width in pixels.
        seed: Seed of the random scenes.
    """
    if export is None:
        raise ValueError("--export names the folder to write to; give it.")
    dataset = MotionPairs(split, size, seed)
    if not 1 <= num_clips <= len(dataset) or (split == "test" and num_clips % 2):
        even = ", even because every scene comes in both directions" if split == "test" else ""
        raise ValueError(f"--num-clips must be 1 to {len(dataset)}{even}; got {num_clips}.")
    if split == "test":
        half, all_scenes = num_clips // 2, len(dataset) // 2
        indices = [*range(half), *range(all_scenes, all_scenes + half)]
    else:
        indices = list(range(num_clips))
    export_clips(dataset, export, indices)
    say(f"Wrote {num_clips} clips and labels.csv to {export}.")
