"""Decides when the next request may go: the rate that is set, the rate that is learnt, the pauses that are asked for.

Theory of operation. The limiter is GCRA (ITU-T I.371): `tat`, the theoretical arrival time, is when the request
after this one would go if all went evenly; one may go early by a tolerance, which is the burst. So any window of
T seconds holds at most `burst + rate x T` requests, and a late wake-up is made good within the burst.

The burst is the requests of 100 ms, at least one. A loop that is held up so long, by a part being read or by a busy
machine, costs no throughput; 20 ms were too few to stay within 1 % of 5,000/s on two busy cores. A server that counts
by the second, as most do, sees at most a tenth more than the rate in one.

A rate nobody told us is learnt from refusals (429). At the moment of a refusal the server's allowance is empty. So
between two refusals it took exactly what it refilled: the events it accepted, over the time between, is its rate, or a
little less where some of its allowance ran over unused. The first refusal only tells that a burst was too much. So the
search goes on, at twice the rate each second, and after the next refusal at a fifth more each second; the rate that
was borne a second before a refusal is a floor for the measure. From then on we stay 3 % below the measure and come
back to it along a cubic, flat for half a minute and steeper from there (as TCP CUBIC does for a window): refusals stay
rare, and a limit that was raised is found.

Rule: pure functions over values; `now` is a monotonic clock, so the wall clock may jump.
"""

from math import ceil
from typing import Final, NamedTuple

__all__ = [
    "NOTHING_CARRIED",
    "NOTHING_LEARNT",
    "Carried",
    "LearnedRate",
    "Limiter",
    "admit",
    "allowed_rate",
    "burst_of",
    "grow_rate",
    "learn_from_refusal",
    "make_limiter",
    "seconds_to_next",
    "with_rate",
]

BURST_SECONDS: Final = 0.1
MIN_RATE_PER_SECOND: Final = 0.05
HEADROOM: Final = 0.03
PLATEAU_SECONDS: Final = 30.0
# Growth a second while searching, by the number of refusals so far.
SEARCH_FACTORS: Final = {1: 2.0, 2: 1.2}
# By one refusal, the rate falls no further than this: less after a long stretch that it was borne for.
LOWEST_AFTER_SHORT: Final = 0.9
LOWEST_AFTER_LONG: Final = 0.94
LONG_SECONDS: Final = 10.0
SEARCH_AGAIN_SECONDS: Final = 90.0
SEARCH_DOUBLES_SECONDS: Final = 10.0


class Limiter(NamedTuple):
    """GCRA state: seconds between requests, how early one may go, when the next is due. Times are monotonic."""

    interval_seconds: float
    tolerance_seconds: float
    tat: float


def burst_of(rate_per_second: float) -> int:
    """Return how many requests may go at once at this rate."""
    return max(1, ceil(rate_per_second * BURST_SECONDS))


def make_limiter(rate_per_second: float, now: float) -> Limiter:
    """Return a limiter that lets the first request go now; a burst is only for time that was lost later."""
    limiter = with_rate(Limiter(0.0, 0.0, now), rate_per_second)
    return limiter._replace(tat=now + limiter.tolerance_seconds)


def with_rate(limiter: Limiter, rate_per_second: float) -> Limiter:
    """Return the limiter at another rate, with what it has let go so far still counted."""
    interval = 1 / rate_per_second
    return Limiter(interval, (burst_of(rate_per_second) - 1) * interval, limiter.tat)


def seconds_to_next(limiter: Limiter, now: float) -> float:
    """Return how long until a request may go: 0 for now, never more than one interval."""
    return min(max(0.0, limiter.tat - limiter.tolerance_seconds - now), limiter.interval_seconds)


def admit(limiter: Limiter, now: float) -> Limiter:
    """Return the limiter after one request at `now`, which `seconds_to_next` has allowed."""
    return limiter._replace(tat=max(now, limiter.tat) + limiter.interval_seconds)


class Carried(NamedTuple):
    """What one send leaves to the next on the same endpoint: when its rate allows the next request, when a pause ends.

    Both are monotonic times.
    """

    due_at: float = float("-inf")
    held_until: float = float("-inf")


NOTHING_CARRIED: Final = Carried()


class LearnedRate(NamedTuple):
    """What refusals have taught. `per_second` is None while nothing is known.

    It has grown from `base_per_second` over the `held_back_seconds` in which it was what held the run back.
    `refused_at` and `resumed_at` bound the last pause, `accepted` is how many requests the server had taken by then,
    `measures` how many refusals gave one.
    """

    per_second: float | None
    base_per_second: float
    held_back_seconds: float
    refused_at: float
    resumed_at: float
    accepted: int
    measures: int


NOTHING_LEARNT: Final = LearnedRate(None, 0.0, 0.0, float("-inf"), float("-inf"), 0, 0)


def allowed_rate(*rates_per_second: float | None) -> float | None:
    """Return the lowest of the rates, None for no limit where all are None."""
    return min((rate for rate in rates_per_second if rate is not None), default=None)


def learn_from_refusal(
    learned: LearnedRate,
    now: float,
    started_at: float,
    accepted: int,
    rate: float | None,
    wait_seconds: float,
) -> LearnedRate:
    """Return what a refusal teaches that came after the last pause.

    `accepted` counts the requests that the server has taken since `started_at`, `rate` is what was kept until now,
    `wait_seconds` the pause that follows.
    """
    taken = accepted - learned.accepted
    if learned.measures and not taken:
        # The server's own pause goes on: nothing was measured, and the rate is not to blame.
        return learned._replace(refused_at=now, resumed_at=now + wait_seconds)
    if not learned.measures:
        # What was taken so far is a burst: it has to last for the pause as well.
        base = taken / max(now - started_at + wait_seconds, 1e-3)
    else:
        base = _measure(learned, now, taken, rate)
    base = max(base, MIN_RATE_PER_SECOND)
    return LearnedRate(base, base, 0.0, now, now + wait_seconds, accepted, learned.measures + 1)


def _measure(learned: LearnedRate, now: float, taken: int, rate: float | None) -> float:
    paused, running = learned.resumed_at - learned.refused_at, now - learned.resumed_at
    is_long = running >= max(LONG_SECONDS, 5 * paused)
    # What refilled during a pause was taken after it, as far as it didn't run over. After a long stretch it makes no
    # odds, and to count the pause would put the measure too low.
    measured = (1 - HEADROOM) * taken / max(running if is_long else running + paused, 1e-3)
    if rate is None:
        return measured
    lowest = LOWEST_AFTER_LONG if is_long else LOWEST_AFTER_SHORT
    if learned.measures in SEARCH_FACTORS:
        lowest = 1 / SEARCH_FACTORS[learned.measures]
    return max(lowest * rate, min(measured, (1 - HEADROOM) * rate))


def grow_rate(learned: LearnedRate, seconds: float) -> LearnedRate:
    """Return the learnt rate after `seconds` without a refusal in which it was what held the run back."""
    if learned.per_second is None:
        return learned
    held = learned.held_back_seconds + seconds
    if learned.measures in SEARCH_FACTORS:
        factor = SEARCH_FACTORS[learned.measures] ** min(held, 60.0)
    else:
        factor = 1 + HEADROOM * (min(held, SEARCH_AGAIN_SECONDS) / PLATEAU_SECONDS) ** 3
        factor *= 2.0 ** min(max(0.0, held - SEARCH_AGAIN_SECONDS) / SEARCH_DOUBLES_SECONDS, 60.0)
    return learned._replace(per_second=learned.base_per_second * factor, held_back_seconds=held)
