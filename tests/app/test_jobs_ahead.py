"""What a reader is told, before asking for work, that it may have to wait for."""

import threading

from streamlit.testing.v1 import AppTest

from app import jobs
from app.jobs import Queue, Report
from tests.app.test_jobs import HELD, SECONDS


def test_who_would_have_to_wait_is_told_before_asking():
    queue, began, go_on = Queue(), threading.Event(), threading.Event()

    def work(report: Report) -> None:
        began.set()
        assert go_on.wait(SECONDS)
        report(0.5, "")

    def told(key: str, *, unbroken: bool = False, num_own: int = 0) -> str:
        before = queue.in_the_way_of(key, unbroken=unbroken)
        return jobs.what_is_before(key, before, num_own) if before else ""

    assert not told("mine", unbroken=True)
    first = queue.start("theirs", work, "another")
    assert began.wait(SECONDS)
    # What is not measured takes turns with it, but a measurement waits for all that is under way.
    assert not told("mine")
    assert told("mine", unbroken=True).startswith("Another job is at work on this server")
    assert told("mine", unbroken=True, num_own=1).startswith("What you asked for before")
    assert "you would get the same result" in told("theirs")
    second = queue.start("also theirs", work, "another")
    assert told("mine", unbroken=True).startswith("2 other jobs")
    second.leave("another")
    assert list(queue.in_the_way_of("mine", unbroken=True)) == ["theirs"]
    go_on.set()
    assert all(job.wait(SECONDS) for job in (first, second))
    assert not told("mine", unbroken=True)


def test_all_would_wait_for_a_measurement_that_runs():
    queue, began, go_on = Queue(), threading.Event(), threading.Event()

    def measure(report: Report) -> None:
        began.set()
        assert go_on.wait(SECONDS)

    measurement = queue.start("time", measure, "another", unbroken=True)
    assert began.wait(SECONDS)
    assert list(queue.in_the_way_of("mine")) == ["time"]
    go_on.set()
    assert measurement.wait(SECONDS)
    assert not queue.in_the_way_of("mine")


def test_a_page_says_what_its_job_would_wait_for_and_a_reader_can_give_up_an_earlier_one():
    def script():
        from app import jobs
        from tests.app.test_jobs import HELD

        jobs.offer("asked for before", "Count", HELD, at_once=True)

    HELD.began.clear()
    HELD.may_end.clear()
    theirs = jobs.queue().start("asked for by another", HELD, "another")
    app = AppTest.from_function(offer_another, default_timeout=SECONDS).run()
    assert "Another job is at work on this server: yours would wait" in app.caption[0].value
    assert [button.label for button in app.button] == ["Count"]
    theirs.leave("another")
    app.run()
    assert not app.caption
    AppTest.from_function(script, default_timeout=SECONDS).run()
    before = jobs.queue().find("asked for before")
    assert before is not None
    # On another page of the same reader.
    app.run()
    assert "What you asked for before is still at work" in app.caption[0].value
    [give_up] = [button for button in app.button if button.label.startswith("Give up")]
    give_up.click().run()
    assert before.is_unwanted()
    assert [button.label for button in app.button] == ["Count"]
    HELD.may_end.set()
    assert before.wait(SECONDS)
    assert not app.exception


def offer_another():
    """A page that offers a measurement that nobody has asked for yet."""
    from app import jobs

    jobs.offer("another", "Count", lambda report: 1, unbroken=True)
