"""Files of annotations: where they are below a root, their lines, and errors that name the file and the line."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gte.data.listing import ListedClip
from gte.errors import DatasetError, SplitError

FOLDERS = ("", "annotations", "labels")
"""Folders below a root that can hold its annotations."""
SPLIT_WORDS = {
    "train": ("train", "training"),
    "val": ("validation", "val", "validate", "valid"),
    "test": ("test", "testing"),
}
"""What publishers call a split."""
MAX_NAMED = 3
"""Names of files in a message that one is missing."""
MAX_PROBES = 50
"""Clips that are looked for to find out in which folder, and of which kind, the videos are."""


@dataclass(frozen=True)
class Place:
    """A line of a file of annotations, or an entry of a JSON file."""

    path: Path
    number: int
    """Counted from 1."""
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.path}, {self.unit} {self.number}"

    def fault(self, message: str) -> DatasetError:
        return DatasetError(f"{self}: {message}")


def find_file(root: Path, names: Iterable[str], folders: Sequence[str] = FOLDERS) -> Path | None:
    """Return the first of these files that is in the root or in one of the folders below it."""
    if not root.is_dir():
        raise DatasetError(f"The root of a data set is a folder; {root} is none.")
    places = (root / folder / name for name in names for folder in folders)
    return next(filter(Path.is_file, places), None)


def require_file(root: Path, names: Sequence[str], folders: Sequence[str] = FOLDERS, *, split: str = "") -> Path:
    """Return the file that `find_file` finds. Raises DatasetError if there is none, SplitError if it lists a split."""
    path = find_file(root, names, folders)
    if path is None:
        where = " or ".join(f"{folder}/" for folder in folders if folder)
        message = f"{' or '.join(names[:MAX_NAMED])} is needed, in {root} or below it in {where}."
        raise SplitError(f"There is no list of the {split} split: {message}") if split else DatasetError(message)
    return path


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark. Raises DatasetError if it has none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is no text in UTF-8 (byte {error.start}); save it as UTF-8.") from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    if not text.strip():
        raise DatasetError(f"{path} is empty; download or write it again.")
    return text


def read_lines(path: Path) -> list[tuple[Place, str]]:
    """Return the lines that are not blank, without the space around them."""
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [(Place(path, number), line.strip()) for number, line in lines if line.strip()]


def read_rows(path: Path, delimiter: str) -> list[tuple[Place, list[str]]]:
    """Return the fields of each row that is not blank; a field in double quotes can hold the delimiter."""
    reader = csv.reader(read_text(path).splitlines(keepends=True), delimiter=delimiter, strict=True)
    rows: list[tuple[Place, list[str]]] = []
    try:
        rows.extend(
            (Place(path, reader.line_num), [field.strip() for field in fields]) for fields in reader if any(fields)
        )
    except csv.Error as error:
        raise Place(path, reader.line_num).fault(f"its quotes or line ends are damaged ({error}).") from error
    return rows


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[Place, dict[str, str]]]:
    """Yield the rows of a CSV file with a header as fields by column, without spaces and capitals in the names.

    Raises DatasetError if one of the columns is missing, or a row has another number of fields than the header.
    """
    (place, header), *rows = read_rows(path, ",")
    names = [name.lower() for name in header]
    if missing := [column for column in columns if column not in names]:
        raise place.fault(f"the header lacks {', '.join(missing)}; it is {','.join(header)}.")
    for place, fields in rows:
        if len(fields) != len(names):
            raise place.fault(f"the header has {len(names)} fields and this row {len(fields)}.")
        yield place, dict(zip(names, fields, strict=True))


def read_json(path: Path) -> object:
    """Return what a JSON file holds. Raises DatasetError, with the line, if it is damaged."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise Place(path, error.lineno).fault(f"it is no JSON ({error.msg}); download it again.") from error


def read_entries(path: Path, keys: Sequence[str]) -> Iterator[tuple[Place, dict[str, object]]]:
    """Yield the entries of a JSON list of objects. Raises DatasetError if one is no object with these keys."""
    entries = read_json(path)
    if not isinstance(entries, list) or not entries:
        raise DatasetError(f"{path} is no JSON list of clips; it is for another use, or was changed.")
    for number, entry in enumerate(entries, start=1):
        place = Place(path, number, "entry")
        missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
        if missing:
            raise place.fault(f"it has no {' and no '.join(missing)}.")
        yield place, entry


def read_classes(path: Path) -> tuple[str, ...]:
    """Return the names of a file with a class in each line, with or without its number in front.

    Raises DatasetError if a name occurs twice, or the numbers do not rise by one from 0 or 1.
    """
    lines = read_lines(path)
    numbered = [re.fullmatch(r"(\d+)[\s,;:]+(.+)", line) for _, line in lines]
    names: dict[str, Place] = {}
    first = min(int(numbered[0][1]), 1) if numbered[0] else 0
    for order, ((place, line), match) in enumerate(zip(lines, numbered, strict=True), start=first):
        if match and all(numbered) and int(match[1]) != order:
            raise place.fault(f"classes are numbered one by one from 0 or 1: {order} is due, not {match[1]}.")
        name = (match[2] if match and all(numbered) else line).strip('"')
        if name in names:
            raise place.fault(f"the class {name!r} is already in line {names[name].number}.")
        names[name] = place
    return tuple(names)


def class_number(place: Place, name: object, classes: Mapping[str, int]) -> int:
    """Return the number of a class by its name. Raises DatasetError if it is unknown."""
    if not isinstance(name, str) or name not in classes:
        raise place.fault(f"{name!r} is none of the {len(classes)} classes.")
    return classes[name]


def class_in_range(place: Place, number: object, num_classes: int) -> int:
    """Return a label, counted from 0. Raises DatasetError if it is no whole number or no such class is there."""
    try:
        label = int(str(number))
    except ValueError:
        raise place.fault(f"a label is a whole number; got {number!r}.") from None
    if not 0 <= label < num_classes:
        counted = " Labels count from 0." if label == num_classes else ""
        raise place.fault(f"a label is from 0 to {num_classes - 1}, for {num_classes} classes; got {label}.{counted}")
    return label


def distinct(clips: Iterable[tuple[Place, ListedClip]]) -> tuple[ListedClip, ...]:
    """Return clips without their places. Raises DatasetError if two have the same name, or there is none."""
    seen: dict[str, tuple[Place, ListedClip]] = {}
    for place, clip in clips:
        if clip.clip_id in seen:
            raise place.fault(f"the clip {clip.clip_id} is already in {seen[clip.clip_id][0]}.")
        seen[clip.clip_id] = place, clip
    return tuple(clip for _, clip in seen.values())


def find_layout(
    root: Path, folders: Sequence[str], layouts: Sequence[str], examples: Sequence[Mapping[str, str]]
) -> str:
    """Return where clips are, as a format of their path in the root: a folder and a layout, such as rgb/{name}.mp4.

    Of clips evenly spaced in the examples it is the first combination that one of them has; without any video the
    first layout, in the first of the folders that exists.
    """
    present = [folder for folder in folders if (root / folder).is_dir()]
    step = max(1, len(examples) // MAX_PROBES)
    for folder in present:
        for layout in layouts:
            if any((root / folder / layout.format(**fields)).exists() for fields in examples[::step]):
                return str(Path(folder, layout))
    return str(Path(present[0] if present else "", layouts[0]))
