"""Evidence painted over frames."""

import cv2
import numpy as np
import pytest

from analysis.attribution.overlay import GAP, film_strip, magma, overlay

FRAMES = np.full((2, 1, 3, 3), 100, np.uint8)
EVIDENCE = np.array([[[0.0, 0.5, 1.0]], [[0.0, 0.0, 0.0]]])


def test_magma_runs_from_nearly_black_to_pale_yellow_in_rgb():
    colours = magma(np.array([0.0, 0.5, 1.0, 7.0]))
    assert colours[0].max() <= 4
    red, green, blue = (int(part) for part in colours[2])
    assert min(red, green) > 250 > blue > 180
    # The middle is purple-red: more red than blue, more blue than green.
    red, green, blue = (int(part) for part in colours[1])
    assert red > blue > green
    assert (colours[3] == colours[2]).all()
    picture = np.arange(256, dtype=np.uint8)[None]
    expected = cv2.cvtColor(cv2.applyColorMap(picture, cv2.COLORMAP_MAGMA), cv2.COLOR_BGR2RGB)
    assert (magma(np.linspace(0, 1, 256)) == expected[0]).all()


def test_a_frame_without_evidence_is_untouched():
    assert (overlay(FRAMES, EVIDENCE)[1] == FRAMES[1]).all()
    assert (overlay(FRAMES, EVIDENCE)[0, 0, 0] == 100).all()


def test_evidence_covers_as_much_as_it_is_strong():
    painted = overlay(FRAMES, EVIDENCE, opacity=0.5)
    half, full = magma(np.array([0.5, 1.0])).astype(float)
    assert painted[0, 0, 1].tolist() == np.rint(0.75 * 100 + 0.25 * half).tolist()
    assert painted[0, 0, 2].tolist() == np.rint(0.5 * 100 + 0.5 * full).tolist()


def test_full_opacity_shows_the_strongest_evidence_alone():
    assert (overlay(FRAMES, EVIDENCE, opacity=1.0)[0, 0, 2] == magma(np.array(1.0))).all()


def test_opacity_beyond_one_is_refused():
    with pytest.raises(ValueError, match=r"between 0 and 1; got 1.5"):
        overlay(FRAMES, EVIDENCE, opacity=1.5)


def test_film_strip_shows_the_frames_from_left_to_right_on_white():
    frames = np.stack([np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30)])
    strip = film_strip(frames)
    assert strip.shape == (2, 3 * 3 + 2 * GAP, 3)
    assert strip[0, :, 0].tolist() == [10] * 3 + [255] * GAP + [20] * 3 + [255] * GAP + [30] * 3
