"""Work that takes longer than a reader likes to wait: done in the background, one piece at a time for the whole server.

A page offers it, and gets its result once it is there:

    scores = jobs.offer(("need", stamp, layer), "Is it needed?", work)
    if scores is not None:
        draw(scores)

`work(report)` runs in a thread that knows nothing of the page: it takes what it needs with it, calls nothing of
Streamlit's, and says now and then how far it is, `report(0.3, "layer2.0")`, which is also where a cancelled one ends,
and where long work waits while shorter work is done. So it holds no lock while it reports.
What has the same key is the same work, for every reader; a finished result is kept, the last of them at least.
"""

import itertools
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, Literal, TypeVar, cast

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analysis.progress import Report
from app import layout
from app.turns import Claim, Turns
from gte.cli import sentence
from gte.errors import GteError

logger = logging.getLogger(__name__)

MOST_KEPT = 64
"""Finished jobs whose results are kept."""
MOST_BEGUN = 16
"""Jobs that have begun and wait for one another at most: each holds what it works on in memory."""
SECONDS_BETWEEN_LOOKS = 0.5
"""How often a page looks how far a job is."""
SECONDS_BETWEEN_OFFERS = 2.0
"""How often a page that offers work looks whether it would still have to wait for other work."""
SECONDS_OF_GRACE = 20.0
"""How long work goes on after the last window of those who want it was closed: one may only be reloaded."""

State = Literal["waiting", "running", "paused", "done", "failed", "cancelled"]
Result = TypeVar("Result")


class Cancelled(Exception):
    """Raised inside of work that nobody wants any more."""


class Job(Generic[Result]):
    """One piece of work, as all readers who asked for it see it."""

    def __init__(
        self,
        claim: Claim,
        turns: Turns,
        work: "Callable[[Report], Result]",
        is_here: Callable[[str], bool],
        seconds_of_grace: float,
    ) -> None:
        self.claim = claim
        """To compute, which one job does at a time."""
        self.state: State = "waiting"
        self.part = 0.0
        """How much is done, from 0 to 1."""
        self.text = ""
        """What is being done."""
        self.told = ""
        """Why it failed, in one sentence."""
        self.result: Result | None = None
        self.wanted_by: set[str] = set()
        self._work = work
        self._is_here = is_here
        self._seconds_of_grace = seconds_of_grace
        self._seen_at = time.monotonic()
        self._turns = turns
        self._unwanted = threading.Event()
        self._ended = threading.Event()
        claim.is_unwanted = self._unwanted.is_set

    def is_over(self) -> bool:
        """True when nothing about it changes any more."""
        return self._ended.is_set()

    def is_unwanted(self) -> bool:
        """True when every reader has left it; it ends at its next report."""
        return self._unwanted.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is over; False if it is not by then."""
        return self._ended.wait(seconds)

    def leave(self, reader: str) -> None:
        """Note that a reader wants it no longer; when nobody does, it ends at its next report."""
        self.wanted_by.discard(reader)
        if not self.wanted_by:
            self._unwanted.set()

    def run(self) -> None:
        """Do the work in this thread as soon as it is its turn; an error becomes a sentence."""
        try:
            with self._turns.turn(self.claim):
                self.report(0.0)
                self.state = "running"
                self.result = self._work(self.report)
            self.state = "done"
        except Cancelled:
            self.state = "cancelled"
        except (GteError, ValueError, OSError) as error:
            self.state, self.told = "failed", sentence(error)
        except Exception:
            logger.exception("A job failed")
            self.state, self.told = "failed", layout.DEFECT
        finally:
            self._ended.set()

    def report(self, part: float, text: str = "") -> None:
        """Say how far the work is, and let go first what should. Raises Cancelled if nobody wants it any more."""
        if self._turns.is_asked_to_give_way(self.claim):
            self.state = "paused"
            self._turns.give_way(self.claim)
            self.state = "running"
        self._look_for_readers()
        if self._unwanted.is_set():
            raise Cancelled
        self.part, self.text = min(max(part, 0.0), 1.0), text

    def _look_for_readers(self) -> None:
        """Note that nobody wants it when all who did have been gone for some time."""
        now = time.monotonic()
        if any(self._is_here(reader) for reader in tuple(self.wanted_by)):
            self._seen_at = now
        elif now - self._seen_at > self._seconds_of_grace:
            self._unwanted.set()


class Queue:
    """The jobs of a server, one at a time: short ones before long ones, else in the order in which they were asked for.

    `is_here` tells of a reader if a window is still open.
    """

    def __init__(
        self,
        is_here: Callable[[str], bool] = lambda reader: True,
        seconds_of_grace: float = SECONDS_OF_GRACE,
        turns: Turns | None = None,
    ) -> None:
        self._is_here = is_here
        self._seconds_of_grace = seconds_of_grace
        self._jobs: OrderedDict[Hashable, Job[Any]] = OrderedDict()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._turns = turns or Turns()
        self._workers = ThreadPoolExecutor(max_workers=MOST_BEGUN, thread_name_prefix="job")

    def find(self, key: Hashable) -> Job[Any] | None:
        """The job of this key that waits, runs, is done or has failed."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None:
                self._jobs.move_to_end(key)
            return job

    def start(
        self, key: Hashable, work: Callable[[Report], Result], reader: str, *, unbroken: bool = False
    ) -> Job[Result]:
        """Ask for work, or join those who did already. While `unbroken` work runs, none goes before it."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.state in ("cancelled", "failed") or job.is_unwanted():
                claim = Claim(number=next(self._numbers), unbroken=unbroken)
                job = Job(claim, self._turns, work, self._is_here, self._seconds_of_grace)
                self._jobs[key] = job
                job.wanted_by.add(reader)
                self._workers.submit(job.run)
            else:
                job.wanted_by.add(reader)
            over = [old for old, other in self._jobs.items() if other.is_over() and old != key]
            for old in over[: max(0, len(self._jobs) - MOST_KEPT)]:
                del self._jobs[old]
            return job

    def forget(self, key: Hashable) -> None:
        """Drop the job of this key, so that it can be asked for anew."""
        with self._lock:
            self._jobs.pop(key, None)

    def ahead_of(self, job: Job[Any]) -> int:
        """How many jobs come before this one, the running one among them."""
        with self._lock:
            claims = [other.claim for other in self._jobs.values() if not other.is_over()]
        return self._turns.ahead_of(job.claim, claims)

    def in_the_way_of(self, key: Hashable, *, unbroken: bool = False) -> dict[Hashable, Job[Any]]:
        """The jobs that work of this key would wait for to their end, were it asked for now, and the same work itself.

        What nobody wants any more ends by itself.
        """
        with self._lock:
            wanted = {other: job for other, job in self._jobs.items() if not job.is_over() and not job.is_unwanted()}
        return {
            other: job
            for other, job in wanted.items()
            if other == key or unbroken or (job.claim.unbroken and job.state == "running")
        }


@st.cache_resource
def queue() -> Queue:
    """The one queue of this server."""
    return Queue(_has_a_window)


def _has_a_window(reader: str) -> bool:
    # Without a server, as in a test of a page, there is nobody to ask.
    return not runtime.exists() or runtime.get_instance().is_active_session(reader)


def leave(key: Hashable) -> None:
    """Note that the reader of this page wants what has this key no longer; a result that is there stays."""
    job = queue().find(key)
    if job is not None and not job.is_over():
        job.leave(_reader())


def offer(
    key: Hashable,
    label: str,
    work: Callable[[Report], Result],
    *,
    told: str = "",
    at_once: bool = False,
    unbroken: bool = False,
) -> Result | None:
    """A button that starts the work; while it runs, how far it is and a way to cancel it; then its result.

    `told` stands beside the button: what it does and how long it takes. With `at_once` there is no button: the work
    starts when the page is opened, unless this reader has cancelled it. `unbroken` work lets no other in between, as a
    measurement of time must not.
    """
    reader = _reader()
    name = f"job {key}"
    job = queue().find(key)
    if job is not None and job.state == "done":
        return cast(Result, job.result)
    cancelled = f"cancelled {name}"
    # Join what another reader began; begin anew what another one cancelled, or this one only left.
    if at_once and not st.session_state.get(cancelled) and (job is None or job.is_unwanted() or not job.is_over()):
        job = queue().start(key, work, reader, unbroken=unbroken)
    if job is not None and not job.is_over() and reader in job.wanted_by:
        _watch(job, name, cancelled)
        return None
    if job is not None and job.state == "failed":
        st.error(layout.plain(job.told))
    elif st.session_state.get(cancelled):
        st.caption("Cancelled; nothing was kept of it.")
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(label, key=name, icon=":material/play_arrow:"):
            st.session_state.pop(cancelled, None)
            queue().start(key, work, reader, unbroken=unbroken)
            st.rerun()
        if told:
            st.caption(told)
    _say_what_is_before(key, unbroken=unbroken)
    return None


def renew(key: Hashable, label: str, work: Callable[[Report], Result], *, unbroken: bool = False) -> None:
    """A button that has finished work done again; the old result stays until then, and where that is cancelled."""
    done, again = queue().find(key), (key, "again")
    if done is None:
        return

    def work_again(report: Report) -> None:
        done.result = work(report)

    renewed = queue().find(again)
    if renewed is not None and renewed.state == "done":
        queue().forget(again)
    offer(again, label, work_again, unbroken=unbroken)


def _say_what_is_before(key: Hashable, *, unbroken: bool) -> None:
    """Say what the work of this key would wait for, as long as there is anything, and let its reader end his own."""
    if not queue().in_the_way_of(key, unbroken=unbroken):
        return

    @st.fragment(run_every=SECONDS_BETWEEN_OFFERS)
    def say() -> None:
        before = queue().in_the_way_of(key, unbroken=unbroken)
        if not before:
            st.rerun()
        own = [job for job in before.values() if _reader() in job.wanted_by]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/hourglass_top: {what_is_before(key, before, num_own=len(own))}")
            if own and st.button("Give up what I asked for before", key=f"give up before {key}"):
                for job in own:
                    job.leave(_reader())
                st.rerun()

    say()


def what_is_before(key: Hashable, before: Collection[Hashable], num_own: int = 0) -> str:
    """What a reader is to know who may ask for the work of this key while other work is in its way.

    `num_own` of it this reader asked for.
    """
    if key in before:
        return "Another reader has asked for exactly this, and it is under way: you would get the same result."
    if len(before) > 1:
        return f"{len(before)} other jobs are at work or waiting on this server: yours would come after them."
    if num_own:
        return "What you asked for before is still at work: this would wait until it is done."
    return "Another job is at work on this server: yours would wait until it is done."


def _watch(job: Job[Any], name: str, cancelled: str) -> None:
    @st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
    def look() -> None:
        if job.is_over():
            st.rerun()
        with st.container(horizontal=True, vertical_alignment="center"):
            ahead = queue().ahead_of(job)
            if job.state == "waiting" and ahead:
                st.progress(0.0, text=f"Waiting: {ahead} more before it on this server")
            elif job.state == "paused" and ahead:
                st.progress(job.part, text=f"Paused: {ahead} more before it goes on")
            else:
                st.progress(job.part, text=layout.plain(job.text or "At work"))
            if st.button("Cancel", key=f"cancel {name}"):
                job.leave(_reader())
                st.session_state[cancelled] = True
                st.rerun()

    look()


def _reader() -> str:
    context = get_script_run_ctx()
    return "" if context is None else context.session_id
