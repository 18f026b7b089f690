"""Random changes: their length and distribution, against draws of every weight, and what is counted of them."""

import numpy as np
import pytest

from analysis.kernels.chance import chance_of, part_shares, random_kernels, range_of, total
from analysis.kernels.readings import WEIGHT_READINGS, read_kernels
from analysis.kernels.taps import KINDS, centre_of_mass, kind, tap_sizes
from gte.kernel_history import KernelHistory
from gte.models.shift import temporal_shift_weight


def layer(scale=0.3, outputs=8, inputs=6, seed=0):
    start = temporal_shift_weight(outputs, inputs).numpy()
    change = scale * np.random.default_rng(seed).standard_normal(start.shape).astype(np.float32)
    return KernelHistory(layer="layer1.0", steps=np.array([0, 9]), weights=np.stack([start, start + change]))


@pytest.mark.parametrize("reading", [*WEIGHT_READINGS, "inputs"])
def test_draws_of_what_a_reading_keeps_are_distributed_as_draws_of_every_weight(reading):
    history = layer()
    mixing = np.random.default_rng(1).standard_normal((6, 6))
    moments = {"layer1.0": mixing @ mixing.T}
    start = history.weights[0].astype(np.float64)
    norm = 3.0
    every = np.random.default_rng(2).standard_normal((4000, *start.shape))
    every *= norm / np.linalg.norm(every.reshape(4000, -1), axis=1)[:, None, None, None, None]
    plain = KernelHistory(layer="layer1.0", steps=np.arange(4000), weights=(start + every).astype(np.float32))
    # The own input is that of the weights before training, which `plain` does not start with.
    with_start = np.concatenate([start[None].astype(np.float32), plain.weights])
    read = read_kernels(KernelHistory(layer="layer1.0", steps=np.arange(4001), weights=with_start), reading, moments)[
        1:
    ]
    drawn = random_kernels(history, norm, reading, moments, draws=4000)
    for name in KINDS:
        expected, got = ((kind(kernels) == name).mean() for kernels in (read, drawn))
        # 32,000 outputs each: four standard errors of the difference of two shares are at most 1.6 %.
        assert got == pytest.approx(expected, abs=0.016)
    expected, got = (centre_of_mass(tap_sizes(kernels)).mean(axis=0) for kernels in (read, drawn))
    np.testing.assert_allclose(got, expected, atol=0.04)


def test_a_change_of_no_length_changes_nothing():
    start = temporal_shift_weight(8, 6).numpy()
    chance = chance_of(KernelHistory(layer="a", steps=np.array([0, 1]), weights=np.stack([start, start])))
    assert chance is not None
    assert chance.num_changed == range_of(np.zeros(3))
    assert (chance.centre_shift.low, chance.centre_shift.high) == (0, 0)


def test_draws_are_the_same_every_time_and_others_for_another_layer():
    first, again = (chance_of(layer(0.8), reading="summed") for _ in range(2))
    assert first is not None
    assert again is not None
    assert np.array_equal(first.shift, again.shift)
    one = layer(0.8)
    other = chance_of(KernelHistory(layer="layer2.0", steps=one.steps, weights=one.weights), reading="summed")
    assert other is not None
    assert not np.array_equal(first.shift, other.shift)


def test_the_change_of_training_is_within_the_range_where_it_is_random():
    inside = 0
    for seed in range(40):
        history = layer(0.5, outputs=16, inputs=8, seed=seed)
        chance = chance_of(history, reading="summed")
        assert chance is not None
        kinds = kind(read_kernels(history, "summed"))
        inside += chance.num_changed.low <= (kinds[1] != kinds[0]).sum() <= chance.num_changed.high
    # At least 95 % of them: of 40, fewer than 33 happen once in 500 times.
    assert inside >= 33


def test_counts_of_layers_add_up_draw_by_draw():
    chance = chance_of(layer(0.8), reading="summed")
    assert chance is not None
    both = total([chance, chance])
    assert np.array_equal(both.changed, 2 * chance.changed)
    assert np.array_equal(both.counts, 2 * chance.counts)
    np.testing.assert_allclose(both.shift, chance.shift)
    with pytest.raises(ValueError, match="at least one layer"):
        total([])


def test_an_unknown_start_has_no_chance():
    history = layer()
    unknown = KernelHistory(layer="a", steps=np.array([0]), weights=history.weights[:1], starts_known=False)
    assert chance_of(unknown) is None


def test_a_part_of_a_random_change_is_about_its_share_of_the_weights():
    small, large = part_shares([100, 9900])
    assert small.low < 0.01 < small.high
    assert large.low < 0.99 < large.high
    assert (part_shares([0, 10])[0].high, part_shares([0, 10])[1].low) == (0, 1)
