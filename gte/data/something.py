"""Something-Something, versions 1 and 2 (Goyal et al. 2017; Mahdisoltani et al. 2018): 174 actions with objects."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gte.data import Split
from gte.data.annotations import (
    SPLIT_WORDS,
    Place,
    class_number,
    distinct,
    find_file,
    find_layout,
    read_classes,
    read_entries,
    read_json,
    read_rows,
    require_file,
)
from gte.data.directions import both_ways, mirrored_classes
from gte.data.listing import DataOptions, ListedClip, Listing
from gte.errors import DatasetError, SplitError

FPS = 12.0
"""Of the published frames of version 1, and of the videos of version 2."""
REVERSALS = (
    ("Approaching something with your camera", "Moving away from something with your camera"),
    ("Burying something in something", "Digging something out of something"),
    ("Closing something", "Opening something"),
    ("Covering something with something", "Uncovering something"),
    ("Folding something", "Unfolding something"),
    ("Moving something and something away from each other", "Moving something and something closer to each other"),
    ("Moving something away from something", "Moving something closer to something"),
    ("Moving something away from the camera", "Moving something towards the camera"),
    ("Moving something down", "Moving something up"),
    ("Putting something into something", "Taking something out of something"),
    ("Turning the camera downwards while filming something", "Turning the camera upwards while filming something"),
    ("Turning the camera left while filming something", "Turning the camera right while filming something"),
)
"""Classes of which each names the other's reversal (the idea: Price and Damen 2019). Pushing from left to right is not
among them: its reversal is a pull."""
PREFIX = "something-something"


def read_v1(root: Path, split: Split, options: DataOptions) -> Listing:
    """List version 1: CSV files without a header, separated by semicolons, and a folder of images for each clip."""
    classes = read_classes(require_file(root, [f"{PREFIX}-v1-labels.csv"]))
    path = require_file(root, [f"{PREFIX}-v1-{SPLIT_WORDS[split][0]}.csv"], split=split)
    rows = read_answers(path)
    return list_by_name(
        root, classes, rows, ("20bn-something-something-v1", "frames", ""), ("{id}",), REVERSALS, fps=FPS
    )


def read_v2(root: Path, split: Split, options: DataOptions) -> Listing:
    """List version 2: JSON files, as first published or in the newer folder labels, and a WebM video for each clip."""
    word = SPLIT_WORDS[split][0]
    path = require_file(root, [f"{PREFIX}-v2-labels.json", "labels.json"])
    classes = _numbered_classes(path)
    if split == "test":
        answers = find_file(root, ["test-answers.csv", f"{PREFIX}-v2-test-answers.csv"])
        if answers is None:
            raise SplitError(
                f"The test split has no labels in {root}: test-answers.csv is missing, which came with the newer "
                "download of the labels. The split val can be used."
            )
        rows = read_answers(answers)
    else:
        entries = read_entries(
            require_file(root, [f"{PREFIX}-v2-{word}.json", f"{word}.json"], split=split), ("id", "template")
        )
        rows = ((place, str(entry["id"]), _class_of(str(entry["template"]))) for place, entry in entries)
    folders = ("20bn-something-something-v2", "videos", "frames", "20bn-something-something-v2-frames", "")
    return list_by_name(root, classes, rows, folders, ("{id}.webm", "{id}.mp4", "{id}"), REVERSALS, fps=FPS)


def list_by_name(
    root: Path,
    classes: tuple[str, ...],
    rows: Iterable[tuple[Place, str, str]],
    folders: Sequence[str],
    layouts: Sequence[str],
    reversals: Iterable[tuple[str, str]],
    *,
    fps: float | None = None,
) -> Listing:
    """List clips given as their number and the name of their class; `layouts` are formats of paths with {id}."""
    numbers = {name: number for number, name in enumerate(classes)}
    read = [(place, clip_id, class_number(place, name, numbers)) for place, clip_id, name in rows]
    layout = find_layout(root, folders, layouts, [{"id": clip_id} for _, clip_id, _ in read])
    clips = distinct(
        (place, ListedClip(clip_id=clip_id, path=root / layout.format(id=clip_id), label=label))
        for place, clip_id, label in read
    )
    flip = mirrored_classes(classes)
    notes = () if flip is not None else ("Clips are not mirrored: a class that names a direction lacks its opposite.",)
    return Listing(classes=classes, clips=clips, twins=both_ways(reversals, classes), flip=flip, notes=notes, fps=fps)


def read_answers(path: Path) -> Iterator[tuple[Place, str, str]]:
    """Yield the number of each clip and the name of its class from rows `id;class` without a header."""
    for place, fields in read_rows(path, ";"):
        if len(fields) == 1 and place.number == 1:
            raise SplitError(f"{path} lists clips without labels, as test splits are published; use the split val.")
        if len(fields) != 2:
            raise place.fault(f"a row is the clip's number, a semicolon and the class; got {len(fields)} fields.")
        yield place, fields[0], fields[1]


def _class_of(template: str) -> str:
    return template.replace("[", "").replace("]", "")


def _numbered_classes(path: Path) -> tuple[str, ...]:
    """Return the classes of a JSON object from names to numbers as strings, in the order of the numbers."""
    labels = read_json(path)
    if not isinstance(labels, dict) or sorted(map(str, labels.values())) != sorted(map(str, range(len(labels)))):
        raise DatasetError(f"{path} gives each class a number from 0, as a string; it was changed or is another file.")
    return tuple(sorted(labels, key=lambda name: int(labels[name])))
