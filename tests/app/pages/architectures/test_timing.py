"""Speed on this machine: the page Architectures with a measurement that was made for the test."""

import threading
from dataclasses import replace

from analysis.timing import process
from analysis.timing.plan import Measurement, Plan, Timed
from analysis.timing.table import table
from app import jobs
from app.pages.architectures import timing as timing_view
from gte.errors import MeasurementError
from gte.models import ClipShape
from tests.app.opening import SMALL, open_page, sentences

SECONDS = 30


def made_up(plan: Plan, report: jobs.Report) -> Measurement:
    """What a process that measures would answer."""
    report(0.5, "GTE, round 1 of 1")
    return Measurement(
        plan=plan,
        timed=tuple(
            Timed(name=name, label=name.upper(), clip=plan.clip, at_native=False, seconds=(0.1,) * plan.rounds)
            for name in plan.names
        ),
        untimed=(),
        machine="a machine, 2 cores",
        torch_version="2.9",
        date="2030-01-02T03:04:05+00:00",
    )


def opened(**query: str):
    return open_page("architectures", **SMALL, compared="C2D", view="Speed on this machine", **query)


def click(at, label: str):
    [button] = [button for button in at.button if button.label == label]
    return button.click().run()


def medians(at) -> list[float]:
    """The milliseconds in the table of the measurement, which are numbers, so that a click on their heading sorts."""
    return next(frame.value["Median"].tolist() for frame in at.dataframe if "Median" in frame.value)


def ended() -> None:
    for job in list(jobs.queue().jobs.values()):
        assert job.over.wait(SECONDS)


def test_nothing_is_measured_until_it_is_asked_for_and_it_is_said_how_long_it_takes(folders, monkeypatch):
    monkeypatch.setattr(process, "run_in_child", made_up)
    at = opened(rounds="3")
    assert not at.exception
    assert any("About 10 seconds" in caption.value for caption in at.caption)
    assert not jobs.queue().jobs
    click(at, "Measure speed")
    ended()
    at.run()
    assert not at.exception
    assert any("3 rounds" in caption.value and "a machine" in caption.value for caption in at.caption)
    assert medians(at) == [100]


def test_a_measurement_made_again_takes_the_place_of_the_first_for_every_reader(folders, monkeypatch):
    took, go_on = iter([0.1, 0.2, 0.3]), threading.Event()

    def measured(plan: Plan, report: jobs.Report) -> Measurement:
        seconds = next(took)
        if seconds > 0.1:
            assert go_on.wait(SECONDS)
        first = made_up(plan, report)
        return replace(first, timed=tuple(replace(one, seconds=(seconds,)) for one in first.timed))

    monkeypatch.setattr(process, "run_in_child", measured)
    at = click(opened(), "Measure speed")
    ended()
    at.run()
    click(at, "Measure again")
    # The first one stays in sight until the second is there, and where the second is cancelled.
    assert medians(at) == [100]
    click(at, "Cancel")
    go_on.set()
    ended()
    at.run()
    assert medians(at) == [100]
    assert any("no result was kept" in caption.value for caption in at.caption)
    click(at, "Measure again")
    ended()
    at.run()
    # The cancelled one may have begun, or not.
    assert medians(at) in ([200], [300])
    assert medians(opened()) == medians(at)
    assert [button.label for button in at.button] == ["Present", "Figures for a paper (ZIP)", "Measure again"]


def test_a_measurement_that_failed_is_reported_in_one_sentence_and_can_be_tried_again(folders, monkeypatch):
    def failing(plan: Plan, report: jobs.Report) -> Measurement:
        raise MeasurementError("The process that measured ended early.")

    monkeypatch.setattr(process, "run_in_child", failing)
    at = click(opened(), "Measure speed")
    ended()
    at.run()
    assert not at.exception
    assert "The process that measured ended early." in sentences(at)
    assert any(button.label == "Measure speed" for button in at.button)


def test_a_number_of_rounds_that_a_link_cannot_have_is_reported(folders):
    assert any("number of rounds “0”" in text for text in sentences(opened(rounds="0")))


def test_every_number_of_a_measurement_is_written_for_people_and_sorts_as_a_number():
    plan = Plan(names=("c2d", "gte"), clip=ClipShape(2, 32, 32), rounds=5)
    measured = made_up(plan, lambda part, text: None)
    measured = replace(measured, timed=(measured.timed[0], replace(measured.timed[1], peak_bytes=9_900_000)))
    rows = timing_view.rows(table(measured, {"c2d": 23_000_000_000, "gte": 9_900_000}))
    assert rows.data.drop(columns="Network").dtypes.unique().tolist() == ["Float64"]
    assert rows.data.sort_values("MACs")["Network"].tolist() == ["GTE", "C2D"]
    written = rows.to_html()
    assert all(f">{text}</td>" in written for text in ("100 ms", "9.9 MB", "23.00 G", "9.90 M", ""))
