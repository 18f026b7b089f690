"""Kernels over seeds: each statement against its null, on histories made by hand."""

import numpy as np
import pytest

from analysis.kernels.chance import Range
from analysis.kernels.taps import KINDS
from analysis.study.kernel_figure import kernel_story
from analysis.study.kernels import Learned, Story, learned, story, story_finding, story_table
from gte.errors import GteError
from tests.browser.harness import ROOT

LAYERS = 8


def network(name: str, drift: list[float], ahead: int = 60, reach: float = 2.8) -> Learned:
    counts = dict.fromkeys(KINDS, 0) | {"back": 120 - ahead, "ahead": ahead}
    chance = {
        kind: Range(counts_, counts_, counts_)
        for kind, counts_ in (dict.fromkeys(KINDS, 0) | {"back": 60, "ahead": 60}).items()
    }
    return Learned(
        name=name,
        blocks=tuple(f"layer{number // 2 + 1}.{number % 2}" for number in range(LAYERS)),
        drift=np.array(drift),
        counts=counts,
        counts_before=dict.fromkeys(KINDS, 0) | {"back": 60, "ahead": 60},
        chance=chance,
        reach=np.linspace(1, reach, LAYERS),
        reach_before=np.linspace(1, 2.83, LAYERS),
        reach_chance=Range(2.7, 2.75, 2.8),
    )


RISING = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
MIXED = [0.5, 0.1, 0.7, 0.3, 0.8, 0.2, 0.6, 0.4]


def test_drift_that_rises_in_each_seed_is_said_to_rise_and_the_seeds_to_agree():
    text = story_finding(Story([network(str(seed), RISING) for seed in range(3)], [network("other", MIXED)]))
    assert "The 3 seeds agree in which layers drift most" in text
    assert "Drift rises with depth" in text
    assert "(other) the layers cannot be said to drift in a similar order" in text
    assert "Of 120 outputs 60 look back and 60 look ahead in each seed, as many as before training." in text
    assert "60 look back and 60 look ahead, as many as before training, and as after random changes" in text


def test_where_nothing_is_there_nothing_is_said():
    seeds = [network("0", MIXED), network("1", MIXED[::-1]), network("2", [*MIXED[4:], *MIXED[:4]])]
    text = story_finding(Story(seeds))
    assert "cannot be said to agree" in text
    assert "It is not shown that drift rises or falls" in text
    assert "No kind is more or less frequent" in text
    assert "the last layer reaches 2.800, 2.800 and 2.800 frames, before training 2.830" in text
    assert "(2.700 to 2.800" not in text
    assert "training is not shown to differ from them" in text


def test_a_kind_is_named_only_if_every_seed_is_outside_of_chance_on_the_same_side():
    ahead = [network("0", MIXED, ahead=70), network("1", MIXED, ahead=65)]
    text = story_finding(Story(ahead))
    assert "more look ahead (70, 65; chance 60)" in text
    assert "70, 65 look ahead (before training 60)" in text
    opposite = [network("0", MIXED, ahead=70), network("1", MIXED, ahead=50)]
    assert "No kind is more or less frequent" in story_finding(Story(opposite))


def test_the_shipped_networks_have_a_story_and_a_figure():
    paths = [ROOT / "checkpoints" / f"{name}.safetensors" for name in ("gte-tiny", "gte-fir16")]
    item = story(paths[:1], paths[1:])
    assert item.seeds[0].outputs == 120
    assert len(story_table(item)) == 16
    # Before training each layer adds the variance of one frame.
    assert item.seeds[0].reach_before == pytest.approx(np.sqrt(np.arange(1, 9)))
    assert kernel_story(item).layout.barmode == "stack"


def test_without_learnable_shifts_there_is_no_story():
    with pytest.raises(GteError, match="no learnable shifts"):
        learned(ROOT / "checkpoints" / "c2d-tiny.safetensors")
    with pytest.raises(GteError, match="No checkpoint of GTE ships"):
        story([])
