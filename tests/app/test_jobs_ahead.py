"""What a reader is told, before asking for work, that it may have to wait for."""

import threading

from streamlit.testing.v1 import AppTest

from app import jobs
from app.jobs import Queue, Report
from tests.app.test_jobs import HELD, SECONDS


def test_who_would_have_to_wait_is_told_before_asking():
    queue, go_on = Queue(), threading.Event()

    def work(report: Report) -> None:
        assert go_on.wait(SECONDS)
        report(0.5, "")

    def told(key: str) -> str:
        return jobs.what_is_before(key, queue.under_way())

    assert not queue.under_way()
    first = queue.start("theirs", work, "another")
    assert told("mine").startswith("Another job is at work on this server")
    assert "you would get the same result" in told("theirs")
    assert jobs.what_is_before("mine", queue.under_way(), num_own=1).startswith("What you asked for before")
    second = queue.start("also theirs", work, "another")
    assert told("mine").startswith("2 other jobs")
    # What nobody wants any more ends by itself.
    second.leave("another")
    assert list(queue.under_way()) == ["theirs"]
    go_on.set()
    assert all(job.wait(SECONDS) for job in (first, second))
    assert not queue.under_way()


def test_a_page_says_what_its_job_would_wait_for_and_a_reader_can_give_up_an_earlier_one():
    def script():
        from app import jobs
        from tests.app.test_jobs import HELD

        jobs.offer("asked for before", "Count", HELD, at_once=True)

    HELD.began.clear()
    HELD.may_end.clear()
    theirs = jobs.queue().start("asked for by another", HELD, "another")
    app = AppTest.from_function(offer_another, default_timeout=SECONDS).run()
    assert "Another job is at work on this server: yours may have to wait" in app.caption[0].value
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
    """A page that offers what nobody has asked for yet."""
    from app import jobs

    jobs.offer("another", "Count", lambda report: 1)
