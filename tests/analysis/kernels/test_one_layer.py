"""The finer numbers of a layer's kernels: kinds, parts of the drift, the diagonal, spectra, reach and matching."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from analysis.kernels.drift import DRIFT_PARTS, PART_RMS, PART_WEIGHTS, drift_parts
from analysis.kernels.matching import by_responses, differences, responses_of, same_start
from analysis.kernels.outputs import centres_table, coarsened, order_of, outputs_table, snapshot_at, tap_names
from analysis.kernels.reach import energy_profile, even_reach, measured_reach, path_reach, path_table, spread_of
from analysis.kernels.readings import WEIGHT_READINGS, read_kernels, reduced
from analysis.kernels.spectrum import (
    band,
    effective_rank,
    frequency_response,
    joint_response,
    output_singular_values,
    temporal_singular_values,
)
from analysis.kernels.summary import summarise
from analysis.kernels.taps import centre_of_mass, kind, own_inputs, shown_taps, tap_sizes
from gte import checkpoint
from gte.kernel_history import KernelHistory
from gte.models import build
from gte.models.shift import LearnableTemporalShift, temporal_shift_weight
from tests.tiny import save_tiny, tiny_header, tiny_model, tiny_options

AHEAD, BACK, NOW, NONE = [0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0]


def history(*snapshots, layer="layer1.0.conv2.temporal.shift", known=True):
    """A layer's history; each snapshot is a list of outputs, each output a list of taps per input."""
    weights = np.stack([np.asarray(snapshot, dtype=np.float32) for snapshot in snapshots])[..., None]
    return KernelHistory(layer=layer, steps=np.arange(len(snapshots)) * 100, weights=weights, starts_known=known)


def one_signal(taps):
    """The kernel of one output for one signal."""
    return np.array([[taps]], dtype=np.float32)


@pytest.mark.parametrize(
    ("taps", "expected"),
    [
        ([1, 0, 0], "back"),
        ([0, 0, -3], "ahead"),
        ([1, 3, 1], "now"),
        ([1, 1, 1], "averages"),
        ([1, 2, 1], "averages"),  # the present has half of the mass, and not more
        ([0, 1, 1], "averages"),
        ([1, 0, -1], "subtracts"),
        ([-1, 2, -1], "subtracts"),
        ([0, -1, 1], "subtracts"),
        ([2, 1, 0], "back"),
        ([1, 2, -3], "subtracts"),
        ([3, 3, -1.2], "averages"),  # |sum| is two thirds of the mass, exactly
        ([3, 3, -1.3], "mixed"),
        ([2, 0, -1], "back"),  # |sum| is one third of the mass, exactly: no difference yet
        ([2, 0, -1.1], "subtracts"),
        ([0, 0, 0], "silent"),
        ([math.nan, 0, 1], "undefined"),
        ([math.inf, 0, 1], "undefined"),
    ],
)
def test_kinds_follow_the_stated_rules(taps, expected):
    assert kind(one_signal(taps)).tolist() == [expected]


@given(st.lists(st.floats(-2, 2, width=32), min_size=3, max_size=3), st.floats(0.125, 8, width=32))
def test_a_kind_does_not_depend_on_the_scale_and_turns_round_with_time(taps, scale):
    kernel = one_signal(taps)
    [expected] = kind(kernel)
    if np.abs(kernel).max() < 1e-3:
        return
    agreement = abs(kernel.sum()) / np.abs(kernel).sum()
    largest = np.abs(kernel).max() / np.abs(kernel).sum()
    if any(abs(value - edge) < 1e-4 for value, edge in ((agreement, 1 / 3), (agreement, 2 / 3), (largest, 1 / 2))):
        return
    assert kind(scale * kernel) == [expected]
    assert kind(-kernel) == [expected]
    assert kind(kernel[..., ::-1]) == [{"back": "ahead", "ahead": "back"}.get(expected, expected)]


def test_kinds_of_longer_kernels_take_the_side_of_the_largest_tap():
    taps = np.array([[3.0, 0, 0, 1, 1], [0, 0, 0, 1, 0], [1, 1, 1, 1, 1], [0, 1, -2, 1, 0]], dtype=np.float32)
    assert kind(taps[:, None]).tolist() == ["back", "ahead", "averages", "subtracts"]


def test_the_kinds_of_several_unrelated_signals_are_those_of_their_powers():
    # The next frame of one input, and of another input all frames: (1, 1, sqrt 26) of 7.1; still: sqrt(25 + 9).
    ahead = np.array([[[0, 0, 5], [1, 1, 1]]], dtype=np.float32)
    np.testing.assert_allclose(tap_sizes(ahead), [[1, 1, math.sqrt(26)]])
    assert kind(ahead).tolist() == ["ahead"]
    # Opposite differences of two inputs cancel in the sum, which sees nothing; the energy sees two differences.
    opposite = np.array([[[-1, 0, 1], [1, 0, -1]]], dtype=np.float32)
    assert kind(opposite).tolist() == ["subtracts"]
    assert kind(opposite.sum(axis=1, keepdims=True)).tolist() == ["silent"]
    # Three inputs, each in another frame: equal powers that neither agree nor cancel.
    assert kind(np.eye(3, dtype=np.float32)[None]).tolist() == ["mixed"]
    assert centre_of_mass(tap_sizes(np.eye(3, dtype=np.float32)[None])).tolist() == [0]


def test_taps_have_signs_for_one_signal_and_sizes_for_several():
    kernels = np.array([[[3, 0, -4], [4, 0, 3]]], dtype=np.float32)
    assert shown_taps(kernels).tolist() == [[5, 0, 5]]
    assert shown_taps(kernels[:, :1]).tolist() == [[3, 0, -4]]


def test_the_readings_are_the_channels_the_own_one_their_sum_and_the_principal_signals():
    weight = [[[1, 2, 3], [10, -20, 30]], [[0, 0, 1], [4, 0, 0]]]
    layer = history([[AHEAD, NONE], [NONE, BACK]], weight)
    assert read_kernels(layer, "energy")[1].tolist() == weight
    assert read_kernels(layer, "own")[1].tolist() == [[[1, 2, 3]], [[4, 0, 0]]]
    assert read_kernels(layer, "summed")[1].tolist() == [[[11, -18, 33]], [[4, 0, 1]]]
    # Inputs that are always equal are one signal of twice the amplitude of each.
    together = {layer.layer: np.ones((2, 2))}
    np.testing.assert_allclose(
        tap_sizes(read_kernels(layer, "inputs", together))[1], [[11, 18, 33], [4, 0, 1]], rtol=1e-6
    )
    alone = {layer.layer: np.diag([4.0, 0])}
    np.testing.assert_allclose(tap_sizes(read_kernels(layer, "inputs", alone))[1], [[2, 4, 6], [0, 0, 2]], rtol=1e-6)
    with pytest.raises(ValueError, match="needs the covariance of the inputs"):
        read_kernels(layer, "inputs")


def test_the_own_input_is_the_one_that_each_output_reads_before_training():
    start = temporal_shift_weight(4, 2).numpy()  # outputs 0, 2 read input 0; outputs 1, 3 input 1
    own = own_inputs(start)
    assert own is not None
    assert own.tolist() == [0, 1, 0, 1]


def test_dense_kernels_and_unknown_starts_have_no_own_input_and_are_read_by_energy():
    assert own_inputs(torch.rand(4, 2, 3, 1).numpy()) is None
    assert own_inputs(None) is None
    dense = KernelHistory(layer="layer1.0", steps=np.array([0]), weights=torch.rand(1, 4, 2, 3, 1).numpy())
    assert np.array_equal(read_kernels(dense, "own"), dense.weights[..., 0])


def test_many_small_weights_change_the_sum_and_neither_the_energy_nor_the_own_channel():
    start = temporal_shift_weight(4, 4).numpy()
    now = start.copy()
    now[:, :, 1] += 0.4  # every input, the present
    rows = {
        reading: summarise(
            [KernelHistory(layer="layer1.0", steps=np.array([0, 9]), weights=np.stack([start, now]))], reading
        ).iloc[-1]
        for reading in WEIGHT_READINGS
    }
    # (0, 1.6, 1) and (1, 1.6, 0); by own channel 1 of 1.4; by energy 1 of 1 + sqrt(4 * 0.16) = 1.8.
    assert rows["summed"]["now"] == 1
    assert rows["summed"]["changed"] == rows["summed"]["began_now"] == 4
    assert rows["summed"]["stopped_back"] == rows["summed"]["stopped_ahead"] == 2
    for reading in ("own", "energy"):
        assert (rows[reading]["back"], rows[reading]["ahead"], rows[reading]["changed"]) == (0.5, 0.5, 0)
    assert rows["summed"]["drift"] == rows["own"]["drift"] == rows["energy"]["drift"]


def test_the_parts_of_the_drift_are_worked_out_by_hand_and_add_up():
    start = np.array([[AHEAD, NONE], [NONE, BACK]], dtype=np.float32)[..., None]
    now = start.copy()
    now[0, 0, 2] = 0.5  # along the initial tap: 0.25
    now[0, 0, 1] = 2  # another frame of the input that it reads: 4
    now[1, 0, 2] = 3  # an input that it does not read: 9
    parts, counts = drift_parts(now[None], start)
    assert parts.tolist() == [[0.25, 4, 9]]
    # Two original weights, four of other frames of the own inputs, six of the other inputs.
    assert counts.tolist() == [2, 4, 6]
    row = summarise([history(start[..., 0], now[..., 0])]).iloc[-1]
    assert row["drift"] == pytest.approx(math.sqrt(13.25 / 2))
    assert [row[name] for name in DRIFT_PARTS] == pytest.approx([0.25 / 13.25, 4 / 13.25, 9 / 13.25])
    assert [row[name] for name in PART_WEIGHTS] == [2, 4, 6]
    assert [row[name] for name in PART_RMS] == pytest.approx([math.sqrt(0.25 / 2), 1, math.sqrt(9 / 6)])


def test_parts_of_the_drift_add_up_for_any_weights():
    start = temporal_shift_weight(8, 6).numpy()
    weights = start + torch.randn(3, 8, 6, 3, 1).numpy()
    parts, _ = drift_parts(weights, start)
    np.testing.assert_allclose(parts.sum(axis=1), np.square(weights - start).sum(axis=(1, 2, 3, 4)), rtol=1e-6)
    assert (parts > 0).all()


def test_a_layer_that_did_not_move_has_no_parts():
    row = summarise([history([[AHEAD]], [[AHEAD]])]).iloc[-1]
    assert [row[name] for name in DRIFT_PARTS] == [0, 0, 0]


def test_the_table_of_outputs_has_their_taps_kinds_and_drifts_by_hand():
    table = outputs_table(
        history([[AHEAD, NONE], [NONE, BACK]], [[AHEAD, [1, 0, 0]], [NONE, [3, 0, 4]]]), reading="summed"
    )
    assert table["own_input"].tolist() == [0, 1]
    assert table[["t-1", "t", "t+1"]].to_numpy().tolist() == [[1, 0, 1], [3, 0, 4]]
    assert table[["t-10", "t0", "t+10"]].to_numpy().tolist() == [[0, 0, 1], [1, 0, 0]]
    assert table["kind"].tolist() == ["averages", "ahead"]
    assert table["kind0"].tolist() == ["ahead", "back"]
    assert table["norm"].tolist() == pytest.approx([math.sqrt(2), 5])
    assert table["drift"].tolist() == pytest.approx([1, math.sqrt(4 + 16)])
    assert table["centre_of_mass"].tolist() == pytest.approx([0, 1 / 7])


def test_outputs_with_an_unknown_start_have_neither_drift_nor_an_input_of_their_own():
    table = outputs_table(history([[AHEAD], [BACK]], known=False))
    assert np.isnan(table["drift"].to_numpy(dtype=float)).all()
    assert table["own_input"].tolist() == [pd.NA, pd.NA]
    assert "kind0" not in table


@pytest.mark.parametrize(
    ("order", "expected"), [("index", [0, 1, 2]), ("drift", [1, 0, 2]), ("shift", [2, 1, 0]), ("norm", [1, 2, 0])]
)
def test_outputs_are_sorted_by_what_is_asked(order, expected):
    # Centres 1, -1/2 and -1; drifts 1/2, 1 and 0; norms 1, sqrt 18 and 2.
    start, now = [[[0, 0, 2]], [[3, 0, 0]], [[-2, 0, 0]]], [[AHEAD], [[3, 3, 0]], [[-2, 0, 0]]]
    table = outputs_table(history(start, now))
    assert order_of(table, order).tolist() == expected


def test_what_is_not_a_number_is_sorted_last():
    table = pd.DataFrame({"output": [0, 1, 2], "drift": [math.nan, 1, 2], "centre_of_mass": 0.0, "norm": 1.0})
    assert order_of(table, "drift").tolist() == [2, 1, 0]


def test_a_large_matrix_is_coarsened_to_the_values_farthest_from_zero():
    matrix = np.array([[1, -5, 0, 2, 9], [2, 3, 0, -1, 0], [0, 0, 0, 0, -4]], dtype=np.float32)
    cells, tall, wide = coarsened(matrix, 3)
    assert (tall, wide) == (1, 2)
    assert cells.tolist() == [[-5, 2, 9], [3, -1, 0], [0, 0, -4]]
    cells, tall, wide = coarsened(matrix, 2)
    assert (tall, wide) == (2, 3)
    assert cells.tolist() == [[-5, 9], [0, -4]]


def test_a_matrix_that_fits_is_not_touched():
    matrix = np.random.default_rng(0).normal(size=(7, 9)).astype(np.float32)
    cells, tall, wide = coarsened(matrix, 9)
    assert (tall, wide) == (1, 1)
    assert np.array_equal(cells, matrix)


@pytest.mark.parametrize(("step", "expected"), [(-1, 3), (0, 0), (9, 0), (10, 1), (99, 2), (100, 3), (10**9, 3)])
def test_a_step_is_shown_by_the_last_snapshot_taken_until_then(step, expected):
    assert snapshot_at([0, 10, 40, 100], step) == expected


def test_taps_have_the_names_of_their_frames():
    assert tap_names(3) == ("t-1", "t", "t+1")
    assert tap_names(5) == ("t-2", "t-1", "t", "t+1", "t+2")


def test_the_history_of_the_taps_alone_reads_as_the_whole_does():
    start = temporal_shift_weight(6, 4).numpy()
    whole = KernelHistory(
        layer="layer1.0", steps=np.array([0, 5]), weights=np.stack([start, start + torch.randn(6, 4, 3, 1).numpy()])
    )
    for reading in WEIGHT_READINGS:
        small, kernels = reduced(whole, reading), read_kernels(whole, reading)
        assert small.weights.shape == (2, 6, 3 if reading == "energy" else 1, 3, 1)
        again = read_kernels(small)
        np.testing.assert_allclose(tap_sizes(again), tap_sizes(kernels), rtol=1e-6)
        assert np.array_equal(kind(again), kind(kernels))


def test_singular_values_count_independent_filters_and_outputs():
    # Two temporal filters of norm 1, each in two outputs of one input: both are orthogonal.
    weight = np.array([[AHEAD], [AHEAD], [BACK], [BACK]], dtype=np.float32)[..., None]
    np.testing.assert_allclose(temporal_singular_values(weight), np.sqrt([2, 2, 0]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(output_singular_values(weight), np.sqrt([2, 2, 0]), rtol=1e-12, atol=1e-12)
    assert effective_rank(temporal_singular_values(weight)) == pytest.approx(2)
    # With an input of its own each output is independent, while the filters stay two.
    diagonal = temporal_shift_weight(4, 4).numpy()
    assert effective_rank(output_singular_values(diagonal)) == pytest.approx(4)
    assert effective_rank(temporal_singular_values(diagonal)) == pytest.approx(2)
    assert effective_rank(output_singular_values(np.zeros((4, 2, 3, 1), dtype=np.float32))) == 0


def test_the_response_of_known_filters_is_the_one_of_the_textbook():
    taps = np.array([AHEAD, [0.25, 0.5, 0.25], [-0.5, 0, 0.5], [0.5, 0, 0.5]], dtype=np.float32)
    frequencies, response = frequency_response(taps.reshape(4, 1, 3, 1), 5)
    assert frequencies.tolist() == [0, 0.125, 0.25, 0.375, 0.5]
    angle = 2 * math.pi * frequencies
    expected = np.stack([np.ones(5), 0.5 + 0.5 * np.cos(angle), abs(np.sin(angle)), abs(np.cos(angle))])
    np.testing.assert_allclose(response, expected, rtol=1e-12, atol=1e-12)
    full = frequency_response(taps.reshape(4, 1, 3, 1))[1]
    assert band(full).tolist() == ["all-pass", "low-pass", "uneven", "uneven"]
    first_difference = np.array([[[-1.0, 1, 0]]], dtype=np.float32)[..., None]
    assert band(frequency_response(first_difference)[1]).tolist() == ["high-pass"]
    assert band(frequency_response(np.zeros((1, 1, 3, 1), dtype=np.float32))[1]).tolist() == ["uneven"]


def test_responses_of_several_inputs_add_up_as_powers():
    weight = np.array([[[0, 0, 3], [4, 0, 0]]], dtype=np.float32)[..., None]
    assert frequency_response(weight)[1].ravel().tolist() == pytest.approx([5] * 33)


def test_the_reach_of_two_shifts_is_the_binomial_of_two_steps():
    shift = temporal_shift_weight(4, 2).numpy()
    first, second = path_reach([shift, shift])
    assert first.tolist() == [0.5, 0, 0.5]
    assert second.tolist() == [0.25, 0, 0.5, 0, 0.25]
    table = path_table(["a", "b"], [shift, shift])
    far = table[table["layer"] == "b"]
    assert far["offset"].tolist() == [-2, -1, 0, 1, 2]
    # Independent steps: variances add up, 1 + 1.
    assert spread_of(far["offset"].tolist(), far["share"].tolist()) == pytest.approx(math.sqrt(2))


def test_energy_counts_squares_over_all_channels():
    weight = np.array([[[1, 0, 0], [0, 2, 0]], [[0, 0, 2], [0, 0, 0]]], dtype=np.float32)[..., None]
    assert energy_profile(weight).tolist() == pytest.approx([1 / 9, 4 / 9, 4 / 9])
    assert np.isnan(energy_profile(np.zeros((1, 1, 3, 1), dtype=np.float32))).all()


def test_the_joint_response_is_the_root_of_the_power_of_all_outputs():
    assert joint_response(np.array([[3.0, 0.0], [4.0, 2.5]])).tolist() == [1, 0.5]
    assert joint_response(np.zeros((2, 3))).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("name", "seen"), [("c2d", {0}), ("tsm", {-1, 0, 1})])
def test_the_measured_reach_behind_the_first_block_is_what_it_can_read(name, seen):
    model = build(name, **tiny_options(name)).eval()
    clips = torch.rand(1, 3, 6, 32, 32)
    rows = measured_reach(model, clips, ["layer1.0"])
    reached = rows[rows["share"] > 0]
    assert set(reached["offset"]) == seen
    assert sum(rows["share"].tolist()) == pytest.approx(1)


def test_the_measured_reach_leaves_no_hook_and_no_gradient_and_changes_nothing():
    model = build("gte", **tiny_options("gte")).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first = measured_reach(model, torch.rand(1, 3, 4, 32, 32), ["layer2.0"], seed=3)
    with pytest.raises(KeyError):
        measured_reach(model, torch.rand(1, 3, 4, 32, 32), ["layer9.0"])
    with pytest.raises(ValueError, match="at least"):
        measured_reach(model, torch.rand(1, 3, 4, 2, 2), ["layer2.0"])
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert len(first) == 4


class Scale(nn.Module):
    """The centre frame's features are three times the frame before plus the frame itself."""

    def __init__(self):
        super().__init__()
        from gte.models.outputs import BlockOutput

        self.block = BlockOutput()

    def forward(self, clip):
        shifted = torch.cat([torch.zeros_like(clip[:, :, :1]), clip[:, :, :-1]], dim=2)
        return self.block(clip + 3 * shifted).mean((1, 2, 3, 4))[:, None]


def test_the_measured_reach_of_a_toy_is_worked_out_by_hand():
    rows = measured_reach(Scale(), torch.rand(2, 3, 5, 4, 4), ["block"])
    shares = np.bincount(rows["offset"].to_numpy() + 2, weights=rows["share"].to_numpy())
    assert shares == pytest.approx([0, 0.9, 0.1, 0, 0])
    assert set(rows["clip"]) == {0, 1}


def test_outputs_that_were_permuted_and_negated_are_found_again():
    generator = torch.Generator().manual_seed(0)
    answers = torch.randn(6, 200, generator=generator)
    order = [3, 1, 5, 0, 4, 2]
    other = -2 * answers[order] + 0.1 * torch.randn(6, 200, generator=generator)
    matching = by_responses(answers, other)
    assert [order[partner] for partner in matching.partner] == [0, 1, 2, 3, 4, 5]
    assert matching.correlation is not None
    assert (matching.correlation > 0.99).all()


def test_the_correlation_of_a_match_is_numpy_s():
    first, second = torch.randn(2, 50), torch.randn(2, 50)
    matching = by_responses(first, second)
    assert matching.correlation is not None
    expected = [abs(np.corrcoef(first[o], second[p])[0, 1]) for o, p in enumerate(matching.partner)]
    assert matching.correlation.tolist() == pytest.approx(expected)


def test_an_output_that_never_changes_has_a_partner_without_correlation():
    matching = by_responses(torch.tensor([[1.0, 1, 1], [0, 1, 2]]), torch.tensor([[0.0, 1, 2], [5, 1, 0]]))
    assert matching.correlation is not None
    assert matching.correlation[0] == 0


def test_fewer_partners_than_outputs_are_refused():
    with pytest.raises(ValueError, match="Every one of the 3 outputs needs a partner; the other layer has 2"):
        by_responses(torch.rand(3, 5), torch.rand(2, 5))


def test_the_answers_of_a_layer_are_its_outputs_at_every_place():
    model = build("gte", **tiny_options("gte")).eval()
    layer = next(name for name, module in model.named_modules() if isinstance(module, LearnableTemporalShift))
    clips = torch.rand(2, 3, 4, 32, 32)
    answers = responses_of(model, layer, clips)
    shift = model.get_submodule(layer)
    assert isinstance(shift, LearnableTemporalShift)
    assert answers.shape == (shift.out_channels, 2 * 4 * 8 * 8)
    assert not shift._forward_hooks
    # The first half of the outputs read the next frame, so the last frame gives them nothing.
    ahead = answers.view(-1, 2, 4, 8, 8)[: shift.out_channels // 2]
    assert (ahead[:, :, -1] == 0).all()
    assert (ahead[:, :, 0] != 0).any()


def test_same_start_asks_for_network_options_seed_and_weights(tmp_path):
    model = tiny_model("gte")
    one = tiny_header(tmp_path / "a", "gte", model, training={"seed": 1})
    assert same_start(one, tiny_header(tmp_path / "b", "gte", model, training={"seed": 1, "epochs": 9}))
    assert not same_start(one, tiny_header(tmp_path / "b", "gte", model, training={"seed": 2}))
    assert not same_start(one, tiny_header(tmp_path / "b", "tsm", model, training={"seed": 1}))
    elsewhere = {"seed": 1, "pretrained": "x"}
    assert not same_start(one, tiny_header(tmp_path / "b", "gte", model, training=elsewhere))
    unknown = tiny_header(tmp_path / "c", "gte", model)
    assert not same_start(unknown, unknown)


def test_differences_are_the_others_minus_the_first_for_layers_that_all_have():
    first = summarise([history([[AHEAD]], [[AHEAD]]), history([[BACK]], [[BACK]], layer="layer2.0")])
    other = summarise([history([[AHEAD]], [[NOW]])])
    table = differences([first, other])
    assert table["block"].tolist() == ["layer1.0"]
    row = table.iloc[0]
    assert (row["ahead"], row["ahead (2)"], row["now (2)"]) == (1, -1, 1)
    assert row["drift (2)"] == pytest.approx(math.sqrt(2))


def test_networks_without_a_layer_in_common_have_no_differences():
    one, other = (summarise([history([[AHEAD]], layer=layer)]) for layer in ("layer1.0", "layer2.0"))
    assert differences([one, other]).empty


def test_centres_have_a_row_for_every_output_of_every_layer(tmp_path):
    path = save_tiny(tmp_path / "gte.safetensors", "gte")
    histories = checkpoint.load_histories(path)
    table = centres_table(histories)
    assert len(table) == sum(one.weights.shape[1] for one in histories)
    moved = table[table["layer"] == histories[0].layer]
    assert set(moved["kind"]) == {"now"}  # tests.tiny moves the first layer there
    assert set(moved["centre_of_mass0"]) == {-1, 1}
    start = centres_table(histories, 0)
    assert set(start["centre_of_mass"]) == {-1, 1}


def test_an_even_share_of_eight_frames_has_a_reach_of_2_35():
    # Offsets -4 to 3: sqrt((16 + 9 + 4 + 1 + 0 + 1 + 4 + 9) / 8).
    assert even_reach(range(-4, 4)) == pytest.approx(math.sqrt(5.5))
