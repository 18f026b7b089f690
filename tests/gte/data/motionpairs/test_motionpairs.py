"""The laws of the rendered data set: reversal, splits, what each motion looks like."""

import numpy as np
import pytest
from jaxtyping import Bool, Float, UInt8

from gte.data import open_dataset
from gte.data.motionpairs.dataset import CLASSES, MotionPairs
from gte.data.motionpairs.rendering import Renderer
from gte.data.motionpairs.scenes import NUM_FRAMES
from gte.data.opencv import cv2

SIZE = 48
ALL = range(NUM_FRAMES)
CLIPS_PER_CLASS = 5


def clips_of(name: str, size: int = SIZE) -> list[tuple[MotionPairs, int]]:
    dataset = MotionPairs("val", size)
    label = CLASSES.index(name)
    return [(dataset, label + len(CLASSES) * turn) for turn in range(CLIPS_PER_CLASS)]


def areas(masks: Bool[np.ndarray, "t h w"]) -> Float[np.ndarray, " t"]:
    return masks.sum(axis=(1, 2)) / masks[0].size


def centres(masks: Bool[np.ndarray, "t h w"]) -> Float[np.ndarray, "t 2"]:
    """Middle (x, y) of each mask, in picture sides."""
    return np.stack([np.argwhere(mask).mean(axis=0)[::-1] for mask in masks]) / masks.shape[1]


def spreads(masks: Bool[np.ndarray, "t h w"]) -> Float[np.ndarray, " t"]:
    return np.array([np.sqrt(np.argwhere(mask).var(axis=0).sum()) for mask in masks]) / masks.shape[1]


# The reversal


@pytest.mark.parametrize("index", range(14))
def test_a_clip_of_the_test_split_and_its_partner_are_the_same_frames_in_reverse_bit_for_bit(index: int):
    dataset = MotionPairs("test", SIZE)
    half = len(dataset) // 2
    np.testing.assert_array_equal(dataset.frames(index, ALL)[::-1], dataset.frames(index + half, ALL))
    np.testing.assert_array_equal(dataset.masks(index, ALL)[::-1], dataset.masks(index + half, ALL))


def test_the_test_split_is_closed_under_reversal_and_partners_are_of_twin_classes():
    dataset = MotionPairs("test", SIZE)
    half = len(dataset) // 2
    assert len(dataset) == 1400
    for index in range(half):
        assert dataset.twins[dataset.label(index)] == dataset.label(index + half)
        assert dataset.scene_number(index) == dataset.scene_number(index + half) == index


def test_a_shortened_test_split_is_closed_under_reversal_too():
    dataset = MotionPairs("test", SIZE, num_clips=6)
    np.testing.assert_array_equal(dataset.frames(1, ALL)[::-1], dataset.frames(4, ALL))
    with pytest.raises(ValueError, match="its length is even; got 7"):
        MotionPairs("test", SIZE, num_clips=7)


def test_a_sum_over_the_frames_is_the_same_for_both_directions_and_no_two_frames_are_equal():
    dataset = MotionPairs("test", SIZE, num_clips=14)
    for index in range(7):
        frames = dataset.frames(index, ALL).astype(int)
        np.testing.assert_array_equal(frames.sum(axis=0), dataset.frames(index + 7, ALL).astype(int).sum(axis=0))
        assert len({frame.tobytes() for frame in frames}) == NUM_FRAMES


def test_every_frame_has_noise_of_its_own():
    dataset = MotionPairs("val", SIZE)
    still = next(index for index in range(100) if not dataset.scene(index).pan.any())
    first, second = dataset.frames(still, [10, 11]).astype(int)
    # Under a camera that stands still the ground would be the same in both frames.
    assert (first != second).mean() > 0.6
    assert np.median(np.abs(first - second)) < 12


def test_twins_and_mirror_classes_are_their_own_inverses():
    dataset = MotionPairs("val", SIZE)
    for partner in (dataset.twins, dataset.flip):
        assert [partner[partner[label]] for label in range(14)] == list(range(14))
    pairs = {CLASSES[label]: CLASSES[dataset.flip[label]] for label in range(14)}
    changed = {name: other for name, other in pairs.items() if name != other}
    assert changed == {
        "moves left": "moves right",
        "moves right": "moves left",
        "turns clockwise": "turns counter-clockwise",
        "turns counter-clockwise": "turns clockwise",
    }


def test_pairs_of_classes_can_be_chosen_and_keep_their_reversals_and_mirror_images():
    dataset = MotionPairs(
        "test", SIZE, num_clips=16, classes=("turns clockwise", "moves up", "moves down", "turns counter-clockwise")
    )
    assert dataset.classes == ("moves up", "moves down", "turns clockwise", "turns counter-clockwise")
    assert (dataset.twins, dataset.flip) == ((1, 0, 3, 2), (0, 1, 3, 2))
    assert [dataset.label(index) for index in range(16)] == [0, 1, 2, 3] * 2 + [1, 0, 3, 2] * 2
    assert [dataset.label(index) for index in dataset.examples()] == [0, 1, 2, 3]
    right, down = np.diff(dataset.scene(0).movers[0].path[[0, -1]], axis=0)[0]
    assert down < -abs(right)
    assert open_dataset(dataset.name, "test").classes == dataset.classes
    assert MotionPairs("val", classes=CLASSES).name == "motionpairs"


def test_a_class_without_its_reversal_or_unknown_is_refused():
    with pytest.raises(ValueError, match="comes with its reversal; got moves up without moves down"):
        MotionPairs("val", classes=("moves up",))
    with pytest.raises(ValueError, match=r"The classes of MotionPairs are moves left, .*; got hops"):
        MotionPairs("val", classes=("hops",))


# Splits, labels and what a clip depends on


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_every_block_of_fourteen_clips_holds_each_class_once(split: str):
    dataset = MotionPairs(split)
    labels = [dataset.label(index) for index in range(min(len(dataset), 1400))]
    assert all(sorted(labels[i : i + 14]) == list(range(14)) for i in range(0, len(labels), 14))


def test_no_scene_is_in_two_splits_nor_twice_in_one():
    seen = set()
    for split, count in (("train", 140), ("val", 70), ("test", 70)):
        dataset = MotionPairs(split)
        seen |= {dataset.scene(index).movers[0].path.tobytes() for index in range(count)}
    assert len(seen) == 280


def test_a_clip_depends_on_seed_split_and_index_alone():
    first = MotionPairs("train", SIZE, seed=3)
    other_order = MotionPairs("train", SIZE, seed=3)
    other_order.frames(9, ALL)
    np.testing.assert_array_equal(first.frames(5, ALL), other_order.frames(5, ALL))
    assert (first.frames(5, ALL) != MotionPairs("train", SIZE, seed=4).frames(5, ALL)).any()


def test_only_the_frames_asked_for_are_rendered_and_each_is_what_the_whole_clip_has_there(
    monkeypatch: pytest.MonkeyPatch,
):
    dataset = MotionPairs("train", SIZE)
    whole = dataset.frames(21, ALL)
    rendered = []
    frame = Renderer.frame

    def counting(self: Renderer, number: int) -> UInt8[np.ndarray, "h w 3"]:
        rendered.append(number)
        return frame(self, number)

    monkeypatch.setattr(Renderer, "frame", counting)
    np.testing.assert_array_equal(dataset.frames(21, [5, 17, 5]), whole[[5, 17, 5]])
    np.testing.assert_array_equal(dataset.frames(21, np.array([23])), whole[[23]])
    assert len(rendered) == 4


@pytest.mark.parametrize("index", range(14))
def test_the_same_clip_at_another_size_shows_the_same_scene(index: int):
    small, large = MotionPairs("val", 64), MotionPairs("val", 192)
    which = [0, 9, 23]
    shrunk = np.stack(
        [cv2.resize(frame, (64, 64), interpolation=cv2.INTER_AREA) for frame in large.frames(index, which)]
    )
    difference = np.abs(small.frames(index, which).astype(float) - shrunk)
    assert np.median(difference) < 6  # noise and sharpness differ
    for low, high in zip(small.masks(index, which), large.masks(index, which), strict=True):
        shrunk_mask = cv2.resize(high.astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA) > 0.5
        assert (low ^ shrunk_mask).mean() < 0.01


def test_impossible_options_and_numbers_are_refused():
    with pytest.raises(ValueError, match=r"one of train, val, test; got 'tset'"):
        MotionPairs("tset")
    with pytest.raises(ValueError, match="got size 8"):
        MotionPairs("val", 8)
    with pytest.raises(ValueError, match="got -1"):
        MotionPairs("val", seed=-1)
    with pytest.raises(ValueError, match="at least one clip; got 0"):
        MotionPairs("val", num_clips=0)
    dataset = MotionPairs("val", SIZE)
    for ask in (lambda: dataset.label(700), lambda: dataset.frames(-1, [0]), lambda: dataset.frames(0, [24])):
        with pytest.raises(IndexError):
            ask()


# What moves


@pytest.mark.parametrize("name", CLASSES)
def test_masks_follow_the_mover_and_are_empty_only_behind_a_cover(name: str):
    for dataset, index in clips_of(name):
        masks = dataset.masks(index, ALL)
        share = areas(masks)
        assert share.max() < 0.35
        if name in ("gets covered", "gets uncovered"):
            assert (share > 0).mean() > 0.6
        else:
            assert share.min() > 0.004


@pytest.mark.parametrize("name", CLASSES)
def test_the_mover_stands_out_where_the_mask_says_it_is(name: str):
    """Where the mask is, the picture changes when the mover does; elsewhere only the camera and the noise change it."""
    for dataset, index in clips_of(name):
        frames, masks = dataset.frames(index, [2, 21]).astype(float), dataset.masks(index, [2, 21])
        change = np.abs(frames[0] - frames[1]).mean(axis=2)
        union, both = masks[0] | masks[1], masks[0] & masks[1]
        assert change[union & ~both].mean() > 3 * np.median(change[~union])


def _travel(dataset: MotionPairs, index: int) -> Float[np.ndarray, "2"]:
    middle = centres(dataset.masks(index, [0, NUM_FRAMES - 1]))
    return middle[1] - middle[0]


@pytest.mark.parametrize(
    ("name", "along", "sign"), [("moves left", 0, -1), ("moves right", 0, 1), ("moves up", 1, -1), ("moves down", 1, 1)]
)
def test_what_moves_somewhere_moves_there_steadily_and_farther_than_the_camera(name: str, along: int, sign: int):
    for dataset, index in clips_of(name):
        travel = _travel(dataset, index)
        assert sign * travel[along] > 0.35
        assert abs(travel[1 - along]) < 0.25
        steps = sign * np.diff(centres(dataset.masks(index, range(0, 24, 4)))[:, along])
        assert steps.min() > 0
        assert steps.max() < 1.6 * steps.min()


def test_what_approaches_grows_and_what_recedes_shrinks_at_every_step():
    for dataset, index in clips_of("approaches"):
        share = areas(dataset.masks(index, range(0, 24, 3)))
        assert (np.diff(share) > 0).all()
        assert share[-1] > 3.5 * share[0]
    for dataset, index in clips_of("recedes"):
        assert (np.diff(areas(dataset.masks(index, range(0, 24, 3)))) < 0).all()


@pytest.mark.parametrize(("name", "sign"), [("turns clockwise", 1), ("turns counter-clockwise", -1)])
def test_what_turns_turns_that_way_by_less_than_a_right_angle_between_sampled_frames(name: str, sign: int):
    for dataset, index in clips_of(name, 96):
        for first in (4, 13):
            assert 8 <= sign * _turn(dataset, index, first) <= 60


def _turn(dataset: MotionPairs, index: int, first: int) -> int:
    """Degrees, clockwise, by which the mover turns over three frames: where its unrolled pictures agree best."""
    which = [first, first + 3]
    unrolled = []
    for frame, mask, middle in zip(
        dataset.frames(index, which), dataset.masks(index, which), centres(dataset.masks(index, which)), strict=True
    ):
        # Hue alone: the light does not turn with the mover.
        hue = frame / frame.sum(axis=2, keepdims=True)
        mover = np.where(mask[..., None], hue, 0).astype(np.float32)
        # Rows are degrees; in pictures, whose y runs downwards, they grow clockwise.
        unrolled.append(cv2.warpPolar(mover, (40, 360), tuple(middle * dataset.size), 30, cv2.WARP_FILL_OUTLIERS))
    turns = range(-90, 91)
    return turns[int(np.argmin([np.abs(np.roll(unrolled[0], turn, axis=0) - unrolled[1]).mean() for turn in turns]))]


def test_things_that_move_together_come_closer_and_things_that_move_apart_part():
    for dataset, index in clips_of("moves together"):
        spread = spreads(dataset.masks(index, range(0, 24, 4)))
        assert (np.diff(spread) < 0).all()
        assert spread[-1] < 0.7 * spread[0]
    for dataset, index in clips_of("moves apart"):
        assert (np.diff(spreads(dataset.masks(index, range(0, 24, 4)))) > 0).all()


@pytest.mark.parametrize(("name", "slow", "fast"), [("speeds up", 0, 1), ("slows down", 1, 0)])
def test_what_changes_speed_covers_most_of_its_way_in_one_half_of_the_time(name: str, slow: int, fast: int):
    for dataset, index in clips_of(name):
        middle = centres(dataset.masks(index, [0, 11, 12, 23]))
        way = [np.hypot(*(middle[1] - middle[0])), np.hypot(*(middle[3] - middle[2]))]
        assert way[fast] > 2.5 * way[slow]
        assert way[fast] > 0.35


def test_the_direction_of_travel_does_not_tell_speeding_up_from_slowing_down():
    for name in ("speeds up", "slows down"):
        dataset = MotionPairs("train", SIZE)
        directions = []
        for turn in range(40):
            index = CLASSES.index(name) + 14 * turn
            directions.append(_travel(dataset, index))
        quadrants = {(bool(x > 0), bool(y > 0)) for x, y in directions}
        assert len(quadrants) == 4
        mean = np.mean(directions, axis=0)
        assert np.abs(mean).max() < 0.2  # more than two and a half standard deviations of the mean


@pytest.mark.parametrize(("name", "shown", "hidden"), [("gets covered", 0, 23), ("gets uncovered", 23, 0)])
def test_what_gets_covered_is_whole_at_one_end_and_gone_at_the_other(name: str, shown: int, hidden: int):
    for dataset, index in clips_of(name):
        share = areas(dataset.masks(index, ALL))
        assert share[shown] > 0.85 * share.max()
        assert share[hidden] == 0
        steps = np.diff(share if shown else share[::-1])
        assert steps.min() > -0.1 * share.max()


def test_the_camera_moves_either_way_for_every_class():
    """Within each pair the camera's way says nothing about the class: it is drawn without looking at it."""
    dataset = MotionPairs("train")
    for pair in range(7):
        pans = np.stack([dataset.scene(2 * pair + 14 * turn).pan for turn in range(24)])
        travelled = pans[:, -1] - pans[:, 0]
        np.testing.assert_allclose(pans[:, 0], -pans[:, -1], atol=1e-12)
        moved = travelled[np.abs(travelled).max(axis=1) > 0]
        assert 12 <= len(moved) < 24
        assert (np.abs((moved > 0).mean(axis=0) - 0.5) < 0.45).all()
        assert np.abs(pans).max() <= 0.045
