"""Decides how many requests to keep in flight, from how long they take.

Theory of operation. As Vector's adaptive request concurrency and Netflix's concurrency-limits do, the latency of an
unloaded server is remembered as the base, and more in flight is right as long as latency stays near it. The run starts
with one request, whose answer shows that the key and the endpoint are right, then doubles each window until latency
rises; after that the limit grows by its square root and shrinks in proportion as latency passes the tolerance. Failures
shrink it by their share: a tenth of answers lost balances at about a hundred, a half at four.

Tolerance: twice the base, plus 1 ms: a full server may make us queue once. The millisecond matters for a server in the
same rack only: a little that queues is what keeps it and us busy, and with 3 ms twice as many only waited for longer.
Medians of a window, not single times, are compared, so a server whose times vary is not mistaken for a full one.

A base that was measured under load would let the limit creep up for ever. So every 30 s, if the limit is in use, two
windows run at an eighth of it, and the second gives the base anew; a path that became longer is learnt the same way.
Latency alone takes the limit down to four and no further. There requests hardly wait for one another: whatever they
take is the base, and the doubling starts again.

Requests are spread over the time that one takes. Left to themselves they clump: whatever holds our loop up for a moment
makes all that wait for it go at once, and come back at once, for good, so that each waits behind the others and nothing
is done in between. A limit of n over a latency of t is one request each t/n; they go a quarter closer than that, so
that it is never this that holds the run back (TCP pacing, as BBR does it).

Rule: pure; a window's numbers in, the next limit out. Windows in which the limit was not what held the run back
(a rate did, or the ledger) raise nothing.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Final, NamedTuple

__all__ = ["MAX_IN_FLIGHT", "Concurrency", "Window", "next_concurrency", "spread_seconds", "window_seconds"]

MAX_IN_FLIGHT: Final = 1024
START_LIMIT: Final = 4
MIN_WINDOW_SECONDS: Final = 0.1
TOLERANCE: Final = 2.0
SLACK_SECONDS: Final = 0.001
IN_USE: Final = 0.6
REBASE_AFTER_SECONDS: Final = 30.0
REBASE_ABOVE: Final = 16
SPREAD_SHARE: Final = 0.8
LATEST_ANSWERS: Final = 64


class Window(NamedTuple):
    """What happened in one window. `busy_seconds` adds up the time events were held by a request or a back-off."""

    seconds: float
    answers: int
    failures: int
    busy_seconds: float
    median_latency_seconds: float | None


class Concurrency(NamedTuple):
    """The limit, and what it was found from. `rebasing` counts the windows left at an eighth of the limit."""

    limit: float = START_LIMIT
    base_latency_seconds: float | None = None
    is_starting: bool = True
    rebased_at: float | None = None
    rebasing: int = 0

    @property
    def in_flight(self) -> int:
        """How many requests may be in flight now."""
        return max(1, int(self.limit / 8 if self.rebasing else self.limit))


def spread_seconds(concurrency: Concurrency, latest_latencies: Sequence[float]) -> float:
    """Return over how long requests in flight should be spread; 0 while nothing is known.

    By the fastest of the latest answers where that is less than the base, which may be of a bad moment.
    """
    base = concurrency.base_latency_seconds
    known = [*latest_latencies[-LATEST_ANSWERS:], *([] if base is None else [base])]
    return SPREAD_SHARE * min(known, default=0.0)


def window_seconds(concurrency: Concurrency) -> float:
    """Return how long a window lasts: twice a round trip, so that half of it was sent under the present limit."""
    return max(MIN_WINDOW_SECONDS, 2 * (concurrency.base_latency_seconds or 0.0))


def next_concurrency(state: Concurrency, window: Window, now: float) -> Concurrency:
    """Return the state for the next window."""
    total = window.answers + window.failures
    latency = window.median_latency_seconds
    if total == 0:
        return state
    if state.rebasing:
        return _rebased(state, latency, now)
    base, is_starting = state.base_latency_seconds, state.is_starting
    if latency is not None and state.in_flight <= START_LIMIT:
        base, is_starting = latency, True
    elif latency is not None:
        base = latency if base is None else min(base, latency)
    held_back = window.busy_seconds >= IN_USE * state.in_flight * window.seconds
    state = state._replace(
        base_latency_seconds=base,
        is_starting=is_starting,
        rebased_at=now if state.rebased_at is None else state.rebased_at,
    )
    limit, is_starting = _next_limit(state, window.failures / total, latency, held_back)
    state = state._replace(limit=min(float(MAX_IN_FLIGHT), max(1.0, limit)), is_starting=is_starting)
    is_due = now - (state.rebased_at or 0.0) >= REBASE_AFTER_SECONDS
    return state._replace(rebasing=2) if is_due and held_back and limit > REBASE_ABOVE else state


def _next_limit(
    state: Concurrency, failed_share: float, latency: float | None, held_back: bool
) -> tuple[float, bool]:
    limit = state.limit * (1 - min(0.5, failed_share))
    if failed_share > 0.5:
        return limit, False
    base = state.base_latency_seconds
    if latency is not None and base is not None:
        tolerated = TOLERANCE * base + SLACK_SECONDS
        if latency > tolerated:
            return min(limit, max(START_LIMIT, limit * max(0.7, tolerated / latency))), False
    if not held_back:
        return limit, state.is_starting and failed_share == 0
    if state.is_starting and failed_share == 0:
        return limit * 2, True
    return limit + sqrt(limit), False


def _rebased(state: Concurrency, latency: float | None, now: float) -> Concurrency:
    if state.rebasing > 1 or latency is None:
        return state._replace(rebasing=max(1, state.rebasing - 1))
    return state._replace(base_latency_seconds=latency, rebased_at=now, rebasing=0)
