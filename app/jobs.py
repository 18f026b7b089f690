"""Background jobs in two lanes, quick and slow: each runs one job at a time, first come, first served.

`offer` draws a job on a page and returns its result. `work(report)` runs in a thread, where it calls nothing of
Streamlit. It calls `report(0.3, "layer2.0")` now and then, which shows the progress and ends a cancelled job.

Buttons next to a fragment that reruns by itself act in `on_click`, before the script runs: when such a fragment is
just ending, Streamlit clears the clicks of the script that has started meanwhile, and `if st.button(...)` sees none.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import streamlit as st
from streamlit import runtime
from streamlit.runtime import RuntimeState
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analysis.progress import Report
from app import layout
from gte.errors import GteError, sentence

MAX_JOBS = 64
"""Jobs that are kept with their results; those that still run are kept in any case."""

Lane = Literal["quick", "slow", "both"]
"""Quick jobs take up to about ten seconds. A measurement of time takes both lanes, so that nothing else runs."""
Result = TypeVar("Result")


class Job:
    """A job, shared by all visitors who asked for it."""

    def __init__(self, visitor: str, lane: Lane, work: Callable[[Report], object], queue: "Queue") -> None:
        self.lane: Lane = lane
        self.state: Literal["waiting", "running", "done", "failed", "cancelled"] = "waiting"
        self.part, self.text = 0.0, ""
        """Progress from 0 to 1, and the step that is running, or why the job failed in one sentence."""
        self.result: Any = None
        self.visitors = {visitor}
        self.cancelled, self.over = threading.Event(), threading.Event()
        self._work, self._queue, self._last_seen = work, queue, time.monotonic()
        self._started_at: float | None = None

    @property
    def is_active(self) -> bool:
        """True while it waits or runs and nobody has cancelled it."""
        return not self.over.is_set() and not self.cancelled.is_set()

    @property
    def seconds(self) -> float:
        """For how long it has been running; 0 while it waits."""
        return 0.0 if self._started_at is None else time.monotonic() - self._started_at

    def leave(self, visitor: str) -> None:
        """Remove a visitor; without any, the job ends at its next report."""
        self.visitors.discard(visitor)
        if not self.visitors:
            self.cancelled.set()

    def run(self) -> None:
        """Run the job in this thread and store its result or its error."""
        try:
            self.report(0.0)
            self.state, self._started_at = "running", time.monotonic()
            self.result, self.state = self._work(self.report), "done"
        except CancelledError:
            self.state = "cancelled"
        except (GteError, ValueError, OSError) as error:
            self.state, self.text = "failed", sentence(error)
        except Exception:
            logging.getLogger(__name__).exception("A job failed")
            self.state, self.text = "failed", layout.DEFECT
        finally:
            self.over.set()

    def report(self, part: float, text: str = "") -> None:
        """Store the progress. Raises CancelledError if nobody waits for the job any more, or the server is ending."""
        now = time.monotonic()
        if any(self._queue.is_here(visitor) for visitor in tuple(self.visitors)):
            self._last_seen = now
        elif now - self._last_seen > self._queue.seconds_of_grace:
            self.cancelled.set()
        if self.cancelled.is_set() or self._queue.is_ending():
            raise CancelledError
        self.part, self.text = min(max(part, 0.0), 1.0), text

    def holds_up(self, lane: Lane) -> bool:
        """Return True if a later job in this lane has to wait for this one."""
        if self.over.is_set() or self.cancelled.is_set():
            return False
        # A measurement waits in the slow lane, and takes the quick one only when its turn comes.
        return lane in (self.lane, "both") or (self.lane == "both" and (lane == "slow" or self.state == "running"))


class Queue:
    """A server's jobs.

    A job ends if `is_here` is False for all of its visitors for longer than a reload takes, and at once if the server
    `is_ending`: Python would wait for it.
    """

    def __init__(
        self,
        is_here: Callable[[str], bool] = lambda visitor: True,
        is_ending: Callable[[], bool] = lambda: False,
        seconds_of_grace: float = 20.0,
    ) -> None:
        self.is_here, self.is_ending, self.seconds_of_grace = is_here, is_ending, seconds_of_grace
        self.jobs: dict[Hashable, Job] = {}
        self._lock = threading.Lock()
        self._quick, self._slow = ThreadPoolExecutor(max_workers=1), ThreadPoolExecutor(max_workers=1)

    def start(self, key: Hashable, work: Callable[[Report], object], visitor: str, lane: Lane = "slow") -> Job:
        """Start a job, or join the one of this key that is waiting, running or done."""
        with self._lock:
            job = self.jobs.get(key)
            if job is None or job.state in ("cancelled", "failed") or job.cancelled.is_set():
                self.jobs.pop(key, None)
                job = self.jobs[key] = Job(visitor, lane, work, self)
                run = job.run if lane != "both" else lambda: self._measure(job)
                (self._quick if lane == "quick" else self._slow).submit(run)
            job.visitors.add(visitor)
            finished = [old for old, other in self.jobs.items() if other.over.is_set() and other is not job]
            for old in finished[: max(0, len(self.jobs) - MAX_JOBS)]:
                del self.jobs[old]
            return job

    def _measure(self, job: Job) -> None:
        """Run a job that has its turn in the slow lane as soon as it has its turn in the quick one, too."""
        job.state = "running"
        has_turn = threading.Event()
        self._quick.submit(lambda: (has_turn.set(), job.over.wait()))
        has_turn.wait()
        job.run()

    def ahead(self, lane: Lane, before: Job | None = None) -> list[Job]:
        """Return the jobs that a job in this lane waits for: those older than a given job, or all."""
        jobs = list(self.jobs.values())
        return [job for job in jobs[: jobs.index(before) if before in jobs else None] if job.holds_up(lane)]


@st.cache_resource
def queue() -> Queue:
    """Return the one queue of this server."""
    # Without a server, as in a test of a page, nobody can have left.
    return Queue(
        lambda visitor: not runtime.exists() or runtime.get_instance().is_active_session(visitor),
        lambda: runtime.exists() and runtime.get_instance().state in (RuntimeState.STOPPING, RuntimeState.STOPPED),
    )


def _visitor() -> str:
    return context.session_id if (context := get_script_run_ctx()) else ""


def find(key: Hashable) -> Job | None:
    """Return the job of this key, if there is one."""
    return queue().jobs.get(key)


def start(key: Hashable, work: Callable[[Report], object], *, lane: Lane) -> None:
    """Start a job for this visitor, or join it, without drawing it."""
    queue().start(key, work, _visitor(), lane)


def is_awaited(key: Hashable) -> bool:
    """Return whether this visitor waits for the job of this key, or has its result."""
    job = queue().jobs.get(key)
    return job is not None and _visitor() in job.visitors


def leave(key: Hashable) -> None:
    """Let this visitor stop waiting for the job of this key; a result that is there is kept."""
    job = queue().jobs.get(key)
    if job is not None and not job.over.is_set():
        job.leave(_visitor())


def offer(
    key: Hashable,
    label: str,
    work: Callable[[Report], Result],
    *,
    lane: Lane,
    note: str = "",
    at_once: bool = False,
    mention_others: bool = True,
) -> Result | None:
    """Draw a button that starts a job, or its progress with a button that cancels it; return the result.

    `note` is drawn at the button: what the job does and how long it takes. With `at_once` the job starts when the page
    is opened, unless this visitor has cancelled it. With `mention_others` the page says, and looks again every two
    seconds, that an earlier job is running; leave it out where a button is not in sight.
    """
    visitor, name, cancelled = _visitor(), f"job {key}", f"cancelled job {key}"
    job = queue().jobs.get(key)
    if job is not None and job.state == "done":
        return job.result
    # Join a job that another visitor started; restart one that another visitor cancelled, or that this one only left.
    if at_once and not st.session_state.get(cancelled) and (job is None or job.state != "failed"):
        job = queue().start(key, work, visitor, lane)
    if job is not None and not job.over.is_set() and visitor in job.visitors:
        _draw_progress(job, name, cancelled)
        return None
    if job is not None and job.state == "failed":
        st.error(layout.plain(job.text))
    elif st.session_state.get(cancelled):
        st.caption("Cancelled; no result was kept.")

    def start_by_click() -> None:
        st.session_state.pop(cancelled, None)
        queue().start(key, work, visitor, lane)

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(label, key=name, icon=":material/play_arrow:", on_click=start_by_click)
        if note:
            st.caption(note)
    if mention_others and queue().ahead(lane):
        _draw_jobs_ahead(key, lane)
    return None


def renew(key: Hashable, label: str, work: Callable[[Report], Result], *, lane: Lane) -> None:
    """Draw a button that runs a finished job again; the old result stays until the new one is there."""
    done, again = queue().jobs.get(key), (key, "again")
    if done is None:
        return

    def work_again(report: Report) -> None:
        done.result = work(report)

    if (renewed := queue().jobs.get(again)) and renewed.state == "done":
        queue().jobs.pop(again, None)
    offer(again, label, work_again, lane=lane)


@st.fragment(run_every=2.0)
def _draw_jobs_ahead(key: Hashable, lane: Lane) -> None:
    """Say that a job of this key may have to wait, with a button that cancels what the visitor started before."""
    ahead = queue().ahead(lane)
    if not ahead:
        st.rerun()
    own = [job for job in ahead if _visitor() in job.visitors]
    earlier = f"{len(ahead)} earlier jobs are" if len(ahead) > 1 else "An earlier job is"
    text = f"{earlier} running on this server: this one may have to wait."
    if queue().jobs.get(key) in ahead:
        text = "Another visitor has started exactly this: you would get the same result."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":material/hourglass_top: {text}")
        if own:
            st.button("Cancel what I started before", key=f"cancel before {key}", on_click=_leave_all, args=(own,))


def _leave_all(jobs: list[Job]) -> None:
    for job in jobs:
        job.leave(_visitor())


@st.fragment(run_every=0.5)
def _draw_progress(job: Job, name: str, cancelled: str) -> None:
    if job.over.is_set() or _visitor() not in job.visitors:
        st.rerun()
    ahead = len(queue().ahead(job.lane, before=job)) if job.state == "waiting" else 0
    waiting = f"Waiting for {ahead} other job{'s' if ahead > 1 else ''} on this server" if ahead else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(job.part, text=waiting or layout.plain(job.text or "Running"))
        st.button("Cancel", key=f"cancel {name}", on_click=_cancel, args=(job, cancelled))


def _cancel(job: Job, cancelled: str) -> None:
    job.leave(_visitor())
    st.session_state[cancelled] = True
