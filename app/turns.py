"""Whose turn it is to compute: one piece of work at a time, and what is short before what has taken long already.

Nobody says beforehand how long work takes. What is new goes first, in the order in which it was asked for. What has had
the turn for FIRST_SECONDS is long: from then on it gives way to what is new whenever it can, and long ones come to
their end one after another, in the order in which they were asked for. Between two new ones a long one has a turn of
its own, so that it goes on however much is asked for.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

FIRST_SECONDS: Final = 10.0
"""What takes no longer is done in one go, before all that has taken longer."""
LEAST_SECONDS: Final = 1.0
"""So long has a long one its turn before it gives way."""
SECONDS_BETWEEN_LOOKS: Final = 0.5
"""How often what waits looks if it is still wanted."""


@dataclass(eq=False, kw_only=True)
class Claim:
    """A piece of work that wants to compute."""

    number: int
    """Its place among all that were ever asked for."""
    unbroken: bool = False
    """True for what must not be interrupted, as a measurement of time; it counts as long from the start."""
    is_unwanted: Callable[[], bool] = lambda: False
    """True when nobody waits for it any more; then it need not wait for its turn either."""
    seconds: float = field(default=0.0, init=False)
    """How long its turns took until now, without the one that it has."""
    since: float = field(default=0.0, init=False)
    """When it got the turn that it has."""
    came_as_new: bool = field(default=False, init=False)
    """True if it was new when it got the turn that it has."""


class Turns:
    """Gives the turn to one claim at a time."""

    def __init__(
        self,
        first_seconds: float = FIRST_SECONDS,
        least_seconds: float = LEAST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first_seconds = first_seconds
        self._least_seconds = least_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[Claim] = []
        self._holder: Claim | None = None
        self._last: Claim | None = None

    @contextmanager
    def turn(self, claim: Claim) -> Iterator[None]:
        """Wait for the turn and have it until the end of the block, apart from where it gives way.

        The block begins without it where the claim has become unwanted.
        """
        self._take(claim)
        try:
            yield
        finally:
            self._give_back(claim)

    def is_asked_to_give_way(self, claim: Claim) -> bool:
        """True if another one should go on before this one, which has the turn, does."""
        with self._changed:
            if claim.unbroken or self._holder is not claim or not self._waiting:
                return False
            seconds = self._clock() - claim.since
            if self._is_new(claim) or (not claim.came_as_new and seconds < self._least_seconds):
                return False
            return self._next(claim, after=claim) is not claim

    def give_way(self, claim: Claim) -> None:
        """Let others go first; returns with the turn, or without it where the claim has become unwanted."""
        self._give_back(claim)
        self._take(claim)

    def ahead_of(self, claim: Claim, all_claims: Iterable[Claim]) -> int:
        """How many of these come before one of them, the one that has the turn among them."""
        with self._changed:
            return sum(
                other is self._holder or (self._place(other) < self._place(claim) and not other.is_unwanted())
                for other in all_claims
                if other is not claim
            )

    def _take(self, claim: Claim) -> None:
        with self._changed:
            self._waiting.append(claim)
            while not claim.is_unwanted() and not self._is_up(claim):
                self._changed.wait(SECONDS_BETWEEN_LOOKS)
            self._waiting.remove(claim)
            if self._holder is None and not claim.is_unwanted():
                claim.came_as_new = self._is_new(claim)
                self._holder, claim.since = claim, self._clock()
            self._changed.notify_all()

    def _give_back(self, claim: Claim) -> None:
        with self._changed:
            if self._holder is claim:
                claim.seconds += self._clock() - claim.since
                self._holder, self._last = None, claim
                self._changed.notify_all()

    def _is_up(self, claim: Claim) -> bool:
        return self._holder is None and self._next(claim, after=self._last) is claim

    def _next(self, claim: Claim, after: Claim | None) -> Claim:
        """Whose turn it is, of this one and of those that wait, after the turn of another."""
        claims = {claim, *(other for other in self._waiting if not other.is_unwanted())}
        new = [one for one in claims if self._is_new(one)]
        long = [one for one in claims if not self._is_new(one)]
        between = [one for one in long if one is not after] if after and after.came_as_new else []
        return min(between or new or long, key=lambda one: one.number)

    def _place(self, claim: Claim) -> tuple[bool, int]:
        return not self._is_new(claim), claim.number

    def _is_new(self, claim: Claim) -> bool:
        now = self._clock() - claim.since if claim is self._holder else 0.0
        return not claim.unbroken and claim.seconds + now < self._first_seconds
