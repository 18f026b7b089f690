"""HMDB51 (Kuehne et al. 2011): 51 actions from films and the web, with three splits into training and test."""

import re
from pathlib import Path

from gte.data import Split
from gte.data.annotations import FOLDERS, Place, distinct, find_layout, read_lines
from gte.data.grouped_split import held_out_listing
from gte.data.listing import DataOptions, ListedClip, Listing
from gte.errors import DatasetError

SPLIT_FOLDERS = (*FOLDERS, "testTrainMulti_7030_splits", "test_train_splits", "splits")
FLAGS = {"0": "", "1": "train", "2": "test"}
"""Numbers after a clip: unused, training, test."""
NUM_CLASSES = 51
NUM_FOLDS = 3
TAGS = re.compile(r"_[a-z]+_(nm|cm)_np\d+_(fr|ba|le|ri)_(goo|med|bad)_\d+$")
"""End of a clip's name: visible part of the body, camera motion, number of people, viewpoint, quality, number."""


def read(root: Path, split: Split, options: DataOptions) -> Listing:
    """List a split of fold `options.fold` from a file for each class; classes are in alphabetical order.

    The group of a clip is the film or video that its name begins with. A mirrored clip keeps its class: none names a
    side (mirrored in training since Simonyan and Zisserman 2014).
    """
    if not 1 <= options.fold <= NUM_FOLDS:
        raise ValueError(f"HMDB51 has the splits 1 to {NUM_FOLDS}; got {options.fold}. Give one as --fold 1.")
    ending = f"_test_split{options.fold}.txt"
    files = next(filter(None, (sorted((root / folder).glob(f"*{ending}")) for folder in SPLIT_FOLDERS)), [])
    if not files:
        raise DatasetError(
            f"A file <class>{ending} for each class is needed, in {root} or below it in {SPLIT_FOLDERS[-3]}/."
        )
    classes = tuple(file.name.removesuffix(ending) for file in files)
    published = "test" if split == "test" else "train"
    read_names: list[tuple[Place, str, int]] = []
    for label, file in enumerate(files):
        for place, line in read_lines(file):
            name, _, flag = line.rpartition(" ")
            if flag not in FLAGS or not name:
                raise place.fault(
                    f"a line is a video, a space, and 1 (training), 2 (test) or 0 (unused); got {line!r}."
                )
            if FLAGS[flag] == published:
                read_names.append((place, name.strip(), label))
    examples = [{"class": classes[label], "stem": Path(name).stem} for _, name, label in read_names]
    layouts = ("{class}/{stem}.avi", "{class}/{stem}.mp4", "{class}/{stem}")
    layout = find_layout(root, ("hmdb51_org", "HMDB51", "videos", "frames", ""), layouts, examples)
    clips = distinct(
        (
            place,
            ListedClip(
                clip_id=f"{classes[label]}/{name}",
                path=root / layout.format(**fields),
                label=label,
                group=TAGS.sub("", fields["stem"]).removesuffix(f"_{classes[label]}"),
            ),
        )
        for (place, name, label), fields in zip(read_names, examples, strict=True)
    )
    notes = (
        () if len(classes) == NUM_CLASSES else (f"{NUM_CLASSES} classes are published; {len(classes)} have a file.",)
    )
    return held_out_listing(Listing(classes=classes, clips=clips, flip={}, notes=notes), split, options)
