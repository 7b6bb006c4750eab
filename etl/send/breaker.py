"""Decides whether the destination is up: closed lets all through, open none, half-open one probe.

Theory of operation. Ten failures in a row, over all requests, open the breaker: at one lost answer in ten that is a
chance of 1e-10, and with a dead server a matter of one round trip. Then one request at a time probes, after a back-off
that doubles from half a second to five, so a server that comes back is found within seconds. An answer that settles
an event closes it. After a refusal (429) and its pause one request goes ahead as well, so that what had queued up
doesn't fall on a server that still refuses. Failing goes on from the moment the first failed request was sent until
something succeeds; a run gives up on a failure that comes later than its patience.

Rule: pure; the clock and the jitter are arguments.
"""

from enum import StrEnum
from typing import Final, NamedTuple

__all__ = [
    "CLOSED",
    "Breaker",
    "BreakerState",
    "after_failure",
    "after_refusal",
    "after_success",
    "has_given_up",
    "let_through",
    "seconds_to_probe",
]

FAILURES_TO_OPEN: Final = 10
FIRST_PROBE_SECONDS: Final = 0.5
MAX_PROBE_SECONDS: Final = 5.0


class BreakerState(StrEnum):
    """What the breaker does with a request."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker(NamedTuple):
    """Failures in a row, probes that failed, when the next is due, since when nothing has succeeded (monotonic)."""

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    probes: int = 0
    probe_at: float = 0.0
    failing_since: float | None = None


CLOSED: Final = Breaker()


def after_failure(breaker: Breaker, sent_at: float, now: float, jitter: float) -> Breaker:
    """Return the breaker after no answer, a 5XX or an answer that lies; `jitter` is in 0..1."""
    since = sent_at if breaker.failing_since is None else min(breaker.failing_since, sent_at)
    failures = breaker.failures + 1
    if breaker.state is BreakerState.HALF_OPEN or (
        breaker.state is BreakerState.CLOSED and failures >= FAILURES_TO_OPEN
    ):
        bound = min(MAX_PROBE_SECONDS, FIRST_PROBE_SECONDS * 2.0 ** min(breaker.probes, 10))
        wait = bound * (0.5 + 0.5 * jitter)
        return Breaker(BreakerState.OPEN, failures, breaker.probes + 1, now + wait, since)
    return breaker._replace(failures=failures, failing_since=since)


def after_refusal(breaker: Breaker, sent_at: float) -> Breaker:
    """Return the breaker after a 429: the server is up, and one request shows whether it takes any again."""
    since = sent_at if breaker.failing_since is None else min(breaker.failing_since, sent_at)
    return Breaker(BreakerState.OPEN, failing_since=since)


def after_success(breaker: Breaker) -> Breaker:
    """Return the breaker after an answer that settles an event."""
    return CLOSED if breaker != CLOSED else breaker


def seconds_to_probe(breaker: Breaker, now: float) -> float | None:
    """Return how long a request waits: 0 for not at all, None while a probe is out."""
    if breaker.state is BreakerState.CLOSED:
        return 0.0
    return None if breaker.state is BreakerState.HALF_OPEN else max(0.0, breaker.probe_at - now)


def let_through(breaker: Breaker) -> Breaker:
    """Return the breaker after it let a request through: of an open one, that is the probe."""
    return breaker._replace(state=BreakerState.HALF_OPEN) if breaker.state is BreakerState.OPEN else breaker


def has_given_up(breaker: Breaker, now: float, give_up_seconds: float) -> bool:
    """Return whether nothing has succeeded for longer than the run's patience."""
    return breaker.failing_since is not None and now - breaker.failing_since >= give_up_seconds
