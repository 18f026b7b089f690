"""Harder MotionPairs: what differs from the same scene of MotionPairs, and that reversal exchanges the classes."""

import numpy as np
import pytest

from gte.data.motionpairs import harder
from gte.data.motionpairs.dataset import CLASSES, HardMotionPairs, MotionPairs
from gte.data.motionpairs.scenes import NUM_FRAMES

EASY, HARD = MotionPairs("train", 48), HardMotionPairs("train", 48)
SCENES = [(EASY.scene(index), HARD.scene(index)) for index in range(280)]


def ratios(change) -> np.ndarray:
    """How much a number of the first moving object is changed, without the scenes in which a board covers it."""
    pairs = [(change(easy.movers[0]), change(hard.movers[0])) for easy, hard in SCENES if easy.cover is None]
    return np.array([hard / easy for easy, hard in pairs if easy > 1e-3])


@pytest.mark.parametrize("index", range(0, 14, 2))
def test_a_clip_of_the_test_split_and_its_partner_are_the_same_frames_in_reverse(index):
    dataset = HardMotionPairs("test", 48)
    frames = dataset.frames(index, range(NUM_FRAMES))
    np.testing.assert_array_equal(frames[::-1], dataset.frames(index + 700, range(NUM_FRAMES)))
    assert dataset.label(index + 700) == dataset.twins[dataset.label(index)]


def test_objects_move_and_grow_more_slowly_and_turn_as_before():
    speeds = ratios(lambda actor: np.hypot(*(actor.path[-1] - actor.path[0])))
    growth = ratios(lambda actor: abs(np.log(actor.radius[-1] / actor.radius[0])))
    for values in (speeds, growth):
        assert values.min() == pytest.approx(0.4, abs=0.05)
        assert values.max() == pytest.approx(1.0, abs=0.05)
    assert ratios(lambda actor: abs(actor.angle[-1] - actor.angle[0])) == pytest.approx(1)


def test_speeding_up_is_less_sudden_but_remains():
    label = CLASSES.index("speeds up")
    shares = []
    for index in range(label, 280, len(CLASSES)):
        steps = np.hypot(*np.diff(HARD.scene(index).movers[0].path, axis=0).T)
        shares.append(steps[-4:].sum() / steps[:4].sum())
    assert 1.5 < min(shares) < 10


def test_objects_are_paler_against_the_ground():
    def contrast(scene):
        return np.linalg.norm(np.array(scene.movers[0].colours[0]) - np.mean(scene.ground.colours, axis=0))

    shares = np.array([contrast(hard) / contrast(easy) for easy, hard in SCENES])
    assert shares.min() == pytest.approx(0.4, abs=0.05)
    assert shares.max() == pytest.approx(1.0, abs=0.05)


def test_one_to_four_objects_more_cross_the_scene_in_half_of_the_scenes_all_against_the_first():
    counts, against = [], 0
    for easy, hard in SCENES:
        others = hard.bystanders[len(easy.bystanders) :]
        counts.append(len(others))
        way = hard.movers[0].path[-1] - hard.movers[0].path[0]
        moves = [other.path[-1] - other.path[0] for other in others]
        against += all(move @ way < -0.95 * np.linalg.norm(move) * np.linalg.norm(way) for move in moves)
    assert {min(counts), max(counts)} == set(harder.NUM_OTHERS)
    assert 0.4 < against / len(SCENES) < 0.65


def test_the_camera_moves_further_and_the_ground_still_fills_the_frame():
    pans = [np.abs(hard.pan).max() for _, hard in SCENES]
    assert 0.07 < max(pans) <= harder.PAN_LIMIT
    frame = HARD.frames(int(np.argmax(pans)), [0])[0]
    assert frame.min(axis=(0, 1)).max() > 0
