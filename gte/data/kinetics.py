"""Kinetics (Kay et al. 2017): actions of ten seconds from YouTube, of which many videos are no longer there."""

from pathlib import Path

from gte.data import Split
from gte.data.annotations import SPLIT_WORDS, Place, distinct, find_file, find_layout, read_table, require_file
from gte.data.listing import DataOptions, ListedClip, Listing
from gte.errors import DatasetError, SplitError

COLUMNS = ("youtube_id", "time_start", "time_end")
STEMS = ("", "kinetics_", "kinetics400_", "kinetics-400_")


def read(root: Path, split: Split, options: DataOptions) -> Listing:
    """List a split of a CSV file with a header; a video is named by its YouTube id and the seconds it was cut at.

    Classes are those of all the files with labels, in alphabetical order. A mirrored clip keeps its class: none of
    the 400 names a side. The group of a clip is its YouTube id.
    """
    path = require_file(root, _names(split), split=split)
    rows = list(read_table(path, COLUMNS))
    if not rows:
        raise DatasetError(f"{path} has a header and no clip; download it again.")
    if "label" not in rows[0][1]:
        raise SplitError(f"{path} has no column label: the {split} split was published without; use the split val.")
    others = [file for word in SPLIT_WORDS if (file := find_file(root, _names(word))) and file != path]
    named = {row["label"] for _, row in rows} | {
        row.get("label", "") for file in others for _, row in read_table(file, COLUMNS)
    }
    classes = tuple(sorted(named - {""}))
    numbers = {name: number for number, name in enumerate(classes)}
    examples = [_fields(place, row) for place, row in rows]
    layouts = ("{label}/{name}.mp4", "{underscored}/{name}.mp4", "{name}.mp4", "{label}/{name}", "{underscored}/{name}")
    folders = [folder for word in SPLIT_WORDS[split] for folder in (word, f"videos_{word}")]
    layout = find_layout(root, (*folders, "videos", ""), layouts, examples)
    clips = distinct(
        (
            place,
            ListedClip(
                clip_id=fields["name"],
                path=root / layout.format(**fields),
                label=numbers[row["label"]],
                group=row["youtube_id"],
            ),
        )
        for (place, row), fields in zip(rows, examples, strict=True)
    )
    return Listing(classes=classes, clips=clips, flip={})


def _names(split: str) -> list[str]:
    return [f"{stem}{word}.csv" for word in SPLIT_WORDS[split] for stem in STEMS]


def _fields(place: Place, row: dict[str, str]) -> dict[str, str]:
    start, end = row["time_start"], row["time_end"]
    if not (start.isdecimal() and end.isdecimal() and int(start) < int(end)):
        raise place.fault(
            f"time_start and time_end are whole seconds, the earlier one first; got {start!r} and {end!r}."
        )
    if not row["label"]:
        raise place.fault(f"the clip {row['youtube_id']} has no label.")
    name = f"{row['youtube_id']}_{int(start):06d}_{int(end):06d}"
    return {"name": name, "label": row["label"], "underscored": row["label"].replace(" ", "_")}
