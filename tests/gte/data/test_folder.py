"""Videos in a folder for each class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gte.data import SPLITS, DataOptions, Split
from gte.data.file_clips import FileClips
from gte.data.folder import read
from gte.data.loading import EpochBatches, EvaluationClips, TrainingClips, batches_of, load
from gte.errors import DatasetError, VideoError
from tests.gte.data.small_data import write_clip


def touch(root: Path, names: Sequence[str]) -> Path:
    """Make empty files, which are enough to be listed."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def ids(root: Path, split: Split, **options: object) -> set[str]:
    return {clip.clip_id for clip in read(root, split, DataOptions(**options)).clips}  # pyright: ignore[reportArgumentType]


def test_published_splits_are_taken_as_they_are_and_classes_are_in_natural_order(tmp_path):
    root = touch(tmp_path, [f"{split}/class {label}/a.mp4" for split in ("train", "val", "test") for label in (10, 9)])
    listing = read(root, "val", DataOptions())
    assert listing.classes == ("class 9", "class 10")
    assert [(clip.clip_id, clip.label) for clip in listing.clips] == [
        ("val/class 9/a.mp4", 0),
        ("val/class 10/a.mp4", 1),
    ]


def test_a_split_that_is_drawn_keeps_groups_together_and_uses_each_clip_once(tmp_path):
    names = [
        f"{name}/person{person}_{take}.mp4" for name in ("run", "sit") for person in range(10) for take in range(3)
    ]
    root = touch(tmp_path, names)
    parts = [ids(root, split, group_pattern=r"person\d+") for split in ("train", "val", "test")]
    assert sorted(name for part in parts for name in part) == sorted(names)
    people = [{name.split("/")[1].split("_")[0] for name in part} for part in parts]
    assert len(set.union(*people)) == sum(map(len, people))
    assert all(people)
    assert ids(root, "test", group_pattern=r"person\d+", split_seed=1) != parts[2]


def test_a_part_without_a_folder_is_drawn_from_training_which_is_the_smaller_for_it(tmp_path):
    root = touch(tmp_path, [f"train/run/{number}.mp4" for number in range(40)] + ["val/run/a.mp4"])
    assert ids(root, "val") == {"val/run/a.mp4"}
    train, test = ids(root, "train"), ids(root, "test")
    assert train | test == {f"train/run/{number}.mp4" for number in range(40)}
    assert not train & test
    assert len(test) == 2


@pytest.mark.parametrize("seed", range(3))
def test_files_that_are_added_move_none_that_were_there(tmp_path, seed):
    def parts() -> dict[str, set[str]]:
        return {split: ids(tmp_path, split, group_pattern=r"person\d+", split_seed=seed) for split in SPLITS}

    def names(people: range) -> list[str]:
        return [f"{name}/person{person}_{take}.mp4" for name in ("run", "sit") for person in people for take in (0, 1)]

    touch(tmp_path, names(range(30)))
    before = parts()
    touch(tmp_path, names(range(30, 50)))
    after = parts()
    there = set(names(range(30)))
    assert {split: part & there for split, part in after.items()} == before
    assert all(part - there for part in after.values())


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ([], {}, "holds no folder with videos"),
        (["a.mp4"], {}, "holds no folder with videos"),
        (["val/run/a.mp4"], {}, "none named train"),
        (["run/a.jpg"], {}, "holds images next to each other"),
        (["run/a.mp4"], {"group_pattern": "("}, "regular expression"),
        (["run/a.mp4"], {"group_pattern": "person"}, "matches nothing in run/a.mp4"),
        (["run/a.mp4"], {}, "too few clips to draw a test part"),
    ],
)
def test_a_folder_that_is_laid_out_otherwise_gets_one_sentence(tmp_path, names, options, message):
    root = touch(tmp_path / "data", ["empty/.hidden", *names])
    with pytest.raises(DatasetError, match=message):
        read(root, "test", DataOptions(**options))


def test_clips_come_in_an_order_of_which_each_stretch_from_the_start_holds_the_classes_equally(tmp_path):
    root = touch(
        tmp_path, [f"{split}/{name}/{number}.mp4" for split in SPLITS for name in "abc" for number in range(5)]
    )
    clips = FileClips("folder:x", read(root, "train", DataOptions()), DataOptions(), 32)
    assert [clips.label(index) for index in range(15)] == [0, 1, 2] * 5


def test_twins_and_mirrored_classes_are_declared_by_name_and_a_wrong_name_is_told(tmp_path):
    listing = read(
        touch(tmp_path, [f"{split}/{name}/0.mp4" for split in SPLITS for name in ("left", "right", "stay")]),
        "train",
        DataOptions(),
    )
    options = DataOptions(twins=("left=right",), flip=("left=right",))
    clips = FileClips("folder:x", listing, options, 32)
    assert (clips.twins, clips.flip) == ((1, 0, -1), (1, 0, 2))
    assert FileClips("folder:x", listing, DataOptions(), 32).flip is None
    for wrong, message in (("left=up", "has no class 'up'"), ("left", "written as left=right; got 'left'")):
        with pytest.raises(DatasetError, match=message):
            FileClips("folder:x", listing, DataOptions(twins=(wrong,)), 32)


def test_a_missing_clip_is_left_out_of_the_examples_and_named_when_it_is_read(tmp_path):
    root = touch(tmp_path, ["val/run/a.mp4", "test/run/a.mp4"])
    write_clip(root / "train/run/a.mp4", 0)
    write_clip(root / "train/run/b.mp4", 1)
    clips = FileClips("folder:x", read(root, "train", DataOptions()), DataOptions(), 32)
    gone = clips.path(0)
    gone.unlink()
    fresh = FileClips("folder:x", read(root, "train", DataOptions()), DataOptions(), 32)
    assert clips.present == (1,)
    assert clips.examples() == [1]
    assert fresh.present == (0,)
    with pytest.raises(VideoError, match=gone.name):
        clips.frames(0, [0])


@pytest.mark.parametrize("augment", ["flip", "multi-scale"])
def test_a_training_clip_is_the_same_whether_its_file_is_opened_or_known_already(tmp_path, augment):
    root = touch(tmp_path, ["val/run/a.mp4", "test/run/a.mp4"])
    for number in range(6):
        write_clip(root / f"train/run/{number}.mp4", number, num_frames=20)
    options = DataOptions(flip=("same",))
    warm, cold = (FileClips("folder:x", read(root, "train", options), options, 32) for _ in range(2))
    for index in range(6):
        warm.seconds(index)
    for index in range(6):
        known, opened = (TrainingClips(clips, 4, 0, augment, 32)[3, index] for clips in (warm, cold))
        np.testing.assert_array_equal(known.frames, opened.frames)


def test_what_a_worker_cannot_read_is_one_sentence(tmp_path):
    root = touch(tmp_path, [f"{split}/run/{number}.mp4" for split in SPLITS for number in range(3)])
    clips = FileClips("folder:x", read(root, "train", DataOptions()), DataOptions(), 32)
    order = EpochBatches(3, clips_per_epoch=1, batch_size=1, num_epochs=1)
    training = load(TrainingClips(clips, 4, 0), batches=order, num_workers=1)
    for loader in (training, load(EvaluationClips(clips, 4), num_workers=1)):
        with pytest.raises(VideoError) as error:
            next(batches_of(loader))
        assert "Traceback" not in str(error.value)
        assert "is empty" in str(error.value)


def test_a_class_has_one_partner(tmp_path):
    listing = read(
        touch(tmp_path, [f"{split}/{name}/0.mp4" for split in SPLITS for name in "abc"]), "val", DataOptions()
    )
    with pytest.raises(DatasetError, match="a is given b and c"):
        FileClips("folder:x", listing, DataOptions(twins=("a=b", "a=c")), 32)
