"""Small data sets in the exact layouts of their publishers, with encoded videos or folders of images."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from zlib import crc32

import av
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from gte.data.listing import DataOptions

CODECS = {".mp4": "libx264", ".webm": "libvpx-vp9", ".avi": "mpeg4"}
NUM_FRAMES = 10


def moving_square(path: Path, step: int, num_frames: int) -> UInt8[np.ndarray, "t 48 64 3"]:
    """Return frames with a square that moves by `step` pixels each, in a colour that the path has for itself."""
    frames = np.full((num_frames, 48, 64, 3), 40, np.uint8)
    colour = np.frombuffer(crc32(str(Path(*path.parts[-3:])).encode()).to_bytes(4), np.uint8)[:3] // 2 + 100
    for number, frame in enumerate(frames):
        left = (10 + number * step) % 48
        frame[16:32, left : left + 16] = colour
    return frames


def write_clip(path: Path, step: int, num_frames: int = NUM_FRAMES) -> None:
    """Write a video by its ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODECS[path.suffix], rate=Fraction(12))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for image in moving_square(path, step, num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def write_images(folder: Path, step: int, template: str = "{:05d}.jpg") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(moving_square(folder, step, NUM_FRAMES), start=1):
        Image.fromarray(image).save(folder / template.format(number))


def write_text(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


PUSHES = ("Pushing something from left to right", "Pushing something from right to left", "Opening something")


def something_v1(root: Path) -> None:
    write_text(root / "something-something-v1-labels.csv", PUSHES)
    rows = {"train": ["7;" + PUSHES[1], "30;" + PUSHES[0], "4;" + PUSHES[2]], "validation": ["12;" + PUSHES[2]]}
    for split, lines in rows.items():
        write_text(root / f"something-something-v1-{split}.csv", lines)
        for line in lines:
            write_images(root / "20bn-something-something-v1" / line.split(";")[0], 2)
    write_text(root / "something-something-v1-test.csv", ["99"])


def something_v2(root: Path, *, newer: bool = False) -> None:
    prefix = "labels/" if newer else "something-something-v2-"
    (root / "labels").mkdir(parents=True, exist_ok=True)
    (root / f"{prefix}labels.json").write_text(json.dumps({PUSHES[1]: "1", PUSHES[0]: "0", PUSHES[2]: "2"}))
    clips = {"train": [(7, 1), (30, 0), (4, 2)], "validation": [(12, 2)]}
    for split, rows in clips.items():
        entries = [
            {
                "id": str(number),
                "label": PUSHES[label].lower().replace("something", "a cup"),
                "template": PUSHES[label].replace("something", "[something]"),
                "placeholders": ["a cup"],
            }
            for number, label in rows
        ]
        (root / f"{prefix}{split}.json").write_text(json.dumps(entries))
        for number, label in rows:
            write_clip(root / "20bn-something-something-v2" / f"{number}.webm", 1 + label)
    (root / f"{prefix}test.json").write_text(json.dumps([{"id": "99"}]))
    if newer:
        write_text(root / "labels/test-answers.csv", ["99;" + PUSHES[0]])
        write_clip(root / "20bn-something-something-v2/99.webm", 1)


def something_v2_newer(root: Path) -> None:
    something_v2(root, newer=True)


def jester(root: Path) -> None:
    gestures = ("Swiping Left", "Swiping Right", "Turning Hand Clockwise", "Turning Hand Counterclockwise", "Thumb Up")
    write_text(root / "jester-v1-labels.csv", gestures)
    rows = {"train": [f"{10 + number};{name}" for number, name in enumerate(gestures)], "validation": ["3;Thumb Up"]}
    for split, lines in rows.items():
        write_text(root / f"jester-v1-{split}.csv", lines)
        for line in lines:
            write_images(root / "20bn-jester-v1" / line.split(";")[0], 2)
    write_text(root / "jester-v1-test.csv", ["99"])


def diving48(root: Path) -> None:
    vocabulary = [["Back", "15som", "05Twis", "FREE"], ["Inward", "25som", "NoTwis", "PIKE"]]
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "annotations/Diving48_vocab.json").write_text(json.dumps(vocabulary, indent=2))
    clips = {
        "train": [(f"{video}_{clip:05d}", clip % 2) for video in ("-mmq0PT-u8k", "a_b") for clip in range(2)],
        "test": [("8qRmKunCjtY_00016", 1), ("8qRmKunCjtY_00017", 0)],
    }
    for split, rows in clips.items():
        entries = [
            {"vid_name": name, "label": label, "start_frame": 0, "end_frame": NUM_FRAMES} for name, label in rows
        ]
        (root / f"annotations/Diving48_V2_{split}.json").write_text(json.dumps(entries))
        for name, label in rows:
            write_clip(root / f"rgb/{name}.mp4", 1 + label)


def ucf101(root: Path) -> None:
    classes = ("ApplyEyeMakeup", "YoYo")
    write_text(root / "classInd.txt", [f"{number} {name}\r" for number, name in enumerate(classes, start=1)])
    groups = {"train": (8, 9), "test": (1,)}
    for split, numbers in groups.items():
        lines = []
        for label, name in enumerate(classes):
            for group in numbers:
                clip = f"{name}/v_{name}_g{group:02d}_c01.avi"
                write_clip(root / clip, 1 + label)
                lines.append(f"{clip} {label + 1}\r" if split == "train" else f"{clip}\r")
        for fold in (1, 2, 3):
            write_text(root / f"{split}list{fold:02d}.txt", lines)


def hmdb51(root: Path) -> None:
    clips = {
        "brush_hair": [("April_09_brush_hair_u_nm_np1_ba_goo_0", 1), ("b_#2_brush_hair_f_cm_np2_fr_med_1", 1)],
        "wave": [("20060723sfjffbitemebaby_wave_f_cm_np1_fr_med_1", 1), ("Web_(1)_wave_u_nm_np1_le_bad_0", 1)],
    }
    for label, (name, rows) in enumerate(clips.items()):
        rows = [*rows, (f"Test_{name}_u_nm_np1_ba_goo_0", 2), (f"Unused_{name}_u_nm_np1_ba_goo_0", 0)]
        for stem, _ in rows:
            write_clip(root / name / f"{stem}.avi", 1 + label)
        for fold in (1, 2, 3):
            lines = [f"{stem}.avi {flag} " for stem, flag in rows]
            write_text(root / "testTrainMulti_7030_splits" / f"{name}_test_split{fold}.txt", lines)


def kinetics(root: Path) -> None:
    header = "label,youtube_id,time_start,time_end,split"
    rows = {
        "train": [
            "riding a bike,--6bJUbfpnQ,17,27,train",
            "abseiling,3caPS4FHFF8,36,46,train",
            "abseiling,lost,0,10,train",
        ],
        "val": ["abseiling,0wR5jVB-WPk,417,427,val"],
    }
    for split, lines in rows.items():
        write_text(root / f"{split}.csv", [header, *lines])
        for line in lines:
            label, name, start, end, _ = line.split(",")
            if name != "lost":
                write_clip(root / split / label / f"{name}_{int(start):06d}_{int(end):06d}.mp4", 2)
    write_text(root / "test.csv", [header.removeprefix("label,"), "--coBvtS-eQ,57,67,test"])


def _list(root: Path, separator: str, template: str, names: dict[str, str]) -> None:
    write_text(root / "category.txt", ["walking", "running fast"])
    for split, name in names.items():
        clips = [(f"{split} clips/walk", 0), (f"{split} clips/run 2", 1)]
        write_text(root / name, [separator.join([path, str(NUM_FRAMES), str(label)]) for path, label in clips])
        for path, label in clips:
            write_images(root / path, 1 + label, template)


def tsm_list(root: Path) -> None:
    _list(root, " ", "img_{:05d}.jpg", {"train": "train_videofolder.txt", "val": "val_videofolder.txt"})


def gst_list(root: Path) -> None:
    _list(root, "\t", "{:06d}.jpg", {"train": "train.txt", "val": "val.txt", "test": "test.txt"})


def csv_list(root: Path) -> None:
    lines = ["path,label,split,start,end"]
    for split in ("train", "validation", "test"):
        lines += [f'"{split}, one.mp4",jumping,{split},0.25,0.75', f"{split} two.mp4,falling,{split},,"]
        write_clip(root / f"{split}, one.mp4", 1)
        write_clip(root / f"{split} two.mp4", 2)
    write_text(root / "labels.csv", lines)


@dataclass(frozen=True)
class Layout:
    """A data set in one layout: its name in the table, how it is written, and its splits with labels."""

    dataset: str
    write: Callable[[Path], None]
    splits: dict[str, int]
    """Number of clips of each split that can be read."""
    options: DataOptions = field(default_factory=DataOptions)


LAYOUTS = {
    "something-v1": Layout("something-v1", something_v1, {"train": 3, "val": 1}),
    "something-v2": Layout("something-v2", something_v2, {"train": 3, "val": 1}),
    "something-v2 in labels": Layout("something-v2", something_v2_newer, {"train": 3, "val": 1, "test": 1}),
    "jester": Layout("jester", jester, {"train": 5, "val": 1}),
    "diving48": Layout("diving48", diving48, {"train": 2, "val": 2, "test": 2}),
    "ucf101": Layout("ucf101", ucf101, {"train": 2, "val": 2, "test": 2}, DataOptions(fold=2)),
    "hmdb51": Layout("hmdb51", hmdb51, {"train": 2, "val": 2, "test": 2}, DataOptions(fold=3)),
    "kinetics": Layout("kinetics", kinetics, {"train": 3, "val": 1}),
    "list of TSM": Layout("list", tsm_list, {"train": 2, "val": 2}, DataOptions(template="img_{:05d}.jpg")),
    "list of GST": Layout("list", gst_list, {"train": 2, "val": 2, "test": 2}, DataOptions(template="{:06d}.jpg")),
    "list in CSV": Layout("list", csv_list, {"train": 2, "val": 2, "test": 2}),
}
