"""Background jobs: two lanes, joining, progress, cancelling, and what a page shows of them."""

import threading
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from app import jobs, layout
from app.jobs import Lane, Queue, Report

SECONDS = 30


class Held:
    """Work that waits until a test lets it end."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self, report: Report) -> int:
        self.began.set()
        assert self.may_end.wait(SECONDS)
        report(0.5, "half")
        return 1


HELD = Held()


@pytest.fixture
def held():
    """The work of the pages below; a fresh queue keeps its jobs apart from those of other tests."""
    jobs.queue.clear()
    HELD.began, HELD.may_end = threading.Event(), threading.Event()
    yield HELD
    HELD.may_end.set()
    assert all(job.over.wait(SECONDS) for job in jobs.queue().jobs.values())


def finished(*started: jobs.Job) -> list[str]:
    """The states of jobs when all of them are over."""
    assert all(job.over.wait(SECONDS) for job in started)
    return [job.state for job in started]


def page(key, lane, at_once):
    import streamlit as st

    from app import jobs
    from tests.app.test_jobs import HELD

    if st.button("Leave"):
        jobs.leave(key)
        st.stop()
    st.write(f"Result: {jobs.offer(key, 'Count', HELD, lane=lane, at_once=at_once)}")


def open_page(key: str = "key", lane: Lane = "slow", *, at_once: bool = False) -> AppTest:
    app = AppTest.from_function(page, default_timeout=SECONDS, args=(key, lane, at_once))
    return app.run()


def press(app: AppTest, label: str) -> None:
    [button] = [button for button in app.button if button.label == label]
    button.click().run()
    assert not app.exception


def test_a_job_gives_its_result_and_is_joined_by_who_asks_for_the_same():
    queue = Queue()
    job = queue.start("key", lambda report: 7, "visitor")
    assert finished(job) == ["done"]
    assert job.result == 7
    assert queue.start("key", lambda report: 8, "another") is queue.jobs["key"] is job


def test_each_lane_runs_its_jobs_one_at_a_time_in_the_order_of_asking_and_beside_the_other_lane():
    queue, go_on, order = Queue(), threading.Event(), []

    def work(name: str) -> Callable[[Report], None]:
        def run(report: Report) -> None:
            assert go_on.wait(SECONDS)
            order.append(name)

        return run

    slow = [queue.start(name, work(name), "visitor", "slow") for name in "abc"]
    assert [len(queue.ahead("slow", before=job)) for job in slow] == [0, 1, 2]
    assert not queue.ahead("quick")
    quick = queue.start("quick", lambda report: 1, "visitor", "quick")
    assert finished(quick) == ["done"]
    assert not order
    go_on.set()
    assert finished(*slow) == ["done"] * 3
    assert order == ["a", "b", "c"]


def test_nothing_else_runs_during_a_measurement():
    queue, quick, measured = Queue(), Held(), Held()
    before = queue.start("before", quick, "visitor", "quick")
    assert quick.began.wait(SECONDS)
    measurement = queue.start("time", measured, "visitor", "both")
    after = [queue.start(lane, lambda report: measurement.state, "visitor", lane) for lane in ("quick", "slow")]
    assert measurement in queue.ahead("slow", before=after[1])
    assert not measured.began.is_set()
    quick.may_end.set()
    assert measured.began.wait(SECONDS)
    assert before.over.is_set()
    assert measurement in queue.ahead("quick")
    measured.may_end.set()
    assert finished(measurement, after[1]) == ["done", "done"]
    assert after[1].result == "done"
    assert finished(after[0]) == ["done"]


def test_a_quick_job_that_is_asked_for_during_a_measurement_starts_after_it():
    queue, measured = Queue(), Held()
    measurement = queue.start("time", measured, "visitor", "both")
    assert measured.began.wait(SECONDS)
    quick = queue.start("quick", lambda report: measurement.state, "visitor", "quick")
    measured.may_end.set()
    assert finished(quick) == ["done"]
    assert quick.result == "done"


def test_progress_is_seen_while_a_job_runs():
    queue, reported, go_on = Queue(), threading.Event(), threading.Event()

    def work(report: Report) -> None:
        report(0.25, "layer1.0")
        reported.set()
        assert go_on.wait(SECONDS)

    job = queue.start("key", work, "visitor")
    assert reported.wait(SECONDS)
    assert (job.state, job.part, job.text) == ("running", 0.25, "layer1.0")
    go_on.set()
    assert finished(job) == ["done"]


def test_a_cancelled_job_ends_at_its_next_report_and_starts_again_when_asked_for():
    queue, work = Queue(), Held()
    first = queue.start("key", work, "visitor")
    assert work.began.wait(SECONDS)
    first.leave("visitor")
    assert not first.over.is_set()
    assert not queue.ahead("slow")
    second = queue.start("key", lambda report: "the second", "visitor")
    assert queue.jobs["key"] is second is not first
    work.may_end.set()
    assert finished(first, second) == ["cancelled", "done"]
    assert (first.result, second.result) == (None, "the second")


def test_a_job_goes_on_as_long_as_one_visitor_waits_for_it():
    queue, work = Queue(), Held()
    job = queue.start("key", work, "first")
    queue.start("key", work, "second")
    job.leave("first")
    work.may_end.set()
    assert finished(job) == ["done"]


@pytest.mark.parametrize(("comes_back", "state"), [(False, "cancelled"), (True, "done")])
def test_a_job_ends_when_its_visitors_have_closed_the_app_unless_one_comes_back_in_time(comes_back, state):
    here, work = {"visitor"}, Held()
    queue = Queue(here.__contains__, seconds_of_grace=0.0)
    job = queue.start("key", work, "visitor")
    assert work.began.wait(SECONDS)
    here.clear()
    if comes_back:
        here.add("reloaded")
        assert queue.start("key", work, "reloaded") is job
    work.may_end.set()
    assert finished(job) == [state]


def test_a_job_ends_at_once_when_the_server_does():
    ending, work = threading.Event(), Held()
    queue = Queue(is_ending=ending.is_set)
    running, waiting = queue.start("key", work, "visitor"), queue.start("other", work, "visitor")
    assert work.began.wait(SECONDS)
    ending.set()
    work.may_end.set()
    assert finished(running, waiting) == ["cancelled", "cancelled"]


def test_a_job_goes_on_while_its_visitor_reloads():
    queue, work = Queue(lambda visitor: False), Held()
    job = queue.start("key", work, "visitor")
    work.may_end.set()
    assert finished(job) == ["done"]


@pytest.mark.parametrize(
    ("error", "message"), [(ValueError("The clip is too short."), "The clip is too short"), (KeyError(), layout.DEFECT)]
)
def test_an_error_becomes_a_sentence_and_the_next_job_runs(error, message):
    def work(report: Report) -> None:
        raise error

    queue = Queue()
    failing, after = queue.start("key", work, "visitor"), queue.start("other", lambda report: 3, "visitor")
    assert finished(failing, after) == ["failed", "done"]
    assert failing.text.startswith(message)


def test_old_results_are_dropped_and_jobs_that_still_run_are_not(monkeypatch):
    monkeypatch.setattr(jobs, "MAX_JOBS", 2)
    queue, work = Queue(), Held()
    running = queue.start("running", work, "visitor", "quick")
    for name in "abc":
        assert finished(queue.start(name, lambda report: 1, "visitor")) == ["done"]
    assert list(queue.jobs) == ["running", "c"]
    work.may_end.set()
    assert finished(running) == ["done"]


def test_a_page_offers_a_job_and_draws_its_result(held):
    app = open_page()
    held.may_end.set()
    press(app, "Count")
    finished(jobs.queue().jobs["key"])
    app.run()
    assert app.markdown[0].value == "Result: 1"
    assert [button.label for button in app.button] == ["Leave"]


def test_a_page_cancels_its_own_part_in_a_job_and_starts_one_that_was_only_left_again(held):
    theirs = jobs.queue().start("key", held, "another visitor")
    app = open_page(at_once=True)
    assert jobs.queue().jobs["key"] is theirs
    theirs.leave("another visitor")
    assert not theirs.cancelled.is_set()
    press(app, "Cancel")
    assert theirs.cancelled.is_set()
    assert app.caption[0].value == "Cancelled; no result was kept."
    press(app, "Count")
    second = jobs.queue().jobs["key"]
    assert second is not theirs
    press(app, "Leave")
    assert second.cancelled.is_set()
    app.run()
    third = jobs.queue().jobs["key"]
    assert third is not second
    held.may_end.set()
    assert finished(theirs, second, third) == ["cancelled", "cancelled", "done"]
    app.run()
    assert app.markdown[0].value == "Result: 1"


def test_a_page_says_that_a_job_may_have_to_wait_and_cancels_an_earlier_one_of_the_same_visitor(held):
    theirs = jobs.queue().start("theirs", held, "another visitor")
    assert "may have to wait" in open_page(lane="both").caption[0].value
    assert not open_page(lane="quick").caption
    assert "the same result" in open_page("theirs").caption[0].value
    app = open_page()
    assert [button.label for button in app.button] == ["Leave", "Count"]
    open_page("mine", at_once=True)
    app.run()
    assert "2 earlier jobs" in app.caption[0].value
    press(app, "Cancel what I started before")
    assert jobs.queue().jobs["mine"].cancelled.is_set()
    assert not theirs.cancelled.is_set()
    theirs.leave("another visitor")
    app.run()
    assert not app.caption


def test_a_finished_job_runs_again_and_its_old_result_stays_until_then(held):
    def script():
        import streamlit as st

        from app import jobs
        from tests.app.test_jobs import HELD

        result = jobs.offer("key", "Count", lambda report: 0, lane="slow", at_once=True)
        st.write(f"Result: {result}")
        jobs.renew("key", "Count again", HELD, lane="slow")

    app = AppTest.from_function(script, default_timeout=SECONDS).run()
    finished(jobs.queue().jobs["key"])
    press(app.run(), "Count again")
    assert app.markdown[0].value == "Result: 0"
    held.may_end.set()
    finished(jobs.queue().jobs["key", "again"])
    assert app.run().markdown[0].value == "Result: 1"
