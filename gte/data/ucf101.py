"""UCF101 (Soomro et al. 2012): 101 actions from YouTube, with three splits into training and test."""

import re
from pathlib import Path

from gte.data import Split
from gte.data.annotations import class_number, distinct, find_layout, read_classes, read_lines, require_file
from gte.data.grouped_split import held_out_listing
from gte.data.listing import DataOptions, ListedClip, Listing

FOLDERS = ("", "annotations", "labels", "ucfTrainTestlist")
NUM_FOLDS = 3


def read(root: Path, split: Split, options: DataOptions) -> Listing:
    """List a split of fold `options.fold`; the class of a clip is its folder, and its group the recording g01 to g25.

    A mirrored clip keeps its class: none names a side (mirrored in training since Simonyan and Zisserman 2014).
    """
    if not 1 <= options.fold <= NUM_FOLDS:
        raise ValueError(f"UCF101 has the splits 1 to {NUM_FOLDS}; got {options.fold}. Give one as --fold 1.")
    classes = read_classes(require_file(root, ["classInd.txt"], FOLDERS))
    numbers = {name: number for number, name in enumerate(classes)}
    published = "test" if split == "test" else "train"
    read_paths = []
    for place, line in read_lines(require_file(root, [f"{published}list{options.fold:02d}.txt"], FOLDERS, split=split)):
        match = re.fullmatch(r"(.+?\.\w+)(?:\s+(\d+))?", line)
        if match is None or match[1].count("/") != 1:
            raise place.fault(f"a line is Class/video.avi, with the class's number in training; got {line!r}.")
        label = class_number(place, match[1].split("/")[0], numbers)
        if match[2] and int(match[2]) != label + 1:
            raise place.fault(f"classInd.txt numbers {classes[label]} as {label + 1}; the line says {match[2]}.")
        read_paths.append((place, match[1], label))
    layouts = ("{stem}.avi", "{stem}.mp4", "{stem}")
    examples = [{"stem": path.rpartition(".")[0]} for _, path, _ in read_paths]
    layout = find_layout(root, ("UCF-101", "UCF101", "videos", "frames", ""), layouts, examples)
    clips = distinct(
        (
            place,
            ListedClip(
                clip_id=path,
                path=root / layout.format(stem=path.rpartition(".")[0]),
                label=label,
                group=re.sub(r"_c\d+\.\w+$", "", path.split("/")[1]),
            ),
        )
        for place, path, label in read_paths
    )
    return held_out_listing(Listing(classes=classes, clips=clips, flip={}), split, options)
