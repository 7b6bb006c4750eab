import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.send import pacing
from etl.send.backoff import backoff_seconds

RATES = st.floats(0.01, 20_000)


def arrivals(rate: float, gaps: list[float]) -> list[float]:
    """The times at which a sender that asks after each gap may send."""
    now, sent = 100.0, []
    limiter = pacing.make_limiter(rate, now)
    for gap in gaps:
        now += gap
        if pacing.seconds_to_next(limiter, now) == 0:
            limiter = pacing.admit(limiter, now)
            sent.append(now)
    return sent


@given(RATES, st.lists(st.floats(0, 0.5), max_size=300))
def test_no_window_holds_more_than_rate_and_burst(rate: float, gaps: list[float]) -> None:
    sent = arrivals(rate, gaps)
    burst = pacing.burst_of(rate)
    for first in range(0, len(sent), 7):
        for last in range(first, len(sent)):
            assert last - first + 1 <= burst + rate * (sent[last] - sent[first]) + 1e-6 * (1 + rate)


@given(st.floats(100, 20_000), st.floats(0, 0.05), st.integers(0, 2**32))
def test_a_sender_that_wakes_late_keeps_the_rate(rate: float, latest: float, seed: int) -> None:
    now, rng = 50.0, random.Random(seed)
    start = now
    limiter = pacing.make_limiter(rate, now)
    count = 2000
    for _ in range(count):
        while wait := pacing.seconds_to_next(limiter, now):
            now += wait + rng.uniform(0, latest)
        limiter = pacing.admit(limiter, now)
    assert (count - pacing.burst_of(rate)) / rate <= now - start + 1e-6
    assert now - start <= count / rate + 0.1


@given(RATES, st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_no_jump_of_a_clock_stops_the_limiter_for_longer_than_one_interval(
    rate: float, now: float, then: float
) -> None:
    limiter = pacing.admit(pacing.make_limiter(rate, now), now)
    assert 0 <= pacing.seconds_to_next(limiter, then) <= limiter.interval_seconds


@pytest.mark.parametrize(("rate", "burst"), [(0.1, 1), (10, 1), (20, 2), (100, 10), (1000, 100), (5000, 500)])
def test_the_burst_is_what_the_rate_lets_go_in_100_ms(rate: float, burst: int) -> None:
    assert pacing.burst_of(rate) == burst


@given(RATES, RATES, st.integers(1, 50))
def test_a_change_of_rate_grants_no_second_burst(before: float, after: float, sent: int) -> None:
    now = 10.0
    limiter = pacing.make_limiter(before, now)
    for _ in range(min(sent, pacing.burst_of(before))):
        limiter = pacing.admit(limiter, now)
    limiter = pacing.with_rate(limiter, after)
    more = 0
    while pacing.seconds_to_next(limiter, now) == 0 and more <= pacing.burst_of(after):
        limiter, more = pacing.admit(limiter, now), more + 1
    assert more <= pacing.burst_of(after)


def test_the_lowest_rate_is_allowed() -> None:
    assert pacing.allowed_rate(None, None) is None
    assert pacing.allowed_rate(5.0, None, 3.0) == 3.0


class Allowance:
    """A server's token bucket, or its counter of a fixed window."""

    def __init__(self, rate: float, burst: float, window: float | None) -> None:
        self.rate, self.burst, self.window = rate, burst, window
        self.tokens, self.at = (burst if window is None else rate * window), 0.0

    def take(self, now: float) -> float | None:
        """None where the request is taken, else the Retry-After in whole seconds."""
        if self.window is None:
            self.tokens = min(self.burst, self.tokens + self.rate * (now - self.at))
            self.at = now
        elif now // self.window != self.at // self.window:
            self.tokens, self.at = self.rate * self.window, now
        if self.tokens >= 1:
            self.tokens -= 1
            return None
        if self.window is None:
            return max(1.0, -(-(1 - self.tokens) // self.rate))
        return -(-(self.window - now % self.window) // 1)


def run_against(
    server: Allowance, seconds: float, unpaced: float = 3000.0, hints: bool = True
) -> list[tuple[float, bool]]:
    """Send as `Gate` does, in simulated time, one request at a time; return when each went and whether it was taken."""
    now, accepted, refused_in_row, ticked_at = 0.0, 0, 0, 0.0
    limiter: pacing.Limiter | None = None
    learned = pacing.NOTHING_LEARNT
    log: list[tuple[float, bool]] = []
    rng = random.Random(5)
    while now < seconds:
        now += 1 / unpaced if limiter is None else pacing.seconds_to_next(limiter, now)
        if limiter is not None:
            limiter = pacing.admit(limiter, now)
        retry_after = server.take(now)
        log.append((now, retry_after is None))
        if retry_after is None:
            accepted, refused_in_row = accepted + 1, 0
        else:
            refused_in_row += 1
            wait = retry_after if hints else max(0.05, backoff_seconds(refused_in_row, rng))
            learned = pacing.learn_from_refusal(learned, now, 0.0, accepted, learned.per_second, wait)
            ticked_at = now = now + wait
        if now - ticked_at >= 0.05:
            learned, ticked_at = pacing.grow_rate(learned, now - ticked_at), now
        if learned.per_second is not None:
            limiter = pacing.with_rate(
                limiter or pacing.make_limiter(learned.per_second, now), learned.per_second
            )
    return log


@pytest.mark.parametrize(
    ("rate", "burst", "window", "hints"),
    [
        (200, 200, None, True),
        (200, 200, None, False),
        (200, 20, None, True),
        (200, 20, None, False),
        (200, 1000, None, True),
        (20, 20, None, True),
        (20, 20, None, False),
        (200, 0, 1.0, True),
        (200, 0, 1.0, False),
        (200, 0, 10.0, True),
        (10, 0, 60.0, True),
    ],
)
def test_nine_tenths_of_an_unknown_limit_is_used_and_hardly_ever_passed(
    rate: float, burst: float, window: float | None, hints: bool
) -> None:
    learnt_by, end = 3 * (window or 10.0), 200.0 + 10 * (window or 0)
    log = run_against(Allowance(rate, burst, window), end, hints=hints)
    learnt = [was_taken for at, was_taken in log if at >= learnt_by]
    assert sum(learnt) >= 0.9 * rate * (end - learnt_by)
    assert learnt.count(False) <= 0.01 * len(learnt)
    # While it learns, it doesn't hammer either.
    assert sum(not was_taken for _, was_taken in log) <= 0.012 * len(log)


def test_a_limit_that_is_raised_is_found_again() -> None:
    server = Allowance(50, 50, None)
    slow = [at for at, was_taken in run_against(server, 30.0) if was_taken and at > 20]
    assert len(slow) <= 50 * 10 * 1.2
    learned = pacing.LearnedRate(50.0, 50.0, 0.0, 0.0, 1.0, 100, 3)
    for _ in range(20 * 180):
        learned = pacing.grow_rate(learned, 0.05)
    assert learned.per_second is not None
    assert learned.per_second > 5000


def test_a_learnt_rate_hardly_moves_for_half_a_minute() -> None:
    learned = pacing.LearnedRate(97.0, 97.0, 0.0, 0.0, 1.0, 100, 3)
    assert pacing.grow_rate(learned, 15).per_second == pytest.approx(97.36, abs=0.01)
    assert pacing.grow_rate(learned, 30).per_second == pytest.approx(99.91, abs=0.01)


def test_refusals_with_nothing_taken_between_teach_nothing() -> None:
    learned = pacing.LearnedRate(80.0, 80.0, 0.0, 10.0, 11.0, 100, 3)
    after = pacing.learn_from_refusal(learned, 11.5, 0.0, 100, 80.0, 2.0)
    assert after.per_second == 80.0
    assert (after.refused_at, after.resumed_at) == (11.5, 13.5)


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(0, 10_000), st.floats(0, 60)), max_size=30),
    st.none() | RATES,
)
def test_a_learnt_rate_is_always_a_rate(refusals: list[tuple[float, int, float]], rate: float | None) -> None:
    now, accepted, learned = 0.0, 0, pacing.NOTHING_LEARNT
    for gap, taken, wait in refusals:
        now, accepted = now + gap, accepted + taken
        learned = pacing.learn_from_refusal(
            learned, now, 0.0, accepted, pacing.allowed_rate(rate, learned.per_second), wait
        )
        assert learned.per_second is not None
        assert pacing.MIN_RATE_PER_SECOND <= learned.per_second < float("inf")
        now += wait
        assert (pacing.grow_rate(learned, 1.0).per_second or 0) > learned.per_second
