"""Diving48 (Li et al. 2018): competition dives, each class a take-off, somersaults, twists and a position."""

from pathlib import Path

from gte.data import Split
from gte.data.annotations import class_in_range, distinct, find_layout, read_entries, read_json, require_file
from gte.data.grouped_split import held_out_listing
from gte.data.listing import DataOptions, ListedClip, Listing
from gte.errors import DatasetError

NUM_CLIPS = {"1": {"train": 15_943, "test": 2_096}, "2": {"train": 15_027, "test": 1_970}}
"""Clips of each version as published; labels were mended, and clips left out, for version 2."""


def read(root: Path, split: Split, options: DataOptions) -> Listing:
    """List a split: JSON files of clips and of the parts of the names of classes; videos are called by their names.

    A mirrored dive is the same dive: a class does not say to which side it turns.
    """
    classes = _vocabulary(require_file(root, ["Diving48_vocab.json"]))
    published = "test" if split == "test" else "train"
    names = [f"Diving48_{version}{published}.json" for version in ("V2_", "", "V1_")]
    path = require_file(root, names, split=split)
    entries = list(read_entries(path, ("vid_name", "label")))
    layouts = ("{name}.mp4", "{name}")
    layout = find_layout(
        root, ("rgb", "videos", "frames", ""), layouts, [{"name": str(clip["vid_name"])} for _, clip in entries]
    )
    clips = distinct(
        (
            place,
            ListedClip(
                clip_id=str(clip["vid_name"]),
                path=root / layout.format(name=clip["vid_name"]),
                label=class_in_range(place, clip["label"], len(classes)),
                group=str(clip["vid_name"]).rpartition("_")[0],
            ),
        )
        for place, clip in entries
    )
    version = next((number for number, count in NUM_CLIPS.items() if count[published] == len(clips)), None)
    size = f"the number of version {version}" if version else "which is the number of neither published version"
    note = f"{path.name} was read: it lists {len(clips):,} clips, {size}."
    return held_out_listing(Listing(classes=classes, clips=clips, flip={}, notes=(note,)), split, options)


def _vocabulary(path: Path) -> tuple[str, ...]:
    parts = read_json(path)
    if not isinstance(parts, list) or not all(isinstance(names, list) and len(names) == 4 for names in parts):
        raise DatasetError(f"{path} is a list with four strings for each class; it was changed or is another file.")
    classes = tuple("+".join(str(part).strip() for part in names) for names in parts)
    if len(set(classes)) != len(classes):
        raise DatasetError(f"{path} names a class twice; each is there once.")
    return classes
