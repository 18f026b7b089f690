"""Timing: its arithmetic by hand, with clocks that show given times, and the process that does it."""

import json
import sys
import textwrap
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch

from analysis.timing import __main__, plan, process, stopwatch
from analysis.timing.cards import timing_card
from analysis.timing.figures import time_against_macs
from analysis.timing.plan import Measurement, Plan, Timed, Untimed
from analysis.timing.table import finding, reference_of, table, what_was_measured
from gte.cli import run_command
from gte.errors import MeasurementError
from gte.models import ClipShape
from tests.plots import traces

SMALL = ClipShape(2, 32, 32)
TINY = Plan(
    names=("c2d", "gte"), options=(("depth", 26), ("base_width", 16)), clip=SMALL, rounds=2, memory=False, threads=1
)
MACS = {"c2d": 1000, "tsm": 1000, "gte": 800}


def measured(**seconds: tuple[float, ...]) -> Measurement:
    labels = {"c2d": "C2D", "tsm": "TSM", "gte": "GTE"}
    return Measurement(
        plan=replace(TINY, names=tuple(seconds), rounds=len(next(iter(seconds.values())))),
        timed=tuple(
            Timed(name=name, label=labels[name], clip=SMALL, at_native=False, seconds=times, peak_bytes=2_000_000)
            for name, times in seconds.items()
        ),
        untimed=(Untimed(name="c3d", label="C3D", reason="It has no channels."),),
        machine="a machine, 2 cores",
        torch_version="2.9",
        date="2030-01-02T03:04:05+00:00",
    )


def test_each_round_begins_with_another_job_and_the_first_one_does_not_count():
    order: list[str] = []
    calls: list[tuple[int, str]] = []
    ticks = count()
    jobs = {name: lambda name=name: order.append(name) for name in "abc"}
    seconds = stopwatch.measure(
        jobs, 4, report=lambda number, name: calls.append((number, name)), clock=lambda: float(next(ticks))
    )
    assert "".join(order) == "abc" + "abc" + "bca" + "cab" + "abc"
    assert [name for _, name in calls] == order
    assert [number for number, _ in calls] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    assert all(times.tolist() == [1.0] * 4 for times in seconds.values())


def test_ratios_are_taken_within_each_round_and_compared_with_those_of_the_macs():
    # The machine runs at half its speed in the second round, at a quarter in the third.
    rows = table(measured(c2d=(0.1, 0.2, 0.4), gte=(0.09, 0.18, 0.36)), MACS).set_index("name")
    assert rows.loc["gte", "milliseconds"] == pytest.approx(180)
    assert (rows.loc["gte", "low"], rows.loc["gte", "high"]) == (pytest.approx(135), pytest.approx(270))
    assert rows.loc["gte", "time_ratio"] == pytest.approx(0.9)
    assert rows.loc["gte", "time_ratio_high"] == pytest.approx(0.9)
    assert rows.loc["gte", "mac_ratio"] == pytest.approx(0.8)
    assert rows.loc["gte", "time_per_mac"] == pytest.approx(0.9 / 0.8)
    assert rows.loc["c2d", "time_per_mac"] == pytest.approx(1)
    assert rows.loc["gte", "training_megabytes"] == pytest.approx(2)
    assert rows.loc["c3d", "note"] == "It has no channels."
    assert set(rows["threads"]) == {1}


def test_the_finding_says_who_takes_longer_than_its_macs():
    sentence = finding(measured(c2d=(0.1,) * 5, tsm=(0.11,) * 5, gte=(0.07,) * 5), MACS)
    assert sentence == (
        "C2D takes 100 ms per pass. GTE takes 0.7 times as long, for 0.8 times the MACs. TSM takes longer than its "
        "MACs would at C2D's rate. GTE does more MACs per second than C2D."
    )


def test_what_may_be_chance_is_not_called_above_the_line():
    sentence = finding(measured(c2d=(0.1,) * 6, tsm=(0.09, 0.12) * 3), MACS)
    assert "longer than" not in sentence
    assert "more MACs" not in sentence
    busy = finding(measured(c2d=(0.1, 0.1, 0.1, 0.2, 0.2), gte=(0.2,) * 5), MACS)
    assert busy.endswith(
        "In the middle half of the rounds it took from 1 to 2 times as long: the machine was busy with something else, "
        "so measure again."
    )
    slowing = finding(measured(c2d=(0.1, 0.1, 0.1, 0.2, 0.2), gte=(0.2, 0.2, 0.2, 0.4, 0.4)), MACS)
    assert "measure again" not in slowing
    assert "GTE takes longer than its MACs would" in slowing
    few = finding(measured(c2d=(0.1,) * 4, gte=(0.2,) * 4), MACS)
    assert few == "C2D takes 100 ms per pass. GTE takes 2 times as long, for 0.8 times the MACs."


def test_without_c2d_the_first_network_is_the_reference():
    rows = table(measured(tsm=(0.2,), gte=(0.1,)), MACS).set_index("name")
    assert rows.loc["gte", "time_ratio"] == pytest.approx(0.5)
    assert finding(measured(tsm=(0.2,)), {}) == "TSM takes 200 ms per pass."


def test_the_line_of_the_scatter_leads_from_the_origin_through_c2d():
    found = measured(c2d=(0.1, 0.3), gte=(0.1, 0.1))
    figure = time_against_macs(table(replace(found, plan=replace(found.plan, batch=2)), MACS))
    line, points = traces(figure)
    assert (line.x[0], line.y[0]) == (0, 0)
    assert line.y[1] / line.x[1] == pytest.approx(200 / 2e-6)  # 200 ms for two clips of 1000 MACs
    assert list(points.y) == pytest.approx([200, 100])
    assert list(points.error_y.array) == pytest.approx([50, 0])
    assert {note["text"] for note in figure.layout.to_plotly_json()["annotations"]} == {"C2D", "GTE"}


def test_a_network_at_its_native_clip_is_neither_drawn_with_others_nor_their_reference():
    found = measured(tsm=(0.2,), gte=(0.1,))
    tsm, gte = found.timed
    mixed = replace(found, timed=(replace(tsm, at_native=True), gte))
    figure = time_against_macs(table(mixed, MACS), reference_of(mixed))
    assert {note["text"] for note in figure.layout.to_plotly_json()["annotations"]} == {"GTE"}
    assert finding(mixed, MACS) == "GTE takes 100 ms per pass."
    alone = replace(found, timed=(replace(tsm, at_native=True),))
    figure = time_against_macs(table(alone, MACS), "tsm")
    assert {note["text"] for note in figure.layout.to_plotly_json()["annotations"]} == {"TSM *"}


def test_names_of_networks_that_cost_nearly_the_same_do_not_cover_each_other():
    seconds = {"c2d": (0.428,), "tsm": (0.435,), "gte": (0.372,)}
    macs = {"c2d": 32_700_000, "tsm": 32_700_000, "gte": 25_340_000}
    notes = time_against_macs(table(measured(**seconds), macs)).layout.to_plotly_json()["annotations"]
    assert len({(note["xanchor"], note.get("yshift")) for note in notes if note["text"] in ("C2D", "TSM")}) == 2


def test_what_was_measured_names_machine_threads_versions_rounds_and_date():
    line = what_was_measured(measured(c2d=(0.1, 0.2)))
    for part in ("2030-01-02 03:04:05", "a machine", "1 thread,", "torch 2.9", "not fused", "2 x 32 x 32", "2 rounds"):
        assert part in line


def test_a_measurement_survives_json():
    found = measured(c2d=(0.1, 0.2), gte=(0.1, 0.3))
    assert plan.from_plain(json.loads(json.dumps(plan.as_plain(found)))) == found


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "10 seconds"), (41, "40 seconds"), (55, "a minute"), (89, "a minute"), (240, "4 minutes"), (7300, "2 hours")],
)
def test_an_estimate_is_rounded_as_people_do(seconds, words):
    assert plan.rounded_time(seconds) == words


def test_the_guess_grows_with_work_and_shrinks_with_threads():
    macs = {"c2d": 10**12}
    one = replace(TINY, names=("c2d",))
    assert plan.seconds_expected(replace(one, rounds=5), macs) > plan.seconds_expected(one, macs)
    assert plan.seconds_expected(replace(one, threads=2), macs) < plan.seconds_expected(one, macs)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rounds": 0}, "rounds must be at least 1; got 0"),
        ({"names": ()}, "There is no network to time"),
        ({"names": ("r2d2",)}, "The networks are c2d"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(TINY, **change)


@pytest.mark.parametrize("fused", [False, True])
def test_a_plan_is_measured_with_progress_and_a_network_that_cannot_be_built_keeps_its_reason(fused, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)  # this process keeps its own
    parts: list[float] = []
    wide = replace(TINY, names=("c2d", "gte"), options=(*TINY.options, ("temporal_share", 0.3)), fused=fused)
    found = plan.run(wide, lambda part, text: parts.append(part))
    assert [(item.name, len(item.seconds)) for item in found.timed] == [("c2d", 2)]
    assert min(found.timed[0].seconds) > 0
    [refused] = found.untimed
    assert "whole number of channels" in refused.reason
    assert parts == sorted(parts)
    assert parts[-1] > 0


def test_a_network_that_takes_no_clip_so_small_is_timed_at_its_own():
    chosen = replace(TINY, names=("c3d_original",))
    config = chosen.config_of("c3d_original")
    assert chosen.clip_of(config) == config.native


@pytest.mark.slow
def test_a_process_of_its_own_measures_times_and_memory():
    threads = torch.get_num_threads()
    texts: list[str] = []
    found = process.run_in_child(replace(TINY, memory=True), lambda part, text: texts.append(text))
    assert [item.name for item in found.timed] == ["c2d", "gte"]
    assert torch.get_num_threads() == threads
    assert any("round 2 of 2" in text for text in texts)
    if stopwatch.measures_memory():
        assert all(item.peak_bytes is not None and item.peak_bytes > 1e6 for item in found.timed)


def script(tmp_path: Path, text: str) -> tuple[str, ...]:
    """A command that stands for the process that measures."""
    path = tmp_path / "child.py"
    path.write_text(textwrap.dedent(text))
    return sys.executable, str(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import sys; sys.exit(7)", r"ended early \(status 7\); choose fewer networks"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"signal 9, as when memory runs out"),
        ("print('a library says hello'); print('{\"refused\": \"It has no channels.\"}')", r"It has no channels\."),
    ],
)
def test_a_process_that_fails_is_reported_in_one_sentence(text, sentence, tmp_path):
    with pytest.raises(MeasurementError, match=sentence):
        process.run_in_child(TINY, lambda part, text: None, script(tmp_path, text))


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(*pids: int) -> None:
    deadline = time.monotonic() + 20
    while any(map(alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc").exists(), reason="asks /proc which processes there are")
def test_a_measurement_that_nobody_wants_ends_at_once_with_all_that_it_started(tmp_path):
    class Unwanted(Exception):
        pass

    command = script(
        tmp_path,
        """
        import json, os, subprocess, sys, time
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(json.dumps({"part": 0.5, "text": f"{os.getpid()} {other.pid}"}), flush=True)
        time.sleep(600)
        """,
    )
    pids: list[int] = []

    def report(part: float, text: str) -> None:
        if part == 0.5:
            pids.extend(map(int, text.split()))
            assert all(map(alive, pids))
            raise Unwanted

    with pytest.raises(Unwanted):
        process.run_in_child(TINY, report, command)
    assert len(pids) == 2
    wait_until_gone(*pids)


@pytest.mark.skipif(not Path("/proc").exists(), reason="asks /proc which processes there are")
def test_the_process_ends_when_whoever_started_it_is_gone():
    endless = replace(TINY, names=("c2d",), rounds=1_000_000)
    with process.started([*process.COMMAND, plan.dumped(endless)]) as child:
        assert child.stdout is not None
        assert "part" in child.stdout.readline()
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(20) != 0


def test_the_card_has_its_numbers_and_code_that_compiles():
    card = timing_card(measured(c2d=(0.1,), gte=(0.1,)), MACS)
    assert card.table is not None
    assert list(card.table["name"]) == ["c2d", "gte", "c3d"]
    compile(card.code, "snippet", "exec")
    assert "names=('c2d', 'gte')" in card.code


def shell(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    monkeypatch.setattr(sys, "argv", ["timing", *arguments])
    run_command(__main__.main, prog="python -m analysis.timing")


QUICK = ("--depth", "26", "--frames", "2", "--size", "32", "--rounds", "1", "--base-width", "16", "--no-memory")


def test_the_command_prints_lines_csv_and_json(monkeypatch, capsys):
    shell(monkeypatch, "--models", "c2d", "gte", *QUICK)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["C2D", "GTE"]
    assert lines[0].startswith("Measured ")
    shell(monkeypatch, "--models", "c2d", *QUICK, "--csv")
    assert capsys.readouterr().out.startswith("name,label,clip,at_native,milliseconds [ms],")
    shell(monkeypatch, "--models", "c2d", *QUICK, "--json")
    printed = json.loads(capsys.readouterr().out)
    assert len(printed["timed"][0]["seconds"]) == 1
    assert printed["macs"]["c2d"] > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--rounds", "0"), "rounds must be at least 1; got 0."),
        (("--threads", "0"), "threads must be at least 1; got 0."),
        (("--models", "r2d2"), "--models takes c2d, "),
        (("--json", "--csv"), "Choose one form of output"),
    ],
)
def test_what_cannot_be_timed_is_refused_with_one_sentence(arguments, sentence, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        shell(monkeypatch, *arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(f"analysis.timing: {sentence}")
