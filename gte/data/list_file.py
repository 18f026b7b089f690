"""Lists of clips: `path num_frames label` as TSM and GST have them, or CSV files with a header."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gte.data import Split
from gte.data.annotations import (
    FOLDERS,
    SPLIT_WORDS,
    Place,
    class_in_range,
    class_number,
    distinct,
    find_file,
    find_layout,
    read_classes,
    read_lines,
    read_table,
)
from gte.data.grouped_split import group_of
from gte.data.listing import DataOptions, ListedClip, Listing
from gte.errors import DatasetError, SplitError

CLASS_FILES = ("classes.txt", "classInd.txt", "category.txt", "labels.txt")
TABLES = ("labels.csv", "list.csv")
VIDEO_FOLDERS = ("", "videos", "frames", "images", "jpg", "rgb")
Row = tuple[Place, str, str, int | None, Mapping[str, str]]
"""Place, path, label, number of images, and the other columns."""


def read(root: Path, split: Split, options: DataOptions) -> Listing:
    """List a split by train.txt, val.txt or test.txt, by files of these words such as val_videofolder.txt, or by CSV.

    A line of a text file is a path, which can have spaces, the number of its images, which can be left out for videos,
    and a label from 0; `options.template` names the images. A CSV file has the columns path and label (a number, or the
    name of a class), and can have split, start and end (in seconds), and group. Names of classes come from a file next
    to it, else from the labels.
    """
    file = find_file(root, CLASS_FILES)
    rows = _rows(root, split, options)
    if not rows:
        raise SplitError(
            f"A list of the {split} split is needed in {root}, annotations/ or labels/: {split}.txt, "
            f"{split}_videofolder.txt, {split}.csv, or labels.csv with a column split."
        )
    # Without a file of their names, classes are those of all the lists.
    others = [] if file else [row for name in SPLIT_WORDS if name != split for row in _rows(root, name, options)]
    classes, numbers = _classes(file, [*rows, *others])
    layout = find_layout(root, VIDEO_FOLDERS, ("{path}",), [{"path": path} for _, path, *_ in rows])
    clips = distinct(_clips(rows, root, layout, classes, numbers, options))
    return Listing(classes=classes, clips=clips)


def _clips(
    rows: Iterable[Row],
    root: Path,
    layout: str,
    classes: Sequence[str],
    numbers: Mapping[str, int] | None,
    options: DataOptions,
) -> Iterable[tuple[Place, ListedClip]]:
    for place, path, label, num_images, more in rows:
        start, end = _seconds(place, more.get("start", "")) or 0.0, _seconds(place, more.get("end", ""))
        if end is not None and end <= start:
            raise place.fault(f"a clip ends after it starts; got {start} and {end} seconds.")
        yield (
            place,
            ListedClip(
                clip_id=f"{path}@{start}" if more.get("start") else path,
                path=root / layout.format(path=path),
                label=class_in_range(place, label, len(classes))
                if numbers is None
                else class_number(place, label, numbers),
                group=more.get("group") or group_of(options.group_pattern, path),
                images=options.template if num_images else "",
                num_images=num_images,
                start=start,
                end=end,
            ),
        )


def _classes(file: Path | None, rows: Sequence[Row]) -> tuple[tuple[str, ...], Mapping[str, int] | None]:
    """Return the names of the classes, and their numbers if the labels are names."""
    by_number = all(re.fullmatch(r"-?\d+", label) for _, _, label, *_ in rows)
    if file is not None:
        classes = read_classes(file)
    elif by_number:
        classes = tuple(f"class {number}" for number in range(max(int(label) for _, _, label, *_ in rows) + 1))
    else:
        classes = tuple(sorted({label for _, _, label, *_ in rows}))
    return classes, None if by_number else {name: number for number, name in enumerate(classes)}


def _rows(root: Path, split: str, options: DataOptions) -> list[Row]:
    """Return the rows of a split, none if no file lists it."""
    if (path := _text_list(root, split, options.fold)) is not None:
        return [_line(place, line) for place, line in read_lines(path)]
    words = SPLIT_WORDS[split]
    path = find_file(root, [*TABLES, *(f"{word}.csv" for word in words)])
    if path is None:
        return []
    rows = list(read_table(path, ("path", "label")))
    if path.name in TABLES and rows and "split" not in rows[0][1]:
        raise DatasetError(f"{path} lists all clips without a column split; add one with train, val and test.")
    for place, row in rows:
        if "split" in row and not any(row["split"].lower() in names for names in SPLIT_WORDS.values()):
            raise place.fault(f"a split is train, val or test; got {row['split']!r}.")
        if not row["path"] or not row["label"]:
            raise place.fault("a row needs a path and a label; one is empty.")
    chosen = [(place, row) for place, row in rows if "split" not in row or row["split"].lower() in words]
    return [(place, row["path"], row["label"], None, row) for place, row in chosen]


def _text_list(root: Path, split: str, fold: int) -> Path | None:
    """Return the text file that lists a split; of several the one of the fold."""
    words = SPLIT_WORDS[split]
    if (exact := find_file(root, [f"{word}.txt" for word in words])) is not None:
        return exact
    files = [file for folder in FOLDERS for file in sorted((root / folder).glob("*.txt")) if _lists(file.stem, words)]
    if len(files) > 1:
        files = [file for file in files if re.search(rf"(?<!\d)0?{fold}(?!\d)", file.stem)] or files
    if len(files) > 1:
        raise DatasetError(
            f"Both {files[0].name} and {files[1].name} in {root} can list the {split} split; name the one {split}.txt."
        )
    return files[0] if files else None


def _lists(stem: str, words: Sequence[str]) -> bool:
    parts = re.findall(r"[a-z]+", stem.lower())
    return "flow" not in parts and any(part in words or part in [f"{word}list" for word in words] for part in parts)


def _line(place: Place, line: str) -> Row:
    fields = line.rsplit("\t", 2) if "\t" in line else line.rsplit(None, 2)
    if len(fields) < 3 or not re.fullmatch(r"-?\d+", fields[1].strip()):
        fields = line.rsplit(None, 1)
    path = fields[0].strip().strip('"')
    if len(fields) == 1 or not path or not re.fullmatch(r"-?\d+", fields[-1]):
        raise place.fault(f"a line is a path, its number of images, and a label as a number; got {line!r}.")
    count = int(fields[1]) if len(fields) == 3 else 0
    return place, path, fields[-1], count if count > 0 else None, {}


def _seconds(place: Place, text: str) -> float | None:
    if not text:
        return None
    if not re.fullmatch(r"\d+(\.\d*)?", text):
        raise place.fault(f"start and end are seconds, such as 2.5; got {text!r}.")
    return float(text)
