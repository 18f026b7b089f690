"""Checks of a data set before it is trained on: its files, labels and splits, and how fast it is read."""

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from jaxtyping import Float, Int

from gte.data import DataReference, Split, open_dataset
from gte.data.file_clips import FileClips
from gte.data.sampling import segment_frames
from gte.errors import DatasetError, SplitError, VideoError, sentence

MAX_EXAMPLES = 5
"""Clips named in a finding."""
NUM_BINS = 8
MAX_BLANK_RANGE = 8
"""Largest difference of two pixel values, of 255, in all the frames of a clip that shows nothing."""
Clip = tuple[Split, int]
"""A clip by its split and its index in it."""
Splits = Mapping[Split, FileClips]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A fault of a data set."""

    check: str
    """Its kind, in a few words."""
    message: str
    """A sentence with the number of clips."""
    examples: tuple[str, ...] = ()
    """The first of these clips."""


@dataclass(frozen=True)
class ReadClip:
    """What reading of a clip showed."""

    index: int
    num_frames: int = 0
    fps: float | None = None
    is_blank: bool = False
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the checks showed."""

    dataset: str
    notes: tuple[str, ...]
    clips: Mapping[Split, Mapping[str, int]]
    """For each split the number of clips of each class."""
    num_read: Mapping[Split, int]
    """Clips of each split that were read."""
    frame_counts: Sequence[tuple[float, float, int]]
    """Histogram of the frames of the clips that were read: from, to, and number of clips."""
    frame_rates: Sequence[tuple[float, float, int]]
    clips_per_second: float
    """At which one process reads clips as training does."""
    findings: tuple[Finding, ...]


def check_dataset(
    reference: DataReference,
    root: Path,
    *,
    num_frames: int,
    size: int,
    max_clips: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Check the files, labels and splits of a data set, for a network of `num_frames` frames of `size` x `size` pixels.

    At most `max_clips` clips of each split, evenly spaced, are read; everything else is checked of all. Raises
    DatasetError if no split can be listed.
    """
    if not root.is_dir():
        raise DatasetError(f"There is no folder {root}; give the root of the data.")
    splits: dict[Split, FileClips] = {}
    findings: list[Finding] = []
    notes: list[str] = []
    for split in get_args(Split):
        try:
            dataset = open_dataset(str(reference), split, size, root=root)
            assert isinstance(dataset, FileClips), f"{reference} is read from files"
            splits[split] = dataset
        except SplitError as error:
            notes.append(sentence(error))
        except DatasetError as error:
            findings.append(Finding(check="annotations", message=f"{split}: {sentence(error)}"))
    if not splits:
        raise DatasetError((*[finding.message for finding in findings], *notes)[0])
    notes += dict.fromkeys(note for dataset in splits.values() for note in dataset.notes)
    seconds, reads = 0.0, dict[Split, list[ReadClip]]()
    for split, dataset in splits.items():
        chosen = _evenly_spaced(dataset.present, max_clips)
        say(f"{split}: reading {len(chosen):,} of {len(dataset):,} clips.")
        start = time.perf_counter()
        reads[split] = [_read(dataset, index, num_frames) for index in chosen]
        seconds += time.perf_counter() - start
    good = [clip for clips in reads.values() for clip in clips if not clip.problem]
    findings += [
        *_missing(splits),
        *_faulty_reads(splits, reads, num_frames),
        *_labels(splits),
        *_groups(splits),
        *_copies(splits),
    ]
    return Report(
        dataset=str(reference),
        notes=tuple(notes),
        clips={split: _by_class(dataset) for split, dataset in splits.items()},
        num_read={split: len(clips) for split, clips in reads.items()},
        frame_counts=_histogram([clip.num_frames for clip in good]),
        frame_rates=_histogram([clip.fps for clip in good if clip.fps is not None]),
        clips_per_second=len(good) / seconds if good else 0.0,
        findings=tuple(findings),
    )


def too_slow(report: Report, needed: float, num_workers: int, name: str) -> Iterator[Finding]:
    """Yield a finding if `num_workers` processes read fewer clips per second than a training takes."""
    speed = report.clips_per_second * num_workers
    if 0 < speed < needed:
        enough = int(np.ceil(needed / report.clips_per_second))
        yield Finding(
            check="too slow",
            message=f"With --num-workers {num_workers} {speed:.1f} clips are read in a second, and {name} takes "
            f"{needed:.1f}: give --num-workers {enough} with as many cores, or make the videos smaller.",
        )


def _evenly_spaced(indices: Sequence[int], max_count: int | None) -> list[int]:
    if max_count is None or len(indices) <= max_count:
        return list(indices)
    return [indices[place * len(indices) // max_count] for place in range(max_count)]


def _read(dataset: FileClips, index: int, num_frames: int) -> ReadClip:
    times: list[Float[np.ndarray, " n"]] = []

    def choose(seconds: Float[np.ndarray, " n"], end: float | None) -> Int[np.ndarray, " t"]:
        times.append(seconds)
        return segment_frames(seconds, num_frames, end)

    try:
        _, frames = dataset.sample(index, choose)
    except VideoError as error:
        return ReadClip(index, problem=sentence(error))
    count, last = len(times[-1]), float(times[-1][-1])
    fps = (count - 1) / last if last > 0 else None
    return ReadClip(index, count, fps, is_blank=int(frames.max()) - int(frames.min()) <= MAX_BLANK_RANGE)


def _missing(splits: Splits) -> Iterator[Finding]:
    for split, dataset in splits.items():
        missing = sorted(set(range(len(dataset))) - set(dataset.present))
        if missing:
            yield Finding(
                check="missing",
                message=f"{split}: {len(missing):,} of {len(dataset):,} clips have no file.",
                examples=tuple(str(dataset.path(index)) for index in missing[:MAX_EXAMPLES]),
            )


def _faulty_reads(splits: Splits, reads: Mapping[Split, Sequence[ReadClip]], num_frames: int) -> Iterator[Finding]:
    for split, clips in reads.items():
        dataset = splits[split]
        kinds = {
            "unreadable": ("cannot be read", [clip for clip in clips if clip.problem]),
            "too short": (
                f"have fewer than the {num_frames} frames that a network takes, which repeats some",
                [clip for clip in clips if 0 < clip.num_frames < num_frames],
            ),
            "fewer images": (
                "have fewer images than their list states",
                [clip for clip in clips if 0 < clip.num_frames < (dataset.num_images(clip.index) or 0)],
            ),
            "blank": ("show one even colour in every frame", [clip for clip in clips if clip.is_blank]),
        }
        for check, (fault, faulty) in kinds.items():
            if faulty:
                facts = [clip.problem or f"{clip.num_frames} frames" for clip in faulty[:MAX_EXAMPLES]]
                names = [dataset.clip_id(clip.index) for clip in faulty[:MAX_EXAMPLES]]
                yield Finding(
                    check=check,
                    message=f"{split}: {len(faulty):,} of {len(clips):,} clips that were read {fault}.",
                    examples=tuple(f"{name}: {fact}" for name, fact in zip(names, facts, strict=True)),
                )


def _labels(splits: Splits) -> Iterator[Finding]:
    counts = {split: _by_class(dataset) for split, dataset in splits.items()}
    classes = next(iter(splits.values())).classes
    unused = [name for name in classes if not any(count.get(name) for count in counts.values())]
    if unused == [classes[0]] and len(classes) > 1:
        yield Finding(
            check="off by one",
            message=f"No clip has label 0 ({classes[0]}) and there are {len(classes)} classes: the labels may count "
            "from 1, and must count from 0.",
        )
    elif empty := [name for name, count in counts.get("train", {}).items() if not count]:
        yield Finding(
            check="empty class",
            message=f"train: {len(empty)} of {len(classes)} classes have no clip.",
            examples=tuple(empty[:MAX_EXAMPLES]),
        )


def _by_class(dataset: FileClips) -> dict[str, int]:
    counts = Counter(dataset.label(index) for index in range(len(dataset)))
    return {name: counts[label] for label, name in enumerate(dataset.classes)}


def _groups(splits: Splits) -> Iterator[Finding]:
    places: defaultdict[str, Counter[Split]] = defaultdict(Counter)
    for split, dataset in splits.items():
        for index in range(len(dataset)):
            if group := dataset.group(index):
                places[group][split] += 1
    shared = {group: counts for group, counts in places.items() if len(counts) > 1}
    if shared:
        facts = [
            f"{group}: {', '.join(f'{count} in {split}' for split, count in counts.items())}"
            for group, counts in list(shared.items())[:MAX_EXAMPLES]
        ]
        yield Finding(
            check="group in two splits",
            message=f"{len(shared):,} of {len(places):,} groups have clips in several splits.",
            examples=tuple(facts),
        )


def _copies(splits: Splits) -> Iterator[Finding]:
    """Yield findings on equal files in several splits, or with several labels; only files of equal size are hashed."""
    by_size: defaultdict[object, list[Clip]] = defaultdict(list)
    for split, dataset in splits.items():
        for index in filter(lambda index: dataset.path(index).exists(), dataset.present):
            by_size[_size(dataset.path(index))].append((split, index))
    shared: list[list[Clip]] = []
    disagreeing: list[list[Clip]] = []
    for clips in by_size.values():
        by_content: defaultdict[str, list[Clip]] = defaultdict(list)
        if len(clips) > 1:
            hashes: dict[Path, str] = {}
            for split, index in clips:
                path = splits[split].path(index)
                if path not in hashes:
                    hashes[path] = _hash(path)
                by_content[hashes[path]].append((split, index))
        for same in by_content.values():
            if len({split for split, _ in same}) > 1:
                shared.append(same)
            paths = {splits[split].path(index) for split, index in same}
            if len(paths) > 1 and len({splits[split].label(index) for split, index in same}) > 1:
                disagreeing.append(same)

    def named(copies: Sequence[Sequence[Clip]]) -> tuple[str, ...]:
        return tuple(
            " = ".join(f"{split} {splits[split].clip_id(index)}" for split, index in same[:MAX_EXAMPLES])
            for same in copies[:MAX_EXAMPLES]
        )

    if shared:
        yield Finding(
            check="file in two splits",
            message=f"{len(shared):,} files are in several splits, under the same or other names.",
            examples=named(shared),
        )
    if disagreeing:
        yield Finding(
            check="two labels",
            message=f"{len(disagreeing):,} files are there several times with different labels.",
            examples=named(disagreeing),
        )


def _size(path: Path) -> object:
    return tuple((file.name, file.stat().st_size) for file in _files(path)) if path.is_dir() else path.stat().st_size


def _files(path: Path) -> list[Path]:
    """Return the files of a clip, those in folders of its folder included."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    for file in _files(path):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def _histogram(values: Sequence[float]) -> list[tuple[float, float, int]]:
    values = [round(value, 2) for value in values]
    if not values:
        return []
    if len(different := sorted(set(values))) <= NUM_BINS:
        return [(value, value, values.count(value)) for value in different]
    edges = np.linspace(min(values), max(values), NUM_BINS + 1)
    if all(value == int(value) for value in values):
        edges = np.unique(edges.round())
    counts, edges = np.histogram(values, bins=edges)
    return [(float(low), float(high), int(count)) for low, high, count in zip(edges, edges[1:], counts, strict=False)]
