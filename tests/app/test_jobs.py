import itertools
import threading
import time

import pytest
from streamlit.testing.v1 import AppTest

from app import jobs, layout
from app.jobs import Queue, Report
from app.turns import Turns

SECONDS = 30


def wait_until_waiting(queue: Queue, count: int) -> None:
    """Return when so many jobs wait for their turn; their threads take a moment to begin."""
    deadline = time.monotonic() + SECONDS
    while len(queue._turns._waiting) != count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Clock:
    """A clock that a test puts on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def queue_with_clock() -> tuple[Queue, Clock]:
    clock = Clock()
    return Queue(turns=Turns(first_seconds=10, least_seconds=1, clock=clock)), clock


def test_a_job_gives_its_result_and_is_found_again():
    queue = Queue()
    job = queue.start("key", lambda report: 7, "reader")
    assert job.wait(SECONDS)
    assert (job.state, job.result) == ("done", 7)
    assert queue.find("key") is job
    assert queue.start("key", lambda report: 8, "another") is job


def test_one_job_runs_at_a_time_in_the_order_asked_for():
    queue, go_on, order = Queue(), threading.Event(), []

    def work(name: str, report: Report) -> None:
        assert go_on.wait(SECONDS)
        order.append(name)

    started = []
    for number, name in enumerate("abc"):
        started.append(queue.start(name, lambda report, name=name: work(name, report), "reader"))
        wait_until_waiting(queue, number)
    assert queue.find("a") is started[0]  # to look for one does not move it
    assert [queue.ahead_of(job) for job in started] == [0, 1, 2]
    go_on.set()
    assert all(job.wait(SECONDS) for job in started)
    assert order == ["a", "b", "c"]


def test_a_short_job_is_done_before_a_long_one_goes_on_and_no_earlier_than_it_gives_way():
    queue, clock = queue_with_clock()
    began, go_on, seen = threading.Event(), threading.Event(), []

    def long(report: Report) -> str:
        report(0.25, "layer1.0")
        began.set()
        assert go_on.wait(SECONDS)
        report(0.5, "still new")
        seen.append(short.state)
        clock.seconds += 11
        report(0.75, "long by now")
        seen.append(short.state)
        return "long"

    def quick(report: Report) -> str:
        seen.append((first.state, first.part, queue.ahead_of(first)))
        return "short"

    first = queue.start("long", long, "reader")
    assert began.wait(SECONDS)
    short = queue.start("short", quick, "another")
    wait_until_waiting(queue, 1)
    assert queue.ahead_of(short) == 1
    go_on.set()
    assert first.wait(SECONDS)
    assert seen == ["waiting", ("paused", 0.5, 1), "done"]
    assert (first.result, short.result, first.part) == ("long", "short", 0.75)


def test_a_long_job_goes_on_between_short_ones_however_many_are_asked_for():
    queue, clock = queue_with_clock()
    asked, order, shorts = threading.Event(), [], []

    def quick(report: Report) -> None:
        order.append("short")
        if len(shorts) < 5:
            shorts.append(queue.start(f"short {len(shorts)}", quick, "reader"))
            wait_until_waiting(queue, 2)

    def long(report: Report) -> None:
        assert asked.wait(SECONDS)
        clock.seconds += 11
        while not (len(shorts) == 5 and shorts[-1].is_over()):
            order.append("long")
            clock.seconds += 2
            report(0.5, "")

    job = queue.start("long", long, "reader")
    shorts.append(queue.start("short", quick, "reader"))
    asked.set()
    assert job.wait(SECONDS)
    assert order.count("short") == 5
    assert ("short", "short") not in list(itertools.pairwise(order))


def test_long_jobs_end_one_after_another_in_the_order_asked_for():
    queue, clock = queue_with_clock()
    began, both, order = threading.Event(), threading.Event(), []

    def work(name: str, report: Report) -> None:
        began.set()
        assert both.wait(SECONDS)
        for part in range(10):
            clock.seconds += 3
            order.append(name)
            report(part / 10, "")

    first = queue.start("a", lambda report: work("a", report), "reader")
    assert began.wait(SECONDS)
    second = queue.start("b", lambda report: work("b", report), "reader")
    wait_until_waiting(queue, 1)
    both.set()
    assert all(job.wait(SECONDS) for job in (first, second))
    # The second is new at first and has its 10 seconds, then it waits until the first is done.
    assert "".join(order) == "aaaa" + "bbbb" + "aaaaaa" + "bbbbbb"


def test_nothing_goes_before_the_end_of_a_measurement():
    queue, clock = queue_with_clock()
    began, go_on, order = threading.Event(), threading.Event(), []

    def measure(report: Report) -> None:
        began.set()
        assert go_on.wait(SECONDS)
        for part in range(5):
            clock.seconds += 11
            report(part / 5, "")
        order.append("measured")

    measurement = queue.start("time", measure, "reader", unbroken=True)
    assert began.wait(SECONDS)
    short = queue.start("short", lambda report: order.append("short"), "reader")
    wait_until_waiting(queue, 1)
    go_on.set()
    assert all(job.wait(SECONDS) for job in (measurement, short))
    assert order == ["measured", "short"]


def test_a_paused_job_that_nobody_wants_ends_without_waiting_for_its_turn():
    queue, clock = queue_with_clock()
    began, go_on = threading.Event(), threading.Event()

    def long(report: Report) -> None:
        began.set()
        wait_until_waiting(queue, 1)
        clock.seconds += 11
        report(0.5, "")

    job = queue.start("long", long, "reader")
    assert began.wait(SECONDS)
    short = queue.start("short", lambda report: go_on.wait(SECONDS), "reader")
    wait_until_waiting(queue, 1)
    while short.state != "running":
        time.sleep(0.001)
    assert job.state == "paused"
    job.leave("reader")
    assert job.wait(SECONDS)
    assert (job.state, short.state) == ("cancelled", "running")
    go_on.set()
    assert short.wait(SECONDS)
    assert short.state == "done"


def test_what_is_reported_is_seen_while_it_runs():
    queue, told, go_on = Queue(), threading.Event(), threading.Event()

    def work(report: Report) -> None:
        report(0.25, "layer1.0")
        told.set()
        assert go_on.wait(SECONDS)

    job = queue.start("key", work, "reader")
    assert told.wait(SECONDS)
    assert (job.state, job.part, job.text) == ("running", 0.25, "layer1.0")
    go_on.set()
    assert job.wait(SECONDS)


def test_a_cancelled_job_ends_at_its_next_report_and_can_be_asked_for_anew():
    queue, started, go_on = Queue(), threading.Event(), threading.Event()

    def work(report: Report) -> str:
        started.set()
        assert go_on.wait(SECONDS)
        report(0.5, "")
        return "never"

    job = queue.start("key", work, "reader")
    assert started.wait(SECONDS)
    job.leave("reader")
    go_on.set()
    assert job.wait(SECONDS)
    assert (job.state, job.result) == ("cancelled", None)
    again = queue.start("key", work, "reader")
    assert again.wait(SECONDS)
    assert again.result == "never"


def test_what_was_cancelled_and_has_not_ended_yet_is_started_anew_when_asked_again():
    queue, started, go_on = Queue(), threading.Event(), threading.Event()

    def slow(report: Report) -> str:
        started.set()
        assert go_on.wait(SECONDS)
        report(0.5, "")
        return "the first"

    first = queue.start("key", slow, "reader")
    assert started.wait(SECONDS)
    first.leave("reader")
    assert not first.is_over()
    second = queue.start("key", lambda report: "the second", "reader")
    assert second is not first
    assert queue.find("key") is second
    go_on.set()
    assert first.wait(SECONDS)
    assert second.wait(SECONDS)
    assert (first.state, first.result) == ("cancelled", None)
    assert (second.state, second.result) == ("done", "the second")


def test_a_job_goes_on_as_long_as_one_reader_wants_it():
    queue, go_on = Queue(), threading.Event()

    def work(report: Report) -> int:
        assert go_on.wait(SECONDS)
        report(1.0, "")
        return 1

    job = queue.start("key", work, "first")
    queue.start("key", work, "second")
    job.leave("first")
    go_on.set()
    assert job.wait(SECONDS)
    assert job.state == "done"


@pytest.mark.parametrize(
    ("error", "told"), [(ValueError("The clip is too short."), "The clip is too short"), (ZeroDivisionError(), "")]
)
def test_an_error_becomes_a_sentence_and_the_next_job_runs(error, told):
    def work(report: Report) -> None:
        raise error

    queue = Queue()
    job = queue.start("key", work, "reader")
    assert job.wait(SECONDS)
    assert job.state == "failed"
    assert job.told.startswith(told or layout.DEFECT)
    after = queue.start("other", lambda report: 3, "reader")
    assert after.wait(SECONDS)
    assert after.result == 3


def test_old_results_are_dropped_and_what_still_runs_is_not(monkeypatch):
    monkeypatch.setattr(jobs, "MOST_KEPT", 2)
    queue = Queue()
    for name in "abc":
        assert queue.start(name, lambda report: 1, "reader").wait(SECONDS)
    assert queue.find("a") is None
    assert queue.find("c") is not None


def test_a_page_cancels_work_leaves_it_and_has_it_done_anew():
    def script():
        import streamlit as st

        from app import jobs
        from tests.app.test_jobs import HELD

        if st.button("Leave"):
            jobs.leave("held")
            st.stop()
        st.write(f"{jobs.offer('held', 'Count', HELD, at_once=True)}")

    HELD.began.clear()
    HELD.may_end.clear()
    begun = jobs.queue().start("held", HELD, "somebody else")
    app = AppTest.from_function(script, default_timeout=SECONDS).run()
    assert jobs.queue().find("held") is begun
    begun.leave("somebody else")
    assert not begun.is_unwanted()
    assert HELD.began.wait(SECONDS)
    [cancel] = [button for button in app.button if button.label == "Cancel"]
    cancel.click().run()
    assert begun.is_unwanted()
    assert app.caption[0].value == "Cancelled; nothing was kept of it."
    [again] = [button for button in app.button if button.label == "Count"]
    again.click().run()
    second = jobs.queue().find("held")
    assert second is not None
    assert second is not begun
    app.button[0].click().run()
    assert second.is_unwanted()
    # Who only looked elsewhere for a while need not ask again.
    app.run()
    third = jobs.queue().find("held")
    assert third is not None
    assert third is not second
    HELD.may_end.set()
    assert all(job.wait(SECONDS) for job in (begun, second, third))
    assert [job.state for job in (begun, second, third)] == ["cancelled", "cancelled", "done"]
    app.run()
    assert app.markdown[-1].value == "1"
    assert not app.exception


class Held:
    """Work that waits to be let go."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self, report: Report) -> int:
        self.began.set()
        assert self.may_end.wait(SECONDS)
        report(0.5, "")
        return 1


HELD = Held()


def test_a_page_offers_work_and_draws_its_result():
    def script():
        import streamlit as st

        from app import jobs

        result = jobs.offer("a job of a test", "Count", lambda report: 41 + 1)
        if result is not None:
            st.write(f"counted {result}")

    app = AppTest.from_function(script, default_timeout=SECONDS).run()
    app.button[0].click().run()
    job = jobs.queue().find("a job of a test")
    assert job is not None
    assert job.wait(SECONDS)
    app.run()
    assert not app.exception
    assert app.markdown[0].value == "counted 42"
    assert not app.button


@pytest.mark.parametrize(("comes_back", "state"), [(False, "cancelled"), (True, "done")])
def test_work_whose_readers_have_closed_their_windows_ends_unless_one_comes_back(comes_back, state):
    here = {"reader"}
    queue, started, left = Queue(here.__contains__, seconds_of_grace=0.0), threading.Event(), threading.Event()

    def work(report: Report) -> int:
        started.set()
        assert left.wait(SECONDS)
        report(0.5, "")
        return 7

    job = queue.start("key", work, "reader")
    assert started.wait(SECONDS)
    here.clear()
    if comes_back:
        here.add("another")
        assert queue.start("key", work, "another") is job
    left.set()
    assert job.wait(SECONDS)
    assert job.state == state
    assert job.is_unwanted() is not comes_back
