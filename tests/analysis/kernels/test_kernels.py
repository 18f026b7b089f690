"""Directions and drift of kernels, worked out by hand, and the sentence about them."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.kernels import __main__ as command
from analysis.kernels.drift import NO_KERNELS
from analysis.kernels.headline import headline_of
from analysis.kernels.summary import (
    at_the_end,
    block_names_of,
    has_history,
    has_start,
    most_moved,
    summarise,
)
from analysis.kernels.taps import KINDS, centre_of_mass, kind, tap_sizes
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


AHEAD, BACK, NOW = [0, 0, 1], [1, 0, 0], [0, 1, 0]


def says(sentence: str, *facts: str) -> bool:
    """True if a sentence has all of these facts, in any order."""
    return all(fact in sentence for fact in facts)


def test_centre_of_mass_runs_from_the_previous_frame_to_the_next():
    taps = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [-3, 0, 1], [0, 0, 0]], dtype=np.float32)
    assert centre_of_mass(taps).tolist() == [-1, 0, 1, -0.5, -0.5, 0]


@pytest.mark.parametrize(
    ("taps", "centre", "expected"),
    [
        ([0, 0, 0, 1, 0], 1, "ahead"),  # the next frame alone, of a kernel that reaches two
        ([1, 0, 0, 0, 0], -2, "back"),
        ([0, 0, 1, 0, 0, 0, 0], -1, "back"),
        ([0, 0, 0, 0, 0, -1, 1], 2.5, "subtracts"),  # the sign of a tap does not count for the centre
        ([1, 1, 1, 1, 1], 0, "averages"),
        ([-1, 0, 1], 0, "subtracts"),  # its centre is on a frame that it does not read
        ([0, 0, 5, 0, 1], 1 / 3, "now"),
        ([0, 0, 0, 0, 0], 0, "silent"),
        ([0, 0, 1, 0, math.nan], math.nan, "undefined"),
    ],
)
def test_the_centre_of_mass_is_a_measure_and_not_what_an_output_does(taps, centre, expected):
    kernel = np.array([[taps]], dtype=np.float32)
    assert centre_of_mass(tap_sizes(kernel)).tolist() == [pytest.approx(centre, nan_ok=True)]
    assert kind(kernel).tolist() == [expected]


def test_a_kernel_without_a_tap_for_the_present_is_refused():
    with pytest.raises(ValueError, match="odd number of taps, the present in the middle; got 4"):
        centre_of_mass(np.zeros((2, 4), dtype=np.float32))


def test_at_initialisation_half_of_the_outputs_look_ahead_and_half_back():
    weight = temporal_shift_weight(8, 4).numpy()
    rows = summarise([KernelHistory(layer="layer1.0", steps=np.array([0]), weights=weight[None])])
    row = rows.iloc[0]
    assert (row["back"], row["now"], row["ahead"], row["drift"], row["cosine"]) == (0.5, 0, 0.5, 0, 1)


def test_summary_has_a_row_for_each_layer_and_snapshot_with_hand_worked_numbers():
    start = [[AHEAD], [AHEAD], [BACK], [BACK]]
    # Two outputs change: one that looked ahead reads the current frame, one that looked back has only zeros.
    later = [[AHEAD], [NOW], [[0, 0, 0]], [BACK]]
    rows = summarise([history(start, later), history(start, layer="layer2.1.conv2.temporal.shift")])
    assert rows["block"].tolist() == ["layer1.0", "layer1.0", "layer2.1"]
    assert rows["step"].tolist() == [0, 100, 0]
    last = rows.iloc[1]
    assert (last["outputs"], last["silent"], last["undefined"]) == (4, 1, 0)
    assert (last["back"], last["now"], last["ahead"], last["combined"]) == (0.25, 0.25, 0.25, 0)
    assert (last["back0"], last["now0"], last["ahead0"]) == (0.5, 0, 0.5)
    assert [last[f"stopped_{name}"] for name in ("back", "now", "ahead")] == [1, 0, 1]
    assert [last[f"began_{name}"] for name in ("back", "now", "ahead")] == [0, 1, 0]
    assert last["changed"] == 2
    # Centres 1, 1, -1, -1 become 1, 0, 0, -1.
    assert last["centre_shift"] == 0.5
    assert last["centre_of_mass"] == 0
    # W - W0 has entries 1, -1 (the second output) and -1 (the third): |W - W0| = sqrt(3), |W0| = 2, |W| = sqrt(3).
    assert last["drift"] == pytest.approx(math.sqrt(3) / 2)
    # W · W0 = 2, from the first and the last output.
    assert last["cosine"] == pytest.approx(2 / (2 * math.sqrt(3)))


def test_summary_equals_a_plain_loop_over_outputs():
    weights = temporal_shift_weight(12, 6).numpy() + 0.4 * torch.randn(5, 12, 6, 3, 1).numpy()
    rows = summarise([KernelHistory(layer="layer1.0", steps=np.arange(5), weights=weights)], "summed")
    for snapshot, row in zip(weights, rows.to_dict("records"), strict=True):
        kinds = []
        for kernel in snapshot.astype(float):
            taps = [sum(float(one[tap, 0]) for one in kernel) for tap in range(3)]
            mass = sum(map(abs, taps))
            largest = max(range(3), key=lambda tap, taps=taps: abs(taps[tap]))
            if abs(sum(taps)) < mass / 3:
                kinds.append("subtracts")
            elif abs(taps[largest]) > mass / 2:
                kinds.append(("back", "now", "ahead")[largest])
            else:
                kinds.append("averages" if abs(sum(taps)) >= 2 * mass / 3 else "mixed")
        assert [row[name] for name in KINDS] == [pytest.approx(kinds.count(name) / 12) for name in KINDS]
        assert row["combined"] == pytest.approx(row["averages"] + row["subtracts"] + row["mixed"])


def test_no_history_gives_an_empty_table_with_all_columns():
    rows = summarise([])
    assert rows.empty
    assert list(rows.columns) == list(summarise([history([[AHEAD]])]).columns)


def test_the_headline_counts_what_outputs_do_and_what_changed_by_every_reading():
    still = history([[AHEAD], [BACK]], [[AHEAD], [BACK]])
    moved = history([[AHEAD], [BACK], [BACK]], [[NOW], [BACK], [BACK]], layer="layer3.1.conv2.temporal.shift")
    # One input: all readings agree. A random change of length sqrt(2) of nine weights changes 0 to 3 of 3 outputs.
    assert headline_of([still, moved]) == (
        "By energy, 3 of 5 output channels look back, 1 reads the current frame and 1 looks ahead; the largest count "
        "is looking back in layer3.1. Training changed what 1 does (no more than by chance, 0 to 3): 1 of 2 stopped "
        "looking ahead; by own channel and by the sum over inputs 1 (no more than by chance, 0 to 3)."
    )


def test_the_headline_speaks_of_the_last_snapshot_alone():
    there_and_back = history([[AHEAD], [BACK]], [[BACK], [BACK]], [[AHEAD], [BACK]])
    other = history([[AHEAD], [BACK]], [[AHEAD], [BACK]], [[AHEAD], [NOW]], layer="layer2.0.shift")
    assert says(headline_of([there_and_back, other]), "Training changed what 1 does", "1 of 2 stopped looking back")
    assert headline_of([there_and_back, other], snapshot=1).startswith("At step 100: By energy")


def test_the_headline_says_when_no_output_does_anything_else():
    start = [[AHEAD], [BACK]]
    histories = [history(start, [[[0, 0, 1.5]], [BACK]]), history(start, start, layer="layer2.0.shift")]
    # |W - W0| = 0.5 and |W0| = sqrt(2).
    nothing = "Training changed none, by any reading."
    assert says(headline_of(histories), "layer1.0 has the largest drift, 0.354", nothing, "equally many in every layer")


def test_the_headline_says_what_each_reading_sees_where_they_differ():
    start = temporal_shift_weight(8, 8).numpy()
    now = start.copy()
    now[:, :, 1] += 0.3  # the sums read (0, 2.4, 1); the energies 1 and sqrt(8 * 0.09) = 0.85
    layer = KernelHistory(layer="layer1.0", steps=np.array([0, 9]), weights=np.stack([start, now]))
    by_energy, by_sum = headline_of([layer]), headline_of([layer], "summed")
    assert says(
        by_energy, "4 of 8 output channels look back and 4 look ahead", "none; by the sum over inputs 8 (by ch", "drift"
    )
    assert says(by_energy, ", by own channel none. layer1.0 has a drift of")
    assert "drift" not in by_sum
    assert says(by_sum, "8 of 8 output channels read the current frame", "Training changed what 8 do (")
    assert says(by_sum, "4 of 4 stopped looking back, 4 of 4 looking ahead; by energy and by own channel none.")


def test_what_combines_by_a_reading_that_alone_sees_a_change_is_counted_with_its_layer():
    start = temporal_shift_weight(8, 8).numpy()
    weights = np.stack([start, start])
    weights[1, :3] += 0.2  # the sums read (1.6, 1.6, 2.6), an average; by energy the tap of 1 still dominates
    first, still = (
        KernelHistory(layer=name, steps=np.array([0, 9]), weights=weights[[0, last]])
        for name, last in (("layer1.0", 1), ("layer2.0", 0))
    )
    second = replace(first, layer="layer3.0")
    assert says(headline_of([first, still]), "; 3 combine frames in layer1.0), by own channel none")
    assert says(headline_of([first, second]), "; 6 combine frames), by own channel none")
    more = weights.copy()
    more[1, 3:5] += 0.2
    second = replace(second, weights=more)
    assert says(headline_of([first, second]), "; 8 combine frames, 5 of them in layer3.0), by own channel none")
    # Of a part of the layers no number would be that of the network.
    assert "combine" not in headline_of([first, history([[NOW]], layer="layer4.0", known=False)])
    assert "combine" not in headline_of([first, second], "summed").split("; by")[-1]


def test_the_headline_on_kernels_without_drift_says_so():
    start = [[AHEAD], [BACK]]
    first, second = history(start, start), history(start, start, layer="layer2.0.shift")
    assert headline_of([first, second]).endswith("No layer has drifted.")
    assert headline_of([first]).endswith("layer1.0 has a drift of 0.")


def test_the_largest_drift_is_that_of_the_last_snapshots():
    start = [[AHEAD], [BACK]]
    early = history(start, [[BACK], [NOW]], start)
    late = history(start, start, [[AHEAD], [NOW]], layer="layer2.0.shift")
    broken = history(start, start, [[[math.nan, 0, 0]], [BACK]], layer="layer3.0.shift")
    assert most_moved(summarise([early, late, broken])) == "layer2.0.shift"
    assert most_moved(summarise([broken])) == "layer3.0.shift"
    assert at_the_end(summarise([early, late]))["step"].tolist() == [200, 200]
    with pytest.raises(ValueError, match="no temporal kernels"):
        most_moved(summarise([]))


def test_the_headline_on_one_layer_compares_it_with_nothing():
    start = [[AHEAD], [BACK]]
    changed = headline_of([history(start, [[NOW], [BACK]])])
    assert says(changed, "1 of 1 stopped looking ahead")
    assert not says(changed, "largest")
    assert says(headline_of([history(start, [[[0, 0, 2]], [BACK]])]), "layer1.0 has a drift of 0.707.")


def test_the_headline_on_a_network_without_learnable_shifts_says_so():
    assert headline_of([]) == f"This network {NO_KERNELS}"


def test_the_headline_names_the_layers_whose_weights_are_not_numbers():
    start = [[AHEAD], [BACK]]
    broken = history(start, [[[math.nan, 0, 0]], [BACK]])
    moved = history(start, [[AHEAD], [AHEAD]], layer="layer2.0.shift")
    row = summarise([broken]).iloc[1]
    assert (row["undefined"], row["back"], row["now"], row["ahead"]) == (1, 0.5, 0, 0)
    assert math.isnan(row["drift"])
    headline = headline_of([broken, moved])
    assert says(
        headline, "Training changed what 1 does", "of 2 output", "The weights of layer1.0 contain NaN or infinity."
    )
    assert headline_of([broken]).startswith("Nothing can be said")


COMPARISONS = ["back0", "now0", "ahead0", "stopped_back", "began_now", "changed", "centre_shift", "drift", "cosine"]


def test_comparisons_with_an_unknown_start_are_nan_and_all_else_is_a_number():
    [row] = summarise([history([[AHEAD], [NOW]], known=False)]).to_dict("records")
    assert all(math.isnan(row[name]) for name in COMPARISONS)
    assert (row["back"], row["now"], row["ahead"], row["outputs"], row["centre_of_mass"]) == (0, 0.5, 0.5, 2, 0.5)


def test_the_headline_on_an_unknown_start_says_so_and_what_the_layers_do_now():
    still = history([[NOW], [BACK], [NOW]], known=False)
    ahead = history([[AHEAD], [AHEAD], [BACK]], layer="layer3.1.conv1", known=False)
    assert headline_of([still, ahead]) == (
        "By energy, 2 of 6 output channels look back, 2 read the current frame and 2 look ahead; the largest count is "
        "reading the current frame in layer1.0 and looking ahead in layer3.1. The weights before training are unknown, "
        "and so is what training changed there."
    )
    assert most_moved(summarise([still, ahead])) == "layer3.1.conv1"
    assert headline_of([history([[NOW]], known=False)]).startswith("By energy, 1 of 1 output channel reads the current")


def test_the_headline_on_a_network_of_which_one_start_is_unknown_names_that_layer():
    moved = history([[AHEAD], [BACK]], [[AHEAD], [NOW]])
    new = history([[AHEAD]], layer="layer2.0.conv1", known=False)
    # |W - W0| = sqrt(2), as is |W0|.
    unknown = "The weights of layer2.0 before training are unknown"
    assert says(headline_of([moved, new]), "1 of 1 stopped looking back", unknown)
    rows = summarise([moved, new])
    assert most_moved(rows) == moved.layer
    assert has_start(rows).tolist() == [True, True, False]


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
    assert (rows[0]["step"], rows[0]["back0"], rows[0]["now"], rows[0]["ahead"]) == (3, 0.5, 1, 0)
    assert (rows[1]["now"], rows[1]["drift"]) == (0, 0)


def test_command_prints_a_table_and_the_finding(tiny_checkpoint, capsys):
    command.main(tiny_checkpoint)
    printed = capsys.readouterr()
    first = printed.out.splitlines()[1]
    assert first.startswith("layer1.0")
    assert "0 → 4" in first
    assert says(printed.err, "4 read the current frame", "Training changed what 4 do")


def test_command_says_what_real_inputs_show_where_their_moments_are_stored(capsys):
    shipped = Path(command.__file__).parents[2] / "checkpoints" / "gte-tiny.safetensors"
    command.main(shipped)
    assert says(capsys.readouterr().err, "by the sum over inputs 54", "by real inputs 36 (by chance")


def test_command_prints_unknown_where_the_weights_before_training_are(tmp_path, capsys):
    path = save_moved(tmp_path / "foreign.safetensors", "i3d", known=False)
    command.main(path)
    printed = capsys.readouterr()
    first = printed.out.splitlines()[1]
    assert first.split() == ["layer1.0", "16", "0", "0", "16", "0", "0", "0", *["unknown"] * 3]
    assert "→" not in printed.out
    assert "The weights before training are unknown" in printed.err
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
    assert all((row["drift"], row["changed"]) == (0, 0) for row in rows[1:])


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
