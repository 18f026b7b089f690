"""Videos in a folder for each class: `train/<class>/*`, `val/<class>/*`, `test/<class>/*`, or `<class>/*` alone.

Where there is no such split, or no validation or test part of it, one is drawn: clips of one group stay together.
"""

import os
from pathlib import Path

from gte.data import SPLITS, Split
from gte.data.grouped_split import group_of, hold_out_by_name
from gte.data.listing import DataOptions, ListedClip, Listing
from gte.data.video.archives import natural_key
from gte.data.video.sequences import is_image
from gte.data.video.sources import CLIP_TYPES
from gte.errors import DatasetError

HELD_OUT = 0.1
"""Share of the groups in a part that is drawn for validation or test."""


def read(root: Path, split: Split, options: DataOptions) -> Listing:
    """List the clips of a folder. Raises DatasetError if it is not laid out as this file says."""
    if not root.is_dir():
        raise DatasetError(f"There is no folder {root}; check --data-root.")
    given: dict[Split, Path] = {name: root / name for name in SPLITS if (root / name).is_dir()}
    if not given:
        listed = _clips(root, root, options)
        return _drawn(root, listed, SPLITS, split, options, sorted({name for name, _ in listed}, key=natural_key))
    if "train" not in given:
        raise DatasetError(f"{root.name} has a folder {next(iter(given))} but none named train; add it.")
    clips = {name: _clips(root, folder, options) for name, folder in given.items()}
    classes = sorted({name for listed in clips.values() for name, _ in listed}, key=natural_key)
    # What has no folder is drawn from the training part, which is then the smaller for it.
    drawn: tuple[Split, ...] = tuple(name for name in SPLITS if name == "train" or name not in clips)
    if split in clips and (split != "train" or len(drawn) == 1):
        return _listing(classes, clips[split])
    return _drawn(root, clips["train"], drawn, split, options, classes)


def _clips(root: Path, folder: Path, options: DataOptions) -> list[tuple[str, ListedClip]]:
    """Return the clips of the folders of classes, with the name of the class; labels come later."""
    clips: list[tuple[str, ListedClip]] = []
    for class_folder in sorted(_folders(folder), key=lambda path: natural_key(path.name)):
        for path in sorted(class_folder.iterdir(), key=lambda path: natural_key(path.name)):
            is_clip = path.is_dir() or path.name.lower().endswith(CLIP_TYPES)
            if is_clip and not path.name.startswith("."):
                name = path.relative_to(root).as_posix()
                group = _group(name, options.group_pattern)
                clips.append((class_folder.name, ListedClip(clip_id=name, path=path, label=0, group=group)))
        if any(is_image(path.name) for path in class_folder.iterdir()):
            raise DatasetError(
                f"{class_folder.relative_to(root.parent)} holds images next to each other; give each clip a folder of "
                "its own in the folder of its class."
            )
    if not clips:
        raise DatasetError(
            f"{folder.name} holds no folder with videos; put the videos of each class into a folder with its name."
        )
    return clips


def _folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith(".")]


def _group(name: str, pattern: str) -> str:
    group = group_of(pattern, name)
    if pattern and not group:
        raise DatasetError(
            f"--group-pattern {pattern!r} matches nothing in {name}; change it so that it fits each clip."
        )
    return group


def _drawn(
    root: Path,
    clips: list[tuple[str, ListedClip]],
    splits: tuple[Split, ...],
    split: Split,
    options: DataOptions,
    classes: list[str],
) -> Listing:
    """Draw the splits, of which the last ones are held out of the first: groups stay together."""
    left, parts = clips, {}
    for name in splits[:0:-1]:
        groups = [clip.group or clip.clip_id for _, clip in left]
        labels = [classes.index(label) for label, _ in left]
        held_out = hold_out_by_name(groups, labels, HELD_OUT, f"{options.split_seed} {name}")
        parts[name] = [clip for number, clip in enumerate(left) if number in held_out]
        left = [clip for number, clip in enumerate(left) if number not in held_out]
    chosen = left if split == "train" else parts[split]
    if not chosen:
        raise DatasetError(f"{root.name} has too few clips to draw a {split} part of them; add a folder {split}.")
    together = "groups stay together" if options.group_pattern else "no groups are known, see --group-pattern"
    note = f"The {split} part is drawn with seed {options.split_seed}: {len(chosen)} of {len(clips)} clips; {together}."
    return _listing(classes, chosen, (note,))


def _listing(classes: list[str], clips: list[tuple[str, ListedClip]], notes: tuple[str, ...] = ()) -> Listing:
    numbers = {name: number for number, name in enumerate(classes)}
    labelled = (
        ListedClip(clip_id=clip.clip_id, path=clip.path, label=numbers[name], group=clip.group) for name, clip in clips
    )
    return Listing(classes=tuple(classes), clips=tuple(labelled), notes=notes)
