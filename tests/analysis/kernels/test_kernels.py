"""Directions and drift of kernels, worked out by hand, and the sentence about them."""

import json
import math
import sys

import numpy as np
import pytest
import torch

from analysis.kernels import __main__ as command
from analysis.kernels.drift import NO_KERNELS
from analysis.kernels.summary import (
    at_the_end,
    block_names_of,
    drift_finding,
    has_history,
    has_start,
    most_moved,
    summarise,
)
from analysis.kernels.taps import centre_of_mass, direction, effective_taps
from gte import cli
from gte.kernel_history import KernelHistory
from gte.models.shift import temporal_shift_weight
from tests.moved import save_moved
from tests.tiny import save_tiny


def history(*snapshots, layer="layer1.0.conv2.temporal.shift", known=True):
    """A layer's history; each snapshot is a list of outputs, each output a list of taps per input."""
    weights = np.stack([np.asarray(snapshot, dtype=np.float32) for snapshot in snapshots])
    steps = np.arange(len(snapshots)) * 100
    return KernelHistory(layer=layer, steps=steps, weights=weights[..., None], starts_known=known)


AHEAD, BACK, STAY = [0, 0, 1], [1, 0, 0], [0, 1, 0]


def says(sentence: str, *facts: str) -> bool:
    """True if a sentence has all of these facts, in any order."""
    return all(fact in sentence for fact in facts)


def test_effective_taps_are_summed_over_the_inputs():
    weight = np.array([[[1.0, 2, 3], [10, -20, 30]], [[0, 0, 1], [0, 0, 0]]], dtype=np.float32)[..., None]
    assert effective_taps(weight).tolist() == [[11, -18, 33], [0, 0, 1]]


def test_centre_of_mass_runs_from_the_previous_frame_to_the_next():
    taps = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [-3, 0, 1], [0, 0, 0]], dtype=np.float32)
    assert centre_of_mass(taps).tolist() == [-1, 0, 1, -0.5, -0.5, 0]


@pytest.mark.parametrize(
    ("taps", "expected"),
    [
        ([1, 0, 0], "back"),
        ([0, 0, 1], "ahead"),
        ([0, 1, 0], "stay"),
        ([-2, 1, 0], "back"),  # -2/3: the sign of a tap does not count
        ([1, 1, 1], "stay"),
        ([1, 0, -1], "stay"),  # a difference of its neighbours is centred on the present
        ([0, 2, 1], "stay"),  # exactly on the threshold
        ([0, 0.2, 0.1], "stay"),  # on the threshold, but for the rounding of 0.1 and 0.2
        ([0, 1.9, 1], "ahead"),
        ([1, 1.9, 0], "back"),
        ([0, 0, 0], "stay"),  # silent
        ([math.nan, 0, 1], "undefined"),
        ([math.inf, 0, 1], "undefined"),
    ],
)
def test_direction_is_read_off_the_centre_of_mass_with_thirds_as_thresholds(taps, expected):
    assert direction(np.array([taps], dtype=np.float32)).tolist() == [expected]


@pytest.mark.parametrize(
    ("taps", "centre", "expected"),
    [
        ([0, 0, 0, 1, 0], 1, "ahead"),  # the next frame alone, of a kernel that reaches two
        ([1, 0, 0, 0, 0], -2, "back"),
        ([1, 0, 0, 0, 0, 0, 0], -3, "back"),
        ([0, 0, 1, 0, 0, 0, 0], -1, "back"),
        ([0, 0, 0, 0, 0, -1, 1], 2.5, "ahead"),  # (2 + 3) / 2: the sign of a tap does not count
        ([1, 1, 1, 1, 1], 0, "stay"),
        ([0, 0, 5, 0, 1], 1 / 3, "stay"),  # 2 / 6: exactly on the threshold
        ([0, 0, 4, 0, 1], 0.4, "ahead"),
        ([0, 0, 0, 0, 0], 0, "stay"),
        ([0, 0, 1, 0, math.nan], math.nan, "undefined"),
    ],
)
def test_kernels_of_more_taps_are_measured_in_frames_with_the_same_thresholds(taps, centre, expected):
    kernel = np.array([taps], dtype=np.float32)
    assert centre_of_mass(kernel).tolist() == [pytest.approx(centre, nan_ok=True)]
    assert direction(kernel).tolist() == [expected]


def test_a_kernel_without_a_tap_for_the_present_is_refused():
    with pytest.raises(ValueError, match="odd number of taps, the present in the middle; got 4"):
        centre_of_mass(np.zeros((2, 4), dtype=np.float32))


def test_effective_taps_of_five_are_summed_over_the_inputs_as_those_of_three():
    weight = np.arange(20, dtype=np.float32).reshape(2, 2, 5, 1)
    assert effective_taps(weight).tolist() == [
        [5, 7, 9, 11, 13],
        [25, 27, 29, 31, 33],
    ]


def test_directions_of_many_snapshots_are_told_at_once():
    taps = np.array([[AHEAD, BACK], [STAY, BACK]], dtype=np.float32)
    assert direction(taps).tolist() == [["ahead", "back"], ["stay", "back"]]


def test_at_initialisation_half_of_the_outputs_look_ahead_and_half_back():
    weight = temporal_shift_weight(8, 4).numpy()
    rows = summarise([KernelHistory(layer="layer1.0", steps=np.array([0]), weights=weight[None])])
    row = rows.iloc[0]
    assert (row["back"], row["stay"], row["ahead"], row["drift"], row["cosine"]) == (0.5, 0, 0.5, 0, 1)


def test_summary_has_a_row_for_each_layer_and_snapshot_with_hand_worked_numbers():
    start = [[AHEAD], [AHEAD], [BACK], [BACK]]
    # Two outputs change: one that looked ahead stays, one that looked back is silent.
    later = [[AHEAD], [STAY], [[0, 0, 0]], [BACK]]
    rows = summarise([history(start, later), history(start, layer="layer2.1.conv2.temporal.shift")])
    assert rows["block"].tolist() == ["layer1.0", "layer1.0", "layer2.1"]
    assert rows["step"].tolist() == [0, 100, 0]
    last = rows.iloc[1]
    assert (last["outputs"], last["silent"], last["undefined"]) == (4, 1, 0)
    assert (last["back"], last["stay"], last["ahead"]) == (0.25, 0.5, 0.25)
    assert (last["back0"], last["stay0"], last["ahead0"]) == (0.5, 0, 0.5)
    assert (last["left_back"], last["left_stay"], last["left_ahead"], last["turned"]) == (0.25, 0, 0.25, 0.5)
    assert last["centre_of_mass"] == 0
    # W - W0 has entries 1, -1 (the second output) and -1 (the third): |W - W0| = sqrt(3), |W0| = 2, |W| = sqrt(3).
    assert last["drift"] == pytest.approx(math.sqrt(3) / 2)
    # W · W0 = 2, from the first and the last output.
    assert last["cosine"] == pytest.approx(2 / (2 * math.sqrt(3)))


def test_summary_equals_a_plain_loop_over_outputs():
    weights = temporal_shift_weight(12, 6).numpy() + 0.4 * torch.randn(5, 12, 6, 3, 1).numpy()
    rows = summarise([KernelHistory(layer="layer1.0", steps=np.arange(5), weights=weights)])
    for snapshot, row in zip(weights, rows.to_dict("records"), strict=True):
        looking = []
        for kernel in snapshot.astype(float):
            back, stay, ahead = (abs(sum(float(one[tap, 0]) for one in kernel)) for tap in range(3))
            centre = (ahead - back) / (back + stay + ahead)
            looking.append("back" if centre < -1 / 3 else "ahead" if centre > 1 / 3 else "stay")
        assert [row[name] for name in ("back", "stay", "ahead")] == [
            pytest.approx(looking.count(name) / 12) for name in ("back", "stay", "ahead")
        ]


def test_no_history_gives_an_empty_table_with_all_columns():
    rows = summarise([])
    assert rows.empty
    assert list(rows.columns) == list(summarise([history([[AHEAD]])]).columns)


def test_finding_names_the_largest_drift_and_the_direction_that_outputs_left():
    still = history([[AHEAD], [BACK]], [[AHEAD], [BACK]])
    moved = history([[AHEAD], [BACK], [BACK]], [[STAY], [BACK], [BACK]], layer="layer3.1.conv2.temporal.shift")
    assert drift_finding(summarise([still, moved])) == (
        "layer3.1 drifted most (drift 0.816): 33.3 % of its output channels no longer look ahead."
    )


def test_finding_speaks_of_the_last_snapshot_alone():
    there_and_back = history([[AHEAD], [BACK]], [[BACK], [BACK]], [[AHEAD], [BACK]])
    other = history([[AHEAD], [BACK]], [[AHEAD], [BACK]], [[AHEAD], [STAY]], layer="layer2.0.shift")
    assert says(
        drift_finding(summarise([there_and_back, other])), "layer2.0 drifted most", "50 %", "no longer look back"
    )


def test_finding_says_when_no_output_changed_direction():
    start = [[AHEAD], [BACK]]
    summary = summarise([history(start, [[[0, 0, 1.5]], [BACK]]), history(start, start, layer="layer2.0.shift")])
    # |W - W0| = 0.5 and |W0| = sqrt(2).
    assert says(drift_finding(summary), "layer1.0 drifted most", "0.354", "no output channel changed direction")


def test_finding_on_kernels_without_drift_says_so():
    start = [[AHEAD], [BACK]]
    first, second = history(start, start), history(start, start, layer="layer2.0.shift")
    assert drift_finding(summarise([first, second])) == "No layer has drifted."
    assert drift_finding(summarise([first])) == "layer1.0 has not drifted."


def test_the_largest_drift_is_that_of_the_last_snapshots():
    start = [[AHEAD], [BACK]]
    early = history(start, [[BACK], [STAY]], start)
    late = history(start, start, [[AHEAD], [STAY]], layer="layer2.0.shift")
    broken = history(start, start, [[[math.nan, 0, 0]], [BACK]], layer="layer3.0.shift")
    assert most_moved(summarise([early, late, broken])) == "layer2.0.shift"
    assert most_moved(summarise([broken])) == "layer3.0.shift"
    assert at_the_end(summarise([early, late]))["step"].tolist() == [200, 200]
    with pytest.raises(ValueError, match="no temporal kernels"):
        most_moved(summarise([]))


def test_finding_on_one_layer_compares_it_with_itself_alone():
    start = [[AHEAD], [BACK]]
    changed = drift_finding(summarise([history(start, [[STAY], [BACK]])]))
    assert says(changed, "layer1.0 has a drift of 1", "50 %", "no longer look ahead")
    grown = drift_finding(summarise([history(start, [[[0, 0, 2]], [BACK]])]))
    assert says(grown, "layer1.0 has a drift of 0.707", "no output channel changed direction")


def test_finding_on_a_network_without_learnable_shifts_says_so():
    assert drift_finding(summarise([])) == f"This network {NO_KERNELS}"


def test_finding_names_the_layers_whose_weights_are_not_numbers():
    start = [[AHEAD], [BACK]]
    broken = history(start, [[[math.nan, 0, 0]], [BACK]])
    moved = history(start, [[AHEAD], [AHEAD]], layer="layer2.0.shift")
    row = summarise([broken]).iloc[1]
    assert (row["undefined"], row["back"], row["stay"], row["ahead"]) == (1, 0.5, 0, 0)
    assert math.isnan(row["drift"])
    finding = drift_finding(summarise([broken, moved]))
    assert says(finding, "layer2.0 has a drift of 1", "50 %", "The weights of layer1.0 contain NaN or infinity.")
    assert drift_finding(summarise([broken])).startswith("No drift can be computed")


COMPARISONS = ["back0", "stay0", "ahead0", "left_back", "left_stay", "left_ahead", "turned", "drift", "cosine"]


def test_comparisons_with_an_unknown_start_are_nan_and_all_else_is_a_number():
    [row] = summarise([history([[AHEAD], [STAY]], known=False)]).to_dict("records")
    assert all(math.isnan(row[name]) for name in COMPARISONS)
    assert (row["back"], row["stay"], row["ahead"], row["outputs"], row["centre_of_mass"]) == (0, 0.5, 0.5, 2, 0.5)


def test_finding_on_an_unknown_start_says_so_and_what_the_layers_do_now():
    still = history([[STAY], [BACK], [STAY]], known=False)
    ahead = history([[AHEAD], [AHEAD], [BACK]], layer="layer3.1.conv1", known=False)
    rows = summarise([still, ahead])
    unknown = "The weights before training are unknown, and so is the drift. "
    assert drift_finding(rows) == f"{unknown}layer3.1 looks ahead most: 66.7 % of its output channels."
    assert most_moved(rows) == "layer3.1.conv1"
    assert drift_finding(summarise([still])) == f"{unknown}33.3 % of the output channels of layer1.0 look back."
    alone = drift_finding(summarise([history([[STAY]], known=False)]))
    assert alone == f"{unknown}Every output channel looks at the current frame."


def test_finding_on_a_network_of_which_one_start_is_unknown_names_that_layer():
    moved = history([[AHEAD], [BACK]], [[AHEAD], [STAY]])
    new = history([[AHEAD]], layer="layer2.0.conv1", known=False)
    rows = summarise([moved, new])
    # |W - W0| = sqrt(2), as is |W0|.
    unknown = "The weights of layer2.0 before training are unknown."
    assert says(drift_finding(rows), "layer1.0 has a drift of 1", "50 %", unknown)
    assert most_moved(rows) == moved.layer
    assert has_start(rows).tolist() == [True, True, False]


def test_finding_on_an_unknown_start_names_the_layers_whose_weights_are_not_numbers():
    broken = history([[[math.nan, 0, 0]]], known=False)
    whole = history([[BACK]], layer="layer2.0.conv1", known=False)
    finding = drift_finding(summarise([broken, whole]))
    assert says(finding, "drift", "unknown", "100 %", "layer2.0 look back", "layer1.0 contain NaN or infinity")


def test_a_course_is_known_where_a_start_and_a_later_step_are():
    start = [[AHEAD]]
    assert has_history(summarise([history(start, start)]))
    assert not has_history(summarise([history(start)]))
    assert not has_history(summarise([history(start, known=False)]))
    # Of a file that counts no steps both ends are at step 0.
    ends = KernelHistory(layer="layer1.0", steps=np.array([0, 0]), weights=np.zeros((2, 1, 1, 3, 1), dtype=np.float32))
    assert not has_history(summarise([ends]))


def test_layers_of_one_block_have_short_names_of_their_own():
    both = [history([[AHEAD]], layer=f"layer1.0.{part}.0.3") for part in ("conv1", "conv2")]
    rows = summarise(both)
    assert rows["block"].tolist() == ["layer1.0.conv1", "layer1.0.conv2"]
    assert block_names_of(rows) == {both[0].layer: "layer1.0.conv1", both[1].layer: "layer1.0.conv2"}


def test_command_prints_a_row_per_layer_as_json(tiny_checkpoint, capsys):
    command.main(tiny_checkpoint, json=True)
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 8
    assert rows[0]["layer"] == "layer1.0.conv2.temporal.shift"
    assert (rows[0]["step"], rows[0]["back0"], rows[0]["stay"], rows[0]["ahead"]) == (3, 0.5, 1, 0)
    assert (rows[1]["stay"], rows[1]["drift"]) == (0, 0)


def test_command_prints_a_table_and_the_finding(tiny_checkpoint, capsys):
    command.main(tiny_checkpoint)
    printed = capsys.readouterr()
    first = printed.out.splitlines()[1]
    assert first.startswith("layer1.0")
    assert "0 % → 100 %" in first
    assert says(printed.err, "layer1.0 drifted most", "50 %", "no longer look back")


def test_command_prints_unknown_where_the_weights_before_training_are(tmp_path, capsys):
    path = save_moved(tmp_path / "foreign.safetensors", "i3d", known=False)
    command.main(path)
    printed = capsys.readouterr()
    first = printed.out.splitlines()[1]
    assert first.split() == ["layer1.0", "16", "0", "%", "0", "%", "100", "%", "unknown", "unknown"]
    assert "→" not in printed.out
    assert printed.err.startswith("The weights before training are unknown")
    command.main(path, json=True)
    row = json.loads(capsys.readouterr().out)[0]
    assert [row[name] for name in COMPARISONS] == [None] * 9
    assert row["ahead"] == 1


def test_command_prints_the_drift_of_a_kernel_over_space_and_time(tmp_path, capsys):
    command.main(save_moved(tmp_path / "c3d.safetensors", "c3d", known=True), json=True)
    rows = json.loads(capsys.readouterr().out)
    assert [row["block"] for row in rows] == [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert rows[0]["ahead"] == 1
    assert rows[0]["drift"] > 1
    assert all((row["drift"], row["turned"]) == (0, 0) for row in rows[1:])


@pytest.mark.parametrize("name", ["c2d", "tsm"])
def test_command_on_a_network_without_kernels_over_time_says_why(tmp_path, capsys, name):
    command.main(save_tiny(tmp_path / "frames.safetensors", name))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"This network {NO_KERNELS}\n"


def test_command_on_a_network_without_learnable_shifts_prints_an_empty_list(tiny_c2d_checkpoint, capsys):
    command.main(tiny_c2d_checkpoint, json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_command_refuses_a_missing_file_with_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["kernels", str(tmp_path / "none.safetensors")])
    with pytest.raises(SystemExit) as stopped:
        cli.run_command(command.main, prog="python -m analysis.kernels")
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert "none.safetensors" in printed.err
